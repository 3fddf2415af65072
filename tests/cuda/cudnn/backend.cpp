// Which calls reach the libraries, which stay with Curie's kernels, and how plans are made.
#include "cuda/cudnn/backend.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "ops/ops.h"
#include "support/fake_cudnn/stand_in.h"
#include "support/guarded_tensor.h"
#include "support/throws.h"

namespace curie::test {
namespace {

using emulated::CudnnBackend;

constexpr Conv2dShape kShape{.n = 2,
                             .h = 6,
                             .w = 5,
                             .c = 4,
                             .k = 8,
                             .r = 3,
                             .s = 3,
                             .stride_h = 1,
                             .stride_w = 1,
                             .pad_top = 1,
                             .pad_left = 1,
                             .p = 6,
                             .q = 5};

struct Arrays {
  Arrays(Backend& on, const Conv2dShape& shape)
      : backend(on),
        x(on, {static_cast<int>(shape.input_elements())}),
        w(on, {static_cast<int>(shape.weight_elements())}),
        bias(on, {shape.k}),
        y(on, {static_cast<int>(shape.output_elements())}),
        scratch(on, {static_cast<int>(on.scratch_bytes(shape)) + 1}, DType::u8) {
    x.set(random_values(shape.input_elements(), 1));
    w.set(random_values(shape.weight_elements(), 2));
    bias.set(random_values(static_cast<std::size_t>(shape.k), 3));
  }
  Scratch memory() const { return {scratch.tensor.raw(), scratch.tensor.bytes()}; }
  void forward(const Conv2dShape& shape, const Tensor& with_bias, Activation activation) const {
    ops::conv2d_forward(backend, shape, x.tensor, w.tensor, with_bias, activation, y.tensor, memory());
  }

  Backend& backend;
  GuardedTensor x, w, bias, y, scratch;
};

}  // namespace

TEST_CASE("the description names libraries, versions and primitives") {
  const QuietStandIn fixture;
  const auto all = stand_in_backend();
  CHECK(all->describe().find("cuDNN 9.") != std::string::npos);
  CHECK(all->describe().find("for convolution, pooling, batch norm, dense") != std::string::npos);
  const auto one = stand_in_backend({}, {.pooling = false, .batch_norm = false, .dense = false});
  CHECK(one->describe().find("for convolution") != std::string::npos);
  CHECK(one->describe().find("dense") == std::string::npos);
}

TEST_CASE("a shape is planned once, before the first call, and a call allocates nothing") {
  const QuietStandIn fixture;
  const auto backend = stand_in_backend();
  const Arrays arrays(*backend, kShape);
  CHECK(fixture.calls("cudnnGetConvolutionForwardAlgorithm_v7") == 1);
  const auto free_before = backend->memory()->free;
  for (int i = 0; i < 3; ++i) arrays.forward(kShape, arrays.bias.tensor, Activation::relu);
  CHECK(backend->memory()->free == free_before);
  CHECK(fixture.calls("cudnnConvolutionBiasActivationForward") == 3);
  for (const char* direction : {"cudnnGetConvolutionForwardAlgorithm_v7", "cudnnGetConvolutionBackwardDataAlgorithm_v7",
                                "cudnnGetConvolutionBackwardFilterAlgorithm_v7"}) {
    CHECK(fixture.calls(direction) == 1);
  }
  Conv2dShape other = kShape;
  other.n = 3;
  backend->scratch_bytes(other);
  CHECK(fixture.calls("cudnnGetConvolutionForwardAlgorithm_v7") == 2);
}

TEST_CASE("with trials the fastest algorithm is taken, whether its results repeat or not") {
  const QuietStandIn fixture;
  const auto timed = stand_in_backend({.library_trials = true});
  const Arrays arrays(*timed, kShape);
  arrays.forward(kShape, arrays.bias.tensor, Activation::relu);
  for (const char* direction : {"ForwardAlgorithm", "BackwardDataAlgorithm", "BackwardFilterAlgorithm"}) {
    CHECK(fixture.calls(("cudnnFindConvolution" + std::string(direction)).c_str()) == 1);
    CHECK(fixture.calls(("cudnnGetConvolution" + std::string(direction) + "_v7").c_str()) == 0);
  }
  CHECK(fixture.calls("cudnnConvolutionBiasActivationForward") == 1);
  const auto own = stand_in_backend({}, {.convolution = false});
  const Arrays expected(*own, kShape);
  expected.forward(kShape, expected.bias.tensor, Activation::relu);
  const std::vector<float> found = arrays.y.values(), wanted = expected.y.values();
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(found[i] == doctest::Approx(wanted[i]).epsilon(1e-5));
}

TEST_CASE("bias and ReLU are one call where cuDNN has it, and the same values in several where it refuses") {
  const QuietStandIn fixture;
  const auto backend = stand_in_backend();
  const Arrays arrays(*backend, kShape);
  arrays.forward(kShape, arrays.bias.tensor, Activation::relu);
  const std::vector<float> fused = arrays.y.values();
  fixture.library.fail("cudnnConvolutionBiasActivationForward", CUDNN_STATUS_NOT_SUPPORTED);
  for (int i = 0; i < 2; ++i) arrays.forward(kShape, arrays.bias.tensor, Activation::relu);
  CHECK(fixture.calls("cudnnConvolutionBiasActivationForward") == 2);  // asked once more, and never again
  CHECK(fixture.calls("cudnnConvolutionForward") == 2);
  CHECK(fixture.calls("cudnnAddTensor") == 2);
  const std::vector<float> apart = arrays.y.values();
  for (std::size_t i = 0; i < fused.size(); ++i) CHECK(apart[i] == doctest::Approx(fused[i]).epsilon(1e-5));
}

TEST_CASE("an error within a call carries the call's name") {
  const QuietStandIn fixture;
  const auto backend = stand_in_backend();
  const Arrays arrays(*backend, kShape);
  fixture.library.fail("cudnnConvolutionForward", CUDNN_STATUS_EXECUTION_FAILED);
  CHECK_ERROR([&] { arrays.forward(kShape, {}, Activation::none); }, internal, "cuDNN: cudnnConvolutionForward failed");
}

TEST_CASE("Curie's kernels work where cuDNN means something else, has no algorithm, or is not wanted") {
  const QuietStandIn fixture;
  SUBCASE("padding on one side") {
    const auto backend = stand_in_backend();
    Conv2dShape shape = kShape;
    shape.h = shape.w = 6, shape.stride_h = shape.stride_w = 2;
    shape.pad_top = shape.pad_left = 0, shape.p = shape.q = 3;  // a row and a column below and to the right
    const Arrays arrays(*backend, shape);
    arrays.forward(shape, arrays.bias.tensor, Activation::relu);
  }
  SUBCASE("no algorithm") {
    fixture.library.fail("cudnnGetConvolutionForwardAlgorithm_v7", CUDNN_STATUS_NOT_SUPPORTED);
    const auto backend = stand_in_backend();
    const Arrays arrays(*backend, kShape);
    arrays.forward(kShape, arrays.bias.tensor, Activation::relu);
  }
  SUBCASE("not wanted") {
    const auto backend = stand_in_backend({}, {.convolution = false});
    const Arrays arrays(*backend, kShape);
    arrays.forward(kShape, arrays.bias.tensor, Activation::relu);
    CHECK(fixture.calls("cudnnGetConvolutionForwardAlgorithm_v7") == 0);
    CHECK(backend->fuses({.conv = kShape}) == emulated::GpuBackend(0, {}).fuses({.conv = kShape}));
  }
  CHECK(fixture.calls("cudnnConvolutionForward") == 0);
  CHECK(fixture.calls("cudnnConvolutionBiasActivationForward") == 0);
}

TEST_CASE("a convolution is not fused with its pooling") {
  const QuietStandIn fixture;
  CHECK_FALSE(stand_in_backend()->fuses({.conv = kShape}));
}

TEST_CASE("maximum pooling goes to cuDNN in inference only; average pooling in both directions") {
  const QuietStandIn fixture;
  const auto backend = stand_in_backend();
  const PoolShape shape{.n = 2, .h = 4, .w = 4, .c = 3, .p = 2, .q = 2};
  const GuardedTensor x(*backend, {2, 4, 4, 3}), y(*backend, {2, 2, 2, 3}), arg_max(*backend, {2, 2, 2, 3}, DType::u8);
  x.set(random_values(96, 1));
  ops::max_pool_forward(*backend, shape, x.tensor, y.tensor, arg_max.tensor);
  CHECK(fixture.calls("cudnnPoolingForward") == 0);
  ops::max_pool_forward(*backend, shape, x.tensor, y.tensor, {});
  CHECK(fixture.calls("cudnnPoolingForward") == 1);
  ops::average_pool_forward(*backend, shape, x.tensor, y.tensor);
  ops::average_pool_backward(*backend, shape, y.tensor, x.tensor);
  CHECK(fixture.calls("cudnnPoolingForward") == 2);
  CHECK(fixture.calls("cudnnPoolingBackward") == 1);
}

TEST_CASE("dense layers go to cuBLASLt, all epilogues planned at once") {
  const QuietStandIn fixture;
  const auto backend = stand_in_backend();
  const DenseShape shape{.n = 3, .in = 8, .out = 5};
  const GuardedTensor x(*backend, {3, 8}), w(*backend, {8, 5}), bias(*backend, {5}), y(*backend, {3, 5});
  const GuardedTensor scratch(*backend, {static_cast<int>(backend->scratch_bytes(shape))}, DType::u8);
  const Scratch memory{scratch.tensor.raw(), scratch.tensor.bytes()};
  CHECK(fixture.calls("cublasLtMatmulAlgoGetHeuristic") == 7);
  x.set(random_values(24, 1)), w.set(random_values(40, 2)), bias.set(random_values(5, 3));
  ops::dense_forward(*backend, shape, x.tensor, w.tensor, bias.tensor, Activation::relu, y.tensor, memory);
  ops::dense_backward_weights(*backend, shape, x.tensor, y.tensor, w.tensor, bias.tensor, memory);
  ops::dense_backward_input(*backend, shape, y.tensor, w.tensor, x.tensor, memory);
  CHECK(fixture.calls("cublasLtMatmul") == 3);
  CHECK(fixture.calls("cublasLtMatmulAlgoGetHeuristic") == 7);
  CHECK(scratch.intact());
}

TEST_CASE("batch normalisation goes to cuDNN with gamma, beta and every gradient, and stays here without") {
  const QuietStandIn fixture;
  const auto backend = stand_in_backend();
  const BatchNormShape shape{.rows = 6, .channels = 4};
  const GuardedTensor x(*backend, {6, 4}), y(*backend, {6, 4}), dx(*backend, {6, 4});
  const GuardedTensor gamma(*backend, {4}), beta(*backend, {4}), mean(*backend, {4}), inverse(*backend, {4});
  const GuardedTensor running_mean(*backend, {4}), running_variance(*backend, {4});
  const GuardedTensor scratch(*backend, {static_cast<int>(backend->scratch_bytes(shape)) + 1}, DType::u8);
  const Scratch memory{scratch.tensor.raw(), scratch.tensor.bytes()};
  x.set(random_values(24, 1));
  for (const GuardedTensor* each : {&gamma, &beta, &running_mean, &running_variance}) each->fill(1.0f);
  const auto forward = [&](const BatchNormShape& of, const Tensor& with_beta) {
    ops::batch_norm_forward(*backend, of, x.tensor, gamma.tensor, with_beta, y.tensor, mean.tensor, inverse.tensor,
                            running_mean.tensor, running_variance.tensor, memory);
  };
  forward(shape, beta.tensor);
  CHECK(fixture.calls("cudnnBatchNormalizationForwardTraining") == 1);
  forward(shape, {});
  forward({.rows = 6, .channels = 4, .unbiased_running = false}, beta.tensor);
  CHECK(fixture.calls("cudnnBatchNormalizationForwardTraining") == 1);
  const auto backward = [&](const Tensor& into, const Tensor& dgamma) {
    ops::batch_norm_backward(*backend, shape, x.tensor, gamma.tensor, mean.tensor, inverse.tensor, y.tensor, into,
                             dgamma, beta.tensor, memory);
  };
  backward(dx.tensor, running_mean.tensor);
  CHECK(fixture.calls("cudnnBatchNormalizationBackward") == 1);
  backward(y.tensor, running_mean.tensor);  // in place of dy
  backward(dx.tensor, {});
  CHECK(fixture.calls("cudnnBatchNormalizationBackward") == 1);
  ops::batch_norm_inference(*backend, shape, x.tensor, gamma.tensor, beta.tensor, running_mean.tensor,
                            running_variance.tensor, y.tensor);
  CHECK(fixture.calls("cudnnBatchNormalizationForwardInference") == 1);
}

TEST_CASE("nothing that a backend makes in the libraries outlives it") {
  const QuietStandIn fixture;
  const int before = fixture.library.live();
  {
    const auto backend = stand_in_backend();
    backend->scratch_bytes(kShape);
    backend->scratch_bytes(DenseShape{.n = 2, .in = 3, .out = 4});
    CHECK(fixture.library.live() > before);
  }
  CHECK(fixture.library.live() == before);
}

TEST_CASE("auto takes the libraries where a measurement on that device says so, and nowhere else") {
  using emulated::Measurement, emulated::VendorPrimitives;
  constexpr VendorPrimitives kDense{.convolution = false, .pooling = false, .batch_norm = false, .dense = true};
  const std::vector<Measurement> measured = {{"H100", {}}, {"H200", kDense}};
  CHECK(emulated::measured_faster(measured, "cuda:0: NVIDIA H200, exact math") == kDense);
  CHECK_FALSE(emulated::measured_faster(measured, "cuda:0: NVIDIA T4").any());
  CHECK_FALSE(emulated::measured_faster({}, "cuda:0: NVIDIA H200").any());
}

}  // namespace curie::test
