#include "layers/activation.h"

namespace curie {

LayerPtr Tanh::make() const { return make_elementwise(Activation::tanh, "Tanh", name); }

}  // namespace curie
