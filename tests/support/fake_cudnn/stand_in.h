// CudnnBackend over the emulated device and the stand-in for NVIDIA's libraries.
#pragma once

#include <memory>

#include "cuda/cudnn/backend.h"
#include "support/fake_cudnn/control.h"
#include "support/quiet.h"

namespace curie::test {

// The stand-in's control functions, of the same copy of the library that the backend opens.
struct StandIn {
  explicit StandIn(const std::string& file);
  decltype(&::fake_fail) fail;
  decltype(&::fake_versions) versions;
  decltype(&::fake_calls) calls;
  decltype(&::fake_live) live;
  decltype(&::fake_reset) reset;
};

emulated::VendorFiles stand_in_files();            // the stand-in as both libraries
emulated::VendorFiles files_without_a_function();  // one that lacks cudnnConvolutionBackwardBias
StandIn stand_in();

// A library without memory of earlier tests, and without log lines.
struct QuietStandIn {
  QuietStandIn() { library.reset(); }
  ~QuietStandIn() { library.reset(); }
  int calls(const char* function) const { return library.calls(function); }

  Quiet quiet;
  StandIn library = stand_in();
};

std::unique_ptr<emulated::CudnnBackend> stand_in_backend(const BackendOptions& options = {},
                                                         const emulated::VendorPrimitives& primitives = {});

}  // namespace curie::test
