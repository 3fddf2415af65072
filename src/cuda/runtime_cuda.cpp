// The only file that calls the CUDA runtime. A program that holds it starts on a machine without a driver: nothing here
// is called before a device is asked for, and then the runtime's own words say what is missing.
#include <cuda.h>
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cuda/backend.h"
#include "cuda/launch_arguments.h"
#include "cuda/runtime.h"
#include "cuda/tensor_map.h"
#include "tensor/error.h"

namespace curie::cuda {

const DeviceKind kDeviceKind = DeviceKind::cuda;

namespace {

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

std::string in_words(cudaError_t error) {
  return fmt::format("{} ({})", cudaGetErrorString(error), cudaGetErrorName(error));
}

// An error of an earlier kernel shows in a later call, so the message names the call where it was noticed.
void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // so that the next call is judged by itself, where the device still works
  throw_error(error == cudaErrorMemoryAllocation ? ErrorKind::out_of_memory : ErrorKind::internal,
              fmt::format("CUDA: {} failed: {}", call, in_words(error)));
}

cudaStream_t cuda(Stream stream) { return stream; }
cudaEvent_t event_of(void* handle) { return static_cast<cudaEvent_t>(handle); }

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

std::string describe_device(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return fmt::format("{}, compute capability {}.{}, {:.0f} GiB", properties.name, properties.major, properties.minor,
                     static_cast<double>(properties.totalGlobalMem) / kGibibyte);
}

class Graph final : public Recording {
 public:
  Graph(cudaGraph_t graph, cudaStream_t stream) : stream_(stream) {
    const cudaError_t error = cudaGraphInstantiate(&executable_, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "cudaGraphInstantiate");
  }
  ~Graph() override { cudaGraphExecDestroy(executable_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void replay() override { check(cudaGraphLaunch(executable_, stream_), "cudaGraphLaunch"); }

 private:
  cudaGraphExec_t executable_ = nullptr;
  cudaStream_t stream_;
};

}  // namespace

// --- what was done when ----------------------------------------------------------------------------------------------

namespace {

// Events before and after every launch, reused from step to step.
class GpuTimeline;
// Kernels start launches through a free function, so this is how they are told of. Null while nobody watches.
thread_local GpuTimeline* watching = nullptr;

class GpuTimeline final : public Timeline {
 public:
  explicit GpuTimeline(Stream stream) : stream_(stream) {
    CURIE_CHECK(watching == nullptr, usage, "CUDA: this thread's launches are already watched");
    watching = this;
  }
  ~GpuTimeline() override { watching = nullptr; }
  GpuTimeline(const GpuTimeline&) = delete;
  GpuTimeline& operator=(const GpuTimeline&) = delete;

  bool has_clock() const override { return true; }
  std::size_t mark() override {
    if (marks_ == events_.size()) events_.push_back(std::make_unique<Event>());
    events_[marks_]->record(stream_);
    return marks_++;
  }
  double seconds_between(std::size_t earlier, std::size_t later) override {
    events_.at(later)->wait();
    return events_[later]->milliseconds_since(*events_.at(earlier)) * 1e-3;
  }
  std::size_t launches() const override { return launches_.size(); }
  KernelLaunch launch(std::size_t index) override {
    const Started& started = launches_.at(index);
    KernelLaunch launch = started.launch;
    launch.seconds = seconds_between(started.begin, started.end);
    return launch;
  }
  void restart() override {
    marks_ = 0;
    launches_.clear();
  }

  void started(const LaunchArguments& at, std::size_t begin) {
    launches_.push_back({.launch = {.kernel = at.name,
                                    .grid = {at.grid[0], at.grid[1], at.grid[2]},
                                    .block = {at.block[0], at.block[1], at.block[2]},
                                    .dynamic_shared_bytes = at.shared_bytes},
                         .begin = begin,
                         .end = mark()});
  }

 private:
  struct Started {
    KernelLaunch launch;
    std::size_t begin, end;
  };
  Stream stream_;
  std::vector<std::unique_ptr<Event>> events_;
  std::size_t marks_ = 0;
  std::vector<Started> launches_;
};

}  // namespace

std::unique_ptr<Timeline> Runtime::watch() { return std::make_unique<GpuTimeline>(stream_); }

// --- launches --------------------------------------------------------------------------------------------------------

void launch_kernel(const LaunchArguments& at, const void* kernel, void** arguments) {
  constexpr std::size_t kWithoutAsking = std::size_t{48} << 10;  // dynamic shared memory that every kernel may use
  if (at.shared_bytes > kWithoutAsking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(at.shared_bytes)),
          at.name);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(at.grid[0], at.grid[1], at.grid[2]);
  config.blockDim = dim3(at.block[0], at.block[1], at.block[2]);
  config.dynamicSmemBytes = at.shared_bytes;
  config.stream = at.stream;
  const std::size_t begin = watching == nullptr ? 0 : watching->mark();
  check(cudaLaunchKernelExC(&config, kernel, arguments), at.name);
  if (watching != nullptr) watching->started(at, begin);
}

// --- tensor maps -----------------------------------------------------------------------------------------------------

bool has_wgmma() {
#ifdef CURIE_HAS_SM90A
  int device = 0, major = 0, minor = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "cudaDeviceGetAttribute");
  return major == 9 && minor == 0;
#else
  return false;
#endif
}

namespace {

// A function of the driver, which this program is not linked with.
template <typename Function>
Function* driver_function(const char* name) {
  constexpr unsigned kSince = 12000;  // the CUDA version of its signature
  void* address = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
  check(cudaGetDriverEntryPointByVersion(name, &address, kSince, cudaEnableDefault, &found), name);
#else
  check(cudaGetDriverEntryPoint(name, &address, cudaEnableDefault, &found), name);
#endif
  CURIE_CHECK(found == cudaDriverEntryPointSuccess && address != nullptr, usage,
              "CUDA: the driver has no {}; install one for CUDA {} or newer", name, version_text(kSince));
  return reinterpret_cast<Function*>(address);
}

template <typename Encode>
TensorMap encoded(const char* call, Encode encode) {
  static_assert(sizeof(CUtensorMap) == sizeof(TensorMap) && alignof(CUtensorMap) <= alignof(TensorMap));
  CUtensorMap map{};
  const CUresult result = encode(&map);
  CURIE_CHECK(result == CUDA_SUCCESS, internal, "CUDA: {} failed: error {}", call, static_cast<int>(result));
  TensorMap parameter{};
  std::memcpy(parameter.opaque, &map, sizeof map);
  return parameter;
}

}  // namespace

TensorMap tiled_map(const DenseTensor& tensor, const int (&box)[3]) {
  static auto* const encode = driver_function<decltype(cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  const DenseLayout layout(tensor);
  cuuint32_t extents[3];
  std::copy(box, box + 3, extents);
  constexpr cuuint32_t kStep[] = {1, 1, 1};
  return encoded("cuTensorMapEncodeTiled", [&](CUtensorMap* map) {
    return encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, static_cast<cuuint32_t>(tensor.rank),
                  const_cast<Bf16*>(tensor.data), layout.extent, layout.stride, extents, kStep,
                  CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  });
}

TensorMap im2col_map(const DenseTensor& images, const PatchWalk& walk) {
  static auto* const encode = driver_function<decltype(cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  const DenseLayout layout(images);
  const cuuint32_t step[] = {1, static_cast<cuuint32_t>(walk.step[0]), static_cast<cuuint32_t>(walk.step[1]), 1};
  return encoded("cuTensorMapEncodeIm2col", [&](CUtensorMap* map) {
    return encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, static_cast<cuuint32_t>(images.rank),
                  const_cast<Bf16*>(images.data), layout.extent, layout.stride, walk.lower, walk.upper, 64,
                  static_cast<cuuint32_t>(walk.pixels), step, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                  CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  });
}

// --- pinned memory and events ----------------------------------------------------------------------------------------

PinnedBuffer::PinnedBuffer(std::size_t bytes) : bytes_(bytes) {
  void* data = nullptr;
  check(cudaMallocHost(&data, bytes), "cudaMallocHost");
  data_ = static_cast<std::byte*>(data);
}
PinnedBuffer::~PinnedBuffer() { cudaFreeHost(data_); }

Event::Event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event), "cudaEventCreate");
  handle_ = event;
}
Event::~Event() { cudaEventDestroy(event_of(handle_)); }
void Event::record(Stream stream) { check(cudaEventRecord(event_of(handle_), cuda(stream)), "cudaEventRecord"); }
void Event::wait() const { check(cudaEventSynchronize(event_of(handle_)), "cudaEventSynchronize"); }
double Event::milliseconds_since(const Event& earlier) const {
  float milliseconds = 0.0f;
  check(cudaEventElapsedTime(&milliseconds, event_of(earlier.handle_), event_of(handle_)), "cudaEventElapsedTime");
  return static_cast<double>(milliseconds);
}

// --- the device ------------------------------------------------------------------------------------------------------

struct Runtime::Slot {
  explicit Slot(std::size_t bytes) : buffer(bytes) {}
  PinnedBuffer buffer;
  Event used;
};

Runtime::Runtime(int device) : device_(device) {
  check(cudaSetDevice(device), "cudaSetDevice");
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "cudaDeviceGetAttribute");
  compute_capability_ = 10 * major + minor;
  CURIE_CHECK(compute_capability_ >= 75, usage,
              "device cuda:{}: {}; Curie's kernels need compute capability 7.5 or newer", device,
              describe_device(device));
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  stream_ = stream;
}

Runtime::~Runtime() {
  slots_.clear();
  cudaStreamDestroy(cuda(stream_));
}

std::string Runtime::describe() const { return describe_device(device_); }

Backend::Memory Runtime::memory() const {
  Backend::Memory state;
  check(cudaMemGetInfo(&state.free, &state.total), "cudaMemGetInfo");
  state.granularity = std::size_t{2} << 20;  // the driver's pages
  return state;
}

std::byte* Runtime::allocate(std::size_t bytes) const {
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    const Backend::Memory state = memory();
    throw_error(ErrorKind::out_of_memory, fmt::format("device cuda:{} has no room for {} bytes: {} of {} are free",
                                                      device_, bytes, state.free, state.total));
  }
  check(error, "cudaMalloc");
  return static_cast<std::byte*>(data);
}

void Runtime::free(std::byte* data) const noexcept { cudaFree(data); }

void Runtime::zero(std::byte* data, std::size_t bytes) const {
  check(cudaMemsetAsync(data, 0, bytes, cuda(stream_)), "cudaMemsetAsync");
}

// Copies from pageable memory make the driver stage and wait; so the bytes go through one of a few pinned buffers, and
// the host waits only when it comes round to a buffer whose last copy is not done.
Runtime::Slot& Runtime::staging(std::size_t bytes) {
  constexpr std::size_t kSlots = 4;
  if (slots_.empty()) slots_.resize(kSlots);
  std::unique_ptr<Slot>& slot = slots_[next_slot_];
  next_slot_ = (next_slot_ + 1) % kSlots;
  if (slot != nullptr) slot->used.wait();
  if (slot == nullptr || slot->buffer.bytes() < bytes) slot = std::make_unique<Slot>(bytes);
  return *slot;
}

void Runtime::copy_to_device(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  constexpr std::size_t kLargestSlot = std::size_t{8} << 20;
  if (bytes > kLargestSlot) {  // pinning that much would cost more than it saves
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cuda(stream_)), "cudaMemcpyAsync to the device");
    synchronize();
    return;
  }
  Slot& slot = staging(bytes);
  std::memcpy(slot.buffer.data(), from, bytes);
  check(cudaMemcpyAsync(to, slot.buffer.data(), bytes, cudaMemcpyHostToDevice, cuda(stream_)),
        "cudaMemcpyAsync to the device");
  slot.used.record(stream_);
}

void Runtime::copy_to_host(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda(stream_)), "cudaMemcpyAsync to the host");
  synchronize();
}

void Runtime::copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda(stream_)), "cudaMemcpyAsync on the device");
}

void Runtime::synchronize() const { check(cudaStreamSynchronize(cuda(stream_)), "cudaStreamSynchronize"); }

std::unique_ptr<Recording> Runtime::record(const std::function<void()>& step) {
  // Relaxed, because a library loads its kernels when they are first called, which may be here.
  check(cudaStreamBeginCapture(cuda(stream_), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  try {
    step();
  } catch (...) {
    cudaStreamEndCapture(cuda(stream_), &graph);  // also ends a capture that an error has spoiled
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(cuda(stream_), &graph), "cudaStreamEndCapture");
  return std::make_unique<Graph>(graph, cuda(stream_));
}

// --- what there is ---------------------------------------------------------------------------------------------------

BackendStatus gpu_status() {
  BackendStatus status{.name = "cuda", .available = false, .details = {}};
  int built = 0, driver = 0, count = 0;
  cudaRuntimeGetVersion(&built);
  // Without a driver this fails with InsufficientDriver and leaves the count as it was.
  const cudaError_t error = cudaGetDeviceCount(&count);
  const bool has_driver = cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0;
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();
    status.details.push_back(
        fmt::format("no NVIDIA GPU that this program can use: {}; {}, CUDA runtime {}",
                    error == cudaSuccess ? "the driver lists none" : in_words(error),
                    has_driver ? "driver for CUDA " + version_text(driver) : std::string("no NVIDIA driver found"),
                    version_text(built)));
    return status;
  }
  status.available = true;
  for (int device = 0; device < count; ++device) {
    status.details.push_back(fmt::format("cuda:{}: {}, driver for CUDA {}, runtime {}", device, describe_device(device),
                                         version_text(driver), version_text(built)));
  }
  return status;
}

}  // namespace curie::cuda
