// Files that are whole or not there: write to a temporary name beside the target, fsync, rename, fsync the folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace curie {

// Replaces `path` by `contents`, or leaves what was there untouched and throws Error(file) that says why. Only a
// regular file is replaced, never a folder, a device or a pipe.
void write_file(const std::filesystem::path& path, std::span<const std::byte> contents);
void write_file(const std::filesystem::path& path, std::string_view text);

// The same for contents in pieces: `produce` calls its argument once for each piece, in order.
using Piece = std::span<const std::byte>;
void write_file(const std::filesystem::path& path,
                const std::function<void(const std::function<void(Piece)>&)>& produce);

// The whole file. Throws Error(file) when it is missing, unreadable or larger than `limit` bytes.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 40);
std::string read_text(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);

// A file open for reading at any position, for contents that should not all be in memory at once.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);  // Error(file) when it is missing, unreadable or not a regular file
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::size_t size() const { return size_; }  // bytes, when it was opened
  // Fills `out` with the bytes from `offset` on; Error(file) if the file ends before.
  void read(std::size_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int descriptor_;
  std::size_t size_ = 0;
};

// From now on SIGINT, SIGTERM and SIGHUP end this process as they always do, but take its temporary files along: for
// programs that have no better answer to them.
void remove_unfinished_on_signals();

// Removes the temporary files that dead writers of `path` (kill -9, a crash) left beside it. Those of writers at work,
// in this process or another, stay.
void remove_abandoned(const std::filesystem::path& path);

// Creates the folder and its parents and proves that a file can be written there, before hours of work depend on it.
void make_writable_folder(const std::filesystem::path& path);

}  // namespace curie
