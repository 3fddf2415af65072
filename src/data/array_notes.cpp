#include "data/array_notes.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

constexpr std::size_t kLargestFile = std::size_t{256} << 20;

std::vector<std::string> texts(const nlohmann::json& list, const char* member, const std::string& path) {
  CURIE_CHECK(list.is_array(), file, "{}: expected JSON with a list \"{}\", found {}", path, member, list.type_name());
  std::vector<std::string> result;
  for (const nlohmann::json& text : list) {
    CURIE_CHECK(text.is_string(), file, "{}: expected texts in \"{}\", found {}", path, member, text.type_name());
    result.push_back(text.get<std::string>());
  }
  return result;
}

ArrayNotes::Samples samples_from(const nlohmann::json& json, const std::string& path) {
  CURIE_CHECK(json.is_object(), file, "{}: expected an object for each of \"arrays\", found {}", path,
              json.type_name());
  ArrayNotes::Samples samples;
  if (json.contains("files")) samples.files = texts(json["files"], "files", path);
  if (json.contains("patients")) samples.patients = texts(json["patients"], "patients", path);
  CURIE_CHECK(samples.patients.empty() || samples.patients.size() == samples.files.size(), file,
              "{}: expected a patient for each of {} files, found {}", path, samples.files.size(),
              samples.patients.size());
  return samples;
}

// "X" of "data/X.npy" and of "data.npz:X"; empty for "data.npz".
std::string array_name(const std::string& place) {
  const std::size_t archive = place.rfind(".npz:");
  if (archive != std::string::npos) return place.substr(archive + 5);
  const std::filesystem::path path(place);
  return path.extension() == ".npz" ? "" : path.stem().string();
}

}  // namespace

const ArrayNotes::Samples* ArrayNotes::samples_of(const std::string& place) const {
  const std::string name = array_name(place);
  if (name.empty()) return arrays.size() == 1 ? &arrays.begin()->second : nullptr;
  const auto found = arrays.find(name);
  return found == arrays.end() ? nullptr : &found->second;
}

nlohmann::json to_json(const ArrayNotes& notes) {
  nlohmann::json arrays = nlohmann::json::object();
  for (const auto& [name, samples] : notes.arrays) {
    arrays[name] = {{"counts", samples.counts}, {"files", samples.files}};
    if (!samples.patients.empty()) arrays[name]["patients"] = samples.patients;
  }
  nlohmann::json json = {{"class_names", notes.class_names}, {"arrays", arrays}};
  if (notes.preprocessing) json["preprocessing"] = to_json(*notes.preprocessing);
  return json;
}

ArrayNotes read_array_notes(const std::filesystem::path& file) {
  const std::string path = file.string();
  const nlohmann::json json = nlohmann::json::parse(read_text(file, kLargestFile), nullptr, false);
  CURIE_CHECK(json.is_object() && json.contains("class_names"), file, "{}: expected JSON with a list \"class_names\"",
              path);
  ArrayNotes notes;
  notes.class_names = texts(json["class_names"], "class_names", path);
  const std::set<std::string> distinct(notes.class_names.begin(), notes.class_names.end());
  CURIE_CHECK(notes.class_names.size() >= 2 && distinct.size() == notes.class_names.size(), file,
              "{}: expected at least two different \"class_names\", found {}", path,
              fmt::join(notes.class_names, ", "));
  if (json.contains("preprocessing")) {
    notes.preprocessing =
        with_context(fmt::format("reading {}", path), [&] { return preprocessing_from_json(json["preprocessing"]); });
  }
  if (!json.contains("arrays")) return notes;
  CURIE_CHECK(json["arrays"].is_object(), file, "{}: expected an object \"arrays\", found {}", path,
              json["arrays"].type_name());
  for (const auto& [name, samples] : json["arrays"].items()) notes.arrays[name] = samples_from(samples, path);
  return notes;
}

}  // namespace curie
