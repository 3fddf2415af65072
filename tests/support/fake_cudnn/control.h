// A stand-in for cuDNN and cuBLASLt: one shared library that exports the functions which src/cuda/cudnn calls, written
// as plain loops over host memory. So everything between Curie and the libraries (descriptors, layouts, workspaces,
// plans, error paths) runs where there is no GPU. It is strict: what the real libraries only document is refused here.
//
// These functions, which the real libraries do not have, tell it what to do and ask what it was told.
#pragma once

#include <cstddef>

extern "C" {
// From now on calls of `function` return `status`; status 0: they work again.
void fake_fail(const char* function, int status);
// What the libraries say their versions are; 0: those of the headers.
void fake_versions(std::size_t cudnn, std::size_t cublas_lt);
// Calls of `function` since the last fake_reset.
int fake_calls(const char* function);
// Descriptors and handles that were made and not destroyed.
int fake_live();
// No failures, versions of the headers, no calls counted.
void fake_reset();
}
