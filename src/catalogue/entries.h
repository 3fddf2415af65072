// The parts of the catalogue, one file each.
#pragma once

#include <vector>

#include "catalogue/catalogue.h"

namespace curie {

std::vector<CatalogueEntry> convolution_entries();
std::vector<CatalogueEntry> pooling_entries();
std::vector<CatalogueEntry> dense_entries();
std::vector<CatalogueEntry> normalization_entries();
std::vector<CatalogueEntry> elementwise_entries();
std::vector<CatalogueEntry> training_entries();

}  // namespace curie
