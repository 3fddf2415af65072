#include "data/load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>

#include "data/cache.h"
#include "data/image.h"
#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);
constexpr std::size_t kLargestFile = std::size_t{1} << 30;

double seconds_since(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

// Decodes every file of the scan into its own place of `pixels`; `reasons` stays empty where that worked.
// False when cancelled.
bool decode_all(const FolderScan& scan, const Preprocessing& preprocessing, const LoadOptions& options,
                std::uint8_t* pixels, std::vector<std::string>& reasons) {
  const int total = static_cast<int>(scan.files.size());
  ThreadPool pool(options.threads);
  std::vector<Preprocessor> preprocessors(static_cast<std::size_t>(pool.threads()), Preprocessor(preprocessing));
  std::atomic<int> done{0};
  std::atomic<bool> cancelled{false};
  Clock::time_point told = Clock::now();
  pool.run(total, [&](int index, int worker) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    const auto i = static_cast<std::size_t>(index);
    try {
      load_image(scan.root / scan.files[i].source, preprocessors[static_cast<std::size_t>(worker)],
                 pixels + i * preprocessing.bytes());
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data && error.kind() != ErrorKind::file) throw;
      reasons[i] = error.what();
    }
    const int finished = done.fetch_add(1) + 1;
    if (worker == 0 && Clock::now() - told >= kProgressEvery) {  // worker 0 is the caller's thread
      told = Clock::now();
      if (options.progress) options.progress(finished, total);
      if (options.cancelled && options.cancelled()) cancelled.store(true);
    }
  });
  if (!cancelled.load() && options.cancelled && options.cancelled()) cancelled.store(true);
  return !cancelled.load();
}

void check_classes(const FolderScan& scan, const std::vector<std::string>& reasons) {
  std::vector<int> bad(scan.class_names.size(), 0);
  std::vector<const std::string*> example(scan.class_names.size(), nullptr);
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const auto label = static_cast<std::size_t>(scan.files[i].label);
    if (reasons[i].empty()) continue;
    if (bad[label]++ == 0) example[label] = &reasons[i];
  }
  const std::vector<int> counts = scan.class_counts();
  for (std::size_t label = 0; label < counts.size(); ++label) {
    CURIE_CHECK(2 * bad[label] <= counts[label] && bad[label] < counts[label], data,
                "{}: {} of the {} images of class \"{}\" cannot be used, the first because: {}", scan.root.string(),
                bad[label], counts[label], scan.class_names[label], *example[label]);
  }
}

// Moves the images that were read together, in order, and lists the others.
void gather(const FolderScan& scan, const std::vector<std::string>& reasons, const Tensor& pixels, LoadResult& result) {
  LabelledImages& images = result.images;
  images.class_names = scan.class_names;
  const std::size_t bytes = pixels.shape().sample().elements();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < scan.files.size(); ++i) {
    if (!reasons[i].empty()) {
      result.skipped.push_back({scan.files[i].source, reasons[i]});
      continue;
    }
    if (kept != i) std::memcpy(pixels.raw() + kept * bytes, pixels.raw() + i * bytes, bytes);
    images.labels.push_back(scan.files[i].label);
    images.sources.push_back(scan.files[i].source);
    result.files.push_back(static_cast<int>(i));
    ++kept;
  }
  images.pixels = pixels.rows(0, static_cast<int>(kept));
}

}  // namespace

void load_image(const std::filesystem::path& path, Preprocessor& preprocessor, std::uint8_t* out) {
  const std::vector<std::byte> file = read_file(path, kLargestFile);
  preprocessor.run(decode_image(file, path.string()), out);
}

LoadResult load_images(const FolderScan& scan, const Preprocessing& preprocessing, const LoadOptions& options) {
  preprocessing.check();
  CURIE_CHECK(!scan.files.empty(), data, "{}: no image to load", scan.root.string());
  const Clock::time_point from = Clock::now();
  LoadResult result;
  const int total = static_cast<int>(scan.files.size());
  std::optional<ImageCache> cache;
  std::vector<std::string> reasons(scan.files.size());
  Tensor pixels;
  if (!options.cache_folder.empty()) {
    cache.emplace(options.cache_folder, scan, preprocessing);
    result.from_cache = cache->load(pixels, reasons);
  }
  if (!result.from_cache) {
    pixels = Tensor::zeros(preprocessing.shape().with_batch(total), DType::u8);
    result.cancelled = !decode_all(scan, preprocessing, options, pixels.data<std::uint8_t>(), reasons);
    result.read = total;
    if (result.cancelled) {
      result.seconds = seconds_since(from);
      return result;
    }
    check_classes(scan, reasons);
    if (cache) cache->save(pixels, reasons);
  }
  gather(scan, reasons, pixels, result);
  if (options.progress) options.progress(total, total);
  result.seconds = seconds_since(from);
  return result;
}

}  // namespace curie
