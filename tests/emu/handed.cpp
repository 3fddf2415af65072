// What mbarriers and bulk copies order of ordinary accesses, in checked mode: it reports what they do not, and nothing
// else.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "emu/memory.h"
#include "kernels.h"
#include "support/throws.h"

namespace curie::test {
namespace {

// The correct kernels' errors, or everybody's.
std::map<std::string, std::string> outcomes(const Kernels& kernels, bool all) {
  std::map<std::string, std::string> result;
  constexpr std::size_t kBytes = kElements * sizeof(float);
  for (const Kernel& kernel : kernels) {
    const std::string name = kernel.name;
    if (!all && name != "handed over" && name != "copied") continue;
    std::byte* const x = emu::allocate_memory(kBytes, "x");
    std::byte* const y = emu::allocate_memory(kBytes, "y");
    for (int i = 0; i < kElements; ++i) reinterpret_cast<float*>(x)[i] = static_cast<float>(i);
    const Arrays arrays{.y = reinterpret_cast<float*>(y), .x = reinterpret_cast<const float*>(x), .counters = nullptr};
    result[name] = error_message([&] { kernel.launch(arrays); });
    // The last lane of warp 1 adds up what lane 0 wrote, x[0] and x[32]; of the second line that is
    // copied, chunks of four change places in pairs.
    if (name == "handed over") CHECK(arrays.y[63] == 32.0f);
    if (name == "copied") CHECK(arrays.y[63] == 59.0f);
    emu::free_memory(x);
    emu::free_memory(y);
  }
  return result;
}

}  // namespace

TEST_CASE("kernels that hand data over are right in fast mode") {
  const auto found = outcomes(emulated::handed_kernels(), false);
  CHECK(found.at("handed over") == "no error");
  CHECK(found.at("copied") == "no error");
}

#ifdef CURIE_WITH_CHECKED
TEST_CASE("checked mode knows what mbarriers and bulk copies order") {
  const auto found = outcomes(checked::handed_kernels(), true);
  const auto names = [](const std::string& message, const char* words) {
    return message.find(words) != std::string::npos;
  };
  CHECK(found.at("handed over") == "no error");
  CHECK(found.at("copied") == "no error");
  CHECK(names(found.at("read too early"), "has a data race at handed.cu:"));
  CHECK(names(found.at("written too early"), "has a data race at handed.cu:"));
  CHECK(names(found.at("read before the copy's wait"), "the target of the bulk copy of handed.cu:"));
  CHECK(names(found.at("read before the copy's wait"), "wait for its mbarrier first"));
  CHECK(names(found.at("copied from beyond a buffer"), "out of bounds: device buffer \"x\" of 1024 bytes"));
}
#endif

}  // namespace curie::test
