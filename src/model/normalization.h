// How 8-bit pixels become the network's floats: (v / divisor - mean[c]) / stddev[c].
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "tensor/tensor.h"

namespace curie {

struct Normalization {
  double divisor = 255.0;
  std::vector<double> mean = {};    // one a channel; empty: 0
  std::vector<double> stddev = {};  // one a channel; empty: 1

  // (channels, 256) floats, each computed in double and rounded once: what Backend::normalize_u8 reads.
  Tensor table(int channels) const;
};

nlohmann::json to_json(const Normalization& normalization);
Normalization normalization_from_json(const nlohmann::json& json);

}  // namespace curie
