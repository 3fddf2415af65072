#include "catalogue/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "catalogue/entries.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace curie {

const std::vector<CatalogueEntry>& catalogue() {
  static const std::vector<CatalogueEntry> entries = [] {
    std::vector<CatalogueEntry> all;
    for (const auto& part : {convolution_entries(), pooling_entries(), dense_entries(), normalization_entries(),
                             elementwise_entries(), training_entries()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return entries;
}

const CatalogueEntry& find_entry(const std::string& name) {
  std::vector<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  const std::string nearest = suggestion(name, names);
  throw_error(ErrorKind::usage, fmt::format("no kernel is named \"{}\"{} `curie emulate --list` lists them", name,
                                            nearest.empty() ? ";" : nearest));
}

std::vector<Operands::Result> results_of(const CatalogueEntry& entry, const std::vector<Extent>& extents,
                                         Backend& backend, Math math, const Operands::Named& named) {
  Operands operands(backend, extents, named, math == Math::bf16);
  const bool on_bf16 = math == Math::bf16 && backend.bf16() != nullptr;
  (on_bf16 ? entry.run_bf16 : entry.run)(operands);
  backend.synchronize();
  return operands.results();
}

std::vector<Extent> with_shape(const CatalogueEntry& entry, const std::string& shape) {
  return with_shape(entry.name, entry.extents, shape);
}

std::vector<Extent> with_shape(const std::string& name, const std::vector<Extent>& standard, const std::string& shape) {
  std::vector<Extent> extents = standard;
  for (std::size_t at = 0; at < shape.size();) {
    const std::size_t end = std::min(shape.find(',', at), shape.size());
    const std::string part = shape.substr(at, end - at);
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto found = std::find_if(extents.begin(), extents.end(),
                                    [&](const Extent& extent) { return extent.name == part.substr(0, equals); });
    int value = 0;
    const char* last = part.data() + part.size();
    const bool number = equals < part.size() && std::from_chars(part.data() + equals + 1, last, value).ptr == last;
    if (found == extents.end() || !number || value < 1) {
      std::string known;
      for (const Extent& extent : standard)
        known += fmt::format("{}{}={}", known.empty() ? "" : ",", extent.name, extent.value);
      throw_error(ErrorKind::usage, fmt::format("--shape: expected extents of {} of at least 1, as in {}; got \"{}\"",
                                                name, known, part));
    }
    found->value = value;
    at = end + 1;
  }
  return extents;
}

}  // namespace curie
