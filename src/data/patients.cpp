#include "data/patients.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>

#include "data/csv.h"
#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/log.h"
#include "tensor/text.h"

namespace curie {
namespace {

constexpr std::size_t kLargestTable = std::size_t{256} << 20;

template <std::size_t kCount>
std::size_t column(const std::vector<std::string>& header, const std::array<std::string_view, kCount>& names,
                   const std::string& path) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (std::find(names.begin(), names.end(), lower_case(header[i])) != names.end()) return i;
  }
  throw_error(ErrorKind::data, fmt::format("{}: expected a column \"{}\" in its first line, found {}", path, names[0],
                                           fmt::join(header, ", ")));
}

// The patient of each file that root / metadata.csv names; empty where there is no such table.
std::map<std::string, std::string> patients_in_table(const std::filesystem::path& root) {
  const std::filesystem::path path = root / "metadata.csv";
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown)) return {};
  const std::vector<std::vector<std::string>> rows = parse_csv(read_text(path, kLargestTable), path.string());
  CURIE_CHECK(!rows.empty(), data, "{}: expected a table of files and patients, found an empty file", path.string());
  const std::size_t file = column(rows[0], std::array<std::string_view, 2>{"file", "filename"}, path.string());
  const std::size_t patient =
      column(rows[0], std::array<std::string_view, 3>{"patient", "patient_id", "patientid"}, path.string());
  std::map<std::string, std::string> patients;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i][patient].empty()) continue;
    const auto [known, added] = patients.emplace(rows[i][file], rows[i][patient]);
    CURIE_CHECK(added || known->second == rows[i][patient], data, "{}: the file {} belongs to patients {} and {}",
                path.string(), rows[i][file], known->second, rows[i][patient]);
  }
  return patients;
}

// Reads a name from its front; what is not there is not passed. Letters in any case.
class NameReader {
 public:
  explicit NameReader(std::string_view name) : name_(name) {}
  std::size_t position() const { return position_; }

  bool word(std::string_view expected) {
    if (lower_case(std::string(name_.substr(position_, expected.size()))) != lower_case(std::string(expected))) {
      return false;
    }
    position_ += expected.size();
    return true;
  }

  bool digits(std::size_t at_least) {
    std::size_t end = position_;
    while (end < name_.size() && std::isdigit(static_cast<unsigned char>(name_[end])) != 0) ++end;
    if (end - position_ < at_least) return false;
    position_ = end;
    return true;
  }

 private:
  std::string_view name_;
  std::size_t position_ = 0;
};

}  // namespace

std::string patient_of_name(std::string_view file) {
  NameReader person(file);
  if (person.word("person") && person.digits(1)) {
    const std::size_t end = person.position();
    if (person.word("_") && (person.word("bacteria") || person.word("virus")) && person.word("_")) {
      return std::string(file.substr(0, end));
    }
  }
  NameReader study(file);
  const bool normal = study.word("NORMAL");
  if (normal && !(study.digits(0) && study.word("-"))) return "";
  if (!study.word("IM-") || !study.digits(1)) return "";
  const std::size_t end = study.position();
  return study.word("-") && study.digits(1) ? std::string(file.substr(0, end)) : "";
}

PatientGroups patients_of(const FolderScan& scan) {
  const std::map<std::string, std::string> table = patients_in_table(scan.root);
  PatientGroups groups;
  for (const FolderScan::File& file : scan.files) {
    const std::string name = std::filesystem::path(file.source).filename().string();
    auto row = table.find(file.source);
    if (row == table.end()) row = table.find(name);
    std::string group = row == table.end() ? "" : "patient " + row->second;
    if (group.empty()) {
      group = patient_of_name(name);
      if (!group.empty() && file.part != Part::whole) group = fmt::format("{}/{}", name_of(file.part), group);
    }
    groups.known += group.empty() ? 0 : 1;
    groups.names.push_back(group.empty() ? file.source : group);
  }
  return groups;
}

PatientGroups known_patients_of(const FolderScan& scan) {
  try {
    return patients_of(scan);
  } catch (const Error& error) {
    log_warning("patients are not known: {}", error.what());
    return {};
  }
}

}  // namespace curie
