// The parts of the course, one file each.
#pragma once

#include "course/course.h"

namespace curie {

Course gemm_course();
Course conv2d_course();
Course softmax_course();
Course batchnorm_course();

// Rounding of a float.
inline constexpr double kFloatRounding = 6e-8;

}  // namespace curie
