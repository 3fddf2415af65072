#include <algorithm>

#include "course/parts.h"
#include "tensor/error.h"

namespace curie {
namespace {

using Extents = std::vector<Extent>;

Conv2dShape shape_of(const Extents& e) {
  Conv2dShape shape{.n = extent_of(e, "n"),
                    .h = extent_of(e, "h"),
                    .w = extent_of(e, "w"),
                    .c = extent_of(e, "c"),
                    .k = extent_of(e, "k"),
                    .r = extent_of(e, "r"),
                    .s = extent_of(e, "s")};
  shape.stride_h = shape.stride_w = extent_of(e, "stride");
  // As "same" padding of a convolution of stride 1: the middle of the filter stands on every pixel.
  shape.pad_top = (shape.r - 1) / 2, shape.pad_left = (shape.s - 1) / 2;
  shape.p = (shape.h - 1) / shape.stride_h + 1, shape.q = (shape.w - 1) / shape.stride_w + 1;
  return shape;
}

Start prepare(Operands& o, const LadderBuild* build, std::size_t rung) {
  Extents extents;
  for (const char* name : {"n", "h", "w", "c", "k", "r", "s", "stride"}) extents.push_back({name, o[name]});
  const Conv2dShape shape = shape_of(extents);
  const float* x = o.integers("x", shape.input_elements());
  const float* w = o.integers("w", shape.weight_elements());
  float* y = o.output("y", shape.output_elements());
  Backend& backend = o.backend();
  // Rung 2 writes the filters down once more.
  const Scratch scratch = o.scratch(std::max(backend.scratch_bytes(shape), shape.weight_elements() * sizeof(float)));
  if (build == nullptr) {
    return [=, &backend] { backend.conv2d_forward(shape, x, w, nullptr, Activation::none, y, scratch); };
  }
  return [=, start = build->conv2d.at(rung), stream = *build->stream_of(backend)] {
    start(stream, shape, x, w, y, scratch);
  };
}

}  // namespace

Course conv2d_course() {
  const std::vector<std::string> fours = {"c"};
  return {
      .name = "conv2d",
      .description = "convolution, NHWC x KRSC, padded by half a filter",
      .extents = {{"n", 1}, {"h", 16}, {"w", 16}, {"c", 16}, {"k", 64}, {"r", 3}, {"s", 3}, {"stride", 1}},
      .timed_extents = {{"n", 64}, {"h", 56}, {"w", 56}, {"c", 128}, {"k", 128}, {"r", 3}, {"s", 3}, {"stride", 1}},
      .exact = true,
      .bound = [](const Extents&) { return 0.0; },
      .operations = [](const Extents& e) { return shape_of(e).flops(); },
      .least_bytes =
          [](const Extents& e) {
            const Conv2dShape s = shape_of(e);
            return 4.0 * static_cast<double>(s.input_elements() + s.weight_elements() + s.output_elements());
          },
      .check =
          [](const Extents& e) {
            CURIE_CHECK(extent_of(e, "r") <= 64 && extent_of(e, "s") <= 64, usage,
                        "--shape: expected filters of at most 64 x 64, got {} x {}", extent_of(e, "r"),
                        extent_of(e, "s"));
          },
      .rungs = {{"conv2d_1_naive", "naive", "a thread an element, neighbours on neighbouring filters"},
                {"conv2d_2_coalesced", "coalescing",
                 "filters written down once more, so that a warp reads whole sectors", Counter::sectors_per_request},
                {"conv2d_3_shared_tiles", "shared tiles", "a matrix product whose patches exist as addresses only",
                 Counter::global_bytes},
                {"conv2d_4_register_blocking", "register blocking",
                 "4 pixels of 4 filters a thread: 8 reads for 16 products", Counter::shared_wavefronts},
                {"conv2d_5_vector_loads", "vector loads", "four channels to a load", Counter::requests, fours},
                {"conv2d_6_double_buffered", "double buffering", "cp.async brings the next tiles during the products",
                 Counter::barriers, fours},
                {.name = "conv2d_7_tensor_cores",
                 .title = "tensor cores",
                 .idea = "1024 products an instruction, operands in TF32",
                 .claim = Counter::shared_wavefronts,
                 .in_fours = {"c", "k"},
                 .tensor_cores = true},
                {.name = "conv2d_8_production",
                 .title = "production",
                 .idea = "cuda/conv2d.cu: any shape, bias and ReLU, tiles by shape",
                 .tensor_cores = true}},
      .prepare = prepare};
}

}  // namespace curie
