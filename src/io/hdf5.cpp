#include "io/hdf5.h"

#include <algorithm>
#include <array>

namespace curie {

const Hdf5Text* Hdf5Object::attribute(const std::string& name) const {
  const auto found = attributes.find(name);
  return found == attributes.end() ? nullptr : &found->second;
}

const Hdf5Object* Hdf5File::find(std::string_view path) const {
  const auto found =
      std::find_if(objects.begin(), objects.end(), [&](const Hdf5Object& object) { return object.path == path; });
  return found == objects.end() ? nullptr : &*found;
}

bool looks_like_hdf5(std::span<const std::byte> bytes) {
  constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  return bytes.size() >= kSignature.size() &&
         std::equal(kSignature.begin(), kSignature.end(), reinterpret_cast<const unsigned char*>(bytes.data()));
}

}  // namespace curie
