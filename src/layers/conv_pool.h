// Convolution + bias + ReLU + max pool [+ dropout] as one step: same values, a fraction of the memory traffic.
#pragma once

#include <memory>
#include <string>

#include "layers/layer.h"

namespace curie {

// A layer that does the work of `conv` (a built Conv2D with ReLU), `pool` (a MaxPool2D whose stride is its square pool,
// without padding) and, if not null, `dropout` (a built Dropout); or null where the three cannot be fused: other kinds,
// no ReLU, another pool, or a backend that does not gain on this shape. `conv_input_with_batch`
// is the shape of conv's input for the batch that will run.
//
// The fused layer's backward pass always writes the kernel's gradient, so a frozen convolution is fused for inference
// only. It reads `conv`, which must outlive it: its parameters stay conv's own, and parameters() is empty. What
// is dropped depends on dropout's seed, stream and rate alone, so fused and unfused runs drop the same elements. It is
// no part of a saved model: make_layer does not know its config().
std::unique_ptr<Layer> fuse_conv_pool(Layer& conv, const Layer& pool, const Layer* dropout, const Backend& backend,
                                      const Shape& conv_input_with_batch);

// Why fuse_conv_pool would return null, in a few words: "its pool's windows overlap". Empty where it would not.
std::string why_not_fused(const Layer& conv, const Layer& pool, const Layer* dropout, const Backend& backend,
                          const Shape& conv_input_with_batch);

}  // namespace curie
