// How the weights of .keras archives and .weights.h5 files are found: groups that count the layers of a class,
// "conv2d", "conv2d_1", ...
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace curie {

class ClassCounter {
 public:
  // The next layer's group. It takes up `numbers` numbers.
  std::string next(const std::string& class_name, int numbers = 1);

 private:
  std::map<std::string, int> counts_;
};

// Keras 3 counts every layer once. Keras 2.12 to 2.15 lists a layer that has weights twice and names it when it meets
// it first, so that its next convolution is "conv2d_2".
enum class GroupNumbering { once, weighted_twice };

// How many numbers a layer, as Keras describes it, takes up: 2 for one with weights, or a model around one, where these
// are counted twice.
int group_numbers(const nlohmann::json& layer, GroupNumbering numbering);

// The names of the layers of a model and of those in it by their groups: {"layers/conv2d_2": "block1_conv2"}. What is
// damaged in the description is left out.
std::map<std::string, std::string> keras_group_names(const nlohmann::json& model, GroupNumbering numbering);

}  // namespace curie
