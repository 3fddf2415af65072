#include "recipes/radiography.h"

namespace curie {

Normalization imagenet_normalization() {
  return {.divisor = 255.0, .mean = {0.485, 0.456, 0.406}, .stddev = {0.229, 0.224, 0.225}};
}

Augmentation small_rotations() {
  return {.style = AugmentationStyle::torchvision,
          .rotation = 10,
          .horizontal_flip = true,
          .fill_mode = WarpFill::constant};
}

Recipe radiography_experiment() {
  Recipe recipe;
  recipe.document = "\"COVID-19 Cases from Chest X-Ray Images\" (A. Avadanei, E. Predescu; University of Bucharest)";
  recipe.classes = {"Normal", "COVID", "Viral Pneumonia", "Lung_Opacity"};
  recipe.positive_class = -1;
  recipe.phantoms = {{PhantomFinding::normal, 500},
                     {PhantomFinding::ground_glass, 500},
                     {PhantomFinding::interstitial, 500},
                     {PhantomFinding::nodular, 500}};
  recipe.preprocessing = {.width = 128, .height = 128, .channels = 3, .resample = Resample::bilinear};
  recipe.test = TestPart::stratified(0.15);
  recipe.validation = ValidationPart::stratified(0.15 / 0.85);
  recipe.epochs = 10;
  recipe.batch_size = 32;
  recipe.early_stopping = {.monitor = "val_loss", .patience = 0, .mode = MonitorMode::min};
  recipe.notes = {
      {"The document's table of the split does not add up",
       "Its rows sum to 14,817, 3,174 and 3,174 images, beside printed totals of 14,815, 3,175 and 3,175. "
       "scikit-learn's "
       "stratified split of the same data gives the printed totals: 4,208 / 902 / 902 Lung_Opacity images, where the "
       "table has 4,210 / 901 / 901."},
      {"What the document leaves open",
       "It names neither batch size nor the filter of the resize. Taken here: 32, and Pillow's bilinear filter, which "
       "is "
       "torchvision's default for images."},
      {"Near-duplicates and ages",
       "The COVID class holds near-duplicates, and the Viral Pneumonia class is mostly children, the others adults: "
       "part "
       "of any accuracy on this data set is not about the disease."},
  };
  return recipe;
}

}  // namespace curie
