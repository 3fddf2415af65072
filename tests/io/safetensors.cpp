#include "io/safetensors.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "support/temporary_folder.h"
#include "tensor/files.h"

namespace curie {
namespace {

const std::filesystem::path kData = CURIE_TEST_DATA;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename T>
Tensor tensor_of(const Shape& shape, std::vector<T> values) {
  return Tensor::from<T>(shape, values);
}

// What scripts/goldens/safetensors_files.py calls PLAIN, and its metadata.
std::vector<NamedTensor> plain_tensors() {
  return {
      {"empty", Tensor::zeros({0, 5})},
      {"weights/\u00e9\"\\\t\x01", tensor_of<float>({2, 3}, {0, -0.0f, 1.5f, -2.25f, 3.4028234663852886e38f, 1e-45f})},
      {"step", tensor_of<std::int32_t>({}, {std::numeric_limits<std::int32_t>::min()})},
      {"brain", tensor_of<Bf16>({4}, {{0x3F80}, {0xC000}, {0x7F80}, {0x7FC1}})},
      {"pixels", tensor_of<std::uint8_t>({1, 1, 1, 1, 3}, {0, 127, 255})},
  };
}
const std::map<std::string, std::string> kPlainMetadata = {
    {"note", "caf\u00e9 \u653e\u5c04 \"quoted\" \\ \n\t\x01\x7f/"}};

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

// A file with this header and `data_bytes` bytes of data, all 0.
std::string file_with(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), sizeof length);
  return text + header + std::string(data_bytes, '\0');
}

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "no error"};
}

Error read_error(const std::string& contents, const SafetensorsLimits& limits = {}) {
  const TemporaryFolder folder;
  folder.put("hostile", contents);
  return error_of([&] { read_safetensors(folder / "hostile", limits); });
}

bool contains(const Error& error, std::string_view part) {
  return std::string_view(error.what()).find(part) != std::string_view::npos;
}

TEST_CASE("safetensors: bytes are those of the reference implementation") {
  const TemporaryFolder folder;
  write_safetensors(folder / "plain", kPlainMetadata, plain_tensors());
  CHECK(read_text(folder / "plain") == read_text(kData / "safetensors_plain.safetensors"));
}

TEST_CASE("safetensors: reads a file of the reference implementation") {
  const SafetensorsFile file = read_safetensors(kData / "safetensors_plain.safetensors");
  CHECK(file.metadata == kPlainMetadata);
  const std::vector<NamedTensor> expected = plain_tensors();
  REQUIRE(file.tensors.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(expected[i].name);
    CHECK(file.tensors[i].name == expected[i].name);
    CHECK(same_bits(file.tensors[i].tensor, expected[i].tensor));
    CHECK(reinterpret_cast<std::uintptr_t>(file.tensors[i].tensor.raw()) % 64 == 0);
  }
  CHECK(same_bits(file.at("step"), expected[2].tensor));
  CHECK(file.find("stop") == nullptr);
  const Error missing = error_of([&] { file.at("stop"); });
  CHECK(missing.kind() == ErrorKind::file);
  CHECK(contains(missing, "\"stop\", found \"empty\", "));
}

TEST_CASE("safetensors: widens and narrows without loss, whatever the alignment") {
  const SafetensorsFile file = read_safetensors(kData / "safetensors_converted.safetensors");
  CHECK(file.metadata.empty());
  using Integers = std::numeric_limits<std::int32_t>;
  CHECK(same_bits(file.at("counts"), tensor_of<std::int32_t>({2, 1}, {Integers::min(), Integers::max()})));
  CHECK(same_bits(file.at("mask"), tensor_of<std::uint8_t>({4}, {1, 0, 0, 1})));
  CHECK(same_bits(file.at("halves"),
                  tensor_of<float>({7}, {0, -0.0f, 1, 65504, 0x1p-24f, -1023 * 0x1p-24f, -kInfinity})));
  CHECK(same_bits(file.at("plain"), tensor_of<float>({1}, {0.1f})));
}

TEST_CASE("safetensors: every half-precision number") {
  constexpr int kCount = 65536;
  std::string contents = file_with(R"({"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})", 0);
  for (int half = 0; half < kCount; ++half) {
    contents += static_cast<char>(half & 0xff);
    contents += static_cast<char>(half >> 8);
  }
  const TemporaryFolder folder;
  folder.put("halves", contents);
  const SafetensorsFile file = read_safetensors(folder / "halves");
  const std::span<const float> values = file.at("h").host<float>();
  int wrong = 0;
  for (int half = 0; half < kCount; ++half) {
    const int exponent = (half >> 10) & 31, fraction = half & 1023;
    double expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = fraction == 0 ? kInfinity : std::numeric_limits<double>::quiet_NaN();
    const float value = values[static_cast<std::size_t>(half)];
    const bool agrees = std::isnan(expected) ? std::isnan(value) : std::fabs(value) == expected;
    wrong += !agrees || std::signbit(value) != (half >= 0x8000);
  }
  CHECK(wrong == 0);
}

TEST_CASE("safetensors: no tensors, no metadata") {
  const TemporaryFolder folder;
  write_safetensors(folder / "nothing", {}, {});
  CHECK(read_text(folder / "nothing") == file_with("{}      ", 0));
  const SafetensorsFile file = read_safetensors(folder / "nothing");
  CHECK(file.tensors.empty());
  CHECK(contains(error_of([&] { file.at("x"); }), "found no tensors"));
}

TEST_CASE("safetensors: a tensor larger than one piece, and a window of a tensor") {
  const TemporaryFolder folder;
  Tensor large = Tensor::zeros({3, 700'000}, DType::i32);
  const std::span<std::int32_t> values = large.host<std::int32_t>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i * 2654435761u);
  const std::vector<NamedTensor> tensors = {{"large", large}, {"row", large.rows(1, 1)}};
  write_safetensors(folder / "large", {}, tensors);
  const SafetensorsFile file = read_safetensors(folder / "large");
  CHECK(same_bits(file.at("large"), large));
  CHECK(same_bits(file.at("row"), large.rows(1, 1)));
}

TEST_CASE("safetensors: refuses to write what the format cannot hold") {
  const TemporaryFolder folder;
  const Tensor one = Tensor::zeros({1});
  const auto refuse = [&](const std::map<std::string, std::string>& metadata, const std::vector<NamedTensor>& tensors) {
    const Error error = error_of([&] { write_safetensors(folder / "refused", metadata, tensors); });
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(folder.files() == 0);
    return error;
  };
  CHECK(contains(refuse({}, {{"twice", one}, {"twice", one}}), "twice"));
  CHECK(contains(refuse({}, {{"", one}}), "not empty"));
  CHECK(contains(refuse({}, {{"__metadata__", one}}), "__metadata__"));
  CHECK(contains(refuse({}, {{"void", Tensor()}}), "undefined"));
  CHECK(contains(refuse({}, {{"\xff", one}}), "UTF-8"));
  CHECK(contains(refuse({{"k", "\xc3"}}, {}), "UTF-8"));
}

TEST_CASE("safetensors: names the tensor that holds a NaN or an infinity") {
  const TemporaryFolder folder;
  const auto error_with = [&](const Tensor& tensor) {
    write_safetensors(folder / "f", {}, std::vector<NamedTensor>{{"fine", Tensor::zeros({2})}, {"bad", tensor}});
    const SafetensorsFile file = read_safetensors(folder / "f");
    return error_of([&] { check_finite(file); });
  };
  const Error nan = error_with(tensor_of<float>({1, 3}, {1, 2, std::nanf("")}));
  CHECK(nan.kind() == ErrorKind::file);
  CHECK(contains(nan, "tensor \"bad\": expected finite numbers, found nan at element 2 of (1, 3)"));
  CHECK(contains(error_with(tensor_of<Bf16>({2}, {to_bf16(1), to_bf16(-kInfinity)})), "found -inf at element 1"));
  CHECK(contains(error_with(tensor_of<std::int32_t>({1}, {0x7fc00000})), "no error"));
}

TEST_CASE("safetensors: says what is wrong with a header") {
  struct Case {
    const char* header;
    std::size_t data_bytes;
    const char* message;
  };
  const Case cases[] = {
      {"", 0, "begins with {"},
      {" {}", 0, "begins with {"},
      {"[]", 0, "begins with {"},
      {"{", 0, "not valid JSON"},
      {"{}x", 0, "not valid JSON"},
      {"{\"\xff\":1}", 0, "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}})", 4, "not valid JSON"},
      {R"({"a":1})", 0, "tensor \"a\": expected an object, found 1"},
      {R"({"a":null})", 0, "found null"},
      {R"({"a":[]})", 0, "expected an object, found a list"},
      {R"({"a":"x"})", 0, "found the text \"x\""},
      {R"({"a":{}})", 0, "found no dtype"},
      {R"({"a":{"dtype":"F32"}})", 0, "found no shape"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "found no data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", 4, "found \"more\""},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "dtype once"},
      {R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4, "shape once"},
      {R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8,
       "F32, BF16, I32, U8, F16, BOOL, I64, found \"F64\""},
      {R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4, "found \"f32\""},
      {R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}})", 4, "expected a dtype of"},
      {R"({"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}})", 4, "found a list"},
      {R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,4]}})", 4, "expected a list in shape, found 4"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "found a list"},
      {R"({"a":{"dtype":"F32","shape":[{}],"data_offsets":[0,4]}})", 4, "found an object"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "whole numbers from 0 to 2147483647, found -1"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "found 1.0"},
      {R"({"a":{"dtype":"F32","shape":[2147483648],"data_offsets":[0,4]}})", 4, "found 2147483648"},
      {R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})", 4, "found 99999999999999999999"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "at most 5 whole numbers"},
      {R"({"a":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}})", 0, "fits into memory"},
      {R"({"a":{"dtype":"F32","shape":[0,65536,65536,65536,65536],"data_offsets":[0,0]}})", 0, "fits into memory"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "expected 8 bytes for (2,) of F32, found 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "found 1 numbers"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4, "found more of them"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4, "found -4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "within the 4 bytes of data, found [4, 0]"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 4, "within the 4 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", 4,
       "found [0, 18446744073709551615]"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
       "to begin at byte 0, found 4 (bytes that belong"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, "expected 4 bytes of data"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
       4, "tensor \"b\": expected its data to begin at byte 4, found 0 (tensors overlap)"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2, "\"a\": expected one entry of this name, found two"},
      {R"({"__metadata__":{"a":1}})", 0, "metadata \"a\": expected a text, found 1"},
      {R"({"__metadata__":{"a":{}}})", 0, "metadata \"a\": expected a text, found an object"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "expected one value, found two"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "found two"},
      {R"({"__metadata__":null})", 0, "__metadata__: expected an object, found null"},
  };
  for (const Case& wrong : cases) {
    const Error error = read_error(file_with(wrong.header, wrong.data_bytes));
    CAPTURE(wrong.header);
    CAPTURE(error.what());
    CHECK(error.kind() == ErrorKind::file);
    CHECK(contains(error, "/hostile: "));
    CHECK(contains(error, wrong.message));
  }
  CHECK(contains(read_error(file_with(std::string("{}\0{", 4), 0)), "byte 2 is 0"));
}

TEST_CASE("safetensors: values that cannot be converted") {
  const std::string wide = file_with(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", 0);
  CHECK(contains(read_error(wide + std::string("\0\0\0\x80\0\0\0\0", 8)), "fit into 32 bits, found 2147483648"));
  const std::string flags = file_with(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 0);
  CHECK(contains(read_error(flags + "\1\2"), "tensor \"a\": expected BOOL values of 0 or 1, found 2"));
}

TEST_CASE("safetensors: lengths and limits") {
  CHECK(contains(read_error(""), "found 0 bytes"));
  CHECK(contains(read_error("1234567"), "found 7 bytes"));
  CHECK(contains(read_error(std::string(8, '\xff') + "{}"), "at most 2 bytes, found a length of 18446744073709551615"));
  CHECK(contains(read_error(std::string("\3\0\0\0\0\0\0\0{}", 10)), "at most 2 bytes, found a length of 3"));
  const std::string two = file_with(
      R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
      0);
  CHECK(contains(read_error(two, {.header_bytes = 50}), "at most 50 bytes"));
  CHECK(contains(read_error(two, {.file_bytes = 50}), "at most 50 bytes"));
  CHECK(contains(read_error(two, {.tensors = 1}), "at most 1 tensors"));
  CHECK(contains(read_error(two, {.tensors = 2}), "no error"));
}

TEST_CASE("safetensors: nesting and long texts cost neither stack nor a long message") {
  constexpr std::size_t kMany = 1'000'000;
  CHECK(contains(read_error(file_with("{\"a\":" + std::string(kMany, '['), 0)), "found a list"));
  std::string objects;
  for (std::size_t i = 0; i < kMany; ++i) objects += "{\"a\":";
  CHECK(contains(read_error(file_with(objects, 0)), "expected the fields dtype"));
  for (const std::string& text :
       {"{\"" + std::string(kMany, 'n') + "\":1}", "{\"" + std::string(kMany, 'n'), "{" + std::string(kMany, '7'),
        "{\"a\":{\"shape\":[1." + std::string(kMany, '7') + "]}}"}) {
    const Error error = read_error(file_with(text, 0));
    CHECK(error.kind() == ErrorKind::file);
    CHECK(std::string_view(error.what()).size() < 1000);
  }
}

TEST_CASE("safetensors: what is not a file") {
  const TemporaryFolder folder;
  CHECK(contains(error_of([&] { read_safetensors(folder / "none"); }), "No such file"));
  CHECK(contains(error_of([&] { read_safetensors(folder.path()); }), "expected a file, found a folder"));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(contains(error_of([&] { read_safetensors(folder / "pipe"); }), "expected a file"));
}

}  // namespace
}  // namespace curie
