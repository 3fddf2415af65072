// How the documents divide their samples into a training, a validation and a test part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/split.h"

namespace curie {

// What a model is tested on.
struct TestPart {
  enum class Kind {
    random,      // scikit-learn's train_test_split(test_size = fraction)
    stratified,  // the same with stratify = labels
    held_back,   // so many images of each class, at random
    official,    // the data set's own test part
  };
  Kind kind = Kind::stratified;
  double fraction = 0.2;
  int of_each_class = 0;

  static constexpr TestPart random(double fraction) { return {Kind::random, fraction, 0}; }
  static constexpr TestPart stratified(double fraction) { return {Kind::stratified, fraction, 0}; }
  static constexpr TestPart held_back(int of_each_class) { return {Kind::held_back, 0.0, of_each_class}; }
  static constexpr TestPart official() { return {Kind::official, 0.0, 0}; }
};

// What is held back from training to look at after each epoch.
struct ValidationPart {
  enum class Kind {
    random,         // train_test_split(test_size = fraction) of what the test part leaves
    stratified,     // the same with stratify = labels
    of_each_class,  // this fraction of each class, rounded up
    last,           // the last samples, in the order that the test split left: Keras' validation_split
    test_part,      // the test part itself
  };
  Kind kind = Kind::random;
  double fraction = 0.1;

  static constexpr ValidationPart random(double fraction) { return {Kind::random, fraction}; }
  static constexpr ValidationPart stratified(double fraction) { return {Kind::stratified, fraction}; }
  static constexpr ValidationPart of_each_class(double fraction) { return {Kind::of_each_class, fraction}; }
  static constexpr ValidationPart last(double fraction) { return {Kind::last, fraction}; }
  static constexpr ValidationPart test_part() { return {Kind::test_part, 0.0}; }
};

// "20 % at random, stratified by class", for people.
std::string to_string(const TestPart& part);
std::string to_string(const ValidationPart& part);

// Split::test holds the test part. `official` says of each sample whether the data set counts it to its own test part;
// it may be empty for the other kinds. Throws Error(data) for samples that cannot be divided so.
Split divide(const TestPart& part, std::span<const std::int32_t> labels, const std::vector<bool>& official,
             std::uint32_t seed);
// Split::test holds the validation part; not for Kind::test_part, which divides nothing.
Split divide(const ValidationPart& part, std::span<const std::int32_t> labels, std::uint32_t seed);

}  // namespace curie
