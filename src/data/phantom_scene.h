// What one phantom shows: the numbers that describe its anatomy, drawn at random. Internal to the phantoms.
//
// Coordinates of the body: x to the right of the image (the patient's left), y down, the chest within [-1, 1] each way.
// For things that come in pairs, u = |x| is the distance from the midline, and side 0 is the one with x < 0.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/phantom.h"

namespace curie {

struct Point {
  float x, y;
};

// An ellipse with a smooth profile: attenuation `amount` at its centre, none from its rim on.
struct Blob {
  Point centre;
  Point half_axes;
  Point direction;  // unit vector of the first axis
  float amount;
  bool in_lungs = false;      // seen through the lungs only
  float roughness = 0;        // 0: smooth; above: a patch with a ragged border and texture
  std::uint32_t texture = 0;  // seed of the raggedness
};

// A straight piece of a blood vessel.
struct Vessel {
  Point from, to;
  float half_width, amount;
};

struct Lung {
  float apex;       // y of the top
  float width;      // u of the lateral border at its widest
  float medial;     // u of the inner border
  float dome;       // y of the top of the diaphragm
  float dome_fall;  // how far the diaphragm falls towards the side
};

struct PhantomScene {
  // Pose: body to image is rotation, then scale, then shift.
  Point rotation;  // cosine and sine
  float scale;
  Point shift;

  std::array<Lung, 2> lungs;
  float body_width, shoulder, thickness;
  float air;  // how much attenuation a lung takes away

  Blob heart;
  float aorta;        // radius of the knob
  float mediastinum;  // half width
  float spine, vertebra;

  float rib_top, rib_spacing, rib_half_width, rib_arch, rib_amount;
  std::array<float, 16> rib_strength;
  Point clavicle;  // y at the midline, rise towards the shoulder
  float clavicle_amount;

  std::vector<Blob> blobs;  // opacities, soft tissue, gas, distractors
  std::vector<Vessel> vessels;
  bool marker;  // the letter plate of the radiographer
  Point marker_at;

  float contrast, brightness, noise;
};

// `finding` and `index` name the image.
PhantomScene draw_phantom_scene(std::uint64_t seed, PhantomFinding finding, int index);

}  // namespace curie
