// One build of the ladder's rungs (by nvcc, emulated, or emulated and checked), as code that knows nothing of builds
// sees it. Rungs stand in the order of their numbers.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cuda/ladder/shapes.h"
#include "ops/backend.h"

namespace curie {

struct LadderBuild {
  std::vector<GemmRung*> gemm;
  std::vector<Conv2dRung*> conv2d;
  std::vector<SoftmaxRung*> softmax;
  std::vector<BatchNormRung*> batchnorm;

  // As in rungs.h.
  void (*roof_multiply_adds)(::CUstream_st* stream, std::size_t threads, int rounds, float* y);
  void (*roof_tensor_cores)(::CUstream_st* stream, std::size_t threads, int rounds, float* y);
  int roof_chains;

  // The stream that the backend's work is ordered by; none when the backend is not of this build.
  std::optional<::CUstream_st*> (*stream_of)(const Backend& backend);
  bool (*has_tensor_cores)(const Backend& backend);  // for TF32: compute capability 8.0; of a backend of this build
  // What `start` starts on the stream, from before to after, by the device's clock.
  double (*milliseconds)(::CUstream_st* stream, const std::function<void()>& start);
};

namespace cuda {
const LadderBuild& ladder_build();
}
namespace emulated {
const LadderBuild& ladder_build();
}
namespace checked {
const LadderBuild& ladder_build();
}

}  // namespace curie
