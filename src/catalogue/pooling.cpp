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

void max_pool_forward(Operands& o) {
  const PoolShape s = pooling(o);
  const float* x = o.integers("x", s.input_elements());
  float* y = o.output("y", s.output_elements());
  o.backend().max_pool_forward(s, x, y, o.byte_output("arg_max", s.output_elements()));
}

void max_pool_backward(Operands& o) {
  const PoolShape s = pooling(o);
  const std::uint8_t* arg_max = o.bytes("arg_max", s.output_elements(), s.window_h * s.window_w);
  const float* dy = o.integers("dy", s.output_elements());
  o.backend().max_pool_backward(s, arg_max, dy, o.output("dx", s.input_elements()));
}

void average_pool_forward(Operands& o) {
  const PoolShape s = pooling(o);
  const float* x = o.integers("x", s.input_elements());
  o.backend().average_pool_forward(s, x, o.output("y", s.output_elements()));
}

void average_pool_backward(Operands& o) {
  const PoolShape s = pooling(o);
  const float* dy = o.integers("dy", s.output_elements());
  o.backend().average_pool_backward(s, dy, o.output("dx", s.input_elements()));
}

void l2_pool_forward(Operands& o) {
  const PoolShape s = pooling(o);
  const float* x = o.uniform("x", s.input_elements());
  o.backend().l2_pool_forward(s, x, o.output("y", s.output_elements()));
}

void l2_pool_backward(Operands& o) {
  const PoolShape s = pooling(o);
  const float* x = o.uniform("x", s.input_elements());
  const float* y = o.uniform("y", s.output_elements(), 0.5f, 2.0f);
  const float* dy = o.uniform("dy", s.output_elements());
  o.backend().l2_pool_backward(s, x, y, dy, o.output("dx", s.input_elements()));
}

std::size_t rows(const Operands& o) {
  return static_cast<std::size_t>(o["n"]) * static_cast<std::size_t>(o["channels"]);
}

void global_average_pool_forward(Operands& o) {
  const float* x = o.uniform("x", rows(o) * static_cast<std::size_t>(o["pixels"]));
  o.backend().global_average_pool_forward(o["n"], o["pixels"], o["channels"], x, o.output("y", rows(o)));
}

void global_average_pool_backward(Operands& o) {
  const float* dy = o.uniform("dy", rows(o));
  float* dx = o.output("dx", rows(o) * static_cast<std::size_t>(o["pixels"]));
  o.backend().global_average_pool_backward(o["n"], o["pixels"], o["channels"], dy, dx);
}

}  // namespace

std::vector<CatalogueEntry> pooling_entries() {
  return {
      {"max_pool_forward", "the largest of each window, and where it stood", kPooling, true, max_pool_forward},
      {"max_pool_backward", "the gradient goes to each window's largest cell", kPooling, true, max_pool_backward},
      {"average_pool_forward", "the mean of each window", kPooling, false, average_pool_forward},
      {"average_pool_backward", "the gradient is shared by each window's cells", kPooling, false,
       average_pool_backward},
      {"l2_pool_forward", "the root of each window's sum of squares", kPooling, false, l2_pool_forward},
      {"l2_pool_backward", "dy * x / y over each window", kPooling, false, l2_pool_backward},
      {"global_average_pool_forward", "the mean of each channel's pixels", kGlobal, false, global_average_pool_forward,
       kHardGlobal},
      {"global_average_pool_backward", "the gradient shared by all pixels", kGlobal, false,
       global_average_pool_backward},
  };
}

}  // namespace curie
