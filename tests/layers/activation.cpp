#include "support/check_layer.h"
#include "support/throws.h"
#include "tensor/log.h"

namespace curie {
namespace {

using test::check_layer;

TEST_CASE("ReLU") { check_layer(ReLU{}, {.inputs = {{3, 4, 2}}, .output = {3, 4, 2}, .spaced_inputs = true}); }

// A handful of operations stands behind each value of an exponential.
TEST_CASE("Sigmoid") { check_layer(Sigmoid{}, {.inputs = {{7}}, .output = {7}, .terms = 6}); }
TEST_CASE("Tanh") { check_layer(Tanh{}, {.inputs = {{3, 3, 1}}, .output = {3, 3, 1}, .terms = 6}); }
TEST_CASE("Softmax") {
  check_layer(Softmax{}, {.inputs = {{4}}, .output = {4}, .terms = 8});
  check_layer(Softmax{}, {.inputs = {{2, 3, 5}}, .output = {2, 3, 5}, .terms = 8});
}
TEST_CASE("LogSoftmax") { check_layer(LogSoftmax{}, {.inputs = {{4}}, .output = {4}, .terms = 8}); }

TEST_CASE("make_activation makes the layer of each activation") {
  CHECK(make_activation(Activation::relu)->kind() == "ReLU");
  CHECK(make_activation(Activation::sigmoid)->kind() == "Sigmoid");
  CHECK(make_activation(Activation::tanh)->kind() == "Tanh");
  CHECK(make_activation(Activation::softmax)->kind() == "Softmax");
  CHECK(make_activation(Activation::log_softmax)->kind() == "LogSoftmax");
  CHECK_ERROR([] { make_activation(Activation::none); }, usage, "linear");
}

TEST_CASE("Softmax over one class warns that its result is constant") {
  std::string warning;
  LogSink before = set_log_sink([&](LogLevel, std::string_view text) { warning = text; });
  Softmax{}.make()->build(std::vector<Shape>{{1}}, 0, 0);
  set_log_sink(std::move(before));
  CHECK(warning.find("one unit with sigmoid") != std::string::npos);
}

}  // namespace
}  // namespace curie
