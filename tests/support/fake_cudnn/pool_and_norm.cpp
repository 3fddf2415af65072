// The stand-in's pooling and batch normalisation.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/fake_cudnn/state.h"

namespace {

using Tensor = const cudnnTensorStruct;
using Pooling = const cudnnPoolingStruct;

float as_float(const void* scalar) { return *static_cast<const float*>(scalar); }
bool plain(const void* alpha, const void* beta) { return as_float(alpha) == 1.0f && as_float(beta) == 0.0f; }

bool fits(Pooling& pooling, Tensor& x, Tensor& y) {
  return x.type == y.type && x.n == y.n && x.c == y.c &&
         y.h == (x.h + 2 * pooling.pad_h - pooling.window_h) / pooling.stride_h + 1 &&
         y.w == (x.w + 2 * pooling.pad_w - pooling.window_w) / pooling.stride_w + 1;
}

bool maximum(Pooling& pooling) {
  return pooling.mode == CUDNN_POOLING_MAX || pooling.mode == CUDNN_POOLING_MAX_DETERMINISTIC;
}

// body(element of y, elements of x inside the image) for each window.
template <typename Body>
void each_window(Pooling& pooling, Tensor& x, Tensor& y, Body body) {
  std::vector<std::size_t> cells;
  for (std::size_t i = 0; i < y.elements(); ++i) {
    const int c = static_cast<int>(i % std::size_t(y.c));
    const int q = static_cast<int>(i / std::size_t(y.c) % std::size_t(y.w));
    const int p = static_cast<int>(i / std::size_t(y.c) / std::size_t(y.w) % std::size_t(y.h));
    const std::size_t n = i / std::size_t(y.c) / std::size_t(y.w) / std::size_t(y.h);
    cells.clear();
    for (int r = 0; r < pooling.window_h; ++r) {
      const int row = p * pooling.stride_h + r - pooling.pad_h;
      for (int s = 0; s < pooling.window_w; ++s) {
        const int column = q * pooling.stride_w + s - pooling.pad_w;
        if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
        cells.push_back(((n * x.h + row) * x.w + column) * x.c + c);
      }
    }
    body(i, cells);
  }
}

double divisor(Pooling& pooling, std::size_t cells) {
  return pooling.mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
             ? static_cast<double>(pooling.window_h) * pooling.window_w
             : static_cast<double>(cells);
}

// Every image of one pixel: rows of channels.
bool rows(Tensor& x, Tensor& channels, cudnnBatchNormMode_t mode) {
  return mode == CUDNN_BATCHNORM_SPATIAL && x.type == CUDNN_DATA_FLOAT && channels.type == x.type && x.h == 1 &&
         x.w == 1 && channels.elements() == std::size_t(x.c);
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t, const cudnnPoolingDescriptor_t pooling, const void* alpha,
                                  const cudnnTensorDescriptor_t xd, const void* x, const void* beta,
                                  const cudnnTensorDescriptor_t yd, void* y) {
  if (const int asked = fake::enter("cudnnPoolingForward")) return cudnnStatus_t(asked);
  if (!plain(alpha, beta) || !fits(*pooling, *xd, *yd)) return fake::refuse("extents that do not fit each other");
  if (!fake::good(x) || !fake::good(y)) return fake::refuse("an address");
  const bool narrow = xd->type == CUDNN_DATA_BFLOAT16;
  each_window(*pooling, *xd, *yd, [&](std::size_t i, const std::vector<std::size_t>& cells) {
    if (maximum(*pooling)) {
      double best = -std::numeric_limits<double>::infinity();
      for (const std::size_t cell : cells) {
        const double value = fake::get(x, narrow, cell);
        if (value > best || std::isnan(value)) best = value;
        if (std::isnan(best)) break;
      }
      fake::put(y, narrow, i, best);
    } else {
      double sum = 0.0;
      for (const std::size_t cell : cells) sum += fake::get(x, narrow, cell);
      fake::put(y, narrow, i, sum / divisor(*pooling, cells.size()));
    }
  });
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t, const cudnnPoolingDescriptor_t pooling, const void* alpha,
                                   const cudnnTensorDescriptor_t yd, const void* y, const cudnnTensorDescriptor_t dyd,
                                   const void* dy, const cudnnTensorDescriptor_t xd, const void* x, const void* beta,
                                   const cudnnTensorDescriptor_t dxd, void* dx) {
  if (const int asked = fake::enter("cudnnPoolingBackward")) return cudnnStatus_t(asked);
  if (maximum(*pooling)) return CUDNN_STATUS_NOT_SUPPORTED;
  if (!plain(alpha, beta) || !fits(*pooling, *dxd, *dyd)) return fake::refuse("extents that do not fit each other");
  if (xd->elements() != dxd->elements() || yd->elements() != dyd->elements()) return fake::refuse("the descriptors");
  if (!fake::good(x) || !fake::good(y) || !fake::good(dy) || !fake::good(dx)) return fake::refuse("an address");
  const bool narrow = dyd->type == CUDNN_DATA_BFLOAT16;
  std::vector<double> sums(dxd->elements());
  each_window(*pooling, *dxd, *dyd, [&](std::size_t i, const std::vector<std::size_t>& cells) {
    const double share = fake::get(dy, narrow, i) / divisor(*pooling, cells.size());
    for (const std::size_t cell : cells) sums[cell] += share;
  });
  for (std::size_t i = 0; i < sums.size(); ++i) fake::put(dx, narrow, i, sums[i]);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationForwardTraining(cudnnHandle_t, cudnnBatchNormMode_t mode, const void* alpha,
                                                     const void* beta, const cudnnTensorDescriptor_t xd, const void* x,
                                                     const cudnnTensorDescriptor_t yd, void* y,
                                                     const cudnnTensorDescriptor_t channels, const void* scale,
                                                     const void* shift, double share, void* running_mean,
                                                     void* running_variance, double epsilon, void* saved_mean,
                                                     void* saved_inverse) {
  if (const int asked = fake::enter("cudnnBatchNormalizationForwardTraining")) return cudnnStatus_t(asked);
  if (!plain(alpha, beta) || !rows(*xd, *channels, mode) || xd->elements() != yd->elements()) {
    return fake::refuse("extents that do not fit each other");
  }
  for (const void* address : {x, static_cast<const void*>(y), scale, shift, static_cast<const void*>(running_mean),
                              static_cast<const void*>(running_variance), static_cast<const void*>(saved_mean),
                              static_cast<const void*>(saved_inverse)}) {
    if (!fake::good(address)) return fake::refuse("an address");
  }
  const auto* values = static_cast<const float*>(x);
  for (int c = 0; c < xd->c; ++c) {
    double mean = 0.0, variance = 0.0;
    for (int n = 0; n < xd->n; ++n) mean += static_cast<double>(values[std::size_t(n) * xd->c + c]);
    mean /= xd->n;
    for (int n = 0; n < xd->n; ++n) {
      const double off = static_cast<double>(values[std::size_t(n) * xd->c + c]) - mean;
      variance += off * off;
    }
    variance /= xd->n;
    const double inverse = 1.0 / std::sqrt(variance + epsilon);
    for (int n = 0; n < xd->n; ++n) {
      const std::size_t i = std::size_t(n) * xd->c + c;
      const double normal = (static_cast<double>(values[i]) - mean) * inverse;
      static_cast<float*>(y)[i] = static_cast<float>(normal * static_cast<double>(static_cast<const float*>(scale)[c]) +
                                                     static_cast<double>(static_cast<const float*>(shift)[c]));
    }
    const auto blend = [share, c](void* running, double batch) {
      float& value = static_cast<float*>(running)[c];
      value = static_cast<float>((1.0 - share) * static_cast<double>(value) + share * batch);
    };
    blend(running_mean, mean);
    blend(running_variance, variance * xd->n / (xd->n - 1));  // always that of a sample
    static_cast<float*>(saved_mean)[c] = static_cast<float>(mean);
    static_cast<float*>(saved_inverse)[c] = static_cast<float>(inverse);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationForwardInference(cudnnHandle_t, cudnnBatchNormMode_t mode, const void* alpha,
                                                      const void* beta, const cudnnTensorDescriptor_t xd, const void* x,
                                                      const cudnnTensorDescriptor_t yd, void* y,
                                                      const cudnnTensorDescriptor_t channels, const void* scale,
                                                      const void* shift, const void* mean, const void* variance,
                                                      double epsilon) {
  if (const int asked = fake::enter("cudnnBatchNormalizationForwardInference")) return cudnnStatus_t(asked);
  if (!plain(alpha, beta) || !rows(*xd, *channels, mode) || xd->elements() != yd->elements()) {
    return fake::refuse("extents that do not fit each other");
  }
  const auto at = [](const void* values, std::size_t i) {
    return static_cast<double>(static_cast<const float*>(values)[i]);
  };
  for (std::size_t i = 0; i < xd->elements(); ++i) {
    const std::size_t c = i % std::size_t(xd->c);
    const double normal = (at(x, i) - at(mean, c)) / std::sqrt(at(variance, c) + epsilon);
    static_cast<float*>(y)[i] = static_cast<float>(normal * at(scale, c) + at(shift, c));
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationBackward(cudnnHandle_t, cudnnBatchNormMode_t mode, const void* alpha_data,
                                              const void* beta_data, const void* alpha_parameters,
                                              const void* beta_parameters, const cudnnTensorDescriptor_t xd,
                                              const void* x, const cudnnTensorDescriptor_t dyd, const void* dy,
                                              const cudnnTensorDescriptor_t dxd, void* dx,
                                              const cudnnTensorDescriptor_t channels, const void* scale, void* dscale,
                                              void* dshift, double, const void* mean, const void* inverse) {
  if (const int asked = fake::enter("cudnnBatchNormalizationBackward")) return cudnnStatus_t(asked);
  if (!plain(alpha_data, beta_data) || !plain(alpha_parameters, beta_parameters)) return fake::refuse("alpha or beta");
  if (!rows(*xd, *channels, mode) || xd->elements() != dyd->elements() || xd->elements() != dxd->elements()) {
    return fake::refuse("extents that do not fit each other");
  }
  if (dx == dy || dx == x) return fake::refuse("an output in the place of an input");
  const auto at = [](const void* values, std::size_t i) {
    return static_cast<double>(static_cast<const float*>(values)[i]);
  };
  const std::size_t width = std::size_t(xd->c);
  for (std::size_t c = 0; c < width; ++c) {
    double sum = 0.0, product = 0.0;
    for (std::size_t i = c; i < xd->elements(); i += width) {
      sum += at(dy, i);
      product += at(dy, i) * (at(x, i) - at(mean, c)) * at(inverse, c);
    }
    static_cast<float*>(dshift)[c] = static_cast<float>(sum);
    static_cast<float*>(dscale)[c] = static_cast<float>(product);
    for (std::size_t i = c; i < xd->elements(); i += width) {
      const double normal = (at(x, i) - at(mean, c)) * at(inverse, c);
      static_cast<float*>(dx)[i] =
          static_cast<float>(at(scale, c) * at(inverse, c) * (at(dy, i) - (sum + normal * product) / xd->n));
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
