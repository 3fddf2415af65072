#pragma GCC diagnostic ignored "-Wunused-parameter"
// placeholder
#include "cuda/kernels.h"
#include <stdexcept>
namespace curie::CURIE_GPU {
__attribute__((weak)) bool conv_pool_fuses(const ConvPoolShape& shape) { return false; }
__attribute__((weak)) std::size_t conv_pool_scratch_bytes(const ConvPoolShape& shape) { return 0; }
__attribute__((weak)) void conv_pool_forward(Stream stream, Math math, const ConvPoolShape& shape, const float* x, const float* w, const float* bias, const DropoutSpec& dropout, const StepState* state, float* y, std::uint8_t* arg_max, Scratch scratch) { throw std::runtime_error("conv_pool_forward: not written"); }
__attribute__((weak)) void conv_pool_backward(Stream stream, Math math, const ConvPoolShape& shape, const float* x, const float* w, const float* y, const std::uint8_t* arg_max, float dropout_rate, const float* dy, float* dx, float* dw, float* dbias, Scratch scratch) { throw std::runtime_error("conv_pool_backward: not written"); }
__attribute__((weak)) std::size_t dense_scratch_bytes(const DenseShape& shape) { return 0; }
__attribute__((weak)) void dense_forward(Stream stream, Math math, const DenseShape& shape, const float* x, const float* w, const float* bias, Activation activation, float* y, Scratch scratch) { throw std::runtime_error("dense_forward: not written"); }
__attribute__((weak)) void dense_backward_input(Stream stream, Math math, const DenseShape& shape, const float* dy, const float* w, float* dx, Scratch scratch) { throw std::runtime_error("dense_backward_input: not written"); }
__attribute__((weak)) void dense_backward_weights(Stream stream, Math math, const DenseShape& shape, const float* x, const float* dy, float* dw, float* dbias, Scratch scratch) { throw std::runtime_error("dense_backward_weights: not written"); }
}
