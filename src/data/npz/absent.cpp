// In builds without libzip.
#include "data/npz.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr const char* kWhy =
    "{}: this Curie was built without libzip, so it cannot use .npz files: install libzip-dev and build again, or use "
    "one "
    ".npy file for each array";

}  // namespace

struct NpzFile::State {};

NpzFile::NpzFile(const std::filesystem::path& path) { CURIE_CHECK(state_ != nullptr, usage, kWhy, path.string()); }

NpzFile::~NpzFile() = default;

const std::vector<std::string>& NpzFile::names() const { CURIE_ASSERT(false, "no libzip"); }

NpyArray NpzFile::read(const std::string&) { CURIE_ASSERT(false, "no libzip"); }

void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>&, bool) {
  throw_error(ErrorKind::usage, fmt::format(kWhy, path.string()));
}

}  // namespace curie
