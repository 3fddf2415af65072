// Which images show the same patient, so that a split can keep a patient's images together: a network that has met a
// patient in training recognises more than the disease.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/folder.h"

namespace curie {

struct PatientGroups {
  std::vector<std::string> names;  // for each file of the scan; equal names: the same patient
  int known = 0;                   // files whose patient is known; each of the others is a group of its own
};

// For each file the first of these that says something:
// - root / metadata.csv, with a header line: the file in a column `file` or `filename`, as a path from the root or as a
//   bare name, the patient in `patient`, `patient_id` or, as in Cohen's collection, `patientid`.
// - The file's name as Kermany's chest X-rays have it (patient_of_name), apart for each part, since both count from 1.
// Throws Error(data) for a metadata.csv that cannot be read as such.
PatientGroups patients_of(const FolderScan& scan);
// The same where nothing depends on it: a metadata.csv that is another program's is a warning, and no patient is known.
PatientGroups known_patients_of(const FolderScan& scan);

// "person100" of person100_bacteria_475.jpeg, "IM-0033" of IM-0033-0001-0002.jpeg, "NORMAL2-IM-0385" of
// NORMAL2-IM-0385-0001.jpeg; empty for other names. One number may be a patient with bacteria and another with a virus:
// they are taken for one, which at worst keeps two patients together.
std::string patient_of_name(std::string_view file);

}  // namespace curie
