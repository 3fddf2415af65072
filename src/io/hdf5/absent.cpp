// In builds without the HDF5 library or libzip.
#include "io/hdf5.h"
#include "io/zip_archive.h"

namespace curie {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw_error(
      ErrorKind::usage,
      fmt::format("{} needs HDF5 and libzip, which this build is without: {}. Install libhdf5-dev and libzip-dev "
                  "and build anew with -DCURIE_HDF5=ON",
                  what, CURIE_NO_HDF5));
}

}  // namespace

Hdf5File read_hdf5(const std::filesystem::path& path, const std::vector<std::string>&, const Hdf5Limits&) {
  refuse(fmt::format("{}: reading it", path.string()));
}

Hdf5File parse_hdf5(std::span<const std::byte>, const std::string& name, const std::vector<std::string>&,
                    const Hdf5Limits&) {
  refuse(fmt::format("{}: reading it", name));
}

std::vector<std::byte> compose_hdf5(std::span<const Hdf5Object>) { refuse("writing Keras files"); }

ZipEntries read_zip(std::span<const std::byte>, const std::string& name, const std::vector<std::string>&,
                    const ZipLimits&) {
  refuse(fmt::format("{}: reading it", name));
}

std::vector<std::byte> compose_zip(const ZipEntries&) { refuse("writing Keras files"); }

FormatSupport hdf5_support() { return {false, CURIE_NO_HDF5}; }

}  // namespace curie
