#include "data/phantom_scene.h"

#include <cmath>
#include <cstddef>

#include "tensor/random.h"

namespace curie {
namespace {

// Draws in sequence from one stream. No function of libm is used but sqrt, so every machine draws the same scene.
class Dice {
 public:
  explicit Dice(const RandomStream& stream) : stream_(stream) {}

  std::uint32_t bits() { return stream_.bits(next_++); }
  float between(float low, float high) { return low + (high - low) * stream_.uniform(next_++); }
  bool chance(float probability) { return stream_.uniform(next_++) < probability; }
  int whole(int low, int high) {  // both included
    return low + static_cast<int>(below(stream_, next_++, static_cast<std::uint32_t>(high - low + 1)));
  }
  // Bell-shaped about `mean`, within 2 * spread of it: the sum of two uniform numbers.
  float about(float mean, float spread) { return mean + spread * (between(-1, 1) + between(-1, 1)); }
  // A unit vector within about +-`tangent` of the x axis.
  Point direction(float tangent) {
    const float t = between(-tangent, tangent) / 2;  // tangent of half the angle
    return {(1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)};
  }

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
};

void draw_frame(Dice& dice, PhantomScene& scene) {
  scene.rotation = dice.direction(0.09f);
  scene.scale = dice.about(1.10f, 0.06f);
  scene.shift = {dice.about(0, 0.04f), dice.about(0.04f, 0.04f)};
  scene.body_width = dice.about(0.92f, 0.05f);
  scene.shoulder = dice.about(-0.80f, 0.04f);
  scene.thickness = dice.about(0.60f, 0.05f);
  scene.air = dice.about(0.46f, 0.05f);
  const float apex = dice.about(-0.76f, 0.03f), width = dice.about(0.76f, 0.03f), dome = dice.about(0.42f, 0.06f);
  for (std::size_t side = 0; side < 2; ++side) {
    const float liver = side == 0 ? -0.05f : 0.02f;  // the liver lifts the right dome
    scene.lungs[side] = {apex + dice.about(0, 0.01f), width + dice.about(0, 0.015f), dice.about(0.13f, 0.015f),
                         dome + liver + dice.about(0, 0.015f), dice.about(0.20f, 0.04f)};
  }
}

void draw_organs(Dice& dice, PhantomScene& scene) {
  const Point tilt = dice.direction(0.2f);
  // The heart's long axis points down to the patient's left, about 35 degrees below the horizontal.
  scene.heart = {.centre = {dice.about(0.10f, 0.02f), dice.about(0.25f, 0.03f)},
                 .half_axes = {dice.about(0.38f, 0.03f), dice.about(0.29f, 0.02f)},
                 .direction = {0.82f * tilt.x - 0.57f * tilt.y, 0.57f * tilt.x + 0.82f * tilt.y},
                 .amount = dice.about(0.40f, 0.03f)};
  scene.aorta = dice.about(0.10f, 0.015f);
  scene.mediastinum = dice.about(0.12f, 0.015f);
  scene.spine = dice.about(0.10f, 0.02f);
  scene.vertebra = dice.about(0.115f, 0.006f);
  scene.rib_top = dice.about(-0.70f, 0.03f);
  scene.rib_spacing = dice.about(0.158f, 0.01f);
  scene.rib_half_width = dice.about(0.030f, 0.003f);
  scene.rib_arch = dice.about(0.95f, 0.15f);
  scene.rib_amount = dice.about(0.125f, 0.02f);
  for (float& strength : scene.rib_strength) strength = dice.about(1.0f, 0.15f);
  scene.clavicle = {dice.about(-0.52f, 0.03f), dice.about(0.20f, 0.05f)};
  scene.clavicle_amount = dice.about(0.15f, 0.025f);
}

// Vessels leave the hilum, a soft shadow itself, in a fan; they bend, thin out and fork once.
void draw_vessels(Dice& dice, PhantomScene& scene) {
  for (const float side : {-1.0f, 1.0f}) {
    const Point hilum = {0.17f, dice.about(-0.03f, 0.02f)};
    scene.blobs.push_back({{side * 0.21f, hilum.y},
                           {dice.about(0.13f, 0.02f), dice.about(0.22f, 0.03f)},
                           {1, 0},
                           dice.between(0.08f, 0.14f)});
    const int branches = dice.whole(9, 13);
    for (int b = 0; b < branches; ++b) {
      const float fan = -1 + 2 * (static_cast<float>(b) + dice.between(0.1f, 0.9f)) / static_cast<float>(branches);
      Point at = {hilum.x + dice.about(0.035f, 0.02f), hilum.y + 0.15f * fan};
      Point step = {0.13f * (1.15f - fan * fan * 0.7f), 0.17f * fan + dice.about(0, 0.02f)};
      float half_width = dice.between(0.012f, 0.018f), amount = dice.between(0.06f, 0.10f);
      for (int piece = 0; piece < 4; ++piece) {
        const auto add = [&](const Point& direction) {
          const Point to = {at.x + direction.x, at.y + direction.y};
          scene.vessels.push_back({{side * at.x, at.y}, {side * to.x, to.y}, half_width, amount});
          return to;
        };
        if (piece == 2) add({step.x * 0.8f - step.y * 0.5f, step.y * 0.8f + step.x * 0.5f});
        at = add(step);
        const float turn = dice.between(-0.35f, 0.35f);
        step = {0.92f * (step.x - turn * step.y), 0.92f * (step.y + turn * step.x)};
        half_width *= 0.75f;
        amount *= 0.78f;
      }
    }
  }
}

// COVID: ragged patches. Normal: one smooth veil on each lung, with the attenuation of such patches and
// the mean and spread of their places, so that the mean images of the classes nearly agree. On both lies a second veil
// of either sign, so that the attenuation of a zone says little about a single image.
void draw_patches(Dice& dice, bool covid, PhantomScene& scene) {
  constexpr Point kMiddle = {0.54f, 0.10f}, kSpread = {0.09f, 0.21f};
  // Half axes of the smooth ellipse whose variance is that of the patches' places plus that of their extent.
  constexpr Point kVeil = {0.35f, 0.56f};
  const float severity = dice.between(0.7f, 1.3f);
  for (const float side : {-1.0f, 1.0f}) {
    const int patches = dice.whole(2, 4);
    float burden = 0;
    for (int p = 0; p < patches; ++p) {
      const Blob patch = {.centre = {side * dice.about(kMiddle.x, kSpread.x), dice.about(kMiddle.y, kSpread.y)},
                          .half_axes = {dice.between(0.20f, 0.32f), dice.between(0.20f, 0.38f)},
                          .direction = dice.direction(0.8f),
                          .amount = severity * dice.between(0.15f, 0.22f),
                          .in_lungs = true,
                          .roughness = dice.between(0.7f, 1.0f),
                          .texture = dice.bits()};
      burden += patch.amount * patch.half_axes.x * patch.half_axes.y;
      if (covid) scene.blobs.push_back(patch);
    }
    const auto veil = [&](float amount) {
      scene.blobs.push_back({.centre = {side * dice.about(kMiddle.x, 0.02f), dice.about(kMiddle.y, 0.04f)},
                             .half_axes = kVeil,
                             .direction = {1, 0},
                             .amount = amount,
                             .in_lungs = true});
    };
    if (!covid) veil(burden / (kVeil.x * kVeil.y));
    veil(dice.between(-0.10f, 0.10f));
  }
}

// A lobe filled with fluid: one dense patch with a clear border, in one lung.
void draw_consolidation(Dice& dice, PhantomScene& scene) {
  const float side = dice.chance(0.5f) ? -1.0f : 1.0f;
  scene.blobs.push_back({.centre = {side * dice.about(0.48f, 0.08f), dice.about(0.08f, 0.22f)},
                         .half_axes = {dice.between(0.26f, 0.36f), dice.between(0.24f, 0.40f)},
                         .direction = dice.direction(0.6f),
                         .amount = dice.between(0.30f, 0.45f),
                         .in_lungs = true,
                         .roughness = dice.between(0.15f, 0.30f),
                         .texture = dice.bits()});
}

// Thickened walls between the lobules: short fine lines in every direction, over both lungs.
void draw_interstitial(Dice& dice, PhantomScene& scene) {
  const float severity = dice.between(0.8f, 1.3f);
  const int lines = dice.whole(130, 200);
  for (int i = 0; i < lines; ++i) {
    const float side = dice.chance(0.5f) ? -1.0f : 1.0f;
    const Point middle = {side * dice.about(0.44f, 0.15f), dice.about(-0.05f, 0.28f)};
    const Point along = dice.direction(3.0f);
    const float half = dice.between(0.03f, 0.09f);
    scene.vessels.push_back({{middle.x - half * along.x, middle.y - half * along.y},
                             {middle.x + half * along.x, middle.y + half * along.y},
                             dice.between(0.010f, 0.016f),
                             severity * dice.between(0.07f, 0.13f)});
  }
}

// Round opacities of a few centimetres.
void draw_nodules(Dice& dice, PhantomScene& scene) {
  for (const float side : {-1.0f, 1.0f}) {
    const int nodules = dice.whole(2, 4);
    for (int i = 0; i < nodules; ++i) {
      const float radius = dice.between(0.09f, 0.16f);
      scene.blobs.push_back({.centre = {side * dice.about(0.48f, 0.12f), dice.about(0.02f, 0.22f)},
                             .half_axes = {radius, radius * dice.between(0.85f, 1.15f)},
                             .direction = {1, 0},
                             .amount = dice.between(0.22f, 0.34f),
                             .in_lungs = true});
    }
  }
}

void draw_finding(Dice& dice, PhantomFinding finding, PhantomScene& scene) {
  switch (finding) {
    case PhantomFinding::normal:
    case PhantomFinding::ground_glass:
      return draw_patches(dice, finding == PhantomFinding::ground_glass, scene);
    case PhantomFinding::consolidation:
      return draw_consolidation(dice, scene);
    case PhantomFinding::interstitial:
      return draw_interstitial(dice, scene);
    case PhantomFinding::nodular:
      return draw_nodules(dice, scene);
  }
}

// What all classes have: breasts, gas under the left diaphragm, soft blobs outside the lungs, uneven exposure.
void draw_confounders(Dice& dice, PhantomScene& scene) {
  if (dice.chance(0.45f)) {
    const float u = dice.about(0.46f, 0.05f), y = dice.about(0.34f, 0.06f), radius = dice.about(0.46f, 0.05f);
    const float amount = dice.between(0.04f, 0.12f);
    for (const float side : {-1.0f, 1.0f}) {
      scene.blobs.push_back({{side * u, y + dice.about(0, 0.02f)}, {radius, radius * 0.9f}, {1, 0}, amount});
    }
  }
  if (dice.chance(0.6f)) {
    scene.blobs.push_back({{dice.about(0.42f, 0.05f), dice.about(0.66f, 0.03f)},
                           {dice.between(0.12f, 0.24f), dice.between(0.08f, 0.14f)},
                           dice.direction(0.4f),
                           -dice.between(0.10f, 0.25f)});
  }
  const int distractors = dice.whole(2, 5);
  for (int d = 0; d < distractors; ++d) {
    const bool above = dice.chance(0.4f);
    scene.blobs.push_back(
        {{dice.between(-0.9f, 0.9f), above ? dice.between(-0.98f, -0.80f) : dice.between(0.72f, 0.98f)},
         {dice.between(0.10f, 0.30f), dice.between(0.10f, 0.25f)},
         dice.direction(0.8f),
         dice.between(-0.12f, 0.16f)});
  }
  const int clouds = dice.whole(2, 4);
  for (int c = 0; c < clouds; ++c) {
    scene.blobs.push_back({{dice.between(-1, 1), dice.between(-1, 1)},
                           {dice.between(0.9f, 1.5f), dice.between(0.9f, 1.5f)},
                           dice.direction(0.8f),
                           dice.between(-0.10f, 0.10f)});
  }
  scene.marker = dice.chance(0.5f);
  scene.marker_at = {(dice.chance(0.5f) ? -1.0f : 1.0f) * dice.between(0.66f, 0.78f), dice.between(-0.84f, -0.74f)};
}

}  // namespace

PhantomScene draw_phantom_scene(std::uint64_t seed, PhantomFinding finding, int index) {
  const auto number = static_cast<std::uint32_t>(finding);
  const std::uint32_t stream = number < 2 ? number : 2 * number;  // the grain's streams lie between
  Dice dice(RandomStream{.seed = seed, .stream = stream, .step = static_cast<std::uint32_t>(index)});
  PhantomScene scene{};
  draw_frame(dice, scene);
  draw_organs(dice, scene);
  draw_vessels(dice, scene);
  draw_finding(dice, finding, scene);
  draw_confounders(dice, scene);
  scene.contrast = dice.about(2.6f, 0.25f);
  scene.brightness = dice.about(0.48f, 0.035f);
  scene.noise = dice.between(0.008f, 0.022f);
  return scene;
}

}  // namespace curie
