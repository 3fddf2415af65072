// The random numbers of numpy.random.RandomState, bit for bit, so that a seed from a Python script gives the same
// split and the same synthetic samples here. Checked against numpy 1.24.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace curie {

class NumpyRandom {
 public:
  // RandomState(seed) for an integer seed: Knuth's initialisation (init_genrand), which std::mt19937 shares.
  explicit NumpyRandom(std::uint32_t seed) : engine_(seed) {}

  std::uint32_t next_u32() { return static_cast<std::uint32_t>(engine_()); }

  // random_sample() and uniform(): 53 random bits in [0, 1).
  double uniform();

  // randint(low, high) of the default type int64: uniform on [low, high). Throws usage unless low < high.
  std::int64_t randint(std::int64_t low, std::int64_t high);

  // shuffle(): Fisher-Yates from the last element down.
  template <typename T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i-- > 1;) {
      std::swap(values[i], values[static_cast<std::size_t>(interval(i))]);
    }
  }

  // permutation(n): 0 .. n - 1, shuffled. Throws usage for n < 0.
  std::vector<int> permutation(int n);

  // choice(n, count, replace=False): `count` different numbers below n. Throws usage unless 0 <= count <= n.
  std::vector<int> choice(int n, int count);

 private:
  // Uniform on [0, last], by masking and rejection; draws nothing when last is 0.
  std::uint64_t interval(std::uint64_t last);

  std::mt19937 engine_;
};

}  // namespace curie
