// Who watches the kernels of this build of the folder: nobody, or checked mode.
#include "cuda/launch.cuh"
#ifdef CURIE_CHECKED
#include "emu/check.h"
#endif

namespace curie::CURIE_GPU {

emu::Observer* observer() {
#ifdef CURIE_CHECKED
  return &emu::checker();
#else
  return nullptr;
#endif
}

}  // namespace curie::CURIE_GPU
