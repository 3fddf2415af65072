// tests/data/sampling.json, made by scripts/goldens/sampling.py.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

inline const nlohmann::json& sampling_golden() {
  static const nlohmann::json golden = [] {
    std::ifstream file(CURIE_TEST_DATA "/sampling.json");
    REQUIRE(file.good());
    return nlohmann::json::parse(file);
  }();
  return golden;
}
