// Where a sample comes from, as text in LabelledImages::sources: a file, a phantom, or two parents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace curie {

// "synthetic: A + B". A parent whose name would make that ambiguous is put in double quotes.
std::string synthetic_source(std::string_view first, std::string_view second);

struct Parents {
  std::string first, second;
};

// The parents named by `synthetic_source`; none for any other text.
std::optional<Parents> parents_of(std::string_view source);

// The sources a sample is made of, in order and without repetition: itself, or what its parents are made of.
std::vector<std::string> real_ancestors(std::string_view source);

}  // namespace curie
