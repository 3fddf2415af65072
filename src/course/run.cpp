#include "course/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"
#ifdef CURIE_WITH_EMULATED
#include "emu/emulator.h"
#include "emu/memory.h"
#include "emu/profile.h"
#endif

namespace curie {
namespace {

// Which builds there are; the same words as in backends.cpp.
std::vector<const LadderBuild*> builds() {
  return {
#ifdef CURIE_WITH_CUDA
      &cuda::ladder_build(),
#endif
#ifdef CURIE_WITH_EMULATED
      &emulated::ladder_build(),
#endif
#ifdef CURIE_WITH_CHECKED
      &checked::ladder_build(),
#endif
  };
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

Agreement compare(const std::vector<Operands::Result>& got, const std::vector<Operands::Result>& expected) {
  Agreement agreement;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    for (std::size_t j = 0; j < expected[i].values.size(); ++j) {
      const double a = got[i].values[j], b = expected[i].values[j];
      ++agreement.elements;
      if (same(a, b)) {
        ++agreement.equal;
        continue;
      }
      const double difference = std::abs(a - b) / std::max(1.0, std::abs(b));
      if (std::isnan(difference) || difference > agreement.largest) agreement.largest = difference;
      if (std::isnan(agreement.largest)) agreement.largest = std::numeric_limits<double>::infinity();
    }
  }
  return agreement;
}

#ifdef CURIE_WITH_EMULATED

class Counting {
 public:
  Counting() {
    emu::record_launches();
    emu::start_profile(std::numeric_limits<std::size_t>::max());
  }
  // Also after a failure: the emulator goes on counting otherwise.
  ~Counting() {
    if (!done_) finish();
  }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

  Counts finish() {
    done_ = true;
    Counts counts;
    const std::vector<emu::LaunchRecord> launches = emu::stop_recording();
    const std::vector<emu::ProfileRow> profile = emu::stop_profile();
    for (const emu::LaunchRecord& launch : launches) {
      // What counts is how many blocks there are at a time, and kernels run one after another.
      const std::uint64_t blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
      counts.blocks = std::max(counts.blocks, blocks);
      counts.barriers += launch.barriers;
      counts.matrix_products += launch.matrix_products;
      counts.async_bytes += launch.async_bytes;
    }
    for (const emu::ProfileRow& row : profile) {
      if (row.shared) {
        counts.shared_requests += row.requests;
        counts.shared_wavefronts += row.units;
        counts.bank_conflicts += row.units - row.phases;
      } else {
        counts.global_requests += row.requests;
        counts.sectors += row.units;
      }
    }
    return counts;
  }

 private:
  bool done_ = false;
};

void name_array(const std::byte* data, const std::string& name) { emu::name_memory(data, name); }

#endif

bool counts_accesses(const LadderBuild* build) {
#ifdef CURIE_WITH_CHECKED
  return build == &checked::ladder_build();
#else
  (void)build;
  return false;
#endif
}

}  // namespace

const LadderBuild* ladder_build_of(const Backend& backend) {
  for (const LadderBuild* build : builds()) {
    if (build->stream_of(backend).has_value()) return build;
  }
  return nullptr;
}

std::string objection_to(const Rung& rung, const std::vector<Extent>& extents, const Backend& backend) {
  const LadderBuild* build = ladder_build_of(backend);
  if (rung.tensor_cores && build != nullptr && !build->has_tensor_cores(backend)) {
    return "needs a GPU of compute capability 8.0 or newer";
  }
  return rung.objection(extents);
}

Reference::Reference(const Course& course, std::vector<Extent> extents)
    : course_(course), extents_(std::move(extents)) {
  course_.check(extents_);
  const std::unique_ptr<Backend> cpu = make_cpu_backend();
  Operands operands(*cpu, extents_);
  course_.prepare(operands, nullptr, 0)();
  results_ = operands.results();
}

double Counts::sectors_per_request() const {
  return static_cast<double>(sectors) / static_cast<double>(std::max<std::uint64_t>(global_requests, 1));
}

double Counts::of(Counter counter) const {
  switch (counter) {
    case Counter::none:
      break;
    case Counter::global_bytes:
      return static_cast<double>(global_bytes());
    case Counter::sectors_per_request:
      return sectors_per_request();
    case Counter::requests:
      return static_cast<double>(requests());
    case Counter::shared_wavefronts:
      return static_cast<double>(shared_wavefronts);
    case Counter::barriers:
      return static_cast<double>(barriers);
    case Counter::blocks:
      return static_cast<double>(blocks);
  }
  return 0.0;
}

bool claim_holds(const Rung& rung, const Counts& counts, const Counts& before) {
  if (rung.claim == Counter::none) return true;
  const double now = counts.of(rung.claim), then = before.of(rung.claim);
  return more_is_better(rung.claim) ? now > then : now < then;
}

Outcome run_rung(const Reference& reference, std::size_t rung, Backend& backend) {
  const Course& course = reference.course();
  const LadderBuild* build = ladder_build_of(backend);
  CURIE_CHECK(build != nullptr, usage, "ladder: device {} runs no CUDA kernels; use cuda or emulated",
              to_string(backend.device()));
  const std::string objection = objection_to(course.rungs.at(rung), reference.extents(), backend);
  CURIE_CHECK(objection.empty(), usage, "{} {}", course.rungs[rung].name, objection);
  Operands::Named named;
#ifdef CURIE_WITH_EMULATED
  if (backend.device().kind == DeviceKind::emulated) named = name_array;
#endif
  Operands operands(backend, reference.extents(), named);
  const Start start = course.prepare(operands, build, rung);
  Outcome outcome;
#ifdef CURIE_WITH_EMULATED
  if (counts_accesses(build)) {
    Counting counting;
    start();
    outcome.counts = counting.finish();
  } else {
    start();
  }
#else
  (void)counts_accesses;
  start();
#endif
  backend.synchronize();
  outcome.agreement = compare(operands.results(), reference.results());
  outcome.agreement.bound = course.bound(reference.extents());
  return outcome;
}

}  // namespace curie
