// Models as ONNX files (onnx.ai, opset 13), for inference elsewhere.
//
// Input "pixels": float32 (N, rows, columns, channels), pixel values 0 to 255 as Curie's preprocessing makes them;
// normalization is the graph's first step, so whoever runs the model takes an image as it is. Output "outputs": float32
// (N, outputs), what Model::predict gives. Inside, images are NCHW as ONNX wants them: one Transpose behind the
// normalization, one before Flatten. Dropout is left out. Preprocessing, class names and a probe (io/probe.h) are in
// the file's metadata.
#pragma once

#include <filesystem>

#include "io/hdf5.h"
#include "io/model_file.h"

namespace curie {

// Replaces `path` whole or not at all. The model must be compiled.
void save_onnx(const std::filesystem::path& path, Model& model, const ModelInfo& info);

// Whether this build writes ONNX, or why not.
FormatSupport onnx_support();

}  // namespace curie
