// Losses as a user names them, and which computation stands behind a name for a given model.
//
// A cross-entropy behind the matching activation is computed from the logits: stable where probabilities saturate, and
// one pass cheaper. Keras on TensorFlow does the same, whatever from_logits says.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ops/backend.h"

namespace curie {

// What stands in the targets' tensor.
enum class TargetForm : std::uint8_t {
  class_index,  // i32 (rows)
  one_hot,      // f32 (rows, classes): 1 in the class's column
  column,       // f32 (rows, 1): the class's number, 0 or 1 for a binary loss
};

struct BinaryCrossentropy {
  bool from_logits = false;
};
struct CategoricalCrossentropy {
  bool from_logits = false;
};
struct SparseCategoricalCrossentropy {
  bool from_logits = false;
};
struct NegativeLogLikelihood {};  // of log-probabilities: the model ends in log_softmax
struct MeanSquaredError {};

class Loss {
 public:
  enum class Family : std::uint8_t { binary, categorical, sparse, nll, mse };

  // Implicit, so that options take `.loss = BinaryCrossentropy{}`.
  Loss(const BinaryCrossentropy& spec) : Loss(Family::binary, spec.from_logits) {}
  Loss(const CategoricalCrossentropy& spec) : Loss(Family::categorical, spec.from_logits) {}
  Loss(const SparseCategoricalCrossentropy& spec) : Loss(Family::sparse, spec.from_logits) {}
  Loss(const NegativeLogLikelihood&) : Loss(Family::nll, false) {}
  Loss(const MeanSquaredError&) : Loss(Family::mse, false) {}

  std::string name() const;  // Keras' names: "binary_crossentropy", ..., "mean_squared_error"
  Family family() const { return family_; }
  bool from_logits() const { return from_logits_; }

  // The computation for a model whose last activation is `last`. uses_logits is set to true when the loss reads the
  // *input* of that activation (and writes its gradient there) instead of its output. Throws Error(usage) for pairs
  // that cannot be meant, such as from_logits behind a sigmoid; warns where probabilities are expected and the model's
  // last activation does not make them.
  LossKind kind_for(Activation last, bool& uses_logits) const;

  // Throws Error(usage) when a model with `width` outputs cannot be trained on that many classes.
  void check_width(int width, int classes) const;
  // For a model with `width` outputs:
  TargetForm target_form(int width) const;
  MatchRule match_rule(int width) const;  // what the metric 'accuracy' means, as Keras resolves it

  nlohmann::json config() const;  // {"kind": name(), "from_logits": ...}
  friend bool operator==(const Loss&, const Loss&) = default;

 private:
  Loss(Family family, bool from_logits) : family_(family), from_logits_(from_logits) {}

  Family family_;
  bool from_logits_;
};

// The loss that `config` (from Loss::config) describes. Throws Error(file) for an unknown kind or field.
Loss make_loss(const nlohmann::json& config);

}  // namespace curie
