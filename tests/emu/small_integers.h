// Matrices whose products and sums are exact in every arithmetic of the tensor cores.
#pragma once

#include <random>

namespace curie::test {

// Integers from -8 to 8.
template <typename Matrix>
void fill_small_integers(Matrix& matrix, std::mt19937& random) {
  for (auto& row : matrix) {
    for (float& x : row) x = static_cast<float>(static_cast<int>(random() % 17) - 8);
  }
}

}  // namespace curie::test
