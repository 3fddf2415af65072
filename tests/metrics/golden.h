// scikit-learn's answers, written by scripts/goldens/metrics.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/files.h"

namespace curie::golden {

inline nlohmann::json metrics() { return nlohmann::json::parse(read_text(CURIE_TEST_DATA "/metrics.json")); }

// [[value, times], ...] -> flat list.
inline std::vector<std::int32_t> runs(const nlohmann::json& pairs) {
  std::vector<std::int32_t> values;
  for (const nlohmann::json& pair : pairs) {
    values.insert(values.end(), pair.at(1).get<std::size_t>(), pair.at(0).get<std::int32_t>());
  }
  return values;
}

}  // namespace curie::golden
