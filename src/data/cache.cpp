#include "data/cache.h"

#include <sys/stat.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "data/crc32.h"
#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

static_assert(std::endian::native == std::endian::little, "the cache is written as it lies in memory");

// Moves on when decoding, grey or resizing change their results: caches of older versions are then remade.
constexpr int kDecoderVersion = 1;
constexpr std::size_t kLargestHeader = std::size_t{64} << 20;
constexpr std::size_t kAlignment = 64;

struct Prefix {
  std::array<char, 8> magic{'C', 'U', 'R', 'I', 'E', 'P', 'X', '1'};
  std::uint64_t header_bytes = 0;
  std::uint32_t header_crc = 0;
  std::uint32_t pixels_crc = 0;
};
static_assert(sizeof(Prefix) == 24);

std::size_t padding(std::size_t header_bytes) {
  return (kAlignment - (sizeof(Prefix) + header_bytes) % kAlignment) % kAlignment;
}

// FNV-1a, 64 bits (Fowler, Noll, Vo). Texts are hashed with their length, so that neighbours cannot trade letters.
class Fingerprint {
 public:
  void add(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) mix(static_cast<unsigned char>(c));
  }
  void add(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>(value >> shift));
  }
  std::uint64_t value() const { return value_; }

 private:
  void mix(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

std::string cache_name(const FolderScan& scan, const Preprocessing& preprocessing) {
  Fingerprint where;
  std::error_code error;
  const std::filesystem::path root = std::filesystem::weakly_canonical(scan.root, error);
  where.add((error ? scan.root : root).string());
  for (const std::string& name : scan.class_names) where.add(name);
  for (const auto& [name, limit] : scan.options.limits) {
    where.add(name);
    where.add(static_cast<std::uint64_t>(limit));
  }
  where.add(to_json(preprocessing).dump());
  std::string label = (root.has_filename() ? root : root.parent_path()).filename().string();
  return fmt::format("{}-{}x{}x{}-{:016x}.pixels", label, preprocessing.width, preprocessing.height,
                     preprocessing.channels, where.value());
}

std::uint64_t fingerprint_of(const FolderScan& scan, const Preprocessing& preprocessing) {
  Fingerprint contents;
  contents.add(static_cast<std::uint64_t>(kDecoderVersion));
  contents.add(to_json(preprocessing).dump());
  for (const std::string& name : scan.class_names) contents.add(name);
  for (const FolderScan::File& file : scan.files) {
    contents.add(file.source);
    contents.add(static_cast<std::uint64_t>(file.label));
    struct stat status {};
    if (::stat((scan.root / file.source).c_str(), &status) != 0) continue;  // the reader will say so
    contents.add(static_cast<std::uint64_t>(status.st_size));
    contents.add(static_cast<std::uint64_t>(status.st_mtim.tv_sec));
    contents.add(static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
  }
  return contents.value();
}

void read_exactly(std::ifstream& file, void* target, std::size_t bytes) {
  file.read(static_cast<char*>(target), static_cast<std::streamsize>(bytes));
  CURIE_CHECK(file.gcount() == static_cast<std::streamsize>(bytes), file, "the file is too short");
}

std::string hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace

ImageCache::ImageCache(const std::filesystem::path& folder, const FolderScan& scan, const Preprocessing& preprocessing)
    : path_(folder / cache_name(scan, preprocessing)),
      preprocessing_(preprocessing),
      count_(scan.files.size()),
      fingerprint_(fingerprint_of(scan, preprocessing)) {}

bool ImageCache::load(Tensor& pixels, std::vector<std::string>& reasons) const {
  std::ifstream file(path_, std::ios::binary);
  if (!file.is_open()) return false;
  try {
    Prefix prefix;
    read_exactly(file, &prefix, sizeof prefix);
    CURIE_CHECK(prefix.magic == Prefix{}.magic, file, "it is not a cache of this version");
    CURIE_CHECK(prefix.header_bytes <= kLargestHeader, file, "its header is damaged");
    std::string text(prefix.header_bytes + padding(prefix.header_bytes), '\0');
    read_exactly(file, text.data(), text.size());
    text.resize(prefix.header_bytes);
    CURIE_CHECK(crc32(std::as_bytes(std::span(text))) == prefix.header_crc, file, "its header is damaged");
    const nlohmann::json header = nlohmann::json::parse(text);
    CURIE_CHECK(header.at("fingerprint").get<std::string>() == hex(fingerprint_), file,
                "the image files have changed since");
    Tensor read = Tensor::zeros(preprocessing_.shape().with_batch(static_cast<int>(count_)), DType::u8);
    read_exactly(file, read.raw(), read.bytes());
    CURIE_CHECK(crc32({read.raw(), read.bytes()}) == prefix.pixels_crc, file, "its pixels are damaged");
    std::vector<std::string> skipped(count_);
    for (const auto& [index, reason] : header.at("skipped").get<std::vector<std::pair<std::size_t, std::string>>>()) {
      skipped.at(index) = reason;
    }
    pixels = std::move(read);
    reasons = std::move(skipped);
    return true;
  } catch (const std::exception& error) {
    log_info("Not using the image cache {}: {}; making it anew.", path_.string(), error.what());
    return false;
  }
}

void ImageCache::save(const Tensor& pixels, const std::vector<std::string>& reasons) const {
  try {
    std::vector<std::pair<std::size_t, std::string>> skipped;
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      if (!reasons[i].empty()) skipped.emplace_back(i, reasons[i]);
    }
    const nlohmann::json header = {{"fingerprint", hex(fingerprint_)},
                                   {"preprocessing", to_json(preprocessing_)},
                                   {"count", count_},
                                   {"skipped", skipped}};
    // File names need not be UTF-8; what is not becomes U+FFFD in the reasons.
    std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const Piece contents(pixels.raw(), pixels.bytes());
    Prefix prefix;
    prefix.header_bytes = text.size();
    prefix.header_crc = crc32(std::as_bytes(std::span(text)));
    prefix.pixels_crc = crc32(contents);
    text.append(padding(text.size()), '\0');
    make_writable_folder(path_.parent_path());
    write_file(path_, [&](const std::function<void(Piece)>& put) {
      put(std::as_bytes(std::span(&prefix, 1)));
      put(std::as_bytes(std::span(text)));
      put(contents);
    });
  } catch (const std::exception& error) {
    log_warning("The image cache cannot be written, so the next run reads the images again: {}", error.what());
  }
}

}  // namespace curie
