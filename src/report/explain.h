// Looking into a model: heat maps over X-rays, the maps that its layers make of an image, the filters that make them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/picture.h"
#include "tensor/tensor.h"

namespace curie {

// A picture with what it shows.
struct View {
  std::string title;  // "Grad-CAM of conv2d_2"
  std::string text;   // how to read it
  Picture picture;
};

// One layer of the model, or what it made of one image.
struct LayerView {
  std::string name, kind, shape;
  std::string text;  // "64 of 128 maps, each from its lowest (dark) to its highest value"
  Picture picture;
  bool whole = true;  // every map, unit or filter is in the picture
};

struct ExplainedImage {
  std::string source;
  Picture picture;                   // as the network saw it, before normalisation
  std::string predicted, explained;  // class names: the model's choice, and the one that the maps speak of
  std::vector<std::pair<std::string, double>> beliefs;  // every class with its probability
  std::vector<View> maps;
  std::vector<LayerView> layers;
};

struct Explanation {
  std::string model;        // the file
  std::string description;  // "64 x 64 grey, bicubic; classes Normal, COVID"
  std::string command_line, version, device;
  std::vector<ExplainedImage> images;
  std::vector<LayerView> filters;
};

// The page: UTF-8, one file, no reference to anything outside itself and no script. Throws Error(usage) for pictures
// that contradict their sizes.
std::string render_explanation(const Explanation& explanation);

// A layer's output (1, h, w, c) or (1, n) in host memory: every map in its own range, at most `most` of them, or the
// units as a row of cells. `text` tells how many there are.
LayerView activation_view(const Tensor& output, int most = 64);

// A convolution's kernel (k, r, s, c) in host memory: each filter, in colour for three channels; from four channels on
// a row for each filter with a cell for each channel, at most `most` of both. Red weights are positive, blue ones
// negative.
LayerView filter_view(const Tensor& kernel, int most = 32);

// A dense layer's kernel (inputs, units) in host memory: a row for each unit, a column for each input. A cell of a
// large one stands for a block of weights, and shows the one of largest magnitude.
LayerView matrix_view(const Tensor& kernel);

// The network's input at a size to look at, about 256 pixels, and a map of values over it. `heat_over` colours values
// from 0 to 1; `balance_over` values around zero, red above and blue below, and scales them to the largest magnitude.
Picture to_look_at(const Picture& picture);
Picture heat_over(const Picture& picture, const HeatMap& map);
Picture balance_over(const Picture& picture, const HeatMap& map);

}  // namespace curie
