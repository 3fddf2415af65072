#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"
#include "support/throws.h"

namespace curie::test {
namespace {

using Rows = std::vector<std::int32_t>;

GuardedTensor held(Backend& backend, const Rows& rows) {
  GuardedTensor guarded = blank(backend, rows.size(), DType::i32);
  guarded.set(rows);
  return guarded;
}

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  const RandomStream random{.seed = 23};
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(random.bits(i));
  return bytes;
}

// One row, the last one, repeated ones, all in reverse.
const Rows kChoices[] = {{0}, {4}, {2, 2, 0, 4, 2}, {4, 3, 2, 1, 0}};
constexpr std::size_t kSamples = 5;

}  // namespace

TEST_CASE("images of a resident data set are chosen and looked up in their channel's table") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const int channels : {1, 3}) {
      for (const std::size_t pixels : {1, 4, 255, 1200}) {
        const std::size_t width = std::size_t(channels), sample = pixels * width;
        const std::vector<std::uint8_t> bytes = random_bytes(kSamples * sample);
        const Values table_values = random_values(width * 256, 3);
        const GuardedTensor images = blank(*backend, bytes.size(), DType::u8), table = holding(*backend, table_values);
        images.set(bytes);
        for (const Rows& rows : kChoices) {
          const GuardedTensor chosen = held(*backend, rows), y = blank(*backend, rows.size() * sample);
          ops::gather_normalize_u8(*backend, pixels, channels, chosen.tensor, images.tensor, table.tensor, y.tensor);
          Values expected;
          for (const std::int32_t row : rows) {
            for (std::size_t i = 0; i < sample; ++i) {
              expected.push_back(table_values[i % width * 256 + bytes[std::size_t(row) * sample + i]]);
            }
          }
          CHECK(y.values() == expected);
          for (const GuardedTensor* each : {&images, &table, &chosen, &y}) CHECK(each->intact());
        }
      }
    }
  });
}

TEST_CASE("more images than a grid has rows") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const std::vector<std::uint8_t> bytes{7, 200};
  const GuardedTensor images = blank(*backend, 2, DType::u8);
  images.set(bytes);
  const Values table_values = random_values(256, 3);
  Rows rows(65537);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i / 3 % 2);
  const GuardedTensor table = holding(*backend, table_values), y = blank(*backend, rows.size());
  ops::gather_normalize_u8(*backend, 1, 1, held(*backend, rows).tensor, images.tensor, table.tensor, y.tensor);
  Values expected;
  for (const std::int32_t row : rows) expected.push_back(table_values[bytes[std::size_t(row)]]);
  CHECK(y.values() == expected);
}

TEST_CASE("rows of 32-bit words are copied bit for bit") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const std::size_t words : {1, 3, 4, 700}) {
      Values values = random_values(kSamples * words, 1);
      values[0] = -0.0f;
      values[values.size() - 1] = std::nanf("5");
      const GuardedTensor x = holding(*backend, values);
      for (const Rows& rows : kChoices) {
        const GuardedTensor chosen = held(*backend, rows), y = blank(*backend, rows.size() * words);
        ops::gather_rows(*backend, chosen.tensor, x.tensor, y.tensor);
        Values expected;
        for (const std::int32_t row : rows) {
          const auto begin = values.begin() + std::ptrdiff_t(row) * std::ptrdiff_t(words);
          expected.insert(expected.end(), begin, begin + std::ptrdiff_t(words));
        }
        CHECK(same_bits(y.values(), expected));
        for (const GuardedTensor* each : {&x, &chosen, &y}) CHECK(each->intact());
      }
    }
    // Class numbers.
    const Rows labels{7, -1, 2147483647, 0, 3};
    const GuardedTensor x = held(*backend, labels), y = blank(*backend, 2, DType::i32);
    ops::gather_rows(*backend, held(*backend, {4, 2}).tensor, x.tensor, y.tensor);
    CHECK(y.values<std::int32_t>() == Rows{3, 2147483647});
  });
}

TEST_CASE("gathers refuse tensors that do not fit each other") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const GuardedTensor rows = held(*backend, {0, 1}), images = blank(*backend, 24, DType::u8);
  const GuardedTensor table = holding(*backend, Values(512, 0.0f)), y = blank(*backend, 24),
                      short_y = blank(*backend, 23);
  const auto pictures = [&](int channels, const Tensor& chosen, const Tensor& from, const Tensor& by,
                            const Tensor& to) {
    return error_message([&] { ops::gather_normalize_u8(*backend, 6, channels, chosen, from, by, to); });
  };
  CHECK(pictures(2, rows.tensor, images.tensor, table.tensor, y.tensor) == "no error");
  const auto says = [](const std::string& message, std::string_view text) {
    return message.find(text) == std::string::npos ? message : std::string();
  };
  CHECK(says(pictures(0, rows.tensor, images.tensor, table.tensor, y.tensor), "channels: expected at least 1") == "");
  CHECK(says(pictures(2, y.tensor.rows(0, 2), images.tensor, table.tensor, y.tensor),
             "rows: expected elements of i32") == "");
  CHECK(says(pictures(2, rows.tensor, y.tensor, table.tensor, y.tensor), "images: expected elements of u8") == "");
  CHECK(says(pictures(2, rows.tensor, images.tensor.rows(0, 23), table.tensor, y.tensor), "samples of 12") == "");
  CHECK(says(pictures(2, rows.tensor, images.tensor, y.tensor, y.tensor), "table: expected 512 elements") == "");
  CHECK(says(pictures(2, rows.tensor, images.tensor, table.tensor, short_y.tensor), "y: expected 24 elements") == "");

  const auto words = [&](const Tensor& chosen, const Tensor& from, const Tensor& to) {
    return error_message([&] { ops::gather_rows(*backend, chosen, from, to); });
  };
  CHECK(words(rows.tensor, y.tensor, y.tensor.rows(0, 2)) == "no error");
  CHECK(says(words(y.tensor.rows(0, 2), y.tensor, y.tensor), "rows: expected elements of i32") == "");
  CHECK(says(words(rows.tensor, y.tensor, short_y.tensor), "expected 2 rows of 32-bit elements in y") == "");
  CHECK(says(words(rows.tensor, short_y.tensor, y.tensor), "x: expected rows of 12 elements") == "");
  CHECK(says(words(rows.tensor, images.tensor, images.tensor), "of 32-bit elements") == "");
  CHECK(says(words(rows.tensor, rows.tensor, y.tensor), "of x's type") == "");
  CHECK(says(words(rows.tensor, Tensor(), y.tensor), "gather_rows") == "");
}

}  // namespace curie::test
