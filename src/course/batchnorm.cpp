#include "course/parts.h"

namespace curie {
namespace {

using Extents = std::vector<Extent>;

Start prepare(Operands& o, const LadderBuild* build, std::size_t rung) {
  const BatchNormShape shape{.rows = o["rows"], .channels = o["channels"]};
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t count = static_cast<std::size_t>(shape.rows) * channels;
  BatchNormArrays arrays{};
  arrays.x = o.uniform("x", count);
  arrays.gamma = o.uniform("gamma", channels);
  arrays.beta = o.uniform("beta", channels);
  arrays.y = o.output("y", count);
  arrays.mean = o.output("mean", channels);
  arrays.inv_std = o.output("inv_std", channels);
  // The other rungs leave these alone, so they are no result.
  arrays.running_mean = o.uniform("running_mean", channels);
  arrays.running_variance = o.uniform("running_variance", channels, 0.0f, 1.0f);
  Backend& backend = o.backend();
  const Scratch scratch =
      o.scratch(build == nullptr ? backend.scratch_bytes(shape) : build->batchnorm_scratch_bytes(shape));
  if (build == nullptr) {
    return [=, &backend] {
      backend.batch_norm_forward(shape, arrays.x, arrays.gamma, arrays.beta, arrays.y, arrays.mean, arrays.inv_std,
                                 arrays.running_mean, arrays.running_variance, scratch);
    };
  }
  return [=, start = build->batchnorm.at(rung), stream = *build->stream_of(backend)] {
    start(stream, shape, arrays, scratch);
  };
}

}  // namespace

Course batchnorm_course() {
  return {
      .name = "batchnorm",
      .description = "batch norm in training over (rows, channels)",
      .extents = {{"rows", 4096}, {"channels", 64}},
      .timed_extents = {{"rows", 1 << 20}, {"channels", 64}},
      // A sum of `rows` floats has a rounding for each addition, its share in y is about as large; values and
      // deviations are of the order of 1, and an x that lies anywhere in [-1, 1] is at most 2 from the shift.
      .bound = [](const Extents& e) { return kFloatRounding * 8.0 * (extent_of(e, "rows") + 32.0); },
      .operations = [](const Extents& e) { return 6.0 * extent_of(e, "rows") * extent_of(e, "channels"); },
      .least_bytes =
          [](const Extents& e) {
            const double channels = extent_of(e, "channels");
            return 4.0 * (2.0 * extent_of(e, "rows") * channels + 4.0 * channels);
          },
      .check = [](const Extents&) {},
      .rungs = {{"batchnorm_1_naive", "naive", "a block a channel, three passes"},
                {"batchnorm_2_coalesced", "coalescing", "32 neighbouring channels a block",
                 Counter::sectors_per_request},
                {"batchnorm_3_one_pass", "one pass", "mean and variance from two shifted sums", Counter::global_bytes},
                {"batchnorm_4_split_rows", "split rows", "a block for each 512 rows, in three kernels",
                 Counter::blocks},
                {"batchnorm_5_vector_loads",
                 "vector loads",
                 "four channels to a load and a store",
                 Counter::requests,
                 {"channels"}},
                {"batchnorm_6_production", "production", "cuda/batch_norm.cu: running statistics, groups of rows"}},
      .prepare = prepare};
}

}  // namespace curie
