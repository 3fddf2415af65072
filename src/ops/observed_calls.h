// What observed_backend.cpp and observed_bf16.cpp share: shapes in words, and the way of a call past an observer.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "ops/observed_backend.h"

namespace curie::observed {

inline std::string text(const Conv2dShape& shape) {
  std::string line = fmt::format("n{} {}x{}x{}, {}x{} -> {}x{}x{}", shape.n, shape.h, shape.w, shape.c, shape.r,
                                 shape.s, shape.p, shape.q, shape.k);
  if (shape.stride_h != 1 || shape.stride_w != 1) line += fmt::format(" /{}", shape.stride_h);
  return line;
}
inline std::string text(const ConvPoolShape& shape) {
  const Conv2dShape& conv = shape.conv;
  return fmt::format("n{} {}x{}x{}, {}x{}, pool {} -> {}x{}x{}", conv.n, conv.h, conv.w, conv.c, conv.r, conv.s,
                     shape.pool, shape.out_h(), shape.out_w(), conv.k);
}
inline std::string text(const PoolShape& shape) {
  return fmt::format("n{} {}x{}x{}, {}x{} -> {}x{}", shape.n, shape.h, shape.w, shape.c, shape.window_h, shape.window_w,
                     shape.p, shape.q);
}
inline std::string text(const DenseShape& shape) { return fmt::format("n{} {} -> {}", shape.n, shape.in, shape.out); }
inline std::string text(const WarpShape& shape) {
  return fmt::format("n{} {}x{}x{}", shape.count, shape.height, shape.width, shape.channels);
}
inline std::string text(std::size_t count) { return fmt::format("{}", count); }
inline std::string text(Activation activation, std::size_t count) {
  return fmt::format("{} {}", name_of(activation), count);
}
inline std::string text(int rows, int columns) { return fmt::format("{} x {}", rows, columns); }
inline std::string text(int n, int pixels, int channels) { return fmt::format("n{} {} x {}", n, pixels, channels); }

// Who watches, and what the next primitives are part of.
class Calls {
 public:
  void set_observer(BackendObserver* observer) { observer_ = observer; }
  bool watched() const { return observer_ != nullptr; }
  void entering(std::string_view part) {
    if (watched()) part_ = part;
  }

  template <typename Call, typename ShapeText, typename CallWork>
  void pass_on(std::string_view primitive, const Call& call, const ShapeText& shape, const CallWork& call_work) const {
    if (!watched()) {
      call();
      return;
    }
    observer_->primitive_begins();
    call();
    observer_->primitive_ended({.primitive = primitive, .part = part_, .shape = shape(), .work = call_work()});
  }

 private:
  BackendObserver* observer_ = nullptr;
  std::string part_;
};

}  // namespace curie::observed
