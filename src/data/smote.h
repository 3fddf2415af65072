// SMOTE: new samples of a rare class, each between a sample and one of its nearest neighbours (Chawla, Bowyer, Hall,
// Kegelmeyer, "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002), with the random draws of
// imbalanced-learn 0.10, so that a seed gives the same samples there and here.
//
// Two rules where a choice had to be made:
// - Bytes. imbalanced-learn given a uint8 array subtracts in uint8 and wraps around, which draws noise. Here bytes are
//   treated as the numbers 0 .. 255 in double, as imbalanced-learn treats a float64 array, and a new pixel is rounded
//   to the nearest byte (halves to even).
// - Equally distant neighbours: the lower index is nearer (see nearest.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "tensor/parallel.h"

namespace curie {

// One new sample: base + step * (neighbour - base), 0 <= step < 1; indices into the samples of its class.
struct Interpolation {
  int base, neighbour;
  double step;
};

// The draws for `count` new samples, given each sample's k nearest neighbours (neighbours: rows x k, row-major).
std::vector<Interpolation> draw_interpolations(std::span<const int> neighbours, int k, int count,
                                               std::uint32_t random_state);

// `count` new rows from the rows of one class (values: rows x features). The doubles are those of imbalanced-learn.
// Throws data when there are fewer than k + 1 rows.
std::vector<double> smote_rows(std::span<const double> values, int rows, int k, int count, std::uint32_t random_state,
                               ThreadPool& pool);

// Two classes: the smaller one grows until smaller / larger = ratio, by int(larger * ratio - smaller) samples. The
// originals stay first, in their order; the new ones follow, their sources saying "synthetic: A + B" (origin.h). Pixels
// are u8 or f32, on the host. Throws usage for a ratio outside (0, 1] or one that is reached already; data unless two
// classes are present or when the smaller one has fewer than k + 1 samples.
LabelledImages smote(const LabelledImages& images, double ratio, int k, std::uint32_t random_state, ThreadPool& pool);

// Any number of classes: every class grows to the size of the largest.
LabelledImages smote_to_majority(const LabelledImages& images, int k, std::uint32_t random_state, ThreadPool& pool);

}  // namespace curie
