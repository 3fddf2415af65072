#include "data/nearest.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/nearest.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// dots[i * tile + j] += a_i . b_j for two blocks of `tile` rows (a multiple of 4) that lie `stride` bytes apart.
// `count` is a multiple of 32 and at most 33,000, so that 32-bit sums of products of two bytes cannot overflow.
void add_dot_products(const std::uint8_t* a, const std::uint8_t* b, std::size_t stride, std::size_t count, int tile,
                      std::int64_t* dots) {
  const hn::CappedTag<std::int16_t, 32> wide;
  const hn::Rebind<std::uint8_t, decltype(wide)> narrow;
  const hn::RepartitionToWide<decltype(wide)> sums;
  const std::size_t step = hn::Lanes(wide);
  const auto reduce = [&](auto low, auto high) { return hn::GetLane(hn::SumOfLanes(sums, hn::Add(low, high))); };

  // 4 x 2 dot products at a time: 6 loads feed 8 multiply-adds.
  for (int i = 0; i < tile; i += 4) {
    const std::uint8_t* a0 = a + static_cast<std::size_t>(i) * stride;
    for (int j = 0; j < tile; j += 2) {
      const std::uint8_t* b0 = b + static_cast<std::size_t>(j) * stride;
      auto s00 = hn::Zero(sums), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
      auto t00 = s00, t01 = s00, t10 = s00, t11 = s00, t20 = s00, t21 = s00, t30 = s00, t31 = s00;
      for (std::size_t f = 0; f < count; f += step) {
        const auto y0 = hn::PromoteTo(wide, hn::LoadU(narrow, b0 + f));
        const auto y1 = hn::PromoteTo(wide, hn::LoadU(narrow, b0 + stride + f));
        auto x = hn::PromoteTo(wide, hn::LoadU(narrow, a0 + f));
        s00 = hn::ReorderWidenMulAccumulate(sums, x, y0, s00, t00);
        s01 = hn::ReorderWidenMulAccumulate(sums, x, y1, s01, t01);
        x = hn::PromoteTo(wide, hn::LoadU(narrow, a0 + stride + f));
        s10 = hn::ReorderWidenMulAccumulate(sums, x, y0, s10, t10);
        s11 = hn::ReorderWidenMulAccumulate(sums, x, y1, s11, t11);
        x = hn::PromoteTo(wide, hn::LoadU(narrow, a0 + 2 * stride + f));
        s20 = hn::ReorderWidenMulAccumulate(sums, x, y0, s20, t20);
        s21 = hn::ReorderWidenMulAccumulate(sums, x, y1, s21, t21);
        x = hn::PromoteTo(wide, hn::LoadU(narrow, a0 + 3 * stride + f));
        s30 = hn::ReorderWidenMulAccumulate(sums, x, y0, s30, t30);
        s31 = hn::ReorderWidenMulAccumulate(sums, x, y1, s31, t31);
      }
      std::int64_t* out = dots + static_cast<std::size_t>(i) * static_cast<std::size_t>(tile) + j;
      out[0] += reduce(s00, t00), out[1] += reduce(s01, t01), out += tile;
      out[0] += reduce(s10, t10), out[1] += reduce(s11, t11), out += tile;
      out[0] += reduce(s20, t20), out[1] += reduce(s21, t21), out += tile;
      out[0] += reduce(s30, t30), out[1] += reduce(s31, t31);
    }
  }
}

// Eight running sums, combined pairwise: one order on every machine, whatever vectors the compiler makes of it.
template <typename T>
double squared_distance(const T* a, const T* b, std::size_t count) {
  double sums[8] = {};
  const std::size_t whole = count / 8 * 8;
  for (std::size_t f = 0; f < whole; f += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) {
      const double difference = static_cast<double>(a[f + lane]) - static_cast<double>(b[f + lane]);
      sums[lane] += difference * difference;
    }
  }
  for (std::size_t f = whole; f < count; ++f) {
    const double difference = static_cast<double>(a[f]) - static_cast<double>(b[f]);
    sums[f - whole] += difference * difference;
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

double squared_distance_f32(const float* a, const float* b, std::size_t count) { return squared_distance(a, b, count); }
double squared_distance_f64(const double* a, const double* b, std::size_t count) {
  return squared_distance(a, b, count);
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "tensor/error.h"

namespace curie {
namespace {

HWY_EXPORT(add_dot_products);
HWY_EXPORT(squared_distance_f32);
HWY_EXPORT(squared_distance_f64);

constexpr int kTile = 32;             // rows of one block of distances
constexpr std::size_t kStep = 32;     // features are padded with zeros to a multiple of this
constexpr std::size_t kChunk = 2048;  // features of 4 rows that stay in the first-level cache

// The best few candidates of one row, nearest first. Candidates arrive in order of index, so an equal distance never
// displaces one already held.
template <typename Distance>
class Nearest {
 public:
  explicit Nearest(int capacity) : capacity_(static_cast<std::size_t>(capacity)) { held_.reserve(capacity_ + 1); }

  void offer(Distance distance, int index) {
    if (held_.size() == capacity_ && !(distance < held_.back().distance)) return;
    const auto place = std::upper_bound(held_.begin(), held_.end(), distance,
                                        [](Distance value, const Candidate& held) { return value < held.distance; });
    held_.insert(place, {distance, index});
    if (held_.size() > capacity_) held_.pop_back();
  }

  void write_all_but_first(int* out) const {
    for (std::size_t i = 1; i < held_.size(); ++i) out[i - 1] = held_[i].index;
  }

 private:
  struct Candidate {
    Distance distance;
    int index;
  };
  std::size_t capacity_;
  std::vector<Candidate> held_;
};

std::size_t features_per_row(std::size_t values, int rows, int k) {
  CURIE_CHECK(1 <= k && k < rows, usage,
              "nearest neighbours: expected at least one neighbour and more samples than neighbours, got {} neighbours "
              "of {} samples",
              k, rows);
  const std::size_t n = static_cast<std::size_t>(rows);
  CURIE_CHECK(values % n == 0, usage, "nearest neighbours: {} values are not {} rows of one length", values, rows);
  return values / n;
}

double squared_distance(const float* a, const float* b, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(squared_distance_f32)(a, b, count);
}
double squared_distance(const double* a, const double* b, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(squared_distance_f64)(a, b, count);
}

// Each task compares a few rows, which stay in the cache, with all others.
template <typename T>
std::vector<int> nearest_of_reals(std::span<const T> values, int rows, int k, ThreadPool& pool) {
  constexpr int kRowsOfTask = 8;
  const std::size_t features = features_per_row(values.size(), rows, k);
  const auto row = [&](int index) { return values.data() + static_cast<std::size_t>(index) * features; };
  std::vector<int> result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(k));
  pool.run((rows + kRowsOfTask - 1) / kRowsOfTask, [&](int task, int) {
    const int first = task * kRowsOfTask;
    const int count = std::min(kRowsOfTask, rows - first);
    std::vector<Nearest<double>> nearest(static_cast<std::size_t>(count), Nearest<double>(k + 1));
    for (int other = 0; other < rows; ++other) {
      for (int i = 0; i < count; ++i) {
        nearest[static_cast<std::size_t>(i)].offer(squared_distance(row(first + i), row(other), features), other);
      }
    }
    for (int i = 0; i < count; ++i) {
      nearest[static_cast<std::size_t>(i)].write_all_but_first(result.data() + static_cast<std::size_t>(first + i) *
                                                                                   static_cast<std::size_t>(k));
    }
  });
  return result;
}

}  // namespace

// |a - b|^2 = |a|^2 + |b|^2 - 2 a.b in integers: blocks of 32 x 32 dot products, each block of rows one task.
std::vector<int> nearest_neighbours(std::span<const std::uint8_t> values, int rows, int k, ThreadPool& pool) {
  const std::size_t features = features_per_row(values.size(), rows, k);
  const std::size_t stride = (features + kStep - 1) / kStep * kStep;
  const int blocks = (rows + kTile - 1) / kTile;
  std::vector<std::uint8_t> padded(static_cast<std::size_t>(blocks) * kTile * stride);
  std::vector<std::int64_t> norms(static_cast<std::size_t>(blocks) * kTile);
  pool.run(rows, [&](int row, int) {
    const std::size_t r = static_cast<std::size_t>(row);
    const std::uint8_t* from = values.data() + r * features;
    if (features > 0) std::memcpy(padded.data() + r * stride, from, features);
    for (std::size_t f = 0; f < features; ++f) norms[r] += std::int64_t{from[f]} * from[f];
  });

  std::vector<int> result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(k));
  pool.run(blocks, [&](int block, int) {
    const int first = block * kTile;
    const int end = std::min(first + kTile, rows);
    std::vector<Nearest<std::int64_t>> nearest(kTile, Nearest<std::int64_t>(k + 1));
    std::array<std::int64_t, kTile * kTile> dots;
    for (int other = 0; other < rows; other += kTile) {
      dots.fill(0);
      for (std::size_t f = 0; f < stride; f += kChunk) {
        HWY_DYNAMIC_DISPATCH(add_dot_products)
        (padded.data() + static_cast<std::size_t>(first) * stride + f,
         padded.data() + static_cast<std::size_t>(other) * stride + f, stride, std::min(kChunk, stride - f), kTile,
         dots.data());
      }
      for (int i = first; i < end; ++i) {
        for (int j = other; j < std::min(other + kTile, rows); ++j) {
          const std::int64_t dot = dots[static_cast<std::size_t>((i - first) * kTile + (j - other))];
          const std::int64_t distance =
              norms[static_cast<std::size_t>(i)] + norms[static_cast<std::size_t>(j)] - 2 * dot;
          nearest[static_cast<std::size_t>(i - first)].offer(distance, j);
        }
      }
    }
    for (int i = first; i < end; ++i) {
      nearest[static_cast<std::size_t>(i - first)].write_all_but_first(result.data() + static_cast<std::size_t>(i) *
                                                                                           static_cast<std::size_t>(k));
    }
  });
  return result;
}

std::vector<int> nearest_neighbours(std::span<const float> values, int rows, int k, ThreadPool& pool) {
  return nearest_of_reals(values, rows, k, pool);
}

std::vector<int> nearest_neighbours(std::span<const double> values, int rows, int k, ThreadPool& pool) {
  return nearest_of_reals(values, rows, k, pool);
}

}  // namespace curie
#endif  // HWY_ONCE
