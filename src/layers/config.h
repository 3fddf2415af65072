// Layers from and to JSON. Each layer's file defines its reader beside the `config` that it reads.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "layers/layers.h"
#include "tensor/json_fields.h"

namespace curie {

nlohmann::json to_json(Extent2 extent);          // [rows, columns]
nlohmann::json to_json(const Padding& padding);  // "valid", "same" or [top, bottom, left, right]
Extent2 read_extent(JsonFields& fields, const std::string& field);
Padding read_padding(JsonFields& fields, const std::string& field);
Activation read_activation(JsonFields& fields, const std::string& field);

LayerPtr read_conv2d(JsonFields& fields);
LayerPtr read_max_pool2d(JsonFields& fields);
LayerPtr read_average_pool2d(JsonFields& fields);
LayerPtr read_l2_pool2d(JsonFields& fields);
LayerPtr read_dense(JsonFields& fields);
LayerPtr read_dropout(JsonFields& fields);
LayerPtr read_batch_normalization(JsonFields& fields);

}  // namespace curie
