#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "io/hdf5.h"
#include "io/hdf5/handle.h"
#include "io/hdf5/wire.h"
#include "tensor/files.h"

namespace curie {
namespace {

using namespace hdf5;  // NOLINT: this file is about nothing else

constexpr std::size_t kMaxName = 4096;
constexpr std::size_t kMaxTexts = 100'000;                        // in one attribute
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;      // of one attribute
constexpr std::size_t kUnexplainedBytes = std::size_t{64} << 20;  // of values, whatever the file's size
constexpr std::size_t kValuesPerFileByte = 8;                     // what compression may explain
constexpr std::uint8_t kGroupTag = 1, kDatasetTag = 2, kEndTag = 3;

// --- in the child -------------------------------------------------------------------------------------------------

struct Visit {
  WireWriter* out;
  const std::vector<std::string>* skip;
  std::size_t objects_left, value_bytes_left;
  std::string error;  // of an exception, which must not pass through the library
};

std::string type_text(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return fmt::format("integers of {} bytes", size);
    case H5T_FLOAT:
      return fmt::format("floats of {} bytes", size);
    case H5T_STRING:
      return "texts";
    default:
      return "elements of another kind";
  }
}

// The elements of a text attribute, or nothing for one of another type.
void send_attribute(hid_t object, const std::string& name, WireWriter& out) {
  const Attribute attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), "open an attribute");
  const Type type(H5Aget_type(attribute), "read an attribute's type");
  const Space space(H5Aget_space(attribute), "read an attribute's shape");
  const bool scalar = H5Sget_simple_extent_type(space) == H5S_SCALAR;
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  CURIE_CHECK(points >= 0 && static_cast<std::size_t>(points) <= kMaxTexts, file,
              "attribute \"{}\": expected at most {} elements, found {}", name, kMaxTexts, points);
  const auto count = static_cast<std::size_t>(points);
  const bool is_text = H5Tget_class(type) == H5T_STRING;
  if (!is_text && count > 0) return;
  std::vector<std::string> texts;
  if (is_text && H5Tis_variable_str(type) > 0) {
    std::vector<char*> strings(count, nullptr);
    if (count > 0) check(H5Aread(attribute, type, strings.data()), fmt::format("read the attribute \"{}\"", name));
    for (const char* string : strings) texts.emplace_back(string == nullptr ? "" : string);
  } else if (is_text && count > 0) {
    const std::size_t size = H5Tget_size(type);
    CURIE_CHECK(size > 0 && size <= kMaxTextBytes / count, file, "attribute \"{}\": {} texts of {} bytes are too many",
                name, count, size);
    std::string bytes(size * count, '\0');
    check(H5Aread(attribute, type, bytes.data()), fmt::format("read the attribute \"{}\"", name));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string one = bytes.substr(i * size, size);
      texts.push_back(one.substr(0, one.find('\0')));
    }
  }
  out.text(name);
  out.number<std::uint8_t>(scalar ? 0 : 1);
  out.number<std::uint64_t>(texts.size());
  for (const std::string& text : texts) out.text(text);
}

void send_attributes(hid_t object, WireWriter& out) {
  std::vector<std::string> names;
  hsize_t position = 0;
  check(H5Aiterate2(
            object, H5_INDEX_NAME, H5_ITER_INC, &position,
            [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
              static_cast<std::vector<std::string>*>(list)->emplace_back(name);
              return 0;
            },
            &names),
        "list attributes");
  for (const std::string& name : names) send_attribute(object, name, out);
  out.text("");  // no more
}

// Elements that lie in other files would be read without their owner's knowledge.
void check_inside(hid_t dataset) {
  const Properties properties(H5Dget_create_plist(dataset), "read a dataset's layout");
  const bool elsewhere = H5Pget_external_count(properties) != 0 || H5Pget_layout(properties) == H5D_VIRTUAL;
  CURIE_CHECK(!elsewhere, file, "the elements of a dataset lie in another file; Curie reads only this one");
}

void send_dataset(hid_t dataset, Visit& visit) {
  WireWriter& out = *visit.out;
  check_inside(dataset);
  const Type type(H5Dget_type(dataset), "read a dataset's type");
  const Space space(H5Dget_space(dataset), "read a dataset's shape");
  const int rank = H5Sget_simple_extent_ndims(space);
  const bool floats = H5Tget_class(type) == H5T_FLOAT && rank >= 0 && rank <= Shape::kMaxRank &&
                      H5Sget_simple_extent_type(space) != H5S_NULL;
  if (!floats) {
    out.text(fmt::format("{}, {} extents", type_text(type), rank));
    const bool integer = H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_type(space) == H5S_SCALAR;
    out.number<std::uint8_t>(integer ? 1 : 0);
    std::int64_t value = 0;
    if (integer) check(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value), "read a dataset");
    if (integer) out.number(value);
    return;
  }
  std::array<hsize_t, Shape::kMaxRank> extents{};
  check(H5Sget_simple_extent_dims(space, extents.data(), nullptr), "read a dataset's extents");
  std::size_t elements = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const hsize_t extent = extents[static_cast<std::size_t>(axis)];
    CURIE_CHECK(extent <= std::numeric_limits<int>::max() &&
                    (extent == 0 || elements <= visit.value_bytes_left / sizeof(float) / extent),
                file, "a dataset claims more elements than the file's size explains");
    elements *= extent;
  }
  visit.value_bytes_left -= elements * sizeof(float);
  std::vector<float> values(elements);
  if (elements > 0) {
    check(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "read a dataset");
  }
  out.text("");
  out.number<std::uint8_t>(static_cast<std::uint8_t>(rank));
  for (int axis = 0; axis < rank; ++axis)
    out.number<std::int32_t>(static_cast<std::int32_t>(extents[static_cast<std::size_t>(axis)]));
  out.bytes(std::as_bytes(std::span(values)));
}

bool is_skipped(std::string_view path, const std::vector<std::string>& skip) {
  return std::any_of(skip.begin(), skip.end(), [&](const std::string& name) {
    return path == name || (path.starts_with(name) && path[name.size()] == '/');
  });
}

herr_t visit_object(hid_t root, const char* name, const H5O_info_t* info, void* context) {
  Visit& visit = *static_cast<Visit*>(context);
  const std::string path = std::string_view(name) == "." ? "" : name;
  try {
    return with_context(fmt::format("reading \"/{}\"", path.substr(0, 200)), [&]() -> herr_t {
      CURIE_CHECK(path.size() <= kMaxName, file, "a path of {} bytes is too long", path.size());
      if (is_skipped(path, *visit.skip)) return 0;
      CURIE_CHECK(visit.objects_left-- > 0, file, "it holds too many groups and datasets");
      if (info->type != H5O_TYPE_GROUP && info->type != H5O_TYPE_DATASET) return 0;
      const Object object(H5Oopen(root, name, H5P_DEFAULT), "open it");
      visit.out->number<std::uint8_t>(info->type == H5O_TYPE_GROUP ? kGroupTag : kDatasetTag);
      visit.out->text("/" + path);
      send_attributes(object, *visit.out);
      if (info->type == H5O_TYPE_DATASET) send_dataset(object, visit);
      return 0;
    });
  } catch (const std::bad_alloc&) {
    visit.error = "it takes too much memory";
  } catch (const std::exception& error) {
    visit.error = error.what();
  }
  return -1;
}

void read_in_child(std::span<const std::byte> bytes, const std::vector<std::string>& skip, const Hdf5Limits& limits,
                   const Sink& send) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);  // no filter from a plug-in
  const Properties access(H5Pcreate(H5P_FILE_ACCESS), "set up the HDF5 library");
  check(H5Pset_fapl_core(access, std::size_t{1} << 16, 0), "set up the HDF5 library");
  check(H5Pset_file_image(access, const_cast<std::byte*>(bytes.data()), bytes.size()), "set up the HDF5 library");
  const File file(H5Fopen("image", H5F_ACC_RDONLY, access), "open it as HDF5");
  WireWriter out(send);
  Visit visit{.out = &out,
              .skip = &skip,
              .objects_left = limits.objects,
              .value_bytes_left = kUnexplainedBytes + kValuesPerFileByte * bytes.size(),
              .error = {}};
  const herr_t status = H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &visit);
  CURIE_CHECK(visit.error.empty(), file, "{}", visit.error);
  check(status, "list its groups");
  out.number(kEndTag);
}

// --- in the parent ------------------------------------------------------------------------------------------------

Hdf5Object receive_object(WireReader& in, bool group, const std::string& name) {
  Hdf5Object object{.path = in.text(), .group = group};
  for (std::string key = in.text(); !key.empty(); key = in.text()) {
    Hdf5Text& text = object.attributes[key];
    text.list = in.number<std::uint8_t>() != 0;
    const auto count = in.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) text.texts.push_back(in.text());
    CURIE_CHECK(text.list || text.texts.size() <= 1, file, "{}: an attribute is damaged", name);
    if (!text.list) text.texts.resize(1);
  }
  if (group) return object;
  object.type = in.text();
  if (!object.type.empty()) {
    if (in.number<std::uint8_t>() != 0) object.integer = in.number<std::int64_t>();
    return object;
  }
  const int rank = in.number<std::uint8_t>();
  CURIE_CHECK(rank <= Shape::kMaxRank, file, "{}: {}: {} extents are too many", name, object.path, rank);
  std::array<int, Shape::kMaxRank> extents{};
  std::size_t elements = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const int extent = in.number<std::int32_t>();
    CURIE_CHECK(extent >= 0 && (extent == 0 || elements <= (std::size_t{1} << 40) / static_cast<std::size_t>(extent)),
                file, "{}: {}: its extents are damaged", name, object.path);
    extents[static_cast<std::size_t>(axis)] = extent;
    elements *= static_cast<std::size_t>(extent);
  }
  const std::span<const std::byte> bytes = in.bytes();
  CURIE_CHECK(bytes.size() == elements * sizeof(float), file, "{}: {}: expected {} elements, found {}", name,
              object.path, elements, bytes.size() / sizeof(float));
  object.values = Tensor::zeros(Shape(std::span<const int>(extents.data(), static_cast<std::size_t>(rank))));
  std::copy(bytes.begin(), bytes.end(), object.values.raw());
  return object;
}

}  // namespace

std::mutex& hdf5::library_lock() {
  static std::mutex lock;
  return lock;
}

Hdf5File parse_hdf5(std::span<const std::byte> bytes, const std::string& name, const std::vector<std::string>& skip,
                    const Hdf5Limits& limits) {
  CURIE_CHECK(looks_like_hdf5(bytes), file,
              "{}: expected an HDF5 file, which begins with the bytes 89 48 44 46, found something else", name);
  CURIE_CHECK(bytes.size() <= limits.file_bytes, file, "{}: expected at most {} bytes, found {}", name,
              limits.file_bytes, bytes.size());
  const std::size_t values = kUnexplainedBytes + kValuesPerFileByte * bytes.size();
  const IsolationLimits isolation{.memory_bytes = 2 * values, .output_bytes = 2 * values, .seconds = limits.seconds};
  std::vector<std::byte> sent;
  {
    const std::lock_guard<std::mutex> lock(library_lock());
    sent = run_isolated(name, isolation, [&](const Sink& send) { read_in_child(bytes, skip, limits, send); });
  }
  Hdf5File file{.name = name, .objects = {}};
  WireReader in(sent, name);
  for (;;) {
    const auto tag = in.number<std::uint8_t>();
    if (tag == kEndTag) break;
    CURIE_CHECK(tag == kGroupTag || tag == kDatasetTag, file, "{}: reading it went wrong; it is damaged", name);
    file.objects.push_back(receive_object(in, tag == kGroupTag, name));
  }
  return file;
}

Hdf5File read_hdf5(const std::filesystem::path& path, const std::vector<std::string>& skip, const Hdf5Limits& limits) {
  return parse_hdf5(read_file(path, limits.file_bytes), path.string(), skip, limits);
}

FormatSupport hdf5_support() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return {true, fmt::format("HDF5 {}.{}.{}, for Keras' .h5, .hdf5 and .keras", major, minor, release)};
}

}  // namespace curie
