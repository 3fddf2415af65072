#include "loss/loss.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "support/throws.h"
#include "tensor/log.h"

namespace curie {
namespace {

struct Choice {
  LossKind kind;
  bool uses_logits;
  bool warned;
  friend bool operator==(const Choice&, const Choice&) = default;
};

Choice choose(const Loss& loss, Activation last) {
  bool warned = false;
  LogSink before = set_log_sink([&](LogLevel level, std::string_view) { warned = level == LogLevel::warning; });
  Choice choice{};
  std::string failure;
  try {
    // Starts wrong, so that a value which is not set shows.
    choice.uses_logits = last == Activation::none;
    choice.kind = loss.kind_for(last, choice.uses_logits);
  } catch (const Error& error) {
    failure = error.what();
  }
  set_log_sink(std::move(before));
  choice.warned = warned;
  REQUIRE(failure == "");
  return choice;
}

TEST_CASE("Loss: a cross-entropy behind its activation is computed from the logits") {
  CHECK(choose(BinaryCrossentropy{}, Activation::sigmoid) == Choice{LossKind::binary_logits, true, false});
  CHECK(choose(CategoricalCrossentropy{}, Activation::softmax) == Choice{LossKind::categorical_logits, true, false});
  CHECK(choose(SparseCategoricalCrossentropy{}, Activation::softmax) == Choice{LossKind::sparse_logits, true, false});
  CHECK(choose(NegativeLogLikelihood{}, Activation::log_softmax) == Choice{LossKind::sparse_logits, true, false});
}

TEST_CASE("Loss: from_logits behind a linear layer") {
  CHECK(choose(BinaryCrossentropy{.from_logits = true}, Activation::none) ==
        Choice{LossKind::binary_logits, false, false});
  CHECK(choose(CategoricalCrossentropy{.from_logits = true}, Activation::none) ==
        Choice{LossKind::categorical_logits, false, false});
  CHECK(choose(SparseCategoricalCrossentropy{.from_logits = true}, Activation::none) ==
        Choice{LossKind::sparse_logits, false, false});
  // Log-probabilities are logits too: softmax leaves them as they are.
  CHECK(choose(CategoricalCrossentropy{.from_logits = true}, Activation::log_softmax) ==
        Choice{LossKind::categorical_logits, false, false});
}

TEST_CASE("Loss: otherwise from probabilities, with a warning where the model makes none") {
  CHECK(choose(BinaryCrossentropy{}, Activation::softmax) == Choice{LossKind::binary, false, false});
  CHECK(choose(CategoricalCrossentropy{}, Activation::sigmoid) == Choice{LossKind::categorical, false, false});
  CHECK(choose(SparseCategoricalCrossentropy{}, Activation::sigmoid) == Choice{LossKind::sparse, false, false});
  CHECK(choose(BinaryCrossentropy{}, Activation::none) == Choice{LossKind::binary, false, true});
  CHECK(choose(CategoricalCrossentropy{}, Activation::relu) == Choice{LossKind::categorical, false, true});
  CHECK(choose(NegativeLogLikelihood{}, Activation::none) == Choice{LossKind::nll, false, false});
  for (const Activation last : {Activation::none, Activation::sigmoid, Activation::softmax}) {
    CHECK(choose(MeanSquaredError{}, last) == Choice{LossKind::mse, false, false});
  }
}

TEST_CASE("Loss: pairs that cannot be meant") {
  bool uses_logits = false;
  CHECK_ERROR([&] { Loss(BinaryCrossentropy{.from_logits = true}).kind_for(Activation::sigmoid, uses_logits); }, usage,
              "from_logits is true, but the model ends in sigmoid; drop one of the two");
  CHECK_ERROR([&] { Loss(NegativeLogLikelihood{}).kind_for(Activation::softmax, uses_logits); }, usage,
              "end it in log_softmax");
  CHECK_ERROR([&] { Loss(CategoricalCrossentropy{}).kind_for(Activation::log_softmax, uses_logits); }, usage,
              "use NegativeLogLikelihood");
}

TEST_CASE("Loss: targets and the meaning of accuracy") {
  CHECK(Loss(BinaryCrossentropy{}).target_form(1) == TargetForm::column);
  CHECK(Loss(BinaryCrossentropy{}).target_form(2) == TargetForm::one_hot);
  CHECK(Loss(CategoricalCrossentropy{}).target_form(4) == TargetForm::one_hot);
  CHECK(Loss(SparseCategoricalCrossentropy{}).target_form(4) == TargetForm::class_index);
  CHECK(Loss(NegativeLogLikelihood{}).target_form(4) == TargetForm::class_index);
  CHECK(Loss(MeanSquaredError{}).target_form(1) == TargetForm::column);

  CHECK(Loss(BinaryCrossentropy{}).match_rule(1) == MatchRule::binary);
  CHECK(Loss(BinaryCrossentropy{}).match_rule(2) == MatchRule::categorical);
  CHECK(Loss(CategoricalCrossentropy{}).match_rule(3) == MatchRule::categorical);
  CHECK(Loss(SparseCategoricalCrossentropy{}).match_rule(3) == MatchRule::sparse);
}

TEST_CASE("Loss: the number of outputs must suit the classes") {
  Loss(BinaryCrossentropy{}).check_width(1, 2);
  Loss(BinaryCrossentropy{}).check_width(2, 2);
  Loss(CategoricalCrossentropy{}).check_width(4, 4);
  Loss(MeanSquaredError{}).check_width(1, 5);
  CHECK_ERROR([] { Loss(BinaryCrossentropy{}).check_width(1, 3); }, usage,
              "loss binary_crossentropy: the model has 1 outputs for 3 classes; give its last layer 3 units");
  CHECK_ERROR([] { Loss(BinaryCrossentropy{}).check_width(3, 2); }, usage, "give its last layer 1 unit with sigmoid");
  CHECK_ERROR([] { Loss(CategoricalCrossentropy{}).check_width(3, 4); }, usage,
              "loss categorical_crossentropy: the model has 3 outputs for 4 classes; give its last layer 4 units");
  CHECK_ERROR([] { Loss(SparseCategoricalCrossentropy{}).check_width(1, 2); }, usage, "use BinaryCrossentropy");
}

TEST_CASE("Loss: configs read back, and nothing else does") {
  for (const Loss& loss :
       {Loss(BinaryCrossentropy{}), Loss(BinaryCrossentropy{.from_logits = true}), Loss(CategoricalCrossentropy{true}),
        Loss(SparseCategoricalCrossentropy{true}), Loss(NegativeLogLikelihood{}), Loss(MeanSquaredError{})}) {
    CAPTURE(loss.config().dump());
    CHECK(make_loss(nlohmann::json::parse(loss.config().dump())) == loss);
  }
  CHECK_ERROR([] { make_loss({{"kind", "hinge"}}); }, file, "expected a kind among binary_crossentropy");
  CHECK_ERROR([] { make_loss({{"kind", "binary_crossentropy"}}); }, file, "\"from_logits\" is missing");
  CHECK_ERROR([] { make_loss({{"kind", "mean_squared_error"}, {"from_logits", true}}); }, file, "is unknown");
}

}  // namespace
}  // namespace curie
