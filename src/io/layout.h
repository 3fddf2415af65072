// Weights in the orders that other programs store them in. Curie keeps a convolution's kernel KRSC (filters, rows,
// columns, channels) and a Dense kernel (in, out), as Keras does; Keras' convolutions are HWIO (rows, columns,
// channels, filters), PyTorch's OIHW (filters, channels, rows, columns), its Linear weights (out, in).
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace curie {

// y of shape (x.shape[axes[0]], x.shape[axes[1]], ...), y[i0, i1, ...] = x[i with i[axes[j]] = ij]. f32, host memory.
Tensor permuted(const Tensor& x, std::span<const int> axes);

Tensor hwio_from_krsc(const Tensor& kernel);
Tensor krsc_from_hwio(const Tensor& kernel);
Tensor oihw_from_krsc(const Tensor& kernel);
Tensor krsc_from_oihw(const Tensor& kernel);
Tensor transposed(const Tensor& matrix);

// The rows of a Dense kernel (rows * columns * channels, out) behind Flatten of an image (rows, columns, channels):
// Curie and Keras number them with the channel innermost, PyTorch with the channel outermost.
Tensor channel_outermost_rows(const Tensor& kernel, const Shape& image);
Tensor channel_innermost_rows(const Tensor& kernel, const Shape& image);

}  // namespace curie
