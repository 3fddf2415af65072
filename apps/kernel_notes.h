// Which kernels the CUDA backend would choose for a step's convolution, for `curie summary --plan`.
#pragma once

#include "model/plan_text.h"

namespace curie {

StepNotes cuda_kernel_notes(const Graph& graph, int batch, Math math);

}  // namespace curie
