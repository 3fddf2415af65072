#include "data/npy.h"

#include <doctest/doctest.h>

#include <limits>
#include <numeric>

#include "pictures.h"
#include "support/temporary_folder.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

fs::path golden_npy(const std::string& name) { return fs::path(CURIE_TEST_DATA) / "npy" / (name + ".npy"); }

template <typename T>
void check_values(const std::string& name, const Shape& shape, const std::vector<T>& expected) {
  CAPTURE(name);
  const NpyArray array = read_npy(golden_npy(name));
  CHECK(array.type() == NpyTypeOf<T>::value);
  CHECK(array.shape() == shape);
  const std::span<const T> values = array.values<T>();
  CHECK(std::vector<T>(values.begin(), values.end()) == expected);
}

std::vector<std::uint8_t> golden_bytes() {
  std::vector<std::uint8_t> bytes(24);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 10);
  return bytes;
}

const std::vector<float> kFloats = {-1.0f, -.6f, -.2f, .2f, .6f, 1.0f};

TEST_CASE("arrays that NumPy wrote are read: types, shapes, versions") {
  using Limits32 = std::numeric_limits<std::int32_t>;
  using Limits64 = std::numeric_limits<std::int64_t>;
  check_values<std::uint8_t>("u8", {2, 3, 4, 1}, golden_bytes());
  check_values<std::int32_t>("i32", {3}, {Limits32::min(), 0, Limits32::max()});
  check_values<std::int64_t>("i64", {3, 1}, {Limits64::min(), 5, Limits64::max()});
  check_values<double>("f64", {4}, {0.0, 1.0, -3.0, 2.5});
  check_values<float>("scalar", {}, {7.25f});
  check_values<float>("empty", {0, 3}, {});
  for (const char* name : {"f32", "version2", "version3"}) {
    const NpyArray array = read_npy(golden_npy(name));
    CHECK(array.shape() == Shape{2, 3});
    for (std::size_t i = 0; i < 6; ++i) CHECK(array.values<float>()[i] == doctest::Approx(kFloats[i]));
  }
}

TEST_CASE("what is written is what NumPy writes, byte for byte") {
  const TemporaryFolder folder;
  for (const char* name : {"u8", "i32", "i64", "f32", "f64", "scalar", "empty"}) {
    CAPTURE(name);
    write_npy(folder / "again.npy", read_npy(golden_npy(name)));
    CHECK(read_text(folder / "again.npy") == read_text(golden_npy(name)));
  }
}

TEST_CASE("tensors become arrays and arrays tensors") {
  const std::vector<std::int32_t> values = {3, -4, 5};
  const Tensor tensor = Tensor::from<std::int32_t>({3, 1}, values);
  const NpyArray array(tensor);
  CHECK(array.type() == NpyType::i32);
  CHECK(array.integers() == std::vector<std::int64_t>{3, -4, 5});
  CHECK(array.tensor().shape() == Shape{3, 1});
  CHECK(array.tensor().raw() == tensor.raw());
  CHECK(read_npy(golden_npy("u8")).tensor().dtype() == DType::u8);
  CHECK(read_npy(golden_npy("f32")).tensor().dtype() == DType::f32);
  const Tensor rounded = read_npy(golden_npy("f64")).tensor();
  CHECK(rounded.dtype() == DType::f32);
  CHECK(rounded.host<float>()[3] == 2.5f);
  CHECK(error_of([] { read_npy(golden_npy("i64")).tensor(); }).says("got one of int64"));
  CHECK(error_of([] { read_npy(golden_npy("f64")).integers(); }).says("expected whole numbers, got 2.5"));
  CHECK(error_of([&] {
          static_cast<void>(array.values<float>());
        }).says("expected an array of float32, got one of int32"));
  CHECK(error_of([] { NpyArray(Tensor::zeros({1}, DType::bf16)); }).says("bf16"));
  CHECK(error_of([&] { NpyArray({2, 2}, std::span<const std::int32_t>(values)); }).says("takes 16 bytes, got 12"));
}

TEST_CASE("arrays of other kinds are refused with what they are and what to do") {
  const auto refused = [](const char* name, const char* why) {
    const Thrown thrown = error_of([&] { read_npy(golden_npy(name)); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK(thrown.message.starts_with(golden_npy(name).string()));
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  refused("bad_fortran", "found Fortran order; write it with numpy.ascontiguousarray");
  refused("bad_objects", "found Python objects");
  refused("bad_big_endian", "found big-endian ones (>f4); write it with a.astype(\"<f4\")");
  refused("bad_records", "found records of several fields");
  refused("bad_text", "found \"<U3\"");
  refused("bad_complex", "found \"<c8\"");
  refused("bad_bool", "found \"|b1\"");
  refused("bad_half", "found \"<f2\"");
  refused("bad_rank", "at most 5 extents, found 6");
}

// A version 1 file of a header and contents of one's own.
std::string npy_file(std::string header, const std::string& contents) {
  std::string file("\x93NUMPY\x01\x00", 8);
  file += {static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return file + header + contents;
}

TEST_CASE("headers are read as Python would, and refused where they make no array") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& header, const std::string& contents) {
    return read_npy(folder.put("a.npy", npy_file(header, contents)));
  };
  CHECK(read("{\"shape\":(2,),'fortran_order':False,'descr':'|u1'}", "ab").shape() == Shape{2});
  CHECK(read("{'shape': (2L, 1L,), 'fortran_order': False, 'descr': '|u1',}   \n", "ab").shape() == Shape{2, 1});
  CHECK(read("{'shape': (2), 'fortran_order': True, 'descr': '<u1'}", "ab").shape() == Shape{2});
  CHECK(read("{'shape': (0, 2000000000, 2000000000), 'fortran_order': False, 'descr': '<f8'}", "").bytes().empty());
  const auto refused = [&](const std::string& header, const char* why) {
    CAPTURE(header);
    const Thrown thrown = error_of([&] { read(header, "ab"); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  const std::string rest = "'fortran_order': False, 'descr': '|u1'}";
  refused("", "expected \"{\", found \"\"");
  refused("{'shape': (2,), 'descr': '|u1'}", "expected descr, fortran_order and shape");
  refused("{'shape': (2,), 'shape': (2,), " + rest, "each once");
  refused("{'shape': (2,), 'colour': 1, " + rest, "each once");
  refused("{'shape': (3,), " + rest, "truncated: an array of shape (3,) of uint8 takes 3 bytes, the file holds 2");
  refused("{'shape': (1,), " + rest, "too long: an array of shape (1,) of uint8 takes 1 bytes, the file holds 2");
  refused("{'shape': (-2,), " + rest, "expected an extent, found \"-2,)");
  refused("{'shape': (99999999999,), " + rest, "extents up to 2147483647, found 99999999999");
  refused("{'shape': (2000000000, 2000000000, 2000000000), " + rest, "beyond any memory");
  refused("{'shape': (2000000000, 2000000000), " + rest, "truncated");
  refused("{'shape': (2,), " + rest + "x", "expected the header to end, found \"x\"");
  refused("{'shape': (2,), 'fortran_order': Maybe, 'descr': '|u1'}", "expected True or False");
  refused("{'shape': (2,), 'fortran_order': False, 'descr': ''}", "found \"\"");
  refused("{'shape': (2,), 'fortran_order': False, 'descr': '|u1", "a quote is not closed");
}

TEST_CASE("files that are no .npy files") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& contents, const char* why) {
    const Thrown thrown = error_of([&] { read_npy(folder.put("a.npy", contents)); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK_MESSAGE(thrown.says(why), thrown.message);
  };
  refused("", "expected a .npy file, found 0 bytes");
  refused("PK\3\4 a zip archive", "does not begin as one");
  refused(std::string("\x93NUMPY\x09\x01\0\0\0\0", 12), "found 9.1");
  refused(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), "it claims 4294967295");
  refused(std::string("\x93NUMPY\x01\x00\x70", 9), "truncated");
  CHECK(error_of([&] { read_npy(folder / "none.npy"); }).kind == ErrorKind::file);
}

}  // namespace
}  // namespace curie
