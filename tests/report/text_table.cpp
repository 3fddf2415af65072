#include "report/text_table.h"

#include <doctest/doctest.h>

using namespace curie;

TEST_CASE("columns are as wide as their longest cell in characters, and nothing trails") {
  const std::vector<std::vector<std::string>> rows = {
      {"class", "n", "note"}, {"Gr\u00fc\u00dfe", "1300", ""}, {"b", "7", "x"}};
  CHECK(text_table(rows, {1}, "  ") == "  class     n  note\n  Gr\u00fc\u00dfe  1300\n  b         7  x\n");
  CHECK(text_table({{"", "ab"}, {"row", "c"}}) == "     ab\nrow   c\n");
  CHECK(text_table({}).empty());
}
