// The stand-in's convolutions. For each direction it offers, in this order, an algorithm that is not supported, one
// that wants more memory than there is, one whose result depends on the run, and then what Curie must take. A trial
// finds that last one the fastest, and says of it that its result depends on the run.
#include <algorithm>
#include <vector>

#include "support/fake_cudnn/state.h"

namespace {

using Tensor = const cudnnTensorStruct;
using Filters = const cudnnFilterStruct;
using Convolution = const cudnnConvolutionStruct;

constexpr std::size_t kTooMuch = std::size_t{1} << 50;
std::size_t workspace_of(Filters& w) { return 1000 + std::size_t(w.k) * 4; }

template <typename Performance, typename Algorithm>
cudnnStatus_t list(const cudnnConvolutionStruct& convolution, int most, int* count, Performance* found,
                   Algorithm refused, Algorithm taken, std::size_t workspace) {
  const Performance offers[] = {
      {refused, CUDNN_STATUS_NOT_SUPPORTED, -1.0f, 0, CUDNN_DETERMINISTIC, convolution.math, {}},
      {refused, CUDNN_STATUS_SUCCESS, -1.0f, kTooMuch, CUDNN_DETERMINISTIC, convolution.math, {}},
      {refused, CUDNN_STATUS_SUCCESS, -1.0f, 0, CUDNN_NON_DETERMINISTIC, convolution.math, {}},
      {taken, CUDNN_STATUS_SUCCESS, -1.0f, workspace, CUDNN_DETERMINISTIC, convolution.math, {}},
  };
  *count = std::min<int>(most, std::size(offers));
  std::copy_n(offers, *count, found);
  return CUDNN_STATUS_SUCCESS;
}

template <typename Performance, typename Algorithm>
cudnnStatus_t try_all(const cudnnConvolutionStruct& convolution, int most, int* count, Performance* found,
                      Algorithm refused, Algorithm taken, std::size_t workspace) {
  const Performance times[] = {
      {taken, CUDNN_STATUS_SUCCESS, 0.5f, workspace, CUDNN_NON_DETERMINISTIC, convolution.math, {}},
      {refused, CUDNN_STATUS_NOT_SUPPORTED, -1.0f, 0, CUDNN_DETERMINISTIC, convolution.math, {}},
  };
  *count = std::min<int>(most, std::size(times));
  std::copy_n(times, *count, found);
  return CUDNN_STATUS_SUCCESS;
}

int extent(int in, int pad, int filter, int stride) { return (in + 2 * pad - filter) / stride + 1; }

bool narrow(cudnnDataType_t type) { return type == CUDNN_DATA_BFLOAT16; }

// One type for all of them.
bool fits(Tensor& x, Filters& w, Convolution& c, Tensor& y) {
  return x.type == w.type && x.type == y.type && x.n == y.n && x.c == w.c && y.c == w.k &&
         y.h == extent(x.h, c.pad_h, w.r, c.stride_h) && y.w == extent(x.w, c.pad_w, w.s, c.stride_w);
}

// body(element of x, of w, of y) for each product of the convolution.
template <typename Body>
void each_product(Tensor& x, Filters& w, Convolution& conv, Tensor& y, Body body) {
  for (int n = 0; n < y.n; ++n) {
    for (int p = 0; p < y.h; ++p) {
      for (int q = 0; q < y.w; ++q) {
        for (int r = 0; r < w.r; ++r) {
          const int row = p * conv.stride_h + r - conv.pad_h;
          if (row < 0 || row >= x.h) continue;
          for (int s = 0; s < w.s; ++s) {
            const int column = q * conv.stride_w + s - conv.pad_w;
            if (column < 0 || column >= x.w) continue;
            const std::size_t x_at = ((std::size_t(n) * x.h + row) * x.w + column) * x.c;
            const std::size_t y_at = ((std::size_t(n) * y.h + p) * y.w + q) * y.c;
            for (int k = 0; k < w.k; ++k) {
              const std::size_t w_at = ((std::size_t(k) * w.r + r) * w.s + s) * w.c;
              for (int c = 0; c < w.c; ++c) body(x_at + c, w_at + c, y_at + k);
            }
          }
        }
      }
    }
  }
}

// What a tensor core reads, where the math type lets it work; bfloat16 is read as it is.
double read(Convolution& convolution, const void* array, cudnnDataType_t type, std::size_t i) {
  const double value = fake::get(array, narrow(type), i);
  const bool whole = convolution.math == CUDNN_FMA_MATH || narrow(type);
  return whole ? value : static_cast<double>(fake::tf32(static_cast<float>(value)));
}

float as_float(const void* scalar) { return *static_cast<const float*>(scalar); }
bool plain(const void* alpha, const void* beta) { return as_float(alpha) == 1.0f && as_float(beta) == 0.0f; }

void store(const std::vector<double>& sums, cudnnDataType_t type, void* to) {
  for (std::size_t i = 0; i < sums.size(); ++i) fake::put(to, narrow(type), i, sums[i]);
}

std::vector<double> correlate(Tensor& xd, const void* x, Filters& wd, const void* w, Convolution& convolution,
                              Tensor& yd) {
  std::vector<double> sums(yd.elements());
  each_product(xd, wd, convolution, yd, [&](std::size_t i, std::size_t j, std::size_t k) {
    sums[k] += read(convolution, x, xd.type, i) * read(convolution, w, wd.type, j);
  });
  return sums;
}

// Channels in fours get the algorithm that the fused call works with for every activation.
cudnnConvolutionFwdAlgo_t forward_algorithm(Filters& w) {
  return w.c % 4 == 0 ? CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM : CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
}
std::size_t forward_workspace(Filters& w) { return w.c % 4 == 0 ? workspace_of(w) : 0; }

cudnnStatus_t check_forward(const void* alpha, Tensor& xd, const void* x, Filters& wd, const void* w,
                            Convolution& convolution, cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                            std::size_t bytes, const void* beta, Tensor& yd, const void* y) {
  if (!plain(alpha, beta)) return fake::refuse("alpha or beta");
  if (!fits(xd, wd, convolution, yd)) return fake::refuse("extents that do not fit each other");
  if (!fake::good(x) || !fake::good(w) || !fake::good(y)) return fake::refuse("an address");
  if (algorithm != forward_algorithm(wd)) return fake::refuse("an algorithm that was not offered");
  if (!fake::use_workspace(workspace, bytes, forward_workspace(wd))) return fake::refuse("the workspace");
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                     const cudnnFilterDescriptor_t w,
                                                     const cudnnConvolutionDescriptor_t convolution,
                                                     const cudnnTensorDescriptor_t y, const int most, int* count,
                                                     cudnnConvolutionFwdAlgoPerf_t* found) {
  if (const int asked = fake::enter("cudnnGetConvolutionForwardAlgorithm_v7")) return cudnnStatus_t(asked);
  if (!fits(*x, *w, *convolution, *y)) return fake::refuse("extents that do not fit each other");
  return list(*convolution, most, count, found, CUDNN_CONVOLUTION_FWD_ALGO_FFT, forward_algorithm(*w),
              forward_workspace(*w));
}
cudnnStatus_t cudnnFindConvolutionForwardAlgorithm(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                   const cudnnFilterDescriptor_t w,
                                                   const cudnnConvolutionDescriptor_t convolution,
                                                   const cudnnTensorDescriptor_t y, const int most, int* count,
                                                   cudnnConvolutionFwdAlgoPerf_t* found) {
  if (const int asked = fake::enter("cudnnFindConvolutionForwardAlgorithm")) return cudnnStatus_t(asked);
  if (!fits(*x, *w, *convolution, *y)) return fake::refuse("extents that do not fit each other");
  return try_all(*convolution, most, count, found, CUDNN_CONVOLUTION_FWD_ALGO_FFT, forward_algorithm(*w),
                 forward_workspace(*w));
}
cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, const cudnnTensorDescriptor_t,
                                                      const cudnnFilterDescriptor_t w,
                                                      const cudnnConvolutionDescriptor_t, const cudnnTensorDescriptor_t,
                                                      cudnnConvolutionFwdAlgo_t algorithm, std::size_t* bytes) {
  *bytes = algorithm == CUDNN_CONVOLUTION_FWD_ALGO_FFT ? kTooMuch : forward_workspace(*w);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t xd, const void* x,
                                      const cudnnFilterDescriptor_t wd, const void* w,
                                      const cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace, std::size_t bytes,
                                      const void* beta, const cudnnTensorDescriptor_t yd, void* y) {
  if (const int asked = fake::enter("cudnnConvolutionForward")) return cudnnStatus_t(asked);
  const cudnnStatus_t status =
      check_forward(alpha, *xd, x, *wd, w, *convolution, algorithm, workspace, bytes, beta, *yd, y);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  store(correlate(*xd, x, *wd, w, *convolution, *yd), yd->type, y);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBiasActivationForward(cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t xd,
                                                    const void* x, const cudnnFilterDescriptor_t wd, const void* w,
                                                    const cudnnConvolutionDescriptor_t convolution,
                                                    cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                                    std::size_t bytes, const void* beta, const cudnnTensorDescriptor_t,
                                                    const void* z, const cudnnTensorDescriptor_t bias_descriptor,
                                                    const void* bias, const cudnnActivationDescriptor_t activation,
                                                    const cudnnTensorDescriptor_t yd, void* y) {
  if (const int asked = fake::enter("cudnnConvolutionBiasActivationForward")) return cudnnStatus_t(asked);
  const cudnnStatus_t status =
      check_forward(alpha, *xd, x, *wd, w, *convolution, algorithm, workspace, bytes, beta, *yd, y);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (bias_descriptor->c != yd->c || bias_descriptor->type != yd->type || !fake::good(bias) || z == nullptr)
    return fake::refuse("the bias");
  const bool relu = activation->mode == CUDNN_ACTIVATION_RELU;
  if (!relu && algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) return CUDNN_STATUS_NOT_SUPPORTED;
  std::vector<double> sums = correlate(*xd, x, *wd, w, *convolution, *yd);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] += fake::get(bias, narrow(yd->type), i % std::size_t(yd->c));
    if (relu && sums[i] < 0) sums[i] = 0.0;
  }
  store(sums, yd->type, y);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnAddTensor(cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t from, const void* a,
                             const void* beta, const cudnnTensorDescriptor_t to, void* c) {
  if (const int asked = fake::enter("cudnnAddTensor")) return cudnnStatus_t(asked);
  if (as_float(alpha) != 1.0f || as_float(beta) != 1.0f) return fake::refuse("alpha or beta");
  if (from->elements() != std::size_t(to->c) || from->type != to->type || !fake::good(a) || !fake::good(c)) {
    return fake::refuse("the tensors");
  }
  const bool bf16 = narrow(to->type);
  for (std::size_t i = 0; i < to->elements(); ++i) {
    fake::put(c, bf16, i, fake::get(c, bf16, i) + fake::get(a, bf16, i % std::size_t(to->c)));
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t, const cudnnFilterDescriptor_t w,
                                                          const cudnnTensorDescriptor_t dy,
                                                          const cudnnConvolutionDescriptor_t convolution,
                                                          const cudnnTensorDescriptor_t dx, const int most, int* count,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* found) {
  if (const int asked = fake::enter("cudnnGetConvolutionBackwardDataAlgorithm_v7")) return cudnnStatus_t(asked);
  if (!fits(*dx, *w, *convolution, *dy)) return fake::refuse("extents that do not fit each other");
  return list(*convolution, most, count, found, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
              workspace_of(*w));
}
cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithm(cudnnHandle_t, const cudnnFilterDescriptor_t w,
                                                        const cudnnTensorDescriptor_t dy,
                                                        const cudnnConvolutionDescriptor_t convolution,
                                                        const cudnnTensorDescriptor_t dx, const int most, int* count,
                                                        cudnnConvolutionBwdDataAlgoPerf_t* found) {
  if (const int asked = fake::enter("cudnnFindConvolutionBackwardDataAlgorithm")) return cudnnStatus_t(asked);
  if (!fits(*dx, *w, *convolution, *dy)) return fake::refuse("extents that do not fit each other");
  return try_all(*convolution, most, count, found, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
                 workspace_of(*w));
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t, const cudnnConvolutionDescriptor_t,
    const cudnnTensorDescriptor_t, cudnnConvolutionBwdDataAlgo_t algorithm, std::size_t* bytes) {
  *bytes = algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1 ? workspace_of(*w) : kTooMuch;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t, const void* alpha, const cudnnFilterDescriptor_t wd,
                                           const void* w, const cudnnTensorDescriptor_t dyd, const void* dy,
                                           const cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace, std::size_t bytes,
                                           const void* beta, const cudnnTensorDescriptor_t dxd, void* dx) {
  if (const int asked = fake::enter("cudnnConvolutionBackwardData")) return cudnnStatus_t(asked);
  if (!plain(alpha, beta)) return fake::refuse("alpha or beta");
  if (!fits(*dxd, *wd, *convolution, *dyd)) return fake::refuse("extents that do not fit each other");
  if (!fake::good(w) || !fake::good(dy) || !fake::good(dx)) return fake::refuse("an address");
  if (algorithm != CUDNN_CONVOLUTION_BWD_DATA_ALGO_1) return fake::refuse("an algorithm that is not deterministic");
  if (!fake::use_workspace(workspace, bytes, workspace_of(*wd))) return fake::refuse("the workspace");
  std::vector<double> sums(dxd->elements());
  each_product(*dxd, *wd, *convolution, *dyd, [&](std::size_t i, std::size_t j, std::size_t k) {
    sums[i] += read(*convolution, dy, dyd->type, k) * read(*convolution, w, wd->type, j);
  });
  store(sums, dxd->type, dx);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                            const cudnnTensorDescriptor_t dy,
                                                            const cudnnConvolutionDescriptor_t convolution,
                                                            const cudnnFilterDescriptor_t dw, const int most,
                                                            int* count, cudnnConvolutionBwdFilterAlgoPerf_t* found) {
  if (const int asked = fake::enter("cudnnGetConvolutionBackwardFilterAlgorithm_v7")) return cudnnStatus_t(asked);
  if (!fits(*x, *dw, *convolution, *dy)) return fake::refuse("extents that do not fit each other");
  return list(*convolution, most, count, found, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
              CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, workspace_of(*dw));
}
cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithm(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                          const cudnnTensorDescriptor_t dy,
                                                          const cudnnConvolutionDescriptor_t convolution,
                                                          const cudnnFilterDescriptor_t dw, const int most, int* count,
                                                          cudnnConvolutionBwdFilterAlgoPerf_t* found) {
  if (const int asked = fake::enter("cudnnFindConvolutionBackwardFilterAlgorithm")) return cudnnStatus_t(asked);
  if (!fits(*x, *dw, *convolution, *dy)) return fake::refuse("extents that do not fit each other");
  return try_all(*convolution, most, count, found, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
                 CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, workspace_of(*dw));
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnConvolutionDescriptor_t,
    const cudnnFilterDescriptor_t dw, cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
  *bytes = algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 ? workspace_of(*dw) : kTooMuch;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t xd,
                                             const void* x, const cudnnTensorDescriptor_t dyd, const void* dy,
                                             const cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t bytes, const void* beta, const cudnnFilterDescriptor_t dwd,
                                             void* dw) {
  if (const int asked = fake::enter("cudnnConvolutionBackwardFilter")) return cudnnStatus_t(asked);
  if (!plain(alpha, beta)) return fake::refuse("alpha or beta");
  if (!fits(*xd, *dwd, *convolution, *dyd)) return fake::refuse("extents that do not fit each other");
  if (!fake::good(x) || !fake::good(dy) || !fake::good(dw)) return fake::refuse("an address");
  if (algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1) return fake::refuse("an algorithm that is not deterministic");
  if (!fake::use_workspace(workspace, bytes, workspace_of(*dwd))) return fake::refuse("the workspace");
  std::vector<double> sums(dwd->elements());
  each_product(*xd, *dwd, *convolution, *dyd, [&](std::size_t i, std::size_t j, std::size_t k) {
    sums[j] += read(*convolution, x, xd->type, i) * read(*convolution, dy, dyd->type, k);
  });
  store(sums, dwd->type, dw);
  return CUDNN_STATUS_SUCCESS;
}

#ifndef FAKE_WITHOUT_BIAS_GRADIENT
cudnnStatus_t cudnnConvolutionBackwardBias(cudnnHandle_t, const void* alpha, const cudnnTensorDescriptor_t dyd,
                                           const void* dy, const void* beta, const cudnnTensorDescriptor_t dbd,
                                           void* db) {
  if (const int asked = fake::enter("cudnnConvolutionBackwardBias")) return cudnnStatus_t(asked);
  if (!plain(alpha, beta)) return fake::refuse("alpha or beta");
  if (dbd->elements() != std::size_t(dyd->c) || dbd->type != dyd->type || !fake::good(dy) || !fake::good(db)) {
    return fake::refuse("the tensors");
  }
  std::vector<double> sums(dbd->elements());
  for (std::size_t i = 0; i < dyd->elements(); ++i) {
    sums[i % sums.size()] += fake::get(dy, narrow(dyd->type), i);
  }
  store(sums, dbd->type, db);
  return CUDNN_STATUS_SUCCESS;
}
#endif

}  // extern "C"
