#include "io/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "io/bounded_json.h"
#include "tensor/files.h"

namespace curie {
namespace {

using nlohmann::json;

// The metadata of a checkpoint. A reader knows its own version and all before.
constexpr const char* kFormatKey = "curie.format";
constexpr const char* kStateKey = "curie.state";
constexpr int kFormat = 1;

constexpr int kDeepest = kDeepestJson;
constexpr std::size_t kLongestState = kLongestJson;

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
  return {parse_bounded_json(state->second, file.path, "training state"), std::move(file.tensors)};
}

}  // namespace curie
