// A launch as runtime_cuda.cpp takes it: without CUDA's types, because that file is compiled by the host's compiler.
#pragma once

#include <cstddef>

struct CUstream_st;

namespace curie::cuda {

struct LaunchArguments {
  const char* name;
  unsigned grid[3], block[3];
  std::size_t shared_bytes;
  ::CUstream_st* stream;
};

void launch_kernel(const LaunchArguments& at, const void* kernel, void** arguments);

}  // namespace curie::cuda
