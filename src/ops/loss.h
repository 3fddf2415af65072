// Losses: value and gradient in one pass. For rows samples of `classes` outputs, with sample weight u (1 if null):
//
//   value added to totals.loss: sum over samples of u * loss(sample);  totals.samples += rows
//   gradient written: u * d loss(sample) / d prediction / rows         (mean over the batch; the divisor stays the
//   count)
//
//   binary_logits       mean over classes of max(z,0) - z*t + log(1 + exp(-|z|))        targets f32 (rows, classes)
//   binary              the same from probabilities clipped to [1e-7, 1 - 1e-7]         targets f32 (rows, classes)
//   categorical_logits  -sum t * log softmax(z)                                         targets f32 (rows, classes)
//   categorical         -sum t * log(p / sum p), p clipped to [1e-7, 1 - 1e-7]          targets f32 (rows, classes)
//   sparse_logits       -log softmax(z)[t]                                              targets i32 (rows)
//   sparse              Keras' rule: log of the clipped p are logits of sparse_logits   targets i32 (rows)
//   nll                 -logp[t]                                                        targets i32 (rows)
//   mse                 mean over classes of (p - t)^2                                  targets f32 (rows, classes)
// A class number outside the classes is Error(data) on the CPU; on a GPU, where a kernel cannot stop, the loss and the
// sample's gradient become NaN.
#pragma once

#include <compare>
#include <cstdint>

namespace curie {

enum class LossKind : std::uint8_t {
  binary_logits,
  binary,
  categorical_logits,
  categorical,
  sparse_logits,
  sparse,
  nll,
  mse
};

constexpr bool takes_class_index(LossKind kind) {
  return kind == LossKind::sparse_logits || kind == LossKind::sparse || kind == LossKind::nll;
}

struct LossShape {
  LossKind kind = LossKind::binary_logits;
  int rows = 0, classes = 0;
  auto operator<=>(const LossShape&) const = default;
};

// How a prediction becomes a class: probability > 0.5 in every column, or the largest column (first one on ties). A row
// with a NaN is never right. Targets: f32 (rows, classes) for binary and categorical, i32 (rows) for sparse.
enum class MatchRule : std::uint8_t { binary, categorical, sparse };

}  // namespace curie
