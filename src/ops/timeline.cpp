#include "ops/timeline.h"

#include <chrono>
#include <memory>
#include <vector>

#include "ops/backend.h"
#include "tensor/error.h"

namespace curie {

KernelLaunch Timeline::launch(std::size_t index) {
  throw_error(ErrorKind::internal, fmt::format("kernel {} was asked for, and this device starts none", index));
}

namespace {

// The host's clock, for devices whose work is done when a call returns.
class HostTimeline final : public Timeline {
 public:
  bool has_clock() const override { return true; }
  std::size_t mark() override {
    marks_.push_back(std::chrono::steady_clock::now());
    return marks_.size() - 1;
  }
  double seconds_between(std::size_t earlier, std::size_t later) override {
    return std::chrono::duration<double>(marks_.at(later) - marks_.at(earlier)).count();
  }
  void restart() override { marks_.clear(); }

 private:
  std::vector<std::chrono::steady_clock::time_point> marks_;
};

}  // namespace

std::unique_ptr<Timeline> Backend::watch() { return std::make_unique<HostTimeline>(); }

}  // namespace curie
