// Output extents and padding of convolution and pooling, one axis at a time.
#pragma once

namespace curie {

struct Window {
  int out;         // number of windows along the axis
  int pad_before;  // padding cells above or to the left; those behind are what `out` implies
  friend bool operator==(const Window&, const Window&) = default;
};

// All three throw Error(usage) when no window fits or an argument makes no sense.

// No padding: floor((in - kernel) / stride) + 1 windows.
Window window_valid(int in, int kernel, int stride);
// Keras' 'same': ceil(in / stride) windows; the odd padding cell goes behind.
Window window_same(int in, int kernel, int stride);
// Explicit cells on both sides: floor((before + in + after - kernel) / stride) + 1 windows, as PyTorch. Padding must be
// smaller than the kernel, so that every window sees the image.
Window window_cells(int in, int kernel, int stride, int before, int after);

}  // namespace curie
