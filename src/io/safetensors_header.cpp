#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

namespace curie {
namespace {

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::array kStoredTypes = {
    StoredType{"F32", 4, DType::f32}, StoredType{"BF16", 2, DType::bf16}, StoredType{"I32", 4, DType::i32},
    StoredType{"U8", 1, DType::u8},   StoredType{"F16", 2, DType::f32},   StoredType{"BOOL", 1, DType::u8},
    StoredType{"I64", 8, DType::i32},
};

std::string_view stored_name_of(DType type) {
  const auto* found = std::find_if(kStoredTypes.begin(), kStoredTypes.end(),
                                   [type](const StoredType& stored) { return stored.type == type; });
  return found->name;
}

// Bytes of a dense tensor, or nothing if they cannot be counted. Extents of 0 do not excuse the others, so that no
// later product of them overflows either.
std::optional<std::size_t> bytes_of(std::span<const int> extents, std::size_t element_size) {
  std::size_t bytes = element_size;
  bool empty = false;
  for (const int extent : extents) {
    const std::size_t factor = extent == 0 ? 1 : static_cast<std::size_t>(extent);
    empty = empty || extent == 0;
    if (bytes > std::numeric_limits<std::size_t>::max() / factor) return std::nullopt;
    bytes *= factor;
  }
  return empty ? 0 : bytes;
}

// Receives the header from the JSON parser event by event. The first event out of place throws, so that neither deep
// nesting nor a document of millions of unwanted values costs memory.
class HeaderReader {
 public:
  HeaderReader(std::size_t data_bytes, const std::string& file, const SafetensorsLimits& limits)
      : data_bytes_(data_bytes), file_(file), limits_(limits) {}

  SafetensorsHeader take() {
    check_cover();
    return std::move(header_);
  }

  bool null() { reject("null"); }
  bool boolean(bool value) { reject(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { reject(std::to_string(value)); }
  bool number_float(double, const std::string& text) { reject(text.substr(0, 40)); }
  bool binary(nlohmann::json::binary_t&) { reject("binary data"); }

  bool number_unsigned(std::uint64_t value) {
    if (place_ == Place::shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) reject(std::to_string(value));
      if (extents_.size() == Shape::kMaxRank) reject("more of them");
      extents_.push_back(static_cast<int>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_.size() == 2) reject("more of them");
      offsets_.push_back(value);
    } else {
      reject(std::to_string(value));
    }
    return true;
  }

  bool string(std::string& value) {
    if (place_ == Place::metadata) {
      const bool fresh = header_.metadata.emplace(key_, std::move(value)).second;
      CURIE_CHECK(fresh, file, "{}: metadata {}: expected one value, found two", file_, quote_name(key_));
    } else if (place_ == Place::tensor && field_ == Field::dtype) {
      const auto* found = std::find_if(kStoredTypes.begin(), kStoredTypes.end(),
                                       [&](const StoredType& type) { return type.name == value; });
      if (found == kStoredTypes.end()) reject(quote_name(value));
      stored_ = *found;
    } else {
      reject("the text " + quote_name(value));
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (place_ == Place::start) {
      place_ = Place::root;
    } else if (place_ == Place::root) {
      place_ = name_ == kMetadataKey ? Place::metadata : Place::tensor;
      CURIE_CHECK(place_ == Place::metadata || header_.entries.size() < limits_.tensors, file,
                  "{}: expected at most {} tensors, found more", file_, limits_.tensors);
      stored_.reset();
      has_shape_ = has_offsets_ = false;
    } else {
      reject("an object");
    }
    return true;
  }

  bool key(std::string& value) {
    if (place_ == Place::root) {
      const bool fresh = names_.insert(value).second;
      CURIE_CHECK(fresh, file, "{}: {}: expected one entry of this name, found two", file_, quote_name(value));
      name_ = std::move(value);
    } else if (place_ == Place::metadata) {
      key_ = std::move(value);
    } else {
      start_field(value);
    }
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor) finish_tensor();
    place_ = place_ == Place::root ? Place::end : Place::root;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::tensor && field_ == Field::shape) {
      place_ = Place::shape;
      extents_.clear();
    } else if (place_ == Place::tensor && field_ == Field::offsets) {
      place_ = Place::offsets;
      offsets_.clear();
    } else {
      reject("a list");
    }
    return true;
  }

  bool end_array() {
    if (place_ == Place::offsets && offsets_.size() != 2) reject(fmt::format("{} numbers", offsets_.size()));
    (place_ == Place::shape ? has_shape_ : has_offsets_) = true;
    place_ = Place::tensor;
    return true;
  }

  [[noreturn]] bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    std::string reason = error.what();
    if (const std::size_t start = reason.find("syntax error"); start != std::string::npos) reason.erase(0, start);
    constexpr std::size_t kLongest = 160;
    if (reason.size() > kLongest) reason = reason.substr(0, kLongest) + "...";
    throw_error(ErrorKind::file, fmt::format("{}: the header is not valid JSON at byte {}: {}", file_, position,
                                             nlohmann::json(reason).dump(-1, ' ', true, kReplace)));
  }

 private:
  enum class Place { start, root, metadata, tensor, shape, offsets, end };
  enum class Field { dtype, shape, offsets };
  static constexpr auto kReplace = nlohmann::json::error_handler_t::replace;

  void start_field(const std::string& value) {
    const bool known = value == "dtype" || value == "shape" || value == "data_offsets";
    CURIE_CHECK(known, file, "{}: tensor {}: expected the fields dtype, shape and data_offsets, found {}", file_,
                quote_name(name_), quote_name(value));
    field_ = value == "dtype" ? Field::dtype : value == "shape" ? Field::shape : Field::offsets;
    const bool seen = field_ == Field::dtype ? stored_.has_value() : field_ == Field::shape ? has_shape_ : has_offsets_;
    CURIE_CHECK(!seen, file, "{}: tensor {}: expected the field {} once, found it twice", file_, quote_name(name_),
                value);
  }

  void finish_tensor() {
    const char* missing = !stored_ ? "dtype" : !has_shape_ ? "shape" : !has_offsets_ ? "data_offsets" : nullptr;
    CURIE_CHECK(missing == nullptr, file,
                "{}: tensor {}: expected the fields dtype, shape and data_offsets, found no {}", file_,
                quote_name(name_), missing);
    const std::uint64_t begin = offsets_[0], end = offsets_[1];
    CURIE_CHECK(begin <= end && end <= data_bytes_, file,
                "{}: tensor {}: expected data_offsets within the {} bytes of data, found [{}, {}]", file_,
                quote_name(name_), data_bytes_, begin, end);
    const Shape shape{std::span<const int>(extents_)};
    const std::optional<std::size_t> bytes = bytes_of(extents_, stored_->size);
    CURIE_CHECK(bytes.has_value(), file, "{}: tensor {}: expected a shape that fits into memory, found {}", file_,
                quote_name(name_), to_string(shape));
    CURIE_CHECK(*bytes == end - begin, file, "{}: tensor {}: expected {} bytes for {} of {}, found {}", file_,
                quote_name(name_), *bytes, to_string(shape), stored_->name, end - begin);
    header_.entries.push_back({name_, *stored_, shape, begin, end});
  }

  // Tensors that overlap, or bytes that belong to none, are refused: they could hide what a reader does not see.
  void check_cover() {
    auto& entries = header_.entries;
    std::stable_sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::size_t covered = 0;
    for (const TensorEntry& entry : entries) {
      CURIE_CHECK(entry.begin == covered, file, "{}: tensor {}: expected its data to begin at byte {}, found {} ({})",
                  file_, quote_name(entry.name), covered, entry.begin,
                  entry.begin < covered ? "tensors overlap" : "bytes that belong to no tensor");
      covered = entry.end;
    }
    CURIE_CHECK(covered == data_bytes_, file, "{}: expected {} bytes of data for the tensors of the header, found {}",
                file_, covered, data_bytes_);
  }

  [[noreturn]] void reject(const std::string& found) {
    throw_error(ErrorKind::file, fmt::format("{}: {}, found {}", file_, expectation(), found));
  }

  std::string expectation() const {
    switch (place_) {
      case Place::start:
      case Place::end:
        return "the header: expected an object";
      case Place::root:
        if (name_ == kMetadataKey) return "__metadata__: expected an object";
        return fmt::format("tensor {}: expected an object", quote_name(name_));
      case Place::metadata:
        return fmt::format("metadata {}: expected a text", quote_name(key_));
      case Place::shape:
        return fmt::format("tensor {}: expected a shape of at most {} whole numbers from 0 to {}", quote_name(name_),
                           Shape::kMaxRank, std::numeric_limits<int>::max());
      case Place::offsets:
        return fmt::format("tensor {}: expected data_offsets of two whole numbers from 0 on", quote_name(name_));
      case Place::tensor:
        break;
    }
    if (field_ != Field::dtype)
      return fmt::format("tensor {}: expected a list in {}", quote_name(name_),
                         field_ == Field::shape ? "shape" : "data_offsets");
    std::string names;
    for (const StoredType& type : kStoredTypes) names += (names.empty() ? "" : ", ") + std::string(type.name);
    return fmt::format("tensor {}: expected a dtype of {}", quote_name(name_), names);
  }

  const std::size_t data_bytes_;
  const std::string& file_;
  const SafetensorsLimits& limits_;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::start;

  // The entry that is being read.
  std::string name_;
  std::string key_;  // of metadata
  Field field_ = Field::dtype;
  std::optional<StoredType> stored_;
  std::vector<int> extents_;
  std::vector<std::uint64_t> offsets_;
  bool has_shape_ = false, has_offsets_ = false;
};

std::string json_text(const std::string& text, const char* what) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw_error(ErrorKind::usage, fmt::format("safetensors: expected {} in UTF-8, got {}", what, quote_name(text)));
  }
}

}  // namespace

std::string quote_name(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  const std::string shown(name.substr(0, kLongest));
  const auto replace = nlohmann::json::error_handler_t::replace;  // for a character that the cut leaves in half
  return nlohmann::json(shown).dump(-1, ' ', false, replace) + (name.size() > kLongest ? "..." : "");
}

SafetensorsHeader parse_header(std::string_view text, std::size_t data_bytes, const std::string& file,
                               const SafetensorsLimits& limits) {
  CURIE_CHECK(text.starts_with('{'), file, "{}: expected a header that begins with {{, found {}", file,
              quote_name(text.substr(0, 8)));
  // The parser would take a null byte for the end and leave what follows unread.
  const std::size_t null = text.find('\0');
  CURIE_CHECK(null == std::string_view::npos, file, "{}: the header is not valid JSON: byte {} is 0", file, null);
  HeaderReader reader(data_bytes, file, limits);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

std::string compose_header(const std::map<std::string, std::string>& metadata, std::span<const NamedTensor> tensors) {
  std::string text;
  for (const auto& [key, value] : metadata)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", json_text(key, "metadata"), json_text(value, "metadata"));
  if (!text.empty()) text = fmt::format("\"{}\":{{{}}}", kMetadataKey, text);

  std::unordered_set<std::string_view> names;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    CURIE_CHECK(!name.empty() && name != kMetadataKey && names.insert(name).second, usage,
                "safetensors: expected names that differ, not empty and not {}, got {}", kMetadataKey,
                quote_name(name));
    CURIE_CHECK(tensor.defined() && tensor.device().host_readable(), usage,
                "safetensors: tensor {}: expected host memory, got {}", quote_name(name),
                tensor.defined() ? to_string(tensor.device()) : "an undefined tensor");
    const std::size_t end = offset + tensor.bytes();
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", text.empty() ? "" : ",",
                        json_text(name, "the name of a tensor"), stored_name_of(tensor.dtype()),
                        fmt::join(tensor.shape().extents(), ","), offset, end);
    offset = end;
  }
  text = "{" + text + "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  CURIE_CHECK(text.size() <= SafetensorsLimits{}.header_bytes, usage,
              "safetensors: expected a header of at most {} bytes, got {}", SafetensorsLimits{}.header_bytes,
              text.size());
  return text;
}

}  // namespace curie
