// Counted by hand, beside what the functions say.
#include "ops/work.h"

#include <doctest/doctest.h>

#include "ops/observed_backend.h"
#include "ops/roof.h"
#include "support/backend.h"

using namespace curie;

namespace {

// 2 samples of 6 x 5 x 3, 4 filters of 3 x 2, valid: 4 x 4 outputs.
constexpr Conv2dShape kConv{.n = 2, .h = 6, .w = 5, .c = 3, .k = 4, .r = 3, .s = 2, .p = 4, .q = 4};

void check(const Work& work, double products, double dense, double elementwise, double bytes) {
  CHECK(work.products == products);
  CHECK(work.dense == dense);
  CHECK(work.elementwise == elementwise);
  CHECK(work.bytes == bytes);
}

}  // namespace

TEST_CASE("a convolution's three directions have the same products and move the same three arrays") {
  // 2 * 4 * 4 * 4 = 128 outputs of 3 * 2 * 3 = 18 products; x 180, w 72, y 128 floats.
  check(work::conv2d_forward(kConv, true, Activation::relu), 4608, 4608, 256, 4 * (180 + 72 + 128 + 4));
  check(work::conv2d_forward(kConv, false, Activation::none), 4608, 4608, 0, 4 * (180 + 72 + 128));
  check(work::conv2d_backward_input(kConv), 4608, 4608, 0, 4 * (180 + 72 + 128));
  check(work::conv2d_backward_weights(kConv, true), 4608, 4608, 128, 4 * (180 + 72 + 128 + 4));
}

TEST_CASE("bfloat16 halves what is stored so, and nothing else") {
  const work::Storage both{.activations = DType::bf16, .weights = DType::bf16};
  CHECK(work::conv2d_forward(kConv, true, Activation::none, both).bytes == 2 * (180 + 72 + 128) + 4 * 4);
  // The weights' gradient stays float32.
  CHECK(work::conv2d_backward_weights(kConv, false, both).bytes == 2 * (180 + 128) + 4 * 72);
  CHECK(work::conv2d_forward(kConv, true, Activation::none, both).products == 4608);
  CHECK(work::dropout(100, 0.5f, both).bytes == 400);
}

TEST_CASE("a fused block computes what its pool looks at") {
  // 5 x 5 outputs, pooled 2 x 2: 4 x 4 of them are looked at, 2 x 2 come out. One sample, one channel, one 2 x 2
  // filter.
  const ConvPoolShape shape{.conv = {.n = 1, .h = 6, .w = 6, .c = 1, .k = 1, .r = 2, .s = 2, .p = 5, .q = 5},
                            .pool = 2};
  // 12 comparisons, 4 biases, 4 ReLUs, 4 scalings.
  check(work::conv_pool_forward(shape, true, 0.25f, true), 2 * 16 * 4, 2 * 25 * 4, 24, 4 * (36 + 4 + 4 + 1) + 4);
  check(work::conv_pool_forward(shape, true, 0.0f, false), 2 * 16 * 4, 2 * 25 * 4, 20, 4 * (36 + 4 + 4 + 1));
  // A quarter is dropped: 3 gradients, each with 4 products for the filter and 4 for the input.
  check(work::conv_pool_backward(shape, 0.25f, true, true), 2 * 2 * 3 * 4, 2 * 2 * 25 * 4, 4 + 3 + 3,
        4 * (36 + 36 + 4 + 4) + 4 + 4 * 4 + 4 * (4 + 1));
  check(work::conv_pool_backward(shape, 0.0f, false, false), 2 * 4 * 4, 2 * 25 * 4, 4, 4 * (36 + 4 + 4) + 4 + 4 * 4);
}

TEST_CASE("dense layers, pools and rows") {
  const DenseShape dense{.n = 3, .in = 5, .out = 2};
  check(work::dense_forward(dense, true, Activation::none), 60, 60, 6, 4 * (15 + 10 + 6 + 2));
  check(work::dense_backward_input(dense), 60, 60, 0, 4 * (15 + 10 + 6));
  check(work::dense_backward_weights(dense, true), 60, 60, 6, 4 * (15 + 10 + 6 + 2));

  const PoolShape pool{.n = 1, .h = 4, .w = 4, .c = 2, .p = 2, .q = 2};
  check(work::max_pool_forward(pool, true), 0, 0, 24, 4 * (32 + 8) + 8);
  check(work::max_pool_backward(pool), 0, 0, 0, 4 * (32 + 8) + 8);
  check(work::average_pool_forward(pool), 0, 0, 32, 4 * (32 + 8));
  check(work::l2_pool_backward(pool), 0, 0, 8 + 64, 2 * 4 * (32 + 8));
  check(work::global_average_pool_forward(2, 9, 3), 0, 0, 54, 4 * (54 + 6));

  check(work::softmax_forward(4, 3), 0, 0, 60, 2 * 4 * 12);
  check(work::gather_rows(4, 3), 0, 0, 0, 4 * (12 + 12 + 4));
  check(work::normalize_u8(10, 3), 0, 0, 0, 30 * 5 + 3 * 256 * 4);
  check(work::loss({LossKind::sparse_logits, 4, 3}, true, true), 0, 0, 11 * 12, 4 * (12 + 4 + 4 + 12));
}

TEST_CASE("statistics are known after a first pass") {
  const BatchNormShape norm{.rows = 100, .channels = 8};
  CHECK(work::batch_norm_forward(norm, true, true).bytes == 3 * 3200 + 8 * 4 * 8);
  CHECK(work::batch_norm_inference(norm, true, true).bytes == 2 * 3200 + 4 * 4 * 8);
  CHECK(work::batch_norm_backward(norm, false, true, false, true).bytes == 5 * 3200 + 3 * 4 * 8);
  CHECK(work::batch_norm_backward(norm, false, false, false, true).bytes == 2 * 3200 + 3 * 4 * 8);
  CHECK(work::clip_gradient({.kind = ClipKind::norm, .count = 1000, .segments = 3}).bytes == 3 * 4000 + 12);
  CHECK(work::clip_gradient({.kind = ClipKind::value, .count = 1000}).bytes == 2 * 4000);
}

TEST_CASE("optimizers read and write every array once") {
  CHECK(work::adam_step({}, 1000).bytes == 28000);                 // g, w, m, v read; w, m, v written
  CHECK(work::sgd_step({.momentum = 0.9f}, 1000).bytes == 20000);  // g, w, v; w, v
  CHECK(work::sgd_step({}, 1000).bytes == 12000);                  // g, w; w
  CHECK(work::sgd_step({.weight_decay = 0.1f}, 1000).elementwise == 4000);
}

TEST_CASE("the least time is the longest of arithmetic, memory and launches") {
  const Roof roof{.products = 1e12, .elementwise = 1e11, .bytes = 1e10, .launch = 1e-6, .how = ""};
  LeastTime least = least_time({.products = 2e9, .dense = 4e9, .elementwise = 1e7, .bytes = 1e6}, 1, roof);
  CHECK(least.bound == Bound::arithmetic);
  CHECK(least.seconds == doctest::Approx(2e-3));
  least = least_time({.products = 2e9, .elementwise = 1e9, .bytes = 1e6}, 1, roof);
  CHECK(least.bound == Bound::arithmetic);
  CHECK(least.seconds == doctest::Approx(1e-2));  // 1e9 elementwise operations take longer than the products
  least = least_time({.products = 2e9, .bytes = 1e9}, 1, roof);
  CHECK(least.bound == Bound::memory);
  CHECK(least.seconds == doctest::Approx(0.1));
  least = least_time({.products = 100, .bytes = 100}, 3, roof);
  CHECK(least.bound == Bound::launch);
  CHECK(least.seconds == doctest::Approx(3e-6));
  CHECK(least_time({}, 0, roof).seconds == 0.0);
  CHECK(name_of(Bound::memory) == "memory");
}

TEST_CASE("an observed backend tells of every primitive, and computes what the other computes") {
  struct Log final : BackendObserver {
    void primitive_begins() override { ++begun; }
    void primitive_ended(const PrimitiveCall& call) override {
      names.emplace_back(call.primitive);
      parts.emplace_back(call.part);
      shapes.push_back(call.shape);
      bytes += call.work.bytes;
    }
    int begun = 0;
    std::vector<std::string> names, parts, shapes;
    double bytes = 0.0;
  } log;
  const ObservedBackend observed = observe(test::test_backend());
  Backend& backend = *observed.backend;
  const Tensor a = on_device(backend, Tensor::zeros({4})), y = device_zeros(backend, {4});
  backend.fill(4, 2.0f, a.data<float>());
  observed.handle->set_observer(&log);
  backend.entering("layer");
  backend.add(4, a.data<float>(), a.data<float>(), y.data<float>());
  int replayed = 0;
  const auto recording = backend.record([&] {
    ++replayed;
    backend.blend(4, 1.0f, y.data<float>(), 1.0f, y.data<float>(), y.data<float>());
  });
  recording->replay();
  recording->replay();
  observed.handle->set_observer(nullptr);
  backend.fill(4, 2.0f, a.data<float>());

  CHECK(log.begun == 3);
  CHECK(log.names == std::vector<std::string>{"add", "blend", "blend"});
  CHECK(log.parts == std::vector<std::string>{"layer", "layer", "layer"});
  CHECK(log.shapes[0] == "4");
  CHECK(log.bytes == 3 * 48);
  CHECK(replayed == 2);  // a graph would have run it once, while recording
  const Tensor result = to_host(backend, y);
  for (const float value : result.host<float>()) CHECK(value == 16.0f);
}

TEST_CASE("a CPU's roof and its clock") {
  if (!test::cpu_under_test()) return;
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const std::optional<Roof> roof = backend->measure_roof();
  REQUIRE(roof.has_value());
  CHECK(roof->products > 1e8);
  CHECK(roof->bytes > 1e8);
  CHECK(roof->launch > 0.0);
  CHECK(roof->how == backend->describe());

  const std::unique_ptr<Timeline> timeline = backend->watch();
  CHECK(timeline->has_clock());
  const std::size_t before = timeline->mark(), after = timeline->mark();
  CHECK(after == before + 1);
  CHECK(timeline->seconds_between(before, after) >= 0.0);
  CHECK(timeline->launches() == 0);
  timeline->restart();
  CHECK(timeline->mark() == 0);
}
