// The only file that names every backend.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "ops/backend.h"
#include "tensor/error.h"
#include "tensor/text.h"
#ifdef CURIE_WITH_EMULATED
#include "emu/emulator.h"
#endif

namespace curie {

// Each build of src/cuda has its own (cuda/backend.cpp); the CUDA build's never throws where there is no driver.
namespace cuda {
std::unique_ptr<Backend> make_gpu_backend(int device, const BackendOptions& options);
std::unique_ptr<Backend> make_cudnn_backend(int device, const BackendOptions& options);
std::unique_ptr<Backend> make_measured_backend(int device, const BackendOptions& options);
std::string vendor_libraries_in_use();
BackendStatus gpu_status();
}  // namespace cuda
namespace emulated {
std::unique_ptr<Backend> make_gpu_backend(int device, const BackendOptions& options);
}
namespace checked {
std::unique_ptr<Backend> make_gpu_backend(int device, const BackendOptions& options);
}

namespace {

BackendStatus cuda_status() {
#ifdef CURIE_WITH_CUDA
  return cuda::gpu_status();
#else
  return {.name = "cuda", .available = false, .details = {CURIE_NO_CUDA}};
#endif
}

BackendStatus emulated_status() {
#ifdef CURIE_WITH_EMULATED
  BackendStatus status{.name = "emulated", .available = true, .details = {"the CUDA kernels, run on the CPU"}};
#ifdef CURIE_WITH_CHECKED
  status.details.emplace_back("checked mode: yes");
#else
  status.details.emplace_back(CURIE_NO_CHECKED);
#endif
  return status;
#else
  return {.name = "emulated", .available = false, .details = {"built with CURIE_EMU=OFF"}};
#endif
}

std::unique_ptr<Backend> make_cuda(const std::string& device, const BackendOptions& options) {
  const BackendStatus status = cuda_status();
  CURIE_CHECK(status.available, usage, "device \"{}\" is not there: {}; use --device cpu, auto or emulated", device,
              status.details.front());
#ifdef CURIE_WITH_CUDA
#ifndef CURIE_WITH_CUDNN
  CURIE_CHECK(options.kernels != Kernels::cudnn, usage, "kernels cudnn: {}; use --kernels curie", CURIE_NO_CUDNN);
#endif
  int index = 0;
  if (const std::size_t colon = device.find(':'); colon != std::string::npos) {
    const char* end = device.data() + device.size();
    const auto [stop, error] = std::from_chars(device.data() + colon + 1, end, index);
    CURIE_CHECK(
        error == std::errc() && stop == end && index >= 0 && static_cast<std::size_t>(index) < status.details.size(),
        usage, "device \"{}\": expected cuda:0 to cuda:{}", device, status.details.size() - 1);
  }
#ifdef CURIE_WITH_CUDNN
  if (options.kernels == Kernels::cudnn) return cuda::make_cudnn_backend(index, options);
  if (options.kernels == Kernels::automatic) return cuda::make_measured_backend(index, options);
#endif
  return cuda::make_gpu_backend(index, options);
#else
  (void)options;
  return nullptr;
#endif
}

std::unique_ptr<Backend> make_emulated(const std::string& device, [[maybe_unused]] const BackendOptions& options) {
  const BackendStatus status = emulated_status();
  CURIE_CHECK(status.available, usage, "device \"{}\": {}", device, status.details.front());
#ifdef CURIE_WITH_EMULATED
  emu::Order order = emu::Order::ascending;
  bool checked = false;
  int capability = 90;
  for (std::size_t colon = device.find(':'); colon != std::string::npos;) {
    const std::size_t next = device.find(':', colon + 1);
    const std::string word = device.substr(colon + 1, next == std::string::npos ? next : next - colon - 1);
    if (word == "descending") {
      order = emu::Order::descending;
    } else if (word == "random") {
      order = emu::Order::random;
    } else if (word == "checked") {
      checked = true;
    } else if (word == "8.0" || word == "9.0") {
      capability = word == "8.0" ? 80 : 90;
    } else {
      CURIE_CHECK(word == "ascending", usage,
                  "device \"{}\": \"{}\" is unknown; expected ascending, descending, random, checked, or a compute "
                  "capability, 8.0 or 9.0",
                  device, word);
    }
    colon = next;
  }
  emu::settings().order = order;
  emu::settings().compute_capability = capability;
#ifdef CURIE_WITH_CHECKED
  if (checked) return checked::make_gpu_backend(0, options);
#else
  CURIE_CHECK(!checked, usage, "device \"{}\": {}", device, status.details.back());
#endif
  return emulated::make_gpu_backend(0, options);
#else
  return nullptr;
#endif
}

bool names(const std::string& device, const char* kind) {
  return device == kind || device.rfind(std::string(kind) + ":", 0) == 0;
}

void check_takes_libraries(const std::string& device, const std::string& what, const BackendOptions& options) {
  CURIE_CHECK(
      options.kernels != Kernels::cudnn, usage,
      "kernels cudnn: NVIDIA's libraries need a GPU, and device \"{}\" is {}; use --device cuda or --kernels curie",
      device, what);
}

}  // namespace

std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options) {
  CURIE_CHECK(options.threads >= 0, usage, "threads: expected at least 0 (0: one a core), got {}", options.threads);
  if (names(device, "cuda") || (device == "auto" && cuda_status().available)) {
    return make_cuda(device == "auto" ? "cuda" : device, options);
  }
  if (names(device, "emulated")) {
    check_takes_libraries(device, "Curie's CUDA kernels run on the CPU", options);
    return make_emulated(device, options);
  }
  if (device == "auto" || device == "cpu") {
    check_takes_libraries(device, device == "cpu" ? "the CPU" : "the CPU here: " + cuda_status().details.front(),
                          options);
    // With "auto" winograd and tf32 are what a GPU may do faster; bf16 is another plan of memory.
    CURIE_CHECK(
        options.math == Math::exact || (options.math != Math::bf16 && device == "auto"), usage,
        "math {}: the CPU computes in float32; use --math exact, or a GPU (--device cuda; --device emulated runs "
        "its kernels on the CPU)",
        name_of(options.math));
    return make_cpu_backend(options.threads);
  }
  throw_error(ErrorKind::usage,
              fmt::format("device \"{}\" is unknown; expected auto, cpu, cuda, cuda:N or emulated", device));
}

BackendStatus backend_status(const std::string& name) {
  if (name == "cpu") return {.name = "cpu", .available = true, .details = {make_cpu_backend()->describe()}};
  if (name == "cuda") return cuda_status();
  if (name == "emulated") return emulated_status();
  throw_error(ErrorKind::usage, fmt::format("backend \"{}\" is unknown; expected cpu, cuda or emulated", name));
}

BackendStatus cudnn_status() {
  BackendStatus status{.name = "cudnn", .available = false, .details = {}};
#ifdef CURIE_WITH_CUDNN
  try {
    status.details.push_back(cuda::vendor_libraries_in_use());
    status.available = true;
  } catch (const Error& error) {
    status.details.emplace_back(error.what());
  }
#else
  status.details.emplace_back(CURIE_NO_CUDNN);
#endif
  return status;
}

std::vector<BackendStatus> backend_status() {
  return {backend_status("cpu"), backend_status("cuda"), backend_status("emulated")};
}

}  // namespace curie
