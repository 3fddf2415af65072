// Pooling over NHWC: neighbouring threads take neighbouring channels, one or four each. The grid is (channels of one
// row of pixels, rows, samples), so that a thread divides once to find its pixel. Backward, an input pixel asks the
// windows that cover it, in their order: nothing is added to by two threads.
#include "cuda/columns.cuh"
#include "cuda/floats.cuh"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 128;
[[maybe_unused]] constexpr int kResident = 8;  // blocks of a multiprocessor, at least: 64 registers a thread
constexpr int kGridLimit = 65535;              // in y and z

enum class Kind { max, average, l2 };

// Along one axis: the cells [begin, end) of a window that lie inside the image; cell i is pixel first + i.
struct Cells {
  __device__ __forceinline__ Cells(int window, int cells, int stride, int pad, int in)
      : first(window * stride - pad), begin(max(0, -first)), end(min(cells, in - first)) {}
  __device__ __forceinline__ int inside() const { return end - begin; }
  int first, begin, end;
};

// Along one axis: the windows [begin, end) that cover a pixel.
struct Windows {
  __device__ __forceinline__ Windows(int pixel, int cells, int stride, int pad, int out)
      : begin(pixel + pad < cells ? 0 : (pixel + pad - cells) / stride + 1),
        end(min(out, (pixel + pad) / stride + 1)) {}
  int begin, end;
};

// Of a pixel's first channel.
__device__ __forceinline__ std::size_t input_at(const PoolShape& s, int n, int row, int column) {
  return ((static_cast<std::size_t>(n) * s.h + row) * s.w + column) * s.c;
}
__device__ __forceinline__ std::size_t output_at(const PoolShape& s, int n, int p, int q) {
  return ((static_cast<std::size_t>(n) * s.p + p) * s.q + q) * s.c;
}

struct Window {
  __device__ __forceinline__ Window(const PoolShape& s, int p, int q)
      : rows(p, s.window_h, s.stride_h, s.pad_top, s.h), columns(q, s.window_w, s.stride_w, s.pad_left, s.w) {}
  __device__ __forceinline__ float divisor(const PoolShape& s) const {
    return static_cast<float>(s.count_padding ? s.window_h * s.window_w : rows.inside() * columns.inside());
  }
  // Of the first pixel of a row of the window.
  __device__ __forceinline__ std::size_t row_at(const PoolShape& s, int n, int row) const {
    return input_at(s, n, rows.first + row, columns.first + columns.begin);
  }
  Cells rows, columns;
};

// This thread's pixel of a row and its first channel there.
template <int Width>
struct Place {
  __device__ __forceinline__ explicit Place(int channels) {
    const unsigned groups = static_cast<unsigned>(channels) / Width, index = blockIdx.x * kBlock + threadIdx.x;
    pixel = static_cast<int>(index / groups);
    channel = static_cast<int>(index % groups) * Width;
  }
  int pixel, channel;
};

template <int Width>
__device__ __forceinline__ void store_cells(std::uint8_t* address, const int (&cells)[Width]) {
  const auto byte = [&](int i) { return static_cast<unsigned char>(cells[i]); };
  if constexpr (Width == 4) {
    *reinterpret_cast<uchar4*>(address) = make_uchar4(byte(0), byte(1), byte(2), byte(3));
  } else {
    *address = byte(0);
  }
}

template <int Width>
__device__ __forceinline__ void load_cells(const std::uint8_t* address, int (&cells)[Width]) {
  if constexpr (Width == 4) {
    const uchar4 bytes = *reinterpret_cast<const uchar4*>(address);
    cells[0] = bytes.x, cells[1] = bytes.y, cells[2] = bytes.z, cells[3] = bytes.w;
  } else {
    cells[0] = *address;
  }
}

// --- forward --------------------------------------------------------------------------------------------------------

// NaN beats every number and the first NaN wins.
__device__ __forceinline__ bool beats(float value, float best) {
  return value > best || (value != value && best == best);
}

template <int Width, typename T>
__device__ __forceinline__ void max_pixel(const PoolShape& s, int n, int p, int q, int c, const T* x, T* y,
                                          std::uint8_t* arg_max) {
  const Window window(s, p, q);
  Floats<Width> best{};
  int where[Width] = {};
  bool first = true;
  for (int row = window.rows.begin; row < window.rows.end; ++row) {
    const T* pixel = x + window.row_at(s, n, row) + c;
    for (int column = window.columns.begin; column < window.columns.end; ++column, pixel += s.c) {
      const Floats<Width> value = load<Width>(pixel);
      CURIE_UNROLL
      for (int i = 0; i < Width; ++i) {
        if (first || beats(value.of[i], best.of[i])) {
          best.of[i] = value.of[i];
          where[i] = row * s.window_w + column;
        }
      }
      first = false;
    }
  }
  store<Width>(y + output_at(s, n, p, q) + c, best);
  if (arg_max != nullptr) store_cells<Width>(arg_max + output_at(s, n, p, q) + c, where);
}

template <Kind kKind, int Width, typename T>
__device__ __forceinline__ void sum_pixel(const PoolShape& s, int n, int p, int q, int c, const T* x, T* y) {
  const Window window(s, p, q);
  Floats<Width> sum{};
  for (int row = window.rows.begin; row < window.rows.end; ++row) {
    const T* pixel = x + window.row_at(s, n, row) + c;
    for (int column = window.columns.begin; column < window.columns.end; ++column, pixel += s.c) {
      const Floats<Width> value = load<Width>(pixel);
      CURIE_UNROLL
      for (int i = 0; i < Width; ++i) {
        sum.of[i] = kKind == Kind::l2 ? fmaf(value.of[i], value.of[i], sum.of[i]) : sum.of[i] + value.of[i];
      }
    }
  }
  const float divisor = window.divisor(s);
  CURIE_UNROLL
  for (int i = 0; i < Width; ++i) sum.of[i] = kKind == Kind::l2 ? sqrtf(sum.of[i]) : sum.of[i] / divisor;
  store<Width>(y + output_at(s, n, p, q) + c, sum);
}

template <Kind kKind, int Width, typename T>
__global__ void __launch_bounds__(kBlock, kResident)
    pool_forward_kernel(PoolShape s, const T* __restrict__ x, T* __restrict__ y, std::uint8_t* __restrict__ arg_max) {
  const Place<Width> at(s.c);
  if (at.pixel >= s.q) return;
  for (int n = static_cast<int>(blockIdx.z); n < s.n; n += static_cast<int>(gridDim.z)) {
    for (int p = static_cast<int>(blockIdx.y); p < s.p; p += static_cast<int>(gridDim.y)) {
      if constexpr (kKind == Kind::max) {
        max_pixel<Width>(s, n, p, at.pixel, at.channel, x, y, arg_max);
      } else {
        sum_pixel<kKind, Width>(s, n, p, at.pixel, at.channel, x, y);
      }
    }
  }
}

// --- backward -------------------------------------------------------------------------------------------------------

template <typename T>
struct Gradient {  // null where a kind does not need it
  const std::uint8_t* arg_max;
  const T* x;
  const T* y;
  const T* dy;
  T* dx;
};

// Adds what window (p, q) gives to the pixel (row, column), whose channels are `x`.
template <Kind kKind, int Width, typename T>
__device__ __forceinline__ void add_window(const PoolShape& s, const Gradient<T>& of, int p, int q, int row, int column,
                                           std::size_t out, const Floats<Width>& x, Floats<Width>& sum) {
  const Floats<Width> dy = load<Width>(of.dy + out);
  if constexpr (kKind == Kind::max) {
    const int cell = (row + s.pad_top - p * s.stride_h) * s.window_w + column + s.pad_left - q * s.stride_w;
    int where[Width];
    load_cells<Width>(of.arg_max + out, where);
    CURIE_UNROLL
    for (int i = 0; i < Width; ++i) sum.of[i] += where[i] == cell ? dy.of[i] : 0.0f;
  } else if constexpr (kKind == Kind::average) {
    const float divisor = Window(s, p, q).divisor(s);
    CURIE_UNROLL
    for (int i = 0; i < Width; ++i) sum.of[i] += dy.of[i] / divisor;
  } else {
    const Floats<Width> y = load<Width>(of.y + out);
    CURIE_UNROLL
    for (int i = 0; i < Width; ++i) sum.of[i] += (y.of[i] == 0.0f ? 0.0f : dy.of[i] / y.of[i]) * x.of[i];
  }
}

template <Kind kKind, int Width, typename T>
__global__ void __launch_bounds__(kBlock, kResident) pool_backward_kernel(PoolShape s, Gradient<T> of) {
  const Place<Width> at(s.c);
  if (at.pixel >= s.w) return;
  const Windows columns(at.pixel, s.window_w, s.stride_w, s.pad_left, s.q);
  for (int n = static_cast<int>(blockIdx.z); n < s.n; n += static_cast<int>(gridDim.z)) {
    for (int row = static_cast<int>(blockIdx.y); row < s.h; row += static_cast<int>(gridDim.y)) {
      const Windows rows(row, s.window_h, s.stride_h, s.pad_top, s.p);
      const std::size_t in = input_at(s, n, row, at.pixel) + at.channel;
      Floats<Width> sum{}, x{};
      if constexpr (kKind == Kind::l2) x = load<Width>(of.x + in);
      for (int p = rows.begin; p < rows.end; ++p) {
        for (int q = columns.begin; q < columns.end; ++q) {
          add_window<kKind, Width>(s, of, p, q, row, at.pixel, output_at(s, n, p, q) + at.channel, x, sum);
        }
      }
      store<Width>(of.dx + in, sum);
    }
  }
}

// --- launches -------------------------------------------------------------------------------------------------------

Launch over_pixels(const char* name, Stream stream, const PoolShape& shape, int rows, int columns, int width) {
  const auto threads = static_cast<std::size_t>(columns) * static_cast<std::size_t>(shape.c / width);
  return {.name = name,
          .grid = dim3(blocks_for(threads, kBlock), min(rows, kGridLimit), min(shape.n, kGridLimit)),
          .block = kBlock,
          .stream = stream};
}

template <Kind kKind, typename T>
void forward(Stream stream, const char* name, const PoolShape& shape, const T* x, T* y, std::uint8_t* arg_max) {
  if (shape.output_elements() == 0) return;
  if (shape.c % 4 == 0 && wide_enough(x, y, arg_max)) {
    launch(over_pixels(name, stream, shape, shape.p, shape.q, 4), pool_forward_kernel<kKind, 4, T>, shape, x, y,
           arg_max);
  } else {
    launch(over_pixels(name, stream, shape, shape.p, shape.q, 1), pool_forward_kernel<kKind, 1, T>, shape, x, y,
           arg_max);
  }
}

template <Kind kKind, typename T>
void backward(Stream stream, const char* name, const PoolShape& shape, const Gradient<T>& of) {
  if (shape.input_elements() == 0) return;
  if (shape.c % 4 == 0 && wide_enough(of.arg_max, of.x, of.y, of.dy, of.dx)) {
    launch(over_pixels(name, stream, shape, shape.h, shape.w, 4), pool_backward_kernel<kKind, 4, T>, shape, of);
  } else {
    launch(over_pixels(name, stream, shape, shape.h, shape.w, 1), pool_backward_kernel<kKind, 1, T>, shape, of);
  }
}

// --- global average -------------------------------------------------------------------------------------------------

// Summed in double, rounded once. blockIdx.y: the sample.
template <typename T>
__global__ void __launch_bounds__(kColumnBlock)
    global_average_kernel(int n, int pixels, int channels, int width, const T* __restrict__ x, T* __restrict__ y) {
  const ColumnPlace at(width);
  const bool inside = at.column < channels;
  for (int sample = static_cast<int>(blockIdx.y); sample < n; sample += static_cast<int>(gridDim.y)) {
    const T* pixel = x + static_cast<std::size_t>(sample) * pixels * channels + at.column;
    DoubleSum sum{0.0};
    for (int i = at.slot; inside && i < pixels; i += at.slots) {
      sum.value += static_cast<double>(value_of(pixel[static_cast<std::size_t>(i) * channels]));
    }
    sum = sum_slots(sum, width);
    if (inside && at.slot == 0) {
      y[static_cast<std::size_t>(sample) * channels + at.column] = rounded<T>(static_cast<float>(sum.value / pixels));
    }
    __syncthreads();  // the next sample uses the tile again
  }
}

// blockIdx.y: the sample.
template <int Width, typename T>
__global__ void __launch_bounds__(kBlock, kResident)
    global_average_gradient_kernel(int n, int pixels, int channels, const T* __restrict__ dy, T* __restrict__ dx) {
  const std::size_t sample_elements = static_cast<std::size_t>(pixels) * channels;
  const std::size_t i = (std::size_t{blockIdx.x} * kBlock + threadIdx.x) * Width;
  if (i >= sample_elements) return;
  const std::size_t channel = i % channels;
  const auto count = static_cast<float>(pixels);
  for (int sample = static_cast<int>(blockIdx.y); sample < n; sample += static_cast<int>(gridDim.y)) {
    Floats<Width> values = load<Width>(dy + static_cast<std::size_t>(sample) * channels + channel);
    CURIE_UNROLL
    for (int j = 0; j < Width; ++j) values.of[j] /= count;
    store<Width>(dx + sample * sample_elements + i, values);
  }
}

}  // namespace

template <typename T>
void max_pool_forward(Stream stream, const PoolShape& shape, const T* x, T* y, std::uint8_t* arg_max) {
  forward<Kind::max>(stream, "max_pool", shape, x, y, arg_max);
}
template <typename T>
void max_pool_backward(Stream stream, const PoolShape& shape, const std::uint8_t* arg_max, const T* dy, T* dx) {
  backward<Kind::max, T>(stream, "max_pool_gradient", shape,
                         {.arg_max = arg_max, .x = nullptr, .y = nullptr, .dy = dy, .dx = dx});
}
template <typename T>
void average_pool_forward(Stream stream, const PoolShape& shape, const T* x, T* y) {
  forward<Kind::average>(stream, "average_pool", shape, x, y, nullptr);
}
template <typename T>
void average_pool_backward(Stream stream, const PoolShape& shape, const T* dy, T* dx) {
  backward<Kind::average, T>(stream, "average_pool_gradient", shape,
                             {.arg_max = nullptr, .x = nullptr, .y = nullptr, .dy = dy, .dx = dx});
}
template <typename T>
void l2_pool_forward(Stream stream, const PoolShape& shape, const T* x, T* y) {
  forward<Kind::l2>(stream, "l2_pool", shape, x, y, nullptr);
}
template <typename T>
void l2_pool_backward(Stream stream, const PoolShape& shape, const T* x, const T* y, const T* dy, T* dx) {
  backward<Kind::l2, T>(stream, "l2_pool_gradient", shape, {.arg_max = nullptr, .x = x, .y = y, .dy = dy, .dx = dx});
}

template <typename T>
void global_average_pool_forward(Stream stream, int n, int pixels, int channels, const T* x, T* y) {
  if (n == 0 || channels == 0) return;
  const int width = column_width(channels);
  launch({.name = "global_average",
          .grid = dim3(column_groups(channels, width), min(n, kGridLimit)),
          .block = kColumnBlock,
          .stream = stream},
         global_average_kernel<T>, n, pixels, channels, width, x, y);
}

template <typename T>
void global_average_pool_backward(Stream stream, int n, int pixels, int channels, const T* dy, T* dx) {
  const std::size_t elements = static_cast<std::size_t>(pixels) * static_cast<std::size_t>(channels);
  if (n == 0 || elements == 0) return;
  const auto start = [&](auto kernel, std::size_t width) {
    launch({.name = "global_average_gradient",
            .grid = dim3(blocks_for(elements / width, kBlock), min(n, kGridLimit)),
            .block = kBlock,
            .stream = stream},
           kernel, n, pixels, channels, dy, dx);
  };
  if (channels % 4 == 0 && wide_enough(dy, dx)) {
    start(global_average_gradient_kernel<4, T>, 4);
  } else {
    start(global_average_gradient_kernel<1, T>, 1);
  }
}

#define CURIE_POOLS_OF(T)                                                                       \
  template void max_pool_forward(Stream, const PoolShape&, const T*, T*, std::uint8_t*);        \
  template void max_pool_backward(Stream, const PoolShape&, const std::uint8_t*, const T*, T*); \
  template void average_pool_forward(Stream, const PoolShape&, const T*, T*);                   \
  template void average_pool_backward(Stream, const PoolShape&, const T*, T*);                  \
  template void l2_pool_forward(Stream, const PoolShape&, const T*, T*);                        \
  template void l2_pool_backward(Stream, const PoolShape&, const T*, const T*, const T*, T*);   \
  template void global_average_pool_forward(Stream, int, int, int, const T*, T*);               \
  template void global_average_pool_backward(Stream, int, int, int, const T*, T*);
CURIE_POOLS_OF(float)
CURIE_POOLS_OF(Bf16)

}  // namespace curie::CURIE_GPU
