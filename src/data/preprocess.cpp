#include "data/preprocess.h"

#include <nlohmann/json.hpp>

#include "data/grey.h"
#include "tensor/error.h"

namespace curie {
namespace {

// Above any network's input; keeps a hostile model file from asking for a giant picture.
constexpr int kLargestExtent = 8192;

// A data set has one size or few; one where every image differs must not fill the memory with coefficients.
constexpr std::size_t kMostResizers = 32;

std::string_view colours(ChannelOrder order) { return order == ChannelOrder::rgb ? "RGB" : "BGR"; }

int extent(const nlohmann::json& json, const char* member) {
  const auto found = json.find(member);
  CURIE_CHECK(found != json.end() && found->is_number_integer(), file, "preprocessing: expected a whole number \"{}\"",
              member);
  const auto value = found->get<std::int64_t>();
  CURIE_CHECK(value >= 1 && value <= kLargestExtent, file, "preprocessing: expected \"{}\" from 1 to {}, got {}",
              member, kLargestExtent, value);
  return static_cast<int>(value);
}

// (n) -> (n, 3): every value three times, in place from the back.
void spread(std::uint8_t* out, std::size_t pixels) {
  for (std::size_t i = pixels; i-- > 0;) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = out[i];
}

void swap_red_and_blue(std::uint8_t* out, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i) std::swap(out[3 * i], out[3 * i + 2]);
}

ChannelOrder channel_order(const nlohmann::json& json) {
  const auto found = json.find("channel_order");
  if (found == json.end()) return ChannelOrder::rgb;
  for (const ChannelOrder order : {ChannelOrder::rgb, ChannelOrder::bgr}) {
    if (found->is_string() && found->get_ref<const std::string&>() == name_of(order)) return order;
  }
  throw_error(ErrorKind::file, fmt::format("preprocessing: expected \"channel_order\" to be \"rgb\" or \"bgr\", got {}",
                                           found->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)));
}

}  // namespace

std::string_view name_of(ChannelOrder order) { return order == ChannelOrder::rgb ? "rgb" : "bgr"; }

void Preprocessing::check() const {
  CURIE_CHECK(width >= 1 && height >= 1 && width <= kLargestExtent && height <= kLargestExtent, usage,
              "preprocessing: expected a width and height from 1 to {}, got {} x {}", kLargestExtent, width, height);
  CURIE_CHECK(channels == 1 || channels == 3, usage, "preprocessing: expected 1 channel (grey) or 3 (colours), got {}",
              channels);
  CURIE_CHECK(channels == 3 || channel_order == ChannelOrder::rgb, usage,
              "preprocessing: expected 3 channels for the channel order bgr, got {}", channels);
}

nlohmann::json to_json(const Preprocessing& preprocessing) {
  nlohmann::json json = {{"width", preprocessing.width},
                         {"height", preprocessing.height},
                         {"channels", preprocessing.channels},
                         {"resample", name_of(preprocessing.resample)}};
  if (preprocessing.channels == 3) json["channel_order"] = name_of(preprocessing.channel_order);
  return json;
}

Preprocessing preprocessing_from_json(const nlohmann::json& json) {
  CURIE_CHECK(json.is_object(), file, "preprocessing: expected a JSON object, got {}", json.type_name());
  Preprocessing result;
  result.width = extent(json, "width");
  result.height = extent(json, "height");
  result.channels = extent(json, "channels");
  CURIE_CHECK(result.channels == 1 || result.channels == 3, file,
              "preprocessing: expected \"channels\" to be 1 (grey) or 3 (colours), got {}", result.channels);
  result.channel_order = channel_order(json);
  CURIE_CHECK(result.channels == 3 || result.channel_order == ChannelOrder::rgb, file,
              "preprocessing: expected 3 \"channels\" for the channel order bgr, got {}", result.channels);
  const auto filter = json.find("resample");
  CURIE_CHECK(filter != json.end() && filter->is_string(), file, "preprocessing: expected a text \"resample\"");
  try {
    result.resample = resample_from_name(filter->get<std::string>());
  } catch (const Error& error) {
    throw_error(ErrorKind::file, fmt::format("preprocessing: {}", error.what()));
  }
  return result;
}

std::string to_string(const Preprocessing& preprocessing) {
  return fmt::format("{} x {} {}, {}", preprocessing.width, preprocessing.height,
                     preprocessing.channels == 1 ? "grey" : colours(preprocessing.channel_order),
                     name_of(preprocessing.resample));
}

Preprocessor::Preprocessor(const Preprocessing& preprocessing) : wanted_(preprocessing) { wanted_.check(); }

void Preprocessor::run(Image image, std::uint8_t* out) {
  if (wanted_.channels == 1) image = to_grey(std::move(image));
  const std::pair size(image.width, image.height);
  auto found = resizers_.find(size);
  if (found == resizers_.end()) {
    if (resizers_.size() == kMostResizers) resizers_.clear();
    Resizer resizer(image.width, image.height, wanted_.width, wanted_.height, wanted_.resample);
    found = resizers_.emplace(size, std::move(resizer)).first;
  }
  found->second.run(image.pixels.data(), image.channels, out);
  if (wanted_.channels == 1) return;
  const std::size_t pixels = wanted_.bytes() / 3;
  if (image.channels == 1) {
    spread(out, pixels);
  } else if (wanted_.channel_order == ChannelOrder::bgr) {
    swap_red_and_blue(out, pixels);
  }
}

void preprocess(const Image& image, const Preprocessing& preprocessing, std::uint8_t* out) {
  Preprocessor(preprocessing).run(image, out);
}

}  // namespace curie
