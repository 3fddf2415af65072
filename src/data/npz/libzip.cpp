#include "data/npz/libzip.h"

#include "tensor/error.h"

namespace curie::libzip {
namespace {

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  explicit ZipError(int code) { zip_error_init_with_code(&error_, code); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

}  // namespace

Source memory_source(std::span<const std::byte> bytes, const std::string& doing) {
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  CURIE_CHECK(source != nullptr, file, "{}: {}", doing, error.text());
  return source;
}

Archive open_archive(Source source, int flags, const std::string& doing) {
  ZipError error;
  Archive archive(zip_open_from_source(source.get(), flags, error.get()));
  CURIE_CHECK(archive != nullptr, file, "{}: {}", doing, error.text());
  static_cast<void>(source.release());  // the archive owns it now
  return archive;
}

Archive open_archive(const std::string& path, const std::string& doing) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  CURIE_CHECK(archive != nullptr, file, "{}: {}", doing, ZipError(code).text());
  return archive;
}

zip_stat_t entry_stat(zip_t* archive, zip_uint64_t index, const std::string& what) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_NAME;
  CURIE_CHECK(zip_stat_index(archive, index, 0, &stat) == 0 && (stat.valid & kNeeded) == kNeeded, file,
              "{}: damaged: the archive does not say how large it is", what);
  return stat;
}

Entry open_entry(zip_t* archive, zip_uint64_t index, const std::string& what) {
  Entry entry(zip_fopen_index(archive, index, 0));
  CURIE_CHECK(entry != nullptr, file, "{}: cannot be unpacked: {}", what, zip_strerror(archive));
  return entry;
}

void read_entry(zip_file_t* entry, std::span<std::byte> out, const std::string& what) {
  for (std::size_t done = 0; done < out.size();) {
    const zip_int64_t count = zip_fread(entry, out.data() + done, out.size() - done);
    CURIE_CHECK(count > 0, file, "{}: damaged: {}", what, count < 0 ? zip_file_strerror(entry) : "it ends early");
    done += static_cast<std::size_t>(count);
  }
}

void expect_end(zip_file_t* entry, const std::string& what) {
  std::byte beyond{};
  const zip_int64_t rest = zip_fread(entry, &beyond, 1);
  CURIE_CHECK(rest == 0, file, "{}: damaged: {}", what,
              rest < 0 ? zip_file_strerror(entry) : "it is longer than it says");
}

std::vector<std::byte> compose(const std::vector<std::pair<std::string, std::span<const std::byte>>>& entries,
                               bool compressed, const std::string& doing) {
  Source result = memory_source({}, doing);
  zip_source_keep(result.get());  // one hold for the archive, one for reading the result
  const Source made(result.get());
  Archive archive = open_archive(std::move(result), ZIP_CREATE | ZIP_TRUNCATE, doing);
  for (const auto& [name, bytes] : entries) {
    Source source = memory_source(bytes, doing);
    const zip_int64_t index = zip_file_add(archive.get(), name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    CURIE_CHECK(index >= 0, usage, "{}: cannot add \"{}\": {}", doing, name, zip_strerror(archive.get()));
    static_cast<void>(source.release());
    const auto place = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), place, compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), place, 0, 0x21, 0);
  }
  CURIE_CHECK(zip_close(archive.get()) == 0, file, "{}: {}", doing, zip_strerror(archive.get()));
  static_cast<void>(archive.release());
  zip_stat_t stat;
  zip_stat_init(&stat);
  CURIE_CHECK(zip_source_open(made.get()) == 0 && zip_source_stat(made.get(), &stat) == 0, file,
              "{}: the archive cannot be made", doing);
  std::vector<std::byte> bytes(stat.size);
  const zip_int64_t count = zip_source_read(made.get(), bytes.data(), bytes.size());
  zip_source_close(made.get());
  CURIE_CHECK(count == static_cast<zip_int64_t>(bytes.size()), file, "{}: the archive cannot be made", doing);
  return bytes;
}

}  // namespace curie::libzip
