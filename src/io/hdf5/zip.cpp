// Beside HDF5, since .keras archives need both.
#include "data/npz/libzip.h"
#include "io/zip_archive.h"
#include "tensor/error.h"

namespace curie {

ZipEntries read_zip(std::span<const std::byte> bytes, const std::string& name, const std::vector<std::string>& wanted,
                    const ZipLimits& limits) {
  const libzip::Archive archive = libzip::open_archive(libzip::memory_source(bytes, name), ZIP_RDONLY | ZIP_CHECKCONS,
                                                       name + ": expected a zip archive, as Keras 3 writes");
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  CURIE_CHECK(count >= 0 && static_cast<std::size_t>(count) <= limits.entries, file,
              "{}: expected an archive of at most {} entries, found {}", name, limits.entries, count);
  ZipEntries entries;
  std::size_t left = limits.always_bytes + limits.inflation * bytes.size();
  for (const std::string& one : wanted) {
    const zip_int64_t found = zip_name_locate(archive.get(), one.c_str(), 0);
    if (found < 0) continue;
    const auto index = static_cast<zip_uint64_t>(found);
    const std::string what = fmt::format("{}: its \"{}\"", name, one);
    const zip_stat_t stat = libzip::entry_stat(archive.get(), index, what);
    CURIE_CHECK(stat.size <= left, file, "{} claims {} bytes, more than the archive's size explains", what, stat.size);
    left -= stat.size;
    const libzip::Entry entry = libzip::open_entry(archive.get(), index, what);
    std::vector<std::byte>& contents = entries[one];
    contents.resize(stat.size);
    libzip::read_entry(entry.get(), contents, what);
    libzip::expect_end(entry.get(), what);
  }
  return entries;
}

std::vector<std::byte> compose_zip(const ZipEntries& entries) {
  std::vector<std::pair<std::string, std::span<const std::byte>>> list;
  for (const auto& [name, bytes] : entries) list.emplace_back(name, bytes);
  return libzip::compose(list, false, "a zip archive");
}

}  // namespace curie
