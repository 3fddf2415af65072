#include "emu/check_places.h"

#include <fmt/format.h>

#include "emu/machine.h"
#include "emu/symbols.h"

namespace curie::emu {

std::uint32_t Places::of(const void* code) {
  const auto [known, first_time] = of_code_.try_emplace(code, static_cast<std::uint32_t>(places_.size()));
  if (first_time) places_.push_back({code, {}});
  return known->second;
}

std::uint32_t Places::of(Where where) {
  const auto [known, first_time] =
      of_where_.try_emplace({where.file, where.line}, static_cast<std::uint32_t>(places_.size()));
  if (first_time) places_.push_back({nullptr, where});
  return known->second;
}

std::string Places::line(std::uint32_t place) const {
  const void* code = places_[place].code;
  const Where& where = places_[place].where;
  if (code == nullptr) return fmt::format("{}:{}", short_name(where.file), where.line);
  std::string line;
  Machine::instance().on_host_stack([&] { line = source_line(static_cast<const char*>(code) - 1); });
  return line.empty() ? fmt::format("{}", code) : line;
}

}  // namespace curie::emu
