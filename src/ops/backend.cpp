#include "ops/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "tensor/error.h"

namespace curie {
namespace {

class PlainRecording final : public Recording {
 public:
  explicit PlainRecording(std::function<void()> step) : step_(std::move(step)) {}
  void replay() override { step_(); }

 private:
  std::function<void()> step_;
};

}  // namespace

std::unique_ptr<Recording> Backend::record(std::function<void()> step) {
  return std::make_unique<PlainRecording>(std::move(step));
}

double Backend::milliseconds(const std::function<void()>& work) {
  synchronize();
  const auto start = std::chrono::steady_clock::now();
  work();
  synchronize();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Tensor device_zeros(Backend& backend, const Shape& shape, DType type) {
  return Tensor(std::make_shared<const Buffer>(backend.allocate(shape.elements() * size_of(type))), 0, shape, type);
}

Tensor on_device(Backend& backend, const Tensor& host) {
  if (!host.defined()) return {};
  const Tensor tensor = device_zeros(backend, host.shape(), host.dtype());
  backend.copy_to_device(tensor.raw(), host.raw(), host.bytes());
  return tensor;
}

Tensor to_host(Backend& backend, const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const Tensor host = Tensor::zeros(tensor.shape(), tensor.dtype());
  backend.copy_to_host(host.raw(), tensor.raw(), tensor.bytes());
  return host;
}

Tensor to_host_floats(Backend& backend, const Tensor& tensor) {
  const Tensor host = to_host(backend, tensor);
  return host.defined() ? as_floats(host) : host;
}

std::string_view name_of(Math math) {
  switch (math) {
    case Math::exact:
      return "exact";
    case Math::winograd:
      return "winograd";
    case Math::tf32:
      return "tf32";
    case Math::bf16:
      return "bf16";
  }
  return "?";
}

Math math_named(std::string_view name) {
  for (const Math math : {Math::exact, Math::winograd, Math::tf32, Math::bf16}) {
    if (name == name_of(math)) return math;
  }
  throw_error(ErrorKind::usage, fmt::format("--math: expected exact, winograd, tf32 or bf16, got \"{}\"", name));
}

std::string_view name_of(Kernels kernels) {
  switch (kernels) {
    case Kernels::curie:
      return "curie";
    case Kernels::cudnn:
      return "cudnn";
    case Kernels::automatic:
      return "auto";
  }
  return "?";
}

Kernels kernels_named(std::string_view name) {
  for (const Kernels kernels : {Kernels::curie, Kernels::cudnn, Kernels::automatic}) {
    if (name == name_of(kernels)) return kernels;
  }
  throw_error(ErrorKind::usage, fmt::format("--kernels: expected curie, cudnn or auto, got \"{}\"", name));
}

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return "linear";
    case Activation::relu:
      return "relu";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::tanh:
      return "tanh";
    case Activation::softmax:
      return "softmax";
    case Activation::log_softmax:
      return "log_softmax";
  }
  return "?";
}

}  // namespace curie
