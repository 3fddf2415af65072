#include "io/file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/text.h"

namespace curie {
namespace {

constexpr const char* kOnnx = "an ONNX model, which Curie writes but does not read";
constexpr std::size_t kLook = 512;
constexpr std::size_t kLengthBytes = 8;  // of a safetensors header, which is JSON behind them

bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return code >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
}

// ir_version, then the producer's name or version: how the usual exporters begin. Other messages have no number of a
// few units there.
bool is_onnx(std::string_view bytes) {
  return bytes.size() > 2 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 32 &&
         (bytes[2] == 0x12 || bytes[2] == 0x1a);
}

// Empty for what may be a safetensors file.
std::string looks_like(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return "an empty file";
  if (bytes.size() > kLengthBytes && bytes[kLengthBytes] == '{') return "";
  const std::pair<std::string_view, const char*> starts[] = {{"\x89PNG"sv, "a PNG image"},
                                                             {"\xff\xd8\xff"sv, "a JPEG image"},
                                                             {"\x93NUMPY"sv, "an array of NumPy (.npy)"},
                                                             {"\x80\x02"sv, "a Python pickle, as PyTorch's old .pth"},
                                                             {"\x80\x04"sv, "a Python pickle"},
                                                             {"%PDF"sv, "a PDF"},
                                                             {"\x1f\x8b"sv, "a gzip archive"}};
  for (const auto& [start, kind] : starts)
    if (bytes.starts_with(start)) return kind;
  if (is_onnx(bytes)) return kOnnx;
  return is_text(bytes) ? "text" : "";
}

}  // namespace

void expect_weights_file(const std::filesystem::path& path) {
  const InputFile file(path);
  std::array<char, kLook> start{};
  const std::size_t length = std::min(start.size(), file.size());
  file.read(0, std::as_writable_bytes(std::span(start).first(length)));
  std::string kind = looks_like({start.data(), length});
  const std::string extension = lower_case(path.extension().string());
  const bool hdf5 = extension == ".h5" || extension == ".hdf5", archive = extension == ".keras";
  const bool safetensors = length > kLengthBytes && start[kLengthBytes] == '{';
  if (kind.empty() && extension == ".onnx" && !safetensors) kind = kOnnx;
  if (kind.empty() && (hdf5 || archive)) kind = safetensors ? "a safetensors file" : "something else";
  if (kind.empty()) return;
  throw_error(ErrorKind::file, fmt::format("{}: expected {}; its contents are {}", path.string(),
                                           hdf5      ? "an HDF5 file of Keras, as its ending says"
                                           : archive ? "a zip archive of Keras, as its ending says"
                                                     : "a model or weights: Keras' HDF5 (.h5) or archive (.keras), or "
                                                       "safetensors (Curie's, PyTorch's)",
                                           kind));
}

}  // namespace curie
