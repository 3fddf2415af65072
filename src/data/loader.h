// Batches of a data set, one ahead: a worker thread fills the next batch while the caller uses this one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "tensor/tensor.h"

namespace curie {

// A permutation of 0 .. n - 1 that depends on (seed, epoch) alone.
std::vector<int> epoch_order(int n, std::uint64_t seed, int epoch);

struct Batch {
  Tensor pixels;                         // (size, sample...), host memory, the data set's type; or undefined
  std::span<const std::int32_t> labels;  // (size)
  std::span<const int> indices;          // (size): which samples these are
  int size = 0;
  int number = 0;  // 0-based, in its epoch
};

// All memory is allocated by the constructor.
class BatchLoader {
 public:
  // With `read_samples` false batches say which samples they are, and no pixels are read. The data set must outlive the
  // loader. Throws Error(usage) for a batch size below 1 or an empty data set; a batch
  // larger than the data set means one short batch.
  BatchLoader(const Dataset& dataset, int batch_size, bool read_samples = true);
  ~BatchLoader();  // waits for the sample that is being read
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // Begins an epoch, whatever was under way. `order` is copied: the samples to visit, at most as many as there are;
  // empty means all, 0 .. n - 1.
  // `first_batch` skips that many batches (resuming in the middle of an epoch).
  void start(int epoch, std::span<const int> order, int first_batch = 0);

  // The next batch, or null after the last, which may be short. It stays valid until the next call of `next` or
  // `start`. An exception from Dataset::read comes out here and ends the epoch; `start` begins anew.
  const Batch* next();

  int batch_size() const;
  int batches() const;            // of the current epoch, skipped ones included
  double waited_seconds() const;  // that `next` spent waiting for data, since construction

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace curie
