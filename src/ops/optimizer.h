// One optimizer step over a flat run of parameters; the step's scalars come from StepState on the device.
//
//   SGD, keras convention:   v = momentum * v - rate * g;  w += v            (Nesterov: w += momentum * v - rate * g)
//   SGD, pytorch convention: v = momentum * v + g;         w -= rate * v     (Nesterov: w -= rate * (g + momentum * v))
//     momentum 0: w -= rate * g, no velocity. The two differ when the rate changes.
//   Adam (Kingma, Ba 2015):  m = b1 * m + (1 - b1) * g;  v = b2 * v + (1 - b2) * g^2;  c1 = 1 - b1^t, c2 = 1 - b2^t
//     keras convention:      w -= rate * sqrt(c2) / c1 * m / (sqrt(v) + epsilon)
//     pytorch convention:    w -= rate / c1 * m / (sqrt(v / c2) + epsilon)
//   rate: StepState's, times rate_multiplier.
//   weight_decay, l2: g += weight_decay * w first;  decoupled: w -= rate * weight_decay * w first (AdamW).
#pragma once

namespace curie {

enum class Convention { keras, pytorch };
enum class DecayKind { decoupled, l2 };

struct SgdArgs {
  float momentum = 0.0f;
  bool nesterov = false;
  Convention convention = Convention::keras;
  float weight_decay = 0.0f;
  DecayKind decay_kind = DecayKind::decoupled;
  float rate_multiplier = 1.0f;
};

struct AdamArgs {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-7f;
  Convention convention = Convention::keras;
  float weight_decay = 0.0f;
  DecayKind decay_kind = DecayKind::decoupled;
  float rate_multiplier = 1.0f;
};

}  // namespace curie
