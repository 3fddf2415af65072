// Beside HDF5, since .keras archives need both.
#include <zip.h>

#include <memory>

#include "io/zip_archive.h"
#include "tensor/error.h"

namespace curie {
namespace {

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;
using Entry = std::unique_ptr<zip_file_t, Discard>;

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  operator zip_error_t*() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

Archive open(Source source, int flags, const std::string& doing) {
  ZipError error;
  Archive archive(zip_open_from_source(source.get(), flags, error));
  CURIE_CHECK(archive, file, "{}: {}", doing, error.text());
  static_cast<void>(source.release());  // the archive owns it now
  return archive;
}

std::vector<std::byte> read_entry(zip_t* archive, zip_uint64_t index, const zip_stat_t& stat, const std::string& name) {
  const Entry entry(zip_fopen_index(archive, index, 0));
  CURIE_CHECK(entry, file, "{}: cannot read its \"{}\": {}", name, stat.name, zip_strerror(archive));
  std::vector<std::byte> bytes(stat.size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const zip_int64_t count = zip_fread(entry.get(), bytes.data() + done, bytes.size() - done);
    CURIE_CHECK(count > 0, file, "{}: its \"{}\" is damaged: {}", name, stat.name,
                count < 0 ? zip_file_strerror(entry.get()) : "it ends early");
    done += static_cast<std::size_t>(count);
  }
  // The checksum is compared when the end has been met.
  std::byte more{};
  const zip_int64_t rest = zip_fread(entry.get(), &more, 1);
  CURIE_CHECK(rest == 0, file, "{}: its \"{}\" is damaged: {}", name, stat.name,
              rest < 0 ? zip_file_strerror(entry.get()) : "it is longer than it says");
  return bytes;
}

}  // namespace

ZipEntries read_zip(std::span<const std::byte> bytes, const std::string& name, const std::vector<std::string>& wanted,
                    const ZipLimits& limits) {
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error));
  CURIE_CHECK(source, file, "{}: {}", name, error.text());
  const Archive archive =
      open(std::move(source), ZIP_RDONLY | ZIP_CHECKCONS, name + ": expected a zip archive, as Keras 3 writes");
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  CURIE_CHECK(count >= 0 && static_cast<std::size_t>(count) <= limits.entries, file,
              "{}: expected an archive of at most {} entries, found {}", name, limits.entries, count);
  ZipEntries entries;
  std::size_t left = limits.always_bytes + limits.inflation * bytes.size();
  for (const std::string& one : wanted) {
    const zip_int64_t index = zip_name_locate(archive.get(), one.c_str(), 0);
    if (index < 0) continue;
    zip_stat_t stat;
    zip_stat_init(&stat);
    const bool known = zip_stat_index(archive.get(), static_cast<zip_uint64_t>(index), 0, &stat) == 0 &&
                       (stat.valid & ZIP_STAT_SIZE) != 0 && (stat.valid & ZIP_STAT_NAME) != 0;
    CURIE_CHECK(known, file, "{}: its \"{}\" is damaged", name, one);
    CURIE_CHECK(stat.size <= left, file, "{}: its \"{}\" claims {} bytes, more than the archive's size explains", name,
                one, stat.size);
    left -= stat.size;
    entries[one] = read_entry(archive.get(), static_cast<zip_uint64_t>(index), stat, name);
  }
  return entries;
}

std::vector<std::byte> compose_zip(const ZipEntries& entries) {
  ZipError error;
  Source made(zip_source_buffer_create(nullptr, 0, 0, error));
  CURIE_CHECK(made, file, "cannot make a zip archive: {}", error.text());
  zip_source_t* contents = made.get();
  zip_source_keep(contents);
  const Source kept(contents);  // outlives the archive, to be read below
  Archive archive = open(std::move(made), ZIP_CREATE | ZIP_TRUNCATE, "cannot make a zip archive");
  for (const auto& [name, bytes] : entries) {
    Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error));
    CURIE_CHECK(source, file, "cannot make a zip archive: {}", error.text());
    const zip_int64_t index = zip_file_add(archive.get(), name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    CURIE_CHECK(index >= 0, file, "cannot add \"{}\" to a zip archive: {}", name, zip_strerror(archive.get()));
    static_cast<void>(source.release());
    const auto place = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), place, ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), place, 0, 0x21, 0);  // 1980-01-01, the earliest there is
  }
  CURIE_CHECK(zip_close(archive.get()) == 0, file, "cannot finish a zip archive: {}", zip_strerror(archive.get()));
  static_cast<void>(archive.release());
  CURIE_CHECK(zip_source_open(contents) == 0, file, "cannot finish a zip archive");
  zip_stat_t stat;
  zip_stat_init(&stat);
  CURIE_CHECK(zip_source_stat(contents, &stat) == 0, file, "cannot finish a zip archive");
  std::vector<std::byte> bytes(stat.size);
  const zip_int64_t count = zip_source_read(contents, bytes.data(), bytes.size());
  zip_source_close(contents);
  CURIE_CHECK(count == static_cast<zip_int64_t>(bytes.size()), file, "cannot finish a zip archive");
  return bytes;
}

}  // namespace curie
