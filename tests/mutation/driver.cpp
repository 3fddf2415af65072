// Runs the catalogue on kernels that can do without one of their barriers, fences or cp.async words (keeps.h), and
// compares every result bit for bit.
//
//   mutation_driver DEVICE --write FILE               all cases, nothing removed; a line a case: name, digest of the
//                                                     results, words that it ran
//   mutation_driver DEVICE --expect FILE [--without N]  the cases of FILE (those that run word N) give its digests
//
// Exit status: 0, or 1 when a case fails or gives other results (the reason is printed), or 2.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "keeps.h"
#include "tensor/error.h"

namespace {

int without = -1;
std::array<bool, 1000> ran{};  // the words that the current case ran

}  // namespace

bool curie_keeps(int word) {
  ran[static_cast<std::size_t>(word)] = true;
  return word != without;
}

namespace curie {
namespace {

struct Case {
  std::string name;
  const CatalogueEntry* entry;
  std::string shape;
  Math math;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const CatalogueEntry& entry : catalogue()) {
    std::vector<std::string> shapes = entry.hard_shapes;
    shapes.insert(shapes.begin(), "");
    const bool products = entry.name.starts_with("conv") || entry.name.starts_with("dense");
    for (const std::string& shape : shapes) {
      for (const Math math : {Math::exact, Math::tf32, Math::bf16}) {
        if ((math == Math::tf32 && !products) || (math == Math::bf16 && !entry.run_bf16)) continue;
        cases.push_back({fmt::format("{}/{}/{}", entry.name, shape, name_of(math)), &entry, shape, math});
      }
    }
  }
  return cases;
}

std::uint64_t digest_of(const Case& test, Backend& backend) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a, by words
  for (const Operands::Result& result :
       results_of(*test.entry, with_shape(*test.entry, test.shape), backend, test.math)) {
    for (const double value : result.values) hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 1099511628211u;
  }
  return hash;
}

struct Expected {
  std::uint64_t digest;
  std::set<int> words;
};

std::map<std::string, Expected> read(const std::string& file) {
  std::map<std::string, Expected> all;
  std::ifstream in(file);
  CURIE_CHECK(in.good(), file, "{} cannot be read", file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string name;
    Expected expected{};
    fields >> name >> expected.digest;
    for (int word = 0; fields >> word;) expected.words.insert(word);
    all[name] = expected;
  }
  return all;
}

void write(const std::string& device, const std::string& file) {
  std::ofstream out(file);
  const std::unique_ptr<Backend> cpu = make_cpu_backend();
  for (const Case& test : all_cases()) {
    ran.fill(false);
    const std::uint64_t hash = digest_of(test, *make_backend(device, {.math = test.math}));
    CURIE_CHECK(!test.entry->exact || hash == digest_of(test, *cpu), internal, "{}: not the CPU's results", test.name);
    out << test.name << ' ' << hash;
    for (std::size_t word = 0; word < ran.size(); ++word) {
      if (ran[word]) out << ' ' << word;
    }
    out << '\n';
  }
}

bool as_expected(const std::string& device, const std::string& file) {
  const std::map<std::string, Expected> expected = read(file);
  for (const Case& test : all_cases()) {
    const auto found = expected.find(test.name);
    if (found == expected.end() || (without >= 0 && found->second.words.count(without) == 0)) continue;
    try {
      if (digest_of(test, *make_backend(device, {.math = test.math})) == found->second.digest) continue;
      fmt::print("{}: other values\n", test.name);
    } catch (const Error& error) {
      fmt::print("{}: {}\n", test.name, error.what());
    }
    return false;
  }
  return true;
}

}  // namespace
}  // namespace curie

int main(int count, char** values) {
  const std::vector<std::string> arguments(values + 1, values + count);
  try {
    if (arguments.size() == 3 && arguments[1] == "--write") {
      curie::write(arguments[0], arguments[2]);
      return 0;
    }
    if (arguments.size() == 5 && arguments[3] == "--without") without = std::stoi(arguments[4]);
    if ((arguments.size() == 3 || without >= 0) && arguments[1] == "--expect") {
      return curie::as_expected(arguments[0], arguments[2]) ? 0 : 1;
    }
    fmt::print(stderr, "mutation_driver DEVICE --write FILE | --expect FILE [--without N]\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  return 2;
}
