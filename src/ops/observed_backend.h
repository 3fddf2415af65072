// A backend that tells an observer of every primitive that another backend is asked for. It computes nothing itself:
// results are the other's, bit for bit.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ops/backend.h"
#include "ops/work.h"

namespace curie {

struct PrimitiveCall {
  std::string_view primitive;  // the Backend method's name
  std::string_view part;       // what it was part of, as `entering` was told last
  std::string shape;           // "n256 62x62x32, 3x3x32 -> 60x60x64", for people
  Work work;
};

class BackendObserver {
 public:
  virtual ~BackendObserver() = default;
  virtual void primitive_begins() = 0;
  virtual void primitive_ended(const PrimitiveCall& call) = 0;
};

// The observer may be changed, also to none (null): then calls pass through. While there is one, steps are not recorded
// but run anew each time, as each of their primitives is to be seen.
class Observed {
 public:
  virtual ~Observed() = default;
  virtual void set_observer(BackendObserver* observer) = 0;
};

struct ObservedBackend {
  std::unique_ptr<Backend> backend;
  Observed* handle = nullptr;  // lives as long as the backend
};
ObservedBackend observe(std::unique_ptr<Backend> inner);

}  // namespace curie
