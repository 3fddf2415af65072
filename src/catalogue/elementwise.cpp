#include "catalogue/entries.h"

namespace curie {
namespace {

const std::vector<Extent> kCount = {{"count", 1000}};
const std::vector<Extent> kRows = {{"rows", 12}, {"classes", 40}};
const std::vector<std::string> kLongRows = {"rows=3,classes=700"};
const std::vector<Extent> kImages = {{"count", 5}, {"pixels", 100}, {"channels", 3}, {"images", 9}};

const std::vector<Extent> kWarps = {{"count", 3}, {"height", 20}, {"width", 24}, {"channels", 1}, {"images", 4}};

std::size_t count(const Operands& o) { return static_cast<std::size_t>(o["count"]); }
std::size_t table(const Operands& o) {
  return static_cast<std::size_t>(o["rows"]) * static_cast<std::size_t>(o["classes"]);
}

CatalogueEntry activation(const char* suffix, const char* description, Activation kind, bool exact) {
  const auto run = [kind]<typename T>(Operands& o, T) {
    const T* x = o.uniform<T>("x", count(o), -4.0f, 4.0f);
    o.on<T>().activation_forward(kind, count(o), x, o.output<T>("y", count(o)));
  };
  return {
      std::string("activation_forward_") + suffix, description, kCount, exact, [=](Operands& o) { run(o, float{}); },
      [=](Operands& o) { run(o, Bf16{}); }};
}

CatalogueEntry activation_backward(const char* suffix, const char* description, Activation kind) {
  const auto run = [kind]<typename T>(Operands& o, T) {
    const T* y = o.uniform<T>("y", count(o), 0.0f, 1.0f);
    const T* dy = o.uniform<T>("dy", count(o));
    o.on<T>().activation_backward(kind, count(o), y, dy, o.output<T>("dx", count(o)));
  };
  return {
      std::string("activation_backward_") + suffix, description, kCount, false, [=](Operands& o) { run(o, float{}); },
      [=](Operands& o) { run(o, Bf16{}); }};
}

void softmax_forward(Operands& o) {
  const float* x = o.uniform("x", table(o), -4.0f, 4.0f);
  o.backend().softmax_forward(o["rows"], o["classes"], x, o.output("y", table(o)));
}
void softmax_backward(Operands& o) {
  const float* y = o.uniform("y", table(o), 0.0f, 0.1f);
  const float* dy = o.uniform("dy", table(o));
  o.backend().softmax_backward(o["rows"], o["classes"], y, dy, o.output("dx", table(o)));
}
void log_softmax_forward(Operands& o) {
  const float* x = o.uniform("x", table(o), -4.0f, 4.0f);
  o.backend().log_softmax_forward(o["rows"], o["classes"], x, o.output("y", table(o)));
}
void log_softmax_backward(Operands& o) {
  const float* y = o.uniform("y", table(o), -4.0f, -1.0f);
  const float* dy = o.uniform("dy", table(o));
  o.backend().log_softmax_backward(o["rows"], o["classes"], y, dy, o.output("dx", table(o)));
}
template <typename T>
void dropout(Operands& o) {
  const T* x = o.integers<T>("x", count(o));
  o.on<T>().dropout({.rate = 0.5f, .seed = 9, .stream = 2}, o.state({.step = 4}), count(o), x,
                    o.output<T>("y", count(o)));
}
template <typename T>
void add(Operands& o) {
  const T* a = o.uniform<T>("a", count(o));
  const T* b = o.uniform<T>("b", count(o));
  o.on<T>().add(count(o), a, b, o.output<T>("y", count(o)));
}
void blend(Operands& o) {
  const float* a = o.uniform("a", count(o));
  const float* b = o.uniform("b", count(o));
  o.backend().blend(count(o), 0.75f, a, 0.3f, b, o.output("y", count(o)));
}
void fill(Operands& o) { o.backend().fill(count(o), 2.5f, o.output("y", count(o))); }
void cast_to_bf16(Operands& o) {
  const float* x = o.uniform("x", count(o));
  o.backend().cast_to_bf16(count(o), x, reinterpret_cast<Bf16*>(o.byte_output("y", count(o) * sizeof(Bf16))));
}
void cast_to_f32(Operands& o) {
  constexpr int kNoExponentOfAllOnes = 0x7f;  // neither infinity nor NaN
  const std::uint8_t* x = o.bytes("x", count(o) * sizeof(Bf16), kNoExponentOfAllOnes);
  o.backend().cast_to_f32(count(o), reinterpret_cast<const Bf16*>(x), o.output("y", count(o)));
}

std::size_t sample(const Operands& o) {
  return static_cast<std::size_t>(o["pixels"]) * static_cast<std::size_t>(o["channels"]);
}

template <typename T>
void normalize_u8(Operands& o) {
  const std::size_t images = static_cast<std::size_t>(o["images"]);
  const std::uint8_t* x = o.bytes("x", images * sample(o));
  const float* values = o.uniform("table", static_cast<std::size_t>(o["channels"]) * 256);
  o.on<T>().normalize_u8(images * static_cast<std::size_t>(o["pixels"]), o["channels"], x, values,
                         o.output<T>("y", images * sample(o)));
}
template <typename T>
void gather_normalize_u8(Operands& o) {
  const std::int32_t* rows = o.indices("rows", count(o), o["images"]);
  const std::uint8_t* images = o.bytes("images", static_cast<std::size_t>(o["images"]) * sample(o));
  const float* values = o.uniform("table", static_cast<std::size_t>(o["channels"]) * 256);
  o.on<T>().gather_normalize_u8(o["count"], static_cast<std::size_t>(o["pixels"]), o["channels"], rows, images, values,
                                o.output<T>("y", count(o) * sample(o)));
}
template <typename T>
void warp(Operands& o, WarpShape shape) {
  shape.count = o["count"];
  shape.height = o["height"];
  shape.width = o["width"];
  shape.channels = o["channels"];
  const std::int32_t* rows = o.indices("rows", count(o), o["images"]);
  const std::uint8_t* images = o.bytes("images", static_cast<std::size_t>(o["images"]) * shape.sample());
  const auto channels = static_cast<std::size_t>(shape.channels);
  const float* offset = o.uniform("offset", channels, 0, 128);
  const float* factor = o.uniform("factor", channels, .01f, .1f);
  const ImageWarp* warps = o.warps("warps", shape);
  o.on<T>().warp_u8(shape, rows, warps, images, offset, factor, o.output<T>("y", count(o) * shape.sample()));
}
template <typename T>
void warp_u8(Operands& o) {
  warp<T>(o, {.fill_mode = WarpFill::constant, .fill = 9});
}
template <typename T>
void warp_image_u8(Operands& o) {
  warp<T>(o, {.fill_mode = WarpFill::reflect,
              .shift = WarpShift::own_range,
              .brightness = WarpBrightness::product,
              .samplewise = WarpSamplewise::standardize});
}
void gather_rows(Operands& o) {
  const std::int32_t* rows = o.indices("rows", count(o), o["images"]);
  const float* x = o.uniform("x", static_cast<std::size_t>(o["images"]) * sample(o));
  float* y = o.output<float>("y", count(o) * sample(o));
  o.backend().gather_rows(o["count"], sample(o), rows, reinterpret_cast<const std::uint32_t*>(x),
                          reinterpret_cast<std::uint32_t*>(y));
}
void gather_rounded(Operands& o) {
  const std::int32_t* rows = o.indices("rows", count(o), o["images"]);
  const float* x = o.uniform("x", static_cast<std::size_t>(o["images"]) * sample(o));
  o.on<Bf16>().gather_rounded(o["count"], sample(o), rows, x, o.output<Bf16>("y", count(o) * sample(o)));
}

}  // namespace

std::vector<CatalogueEntry> elementwise_entries() {
  return {
      activation("relu", "max(x, 0); NaN stays", Activation::relu, true),
      activation("sigmoid", "1 / (1 + exp(-x))", Activation::sigmoid, false),
      activation("tanh", "the hyperbolic tangent", Activation::tanh, false),
      activation_backward("relu", "dy where y is positive", Activation::relu),
      activation_backward("sigmoid", "dy * y * (1 - y)", Activation::sigmoid),
      activation_backward("tanh", "dy * (1 - y * y)", Activation::tanh),
      {"softmax_forward", "exp(x - max) / sum, by rows", kRows, false, softmax_forward, nullptr, kLongRows},
      {"softmax_backward", "y * (dy - dot(y, dy)), by rows", kRows, false, softmax_backward, nullptr, kLongRows},
      {"log_softmax_forward", "x - max - log(sum), by rows", kRows, false, log_softmax_forward, nullptr, kLongRows},
      {"log_softmax_backward", "dy - exp(y) * sum(dy), by rows", kRows, false, log_softmax_backward, nullptr,
       kLongRows},
      {"dropout", "drops by comparing Philox bits; no mask is stored", kCount, true, dropout<float>, dropout<Bf16>},
      {"add", "a + b", kCount, true, add<float>, add<Bf16>},
      {"blend", "alpha * a + beta * b", kCount, true, blend},
      {"fill", "one value everywhere", kCount, true, fill},
      {"cast_to_bf16", "float32 rounded to the nearest bfloat16", kCount, true, cast_to_bf16},
      {"cast_to_f32", "bfloat16 widened to float32", kCount, true, cast_to_f32},
      {"normalize_u8", "8-bit pixels looked up in a table a channel", kImages, true, normalize_u8<float>,
       normalize_u8<Bf16>},
      {"gather_normalize_u8", "the same for chosen images of a data set on the device", kImages, true,
       gather_normalize_u8<float>, gather_normalize_u8<Bf16>},
      {"warp_u8",
       "chosen images turned, stretched, mirrored and scaled",
       kWarps,
       true,
       warp_u8<float>,
       warp_u8<Bf16>,
       {"count=3,height=1,width=5,channels=3", "height=17,width=16,channels=2"}},
      {"warp_image_u8",
       "the same, standardised by each image's own mean and deviation",
       kWarps,
       true,
       warp_image_u8<float>,
       warp_image_u8<Bf16>,
       {"count=3,height=1,width=5,channels=3", "height=27,width=26,channels=2"}},
      {"gather_rows", "chosen rows of an array", kImages, true, gather_rows, gather_rounded},
  };
}

}  // namespace curie
