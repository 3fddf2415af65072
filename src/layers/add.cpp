#include <utility>

#include "layers/checks.h"
#include "layers/config.h"
#include "ops/ops.h"

namespace curie {
namespace {

class AddLayer final : public Layer {
 public:
  explicit AddLayer(std::string name) : name_(std::move(name)) {}

  std::string_view kind() const override { return "Add"; }

  Shape build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) override {
    CURIE_CHECK(inputs.size() == 2, usage, "Add: expected two inputs, got {}", inputs.size());
    CURIE_CHECK(inputs[0] == inputs[1], usage, "Add: expected two inputs of one shape, got {} and {}",
                to_string(inputs[0]), to_string(inputs[1]));
    return only_input(kind(), inputs.first(1));
  }

  Demand demand(const Backend&, std::span<const Shape>, const Shape&, Mode) const override {
    return {.backward_reads_input = false};
  }

  void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) override {
    ops::add(context.backend, inputs[0], inputs[1], y);
  }

  void backward(LayerContext& context, std::span<const Tensor>, const Tensor&, const Tensor& dy,
                std::span<const Tensor> dinputs) override {
    for (const Tensor& dx : dinputs) {
      if (!dx.defined() || dx.raw() == dy.raw()) continue;
      CURIE_ASSERT(dx.bytes() == dy.bytes(), "Add: gradients of {} and {}", to_string(dx.shape()),
                   to_string(dy.shape()));
      context.backend.copy_on_device(dx.raw(), dy.raw(), dy.bytes());
    }
  }

  nlohmann::json config() const override { return {{"kind", kind()}, {"name", name_}}; }

 private:
  std::string name_;
};

}  // namespace

LayerPtr Add::make() const { return std::make_unique<AddLayer>(name); }

}  // namespace curie
