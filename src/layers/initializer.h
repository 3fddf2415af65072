// Initial values of parameters. A value depends on the model's seed, the parameter's number and the element's index
// only.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tensor/random.h"

namespace curie {

// fan_in, fan_out: of a Dense layer its inputs and units; of a convolution these times rows * columns of the filter.
struct Fans {
  int in = 1, out = 1;
};

struct Initializer {
  enum class Kind {
    zeros,
    ones,
    constant,           // `value`
    glorot_uniform,     // U(-a, a), a = sqrt(6 / (fan_in + fan_out)): Keras' default for kernels
    glorot_normal,      // truncated normal, stddev = sqrt(2 / (fan_in + fan_out)) / 0.87962566103423978
    he_uniform,         // U(-a, a), a = sqrt(6 / fan_in)
    he_normal,          // truncated normal, stddev = sqrt(2 / fan_in) / 0.87962566103423978
    he_normal_fan_out,  // normal, stddev = sqrt(2 / fan_out): torchvision's convolutions
    pytorch_uniform,    // U(-a, a), a = 1 / sqrt(fan_in): PyTorch's default for kernels and biases
  };
  Kind kind = Kind::glorot_uniform;
  float value = 0.0f;

  // Element i of a uniform distribution comes from element i of the stream. Element i of a normal one is normal number
  // i; a truncated normal draws again while the value lies beyond two standard deviations, attempt a from the stream
  // with `step` raised by a, so that no element's draws depend on another's.
  void fill(const RandomStream& stream, Fans fans, std::span<float> values) const;
  std::string name() const;  // "glorot_uniform", "constant(0.1)"
  // The initializer that has this name. Throws Error(file) for an unknown one.
  static Initializer from_name(std::string_view name);
  friend bool operator==(const Initializer&, const Initializer&) = default;
};

}  // namespace curie
