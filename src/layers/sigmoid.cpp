#include "layers/activation.h"

namespace curie {

LayerPtr Sigmoid::make() const { return make_elementwise(Activation::sigmoid, "Sigmoid", name); }

}  // namespace curie
