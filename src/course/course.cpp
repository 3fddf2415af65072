#include "course/course.h"

#include <fmt/format.h>

#include <algorithm>

#include "course/parts.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace curie {

std::string_view name_of(Counter counter) {
  switch (counter) {
    case Counter::none:
      break;
    case Counter::global_bytes:
      return "bytes from and to global memory";
    case Counter::sectors_per_request:
      return "sectors a request";
    case Counter::requests:
      return "load and store instructions";
    case Counter::shared_wavefronts:
      return "shared-memory wavefronts";
    case Counter::barriers:
      return "barriers";
    case Counter::blocks:
      return "blocks that can run at a time";
  }
  return "";
}

bool more_is_better(Counter counter) { return counter == Counter::blocks; }

int extent_of(const std::vector<Extent>& extents, const std::string& name) {
  const auto found = std::find_if(extents.begin(), extents.end(), [&](const Extent& e) { return e.name == name; });
  CURIE_ASSERT(found != extents.end(), "the course has no extent \"{}\"", name);
  return found->value;
}

std::string Rung::objection(const std::vector<Extent>& extents) const {
  for (const std::string& extent : in_fours) {
    if (extent_of(extents, extent) % 4 != 0) return fmt::format("takes only multiples of four for {}", extent);
  }
  if (!limited.empty() && extent_of(extents, limited) > limit) return fmt::format("takes {} up to {}", limited, limit);
  return "";
}

const std::vector<Course>& courses() {
  static const std::vector<Course> all = {gemm_course(), conv2d_course(), softmax_course(), batchnorm_course()};
  return all;
}

const Course& find_course(const std::string& name) {
  std::vector<std::string> names;
  for (const Course& course : courses()) {
    if (course.name == name) return course;
    names.push_back(course.name);
  }
  const std::string nearest = suggestion(name, names);
  throw_error(ErrorKind::usage, fmt::format("no course is named \"{}\"{} `curie ladder` lists them", name,
                                            nearest.empty() ? ";" : nearest));
}

}  // namespace curie
