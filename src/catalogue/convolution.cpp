#include "catalogue/entries.h"

namespace curie {
namespace {

// Padding keeps the image's size for odd filters and stride 1.
const std::vector<Extent> kConvolution = {{"n", 2},  {"h", 12}, {"w", 12}, {"c", 8},
                                          {"k", 16}, {"r", 3},  {"s", 3},  {"stride", 1}};
const std::vector<Extent> kBlock = {{"n", 2},  {"h", 16}, {"w", 16}, {"c", 8},
                                    {"k", 32}, {"r", 3},  {"s", 3},  {"pool", 2}};
const std::vector<std::string> kHardConvolutions = {"c=1,k=36", "c=3,k=40", "c=5,k=34", "c=16,k=72,stride=2"};
const std::vector<std::string> kHardBlocks = {"c=1,k=36", "c=1,k=8,r=5,s=5", "c=5,k=10,pool=3",
                                              "h=14,w=14,c=4,k=8,pool=12"};

Conv2dShape convolution(const Operands& o) {
  Conv2dShape shape{.n = o["n"], .h = o["h"], .w = o["w"], .c = o["c"], .k = o["k"], .r = o["r"], .s = o["s"]};
  shape.stride_h = shape.stride_w = o["stride"];
  shape.pad_top = shape.r / 2;
  shape.pad_left = shape.s / 2;
  shape.p = (shape.h + 2 * shape.pad_top - shape.r) / shape.stride_h + 1;
  shape.q = (shape.w + 2 * shape.pad_left - shape.s) / shape.stride_w + 1;
  return shape;
}

ConvPoolShape block(const Operands& o) {
  ConvPoolShape shape{
      .conv = {.n = o["n"], .h = o["h"], .w = o["w"], .c = o["c"], .k = o["k"], .r = o["r"], .s = o["s"]},
      .pool = o["pool"]};
  shape.conv.p = shape.conv.h - shape.conv.r + 1;
  shape.conv.q = shape.conv.w - shape.conv.s + 1;
  return shape;
}

std::size_t filters(int k) { return static_cast<std::size_t>(k); }

template <typename T>
void conv2d_forward(Operands& o) {
  const Conv2dShape s = convolution(o);
  const T* x = o.integers<T>("x", s.input_elements());
  const T* w = o.integers<T>("w", s.weight_elements());
  const float* bias = o.integers("bias", filters(s.k));
  T* y = o.output<T>("y", s.output_elements());
  o.on<T>().conv2d_forward(s, x, w, bias, Activation::relu, y, o.scratch(o.backend().scratch_bytes(s)));
}

template <typename T>
void conv2d_backward_input(Operands& o) {
  const Conv2dShape s = convolution(o);
  const T* dy = o.integers<T>("dy", s.output_elements());
  const T* w = o.integers<T>("w", s.weight_elements());
  T* dx = o.output<T>("dx", s.input_elements());
  o.on<T>().conv2d_backward_input(s, dy, w, dx, o.scratch(o.backend().scratch_bytes(s)));
}

template <typename T>
void conv2d_backward_weights(Operands& o) {
  const Conv2dShape s = convolution(o);
  const T* x = o.integers<T>("x", s.input_elements());
  const T* dy = o.integers<T>("dy", s.output_elements());
  float* dw = o.output("dw", s.weight_elements());
  float* dbias = o.output("dbias", filters(s.k));
  o.on<T>().conv2d_backward_weights(s, x, dy, dw, dbias, o.scratch(o.backend().scratch_bytes(s)));
}

template <typename T>
void conv_pool_forward(Operands& o) {
  const ConvPoolShape s = block(o);
  const T* x = o.integers<T>("x", s.conv.input_elements());
  const T* w = o.integers<T>("w", s.conv.weight_elements());
  const float* bias = o.integers("bias", filters(s.conv.k));
  T* y = o.output<T>("y", s.output_elements());
  std::uint8_t* arg_max = o.byte_output("arg_max", s.output_elements());
  o.on<T>().conv_pool_forward(s, x, w, bias, {.rate = 0.25f, .seed = 5, .stream = 1}, o.state({.step = 3}), y, arg_max,
                              o.scratch(o.backend().scratch_bytes(s)));
}

template <typename T>
void conv_pool_backward(Operands& o) {
  const ConvPoolShape s = block(o);
  const T* x = o.integers<T>("x", s.conv.input_elements());
  const T* w = o.integers<T>("w", s.conv.weight_elements());
  const T* y = o.integers<T>("y", s.output_elements());
  const std::uint8_t* arg_max = o.bytes("arg_max", s.output_elements(), s.pool * s.pool);
  const T* dy = o.integers<T>("dy", s.output_elements());
  T* dx = o.output<T>("dx", s.conv.input_elements());
  float* dw = o.output("dw", s.conv.weight_elements());
  float* dbias = o.output("dbias", filters(s.conv.k));
  o.on<T>().conv_pool_backward(s, x, w, y, arg_max, 0.5f, dy, dx, dw, dbias, o.scratch(o.backend().scratch_bytes(s)));
}

}  // namespace

std::vector<CatalogueEntry> convolution_entries() {
  return {
      {"conv2d_forward", "convolution + bias + ReLU, as implicit GEMM on NHWC", kConvolution, true,
       conv2d_forward<float>, conv2d_forward<Bf16>, kHardConvolutions},
      {"conv2d_backward_input", "the convolution's gradient in its input", kConvolution, true,
       conv2d_backward_input<float>, conv2d_backward_input<Bf16>, kHardConvolutions},
      {"conv2d_backward_weights", "the convolution's gradients in its filters and biases", kConvolution, true,
       conv2d_backward_weights<float>, conv2d_backward_weights<Bf16>, kHardConvolutions},
      {"conv_pool_forward", "convolution + bias + max pool + ReLU + dropout in one pass", kBlock, true,
       conv_pool_forward<float>, conv_pool_forward<Bf16>, kHardBlocks},
      {"conv_pool_backward", "the block's gradients, from the pooled gradient", kBlock, true, conv_pool_backward<float>,
       conv_pool_backward<Bf16>, kHardBlocks},
  };
}

}  // namespace curie
