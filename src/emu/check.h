// Checked mode: the observer that gets every memory access of the kernels of curie_checked and finds those that a GPU
// would get wrong. compute-sanitizer's memcheck, racecheck, initcheck and synccheck, on the CPU.
#pragma once

#include "emu/observer.h"

namespace curie::emu {

Observer& checker();

}  // namespace curie::emu
