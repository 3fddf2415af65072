#include "data/folder.h"

#include <doctest/doctest.h>

#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

std::vector<std::string> sources(const FolderScan& scan) {
  std::vector<std::string> names;
  for (const FolderScan::File& file : scan.files) names.push_back(file.source);
  return names;
}

using Names = std::vector<std::string>;

// Contents do not matter here: nothing is opened.
void touch(const TemporaryFolder& folder, std::initializer_list<const char*> names) {
  for (const char* name : names) put_file(folder / name, "x");
}

TEST_CASE("classes are sorted folders, files are sorted bytewise, everything else is noted") {
  const TemporaryFolder folder;
  touch(folder, {"Normal/b.png", "Normal/a.JPG", "Normal/B.bmp", "COVID/COVID-10.jpeg", "COVID/COVID-2.png",
                 "COVID/notes.txt", "COVID/old/x.png", "COVID/.hidden.png", ".cache/a.png", "metadata.csv"});
  const FolderScan scan = scan_class_folders(folder.path());
  CHECK(scan.class_names == Names{"COVID", "Normal"});
  CHECK(sources(scan) ==
        Names{"COVID/COVID-10.jpeg", "COVID/COVID-2.png", "Normal/B.bmp", "Normal/a.JPG", "Normal/b.png"});
  CHECK(scan.files[1].label == 0);
  CHECK(scan.files[2].label == 1);
  CHECK(scan.class_counts() == std::vector<int>{2, 3});
  CHECK(scan.ignored == Names{"COVID/old", "COVID/notes.txt"});
}

TEST_CASE("wanted classes decide names and order, whatever their case on disk") {
  const TemporaryFolder folder;
  touch(folder, {"NORMAL/1.png", "covid/1.png", "other/1.png"});
  const FolderScan scan = scan_class_folders(folder.path(), {.classes = {"Normal", "COVID"}});
  CHECK(scan.class_names == Names{"Normal", "COVID"});
  CHECK(sources(scan) == Names{"NORMAL/1.png", "covid/1.png"});
}

TEST_CASE("limits keep the first files of a class") {
  const TemporaryFolder folder;
  touch(folder, {"a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png"});
  const FolderScan scan = scan_class_folders(folder.path(), {.limits = {{"A", 2}, {"b", 9}}});
  CHECK(sources(scan) == Names{"a/1.png", "a/2.png", "b/1.png", "b/2.png"});
  CHECK(error_of([&] { scan_class_folders(folder.path(), {.limits = {{"a", 0}}}); }).says("expected at least 1 image"));
  const Thrown unknown = error_of([&] { scan_class_folders(folder.path(), {.limits = {{"abba", 1}}}); });
  CHECK(unknown.kind == ErrorKind::usage);
  CHECK(unknown.says("limit abba=1: expected one of the classes a, b"));
}

TEST_CASE("a class folder's images folder stands for it") {
  const TemporaryFolder folder;
  touch(folder, {"COVID/images/1.png", "COVID/masks/1.png", "COVID/readme.md", "Normal/images/1.png"});
  const FolderScan scan = scan_class_folders(folder.path());
  CHECK(sources(scan) == Names{"COVID/images/1.png", "Normal/images/1.png"});
  CHECK(scan.ignored == Names{"COVID/readme.md", "COVID/masks"});
}

TEST_CASE("folders that are no data set are refused in words that help") {
  const TemporaryFolder folder;
  const auto message = [&](const std::filesystem::path& path, const ScanOptions& options = {}) {
    const Thrown thrown = error_of([&] { scan_class_folders(path, options); });
    CHECK(thrown.kind == ErrorKind::data);
    return thrown;
  };
  CHECK(message(folder / "nowhere").says("nowhere: expected a folder with one folder per class, it does not exist"));
  touch(folder,
        {"file", "flat/1.png", "single/only/1.png", "hollow/a/1.png", "hollow/b/notes.txt", "nested/new/a/1.png",
         "nested/new/b/1.png", "nested/old/a/1.png", "nested/old/b/1.png", "deep/a/1.png", "deep/set/a/1.png",
         "deep/set/b/1.png", "plain/a/x.txt", "plain/b/y.txt", "good/COVID/1.png", "good/Normal/1.png"});
  CHECK(message(folder / "file").says("it is a file"));
  CHECK(message(folder / "flat").says("found no folder and 1 files; it holds images itself: name the folder above it"));
  CHECK(message(folder / "single").says("expected at least two classes, found one, \"only\""));
  CHECK(message(folder / "hollow").says("images of class \"b\", found 1 other files and 0 folders"));
  const Thrown nested = message(folder / "nested");
  CHECK(nested.says("none of its folders holds any: new, old"));
  CHECK(nested.says("nested/new\" looks like a data set"));
  CHECK(message(folder / "deep").says("deep/set\" looks like a data set"));
  CHECK(message(folder / "plain").says("none of its folders holds any: a, b"));
  const Thrown missing = message(folder / "good", {.classes = {"covid", "Normel"}});
  CHECK(missing.says("expected a folder of class \"Normel\", found COVID, Normal; did you mean \"Normal\"?"));
  CHECK_FALSE(message(folder / "good", {.classes = {"covid", "Pneumothorax"}}).says("did you mean"));
}

TEST_CASE("classes that cannot be told apart are refused") {
  const TemporaryFolder folder;
  touch(folder, {"Covid/1.png", "COVID/1.png", "Normal/1.png"});
  const auto message = [&](const Names& classes) {
    const Thrown thrown = error_of([&] { scan_class_folders(folder.path(), {.classes = classes}); });
    CHECK(thrown.kind == ErrorKind::usage);
    return thrown;
  };
  CHECK(message({"covid", "Normal"}).says("could be any of the folders COVID, Covid"));
  CHECK(message({"Normal", "normal"}).says("class \"normal\" is named twice"));
  CHECK(scan_class_folders(folder.path(), {.classes = {"Covid", "Normal"}}).files[0].source == "Covid/1.png");
}

TEST_CASE("an underscore in a class's name stands for a space, and the other way round") {
  const TemporaryFolder folder;
  touch(folder, {"Viral Pneumonia/1.png", "Lung_Opacity/1.png", "Normal/1.png"});
  const Names wanted = {"NORMAL", "viral_pneumonia", "Lung Opacity"};
  const FolderScan scan = scan_class_folders(folder.path(), {.classes = wanted, .limits = {{"Viral Pneumonia", 1}}});
  CHECK(scan.class_names == wanted);
  CHECK(sources(scan) == Names{"Normal/1.png", "Viral Pneumonia/1.png", "Lung_Opacity/1.png"});
}

TEST_CASE("a data set in parts: every file knows its own") {
  const TemporaryFolder folder;
  touch(folder, {"test/b/1.png", "test/a/9.png", "Train/a/1.png", "Train/a/2.png", "Train/b/1.png", "val/b/3.png",
                 "val/b/4.png", "other/a/1.png", "train.txt"});
  const FolderScan scan = scan_class_folders(folder.path());
  CHECK(scan.has_parts());
  CHECK(scan.class_names == Names{"a", "b"});
  CHECK(sources(scan) == Names{"Train/a/1.png", "Train/a/2.png", "test/a/9.png", "Train/b/1.png", "val/b/3.png",
                               "val/b/4.png", "test/b/1.png"});
  std::vector<Part> parts;
  for (const FolderScan::File& file : scan.files) parts.push_back(file.part);
  CHECK(parts == std::vector<Part>{Part::train, Part::train, Part::test, Part::train, Part::validation,
                                   Part::validation, Part::test});
  CHECK(scan.class_counts() == std::vector<int>{3, 4});
  CHECK(scan.class_counts(Part::validation) == std::vector<int>{0, 2});
  CHECK(scan.class_counts(Part::whole) == std::vector<int>{0, 0});

  const FolderScan few = scan_class_folders(folder.path(), {.classes = {"B", "A"}, .limits = {{"a", 1}, {"B", 1}}});
  CHECK(sources(few) == Names{"Train/b/1.png", "val/b/3.png", "test/b/1.png", "Train/a/1.png", "test/a/9.png"});
  const Thrown unknown = error_of([&] { scan_class_folders(folder.path(), {.classes = {"a", "c"}}); });
  CHECK(unknown.kind == ErrorKind::data);
  CHECK(unknown.says("expected a folder of class \"c\" in a part of the data set, found a, b in Train"));
}

TEST_CASE("class folders in the root win over folders that are called like parts") {
  const TemporaryFolder folder;
  touch(folder, {"COVID/1.png", "Normal/1.png", "train/COVID/2.png", "train/Normal/2.png"});
  CHECK(sources(scan_class_folders(folder.path(), {.classes = {"COVID", "Normal"}})) ==
        Names{"COVID/1.png", "Normal/1.png"});
  touch(folder, {"plain/Test/1.png", "plain/Train/1.png"});  // classes of that name
  CHECK_FALSE(scan_class_folders(folder / "plain").has_parts());
}

TEST_CASE("kinds of pneumonia are told apart by the files' names, as Kermany's are") {
  const TemporaryFolder folder;
  touch(folder,
        {"train/NORMAL/IM-0115-0001.jpeg", "train/PNEUMONIA/person1_bacteria_1.jpeg",
         "train/PNEUMONIA/person1_VIRUS_6.jpeg", "train/PNEUMONIA/person2_unknown_6.jpeg",
         "train/PNEUMONIA/viruses.jpeg", "train/PNEUMONIA/notes.txt", "train/PNEUMONIA/bacteria_virus.jpeg",
         "test/NORMAL/NORMAL2-IM-0035-0001.jpeg", "test/PNEUMONIA/person3_virus_9.jpeg", "test/PNEUMONIA/virus.jpeg"});
  const Names kinds = {"NORMAL", "PNEUMONIA BACTERIA", "Pneumonia_Virus"};
  const FolderScan scan = scan_class_folders(folder.path(), {.classes = kinds});
  CHECK(scan.class_names == kinds);
  CHECK(sources(scan) == Names{"train/NORMAL/IM-0115-0001.jpeg", "test/NORMAL/NORMAL2-IM-0035-0001.jpeg",
                               "train/PNEUMONIA/person1_bacteria_1.jpeg", "train/PNEUMONIA/person1_VIRUS_6.jpeg",
                               "test/PNEUMONIA/person3_virus_9.jpeg", "test/PNEUMONIA/virus.jpeg"});
  CHECK(scan.class_counts() == std::vector<int>{2, 1, 3});
  CHECK(scan.ignored == Names{"train/PNEUMONIA/bacteria_virus.jpeg", "train/PNEUMONIA/notes.txt",
                              "train/PNEUMONIA/person2_unknown_6.jpeg", "train/PNEUMONIA/viruses.jpeg"});
  CHECK(scan_class_folders(folder.path()).class_names == Names{"NORMAL", "PNEUMONIA"});
  CHECK(scan_class_folders(folder / "train", {.classes = kinds}).class_counts() == std::vector<int>{1, 1, 1});

  const Thrown both = error_of([&] {
    scan_class_folders(folder.path(), {.classes = {"PNEUMONIA", "PNEUMONIA VIRUS"}});
  });
  CHECK(both.kind == ErrorKind::usage);
  CHECK(both.says("both are in the folder train/PNEUMONIA"));
  const Thrown none = error_of([&] { scan_class_folders(folder.path(), {.classes = {"NORMAL", "PNEUMONIA FUNGUS"}}); });
  CHECK(none.kind == ErrorKind::data);
  CHECK(none.says("of class \"PNEUMONIA FUNGUS\", with the word \"fungus\" in their names, found"));
}

TEST_CASE("images are known by the ends of their names") {
  for (const char* name : {"a.png", "a.PNG", "a.b.jpg", "a.jpeg", "x.jfif", "x.bmp"}) CHECK(has_image_name(name));
  for (const char* name : {"a", "png", "a.txt", "a.png.txt", "a.gif", ".png"}) CHECK_FALSE(has_image_name(name));
}

}  // namespace
}  // namespace curie
