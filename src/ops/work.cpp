#include "ops/work.h"

namespace curie {

Work& Work::operator+=(const Work& other) {
  products += other.products;
  dense += other.dense;
  elementwise += other.elementwise;
  bytes += other.bytes;
  return *this;
}

Work operator*(double times, const Work& work) {
  return {times * work.products, times * work.dense, times * work.elementwise, times * work.bytes};
}

namespace work {
namespace {

constexpr double kFloat = sizeof(float);
constexpr double kByte = 1.0;

double number(std::size_t count) { return static_cast<double>(count); }
double product(int a, int b) { return static_cast<double>(a) * b; }
double of_activation(Storage storage) { return number(size_of(storage.activations)); }
double of_weight(Storage storage) { return number(size_of(storage.weights)); }
double when(bool condition, double value) { return condition ? value : 0.0; }

Work elementwise(double operations, double bytes) { return {.elementwise = operations, .bytes = bytes}; }

// Every output's products, of inputs that each of `taps` weights is multiplied with.
Work products(double outputs, double taps, double bytes) {
  const double all = 2.0 * outputs * taps;
  return {.products = all, .dense = all, .bytes = bytes};
}

double taps_of(const Conv2dShape& shape) { return product(shape.r, shape.s) * shape.c; }
double conv_bytes(const Conv2dShape& shape, double weight, Storage storage) {
  return of_activation(storage) * number(shape.input_elements() + shape.output_elements()) +
         weight * number(shape.weight_elements());
}

double cells(const PoolShape& shape) { return number(shape.output_elements()) * shape.window_h * shape.window_w; }
Work pool(const PoolShape& shape, double operations, double further_bytes, Storage storage) {
  return elementwise(operations,
                     of_activation(storage) * number(shape.input_elements() + shape.output_elements()) + further_bytes);
}

Work rows_of(int rows, int classes, double operations, double arrays) {
  const double elements = product(rows, classes);
  return elementwise(operations * elements, arrays * kFloat * elements);
}

}  // namespace

Work conv2d_forward(const Conv2dShape& shape, bool bias, Activation activation, Storage storage) {
  const double outputs = number(shape.output_elements());
  Work work =
      products(outputs, taps_of(shape), conv_bytes(shape, of_weight(storage), storage) + when(bias, kFloat * shape.k));
  work.elementwise = when(bias, outputs) + when(activation != Activation::none, outputs);
  return work;
}

Work conv2d_backward_input(const Conv2dShape& shape, Storage storage) {
  return products(number(shape.output_elements()), taps_of(shape), conv_bytes(shape, of_weight(storage), storage));
}

Work conv2d_backward_weights(const Conv2dShape& shape, bool dbias, Storage storage) {
  const double outputs = number(shape.output_elements());
  Work work = products(outputs, taps_of(shape), conv_bytes(shape, kFloat, storage) + when(dbias, kFloat * shape.k));
  work.elementwise = when(dbias, outputs);
  return work;
}

Work conv_pool_forward(const ConvPoolShape& shape, bool bias, float dropout_rate, bool arg_max, Storage storage) {
  const Conv2dShape& conv = shape.conv;
  const double outputs = number(shape.output_elements());
  const double pooled = outputs * shape.pool * shape.pool;  // outputs of the convolution that a window covers
  Work work{.products = 2.0 * pooled * taps_of(conv), .dense = conv.flops()};
  // The largest of a window is found first; bias and ReLU are then for one value.
  work.elementwise = (pooled - outputs) + when(bias, outputs) + outputs + when(dropout_rate > 0.0f, outputs);
  work.bytes = of_activation(storage) * (number(conv.input_elements()) + outputs) +
               of_weight(storage) * number(conv.weight_elements()) + when(bias, kFloat * conv.k) +
               when(arg_max, kByte * outputs);
  return work;
}

Work conv_pool_backward(const ConvPoolShape& shape, float dropout_rate, bool dx, bool dbias, Storage storage) {
  const Conv2dShape& conv = shape.conv;
  const double outputs = number(shape.output_elements());
  const double kept = outputs * (1.0 - static_cast<double>(dropout_rate));
  const double directions = dx ? 2.0 : 1.0;
  Work work{.products = directions * 2.0 * kept * taps_of(conv), .dense = directions * conv.flops()};
  work.elementwise = outputs + when(dropout_rate > 0.0f, kept) + when(dbias, kept);
  work.bytes = of_activation(storage) * (directions * number(conv.input_elements()) + 2.0 * outputs) + kByte * outputs +
               when(dx, of_weight(storage) * number(conv.weight_elements())) +
               kFloat * (number(conv.weight_elements()) + when(dbias, conv.k));
  return work;
}

Work max_pool_forward(const PoolShape& shape, bool arg_max, Storage storage) {
  const double outputs = number(shape.output_elements());
  return pool(shape, cells(shape) - outputs, when(arg_max, kByte * outputs), storage);
}
Work max_pool_backward(const PoolShape& shape, Storage storage) {
  return pool(shape, 0.0, kByte * number(shape.output_elements()), storage);
}
Work average_pool_forward(const PoolShape& shape, Storage storage) { return pool(shape, cells(shape), 0.0, storage); }
Work average_pool_backward(const PoolShape& shape, Storage storage) { return pool(shape, cells(shape), 0.0, storage); }
Work l2_pool_forward(const PoolShape& shape, Storage storage) { return pool(shape, 2.0 * cells(shape), 0.0, storage); }
Work l2_pool_backward(const PoolShape& shape, Storage storage) {
  const double arrays = of_activation(storage) * number(shape.input_elements() + shape.output_elements());
  return pool(shape, number(shape.output_elements()) + 2.0 * cells(shape), arrays, storage);
}
Work global_average_pool_forward(int n, int pixels, int channels, Storage storage) {
  const double elements = product(n, pixels) * channels;
  return elementwise(elements, of_activation(storage) * (elements + product(n, channels)));
}
Work global_average_pool_backward(int n, int pixels, int channels, Storage storage) {
  const double elements = product(n, pixels) * channels;
  return elementwise(product(n, channels), of_activation(storage) * (elements + product(n, channels)));
}

namespace {
Work dense_products(const DenseShape& shape, double weight, Storage storage) {
  return products(product(shape.n, shape.out), shape.in,
                  of_activation(storage) * (product(shape.n, shape.in) + product(shape.n, shape.out)) +
                      weight * product(shape.in, shape.out));
}
}  // namespace

Work dense_forward(const DenseShape& shape, bool bias, Activation activation, Storage storage) {
  const double outputs = product(shape.n, shape.out);
  Work work = dense_products(shape, of_weight(storage), storage);
  work.elementwise = when(bias, outputs) + when(activation != Activation::none, outputs);
  work.bytes += when(bias, kFloat * shape.out);
  return work;
}
Work dense_backward_input(const DenseShape& shape, Storage storage) {
  return dense_products(shape, of_weight(storage), storage);
}
Work dense_backward_weights(const DenseShape& shape, bool dbias, Storage storage) {
  Work work = dense_products(shape, kFloat, storage);
  work.elementwise = when(dbias, product(shape.n, shape.out));
  work.bytes += when(dbias, kFloat * shape.out);
  return work;
}

Work batch_norm_forward(const BatchNormShape& shape, bool gamma, bool beta, Storage storage) {
  const double elements = product(shape.rows, shape.channels);
  // x is read for the statistics and again to be normalised; mean and variance: sum, difference, square, sum.
  const double arrays = 2.0 + 4.0 + when(gamma, 1.0) + when(beta, 1.0);  // saved (2), running read and written (4)
  return elementwise(6.0 * elements, 3.0 * of_activation(storage) * elements + arrays * kFloat * shape.channels);
}
Work batch_norm_inference(const BatchNormShape& shape, bool gamma, bool beta, Storage storage) {
  const double elements = product(shape.rows, shape.channels);
  const double arrays = 2.0 + when(gamma, 1.0) + when(beta, 1.0);
  return elementwise(2.0 * elements, 2.0 * of_activation(storage) * elements + arrays * kFloat * shape.channels);
}
Work batch_norm_backward(const BatchNormShape& shape, bool gamma, bool dx, bool dgamma, bool dbeta, Storage storage) {
  const double elements = product(shape.rows, shape.channels);
  const double arrays = 2.0 + when(gamma, 1.0) + when(dgamma, 1.0) + when(dbeta, 1.0);
  // xhat (2), both sums (3); then xhat again, times a sum, twice subtracted, scaled (6), where dx is wanted.
  return elementwise((dx ? 11.0 : 5.0) * elements,
                     (dx ? 5.0 : 2.0) * of_activation(storage) * elements + arrays * kFloat * shape.channels);
}
Work batch_norm_backward_inference(const BatchNormShape& shape, bool gamma, Storage storage) {
  const double elements = product(shape.rows, shape.channels);
  return elementwise(elements,
                     2.0 * of_activation(storage) * elements + (1.0 + when(gamma, 1.0)) * kFloat * shape.channels);
}

Work activation_forward(Activation activation, std::size_t count, Storage storage) {
  const double operations = activation == Activation::relu ? 1.0 : 3.0;  // sigmoid and tanh: exponential, sum, quotient
  return elementwise(operations * number(count), 2.0 * of_activation(storage) * number(count));
}
Work activation_backward(Activation activation, std::size_t count, Storage storage) {
  const double operations = activation == Activation::relu ? 1.0 : 3.0;
  return elementwise(operations * number(count), 3.0 * of_activation(storage) * number(count));
}
// The largest, differences, exponentials, their sum, quotients.
Work softmax_forward(int rows, int classes) { return rows_of(rows, classes, 5.0, 2.0); }
Work softmax_backward(int rows, int classes) { return rows_of(rows, classes, 4.0, 3.0); }
Work log_softmax_forward(int rows, int classes) { return rows_of(rows, classes, 5.0, 2.0); }
Work log_softmax_backward(int rows, int classes) { return rows_of(rows, classes, 4.0, 3.0); }

Work dropout(std::size_t count, float rate, Storage storage) {
  return elementwise(when(rate > 0.0f, number(count)), 2.0 * of_activation(storage) * number(count));
}
Work add(std::size_t count, Storage storage) {
  return elementwise(number(count), 3.0 * of_activation(storage) * number(count));
}
Work blend(std::size_t count) { return elementwise(3.0 * number(count), 3.0 * kFloat * number(count)); }
Work fill(std::size_t count) { return elementwise(0.0, kFloat * number(count)); }
Work cast(std::size_t count) { return elementwise(0.0, (kFloat + number(size_of(DType::bf16))) * number(count)); }

Work normalize_u8(std::size_t pixels, int channels, Storage storage) {
  constexpr double kTable = 256.0 * kFloat;
  return elementwise(0.0, (kByte + of_activation(storage)) * number(pixels) * channels + kTable * channels);
}
Work gather_normalize_u8(int count, std::size_t pixels, int channels, Storage storage) {
  Work work = normalize_u8(static_cast<std::size_t>(count) * pixels, channels, storage);
  work.bytes += kFloat * count;
  return work;
}
Work warp_u8(const WarpShape& shape, Storage storage) {
  const double elements = number(shape.sample()) * shape.count;
  const double of_sample = number(sizeof(ImageWarp)) + kFloat;
  return elementwise(2.0 * elements, (kByte + of_activation(storage)) * elements + of_sample * shape.count +
                                         2.0 * kFloat * shape.channels);
}
Work gather_rows(int count, std::size_t words) {
  return elementwise(0.0, kFloat * count * (2.0 * number(words) + 1.0));
}
Work gather_rounded(int count, std::size_t width) {
  return elementwise(0.0, count * ((kFloat + number(size_of(DType::bf16))) * number(width) + kFloat));
}

Work loss(const LossShape& shape, bool weights, bool gradient) {
  const double elements = product(shape.rows, shape.classes);
  const double targets = takes_class_index(shape.kind) ? shape.rows : elements;
  // From logits: the largest, differences, exponentials, sums, a logarithm; the gradient: quotient, difference, scale.
  const double value = shape.kind == LossKind::mse ? 3.0 : shape.kind == LossKind::nll ? 1.0 : 8.0;
  return elementwise((value + when(gradient, 3.0)) * elements,
                     kFloat * (elements + targets + when(weights, shape.rows) + when(gradient, elements)));
}
Work count_correct(MatchRule rule, int rows, int classes) {
  const double elements = product(rows, classes);
  return elementwise(elements, kFloat * (elements + (rule == MatchRule::sparse ? rows : elements)));
}
Work clip_gradient(const ClipShape& shape) {
  const double count = number(shape.count);
  if (shape.kind == ClipKind::value) return elementwise(2.0 * count, 2.0 * kFloat * count);
  return elementwise(3.0 * count, 3.0 * kFloat * count + kFloat * shape.segments);
}
Work sgd_step(const SgdArgs& args, std::size_t count) {
  const double decay = when(args.weight_decay != 0.0f, 2.0);
  if (args.momentum == 0.0f) return elementwise((2.0 + decay) * number(count), 3.0 * kFloat * number(count));
  const double operations = 4.0 + when(args.nesterov, 2.0) + decay;
  return elementwise(operations * number(count), 5.0 * kFloat * number(count));
}
Work adam_step(const AdamArgs& args, std::size_t count) {
  // Both moments: 3 and 4; root, sum, quotient, product, difference.
  const double operations = 12.0 + when(args.weight_decay != 0.0f, 2.0);
  return elementwise(operations * number(count), 7.0 * kFloat * number(count));
}
Work copy(std::size_t bytes) { return elementwise(0.0, 2.0 * number(bytes)); }

}  // namespace work
}  // namespace curie
