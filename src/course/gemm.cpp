#include "course/parts.h"

namespace curie {
namespace {

using Extents = std::vector<Extent>;

GemmShape shape_of(const Extents& e) { return {extent_of(e, "m"), extent_of(e, "n"), extent_of(e, "k")}; }

Start prepare(Operands& o, const LadderBuild* build, std::size_t rung) {
  const GemmShape shape{o["m"], o["n"], o["k"]};
  const auto m = static_cast<std::size_t>(shape.m), n = static_cast<std::size_t>(shape.n);
  const auto k = static_cast<std::size_t>(shape.k);
  const float* a = o.integers("a", m * k);
  const float* b = o.integers("b", k * n);
  float* c = o.output("c", m * n);
  Backend& backend = o.backend();
  const DenseShape dense{.n = shape.m, .in = shape.k, .out = shape.n};
  const Scratch scratch = o.scratch(build == nullptr ? backend.scratch_bytes(dense) : build->gemm_scratch_bytes(shape));
  if (build == nullptr) {
    return [=, &backend] { backend.dense_forward(dense, a, b, nullptr, Activation::none, c, scratch); };
  }
  return [=, start = build->gemm.at(rung), stream = *build->stream_of(backend)] {
    start(stream, shape, a, b, c, scratch);
  };
}

}  // namespace

Course gemm_course() {
  const std::vector<std::string> fours = {"n", "k"};
  return {
      .name = "gemm",
      .description = "matrix product, c (m, n) = a (m, k) * b (k, n)",
      .extents = {{"m", 128}, {"n", 128}, {"k", 128}},
      .timed_extents = {{"m", 4096}, {"n", 4096}, {"k", 4096}},
      .exact = true,
      .bound = [](const Extents&) { return 0.0; },
      .operations =
          [](const Extents& e) {
            const GemmShape s = shape_of(e);
            return 2.0 * s.m * s.n * s.k;
          },
      .least_bytes =
          [](const Extents& e) {
            const double m = extent_of(e, "m"), n = extent_of(e, "n"), k = extent_of(e, "k");
            return 4.0 * (m * k + k * n + m * n);
          },
      .check = [](const Extents&) {},
      .rungs = {{"gemm_1_naive", "naive", "a thread an element, neighbours down a column"},
                {"gemm_2_coalesced", "coalescing", "neighbours along a row, so that a warp reads whole sectors",
                 Counter::sectors_per_request},
                {"gemm_3_shared_tiles", "shared tiles", "what a block fetches serves 32 of its threads",
                 Counter::global_bytes},
                {"gemm_4_register_blocking", "register blocking", "4 x 4 elements a thread: 8 reads for 16 products",
                 Counter::shared_wavefronts},
                {"gemm_5_vector_loads", "vector loads", "four floats to a load and a store", Counter::requests, fours},
                {"gemm_6_double_buffered", "double buffering", "cp.async brings the next tiles during the products",
                 Counter::barriers, fours},
                {.name = "gemm_7_tensor_cores",
                 .title = "tensor cores",
                 .idea = "1024 products an instruction, operands in TF32",
                 .claim = Counter::shared_wavefronts,
                 .in_fours = fours,
                 .tensor_cores = true},
                {.name = "gemm_8_production",
                 .title = "production",
                 .idea = "any shape, bias and ReLU, tiles and parts of the depth by shape",
                 .tensor_cores = true}},
      .prepare = prepare};
}

}  // namespace curie
