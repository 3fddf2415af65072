#include <utility>

#include "layers/checks.h"
#include "layers/config.h"

namespace curie {
namespace {

class FlattenLayer final : public Layer {
 public:
  explicit FlattenLayer(std::string name) : name_(std::move(name)) {}

  std::string_view kind() const override { return "Flatten"; }

  Shape build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) override {
    return {static_cast<int>(only_input(kind(), inputs).elements())};
  }

  Demand demand(const Backend&, std::span<const Shape>, const Shape&, Mode) const override {
    return {.backward_reads_input = false, .alias = true};
  }

  void forward(LayerContext&, std::span<const Tensor>, const Tensor&) override {
    CURIE_ASSERT(false, "Flatten shares its input's memory and has nothing to run");
  }

  void backward(LayerContext&, std::span<const Tensor>, const Tensor&, const Tensor&,
                std::span<const Tensor>) override {
    CURIE_ASSERT(false, "Flatten shares its input's memory and has nothing to run");
  }

  nlohmann::json config() const override { return {{"kind", kind()}, {"name", name_}}; }

 private:
  std::string name_;
};

}  // namespace

LayerPtr Flatten::make() const { return std::make_unique<FlattenLayer>(name); }

}  // namespace curie
