#include <algorithm>
#include <cstring>
#include <limits>

#include "catalogue/catalogue.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace curie {
namespace {

constexpr std::uint64_t kSeed = 7;

float through_bf16(float value) { return to_float(to_bf16(value)); }

template <typename T, typename Value>
std::vector<T> filled(std::size_t count, std::uint32_t stream, Value&& value) {
  const RandomStream random{.seed = kSeed, .stream = stream};
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(value(random, i));
  return values;
}

std::vector<float> uniform_values(std::size_t count, std::uint32_t stream, float low, float high) {
  return filled<float>(
      count, stream, [=](const RandomStream& random, std::size_t i) { return low + (high - low) * random.uniform(i); });
}

std::vector<float> integer_values(std::size_t count, std::uint32_t stream) {
  return filled<float>(count, stream, [](const RandomStream& random, std::size_t i) {
    return static_cast<int>(below(random, i, 5)) - 2;
  });
}

}  // namespace

Operands::Operands(Backend& backend, const std::vector<Extent>& extents, Named named, bool rounds)
    : backend_(backend), named_(std::move(named)), rounds_(rounds) {
  for (const Extent& extent : extents) extents_[extent.name] = extent.value;
}

int Operands::operator[](const std::string& extent) const {
  const auto found = extents_.find(extent);
  CURIE_ASSERT(found != extents_.end(), "the entry has no extent \"{}\"", extent);
  return found->second;
}

std::byte* Operands::place(const std::string& name, const void* bytes, std::size_t size) {
  std::byte* data = buffers_.emplace_back(backend_.allocate(size)).data();
  backend_.copy_to_device(data, static_cast<const std::byte*>(bytes), size);
  if (named_) named_(data, name);
  ++stream_;
  return data;
}

float* Operands::integers(const std::string& name, std::size_t count) { return integers<float>(name, count); }

template <typename T>
T* Operands::place_as(const std::string& name, const std::vector<float>& values) {
  std::vector<T> stored(values.size());
  std::transform(values.begin(), values.end(), stored.begin(), [](float value) {
    if constexpr (std::is_same_v<T, Bf16>) {
      return to_bf16(value);
    } else {
      return value;
    }
  });
  return reinterpret_cast<T*>(place(name, stored.data(), stored.size() * sizeof(T)));
}

template <typename T>
T* Operands::integers(const std::string& name, std::size_t count) {
  return place_as<T>(name, integer_values(count, stream_));
}

template <typename T>
T* Operands::uniform(const std::string& name, std::size_t count, float low, float high) {
  std::vector<float> values = uniform_values(count, stream_, low, high);
  if (rounds_) std::transform(values.begin(), values.end(), values.begin(), through_bf16);
  return place_as<T>(name, values);
}

template <typename T>
T* Operands::output(const std::string& name, std::size_t count) {
  T* data = place_as<T>(name, std::vector<float>(count, std::numeric_limits<float>::quiet_NaN()));
  const Kind kind = std::is_same_v<T, Bf16> ? Kind::bf16 : rounds_ ? Kind::f32_rounded : Kind::f32;
  outputs_.push_back({name, kind, reinterpret_cast<const std::byte*>(data), count});
  return data;
}

void Operands::also_output(const std::string& name, const float* data, std::size_t count) {
  outputs_.push_back({name, Kind::f32_rounded, reinterpret_cast<const std::byte*>(data), count});
  ++stream_;  // as if the array were another, so that those behind it hold the same numbers on every backend
}

template float* Operands::integers<float>(const std::string&, std::size_t);
template Bf16* Operands::integers<Bf16>(const std::string&, std::size_t);
template float* Operands::uniform<float>(const std::string&, std::size_t, float, float);
template Bf16* Operands::uniform<Bf16>(const std::string&, std::size_t, float, float);
template float* Operands::output<float>(const std::string&, std::size_t);
template Bf16* Operands::output<Bf16>(const std::string&, std::size_t);

float* Operands::integers_in_and_out(const std::string& name, std::size_t count) {
  float* data = integers(name, count);
  outputs_.push_back({name, Kind::f32, reinterpret_cast<std::byte*>(data), count});
  return data;
}

std::int32_t* Operands::given(const std::string& name, const std::vector<std::int32_t>& values) {
  return reinterpret_cast<std::int32_t*>(place(name, values.data(), values.size() * sizeof(std::int32_t)));
}

float* Operands::uniform(const std::string& name, std::size_t count, float low, float high) {
  const std::vector<float> values = uniform_values(count, stream_, low, high);
  return reinterpret_cast<float*>(place(name, values.data(), count * sizeof(float)));
}

std::int32_t* Operands::indices(const std::string& name, std::size_t count, int limit) {
  const auto values = filled<std::int32_t>(count, stream_, [limit](const RandomStream& random, std::size_t i) {
    return below(random, i, static_cast<std::uint32_t>(limit));
  });
  return reinterpret_cast<std::int32_t*>(place(name, values.data(), count * sizeof(std::int32_t)));
}

std::uint8_t* Operands::bytes(const std::string& name, std::size_t count, int limit) {
  const auto values = filled<std::uint8_t>(count, stream_, [limit](const RandomStream& random, std::size_t i) {
    return below(random, i, static_cast<std::uint32_t>(limit));
  });
  return reinterpret_cast<std::uint8_t*>(place(name, values.data(), count));
}

ImageWarp* Operands::warps(const std::string& name, const WarpShape& shape) {
  const RandomStream random{.seed = kSeed, .stream = stream_};
  std::vector<ImageWarp> values(static_cast<std::size_t>(shape.count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto entry = [&](std::uint64_t k) {  // from -1 to 1, in units of 2^-32
      return static_cast<std::int64_t>(static_cast<std::int32_t>(random.bits(4 * i + k))) * 2;
    };
    WarpMatrix& m = values[i].matrix;
    m = {entry(0), entry(1), 0, entry(2), entry(3), 0};
    // The centre stays where it is.
    m.row_origin = ((std::int64_t{shape.height - 1} << 32) - m.row_per_row * (shape.height - 1) -
                    m.row_per_column * (shape.width - 1)) /
                   2;
    m.column_origin = ((std::int64_t{shape.width - 1} << 32) - m.column_per_row * (shape.height - 1) -
                       m.column_per_column * (shape.width - 1)) /
                      2;
    const float share = 2.0f * random.uniform(4 * values.size() + i) - 1.0f;
    values[i].shift = 64.0f * share;
    values[i].brightness = 1.0f + 0.5f * share;
  }
  return reinterpret_cast<ImageWarp*>(place(name, values.data(), values.size() * sizeof(ImageWarp)));
}

float* Operands::output(const std::string& name, std::size_t count) {
  const std::vector<float> poison(count, std::numeric_limits<float>::quiet_NaN());
  std::byte* data = place(name, poison.data(), count * sizeof(float));
  outputs_.push_back({name, Kind::f32, data, count});
  return reinterpret_cast<float*>(data);
}

std::uint8_t* Operands::byte_output(const std::string& name, std::size_t count) {
  const std::vector<std::uint8_t> poison(count, 0xff);
  std::byte* data = place(name, poison.data(), count);
  outputs_.push_back({name, Kind::u8, data, count});
  return reinterpret_cast<std::uint8_t*>(data);
}

float* Operands::in_and_out(const std::string& name, std::size_t count, float low, float high) {
  float* data = uniform(name, count, low, high);
  outputs_.push_back({name, Kind::f32, reinterpret_cast<std::byte*>(data), count});
  return data;
}

Scratch Operands::scratch(std::size_t bytes) {
  const std::vector<std::uint8_t> poison(bytes, 0xff);
  return {place("scratch", poison.data(), bytes), bytes};
}

StepState* Operands::state(const StepState& value) {
  return reinterpret_cast<StepState*>(place("state", &value, sizeof value));
}

MetricTotals* Operands::totals() {
  const MetricTotals zero;
  std::byte* data = place("totals", &zero, sizeof zero);
  outputs_.push_back({"totals", Kind::totals, data, 3});
  return reinterpret_cast<MetricTotals*>(data);
}

std::vector<Operands::Result> Operands::results() {
  std::vector<Result> results;
  const auto read = [&](const Output& output, auto element, auto value_of) {
    std::vector<decltype(element)> host(output.count);
    backend_.copy_to_host(reinterpret_cast<std::byte*>(host.data()), output.data, output.count * sizeof element);
    std::vector<double> values(host.size());
    std::transform(host.begin(), host.end(), values.begin(), value_of);
    return values;
  };
  for (const Output& output : outputs_) {
    switch (output.kind) {
      case Kind::f32:
        results.push_back({output.name, read(output, float{}, [](float value) { return value; })});
        break;
      case Kind::f32_rounded:
        results.push_back({output.name, read(output, float{}, through_bf16)});
        break;
      case Kind::bf16:
        results.push_back({output.name, read(output, Bf16{}, [](Bf16 value) { return to_float(value); })});
        break;
      case Kind::u8:
        results.push_back({output.name, read(output, std::uint8_t{}, [](std::uint8_t value) { return value; })});
        break;
      case Kind::totals:
        results.push_back({output.name, read(output, double{}, [](double value) { return value; })});
        break;
    }
  }
  return results;
}

}  // namespace curie
