#include "catalogue/entries.h"

namespace curie {
namespace {

const std::vector<Extent> kRows = {{"rows", 70}, {"classes", 5}};
const std::vector<std::string> kManyRows = {"rows=700,classes=40"};
const std::vector<Extent> kCount = {{"count", 1000}};

std::size_t rows(const Operands& o) { return static_cast<std::size_t>(o["rows"]); }
std::size_t table(const Operands& o) { return rows(o) * static_cast<std::size_t>(o["classes"]); }
std::size_t count(const Operands& o) { return static_cast<std::size_t>(o["count"]); }

CatalogueEntry loss(const char* suffix, const char* description, LossKind kind, float low, float high) {
  return {std::string("loss_") + suffix,
          description,
          kRows,
          false,
          [=](Operands& o) {
            const LossShape shape{kind, o["rows"], o["classes"]};
            const float* predictions = o.uniform("predictions", table(o), low, high);
            const void* targets = nullptr;
            if (takes_class_index(kind)) {
              targets = o.indices("targets", rows(o), o["classes"]);
            } else {
              targets = o.uniform("targets", table(o), 0.0f, 1.0f);
            }
            const float* weights = o.uniform("weights", rows(o), 0.5f, 2.0f);
            float* gradient = o.output("gradient", table(o));
            o.backend().loss(shape, predictions, targets, weights, gradient, o.totals(),
                             o.scratch(o.backend().scratch_bytes(shape)));
          },
          nullptr,
          kManyRows};
}

void count_correct(Operands& o) {
  const float* predictions = o.uniform("predictions", table(o), 0.0f, 1.0f);
  const std::int32_t* targets = o.indices("targets", rows(o), o["classes"]);
  o.backend().count_correct(MatchRule::sparse, o["rows"], o["classes"], predictions, targets, o.totals());
}

// Segments of growing length that share the floats: the shortest has few, the longest half of them.
CatalogueEntry clip(const char* suffix, const char* description, ClipKind kind) {
  return {std::string("clip_gradient_") + suffix,
          description,
          {{"count", 5000}, {"segments", 5}},
          true,
          [kind](Operands& o) {
            const ClipShape shape{kind, kind == ClipKind::value ? 1.0f : 2.0f, count(o), o["segments"]};
            std::vector<std::int32_t> ends(static_cast<std::size_t>(shape.segments));
            for (std::size_t i = 0; i < ends.size(); ++i) {
              ends[i] = static_cast<std::int32_t>((i + 1) * (i + 2) * shape.count / (ends.size() * (ends.size() + 1)));
            }
            const std::int32_t* segment_ends = o.given("segment_ends", ends);
            float* gradient = o.integers_in_and_out("gradient", shape.count);
            o.backend().clip_gradient(shape, kind == ClipKind::value ? nullptr : segment_ends, gradient,
                                      o.scratch(o.backend().scratch_bytes(shape)));
          },
          nullptr,
          {"count=70000,segments=3", "count=7,segments=7"}};
}

// Calls step(the backend's primitives, their last arguments...), which rounds the weights in the same pass on bfloat16.
template <typename T, typename Step>
void optimizer_step(Operands& o, const Step& step) {
  const float* gradient = o.uniform("gradient", count(o));
  float* weights = o.in_and_out("weights", count(o), -1.0f, 1.0f);
  if constexpr (std::is_same_v<T, Bf16>) {
    step(o.on<T>(), gradient, weights, o.output<T>("rounded_weights", count(o)));
  } else {
    if (o.rounds()) o.also_output("rounded_weights", weights, count(o));
    step(o.on<T>(), gradient, weights);
  }
}

template <typename T>
void sgd_step(Operands& o) {
  optimizer_step<T>(o, [&](auto& on, const float* gradient, float* weights, auto... rounded) {
    float* velocity = o.in_and_out("velocity", count(o), -1.0f, 1.0f);
    on.sgd_step({.momentum = 0.9f, .nesterov = true}, count(o), o.state({.learning_rate = 0.01f}), gradient, weights,
                velocity, rounded...);
  });
}

template <typename T>
void adam_step(Operands& o) {
  optimizer_step<T>(o, [&](auto& on, const float* gradient, float* weights, auto... rounded) {
    float* first = o.in_and_out("first_moment", count(o), -1.0f, 1.0f);
    float* second = o.in_and_out("second_moment", count(o), 0.0f, 1.0f);
    const StepState state{
        .step = 2, .learning_rate = 1e-3f, .momentum_correction = 0.271f, .variance_correction = 0.003f};
    on.adam_step({}, count(o), o.state(state), gradient, weights, first, second, rounded...);
  });
}

}  // namespace

std::vector<CatalogueEntry> training_entries() {
  return {
      loss("binary_logits", "binary cross-entropy from logits, value and gradient", LossKind::binary_logits, -4.0f,
           4.0f),
      loss("binary", "binary cross-entropy from probabilities", LossKind::binary, 0.05f, 0.95f),
      loss("categorical_logits", "cross-entropy from logits", LossKind::categorical_logits, -4.0f, 4.0f),
      loss("categorical", "cross-entropy from probabilities", LossKind::categorical, 0.05f, 0.95f),
      loss("sparse_logits", "cross-entropy from logits and class numbers", LossKind::sparse_logits, -4.0f, 4.0f),
      loss("sparse", "cross-entropy from probabilities and class numbers", LossKind::sparse, 0.05f, 0.95f),
      loss("nll", "negative log-likelihood from log-probabilities", LossKind::nll, -4.0f, 0.0f),
      loss("mse", "mean squared error", LossKind::mse, -1.0f, 1.0f),
      {"count_correct", "rows whose prediction is the target", kRows, true, count_correct, nullptr, kManyRows},
      clip("value", "gradients held between two bounds", ClipKind::value),
      clip("norm", "gradients scaled down where a variable's norm is too large", ClipKind::norm),
      clip("global_norm", "gradients scaled down where the norm of all is too large", ClipKind::global_norm),
      {"sgd_step", "SGD with Nesterov momentum over a flat run of parameters", kCount, false, sgd_step<float>,
       sgd_step<Bf16>},
      {"adam_step", "Adam over a flat run of parameters", kCount, false, adam_step<float>, adam_step<Bf16>},
  };
}

}  // namespace curie
