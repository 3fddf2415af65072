#include "layers/pool2d.h"

#include <utility>

#include "layers/checks.h"
#include "layers/config.h"

namespace curie {

Pool2dLayer::Pool2dLayer(std::string_view kind, Extent2 pool, std::optional<Extent2> stride, const Padding& padding,
                         bool count_padding, std::string name)
    : pool_(pool),
      stride_(stride.value_or(pool)),
      padding_(padding),
      count_padding_(count_padding),
      name_(std::move(name)) {
  check_extent(kind, "pool", pool_);
  check_extent(kind, "stride", stride_);
  check_padding(kind, padding_, pool_);
}

Shape Pool2dLayer::build(std::span<const Shape> inputs, std::uint64_t, std::uint32_t) {
  const PoolShape one = shape(image_input(kind(), inputs).with_batch(1));
  return {one.p, one.q, one.c};
}

PoolShape Pool2dLayer::shape(const Shape& input) const {
  const Windows windows = windows_on(kind(), input.sample(), pool_, stride_, padding_);
  return {.n = input[0],
          .h = input[1],
          .w = input[2],
          .c = input[3],
          .window_h = pool_.rows,
          .window_w = pool_.columns,
          .stride_h = stride_.rows,
          .stride_w = stride_.columns,
          .pad_top = windows.rows.pad_before,
          .pad_left = windows.columns.pad_before,
          .p = windows.rows.out,
          .q = windows.columns.out,
          .count_padding = count_padding_};
}

nlohmann::json Pool2dLayer::config() const {
  return {{"kind", kind()},
          {"pool", to_json(pool_)},
          {"stride", to_json(stride_)},
          {"padding", to_json(padding_)},
          {"name", name_}};
}

}  // namespace curie
