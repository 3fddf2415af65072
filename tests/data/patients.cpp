#include "data/patients.h"

#include <doctest/doctest.h>

#include <set>

#include "data/csv.h"
#include "pictures.h"
#include "support/temporary_folder.h"
#include "support/xrays.h"

namespace curie {
namespace {

using Rows = std::vector<std::vector<std::string>>;

TEST_CASE("csv: quotes, line ends, empty fields and lines") {
  CHECK(parse_csv("a,b\n1,2\n", "t") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse_csv("\xEF\xBB\xBF"
                  "a,b\r\n,\r\n\r\n\"x, \"\"y\"\"\",\"two\nlines\"",
                  "t") == Rows{{"a", "b"}, {"", ""}, {"x, \"y\"", "two\nlines"}});
  CHECK(parse_csv("", "t").empty());
  CHECK(parse_csv("\n\n", "t").empty());
  CHECK(parse_csv("one", "t") == Rows{{"one"}});
  CHECK(parse_csv("one,", "t") == Rows{{"one", ""}});
}

TEST_CASE("csv: what is not a table is refused with the line") {
  const auto refused = [](std::string_view text, const char* why) {
    CAPTURE(text);
    const Thrown thrown = error_of([&] { parse_csv(text, "t.csv"); });
    CHECK(thrown.kind == ErrorKind::data);
    CHECK(thrown.says("t.csv: line "));
    CHECK(thrown.says(why));
  };
  refused("a,b\n1\n", "line 2 has 1 fields, the first line has 2");
  refused("a,b\n\n\"x\ny\",2\n1,2,3", "line 5 has 3 fields");
  refused("a,\"b\n", "line 1: a quote is opened and not closed");
  refused("a,\"b\"c\n", "expected after the quoted field b");
  refused("a,b\"c\n", "a quote stands within the field b\"c");
}

TEST_CASE("patients of Kermany's file names") {
  CHECK(patient_of_name("person100_bacteria_475.jpeg") == "person100");
  CHECK(patient_of_name("person1_virus_6.jpeg") == "person1");
  CHECK(patient_of_name("person1_virus_6_2.jpeg") == "person1");
  CHECK(patient_of_name("IM-0115-0001.jpeg") == "IM-0115");
  CHECK(patient_of_name("IM-0033-0001-0002.jpeg") == "IM-0033");
  CHECK(patient_of_name("NORMAL2-IM-0385-0001.jpeg") == "NORMAL2-IM-0385");
  for (const char* other :
       {"COVID-1.jpg", "person_virus_1.jpeg", "person12.jpeg", "IM-0115.jpeg", "xIM-0115-0001.jpeg", ""}) {
    CHECK(patient_of_name(other).empty());
  }
}

TEST_CASE("groups come from the table first, then from names, else every file is its own") {
  const TemporaryFolder folder;
  for (const char* name : {"COVID/a.jpg", "COVID/b.jpg", "COVID/c.jpg", "COVID/d.jpg", "NORMAL/IM-0115-0001.jpeg",
                           "NORMAL/IM-0115-0002.jpeg", "NORMAL/other.png"}) {
    put_file(folder / name, "x");
  }
  put_file(folder / "metadata.csv",
           "view,file,patient\nPA,COVID/a.jpg,7\nPA,b.jpg,8\nAP,COVID/c.jpg,7\nAP,COVID/d.jpg,\n");
  const PatientGroups groups = patients_of(scan_class_folders(folder.path()));
  CHECK(groups.names == std::vector<std::string>{"patient 7", "patient 8", "patient 7", "COVID/d.jpg", "IM-0115",
                                                 "IM-0115", "NORMAL/other.png"});
  CHECK(groups.known == 5);
}

TEST_CASE("equal names in two parts are two patients") {
  const TemporaryFolder folder;
  for (const char* name : {"train/P/person1_virus_1.jpeg", "train/N/x.png", "test/P/person1_virus_2.jpeg"}) {
    put_file(folder / name, "x");
  }
  const PatientGroups groups = patients_of(scan_class_folders(folder.path()));
  CHECK(groups.names == std::vector<std::string>{"train/N/x.png", "train/person1", "test/person1"});
}

TEST_CASE("a table that names no patients is refused") {
  const TemporaryFolder folder;
  put_file(folder / "a/1.png", "x");
  put_file(folder / "b/1.png", "x");
  const FolderScan scan = scan_class_folders(folder.path());
  CHECK(patients_of(scan).known == 0);
  const auto refused = [&](const char* table) {
    put_file(folder / "metadata.csv", table);
    const Thrown thrown = error_of([&] { patients_of(scan); });
    CHECK(thrown.kind == ErrorKind::data);
    return thrown;
  };
  CHECK(refused("").says("found an empty file"));
  CHECK(refused("file,view\n").says("expected a column \"patient\" in its first line, found file, view"));
  CHECK(refused("name,patient\n").says("expected a column \"file\""));
  CHECK(refused("file,patient\na/1.png,1\na/1.png,2\n").says("a/1.png belongs to patients 1 and 2"));
}

TEST_CASE("Kermany's X-rays: three classes, two parts, patients") {
  const std::filesystem::path folder = xrays("kermany");
  if (folder.empty()) return;
  const FolderScan scan = scan_class_folders(folder, {.classes = {"NORMAL", "PNEUMONIA BACTERIA", "PNEUMONIA VIRUS"}});
  CHECK(scan.class_counts(Part::train) == std::vector<int>{1340, 2512, 1338});
  CHECK(scan.class_counts(Part::test) == std::vector<int>{231, 240, 147});
  CHECK(scan.ignored.empty());
  const PatientGroups groups = patients_of(scan);
  CHECK(groups.known == static_cast<int>(scan.files.size()));
  const std::set<std::string> distinct(groups.names.begin(), groups.names.end());
  CHECK(distinct.size() < scan.files.size());
}

TEST_CASE("Cohen's X-rays: a patient for each image") {
  const std::filesystem::path folder = xrays("cohen146");
  if (folder.empty()) return;
  const FolderScan scan = scan_class_folders(folder);
  CHECK(scan.class_counts() == std::vector<int>{146, 146});
  const PatientGroups groups = patients_of(scan);
  CHECK(groups.known == 292);
  CHECK(std::set<std::string>(groups.names.begin(), groups.names.begin() + 146).size() < 146);
}

TEST_CASE("the four classes of the Radiography Database, however they are spelt") {
  const std::filesystem::path folder = xrays("radiography4");
  if (folder.empty()) return;
  const FolderScan scan =
      scan_class_folders(folder, {.classes = {"Normal", "COVID", "Viral_Pneumonia", "lung opacity"}});
  CHECK(scan.class_counts() == std::vector<int>{750, 750, 750, 750});
}

}  // namespace
}  // namespace curie
