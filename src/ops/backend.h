// What a machine must be able to do: memory, transfers, and one method a primitive. Layers do not call these methods
// directly: the functions of ops/ops.h check shapes, types and devices once and then call them.
//
// Conventions: pointers are addresses on the backend's own device; float arrays are dense; outputs are overwritten,
// never added to; outputs do not overlap inputs unless a comment allows it; a null pointer means "not wanted" or "not
// there" where the comment says so. Results do not depend on the number of threads. Every method is ordered after the
// ones before it; only `synchronize` and copies to the host wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ops/batch_norm.h"
#include "ops/clip.h"
#include "ops/conv2d.h"
#include "ops/dense.h"
#include "ops/loss.h"
#include "ops/optimizer.h"
#include "ops/pool.h"
#include "ops/roof.h"
#include "ops/step_state.h"
#include "ops/timeline.h"
#include "ops/types.h"
#include "ops/warp.h"
#include "tensor/buffer.h"
#include "tensor/tensor.h"

namespace curie {

// A sequence of operations that can be repeated: a CUDA graph on a GPU, the plain function elsewhere.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void replay() = 0;
};

class Bf16Operations;  // ops/backend_bf16.h

class Backend {
 public:
  virtual ~Backend() = default;

  virtual Device device() const = 0;
  virtual std::string describe() const = 0;  // one line for a log: "cpu: AVX-512, 2 threads"

  // Free and total memory of the device; none where the host's memory is used.
  struct Memory {
    std::size_t free = 0, total = 0;
    std::size_t granularity = 512;  // what a block is rounded up to
  };
  virtual std::optional<Memory> memory() const { return std::nullopt; }

  // The primitives on bfloat16; null where the backend has none, or was not made with Math::bf16. A model whose backend
  // has them keeps its activations so.
  virtual Bf16Operations* bf16() { return nullptr; }

  // --- memory -------------------------------------------------------------------------------------------------------
  virtual Buffer allocate(std::size_t bytes) = 0;  // zero-filled, aligned to 256 bytes on a GPU and 64 on a CPU
  virtual void copy_to_device(std::byte* to, const std::byte* from_host, std::size_t bytes) = 0;
  virtual void copy_to_host(std::byte* to_host, const std::byte* from, std::size_t bytes) = 0;  // waits
  virtual void copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  virtual void synchronize() {}
  virtual std::unique_ptr<Recording> record(std::function<void()> step);
  // How long the machine is busy with what `work` starts: on a GPU between two events in its stream, elsewhere by the
  // host's clock until all is done. Waits.
  virtual double milliseconds(const std::function<void()>& work);

  // --- profiles -----------------------------------------------------------------------------------------------------
  // What the next primitives are part of, such as a layer's name: of interest to an ObservedBackend only.
  virtual void entering(std::string_view part) { (void)part; }
  // Watches the device until it is destroyed; one at a time. It must not outlive the backend.
  virtual std::unique_ptr<Timeline> watch();
  // Measures for a second or so; none for the emulator.
  virtual std::optional<Roof> measure_roof() { return std::nullopt; }

  // --- convolution --------------------------------------------------------------------------------------------------
  virtual std::size_t scratch_bytes(const Conv2dShape& shape) const = 0;  // enough for all three directions
  // activation: none or relu; bias may be null.
  virtual void conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                              Activation activation, float* y, Scratch scratch) = 0;
  virtual void conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                                     Scratch scratch) = 0;
  virtual void conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw,
                                       float* dbias /* may be null */, Scratch scratch) = 0;

  // Whether the fused block below is worth using for this shape; the graph asks before it fuses.
  virtual bool fuses(const ConvPoolShape& shape) const = 0;
  virtual std::size_t scratch_bytes(const ConvPoolShape& shape) const = 0;
  // arg_max (one byte an output: row * pool + column inside the window) is null in inference, dropout.rate is then 0.
  virtual void conv_pool_forward(const ConvPoolShape& shape, const float* x, const float* w, const float* bias,
                                 const DropoutSpec& dropout, const StepState* state, float* y, std::uint8_t* arg_max,
                                 Scratch scratch) = 0;
  // y is the forward output: it is positive exactly where a gradient passes. dx and dbias may be null.
  virtual void conv_pool_backward(const ConvPoolShape& shape, const float* x, const float* w, const float* y,
                                  const std::uint8_t* arg_max, float dropout_rate, const float* dy, float* dx,
                                  float* dw, float* dbias, Scratch scratch) = 0;

  // --- pooling ------------------------------------------------------------------------------------------------------
  virtual void max_pool_forward(const PoolShape& shape, const float* x, float* y,
                                std::uint8_t* arg_max /* may be null */) = 0;
  virtual void max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const float* dy, float* dx) = 0;
  virtual void average_pool_forward(const PoolShape& shape, const float* x, float* y) = 0;
  virtual void average_pool_backward(const PoolShape& shape, const float* dy, float* dx) = 0;
  virtual void l2_pool_forward(const PoolShape& shape, const float* x, float* y) = 0;
  virtual void l2_pool_backward(const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) = 0;
  // x (n, pixels, channels) -> y (n, channels)
  virtual void global_average_pool_forward(int n, int pixels, int channels, const float* x, float* y) = 0;
  virtual void global_average_pool_backward(int n, int pixels, int channels, const float* dy, float* dx) = 0;

  // --- dense --------------------------------------------------------------------------------------------------------
  virtual std::size_t scratch_bytes(const DenseShape& shape) const = 0;
  // activation: none or relu; bias may be null.
  virtual void dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias,
                             Activation activation, float* y, Scratch scratch) = 0;
  virtual void dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                                    Scratch scratch) = 0;
  virtual void dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw,
                                      float* dbias /* may be null */, Scratch scratch) = 0;

  // --- batch normalisation ------------------------------------------------------------------------------------------
  virtual std::size_t scratch_bytes(const BatchNormShape& shape) const = 0;
  // gamma, beta may be null. saved_mean, saved_inv_std: (channels), read by backward.
  virtual void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                                  float* y, float* saved_mean, float* saved_inv_std, float* running_mean,
                                  float* running_variance, Scratch scratch) = 0;
  virtual void batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                                    const float* running_mean, const float* running_variance, float* y) = 0;
  // dx, dgamma, dbeta may be null; dx may be dy.
  virtual void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma,
                                   const float* saved_mean, const float* saved_inv_std, const float* dy, float* dx,
                                   float* dgamma, float* dbeta, Scratch scratch) = 0;
  // Frozen layer: dx = dy * gamma / sqrt(running_variance + epsilon); dx may be dy.
  virtual void batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma,
                                             const float* running_variance, const float* dy, float* dx) = 0;

  // --- elementwise and rows -----------------------------------------------------------------------------------------
  // relu, sigmoid, tanh. y may be x. relu keeps NaN.
  virtual void activation_forward(Activation activation, std::size_t count, const float* x, float* y) = 0;
  // dx = dy * f'(x) expressed in y = f(x); dx may be dy.
  virtual void activation_backward(Activation activation, std::size_t count, const float* y, const float* dy,
                                   float* dx) = 0;
  virtual void softmax_forward(int rows, int classes, const float* x, float* y) = 0;                     // y may be x
  virtual void softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) = 0;  // dx may be dy
  virtual void log_softmax_forward(int rows, int classes, const float* x, float* y) = 0;
  virtual void log_softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) = 0;
  // y = keep ? x / (1 - rate) : 0, by DropoutSpec and state->step; y may be x. Backward is the same function of dy.
  virtual void dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const float* x,
                       float* y) = 0;
  virtual void add(std::size_t count, const float* a, const float* b, float* y) = 0;  // y may be a or b
  // y = alpha * a + beta * b; y may be a or b.
  virtual void blend(std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) = 0;
  virtual void fill(std::size_t count, float value, float* y) = 0;
  // bfloat16 is the upper half of a float32. To it: rounded to nearest, ties to even; a NaN stays a quiet NaN. Back:
  // exact.
  virtual void cast_to_bf16(std::size_t count, const float* x, Bf16* y) = 0;
  virtual void cast_to_f32(std::size_t count, const Bf16* x, float* y) = 0;
  // y[i, c] = table[c][x[i, c]]: 8-bit pixels to normalised floats; table is (channels, 256), so that the arithmetic of
  // the normalisation is done once, on the host, and every device gives the same bits.
  virtual void normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, float* y) = 0;
  // The same for the samples rows[0 .. count) of a data set that lives on the device; `pixels` are those of one sample.
  virtual void gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                                   const std::uint8_t* images, const float* table, float* y) = 0;
  // y[i] = the sample rows[i] of `images`, warped by warps[i] and scaled: see ops/warp.h, which defines every bit.
  virtual void warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
                       const std::uint8_t* images, const float* offset, const float* factor, float* y) = 0;
  // y[i] = x[rows[i]], rows of `words` 32-bit words: class numbers, targets or float samples.
  virtual void gather_rows(int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                           std::uint32_t* y) = 0;

  // --- losses, metrics, optimizers ----------------------------------------------------------------------------------
  // targets: i32 or f32 as takes_class_index says; weights (rows) and gradient may be null. totals is added to.
  virtual void loss(const LossShape& shape, const float* predictions, const void* targets, const float* weights,
                    float* gradient, MetricTotals* totals, Scratch scratch) = 0;
  virtual std::size_t scratch_bytes(const LossShape& shape) const = 0;
  // Adds the number of rows whose prediction (probabilities) matches the target to totals->correct.
  virtual void count_correct(MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                             MetricTotals* totals) = 0;
  // Clips in place. segment_ends: (segments) i32, rising, the last one is the count; null for ClipKind::value.
  virtual std::size_t scratch_bytes(const ClipShape& shape) const = 0;
  virtual void clip_gradient(const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                             Scratch scratch) = 0;
  virtual void sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient,
                        float* weights, float* velocity /* null when momentum is 0 */) = 0;
  virtual void adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient,
                         float* weights, float* first_moment, float* second_moment) = 0;
};

// Tensors in the backend's memory: of zeros, or of a host tensor's elements; and back, as a copy in host memory. An
// undefined tensor stays undefined.
Tensor device_zeros(Backend& backend, const Shape& shape, DType type = DType::f32);
Tensor on_device(Backend& backend, const Tensor& host);
Tensor to_host(Backend& backend, const Tensor& tensor);
Tensor to_host_floats(Backend& backend, const Tensor& tensor);  // the same of f32 or bf16, as f32

// The CPU backend (src/cpu). threads 0: one a usable core. Defined here so that tests and tools need no other header.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0);

// Whose kernels a GPU runs where there is a choice: Curie's own, or those of cuDNN and cuBLASLt. automatic: the
// libraries' where measurements that come with Curie say that they are faster on the device at hand.
enum class Kernels : std::uint8_t { curie, cudnn, automatic };
std::string_view name_of(Kernels kernels);     // "curie", "cudnn", "auto"
Kernels kernels_named(std::string_view name);  // throws Error(usage) for another name

struct BackendOptions {
  int threads = 0;                   // of the CPU backend; 0: one a usable core
  Math math = Math::exact;           // of GPU kernels; the CPU computes exactly, and refuses another
  bool record_steps = true;          // false: a recording is the plain function, as on a CPU
  Kernels kernels = Kernels::curie;  // of a GPU; asking for cudnn on another device is an error
  // Of cuDNN's convolutions: time all algorithms and take the fastest, though its results may then differ from run to
  // run. For comparisons; training repeats to the bit.
  bool library_trials = false;
};

// The backend for a device name (src/backends.cpp, the only file that names them all): "cpu"; "cuda" or "cuda:N";
// "emulated", with ":descending" or ":random" the emulator's order of threads and blocks, with ":checked" every memory
// access checked; "auto", which takes a GPU when the build and the machine have one, and else the CPU. Throws
// Error(usage) for a device that is unknown or not there, saying what was looked for and what was found.
std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options = {});

// What `curie info` and logs say about each kind of backend: there, or why not.
struct BackendStatus {
  std::string name;  // "cpu", "cuda", "emulated"
  bool available = false;
  std::vector<std::string> details;  // one line a device, or the reason
};
std::vector<BackendStatus> backend_status();            // of all three
BackendStatus backend_status(const std::string& name);  // throws Error(usage) for another name
// Whether a GPU can run with Kernels::cudnn: the build has it and both libraries open; or why not.
BackendStatus cudnn_status();

}  // namespace curie
