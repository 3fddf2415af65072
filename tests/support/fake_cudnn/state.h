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
  cudnnDataType_t type;
  std::size_t elements() const { return std::size_t(n) * h * w * c; }
};
struct cudnnFilterStruct {
  int k, r, s, c;
  cudnnDataType_t type;
  std::size_t elements() const { return std::size_t(k) * r * s * c; }
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

// The nearest number of 8 bits of significand, in the upper half of a float32; to even between two.
inline float bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isfinite(value)) bits = (bits + 0x7fff + (bits >> 16 & 1)) & ~std::uint32_t{0xffff};
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

// Element i of an array that holds float32 or bfloat16.
inline double get(const void* array, bool narrow, std::size_t i) {
  if (!narrow) return static_cast<double>(static_cast<const float*>(array)[i]);
  const std::uint32_t bits = std::uint32_t{static_cast<const std::uint16_t*>(array)[i]} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}
inline void put(void* array, bool narrow, std::size_t i, double value) {
  const auto single = static_cast<float>(value);
  if (!narrow) {
    static_cast<float*>(array)[i] = single;
    return;
  }
  const float rounded = bf16(single);
  std::uint32_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  static_cast<std::uint16_t*>(array)[i] = static_cast<std::uint16_t>(bits >> 16);
}

// Working memory is written all over, so that too little of it shows.
inline bool use_workspace(void* workspace, std::size_t bytes, std::size_t needed) {
  if (needed == 0) return true;
  if (workspace == nullptr || bytes < needed || !aligned(workspace, 256)) return false;
  std::memset(workspace, 0xcd, needed);
  return true;
}

}  // namespace fake
