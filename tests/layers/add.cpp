#include "support/backend.h"
#include "support/check_layer.h"
#include "support/throws.h"

namespace curie {
namespace {

using test::test_backend;

TEST_CASE("Add") { test::check_layer(Add{}, {.inputs = {{3, 2, 4}, {3, 2, 4}}, .output = {3, 2, 4}, .step = 0.5f}); }

TEST_CASE("Add: only the gradient that is wanted is written") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const LayerPtr layer = Add{}.make();
  const Tensor a = test::on_device(*backend, Tensor::from<float>({2}, std::vector<float>{1, 2}));
  const Tensor dy = test::on_device(*backend, Tensor::from<float>({2}, std::vector<float>{3, 4}));
  const Tensor dx = test::device_zeros(*backend, {2});
  LayerContext context{.backend = *backend, .mode = Mode::training};
  layer->backward(context, std::vector<Tensor>{a, a}, a, dy, std::vector<Tensor>{Tensor(), dx});
  CHECK(test::to_host(*backend, dx).host<float>()[0] == 3.0f);
  CHECK(test::to_host(*backend, dx).host<float>()[1] == 4.0f);
}

TEST_CASE("Add: errors say what was expected and received") {
  CHECK_ERROR(
      [] {
        Add{}.make()->build(std::vector<Shape>{{3, 2}, {2, 3}}, 0, 0);
      },
      usage, "expected two inputs of one shape, got (3, 2) and (2, 3)");
  CHECK_ERROR([] { Add{}.make()->build(std::vector<Shape>{{3, 2}}, 0, 0); }, usage, "expected two inputs, got 1");
}

}  // namespace
}  // namespace curie
