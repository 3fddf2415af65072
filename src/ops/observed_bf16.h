// The primitives on bfloat16 of an observed backend.
#pragma once

#include <memory>

#include "ops/backend_bf16.h"
#include "ops/observed_calls.h"

namespace curie {

// Both arguments must outlive what is returned.
std::unique_ptr<Bf16Operations> observe_bf16(Bf16Operations& inner, const observed::Calls& calls);

}  // namespace curie
