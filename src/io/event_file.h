// TensorBoard's event files, written without TensorFlow: records of TFRecord's framing, each one an Event message of
// tensorflow/core/util/event.proto, with summaries of tensorflow/core/framework/summary.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace curie {

// CRC-32C (Castagnoli): polynomial 0x82F63B78, reflected, inverted at both ends.
std::uint32_t crc32c(std::string_view bytes);

// One run's file. Every call appends an event and hands it to the operating system, so that TensorBoard sees it, and a
// crash loses nothing before it. Throws Error(file) when the file cannot be written.
class EventFile {
 public:
  // Makes a new file in `folder`, which is made too. `first_step`: TensorBoard forgets what earlier files of the folder
  // say of this step and later ones, as when a run goes on from a checkpoint.
  EventFile(const std::filesystem::path& folder, std::int64_t first_step);

  const std::filesystem::path& path() const { return path_; }
  void scalar(const std::string& tag, std::int64_t step, double value);
  // 30 buckets of equal width between the smallest and the largest value, as Keras' callback writes them; one where the
  // two are equal. Values that are not finite are left out; nothing is written when none is left.
  void histogram(const std::string& tag, std::int64_t step, std::span<const float> values);
  // height * width * channels values, rows first; 1 channel (grey) or 3 (RGB).
  void image(const std::string& tag, std::int64_t step, std::span<const std::uint8_t> pixels, int width, int height,
             int channels);

 private:
  void append(const std::string& event);
  void summary(const std::string& tag, std::int64_t step, const std::string& value);

  std::filesystem::path path_;
};

}  // namespace curie
