// Models in Keras' files: HDF5 (.h5, .hdf5), which every version of Keras reads, and .keras archives, Keras 3's own.
// Layouts: keras/src/legacy/saving/legacy_h5_format.py and keras/src/saving/saving_lib.py.
//
// Both hold the architecture, the weights, the training configuration and, of a model that was trained, what its
// optimizer remembers (io/keras_optimizer.h), so that either side goes on where the other one ended, and beside these,
// where Keras does not look, Curie's preprocessing, class names, provenance and a probe (io/probe.h). Keras' model
// takes what Curie's takes after normalization, since that is how Keras' users prepare their images: for recipes that
// divide by 255, pixels divided by 255.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "io/model_file.h"

namespace curie {

// Replace `path` whole or not at all. The model must be compiled. Error(usage) for a model with a layer that Keras does
// not have.
void save_keras_hdf5(const std::filesystem::path& path, Model& model, const ModelInfo& info);
void save_keras_archive(const std::filesystem::path& path, Model& model, const ModelInfo& info);

// Reads either, told apart by their first bytes. Of a file that Keras wrote, preprocessing and class names are what
// `told` says, else guessed, with a warning. Error(file) that names the layer or the tensor for what is damaged, does
// not fit together, or has no counterpart in Curie; Error(usage) where `told` contradicts the file.
LoadedModel load_keras(const std::filesystem::path& path, const std::string& device = "auto",
                       const BackendOptions& backend = {}, const ToldInfo& told = {});

// Whether a file with these contents, which looks_like_keras, holds an architecture beside its weights.
bool keras_has_model(std::span<const std::byte> bytes, const std::string& file);

// Whether a file that begins with these bytes is one of the two.
bool looks_like_keras(std::span<const std::byte> bytes);

}  // namespace curie
