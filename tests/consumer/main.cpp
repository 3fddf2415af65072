// Trains a small network on phantoms, saves it, reads it back, and checks that both say the same.
#include <curie.h>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  using namespace curie;
  if (argc != 2) return 2;
  ThreadPool pool(2);
  const LabelledImages images = make_phantoms({.normal = 40, .covid = 40, .size = 32}, pool);
  const ImageDataset data(images);

  Sequential model({32, 32, 1});
  model.add(Conv2D{.filters = 8, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Flatten{})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  model.compile({.optimizer = Adam{}, .loss = BinaryCrossentropy{}, .device = "cpu"});
  const History history = model.fit(data, {.epochs = 2,
                                           .batch_size = 16,
                                           .class_weights = balanced_class_weights(images.class_counts()),
                                           .verbose = Verbosity::silent});
  if (history.epochs.size() != 2) return 1;

  save_model(argv[1], model,
             {.preprocessing = {.width = 32, .height = 32}, .class_names = images.class_names, .provenance = {}});
  LoadedModel loaded = load_model(argv[1], "cpu");
  const Tensor before = model.predict(data);
  const Tensor after = loaded.model.predict(data);
  const bool same = std::memcmp(before.raw(), after.raw(), before.bytes()) == 0;
  std::puts(same ? "consumer: passed" : "consumer: FAILED: the model that was read back differs");
  return same ? 0 : 1;
}
