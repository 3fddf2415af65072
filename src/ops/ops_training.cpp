#include <limits>

#include "ops/check.h"
#include "ops/ops.h"

namespace curie::ops {

void loss(Backend& backend, const LossShape& shape, const Tensor& predictions, const Tensor& targets,
          const Tensor& weights, const Tensor& gradient, MetricTotals* totals, Scratch scratch) {
  const Check check(backend, "loss");
  check.rows(shape.rows, shape.classes);
  check.not_null("totals", totals);
  const auto rows = static_cast<std::size_t>(shape.rows);
  const std::size_t matrix = rows * static_cast<std::size_t>(shape.classes);
  const bool indices = takes_class_index(shape.kind);
  backend.loss(shape, check.f32("predictions", predictions, matrix),
               check.address("targets", targets, indices ? DType::i32 : DType::f32, indices ? rows : matrix),
               check.optional_f32("weights", weights, rows), check.optional_f32("gradient", gradient, matrix), totals,
               check.scratch(scratch, backend.scratch_bytes(shape)));
}

void count_correct(Backend& backend, MatchRule rule, int rows, int classes, const Tensor& predictions,
                   const Tensor& targets, MetricTotals* totals) {
  const Check check(backend, "count_correct");
  check.rows(rows, classes);
  check.not_null("totals", totals);
  const std::size_t matrix = std::size_t(rows) * classes;
  const bool indices = rule == MatchRule::sparse;
  backend.count_correct(rule, rows, classes, check.f32("predictions", predictions, matrix),
                        check.address("targets", targets, indices ? DType::i32 : DType::f32,
                                      indices ? static_cast<std::size_t>(rows) : matrix),
                        totals);
}

void clip_gradient(Backend& backend, const ClipShape& shape, const Tensor& segment_ends, const Tensor& gradient,
                   Scratch scratch) {
  const Check check(backend, "clip_gradient");
  check.between("limit", static_cast<double>(shape.limit), std::numeric_limits<float>::min(),
                std::numeric_limits<float>::max());
  const std::int32_t* ends = nullptr;
  if (shape.kind != ClipKind::value) {
    check.at_least("segments", shape.segments, 1);
    ends = check.i32("segment_ends", segment_ends, static_cast<std::size_t>(shape.segments));
  }
  backend.clip_gradient(shape, ends, check.f32("gradient", gradient, shape.count),
                        check.scratch(scratch, backend.scratch_bytes(shape)));
}

void sgd_step(Backend& backend, const SgdArgs& args, const StepState* state, const Tensor& gradient,
              const Tensor& weights, const Tensor& velocity) {
  const Check check(backend, "sgd_step");
  check.not_null("state", state);
  const std::size_t count = weights.elements();
  backend.sgd_step(
      args, count, state, check.f32("gradient", gradient, count), check.f32("weights", weights, count),
      args.momentum == 0.0f ? check.optional_f32("velocity", velocity, count) : check.f32("velocity", velocity, count));
}

void adam_step(Backend& backend, const AdamArgs& args, const StepState* state, const Tensor& gradient,
               const Tensor& weights, const Tensor& first_moment, const Tensor& second_moment) {
  const Check check(backend, "adam_step");
  check.not_null("state", state);
  const std::size_t count = weights.elements();
  backend.adam_step(args, count, state, check.f32("gradient", gradient, count), check.f32("weights", weights, count),
                    check.f32("first_moment", first_moment, count), check.f32("second_moment", second_moment, count));
}

}  // namespace curie::ops
