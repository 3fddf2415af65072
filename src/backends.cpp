// The only file that names every backend.
#include <fmt/format.h>

#include <algorithm>

#include "ops/backend.h"
#include "tensor/error.h"

namespace curie {

std::unique_ptr<Backend> make_backend(const std::string& device, int threads) {
  CURIE_CHECK(threads >= 0, usage, "threads: expected at least 0 (0: one a core), got {}", threads);
  if (device == "auto" || device == "cpu") return make_cpu_backend(threads);
  const bool cuda = device == "cuda" || device.rfind("cuda:", 0) == 0;
  CURIE_CHECK(!cuda, usage,
              "device \"{}\": this build of Curie has the CPU backend only, no CUDA kernels; use --device cpu or auto",
              device);
  throw_error(ErrorKind::usage, fmt::format("device \"{}\" is unknown; expected auto or cpu", device));
}

}  // namespace curie
