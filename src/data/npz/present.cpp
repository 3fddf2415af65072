// In builds with libzip.
#include <fmt/ranges.h>

#include <map>

#include "data/npz.h"
#include "data/npz/libzip.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

constexpr std::string_view kEnding = ".npy";
constexpr zip_uint64_t kMostInflation = 1032;  // of deflate: 258 bytes from 2 bits
// Beyond so many bytes, images and numbers of a data set are not packed that well: an archive made to fill memory is.
constexpr zip_uint64_t kMuch = 64u << 20, kUsualInflation = 100;
constexpr zip_int64_t kMostEntries = 100'000;

std::string name_at(zip_t* archive, zip_uint64_t index) {
  const char* name = zip_get_name(archive, index, 0);
  return name == nullptr ? "" : name;
}

}  // namespace

struct NpzFile::State {
  std::string path;
  libzip::Archive archive;
  std::size_t archive_bytes = 0;
  std::vector<std::string> names;
  std::map<std::string, zip_uint64_t> places;
};

NpzFile::NpzFile(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->path = path.string();
  state_->archive_bytes = InputFile(path).size();
  state_->archive = libzip::open_archive(state_->path, state_->path + ": expected a .npz file, a zip archive");
  const zip_int64_t count = zip_get_num_entries(state_->archive.get(), 0);
  CURIE_CHECK(count >= 0 && count <= kMostEntries, file, "{}: expected at most {} entries, found {}", state_->path,
              kMostEntries, count);
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    std::string name = name_at(state_->archive.get(), i);
    if (!name.ends_with(kEnding)) continue;
    name.resize(name.size() - kEnding.size());
    CURIE_CHECK(state_->places.emplace(name, i).second, file, "{}: the array \"{}\" is there twice", state_->path,
                name);
    state_->names.push_back(name);
  }
}

NpzFile::~NpzFile() = default;

const std::vector<std::string>& NpzFile::names() const { return state_->names; }

NpyArray NpzFile::read(const std::string& name) {
  const auto place = state_->places.find(name);
  CURIE_CHECK(place != state_->places.end(), usage, "{}: there is no array \"{}\", only {}", state_->path, name,
              fmt::join(state_->names, ", "));
  const std::string what = fmt::format("{}: {}", state_->path, name);
  zip_t* archive = state_->archive.get();
  const zip_stat_t stat = libzip::entry_stat(archive, place->second, what);
  CURIE_CHECK(stat.comp_size <= state_->archive_bytes && stat.size / kMostInflation <= stat.comp_size, file,
              "{}: it claims {} bytes, which cannot come from {} in an archive of {}", what, stat.size, stat.comp_size,
              state_->archive_bytes);
  CURIE_CHECK(stat.size <= kMuch || stat.size / kUsualInflation <= stat.comp_size, file,
              "{}: {} bytes would inflate to {}, more than {} times as much; if they are meant, unpack the archive and "
              "read the .npy file in it",
              what, stat.comp_size, stat.size, kUsualInflation);
  const libzip::Entry entry = libzip::open_entry(archive, place->second, what);
  NpyArray array = read_npy(
      {what, stat.size, [&](std::size_t, std::span<std::byte> out) { libzip::read_entry(entry.get(), out, what); }});
  libzip::expect_end(entry.get(), what);
  return array;
}

void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, bool compressed) {
  // An archive without entries is no archive to libzip.
  CURIE_CHECK(!arrays.empty(), usage, "{}: a .npz file needs at least one array", path.string());
  std::vector<std::string> contents;
  contents.reserve(arrays.size());
  std::vector<std::pair<std::string, std::span<const std::byte>>> entries;
  for (const auto& [name, array] : arrays) {
    std::string& file = contents.emplace_back(npy_header(array));
    file.append(reinterpret_cast<const char*>(array.bytes().data()), array.bytes().size());
    entries.emplace_back(name + std::string(kEnding), std::as_bytes(std::span(file)));
  }
  write_file(path, libzip::compose(entries, compressed, path.string()));
}

}  // namespace curie
