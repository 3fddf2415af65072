#include "layers/activation.h"

namespace curie {

LayerPtr ReLU::make() const { return make_elementwise(Activation::relu, "ReLU", name); }

}  // namespace curie
