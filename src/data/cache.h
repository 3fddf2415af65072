// Decoded and resized images on disk, so that a second run starts at once. One packed file for each pair of (folder
// scan, preprocessing).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/folder.h"
#include "data/preprocess.h"
#include "tensor/tensor.h"

namespace curie {

// The file's name depends on where the images lie, which are wanted and how they are prepared; its contents carry a
// fingerprint of every file's name, size and time of change, so that an edited data set replaces its cache rather than
// adding another.
//
// Layout, little-endian: "CURIEPX1", u64 length of the header, u32 CRC-32 of the header, u32 CRC-32 of the pixels, the
// header in JSON (fingerprint, preprocessing, count, skipped images with their reasons), zeros up to a multiple of 64,
// the pixels.
class ImageCache {
 public:
  // Looks at the files' sizes and times, not into them. `scan` must outlive the cache.
  ImageCache(const std::filesystem::path& folder, const FolderScan& scan, const Preprocessing& preprocessing);

  const std::filesystem::path& path() const { return path_; }

  // Fills `pixels` (new, (files, h, w, c) u8) and `reasons` (one for each file, empty for an image that was read), or
  // returns false: there is no cache, or, with a line in the log that says why, it cannot be used.
  bool load(Tensor& pixels, std::vector<std::string>& reasons) const;

  // Replaces the file atomically. Failing to is a warning in the log, no error: the cache is a convenience.
  void save(const Tensor& pixels, const std::vector<std::string>& reasons) const;

 private:
  std::filesystem::path path_;
  Preprocessing preprocessing_;
  std::size_t count_;
  std::uint64_t fingerprint_;
};

}  // namespace curie
