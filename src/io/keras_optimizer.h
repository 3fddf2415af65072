// What Keras' optimizers remember, as its files hold it: the number of batches and, from Keras 3, the learning rate;
// the moving average of each trained variable, in the order of the model's layers, and the sum of gradients of each,
// where they are kept; then of each the momentum of SGD or both moments of Adam. Used by io/keras.cpp. Layouts:
// keras/src/legacy/saving/legacy_h5_format.py (Keras 2.13: keras/src/saving/legacy/hdf5_format.py),
// keras/src/saving/saving_lib.py and build() in keras/src/optimizers/base_optimizer.py.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5.h"
#include "io/keras_model.h"

namespace curie {

// Groups and datasets to append to a file's: "/optimizer_weights" of .h5 files, in the order of Keras 2.10, whose
// optimizers later ones take for a file that does not ask for theirs (without averages and sums, which these do not
// have), or of a .keras archive's weights "/optimizer/vars". `training`: keras_training_config of
// the model. None for a model that was not trained since it was compiled, or that Keras would have to compile.
std::vector<Hdf5Object> keras_optimizer_objects(Model& model, std::span<const KerasLayer> layers,
                                                const nlohmann::json& training, KerasVersion dialect);

// Takes what the file remembers, if it does, into the compiled model: training goes on from there. `training`: the
// file's training configuration. Warns, and leaves the optimizer fresh, where it does not fit the model; Error(file)
// for values that are not finite.
void read_keras_optimizer(const Hdf5File& file, const nlohmann::json& training, KerasModel& read);

}  // namespace curie
