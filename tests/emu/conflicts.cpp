// The layouts of shared memory that tensor cores read, counted in checked mode: no request meets a bank twice.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "emu/profile.h"
#include "ops/backend_bf16.h"

#ifdef CURIE_WITH_CHECKED
namespace curie::checked {
std::unique_ptr<Backend> make_gpu_backend(int device, const BackendOptions& options);
}

namespace curie::test {
namespace {

Conv2dShape square(int n, int size, int c, int k) {
  return {
      .n = n, .h = size, .w = size, .c = c, .k = k, .r = 3, .s = 3, .pad_top = 1, .pad_left = 1, .p = size, .q = size};
}

// All three directions on arrays of T. The profile of the tensor-core kernels' shared memory.
template <typename T, typename Operations>
std::vector<emu::ProfileRow> shared_rows(Backend& backend, Operations& on, const Conv2dShape& s) {
  const auto array = [&](std::size_t elements) { return backend.allocate(elements * sizeof(T)); };
  const Buffer x = array(s.input_elements()), w = array(s.weight_elements()), y = array(s.output_elements());
  const Buffer dx = array(s.input_elements()), scratch = backend.allocate(backend.scratch_bytes(s));
  const Buffer dw = backend.allocate(s.weight_elements() * sizeof(float));
  const auto at = [](const Buffer& buffer) { return reinterpret_cast<T*>(buffer.data()); };
  const Scratch memory{scratch.data(), scratch.bytes()};
  emu::start_profile(2);
  on.conv2d_forward(s, at(x), at(w), nullptr, Activation::none, at(y), memory);
  on.conv2d_backward_input(s, at(y), at(w), at(dx), memory);
  on.conv2d_backward_weights(s, at(x), at(y), reinterpret_cast<float*>(dw.data()), nullptr, memory);
  std::vector<emu::ProfileRow> rows;
  for (const emu::ProfileRow& row : emu::stop_profile()) {
    if (row.shared && row.memory.find("Stages") != std::string::npos) rows.push_back(row);
  }
  return rows;
}

void check_rows(const std::vector<emu::ProfileRow>& rows) {
  std::size_t reads = 0;
  for (const emu::ProfileRow& row : rows) {
    CAPTURE(row.kernel);
    CAPTURE(row.line);
    CAPTURE(row.write);
    CHECK(row.units == row.ideal);
    reads += row.write ? 0 : 1;
  }
  CHECK(reads >= 3);  // each of the three kernels reads its operands
}

}  // namespace

TEST_CASE("tiles of tensor cores are read and filled without bank conflicts") {
  for (const Conv2dShape& s : {square(1, 12, 32, 32), square(1, 8, 64, 64), square(2, 12, 128, 128)}) {
    CAPTURE(s.k);
    const std::unique_ptr<Backend> tf32 = checked::make_gpu_backend(0, {.math = Math::tf32});
    check_rows(shared_rows<float>(*tf32, *tf32, s));
    const std::unique_ptr<Backend> bf16 = checked::make_gpu_backend(0, {.math = Math::bf16});
    check_rows(shared_rows<Bf16>(*bf16, *bf16->bf16(), s));
  }
}

}  // namespace curie::test
#endif
