#include "model/profile.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <tuple>
#include <utility>

#include "model/session.h"
#include "model/step_work.h"
#include "ops/observed_backend.h"
#include "tensor/random.h"

namespace curie {

double KernelProfile::launch_count() const {
  return std::accumulate(launches.begin(), launches.end(), 0.0,
                         [](double sum, const LaunchProfile& launch) { return sum + launch.launches; });
}

LeastTime KernelProfile::least(const Roof& roof) const {
  return least_time(work, launches.empty() ? calls : launch_count(), roof);
}

double StepProfile::kernel_seconds() const {
  return std::accumulate(kernels.begin(), kernels.end(), 0.0,
                         [](double sum, const KernelProfile& kernel) { return sum + kernel.seconds; });
}

double StepProfile::launches() const {
  return std::accumulate(kernels.begin(), kernels.end(), 0.0,
                         [](double sum, const KernelProfile& kernel) { return sum + kernel.launch_count(); });
}

Work StepProfile::work() const {
  return std::accumulate(kernels.begin(), kernels.end(), Work{},
                         [](const Work& sum, const KernelProfile& kernel) { return sum + kernel.work; });
}

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Random pixels with labels in turn.
struct RandomBatch {
  RandomBatch(const Shape& input, int batch, int classes)
      : pixels(Tensor::zeros(input.with_batch(batch), DType::u8)), labels(static_cast<std::size_t>(batch)) {
    const RandomStream noise{.seed = 1};
    const std::span<std::uint8_t> bytes = pixels.host<std::uint8_t>();
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(noise.bits(i) >> 24);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      labels[i] = static_cast<std::int32_t>(i % static_cast<std::size_t>(classes));
    }
  }
  Tensor pixels;
  std::vector<std::int32_t> labels;
};

// Notes calls while a step runs and adds them up when it has ended: what takes the host's time must not take the
// step's.
class StepObserver final : public BackendObserver {
 public:
  explicit StepObserver(Timeline& timeline) : timeline_(timeline) {}

  void primitive_begins() override {
    begin_ = timeline_.mark();
    first_launch_ = timeline_.launches();
  }

  void primitive_ended(const PrimitiveCall& call) override {
    calls_.push_back({.primitive = std::string(call.primitive),
                      .part = std::string(call.part),
                      .shape = call.shape,
                      .work = call.work,
                      .begin = begin_,
                      .end = timeline_.mark(),
                      .first_launch = first_launch_,
                      .end_launch = timeline_.launches()});
  }

  void step_ended() {
    std::size_t next = 0;
    for (const Call& call : calls_) {
      add_launches(no_primitive(), next, call.first_launch);
      add(call);
      next = call.end_launch;
    }
    add_launches(no_primitive(), next, timeline_.launches());
    calls_.clear();
    timeline_.restart();
    ++steps_;
  }

  std::vector<KernelProfile> kernels_of_a_step() {
    const double share = 1.0 / std::max(steps_, 1);
    for (KernelProfile& kernel : kernels_) {
      kernel.calls *= share;
      kernel.seconds *= share;
      kernel.work = share * kernel.work;
      for (LaunchProfile& launch : kernel.launches) {
        launch.launches *= share;
        launch.seconds *= share;
      }
    }
    std::stable_sort(kernels_.begin(), kernels_.end(),
                     [](const KernelProfile& a, const KernelProfile& b) { return a.seconds > b.seconds; });
    return std::move(kernels_);
  }

 private:
  struct Call {
    std::string primitive = {}, part = {}, shape = {};
    Work work = {};
    std::size_t begin = 0, end = 0, first_launch = 0, end_launch = 0;
  };

  KernelProfile& kernel_of(const Call& call) {
    const auto found = std::find_if(kernels_.begin(), kernels_.end(), [&](const KernelProfile& kernel) {
      return kernel.primitive == call.primitive && kernel.shape == call.shape;
    });
    if (found != kernels_.end()) return *found;
    KernelProfile& kernel = kernels_.emplace_back();
    kernel.primitive = call.primitive;
    kernel.shape = call.shape;
    kernel.parts = {call.part};
    return kernel;
  }

  void add(const Call& call) {
    KernelProfile& kernel = kernel_of(call);
    kernel.calls += 1.0;
    kernel.work += call.work;
    if (std::find(kernel.parts.begin(), kernel.parts.end(), call.part) == kernel.parts.end()) {
      kernel.parts.push_back(call.part);
    }
    // Between its marks a device also waits for the host to start the next kernel, so kernels that are known by
    // themselves count by themselves.
    if (call.first_launch == call.end_launch) {
      if (timeline_.has_clock()) kernel.seconds += timeline_.seconds_between(call.begin, call.end);
      return;
    }
    add_launches(call, call.first_launch, call.end_launch);
  }

  // Of kernels that were started between primitives.
  static Call no_primitive() { return {.primitive = "no primitive", .part = "between"}; }

  void add_launches(const Call& call, std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      KernelProfile& kernel = kernel_of(call);
      const KernelLaunch launch = timeline_.launch(i);
      auto found = std::find_if(kernel.launches.begin(), kernel.launches.end(), [&](const LaunchProfile& known) {
        return known.kernel == launch.kernel && known.grid == launch.grid && known.block == launch.block;
      });
      if (found == kernel.launches.end()) {
        kernel.launches.push_back({.kernel = launch.kernel, .grid = launch.grid, .block = launch.block});
        found = kernel.launches.end() - 1;
      }
      found->launches += 1.0;
      found->seconds += launch.seconds;
      kernel.seconds += launch.seconds;
    }
  }

  Timeline& timeline_;
  std::size_t begin_ = 0, first_launch_ = 0;
  std::vector<Call> calls_;
  std::vector<KernelProfile> kernels_;
  int steps_ = 0;
};

class Profiler {
 public:
  Profiler(const std::function<Model()>& make, const CompileOptions& compile, const ProfileOptions& options)
      : make_(make), compile_(compile), options_(options) {}

  StepProfile run() {
    watch_steps();
    if (!profile_.timed) return std::move(profile_);
    std::tie(profile_.step, profile_.host) = time_steps(compile_);
    if (!profile_.host_waits && compile_.backend.record_steps) {
      CompileOptions unrecorded = compile_;
      unrecorded.backend.record_steps = false;
      profile_.unrecorded = time_steps(unrecorded).first;
    }
    return std::move(profile_);
  }

 private:
  static void synchronized_step(Session& session, const RandomBatch& batch) {
    session.train_step(batch.pixels, batch.labels, {});
    session.backend().synchronize();
  }

  Session& compiled(Model& model, const CompileOptions& compile) const {
    model.compile(compile);
    model.session().plan(options_.batch, 0, DType::u8);
    return model.session();
  }

  // Medians of a step's seconds and of those until the host could go on.
  std::pair<double, double> time_steps(const CompileOptions& compile) const {
    Model model = make_();
    Session& session = compiled(model, compile);
    const RandomBatch batch(model.graph().input_shape(), options_.batch, options_.classes);
    for (int step = 0; step < options_.warm_up; ++step) synchronized_step(session, batch);
    std::vector<double> whole, host;
    for (int step = 0; step < options_.steps; ++step) {
      const Clock::time_point start = Clock::now();
      session.train_step(batch.pixels, batch.labels, {});
      host.push_back(seconds_since(start));
      session.backend().synchronize();
      whole.push_back(seconds_since(start));
    }
    return {median(whole), median(host)};
  }

  void watch_steps() {
    Model model = make_();
    Observed* observed = nullptr;
    CompileOptions compile = compile_;
    compile.wrap_backend = [&](std::unique_ptr<Backend> backend) {
      ObservedBackend wrapped = observe(std::move(backend));
      observed = wrapped.handle;
      return std::move(wrapped.backend);
    };
    Session& session = compiled(model, compile);
    Backend& backend = session.backend();
    profile_.roof = backend.measure_roof();
    describe(model, session);
    const RandomBatch batch(model.graph().input_shape(), options_.batch, options_.classes);
    const std::unique_ptr<Timeline> timeline = backend.watch();
    profile_.timed = timeline->has_clock();
    StepObserver observer(*timeline);
    StepObserver warming(*timeline);
    observed->set_observer(&warming);
    for (int step = 0; profile_.timed && step < options_.warm_up; ++step) {
      synchronized_step(session, batch);
      warming.step_ended();
    }
    observed->set_observer(&observer);
    double seconds = 0.0;
    for (int step = 0; step < options_.steps; ++step) {
      const Clock::time_point start = Clock::now();
      synchronized_step(session, batch);
      seconds += seconds_since(start);
      observer.step_ended();
    }
    observed->set_observer(nullptr);
    if (profile_.timed) profile_.watched = seconds / options_.steps;
    profile_.kernels = observer.kernels_of_a_step();
  }

  void describe(Model& model, Session& session) {
    profile_.model = model.name();
    profile_.device = session.backend().describe();
    profile_.host_waits = session.backend().device().kind == DeviceKind::cpu;
    profile_.batch = options_.batch;
    profile_.steps = options_.steps;
    const Executor& executor = *session.training_executor();
    for (std::size_t i = 0; i < executor.steps().size(); ++i) {
      profile_.memory.push_back({executor.steps()[i].name, executor.step_bytes(i)});
    }
    profile_.parameter_bytes = session.parameters().bytes();
    profile_.arena_bytes = executor.arena_bytes();
    profile_.scratch_bytes = executor.scratch_bytes();
    profile_.total_bytes = session.predicted_bytes({.training = options_.batch, .pixels = DType::u8});
    profile_.least = least_step_work(model.graph(), options_.batch, session.optimizer().slots());
  }

  const std::function<Model()>& make_;
  const CompileOptions& compile_;
  const ProfileOptions& options_;
  StepProfile profile_;
};

}  // namespace

StepProfile profile_step(const std::function<Model()>& make, const CompileOptions& compile,
                         const ProfileOptions& options) {
  CURIE_CHECK(options.steps >= 1, usage, "profile: expected at least 1 step, got {}", options.steps);
  CURIE_CHECK(options.batch >= 1, usage, "profile: expected a batch of at least 1, got {}", options.batch);
  return Profiler(make, compile, options).run();
}

}  // namespace curie
