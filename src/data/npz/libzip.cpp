#include <fmt/ranges.h>
#include <zip.h>

#include <algorithm>
#include <map>

#include "data/npz.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

constexpr std::string_view kEnding = ".npy";
constexpr zip_uint64_t kMostInflation = 1032;  // of deflate: 258 bytes from 2 bits
constexpr zip_int64_t kMostEntries = 100'000;

struct Close {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Close>;
using Source = std::unique_ptr<zip_source_t, Close>;
using Entry = std::unique_ptr<zip_file_t, Close>;

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

Source memory_source(std::span<const std::byte> bytes) {
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  CURIE_CHECK(source != nullptr, file, "npz: {}", error.text());
  return source;
}

std::string name_at(zip_t* archive, zip_uint64_t index) {
  const char* name = zip_get_name(archive, index, 0);
  return name == nullptr ? "" : name;
}

}  // namespace

struct NpzFile::State {
  std::string path;
  Archive archive;
  std::size_t archive_bytes = 0;
  std::vector<std::string> names;
  std::map<std::string, zip_uint64_t> places;
};

NpzFile::NpzFile(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->path = path.string();
  state_->archive_bytes = InputFile(path).size();
  int code = 0;
  state_->archive.reset(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (!state_->archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw_error(ErrorKind::file, fmt::format("{}: expected a .npz file, a zip archive: {}", state_->path, why));
  }
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
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  CURIE_CHECK(zip_stat_index(archive, place->second, 0, &stat) == 0 && (stat.valid & kNeeded) == kNeeded, file,
              "{}: the archive does not say how large it is", what);
  CURIE_CHECK(stat.comp_size <= state_->archive_bytes && stat.size / kMostInflation <= stat.comp_size, file,
              "{}: it claims {} bytes, which cannot come from {} in an archive of {}", what, stat.size, stat.comp_size,
              state_->archive_bytes);
  const Entry entry(zip_fopen_index(archive, place->second, 0));
  CURIE_CHECK(entry != nullptr, file, "{}: cannot be unpacked: {}", what, zip_strerror(archive));
  const auto unpack = [&](std::span<std::byte> out) {
    for (std::size_t done = 0; done < out.size();) {
      const zip_int64_t count = zip_fread(entry.get(), out.data() + done, out.size() - done);
      CURIE_CHECK(count > 0, file, "{}: damaged: {}", what,
                  count < 0 ? zip_file_strerror(entry.get()) : "it ends before its time");
      done += static_cast<std::size_t>(count);
    }
  };
  NpyArray array = read_npy({what, stat.size, [&](std::size_t, std::span<std::byte> out) { unpack(out); }});
  std::byte beyond{};  // the checksum is compared when the end is met
  CURIE_CHECK(zip_fread(entry.get(), &beyond, 1) == 0, file, "{}: damaged: {}", what, zip_file_strerror(entry.get()));
  return array;
}

void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, bool compressed) {
  // An archive without entries is no archive to libzip.
  CURIE_CHECK(!arrays.empty(), usage, "{}: a .npz file needs at least one array", path.string());
  Source result = memory_source({});
  zip_source_keep(result.get());  // one hold for the archive, one for reading the result
  const Source made(result.get());
  ZipError error;
  Archive archive(zip_open_from_source(result.get(), ZIP_CREATE | ZIP_TRUNCATE, error.get()));
  CURIE_CHECK(archive != nullptr, file, "{}: {}", path.string(), error.text());
  static_cast<void>(result.release());  // the archive holds it now

  std::vector<std::string> contents;  // libzip reads them when the archive is closed
  contents.reserve(arrays.size());
  for (const auto& [name, array] : arrays) {
    std::string& file = contents.emplace_back(npy_header(array));
    file.append(reinterpret_cast<const char*>(array.bytes().data()), array.bytes().size());
    Source source = memory_source(std::as_bytes(std::span(file)));
    const zip_int64_t index =
        zip_file_add(archive.get(), (name + std::string(kEnding)).c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    CURIE_CHECK(index >= 0, usage, "{}: cannot add the array \"{}\": {}", path.string(), name,
                zip_strerror(archive.get()));
    static_cast<void>(source.release());
    const auto place = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), place, compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), place, 0, 0x21, 0);  // 1980-01-01, the earliest there is
  }
  CURIE_CHECK(zip_close(archive.get()) == 0, file, "{}: {}", path.string(), zip_strerror(archive.get()));
  static_cast<void>(archive.release());

  zip_stat_t stat;
  zip_stat_init(&stat);
  CURIE_CHECK(zip_source_open(made.get()) == 0 && zip_source_stat(made.get(), &stat) == 0, file,
              "{}: the archive cannot be made", path.string());
  std::vector<std::byte> bytes(stat.size);
  const zip_int64_t count = zip_source_read(made.get(), bytes.data(), bytes.size());
  zip_source_close(made.get());
  CURIE_CHECK(count == static_cast<zip_int64_t>(bytes.size()), file, "{}: the archive cannot be made", path.string());
  write_file(path, bytes);
}

}  // namespace curie
