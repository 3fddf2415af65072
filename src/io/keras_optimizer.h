// What Keras' optimizers remember, as its files hold it: after the number of updates and, from Keras 3, the learning
// rate, for each trained variable in the order of the model's layers, the momentum of SGD or both moments of Adam. Used
// by io/keras.cpp. Layouts: keras/src/legacy/saving/legacy_h5_format.py (Keras 2.13:
// keras/src/saving/legacy/hdf5_format.py) and keras/src/saving/saving_lib.py.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5.h"
#include "io/keras_model.h"

namespace curie {

// Groups and datasets to append to a file's: "/optimizer_weights" of .h5 files, in the order of Keras 2.10, whose
// optimizers later ones take for a file that does not ask for theirs, or of a .keras archive's weights
// "/optimizer/vars". None for a model that was not trained since it was compiled, and none where
// Keras' optimizer remembers something else.
std::vector<Hdf5Object> keras_optimizer_objects(Model& model, std::span<const KerasLayer> layers, KerasVersion dialect);

// Takes what the file remembers, if it does, into the compiled model: training goes on from there. `training`: the
// file's training configuration. Warns, and leaves the optimizer fresh, where it does not fit the model; Error(file)
// for values that are not finite.
void read_keras_optimizer(const Hdf5File& file, const nlohmann::json& training, KerasModel& read);

}  // namespace curie
