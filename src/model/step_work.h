// The least that a training step of a network has to do, whatever runs it: the yardstick for what a backend's
// primitives add up to.
//
// Every convolution or dense layer with what follows it alone (batch normalisation, residual sum, activation, max pool,
// dropout) is one block, and every block is one pass forward and one pass backward: it reads its input and weights
// once and writes its output once, with a byte of arg-max for each pooled output; backward reads the saved input and
// the output's gradient once and writes the input's gradient once. The masks of a ReLU come from its output, those of
// a dropout are made anew. A normalised block writes the convolution's result too, since the batch's statistics come
// after it, and reads it twice backward, with its gradient. A pool that averages is a pass of its own. Everything else,
// the loss among it, takes part in its neighbours' passes. Batch normalisation behind a dense layer is not counted.
#pragma once

#include <vector>

#include "model/graph.h"
#include "ops/work.h"

namespace curie {

// Bytes that move for each trained parameter: the weight read forward and backward, its gradient written and read, and
// what the optimizer reads and writes with `slots` arrays of state.
double bytes_per_trained_parameter(int slots);

// The loss is taken of the graph's output, every array is float32. Operations count products only; Work::products
// leaves out what pools and dropouts make unnecessary, Work::dense does not.
Work least_step_work(Graph& graph, int batch, int optimizer_slots);

}  // namespace curie
