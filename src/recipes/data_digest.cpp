#include "recipes/data_digest.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/log.h"
#include "tensor/text.h"

namespace curie {
namespace {

constexpr std::size_t kLanes = 4, kFields = 4;
constexpr char kBetween = '-';  // the fields

// Four lanes of multiply and rotate over words of eight bytes, as fast as memory. Each step is one to one in the word,
// so no single change goes unseen. Tells data apart; no defence against who wants two to look alike.
std::uint64_t hash_of(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15u;
  std::array<std::uint64_t, kLanes> lanes = {1, 2, 3, 4};
  const auto mix = [](std::uint64_t& lane, std::uint64_t word) { lane = std::rotl((lane ^ word) * kOdd, 29); };
  constexpr std::size_t kStep = kLanes * sizeof(std::uint64_t);
  std::size_t at = 0;
  for (; at + kStep <= bytes.size(); at += kStep) {
    std::array<std::uint64_t, kLanes> words;
    std::memcpy(words.data(), bytes.data() + at, kStep);
    for (std::size_t lane = 0; lane < kLanes; ++lane) mix(lanes[lane], words[lane]);
  }
  for (; at < bytes.size(); ++at) mix(lanes[at % kLanes], std::to_integer<std::uint64_t>(bytes[at]));
  std::uint64_t hash = bytes.size();
  for (const std::uint64_t lane : lanes) mix(hash, lane);
  return hash ^ (hash >> 32);
}

// The samples in their order, those of the data set's own test part last, as a second pair of arrays has them.
std::vector<std::size_t> order_of(const SourceImages& source) {
  std::vector<std::size_t> order(source.images.labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!source.official_test.empty()) {
    std::stable_partition(order.begin(), order.end(), [&](std::size_t i) { return !source.official_test[i]; });
  }
  return order;
}

std::string changes(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  if (before[0] != now[0]) return fmt::format("{} images then, {} now", before[0], now[0]);
  std::vector<const char*> found;
  if (before[1] != now[1]) found.push_back("files were added, removed or renamed");
  if (before[2] != now[2]) found.push_back("images have other classes");
  if (before[3] != now[3]) found.push_back("images have other pixels");
  return fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace

std::string data_digest(const SourceImages& source) {
  const LabelledImages& images = source.images;
  const std::size_t each = images.size() == 0 ? 0 : images.pixels.bytes() / images.labels.size();
  std::string names;
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> pixels;
  for (const std::size_t i : order_of(source)) {
    if (source.named) names += images.sources[i] + '\0';
    labels.push_back(images.labels[i]);
    pixels.push_back(hash_of({images.pixels.raw() + i * each, each}));
  }
  return fmt::format("{}-{:016x}-{:016x}-{:016x}", images.size(), hash_of(std::as_bytes(std::span(names))),
                     hash_of(std::as_bytes(std::span(labels))), hash_of(std::as_bytes(std::span(pixels))));
}

void check_same_data(const std::filesystem::path& config_file, const std::string& found) {
  const nlohmann::json earlier = nlohmann::json::parse(read_text(config_file), nullptr, false);
  if (!earlier.is_object() || !earlier.contains("data_digest") || !earlier["data_digest"].is_string()) return;
  const std::string before = earlier["data_digest"].get<std::string>();
  const std::vector<std::string> fields = split(before, kBetween);
  if (fields.size() != kFields) {
    log_warning(
        "resume: the run was begun by a version of Curie that did not record its pixels; whether the images "
        "are still the same is not known");
    return;
  }
  CURIE_CHECK(before == found, data,
              "resume: the images are not those of the interrupted run ({}); restore the data set or start a new run",
              changes(fields, split(found, kBetween)));
}

}  // namespace curie
