// Runs the program `curie` as a user runs it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "tensor/files.h"

namespace curie::test {

struct Result {
  int status = 0;
  std::string out, err;
};

inline pid_t start(const TemporaryFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), CURIE_PROGRAM);
  const std::string out = (folder / "out.txt").string();
  const std::string err = (folder / "err.txt").string();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (chdir(folder.path().c_str()) != 0 || !std::freopen(out.c_str(), "w", stdout) ||
      !std::freopen(err.c_str(), "w", stderr))
    _exit(99);
  execv(CURIE_PROGRAM, argv.data());
  _exit(99);
}

inline Result finish(const TemporaryFolder& folder, pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(folder / "out.txt"),
          read_text(folder / "err.txt")};
}

inline Result run_curie(const TemporaryFolder& folder, const std::vector<std::string>& words) {
  return finish(folder, start(folder, words));
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace curie::test
