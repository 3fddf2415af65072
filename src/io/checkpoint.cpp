#include "io/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "tensor/files.h"

namespace curie {
namespace {

using nlohmann::json;

// The metadata of a checkpoint. A reader knows its own version and all before.
constexpr const char* kFormatKey = "curie.format";
constexpr const char* kStateKey = "curie.state";
constexpr int kFormat = 1;

constexpr int kDeepest = 64;
constexpr std::size_t kLongestState = std::size_t{16} << 20;  // parsed, ten to twenty times as much memory

// JSON has no NaN and no infinity; the library would write null in their place without a word.
void check_state(const json& value, const json::json_pointer& place, int depth) {
  CURIE_CHECK(depth <= kDeepest, usage, "checkpoint: expected a state of at most {} levels, got more at {}", kDeepest,
              place.to_string());
  if (value.is_number_float()) {
    CURIE_CHECK(std::isfinite(value.get<double>()), usage,
                "checkpoint: expected finite numbers in the state, got {} at {}: leave it out or write it as text",
                value.get<double>(), place.to_string());
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) check_state(value[i], place / i, depth + 1);
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.items()) check_state(member, place / key, depth + 1);
  } else {
    CURIE_CHECK(!value.is_binary() && !value.is_discarded(), usage, "checkpoint: expected plain JSON, got {} at {}",
                value.type_name(), place.to_string());
  }
}

std::string state_text(const json& state) {
  check_state(state, json::json_pointer(), 1);
  try {
    std::string text = state.dump();
    CURIE_CHECK(text.size() <= kLongestState, usage, "checkpoint: expected a state of at most {} bytes, got {}",
                kLongestState, text.size());
    return text;
  } catch (const json::exception& error) {
    throw_error(ErrorKind::usage, fmt::format("checkpoint: expected a state with text in UTF-8: {}", error.what()));
  }
}

json parse_state(const std::string& text, const std::string& path) {
  CURIE_CHECK(text.size() <= kLongestState, file, "{}: expected a training state of at most {} bytes, found {}", path,
              kLongestState, text.size());
  // The parser would take a null character for the end.
  CURIE_CHECK(text.find('\0') == std::string::npos, file, "{}: the training state is not valid JSON", path);
  // Copying or printing JSON recurses, so the depth of what is accepted is bounded here.
  const auto bound_depth = [&](int depth, json::parse_event_t event, json&) {
    const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    CURIE_CHECK(!opens || depth < kDeepest, file, "{}: expected a training state of at most {} levels, found more",
                path, kDeepest);
    return true;
  };
  try {
    return json::parse(text, bound_depth);
  } catch (const json::exception& error) {
    const std::string reason = error.what();
    throw_error(ErrorKind::file,
                fmt::format("{}: the training state is not valid JSON: {}", path, reason.substr(0, 160)));
  }
}

// The version of a checkpoint, which is all digits without a leading 0; -1 for anything else.
int format_of(const std::string& text) {
  constexpr std::size_t kDigits = 6;
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && !text.empty() && text.size() <= kDigits && text[0] != '0' ? std::stoi(text) : -1;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  const std::map<std::string, std::string> metadata = {{kFormatKey, std::to_string(kFormat)},
                                                       {kStateKey, state_text(checkpoint.state)}};
  remove_abandoned(path);
  write_safetensors(path, metadata, checkpoint.tensors);
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const SafetensorsLimits& limits) {
  SafetensorsFile file = read_safetensors(path, limits);
  const auto format = file.metadata.find(kFormatKey), state = file.metadata.find(kStateKey);
  CURIE_CHECK(format != file.metadata.end(), file,
              "{}: expected a training checkpoint of Curie, found a safetensors file without {}", file.path,
              kFormatKey);
  const int version = format_of(format->second);
  CURIE_CHECK(version > 0, file, "{}: expected a whole number in {}, found {}", file.path, kFormatKey,
              json(format->second.substr(0, 40)).dump(-1, ' ', true, json::error_handler_t::replace));
  CURIE_CHECK(
      version <= kFormat, file,
      "{}: written by a newer version of Curie (expected format {} or older, found {}): update Curie to read it",
      file.path, kFormat, version);
  CURIE_CHECK(state != file.metadata.end(), file,
              "{}: expected a training checkpoint, found no training state ({}) in it: a model, perhaps", file.path,
              kStateKey);
  return {parse_state(state->second, file.path), std::move(file.tensors)};
}

}  // namespace curie
