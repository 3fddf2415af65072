#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "recipes/recipe.h"

namespace curie {

void add_recipes(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("recipes", "List the documented experiments that can be trained");
  command->add_flag("--json", *json, "as JSON on stdout");
  command->footer("Example: curie recipes");
  command->callback([json] {
    nlohmann::json list = nlohmann::json::array();
    for (const Recipe& recipe : all_recipes()) {
      if (*json) {
        list.push_back({{"name", recipe.name},
                        {"title", recipe.title},
                        {"document", recipe.document},
                        {"classes", recipe.classes},
                        {"epochs", recipe.epochs},
                        {"batch_size", recipe.batch_size}});
      } else {
        fmt::print("{}\n  {}\n  {}\n  from {}\n", recipe.name, recipe.title, recipe.description, recipe.document);
      }
    }
    if (*json) fmt::print("{}\n", list.dump(2));
  });
}

}  // namespace curie
