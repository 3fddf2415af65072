#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

#include "tensor/error.h"
#include "tensor/json_fields.h"

namespace curie {
namespace {

double portion(double step, double decay_steps, bool staircase) {
  return staircase ? std::floor(step / decay_steps) : step / decay_steps;
}

// From 1 at 0 to alpha at 1.
double half_cosine(double completed, double alpha, double height = 1.0) {
  return (1.0 - alpha) * 0.5 * height * (1.0 + std::cos(std::numbers::pi * completed)) + alpha;
}

double rate_of(const ExponentialDecay& s, double step) {
  return s.learning_rate * std::pow(s.decay_rate, portion(step, s.decay_steps, s.staircase));
}

double rate_of(const InverseTimeDecay& s, double step) {
  return s.learning_rate / (1.0 + s.decay_rate * portion(step, s.decay_steps, s.staircase));
}

double rate_of(const PolynomialDecay& s, double step) {
  double length = s.decay_steps;
  if (s.cycle) {
    length *= std::max(1.0, std::ceil(step / s.decay_steps));
  } else {
    step = std::min(step, length);
  }
  return (s.learning_rate - s.end_learning_rate) * std::pow(1.0 - step / length, s.power) + s.end_learning_rate;
}

double rate_of(const PiecewiseConstantDecay& s, double step) {
  const auto passed = std::lower_bound(s.boundaries.begin(), s.boundaries.end(), step) - s.boundaries.begin();
  return s.values[static_cast<std::size_t>(passed)];
}

double rate_of(const CosineDecay& s, double step) {
  if (s.warmup_steps == 0.0) {
    return s.learning_rate * half_cosine(std::min(step, s.decay_steps) / s.decay_steps, s.alpha);
  }
  if (step < s.warmup_steps) {
    return s.learning_rate + (s.warmup_target - s.learning_rate) * (step / s.warmup_steps);
  }
  return s.warmup_target * half_cosine(std::min(step - s.warmup_steps, s.decay_steps) / s.decay_steps, s.alpha);
}

double rate_of(const CosineDecayRestarts& s, double step) {
  double completed = step / s.first_decay_steps;
  double restarts = std::floor(completed);
  if (s.t_mul == 1.0) {
    completed -= restarts;
  } else {
    const auto within = [&](double period) {  // completed part of a period, which is t_mul^period first ones long
      const double length = std::pow(s.t_mul, period);
      return (completed - (1.0 - length) / (1.0 - s.t_mul)) / length;
    };
    restarts = std::floor(std::log(1.0 - completed * (1.0 - s.t_mul)) / std::log(s.t_mul));
    // Logarithms round: the first step of a period must not count as the last of the one before.
    if (within(restarts) >= 1.0) restarts += 1.0;
    if (within(restarts) < 0.0) restarts -= 1.0;
    completed = within(restarts);
  }
  return s.learning_rate * half_cosine(completed, s.alpha, std::pow(s.m_mul, restarts));
}

const char* name_of(const ExponentialDecay&) { return "ExponentialDecay"; }
const char* name_of(const InverseTimeDecay&) { return "InverseTimeDecay"; }
const char* name_of(const PolynomialDecay&) { return "PolynomialDecay"; }
const char* name_of(const PiecewiseConstantDecay&) { return "PiecewiseConstantDecay"; }
const char* name_of(const CosineDecay&) { return "CosineDecay"; }
const char* name_of(const CosineDecayRestarts&) { return "CosineDecayRestarts"; }

// Calls visit(name, field) for every field but `per`, in Keras' order and under its names.
template <typename Spec, typename Visit>
void fields_of(Spec& s, Visit&& visit) {
  using Plain = std::remove_const_t<Spec>;
  if constexpr (std::is_same_v<Plain, PiecewiseConstantDecay>) {
    visit("boundaries", s.boundaries);
    visit("values", s.values);
  } else {
    visit("initial_learning_rate", s.learning_rate);
    if constexpr (std::is_same_v<Plain, CosineDecayRestarts>) {
      visit("first_decay_steps", s.first_decay_steps);
      visit("t_mul", s.t_mul);
      visit("m_mul", s.m_mul);
      visit("alpha", s.alpha);
    } else {
      visit("decay_steps", s.decay_steps);
      if constexpr (std::is_same_v<Plain, PolynomialDecay>) {
        visit("end_learning_rate", s.end_learning_rate);
        visit("power", s.power);
        visit("cycle", s.cycle);
      } else if constexpr (std::is_same_v<Plain, CosineDecay>) {
        visit("alpha", s.alpha);
        visit("warmup_target", s.warmup_target);
        visit("warmup_steps", s.warmup_steps);
      } else {
        visit("decay_rate", s.decay_rate);
        visit("staircase", s.staircase);
      }
    }
  }
}

bool may_be_0(std::string_view field) {
  return field.find("steps") == std::string_view::npos || field == "warmup_steps";
}

struct CheckField {
  const char* schedule;

  void operator()(const char* field, double value) const {
    CURIE_CHECK(std::isfinite(value) && value >= 0.0 && (value > 0.0 || may_be_0(field)), usage,
                "{}: expected a {} {}, got {}", schedule, field, may_be_0(field) ? "of at least 0" : "above 0", value);
    CURIE_CHECK(std::string_view(field) != "t_mul" || value >= 1.0, usage,
                "{}: expected a t_mul of at least 1, got {}: periods would end", schedule, value);
  }
  void operator()(const char*, bool) const {}
  void operator()(const char* field, const std::vector<double>& values) const {
    for (const double value : values) (*this)(field, value);
  }
};

double read_real(JsonFields& fields, const char* field) {
  const nlohmann::json& found = fields.value(field);
  CURIE_CHECK(found.is_number(), file, "schedule \"{}\": expected \"{}\" to be a number", fields.kind(), field);
  return found.get<double>();
}

struct ReadField {
  JsonFields& fields;

  void operator()(const char* field, double& value) const { value = read_real(fields, field); }
  void operator()(const char* field, bool& value) const { value = fields.flag(field); }
  void operator()(const char* field, std::vector<double>& values) const {
    constexpr std::size_t kMost = 100000;
    const nlohmann::json& found = fields.value(field);
    const bool numbers = found.is_array() && found.size() <= kMost &&
                         std::all_of(found.begin(), found.end(), [](const auto& v) { return v.is_number(); });
    CURIE_CHECK(numbers, file, "schedule \"{}\": expected \"{}\" to be a list of at most {} numbers", fields.kind(),
                field, kMost);
    values = found.get<std::vector<double>>();
  }
};

Per read_per(JsonFields& fields) {
  const std::string per = fields.text("per");
  CURIE_CHECK(per == "step" || per == "epoch", file,
              "schedule \"{}\": expected \"per\" to be step or epoch, got \"{}\"", fields.kind(), per.substr(0, 60));
  return per == "step" ? Per::step : Per::epoch;
}

}  // namespace

void Schedule::check() const {
  std::visit([](const auto& spec) { fields_of(spec, CheckField{name_of(spec)}); }, kind_);
  if (const auto* cosine = std::get_if<CosineDecay>(&kind_)) {
    CURIE_CHECK(cosine->warmup_steps == 0.0 || cosine->warmup_target > 0.0, usage,
                "CosineDecay: {:g} steps of warm-up need a warmup_target above 0, the rate they lead to",
                cosine->warmup_steps);
  }
  if (const auto* pieces = std::get_if<PiecewiseConstantDecay>(&kind_)) {
    CURIE_CHECK(pieces->values.size() == pieces->boundaries.size() + 1, usage,
                "PiecewiseConstantDecay: expected one value more than boundaries, got {} and {}", pieces->values.size(),
                pieces->boundaries.size());
    CURIE_CHECK(std::is_sorted(pieces->boundaries.begin(), pieces->boundaries.end()), usage,
                "PiecewiseConstantDecay: expected rising boundaries");
  }
}

Per Schedule::per() const {
  return std::visit([](const auto& spec) { return spec.per; }, kind_);
}

double Schedule::rate(double step) const {
  return std::visit([step](const auto& spec) { return rate_of(spec, step); }, kind_);
}

std::string Schedule::name() const {
  return std::visit([](const auto& spec) { return std::string(name_of(spec)); }, kind_);
}

nlohmann::json Schedule::config() const {
  nlohmann::json config = {{"kind", name()}, {"per", per() == Per::step ? "step" : "epoch"}};
  std::visit(
      [&](const auto& spec) { fields_of(spec, [&](const char* field, const auto& value) { config[field] = value; }); },
      kind_);
  return config;
}

Schedule make_schedule(const nlohmann::json& config) {
  JsonFields fields(config, "schedule");
  std::optional<Schedule> found;
  const auto try_kind = [&](auto spec) {
    if (found || fields.kind() != name_of(spec)) return;
    fields_of(spec, ReadField{fields});
    spec.per = read_per(fields);
    found = with_values_of_file(fmt::format("schedule \"{}\"", fields.kind()), [&] { return Schedule(spec); });
  };
  try_kind(ExponentialDecay{});
  try_kind(InverseTimeDecay{});
  try_kind(PolynomialDecay{});
  try_kind(PiecewiseConstantDecay{});
  try_kind(CosineDecay{});
  try_kind(CosineDecayRestarts{});
  CURIE_CHECK(found.has_value(), file,
              "schedule: expected a kind among ExponentialDecay, InverseTimeDecay, PolynomialDecay, "
              "PiecewiseConstantDecay, CosineDecay, CosineDecayRestarts, got \"{}\"",
              fields.kind().substr(0, 60));
  fields.finish();
  return *found;
}

}  // namespace curie
