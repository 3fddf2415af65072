// k nearest neighbours within one set of samples, by brute force: all distances, none of them stored.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/parallel.h"

namespace curie {

// For each of `rows` samples (values: rows x features, row-major) the k samples nearest to it by Euclidean distance,
// nearest first, equal distances in order of index: (rows, k) indices. As in imbalanced-learn, the k + 1 nearest are
// found, the sample itself among them, and the first is dropped; where samples are identical, that first one is the
// lowest of their indices, so a sample with an identical twin may list itself.
// Bytes: distances are exact integers. Floating point: sums of squared differences in double, in an order that does
// not depend on the machine or the number of threads.
// Throws usage unless 1 <= k < rows and values hold a whole number of features per row.
std::vector<int> nearest_neighbours(std::span<const std::uint8_t> values, int rows, int k, ThreadPool& pool);
std::vector<int> nearest_neighbours(std::span<const float> values, int rows, int k, ThreadPool& pool);
std::vector<int> nearest_neighbours(std::span<const double> values, int rows, int k, ThreadPool& pool);

}  // namespace curie
