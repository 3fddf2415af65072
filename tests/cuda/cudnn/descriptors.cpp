// NVIDIA's own libraries, where they are installed, on Curie's descriptors: none of these calls needs a GPU.
#include "cuda/cudnn/descriptors.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "cuda/cudnn/dense_plan.h"
#include "support/square_conv.h"
#include "tensor/error.h"

namespace curie::test {
namespace {

using namespace emulated;

std::shared_ptr<const VendorFunctions> installed() {
  try {
    return open_vendor_libraries();
  } catch (const Error& error) {
    MESSAGE("skipped: " << error.what());
    return nullptr;
  }
}

struct Extents {
  int n = 0, c = 0, h = 0, w = 0;
  bool operator==(const Extents&) const = default;
};

using ConvolutionExtents = cudnnStatus_t(cudnnConvolutionDescriptor_t, cudnnTensorDescriptor_t, cudnnFilterDescriptor_t,
                                         int*, int*, int*, int*);
using PoolingExtents = cudnnStatus_t(cudnnPoolingDescriptor_t, cudnnTensorDescriptor_t, int*, int*, int*, int*);
using TensorContents = cudnnStatus_t(cudnnTensorDescriptor_t, cudnnDataType_t*, int*, int*, int*, int*, int*, int*,
                                     int*, int*);

}  // namespace

TEST_CASE("cuDNN reads extents and strides as NHWC, and finds the outputs that Curie means") {
  const auto functions = installed();
  if (functions == nullptr) return;
  const CudnnFunctions& cudnn = functions->cudnn;
  const SharedLibrary library(cudnn_names());
  auto* const contents = library.find<TensorContents>("cudnnGetTensor4dDescriptor");
  auto* const convolved = library.find<ConvolutionExtents>("cudnnGetConvolution2dForwardOutputDim");
  auto* const pooled = library.find<PoolingExtents>("cudnnGetPooling2dForwardOutputDim");
  REQUIRE((contents != nullptr && convolved != nullptr && pooled != nullptr));

  const Conv2dShape shape{.n = 2,
                          .h = 9,
                          .w = 8,
                          .c = 3,
                          .k = 5,
                          .r = 3,
                          .s = 2,
                          .stride_h = 2,
                          .stride_w = 1,
                          .pad_top = 1,
                          .pad_left = 0,
                          .p = 5,
                          .q = 7};
  CHECK(cudnn_takes(shape));
  const TensorDescriptor x = describe_tensor(cudnn, shape.n, shape.h, shape.w, shape.c);
  cudnnDataType_t type{};
  Extents extents, strides;
  CHECK(contents(x.get(), &type, &extents.n, &extents.c, &extents.h, &extents.w, &strides.n, &strides.c, &strides.h,
                 &strides.w) == CUDNN_STATUS_SUCCESS);
  CHECK(type == CUDNN_DATA_FLOAT);
  CHECK(extents == Extents{2, 3, 9, 8});
  CHECK(strides == Extents{9 * 8 * 3, 1, 8 * 3, 3});

  const FilterDescriptor w = describe_filters(cudnn, shape);
  const ConvolutionDescriptor convolution = describe_convolution(cudnn, shape);
  Extents y;
  CHECK(convolved(convolution.get(), x.get(), w.get(), &y.n, &y.c, &y.h, &y.w) == CUDNN_STATUS_SUCCESS);
  CHECK(y == Extents{shape.n, shape.k, shape.p, shape.q});

  const PoolShape pool{.n = 2,
                       .h = 9,
                       .w = 8,
                       .c = 3,
                       .window_h = 3,
                       .window_w = 2,
                       .stride_h = 2,
                       .stride_w = 2,
                       .pad_top = 1,
                       .pad_left = 0,
                       .p = 5,
                       .q = 4};
  CHECK(cudnn_takes(pool));
  const PoolingDescriptor pooling = describe_pooling(cudnn, pool, CUDNN_POOLING_MAX_DETERMINISTIC);
  CHECK(pooled(pooling.get(), x.get(), &y.n, &y.c, &y.h, &y.w) == CUDNN_STATUS_SUCCESS);
  CHECK(y == Extents{pool.n, pool.c, pool.p, pool.q});
  CHECK(describe_activation(cudnn, Activation::relu) != nullptr);
  CHECK(describe_activation(cudnn, Activation::none) != nullptr);
}

TEST_CASE("cuDNN's words about a descriptor that it refuses reach the error") {
  const auto functions = installed();
  if (functions == nullptr) return;
  try {
    describe_tensor(functions->cudnn, 0, 1, 1, 1);
    FAIL("a tensor without images was taken");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.find("cuDNN: cudnnSetTensor4dDescriptor failed: CUDNN_STATUS_BAD_PARAM") == 0);
  }
}

TEST_CASE("cuBLASLt takes every attribute of every product; only its choice of an algorithm needs a GPU") {
  const auto functions = installed();
  if (functions == nullptr) return;
  alignas(256) static float somewhere[64];
  try {
    plan_dense(functions->cublas_lt, nullptr, Math::tf32, {.n = 4, .in = 8, .out = 12}, 1 << 20, somewhere);
    FAIL("a plan without a handle was made");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.find("cuBLASLt: cublasLtMatmulAlgoGetHeuristic failed: ") == 0);
  }
}

TEST_CASE("shapes that cuDNN pads or counts otherwise are not given to it") {
  Conv2dShape shape = square_conv(1, 6, 2, 4, 3, 1, 1);
  CHECK(cudnn_takes(shape));
  shape.p = 5;  // the last row of outputs left out
  CHECK_FALSE(cudnn_takes(shape));
  shape.p = 6, shape.n = 0;
  CHECK_FALSE(cudnn_takes(shape));
  shape.n = 1 << 30;
  CHECK_FALSE(cudnn_takes(shape));
  PoolShape pool{.n = 1, .h = 5, .w = 5, .c = 1, .p = 3, .q = 3};  // a window that reaches below and to the right
  CHECK_FALSE(cudnn_takes(pool));
  pool.p = pool.q = 2;
  CHECK(cudnn_takes(pool));
}

}  // namespace curie::test
