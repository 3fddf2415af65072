// In builds without the ONNX schema.
#include "io/onnx.h"

namespace curie {

void save_onnx(const std::filesystem::path& path, Model&, const ModelInfo&) {
  throw_error(ErrorKind::usage,
              fmt::format("{}: writing ONNX needs its schema, which this build is without: {}. Install libonnx-dev and "
                          "libprotobuf-dev and build anew with -DCURIE_ONNX=ON",
                          path.string(), CURIE_NO_ONNX));
}

FormatSupport onnx_support() { return {false, CURIE_NO_ONNX}; }

}  // namespace curie
