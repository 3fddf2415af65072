// Data sets on disk as one folder per class: DIR/COVID/a.png, DIR/Normal/b.jpg, ...
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace curie {

struct ScanOptions {
  std::vector<std::string> classes = {};   // which, and in which order; empty: every folder, sorted by name
  std::map<std::string, int> limits = {};  // the first N files of a class, in sorted order
};

struct FolderScan {
  struct File {
    std::string source;  // relative to the root: "COVID/COVID-11.jpg"
    int label = 0;       // index into class_names
  };

  std::filesystem::path root;
  ScanOptions options;
  std::vector<std::string> class_names;
  std::vector<File> files;           // class by class, within a class sorted bytewise by name
  std::vector<std::string> ignored;  // relative to the root: files that are no images by name, folders inside classes

  std::vector<int> class_counts() const;
};

// Finds the images without opening them. A class folder that holds an `images` folder (as the COVID-19 Radiography
// Database has beside `masks`) stands for that. Names of classes are matched without regard to case, and appear in the
// result as `options.classes` spells them. Hidden files are passed over. Throws Error that says what was looked for and
// what is there: usage for unknown classes and limits, data for a folder that cannot be a data set (missing, no class
// folders, one class, a class without images).
FolderScan scan_class_folders(const std::filesystem::path& root, const ScanOptions& options = {});

// By the name's ending, in any case: png, jpg, jpeg, jpe, jfif, bmp, dib.
bool has_image_name(const std::filesystem::path& path);

}  // namespace curie
