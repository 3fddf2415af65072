// From a scanned folder to labelled images in memory, by all cores, or from the cache of an earlier run.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/folder.h"
#include "data/preprocess.h"

namespace curie {

struct Skipped {
  std::string source;
  std::string reason;
};

struct LoadOptions {
  int threads = 0;                          // 0: one per usable core
  std::filesystem::path cache_folder = {};  // empty: no cache
  // Called on the caller's thread, a few times a second and once at the end.
  std::function<void(int done, int total)> progress = {};
  std::function<bool()> cancelled = {};  // asked as often; true ends the work after the images in hand
};

struct LoadResult {
  LabelledImages images;         // pixels u8 (n, h, w, c) in the order of the scan, less what was skipped
  std::vector<Skipped> skipped;  // in the order of the scan
  std::vector<int> files;        // for each image its position in the scan's files
  double seconds = 0.0;
  bool from_cache = false;
  bool cancelled = false;  // then there are no images
  int read = 0;            // image files opened by this call
};

// Throws Error(data) when more than half of a class, or all of it, cannot be read; a bad image less than that is
// skipped. A cache that is damaged, outdated or cannot be written costs one line in the log and is made anew or done
// without. The result does not depend on the number of threads.
LoadResult load_images(const FolderScan& scan, const Preprocessing& preprocessing, const LoadOptions& options = {});

// The name of each image file's pixels as a network sees them: reads, decodes and preprocesses one file.
// Throws Error(file or data) that names the file.
void load_image(const std::filesystem::path& path, Preprocessor& preprocessor, std::uint8_t* out);

}  // namespace curie
