#include "tensor/tensor.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "support/throws.h"

namespace curie {
namespace {

Tensor counting(const Shape& shape) {
  std::vector<float> values(shape.elements());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return Tensor::from<float>(shape, values);
}

}  // namespace

TEST_CASE("an undefined tensor has no address and no device memory") {
  const Tensor nothing;
  CHECK_FALSE(nothing.defined());
  CHECK(nothing.raw() == nullptr);
}

TEST_CASE("zeros, from and the bytes of each type") {
  const Tensor zeros = Tensor::zeros({2, 3}, DType::i32);
  CHECK(zeros.defined());
  CHECK(zeros.bytes() == 24);
  for (const std::int32_t value : zeros.host<std::int32_t>()) CHECK(value == 0);
  CHECK(Tensor::zeros({5}, DType::u8).bytes() == 5);
  CHECK(Tensor::zeros({5}, DType::bf16).bytes() == 10);
  CHECK(counting({2, 2}).host<float>()[3] == 3.0f);
  CHECK(Tensor::zeros({0, 4}).host<float>().empty());
}

TEST_CASE("copies and windows share memory, clones do not") {
  const Tensor original = counting({4, 3});
  const Tensor copy = original;
  const Tensor window = original.rows(1, 2);
  const Tensor flat = original.reshape({12});
  const Tensor clone = original.clone();
  CHECK(window.shape() == Shape{2, 3});
  CHECK(window.host<float>()[0] == 3.0f);
  window.host<float>()[0] = -1.0f;
  CHECK(copy.host<float>()[3] == -1.0f);
  CHECK(flat.host<float>()[3] == -1.0f);
  CHECK(clone.host<float>()[3] == 3.0f);
  CHECK(original.rows(4, 0).elements() == 0);
}

TEST_CASE("memory lives as long as the last tensor that shows it") {
  bool released = false;
  Tensor window;
  {
    std::vector<std::byte> bytes(16);
    auto* const data = bytes.data();
    const auto buffer =
        std::make_shared<const Buffer>(data, 16, Device{}, [&released](std::byte*) { released = true; });
    window = Tensor(buffer, 0, {4}, DType::f32).rows(2, 1);
  }
  CHECK_FALSE(released);
  window = Tensor();
  CHECK(released);
}

TEST_CASE("what does not fit is refused") {
  const Tensor tensor = counting({4, 3});
  CHECK_ERROR([&] { tensor.reshape({5}); }, usage, "(4, 3) has 12 elements, (5,) has 5");
  CHECK_ERROR([&] { tensor.rows(3, 2); }, usage, "expected a window inside (4, 3), got 2 rows from 3");
  CHECK_ERROR([&] { tensor.rows(-1, 1); }, usage, "from -1");
  CHECK_ERROR([&] { tensor.host<std::int32_t>(); }, usage, "expected elements of i32, it holds f32");
  CHECK_ERROR([&] { tensor.data<std::uint8_t>(); }, usage, "expected elements of u8, it holds f32");
  CHECK_ERROR([] { Tensor::from<float>({3}, std::vector<float>(2)); }, usage, "expected 12 bytes of values, got 8");
  const auto small = std::make_shared<const Buffer>(allocate_host(8));
  CHECK_ERROR([&] { Tensor(small, 4, {2}, DType::f32); }, internal, "overruns its buffer of 8 bytes");
  CHECK_ERROR([] { Tensor(nullptr, 0, {1}, DType::f32); }, internal, "needs a buffer");
}

TEST_CASE("host code cannot read memory of another device") {
  std::byte storage[16] = {};
  const Device device{DeviceKind::cuda, 0};
  const Tensor remote(std::make_shared<const Buffer>(storage, 16, device, nullptr), 0, {4}, DType::f32);
  CHECK(remote.raw() == storage);
  CHECK_ERROR([&] { remote.host<float>(); }, usage, "lives on cuda:0");
  CHECK_ERROR([&] { remote.clone(); }, usage, "lives on cuda:0");
  CHECK(to_string(Device{DeviceKind::emulated, 0}) == "emulated");
}

}  // namespace curie
