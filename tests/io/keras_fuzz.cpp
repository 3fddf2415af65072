#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>

#include "io/bounded_json.h"
#include "io/hdf5.h"
#include "io/keras.h"
#include "io/keras_model.h"
#include "io/keras_weights.h"
#include "io/zip_archive.h"
#include "support/fuzz.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

namespace curie {
namespace {

using test::Ends;
using test::Mutator;

namespace fs = std::filesystem;

const fs::path kKeras = fs::path(CURIE_TEST_DATA) / "keras";
constexpr Hdf5Limits kShort{.file_bytes = std::size_t{1} << 20, .objects = 200, .seconds = 2};

std::string contents_of(const char* name) { return read_text(kKeras / name); }

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("HDF5: truncated at many lengths") {
  if (!hdf5_support().present) {
    MESSAGE("skipped: " << hdf5_support().detail);
    return;
  }
  const std::string contents = contents_of("keras1_backbone.h5");
  Ends ends;
  for (std::size_t length = 0; length < contents.size(); length += length < 200 ? 1 : 97)
    ends.take([&] { parse_hdf5(bytes_of(contents.substr(0, length)), "damaged", {}, kShort); });
  CHECK(ends.whole == 0);
  CHECK(ends.refused > 300);
}

TEST_CASE("HDF5: damaged at random") {
  if (!hdf5_support().present) return;
  const std::string seeds[] = {contents_of("keras1_backbone.h5"), contents_of("keras3_backbone.weights.h5")};
  Mutator mutator(20260111);
  Ends ends;
  for (int i = 0; i < 1'500; ++i) {
    // Most damage lies behind the signature, in structures and not in weights.
    const std::string damaged = mutator.damage(seeds[mutator.below(2)], 8);
    ends.take([&] { keras_arrays(parse_hdf5(bytes_of(damaged), "damaged", {}, kShort)); });
  }
  CHECK(ends.whole > 0);
  CHECK(ends.refused > 100);
}

TEST_CASE("trained models: damaged at random") {
  if (!hdf5_support().present) return;
  const Quiet quiet;
  const TemporaryFolder folder;
  const std::string seeds[] = {contents_of("keras2_trained_adam.h5"), contents_of("keras3_trained_momentum.h5")};
  Mutator mutator(20260114);
  Ends ends;
  for (int i = 0; i < 300; ++i) {
    const fs::path path = folder.put("damaged", mutator.damage(seeds[mutator.below(2)], 8));
    ends.take([&] { load_keras(path, "cpu"); }, path.c_str());
  }
  CHECK(ends.whole > 0);
  CHECK(ends.refused > 20);
}

TEST_CASE("zip: damaged at random") {
  if (!hdf5_support().present) return;
  const std::string contents = contents_of("keras3_sequential.keras");
  Mutator mutator(20260112);
  Ends ends;
  for (int i = 0; i < 4'000; ++i) {
    const std::string damaged = mutator.damage(contents);
    ends.take([&] { read_zip(bytes_of(damaged), "damaged", {"config.json", "metadata.json", "model.weights.h5"}); });
  }
  CHECK(ends.refused > 2'000);
}

TEST_CASE("zip: an archive that inflates beyond what its size explains is refused") {
  if (!hdf5_support().present) return;
  const ZipEntries entries = {{"config.json", std::vector<std::byte>(100'000)}};
  const std::vector<std::byte> archive = compose_zip(entries);
  CHECK(read_zip(archive, "a", {"config.json"}) == entries);
  Ends ends;
  ends.take([&] { read_zip(archive, "a", {"config.json"}, {.inflation = 0, .always_bytes = 99'999}); });
  CHECK(ends.refused == 1);
}

TEST_CASE("descriptions of models: every kind of value in every place") {
  const Quiet quiet;  // warnings are part of what damaged files cause
  const std::string seeds[] = {"keras3_nested.keras", "keras3_residual.keras", "keras3_sequential.keras"};
  if (!hdf5_support().present) return;
  Ends ends;
  for (const std::string& seed : seeds) {
    const std::string archive = contents_of(seed.c_str());
    const auto entry = read_zip(bytes_of(archive), seed, {"config.json"}).at("config.json");
    const std::string text(reinterpret_cast<const char*>(entry.data()), entry.size());
    const nlohmann::json config = parse_bounded_json(text, seed, "config.json");
    const nlohmann::json flat = config.flatten();
    for (const auto& [place, old] : flat.items()) {
      for (const char* value :
           {"null", "-1", "0", "1e300", "4294967296", "\"\"", "\"relu\"", "[]", "{}", "[1,2,3,4,5,6,7]", "true", "[[]]",
            "{\"config\":{},\"class_name\":\"__keras_tensor__\"}"}) {
        nlohmann::json damaged = config;
        damaged[nlohmann::json::json_pointer(place)] = nlohmann::json::parse(value);
        ends.take([&] { read_keras_model(damaged, "damaged", KerasVersion::keras3); });
      }
    }
    // The same for whole objects and lists.
    for (auto layer = 0u; layer < config["config"]["layers"].size(); ++layer) {
      for (const char* value : {"null", "[]", "{}", "3", "\"a\""}) {
        nlohmann::json damaged = config;
        damaged["config"]["layers"][layer] = nlohmann::json::parse(value);
        ends.take([&] { read_keras_model(damaged, "damaged", KerasVersion::keras3); });
        for (const auto& [key, member] : config["config"]["layers"][layer].items()) {
          damaged = config;
          damaged["config"]["layers"][layer][key] = nlohmann::json::parse(value);
          ends.take([&] { read_keras_model(damaged, "damaged", KerasVersion::keras2); });
        }
      }
    }
  }
  CHECK(ends.whole > 0);
  CHECK(ends.refused > 500);
}

TEST_CASE("descriptions of models: text damaged at random") {
  const Quiet quiet;  // warnings are part of what damaged files cause
  if (!hdf5_support().present) return;
  const std::string archive = contents_of("keras3_residual.keras");
  const auto entry = read_zip(bytes_of(archive), "a", {"config.json"}).at("config.json");
  const std::string text(reinterpret_cast<const char*>(entry.data()), entry.size());
  Mutator mutator(20260113);
  Ends ends;
  for (int i = 0; i < 4'000; ++i) {
    const std::string damaged = mutator.damage(text);
    ends.take([&] {
      read_keras_model(parse_bounded_json(damaged, "damaged", "config.json"), "damaged", KerasVersion::keras3);
    });
  }
  CHECK(ends.whole > 0);
  CHECK(ends.refused > 1'000);
}

TEST_CASE("whole files: archives with damaged parts, and files that are none") {
  if (!hdf5_support().present) return;
  const Quiet quiet;  // warnings are part of what damaged files cause
  const TemporaryFolder folder;
  const std::string contents = contents_of("keras3_sequential.keras");
  const ZipEntries whole = read_zip(bytes_of(contents), "a", {"config.json", "metadata.json", "model.weights.h5"});
  Mutator mutator(20260114);
  Ends ends;
  for (int i = 0; i < 300; ++i) {
    ZipEntries entries = whole;
    auto entry = entries.begin();
    std::advance(entry, static_cast<std::ptrdiff_t>(mutator.below(entries.size())));
    const std::string damaged =
        mutator.damage({reinterpret_cast<const char*>(entry->second.data()), entry->second.size()});
    const auto bytes = bytes_of(damaged);
    entry->second.assign(bytes.begin(), bytes.end());
    const std::vector<std::byte> archive = compose_zip(entries);
    const fs::path path = folder.put("damaged.keras", {reinterpret_cast<const char*>(archive.data()), archive.size()});
    ends.take([&] { load_keras(path, "cpu"); });
  }
  CHECK(ends.refused > 100);
  for (const std::string none : {"", "P", "PK\x03\x04", "\x89HDF\r\n\x1a\n", "\x89HDF", "{}", "not a model at all"}) {
    const fs::path path = folder.put("none.h5", none);
    const int before = ends.refused;
    ends.take([&] { load_keras(path, "cpu"); });
    CHECK(ends.refused == before + 1);
  }
}

TEST_CASE("a description nested without end and one of very many layers end in an error") {
  const Quiet quiet;  // warnings are part of what damaged files cause
  Ends ends;
  nlohmann::json nested = {{"class_name", "Sequential"},
                           {"config", {{"name", "m"}, {"layers", nlohmann::json::array()}}}};
  for (int i = 0; i < 20; ++i) {
    nlohmann::json outer = {{"class_name", "Sequential"}, {"config", {{"name", "m"}, {"layers", {nested}}}}};
    nested = outer;
  }
  ends.take([&] { read_keras_model(nested, "deep", KerasVersion::keras3); });
  nlohmann::json many = {{"class_name", "Sequential"},
                         {"config", {{"name", "m"}, {"layers", nlohmann::json::array()}}}};
  for (int i = 0; i < 5'001; ++i)
    many["config"]["layers"].push_back({{"class_name", "Flatten"}, {"config", {{"name", "x"}}}});
  ends.take([&] { read_keras_model(many, "long", KerasVersion::keras3); });
  ends.take([&] { parse_bounded_json(std::string(100'000, '['), "deep", "config.json"); });
  CHECK(ends.refused == 3);
}

}  // namespace curie
