#include "ops/cold_timer.h"

namespace curie {

ColdTimer::ColdTimer(Backend& backend, std::size_t bytes)
    : backend_(backend), floats_(bytes / sizeof(float)), memory_(backend.allocate(bytes)) {}

double ColdTimer::milliseconds(const std::function<void()>& work) {
  backend_.fill(floats_, 0.0f, reinterpret_cast<float*>(memory_.data()));
  return backend_.milliseconds(work);
}

}  // namespace curie
