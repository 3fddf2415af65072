#include "tensor/text.h"

#include <doctest/doctest.h>

using namespace curie;

TEST_CASE("a suggestion names the nearest of what there is, or nothing when all is far") {
  CHECK(suggestion("covd", {"Normal", "COVID"}) == "; did you mean \"COVID\"?");
  CHECK(suggestion("trian", {"train", "predict"}) == "; did you mean \"train\"?");
  CHECK(suggestion("elephant", {"COVID", "Normal"}).empty());
  CHECK(suggestion("x", {}).empty());
}

TEST_CASE("lower_case changes ASCII letters only") { CHECK(lower_case("COVID-19 \xc3\x84") == "covid-19 \xc3\x84"); }

TEST_CASE("plain names have neither case nor underscores; splitting keeps empty parts") {
  CHECK(plain_name("Viral_Pneumonia") == "viral pneumonia");
  using Parts = std::vector<std::string>;
  CHECK(split("a-b--c", '-') == Parts{"a", "b", "", "c"});
  CHECK(split("/a/", '/') == Parts{"", "a", ""});
  CHECK(split("", '/') == Parts{""});
}
