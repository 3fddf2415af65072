// Training as TensorBoard shows it: a callback that writes event files (io/event_file.h).
#pragma once

#include <filesystem>

#include "data/dataset.h"
#include "model/callback.h"

namespace curie {

// Keras' TensorBoard callback. `folder`/train gets "epoch_loss", "epoch_accuracy", "epoch_learning_rate", ... at the
// step that is the epoch, from 0; `folder`/validation the values of the "val_" names, without "val_". A run that is
// resumed adds files, and TensorBoard shows each epoch once. `tensorboard --logdir FOLDER` shows them.
struct TensorBoard {
  std::filesystem::path folder;
  // Histograms of every parameter ("dense/kernel/histogram") and of its gradient in the epoch's last update
  // ("dense/kernel/gradient/histogram"), every so many epochs; 0: none.
  int histogram_frequency = 0;
  // Samples to show as "examples/0", "examples/1", ... (u8 as they are, f32 stretched from their smallest to their
  // largest value); must outlive the run. Null: none.
  const Dataset* examples = nullptr;
  int example_count = 8;
  CallbackPtr make() const;
};

}  // namespace curie
