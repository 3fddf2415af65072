// How fast images become network inputs: decode, grey, resize, augment, alone and together, on one thread. Everything
// is in memory; the files are those of tests/data/images and BMPs of noise, which need no decoder worth the name.
#include <benchmark/benchmark.h>

#include <cstring>
#include <filesystem>

#include "data/augmented_dataset.h"
#include "data/crc32.h"
#include "data/grey.h"
#include "data/image.h"
#include "data/preprocess.h"
#include "tensor/files.h"

namespace curie {
namespace {

Image blob(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>((i % width) * (i / width) / 64 + i % 7));
  }
  return image;
}

void grey(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  const Image image = blob(side, side, 3);
  for (auto _ : state) benchmark::DoNotOptimize(to_grey(image).pixels.data());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(grey)->Arg(128)->Arg(299);

void resize_image(benchmark::State& state) {
  const int from = static_cast<int>(state.range(0));
  const int to = static_cast<int>(state.range(1));
  const int channels = static_cast<int>(state.range(2));
  const Image image = blob(from, from, channels);
  Resizer resizer(from, from, to, to, Resample::bicubic);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(to * to * channels));
  for (auto _ : state) {
    resizer.run(image.pixels.data(), channels, out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(resize_image)
    ->ArgNames({"from", "to", "channels"})
    ->Args({128, 64, 1})
    ->Args({299, 64, 1})
    ->Args({299, 64, 3})
    ->Args({224, 224, 3})
    ->Args({1000, 70, 1});

// One augmented sample of 224 x 224, as the recipes of document 002 (style 0: Keras) and document 003 (2: torchvision).
void augment(benchmark::State& state) {
  const auto style = static_cast<AugmentationStyle>(state.range(0));
  const int channels = static_cast<int>(state.range(1));
  const Image image = blob(224, 224, channels);
  LabelledImages images;
  images.pixels = Tensor::from<std::uint8_t>({1, 224, 224, channels}, image.pixels);
  images.labels = {0};
  images.class_names = {"blob"};
  Augmentation augmentation{.style = style, .rotation = 10, .horizontal_flip = true};
  if (style == AugmentationStyle::keras) augmentation = {.rotation = 45, .zoom_low = .5, .zoom_high = 1.5};
  const AugmentedDataset data(images, augmentation, pixel_scale(255, {}, {}, channels), 1);
  std::vector<float> out(data.sample_shape().elements());
  int epoch = 0;
  for (auto _ : state) {
    data.read(0, epoch++, reinterpret_cast<std::byte*>(out.data()));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(augment)->ArgNames({"style", "channels"})->Args({0, 1})->Args({0, 3})->Args({2, 1})->Args({2, 3});

// One file of CURIE_IMAGES (a folder of a single class), decoded and prepared as covid-cnn-64 does, again and again.
void whole_path(benchmark::State& state) {
  const char* folder = std::getenv("CURIE_IMAGES");
  if (folder == nullptr) {
    state.SkipWithError("set CURIE_IMAGES to a folder of image files");
    return;
  }
  constexpr std::size_t kMostFiles = 200;
  std::vector<std::vector<std::byte>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && files.size() < kMostFiles) files.push_back(read_file(entry.path()));
  }
  if (files.empty()) {
    state.SkipWithError("CURIE_IMAGES holds no file");
    return;
  }
  Preprocessor preprocessor{Preprocessing{}};
  std::vector<std::uint8_t> out(Preprocessing{}.bytes());
  const bool decode_only = state.range(0) == 0;
  std::size_t next = 0;
  for (auto _ : state) {
    Image image = decode_image(files[next++ % files.size()], "image");
    if (!decode_only) preprocessor.run(std::move(image), out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(whole_path)->ArgName("resize")->Arg(0)->Arg(1);

void checksum(benchmark::State& state) {
  const std::vector<std::byte> bytes(std::size_t{1} << 20, std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc32(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(checksum);

}  // namespace
}  // namespace curie
