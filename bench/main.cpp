// curie_bench: times of every primitive on the recipes' shapes, beside the machine's roof. device.h tells about the
// rows on a GPU.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "device.h"
#include "ops/backend.h"
#include "roof.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const curie::Roof& roof = curie::bench::roof();
  benchmark::AddCustomContext("curie", curie::make_cpu_backend()->describe());
  benchmark::AddCustomContext(
      "roof", fmt::format("{:.0f} GFLOP/s, {:.1f} GB/s copied, {}", roof.products * 1e-9, roof.bytes * 1e-9, roof.how));
  const std::string device_rows = curie::bench::register_device_rows();
  benchmark::AddCustomContext("device_rows", device_rows);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
