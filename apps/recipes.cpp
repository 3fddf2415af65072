#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "recipes/recipe.h"

namespace curie {
namespace {

nlohmann::json describe(const Recipe& recipe) {
  return {{"name", recipe.name},
          {"title", recipe.title},
          {"document", recipe.document},
          {"description", recipe.description},
          {"classes", recipe.classes},
          {"preprocessing", to_json(recipe.preprocessing)},
          {"test", to_string(recipe.test)},
          {"validation", to_string(recipe.validation)},
          {"augmentation", recipe.augmentation ? to_json(*recipe.augmentation) : nlohmann::json(nullptr)},
          {"takes_weights", recipe.pretraining.has_value()},
          {"epochs", recipe.epochs},
          {"batch_size", recipe.batch_size}};
}

// The text in lines of at most `width`, each behind `indent` spaces.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::string result, line;
  const auto flush = [&] {
    if (!line.empty()) result += std::string(indent, ' ') + line + "\n";
    line.clear();
  };
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find(' ', from), text.size());
    const std::string word = text.substr(from, end - from);
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) flush();
    line += (line.empty() ? "" : " ") + word;
    from = end + 1;
  }
  flush();
  return result;
}

void print(const Recipe& recipe) {
  fmt::print("{}\n{}", recipe.name, wrapped(recipe.title, 2, 100));
  fmt::print("{}", wrapped(recipe.description, 4, 100));
  fmt::print("    classes     {}\n", fmt::join(recipe.classes, ", "));
  fmt::print("    images      {}\n", to_string(recipe.preprocessing));
  fmt::print("    test        {}\n    validation  {}\n", to_string(recipe.test), to_string(recipe.validation));
  if (recipe.augmentation) fmt::print("    augments    {}\n", to_string(*recipe.augmentation));
  if (recipe.pretraining) fmt::print("    weights     {} (--weights)\n", recipe.pretraining->what);
  fmt::print("    training    {} epochs, batches of {}\n", recipe.epochs, recipe.batch_size);
  fmt::print("{}\n", wrapped("from " + recipe.document, 4, 100));
}

}  // namespace

void add_recipes(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  auto names = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("recipes", "List the documented experiments that can be trained");
  command->add_flag("--json", *json, "as JSON on stdout");
  command->add_flag("--names", *names, "names only");
  command->footer("Example: curie recipes");
  command->callback([json, names] {
    nlohmann::json list = nlohmann::json::array();
    for (const Recipe& recipe : all_recipes()) {
      if (*json) {
        list.push_back(describe(recipe));
      } else if (*names) {
        fmt::print("{}\n", recipe.name);
      } else {
        print(recipe);
      }
    }
    if (*json) fmt::print("{}\n", list.dump(2));
  });
}

}  // namespace curie
