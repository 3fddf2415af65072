#include "course/parts.h"

namespace curie {
namespace {

using Extents = std::vector<Extent>;

double elements(const Extents& e) { return 1.0 * extent_of(e, "rows") * extent_of(e, "classes"); }

Start prepare(Operands& o, const LadderBuild* build, std::size_t rung) {
  const SoftmaxShape shape{o["rows"], o["classes"]};
  const std::size_t count = static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.classes);
  const float* x = o.uniform("x", count, -4.0f, 4.0f);
  float* y = o.output("y", count);
  Backend& backend = o.backend();
  if (build == nullptr) return [=, &backend] { backend.softmax_forward(shape.rows, shape.classes, x, y); };
  return [=, start = build->softmax.at(rung), stream = *build->stream_of(backend)] { start(stream, shape, x, y); };
}

}  // namespace

Course softmax_course() {
  return {.name = "softmax",
          .description = "softmax of each row of (rows, classes)",
          .extents = {{"rows", 64}, {"classes", 256}},
          .timed_extents = {{"rows", 65536}, {"classes", 1024}},
          // Results are at most 1. An exponential has two roundings of its own and up to 8 of its argument (|x| < 8); a
          // sum of `classes` floats one for each addition, the division one more.
          .bound = [](const Extents& e) { return kFloatRounding * (extent_of(e, "classes") + 32.0); },
          .operations = [](const Extents& e) { return 4.0 * elements(e); },
          .least_bytes = [](const Extents& e) { return 8.0 * elements(e); },
          .check = [](const Extents&) {},
          .rungs = {{"softmax_1_naive", "naive", "a thread a row, three passes"},
                    {"softmax_2_coalesced", "coalescing", "a warp a row, put together by shuffles",
                     Counter::sectors_per_request},
                    {"softmax_3_online", "online", "the largest value and the sum in one pass", Counter::global_bytes},
                    {.name = "softmax_4_in_registers",
                     .title = "in registers",
                     .idea = "the row is read once and kept",
                     .claim = Counter::global_bytes,
                     .limited = "classes",
                     .limit = kSoftmaxInRegisters},
                    {.name = "softmax_5_vector_loads",
                     .title = "vector loads",
                     .idea = "four classes to a load and a store",
                     .claim = Counter::requests,
                     .in_fours = {"classes"},
                     .limited = "classes",
                     .limit = kSoftmaxInRegisters},
                    {"softmax_6_production", "production", "cuda/softmax.cu: rows of any length, sums in double"}},
          .prepare = prepare};
}

}  // namespace curie
