#include "emu/profile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "emu/memory.h"
#include "kernels.h"

namespace curie::test {

#ifdef CURIE_WITH_CHECKED
TEST_CASE("the profile counts requests, sectors and wavefronts by line") {
  auto* x = reinterpret_cast<float*>(emu::allocate_memory(kElements * 4, "x"));
  auto* y = reinterpret_cast<float*>(emu::allocate_memory(kElements * 4, "y"));
  const Kernel& kernel = checked::patterns_to_profile().first[0];
  emu::start_profile(1);
  kernel.launch({y, x, nullptr});
  const std::vector<emu::ProfileRow> rows = emu::stop_profile();
  kernel.launch({y, x, nullptr});
  CHECK(emu::stop_profile().empty());

  struct Expected {
    const char* memory;
    bool write;
    std::uint64_t requests, units, ideal;
  };
  // One block of two warps; the shared writes after the first are of one warp.
  constexpr Expected kExpected[] = {{"x", false, 2, 8, 8},   {"x", false, 2, 64, 8},  {"x", false, 2, 2, 2},
                                    {"x", false, 2, 32, 32}, {"Tile", true, 2, 2, 2}, {"Tile", true, 1, 32, 1},
                                    {"Tile", true, 1, 1, 1}, {"y", true, 1, 4, 4},    {"Tile", false, 1, 1, 1}};
  CHECK(rows.size() == std::size(kExpected));
  for (const Expected& expected : kExpected) {
    CAPTURE(expected.memory);
    CAPTURE(expected.units);
    CHECK(std::count_if(rows.begin(), rows.end(), [&](const emu::ProfileRow& row) {
            return row.kernel == "patterns" && row.line.rfind("patterns.cu:", 0) == 0 &&
                   row.memory == expected.memory && row.shared == (std::strcmp(expected.memory, "Tile") == 0) &&
                   row.write == expected.write && row.requests == expected.requests && row.units == expected.units &&
                   row.ideal == expected.ideal && row.phases == (row.shared ? row.requests : 0);
          }) == 1);
  }
  emu::free_memory(reinterpret_cast<std::byte*>(x));
  emu::free_memory(reinterpret_cast<std::byte*>(y));
}
#endif

}  // namespace curie::test
