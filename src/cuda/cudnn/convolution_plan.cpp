#include "cuda/cudnn/convolution_plan.h"

#include <algorithm>

#include "tensor/log.h"

namespace curie::CURIE_GPU {
namespace {

bool not_supported(cudnnStatus_t status) { return CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED; }

// One direction: `list` asks cuDNN for algorithms, the quickest by its estimate or by its trial first, `size` for the
// workspace of one.
template <typename Performance, typename List, typename Size>
auto choose(const CudnnFunctions& cudnn, const char* direction, Math math, Choice choice, const Conv2dShape& shape,
            std::size_t workspace_limit, List list, Size size) {
  using Algorithm = decltype(Performance::algo);
  ConvolutionDescriptor convolution = describe_convolution(cudnn, shape);
  const auto set_math = [&](cudnnMathType_t type) {
    cudnn.check(cudnn.cudnnSetConvolutionMathType(convolution.get(), type), "cudnnSetConvolutionMathType");
  };
  set_math(rounds_factors(math) ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH);  // the default takes float32 as TF32

  constexpr int kMost = 16;
  Performance found[kMost] = {};
  int count = 0;
  const cudnnStatus_t status = list(convolution.get(), kMost, &count, found);
  if (!not_supported(status)) cudnn.check(status, direction);
  for (int i = 0; i < count; ++i) {
    if (found[i].status != CUDNN_STATUS_SUCCESS) continue;
    if (choice == Choice::repeatable && found[i].determinism != CUDNN_DETERMINISTIC) continue;
    if (rounds_factors(math)) set_math(found[i].mathType);
    std::size_t workspace = 0;
    if (size(convolution.get(), found[i].algo, &workspace) != CUDNN_STATUS_SUCCESS) continue;
    if (workspace > workspace_limit) continue;
    return std::optional(ConvolutionChoice<Algorithm>{std::move(convolution), found[i].algo, workspace});
  }
  log_info(
      "cuDNN: {} offers no {}algorithm within {} bytes of workspace for x ({}, {}, {}, {}), filters "
      "({}, {}, {}, {}): Curie's kernel works there",
      direction, choice == Choice::repeatable ? "deterministic " : "", workspace_limit, shape.n, shape.h, shape.w,
      shape.c, shape.k, shape.r, shape.s, shape.c);
  return std::optional<ConvolutionChoice<Algorithm>>();
}

}  // namespace

std::size_t ConvolutionPlan::workspace() const {
  return std::max({forward ? forward->workspace : 0, backward_input ? backward_input->workspace : 0,
                   backward_weights ? backward_weights->workspace : 0});
}

ConvolutionPlan plan_convolution(const CudnnFunctions& cudnn, cudnnHandle_t handle, Math math, Choice choice,
                                 const Conv2dShape& shape, std::size_t workspace_limit) {
  ConvolutionPlan plan;
  if (!cudnn_takes(shape)) return plan;
  const cudnnDataType_t type = stored_type(math);
  plan.x = describe_tensor(cudnn, shape.n, shape.h, shape.w, shape.c, type);
  plan.y = describe_tensor(cudnn, shape.n, shape.p, shape.q, shape.k, type);
  plan.bias = describe_tensor(cudnn, 1, 1, 1, shape.k, type);
  plan.w = describe_filters(cudnn, shape, type);
  const cudnnTensorDescriptor_t x = plan.x.get(), y = plan.y.get();
  const cudnnFilterDescriptor_t w = plan.w.get();

  const bool trial = choice == Choice::fastest;
  plan.forward = choose<cudnnConvolutionFwdAlgoPerf_t>(
      cudnn, "cudnnGetConvolutionForwardAlgorithm_v7", math, choice, shape, workspace_limit,
      [&](auto convolution, int most, int* count, auto* found) {
        const auto list =
            trial ? cudnn.cudnnFindConvolutionForwardAlgorithm : cudnn.cudnnGetConvolutionForwardAlgorithm_v7;
        return list(handle, x, w, convolution, y, most, count, found);
      },
      [&](auto convolution, auto algorithm, std::size_t* bytes) {
        return cudnn.cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, convolution, y, algorithm, bytes);
      });
  plan.backward_input = choose<cudnnConvolutionBwdDataAlgoPerf_t>(
      cudnn, "cudnnGetConvolutionBackwardDataAlgorithm_v7", math, choice, shape, workspace_limit,
      [&](auto convolution, int most, int* count, auto* found) {
        const auto list =
            trial ? cudnn.cudnnFindConvolutionBackwardDataAlgorithm : cudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7;
        return list(handle, w, y, convolution, x, most, count, found);
      },
      [&](auto convolution, auto algorithm, std::size_t* bytes) {
        return cudnn.cudnnGetConvolutionBackwardDataWorkspaceSize(handle, w, y, convolution, x, algorithm, bytes);
      });
  plan.backward_weights = choose<cudnnConvolutionBwdFilterAlgoPerf_t>(
      cudnn, "cudnnGetConvolutionBackwardFilterAlgorithm_v7", math, choice, shape, workspace_limit,
      [&](auto convolution, int most, int* count, auto* found) {
        const auto list = trial ? cudnn.cudnnFindConvolutionBackwardFilterAlgorithm
                                : cudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7;
        return list(handle, x, y, convolution, w, most, count, found);
      },
      [&](auto convolution, auto algorithm, std::size_t* bytes) {
        return cudnn.cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, x, y, convolution, w, algorithm, bytes);
      });
  return plan;
}

}  // namespace curie::CURIE_GPU
