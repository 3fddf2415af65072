#include "ops/backend.h"

#include <utility>

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

std::string_view name_of(Math math) { return math == Math::exact ? "exact" : "tf32"; }

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
