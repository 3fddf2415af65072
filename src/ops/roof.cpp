#include "ops/roof.h"

#include <algorithm>

namespace curie {

std::string_view name_of(Bound bound) {
  switch (bound) {
    case Bound::arithmetic:
      return "arithmetic";
    case Bound::memory:
      return "memory";
    case Bound::launch:
      break;
  }
  return "launch";
}

LeastTime least_time(const Work& work, double launches, const Roof& roof) {
  const auto seconds = [](double amount, double rate) { return amount > 0.0 ? amount / rate : 0.0; };
  // Tensor cores and the rest of a multiprocessor work at the same time.
  const double arithmetic =
      std::max(seconds(work.products, roof.products), seconds(work.elementwise, roof.elementwise));
  LeastTime least{.seconds = launches * roof.launch, .bound = Bound::launch};
  if (arithmetic > least.seconds) least = {arithmetic, Bound::arithmetic};
  if (const double memory = seconds(work.bytes, roof.bytes); memory > least.seconds) least = {memory, Bound::memory};
  return least;
}

}  // namespace curie
