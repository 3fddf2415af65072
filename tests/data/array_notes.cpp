#include "data/array_notes.h"

#include <doctest/doctest.h>

#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("notes survive the way through a file") {
  const TemporaryFolder folder;
  const ArrayNotes notes{
      .class_names = {"NORMAL", "COVID"},
      .preprocessing = Preprocessing{.width = 8, .height = 6, .channels = 3, .channel_order = ChannelOrder::bgr},
      .arrays = {{"X_Train", {{1, 1}, {"NORMAL/a.png", "COVID/b.png"}, {"p1", "p2"}}},
                 {"X_Test", {{1, 0}, {"c"}, {}}}}};
  const ArrayNotes read = read_array_notes(folder.put("classes.json", to_json(notes).dump()));
  CHECK(read.class_names == notes.class_names);
  CHECK(read.preprocessing == notes.preprocessing);
  REQUIRE(read.arrays.size() == 2);
  CHECK(read.arrays.at("X_Train").files == Names{"NORMAL/a.png", "COVID/b.png"});
  CHECK(read.arrays.at("X_Train").patients == Names{"p1", "p2"});
  CHECK(read.arrays.at("X_Test").patients.empty());
}

TEST_CASE("an array is known by its file's name or by its name in an archive") {
  ArrayNotes notes;
  notes.arrays["X"].files = {"a"};
  for (const char* place : {"X.npy", "some/where/X.npy", "data.npz:X", "data.npz"}) {
    CAPTURE(place);
    CHECK(notes.samples_of(place) == &notes.arrays.at("X"));
  }
  CHECK(notes.samples_of("X_Test.npy") == nullptr);
  CHECK(notes.samples_of("data.npz:Y") == nullptr);
  notes.arrays["X_Test"].files = {"b"};
  CHECK(notes.samples_of("data.npz") == nullptr);
}

TEST_CASE("names of classes are read from JSON, and what is damaged is refused by name") {
  const TemporaryFolder folder;
  const auto read = [&](const char* text) { return read_array_notes(folder.put("classes.json", text)); };
  const ArrayNotes plain = read(R"({"class_names": ["COVID", "NORMAL"], "other": 1})");
  CHECK(plain.class_names == Names{"COVID", "NORMAL"});
  CHECK_FALSE(plain.preprocessing.has_value());
  CHECK(plain.arrays.empty());
  for (const char* bad : {"", "[]", "{", R"({"class_names": "a"})", R"({"class_names": [1, 2]})",
                          R"({"class_names": ["a"]})", R"({"class_names": ["a", "a"]})"}) {
    CAPTURE(bad);
    const Thrown thrown = error_of([&] { read(bad); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK(thrown.says("class_names"));
    CHECK(thrown.says("classes.json"));
  }
  const auto refused = [&](const std::string& members, const char* why) {
    const Thrown thrown = error_of([&] { read((R"({"class_names": ["a", "b"], )" + members + "}").c_str()); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
    CHECK(thrown.says("classes.json"));
  };
  refused(R"("preprocessing": 3)", "expected a JSON object");
  refused(R"("preprocessing": {"width": 0, "height": 1, "channels": 1, "resample": "bicubic"})", "\"width\" from 1");
  refused(R"("arrays": [])", "expected an object \"arrays\"");
  refused(R"("arrays": {"X": []})", "expected an object for each");
  refused(R"("arrays": {"X": {"files": "a"}})", "list \"files\"");
  refused(R"("arrays": {"X": {"files": ["a"], "patients": ["p", "q"]}})", "a patient for each of 1 files, found 2");
}

}  // namespace
}  // namespace curie
