// Math::bf16 through the libraries: what reaches them, and that it is what Curie's kernels compute.
#include "support/bf16.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "catalogue/catalogue.h"
#include "ops/ops.h"
#include "support/fake_cudnn/stand_in.h"

namespace curie::test {
namespace {

struct Fixture : QuietStandIn {
  std::unique_ptr<emulated::CudnnBackend> backend = stand_in_backend({.math = Math::bf16});
};

// The largest difference from Curie's kernels, relative to the larger of 1 and the value, of an entry's results.
double difference(Backend& backend, const char* name, const char* shape) {
  const CatalogueEntry& entry = find_entry(name);
  emulated::GpuBackend own(0, {.math = Math::bf16});
  const auto extents = with_shape(entry, shape);
  const auto got = results_of(entry, extents, backend, Math::bf16);
  const auto expected = results_of(entry, extents, own, Math::bf16);
  REQUIRE(got.size() == expected.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    REQUIRE(got[i].values.size() == expected[i].values.size());
    for (std::size_t j = 0; j < got[i].values.size(); ++j) {
      const double a = got[i].values[j], b = expected[i].values[j];
      const double apart = std::abs(a - b) / std::max(1.0, std::abs(b));
      largest = std::max(largest, std::isnan(apart) ? 1.0 : apart);
    }
  }
  return largest;
}

struct Call {
  const char* entry;
  const char* shape;
  const char* function;  // of a library
  bool rounds;           // gradients of filters and biases
};

}  // namespace

TEST_CASE("convolution, pooling and dense layers on bfloat16 go to the libraries, which give what Curie gives") {
  // Small integers: everything is exact but what is rounded to bfloat16, once.
  constexpr Call kCalls[] = {
      {"conv2d_forward", "", "cudnnConvolutionBiasActivationForward", false},
      {"conv2d_forward", "c=3,k=40", "cudnnConvolutionBiasActivationForward", false},
      {"conv2d_backward_input", "", "cudnnConvolutionBackwardData", false},
      {"conv2d_backward_input", "c=16,k=72,stride=2", "cudnnConvolutionBackwardData", false},
      {"conv2d_backward_weights", "", "cudnnConvolutionBackwardFilter", true},
      {"conv2d_backward_weights", "c=5,k=34", "cudnnConvolutionBackwardBias", true},
      {"average_pool_forward", "", "cudnnPoolingForward", true},
      {"average_pool_backward", "", "cudnnPoolingBackward", false},
      {"dense_forward", "", "cublasLtMatmul", false},
      {"dense_backward_input", "", "cublasLtMatmul", false},
      {"dense_backward_weights", "", "cublasLtMatmul", false},
      {"dense_logits", "", "cublasLtMatmul", false},
  };
  for (const Call& call : kCalls) {
    CAPTURE(call.entry);
    CAPTURE(call.shape);
    const Fixture fixture;
    CHECK(difference(*fixture.backend, call.entry, call.shape) <= (call.rounds ? 0x1p-8 : 0.0));
    CHECK(fixture.calls(call.function) == 1);
  }
}

TEST_CASE("on bfloat16 Curie's kernels keep what the libraries lack") {
  const Fixture fixture;
  for (const char* entry : {"max_pool_forward", "max_pool_backward", "dense_logits_backward_input",
                            "dense_logits_backward_weights", "batch_norm_forward", "batch_norm_backward"}) {
    CAPTURE(entry);
    CHECK(difference(*fixture.backend, entry, "") == 0.0);
  }
  // And float32, of which a network has some beside bfloat16.
  const CatalogueEntry& entry = find_entry("dense_forward");
  CHECK_FALSE(results_of(entry, entry.extents, *fixture.backend, Math::exact).empty());
  for (const char* function : {"cublasLtMatmul", "cudnnPoolingForward", "cudnnBatchNormalizationForwardTraining"}) {
    CHECK(fixture.calls(function) == 0);
  }
  CHECK(fixture.backend->describe().find("bf16 math, cuDNN 9.") != std::string::npos);
  CHECK(fixture.backend->describe().find("for convolution, pooling, dense") != std::string::npos);
}

TEST_CASE("bias and ReLU on bfloat16 where cuDNN refuses to fuse them, and no algorithm at all") {
  const Fixture fixture;
  SUBCASE("in several calls") {
    fixture.library.fail("cudnnConvolutionBiasActivationForward", CUDNN_STATUS_NOT_SUPPORTED);
    // Rounded before the bias is added, and after.
    CHECK(difference(*fixture.backend, "conv2d_forward", "") <= 0x1p-7);
    CHECK(fixture.calls("cudnnAddTensor") == 1);
  }
  SUBCASE("Curie's kernel") {
    fixture.library.fail("cudnnGetConvolutionForwardAlgorithm_v7", CUDNN_STATUS_NOT_SUPPORTED);
    fixture.library.fail("cublasLtMatmulAlgoGetHeuristic", CUBLAS_STATUS_NOT_SUPPORTED);
    CHECK(difference(*fixture.backend, "conv2d_forward", "") == 0.0);
    CHECK(difference(*fixture.backend, "dense_forward", "") == 0.0);
    CHECK(fixture.calls("cudnnConvolutionForward") == 0);
    CHECK(fixture.calls("cublasLtMatmul") == 0);
  }
}

TEST_CASE("a convolution on bfloat16 plans once, and writes within its scratch") {
  const Fixture fixture;
  const Conv2dShape shape{.n = 1, .h = 5, .w = 5, .c = 3, .k = 7, .r = 3, .s = 3, .p = 3, .q = 3};
  Backend& backend = *fixture.backend;
  const GuardedTensor x = bf16_holding(backend, random_values(shape.input_elements(), 1), true);
  const GuardedTensor dy = bf16_holding(backend, random_values(shape.output_elements(), 2), true);
  const GuardedTensor dw(backend, {static_cast<int>(shape.weight_elements())}), dbias(backend, {shape.k});
  const GuardedTensor scratch(backend, {static_cast<int>(backend.scratch_bytes(shape))}, DType::u8);
  for (int i = 0; i < 2; ++i) {
    ops::conv2d_backward_weights(backend, shape, x.tensor, dy.tensor, dw.tensor, dbias.tensor,
                                 {scratch.tensor.raw(), scratch.tensor.bytes()});
  }
  for (const GuardedTensor* each : {&x, &dy, &dw, &dbias, &scratch}) CHECK(each->intact());
  CHECK(fixture.calls("cudnnConvolutionBackwardFilter") == 2);
  CHECK(fixture.calls("cudnnGetConvolutionBackwardFilterAlgorithm_v7") == 1);
}

}  // namespace curie::test
