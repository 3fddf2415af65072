// What Curie needs of libzip, for .npz files here and .keras archives in io/hdf5. In builds with libzip only.
#pragma once

#include <zip.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace curie::libzip {

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;
using Entry = std::unique_ptr<zip_file_t, Discard>;

// All of these throw Error(file) that begins with `doing` or `what`, and with libzip's words behind it.

// Reads from memory that must outlive it; without bytes it takes what is written.
Source memory_source(std::span<const std::byte> bytes, const std::string& doing);
Archive open_archive(Source source, int flags, const std::string& doing);
Archive open_archive(const std::string& path, const std::string& doing);  // for reading, checked for consistency

// Sizes and name of an entry, all known.
zip_stat_t entry_stat(zip_t* archive, zip_uint64_t index, const std::string& what);
Entry open_entry(zip_t* archive, zip_uint64_t index, const std::string& what);
// The next bytes of the entry, all of `out`.
void read_entry(zip_file_t* entry, std::span<std::byte> out, const std::string& what);
// That nothing follows; only then libzip compares the checksum.
void expect_end(zip_file_t* entry, const std::string& what);

// The bytes of an archive with these entries, by name, in this order, dated 1980-01-01, the earliest there is: the same
// entries give the same bytes. Error(usage) for a name that is there twice.
std::vector<std::byte> compose(const std::vector<std::pair<std::string, std::span<const std::byte>>>& entries,
                               bool compressed, const std::string& doing);

}  // namespace curie::libzip
