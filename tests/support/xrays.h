// Real X-rays for tests: the folder that CURIE_XRAYS names, or shared/data beside the checkout.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace curie {

// The entry of that folder, or, after a line that says so, an empty path where there is none.
inline std::filesystem::path xrays(const std::string& entry) {
  const char* named = std::getenv("CURIE_XRAYS");
  const std::filesystem::path folder =
      named != nullptr ? std::filesystem::path(named) : std::filesystem::path(CURIE_TEST_DATA) / "../../../shared/data";
  std::error_code error;
  if (std::filesystem::exists(folder / entry, error)) return folder / entry;
  std::cout << "skipped: no " << entry << " in " << folder << "; set CURIE_XRAYS to the folder of X-rays\n";
  return {};
}

}  // namespace curie
