#include <algorithm>
#include <array>

#include "io/hdf5.h"
#include "io/hdf5/handle.h"

namespace curie {
namespace {

using namespace hdf5;  // NOLINT: this file is about nothing else

void write_attribute(hid_t object, const std::string& name, const Hdf5Text& text) {
  const Type type(H5Tcopy(H5T_C_S1), "make a type");
  check(H5Tset_cset(type, H5T_CSET_UTF8), "make a type");
  if (!text.list) {
    // Of variable length, since a fixed text must fit into the 64 KiB of an object's header.
    check(H5Tset_size(type, H5T_VARIABLE), "make a type");
    const Space space(H5Screate(H5S_SCALAR), "make a shape");
    const Attribute attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                              "make an attribute");
    const char* value = text.texts.at(0).c_str();
    check(H5Awrite(attribute, type, &value), "write an attribute");
    return;
  }
  std::size_t longest = 1;
  for (const std::string& one : text.texts) longest = std::max(longest, one.size());
  check(H5Tset_size(type, longest), "make a type");
  check(H5Tset_strpad(type, H5T_STR_NULLPAD), "make a type");
  const hsize_t count = text.texts.size();
  const Space space(H5Screate_simple(1, &count, nullptr), "make a shape");
  const Attribute attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                            "make an attribute");
  std::string bytes(longest * text.texts.size(), '\0');
  for (std::size_t i = 0; i < text.texts.size(); ++i)
    std::copy(text.texts[i].begin(), text.texts[i].end(), bytes.begin() + static_cast<std::ptrdiff_t>(i * longest));
  if (count > 0) check(H5Awrite(attribute, type, bytes.data()), "write an attribute");
}

void write_object(hid_t file, const Hdf5Object& object) {
  const Properties link(H5Pcreate(H5P_LINK_CREATE), "set up the HDF5 library");
  check(H5Pset_create_intermediate_group(link, 1), "set up the HDF5 library");
  const auto attributes = [&](hid_t id) {
    for (const auto& [name, text] : object.attributes) write_attribute(id, name, text);
  };
  if (object.path == "/") {
    attributes(file);
  } else if (object.group) {
    const Group group(H5Gcreate2(file, object.path.c_str(), link, H5P_DEFAULT, H5P_DEFAULT), "make a group");
    attributes(group);
  } else {
    const std::span<const int> shape = object.integer ? std::span<const int>() : object.values.shape().extents();
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const Space space(extents.empty() ? H5Screate(H5S_SCALAR)
                                      : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                      "make a shape");
    const Properties creation(H5Pcreate(H5P_DATASET_CREATE), "set up the HDF5 library");
    check(H5Pset_obj_track_times(creation, false), "set up the HDF5 library");  // the same bytes every time
    const hid_t type = object.integer ? H5T_STD_I64LE : H5T_IEEE_F32LE;
    const Dataset dataset(H5Dcreate2(file, object.path.c_str(), type, space, link, creation, H5P_DEFAULT),
                          "make a dataset");
    attributes(dataset);
    if (object.integer) {
      check(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &*object.integer), "write a dataset");
    } else if (object.values.elements() > 0) {
      check(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, object.values.host<float>().data()),
            "write a dataset");
    }
  }
}

}  // namespace

std::vector<std::byte> compose_hdf5(std::span<const Hdf5Object> objects) {
  const std::lock_guard<std::mutex> lock(library_lock());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Properties access(H5Pcreate(H5P_FILE_ACCESS), "set up the HDF5 library");
  check(H5Pset_fapl_core(access, std::size_t{1} << 20, 0), "set up the HDF5 library");
  const File file(H5Fcreate("image", H5F_ACC_TRUNC, H5P_DEFAULT, access), "make an HDF5 file");
  for (const Hdf5Object& object : objects) {
    with_context(fmt::format("writing \"{}\"", object.path), [&] { write_object(file, object); });
  }
  check(H5Fflush(file, H5F_SCOPE_GLOBAL), "finish the HDF5 file");
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  CURIE_CHECK(size > 0, file, "cannot finish the HDF5 file: {}", last_message());
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  CURIE_CHECK(H5Fget_file_image(file, bytes.data(), bytes.size()) == size, file, "cannot finish the HDF5 file: {}",
              last_message());
  return bytes;
}

}  // namespace curie
