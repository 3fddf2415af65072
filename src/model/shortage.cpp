// What a device that is too small would have needed.
#include <fmt/format.h>

#include <algorithm>

#include "model/session.h"
#include "model/summary.h"

namespace curie {
namespace {

// The largest batch from 1 to `batch` whose bytes fit, 0 when none does. Bytes grow with the batch.
template <typename Bytes>
int largest_fitting(int batch, std::size_t room, Bytes&& bytes) {
  int fits = 0;
  for (int low = 1, high = batch; low <= high;) {
    const int middle = low + (high - low) / 2;
    if (bytes(middle) <= room) {
      fits = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return fits;
}

}  // namespace

void Session::explain_shortage(const Error& error, const StepPlan& plan) {
  // What was planned until now is gone, so that its memory counts as free.
  executors_ = {};
  staging_ = {};
  const Backend::Memory memory = backend_->memory().value_or(Backend::Memory{});
  const int batch = std::max({plan.training, plan.inference, plan.cut_inference});
  const auto bytes_for = [&](int n) {
    StepPlan smaller = plan;
    for (int* part : {&smaller.training, &smaller.inference, &smaller.cut_inference}) *part = *part > 0 ? n : 0;
    return predicted_bytes(smaller);
  };
  Executors executors = make_executors(plan);
  const bool training = executors.training != nullptr;
  const std::unique_ptr<Executor> executor = std::move(training              ? executors.training
                                                       : executors.inference ? executors.inference
                                                                             : executors.cut_inference);
  std::string text = fmt::format(
      "{}\na {} step of {} samples needs {}; {} of {} are free. The planned peak by layer (arrays share memory where "
      "their "
      "lifetimes allow):\n",
      error.what(), training ? "training" : "prediction", batch, human_bytes(bytes_for(batch)),
      human_bytes(memory.free), human_bytes(memory.total));
  for (std::size_t i = 0; i < executor->steps().size(); ++i) {
    text += fmt::format("  {:<40} {:>10}\n", executor->steps()[i].name, human_bytes(executor->step_bytes(i)));
  }
  text += fmt::format("  {:<40} {:>10}\n", "scratch memory", human_bytes(executor->scratch_bytes()));
  text += fmt::format("  {:<40} {:>10}\n", "parameters, gradients, optimizer", human_bytes(store_.bytes()));
  // The parameters are allocated already; each of a plan's blocks is rounded up.
  constexpr std::size_t kBlocks = 12;
  const std::size_t rounding = std::min(memory.free, kBlocks * memory.granularity);
  const int fits = largest_fitting(batch, memory.free - rounding + store_.bytes(), bytes_for);
  text += fits > 0 ? fmt::format("the largest batch that fits is {}: --batch-size {}", fits, fits)
                   : std::string("not even one sample fits: use a smaller model or a larger device");
  throw_error(ErrorKind::out_of_memory, text);
}

}  // namespace curie
