#include "catalogue/entries.h"

namespace curie {
namespace {

const std::vector<Extent> kPooling = {{"n", 2}, {"h", 12}, {"w", 12}, {"c", 16}, {"window", 2}, {"stride", 2}};
const std::vector<Extent> kGlobal = {{"n", 4}, {"pixels", 49}, {"channels", 32}};
const std::vector<std::string> kHardGlobal = {"n=65537,pixels=2,channels=1"};  // more samples than a grid has rows

PoolShape pooling(const Operands& o) {
  PoolShape shape{.n = o["n"], .h = o["h"], .w = o["w"], .c = o["c"], .window_h = o["window"], .window_w = o["window"]};
  shape.stride_h = shape.stride_w = o["stride"];
  shape.p = (shape.h - shape.window_h) / shape.stride_h + 1;
  shape.q = (shape.w - shape.window_w) / shape.stride_w + 1;
  return shape;
}

template <typename T>
void max_pool_forward(Operands& o) {
  const PoolShape s = pooling(o);
  const T* x = o.integers<T>("x", s.input_elements());
  T* y = o.output<T>("y", s.output_elements());
  o.on<T>().max_pool_forward(s, x, y, o.byte_output("arg_max", s.output_elements()));
}

template <typename T>
void max_pool_backward(Operands& o) {
  const PoolShape s = pooling(o);
  const std::uint8_t* arg_max = o.bytes("arg_max", s.output_elements(), s.window_h * s.window_w);
  const T* dy = o.integers<T>("dy", s.output_elements());
  o.on<T>().max_pool_backward(s, arg_max, dy, o.output<T>("dx", s.input_elements()));
}

template <typename T>
void average_pool_forward(Operands& o) {
  const PoolShape s = pooling(o);
  const T* x = o.integers<T>("x", s.input_elements());
  o.on<T>().average_pool_forward(s, x, o.output<T>("y", s.output_elements()));
}

template <typename T>
void average_pool_backward(Operands& o) {
  const PoolShape s = pooling(o);
  const T* dy = o.integers<T>("dy", s.output_elements());
  o.on<T>().average_pool_backward(s, dy, o.output<T>("dx", s.input_elements()));
}

template <typename T>
void l2_pool_forward(Operands& o) {
  const PoolShape s = pooling(o);
  const T* x = o.uniform<T>("x", s.input_elements());
  o.on<T>().l2_pool_forward(s, x, o.output<T>("y", s.output_elements()));
}

template <typename T>
void l2_pool_backward(Operands& o) {
  const PoolShape s = pooling(o);
  const T* x = o.uniform<T>("x", s.input_elements());
  const T* y = o.uniform<T>("y", s.output_elements(), 0.5f, 2.0f);
  const T* dy = o.uniform<T>("dy", s.output_elements());
  o.on<T>().l2_pool_backward(s, x, y, dy, o.output<T>("dx", s.input_elements()));
}

std::size_t rows(const Operands& o) {
  return static_cast<std::size_t>(o["n"]) * static_cast<std::size_t>(o["channels"]);
}

template <typename T>
void global_average_pool_forward(Operands& o) {
  const T* x = o.uniform<T>("x", rows(o) * static_cast<std::size_t>(o["pixels"]));
  o.on<T>().global_average_pool_forward(o["n"], o["pixels"], o["channels"], x, o.output<T>("y", rows(o)));
}

template <typename T>
void global_average_pool_backward(Operands& o) {
  const T* dy = o.uniform<T>("dy", rows(o));
  T* dx = o.output<T>("dx", rows(o) * static_cast<std::size_t>(o["pixels"]));
  o.on<T>().global_average_pool_backward(o["n"], o["pixels"], o["channels"], dy, dx);
}

}  // namespace

std::vector<CatalogueEntry> pooling_entries() {
  return {
      {"max_pool_forward", "the largest of each window, and where it stood", kPooling, true, max_pool_forward<float>,
       max_pool_forward<Bf16>},
      {"max_pool_backward", "the gradient goes to each window's largest cell", kPooling, true, max_pool_backward<float>,
       max_pool_backward<Bf16>},
      {"average_pool_forward", "the mean of each window", kPooling, false, average_pool_forward<float>,
       average_pool_forward<Bf16>},
      {"average_pool_backward", "the gradient is shared by each window's cells", kPooling, false,
       average_pool_backward<float>, average_pool_backward<Bf16>},
      {"l2_pool_forward", "the root of each window's sum of squares", kPooling, false, l2_pool_forward<float>,
       l2_pool_forward<Bf16>},
      {"l2_pool_backward", "dy * x / y over each window", kPooling, false, l2_pool_backward<float>,
       l2_pool_backward<Bf16>},
      {"global_average_pool_forward", "the mean of each channel's pixels", kGlobal, false,
       global_average_pool_forward<float>, global_average_pool_forward<Bf16>, kHardGlobal},
      {"global_average_pool_backward", "the gradient shared by all pixels", kGlobal, false,
       global_average_pool_backward<float>, global_average_pool_backward<Bf16>},
  };
}

}  // namespace curie
