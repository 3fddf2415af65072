// The sub-commands of `curie`. Each function adds one to the program; what it does runs while the command line is
// parsed.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace curie {

void add_train(CLI::App& app, const std::vector<std::string>& command_line);
void add_evaluate(CLI::App& app);
void add_predict(CLI::App& app);
void add_explain(CLI::App& app, const std::vector<std::string>& command_line);
void add_compare(CLI::App& app);
void add_summary(CLI::App& app);
void add_recipes(CLI::App& app);
void add_pack(CLI::App& app);
void add_convert(CLI::App& app);
void add_info(CLI::App& app);
void add_emulate(CLI::App& app);  // in builds with the emulator
void add_ladder(CLI::App& app);
void add_bench_step(CLI::App& app);
void add_profile(CLI::App& app);

// Thrown where a command ends early in an orderly way with a status of its own.
struct ExitStatus {
  int status;
};
inline constexpr int kInterruptedStatus = 130;  // 128 + SIGINT, as shells report it

}  // namespace curie
