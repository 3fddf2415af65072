// What an executor has decided, in words: which nodes became one step and why others did not, and where every value
// lies in the arena from when to when.
#pragma once

#include <functional>
#include <string>

#include "model/executor.h"

namespace curie {

// The lines that a program knows to add about a step, such as the kernels that a device would choose; or none.
using StepNotes = std::function<std::vector<std::string>(const Step& step)>;

std::string plan_text(const Graph& graph, const Executor& executor, const StepNotes& notes = {});

}  // namespace curie
