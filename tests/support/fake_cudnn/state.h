// What the files of the stand-in share.
#pragma once

#include <cublasLt.h>
#include <cudnn.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct cudnnContext {
  cudaStream_t stream;
};
struct cudnnTensorStruct {
  int n, h, w, c;
  std::size_t elements() const { return std::size_t(n) * h * w * c; }
};
struct cudnnFilterStruct {
  int k, r, s, c;
};
struct cudnnConvolutionStruct {
  int pad_h, pad_w, stride_h, stride_w;
  cudnnMathType_t math;
};
struct cudnnPoolingStruct {
  cudnnPoolingMode_t mode;
  int window_h, window_w, pad_h, pad_w, stride_h, stride_w;
};
struct cudnnActivationStruct {
  cudnnActivationMode_t mode;
};

namespace fake {

// Counts the call; the status that was asked for, 0 where none was.
int enter(const char* function);
void made();
void destroyed();

// What cuDNN adds to the error it returns: cudnnGetLastErrorString.
cudnnStatus_t refuse(const char* why);

inline bool aligned(const void* address, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
}
// A tensor that is there, at an address that a vector instruction takes.
inline bool good(const void* address) { return address != nullptr && aligned(address, 16); }

// The nearest number of 10 bits of mantissa, as tensor cores read float32.
inline float tf32(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isfinite(value)) bits = (bits + 0xfff + (bits >> 13 & 1)) & ~std::uint32_t{0x1fff};
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

// Working memory is written all over, so that too little of it shows.
inline bool use_workspace(void* workspace, std::size_t bytes, std::size_t needed) {
  if (needed == 0) return true;
  if (workspace == nullptr || bytes < needed || !aligned(workspace, 256)) return false;
  std::memset(workspace, 0xcd, needed);
  return true;
}

}  // namespace fake
