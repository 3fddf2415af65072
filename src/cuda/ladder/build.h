// One build of the ladder's rungs (by nvcc, emulated, or emulated and checked), as code that knows nothing of builds
// sees it. Rungs stand in the order of their numbers.
#pragma once

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

  // That the most demanding rung wants.
  std::size_t (*gemm_scratch_bytes)(const GemmShape& shape);
  std::size_t (*conv2d_scratch_bytes)(const Conv2dShape& shape);
  std::size_t (*batchnorm_scratch_bytes)(const BatchNormShape& shape);

  // The stream that the backend's work is ordered by; none when the backend is not of this build.
  std::optional<::CUstream_st*> (*stream_of)(const Backend& backend);
  bool (*has_tensor_cores)(const Backend& backend);  // for TF32: compute capability 8.0; of a backend of this build
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
