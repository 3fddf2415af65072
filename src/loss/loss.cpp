#include "loss/loss.h"

#include "tensor/error.h"
#include "tensor/json_fields.h"
#include "tensor/log.h"

namespace curie {
namespace {

using Family = Loss::Family;

bool is_crossentropy(Family family) {
  return family == Family::binary || family == Family::categorical || family == Family::sparse;
}

LossKind logits_kind(Family family) {
  if (family == Family::binary) return LossKind::binary_logits;
  return family == Family::categorical ? LossKind::categorical_logits : LossKind::sparse_logits;
}

LossKind probability_kind(Family family) {
  if (family == Family::binary) return LossKind::binary;
  return family == Family::categorical ? LossKind::categorical : LossKind::sparse;
}

bool makes_probabilities(Activation last) { return last == Activation::sigmoid || last == Activation::softmax; }

}  // namespace

std::string Loss::name() const {
  switch (family_) {
    case Family::binary:
      return "binary_crossentropy";
    case Family::categorical:
      return "categorical_crossentropy";
    case Family::sparse:
      return "sparse_categorical_crossentropy";
    case Family::nll:
      return "negative_log_likelihood";
    case Family::mse:
      break;
  }
  return "mean_squared_error";
}

LossKind Loss::kind_for(Activation last, bool& uses_logits) const {
  uses_logits = false;
  if (family_ == Family::mse) return LossKind::mse;
  if (family_ == Family::nll) {
    CURIE_CHECK(!makes_probabilities(last), usage,
                "loss {}: expected log-probabilities, but the model ends in {}; end it in log_softmax, or use "
                "SparseCategoricalCrossentropy",
                name(), name_of(last));
    uses_logits = last == Activation::log_softmax;
    return uses_logits ? LossKind::sparse_logits : LossKind::nll;
  }
  if (from_logits_) {
    CURIE_CHECK(!makes_probabilities(last), usage,
                "loss {}: from_logits is true, but the model ends in {}; drop one of the two", name(), name_of(last));
    return logits_kind(family_);
  }
  CURIE_CHECK(last != Activation::log_softmax, usage,
              "loss {}: expected probabilities, but the model ends in log_softmax; use NegativeLogLikelihood, or end "
              "the model in softmax",
              name());
  const Activation matching = family_ == Family::binary ? Activation::sigmoid : Activation::softmax;
  uses_logits = last == matching;
  if (uses_logits) return logits_kind(family_);
  if (!makes_probabilities(last)) {
    log_warning(
        "loss {}: the model ends in {}, whose values are no probabilities and will be clipped to (0, 1); end it in {}, "
        "or set from_logits",
        name(), name_of(last), name_of(matching));
  }
  return probability_kind(family_);
}

void Loss::check_width(int width, int classes) const {
  CURIE_CHECK(width >= 1 && classes >= 1, usage, "loss {}: expected outputs and classes, got {} and {}", name(), width,
              classes);
  const bool one_column = family_ == Family::mse || (family_ == Family::binary && classes <= 2);
  if (width == 1 && one_column) return;
  CURIE_CHECK(width != 1 || classes != 2, usage,
              "loss {}: the model has 1 output for 2 classes; use BinaryCrossentropy, or 2 outputs with softmax",
              name());
  CURIE_CHECK(width == classes, usage, "loss {}: the model has {} outputs for {} classes; give its last layer {}",
              name(), width, classes,
              family_ == Family::binary && classes == 2 ? "1 unit with sigmoid" : fmt::format("{} units", classes));
}

TargetForm Loss::target_form(int width) const {
  if (family_ == Family::sparse || family_ == Family::nll) return TargetForm::class_index;
  return width == 1 ? TargetForm::column : TargetForm::one_hot;
}

MatchRule Loss::match_rule(int width) const {
  if (width == 1) return MatchRule::binary;
  return target_form(width) == TargetForm::class_index ? MatchRule::sparse : MatchRule::categorical;
}

nlohmann::json Loss::config() const {
  nlohmann::json config = {{"kind", name()}};
  if (is_crossentropy(family_)) config["from_logits"] = from_logits_;
  return config;
}

Loss make_loss(const nlohmann::json& config) {
  JsonFields fields(config, "loss");
  std::string names;
  for (const Loss& loss :
       {Loss(BinaryCrossentropy{}), Loss(CategoricalCrossentropy{}), Loss(SparseCategoricalCrossentropy{}),
        Loss(NegativeLogLikelihood{}), Loss(MeanSquaredError{})}) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", loss.name());
    if (fields.kind() != loss.name()) continue;
    const bool from_logits = is_crossentropy(loss.family()) && fields.flag("from_logits");
    fields.finish();
    switch (loss.family()) {
      case Family::binary:
        return BinaryCrossentropy{from_logits};
      case Family::categorical:
        return CategoricalCrossentropy{from_logits};
      case Family::sparse:
        return SparseCategoricalCrossentropy{from_logits};
      case Family::nll:
      case Family::mse:
        return loss;
    }
  }
  throw_error(ErrorKind::file,
              fmt::format("loss: expected a kind among {}, got \"{}\"", names, fields.kind().substr(0, 60)));
}

}  // namespace curie
