// NumPy's .npz files: a zip archive of .npy files, as numpy.savez and numpy.savez_compressed write. Reading and writing
// need libzip; a build without it throws Error(usage) that says so.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/npy.h"

namespace curie {

class NpzFile {
 public:
  // Throws Error(file) that begins with the path: missing, no zip archive, damaged.
  explicit NpzFile(const std::filesystem::path& path);
  ~NpzFile();
  NpzFile(const NpzFile&) = delete;
  NpzFile& operator=(const NpzFile&) = delete;

  // Of the arrays, without ".npy", in the order of the archive. Other entries are passed over.
  const std::vector<std::string>& names() const;

  // Takes no more memory than the archive explains: an entry that claims to be larger than any compression allows is
  // refused, as is all that read_npy refuses. Throws Error(usage) that lists the names for one that is not there.
  NpyArray read(const std::string& name);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

using NamedArray = std::pair<std::string, NpyArray>;

// Whole or not at all; the same arrays give the same bytes. The archive is made in memory.
void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, bool compressed = false);

}  // namespace curie
