#include "ops/cold_timer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ops/observed_backend.h"
#include "support/backend.h"

namespace curie::test {

TEST_CASE("before each timed call, and not within it, the whole memory is written") {
  struct Log : BackendObserver {
    void primitive_begins() override {}
    void primitive_ended(const PrimitiveCall& call) override {
      words.push_back(std::string(call.primitive) + " " + std::to_string(static_cast<int>(call.work.bytes)));
    }
    std::vector<std::string> words;
  } log;
  const ObservedBackend observed = observe(test_backend());
  observed.handle->set_observer(&log);
  ColdTimer timer(*observed.backend, 4096);
  for (int i = 0; i < 2; ++i) {
    CHECK(timer.milliseconds([&] { log.words.push_back("work"); }) >= 0.0);
  }
  CHECK(log.words == std::vector<std::string>{"fill 4096", "work", "fill 4096", "work"});
}

}  // namespace curie::test
