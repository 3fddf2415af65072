#include "recipes/cohen146.h"

namespace curie {

Recipe covid_experiment(int image_size, int channels) {
  Recipe recipe;
  recipe.document = "\"COVID X-Ray Image Classification Using Deep Learning\" (S. Saxena, A. Rawat, A. Chauhan)";
  recipe.classes = {"Normal", "COVID"};
  recipe.phantoms = {{PhantomFinding::normal, 146}, {PhantomFinding::ground_glass, 146}};
  // Keras' flow_from_directory takes the nearest pixel unless told otherwise.
  recipe.preprocessing = {
      .width = image_size, .height = image_size, .channels = channels, .resample = Resample::nearest};
  recipe.test = TestPart::held_back(16);
  recipe.validation = ValidationPart::of_each_class(0.25);  // 33 of 130: 194 train, 66 validate
  recipe.augmentation = Augmentation::keras_zoom(0.5);
  recipe.augmentation->rotation = 45;
  recipe.augmentation->horizontal_flip = true;
  recipe.early_stopping = {.monitor = "val_loss", .patience = 0, .mode = MonitorMode::min};
  recipe.compile = [] { return CompileOptions{.optimizer = Adam{}, .loss = BinaryCrossentropy{}}; };
  recipe.notes = {
      {"The document's figures differ by chance",
       "Of its 32 test images 81 % and 91 % are three images apart. Train with several seeds and split seeds before "
       "comparing."},
      {"The classes come from different sources",
       "COVID images come from Cohen's collection, normal ones from Kermany's children. A model can tell the sources "
       "apart by borders, text and age without looking at the lungs."},
      {"Several images of one patient",
       "Held back at random as in the document, a patient can have images on both sides of the split. --split-by "
       "patient keeps them together; expect lower figures."},
      {"How images are brought to size",
       "The document does not say. Keras' flow_from_directory takes the nearest pixel, and so does this recipe."},
  };
  return recipe;
}

}  // namespace curie
