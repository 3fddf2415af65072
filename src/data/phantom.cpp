#include "data/phantom.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "data/phantom_scene.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace curie {
namespace {

// Each finding draws its scenes and its grain from streams of its own: 0, 1, 4, 6, 8 and 2, 3, 5, 7, 9.
std::uint32_t grain_stream(PhantomFinding finding) {
  const auto number = static_cast<std::uint32_t>(finding);
  return number < 2 ? number + 2 : 2 * number + 1;
}

// All profiles are polynomials: the same bits on every machine, and no call into libm.
float ramp(float low, float high, float value) {
  const float t = std::clamp((value - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

float bump(float squared_radius) {
  const float t = std::max(0.0f, 1 - squared_radius);
  return t * t * t;
}

// Period 1, between 0 and 1.
float wave(float phase) {
  const float t = phase - std::floor(phase);
  return 16 * t * t * (1 - t) * (1 - t);
}

float smooth_min(float a, float b, float width) {
  const float t = std::max(0.0f, width - std::abs(a - b)) / width;
  return std::min(a, b) - t * t * width / 4;
}

// Noise in [0, 1] with features of size 1, from a hash of the lattice points around.
float lattice_noise(float x, float y, std::uint32_t seed) {
  const float fx = std::floor(x), fy = std::floor(y);
  const auto corner = [&](int dx, int dy) {
    std::uint32_t h = seed ^ (static_cast<std::uint32_t>(static_cast<int>(fx) + dx) * 0x9E3779B9u) ^
                      (static_cast<std::uint32_t>(static_cast<int>(fy) + dy) * 0x85EBCA6Bu);
    h = (h ^ (h >> 16)) * 0x7FEB352Du;
    h = (h ^ (h >> 15)) * 0x846CA68Bu;
    return static_cast<float>(h >> 8) * 0x1p-24f;
  };
  const float tx = ramp(0, 1, x - fx), ty = ramp(0, 1, y - fy);
  const float top = corner(0, 0) + tx * (corner(1, 0) - corner(0, 0));
  const float bottom = corner(0, 1) + tx * (corner(1, 1) - corner(0, 1));
  return top + ty * (bottom - top);
}

// Draws a scene: adds up attenuation along the beam, then exposes a film to it.
class Painter {
 public:
  Painter(const PhantomScene& scene, int size)
      : scene_(scene),
        size_(size),
        pixel_(2.0f / (static_cast<float>(size) * scene.scale)),
        attenuation_(static_cast<std::size_t>(size) * static_cast<std::size_t>(size)),
        lung_(attenuation_.size()) {}

  void paint(std::span<std::uint8_t> out, const RandomStream& grain) {
    for (int row = 0; row < size_; ++row) {
      for (int column = 0; column < size_; ++column) paint_anatomy(row, column);
    }
    for (const Vessel& vessel : scene_.vessels) add_vessel(vessel);
    for (const Blob& blob : scene_.blobs) add_blob(blob);
    if (scene_.marker) add_marker();
    expose(out, grain);
  }

 private:
  std::size_t at(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(column);
  }

  Point body_of(int row, int column) const {
    const float half = static_cast<float>(size_) / 2;
    const float x = ((static_cast<float>(column) + 0.5f) / half - 1 - scene_.shift.x) / scene_.scale;
    const float y = ((static_cast<float>(row) + 0.5f) / half - 1 - scene_.shift.y) / scene_.scale;
    return {scene_.rotation.x * x + scene_.rotation.y * y, scene_.rotation.x * y - scene_.rotation.y * x};
  }

  // Calls action(index of the pixel, place in the body) for the pixels within `radius` of `centre`, and some more.
  template <typename Action>
  void near(const Point& centre, float radius, Action&& action) const {
    const float half = static_cast<float>(size_) / 2;
    const float x = scene_.shift.x + scene_.scale * (scene_.rotation.x * centre.x - scene_.rotation.y * centre.y);
    const float y = scene_.shift.y + scene_.scale * (scene_.rotation.x * centre.y + scene_.rotation.y * centre.x);
    const float reach = scene_.scale * radius;
    const auto first = [&](float middle) {
      return std::clamp(static_cast<int>(std::floor((middle - reach + 1) * half)), 0, size_);
    };
    const auto last = [&](float middle) {
      return std::clamp(static_cast<int>(std::floor((middle + reach + 1) * half)) + 1, 0, size_);
    };
    const int column_end = last(x);
    for (int row = first(y); row < last(y); ++row) {
      for (int column = first(x); column < column_end; ++column) action(at(row, column), body_of(row, column));
    }
  }

  // Depth inside the lung, in body units: 0 at its border, negative outside.
  float lung_depth(const Lung& lung, float u, float y) const {
    // Above its widest place the lateral border is a quarter of an ellipse, below it nearly straight.
    const float widest = 0.30f, top = 0.14f;
    const float t = std::min(0.0f, (y - widest) / (widest - lung.apex));
    const float lateral = top + (lung.width - top) * std::sqrt(std::max(0.0f, 1 - t * t)) - u;
    const float fall = (u - 0.40f) / 0.38f;
    const float diaphragm = lung.dome + lung.dome_fall * fall * fall - y;
    const float inner = u - lung.medial;
    const float sides = smooth_min(lateral, inner, y < -0.3f ? 0.16f : 0.06f);
    return smooth_min(smooth_min(sides, y - lung.apex, 0.20f), diaphragm, 0.05f);
  }

  float ribs(float u, float y, float depth) const {
    const float soft = std::max(0.012f, pixel_ * 0.7f);
    const float visible = ramp(-0.08f, -0.01f, depth);
    const auto rib = [&](float course, float spacing, float half_width) {
      const float place = (y - course) / spacing;
      const float number = std::floor(place + 0.5f);
      if (number < 0 || number > 8) return 0.0f;
      const float distance = std::abs(place - number) * spacing;
      const float tube = 0.7f + 0.3f * ramp(0.3f, 0.95f, distance / half_width);  // the cortex is denser
      return scene_.rib_strength[static_cast<std::size_t>(number)] * tube *
             (1 - ramp(half_width - soft, half_width + soft, distance));
    };
    const float arch = (u - 0.30f) * (u - 0.30f) * scene_.rib_arch;
    const float back = rib(scene_.rib_top + arch, scene_.rib_spacing, scene_.rib_half_width);
    const float front =
        rib(scene_.rib_top + 0.22f + 0.62f * (0.75f - u), scene_.rib_spacing * 1.12f, scene_.rib_half_width * 1.15f);
    return scene_.rib_amount * visible * (back + 0.5f * front * ramp(0.22f, 0.40f, u));
  }

  float bones_of_shoulder(float u, float y) const {
    const float soft = std::max(0.014f, pixel_ * 0.7f);
    const float along = (u - 0.06f) / 0.72f;
    const float course = scene_.clavicle.x - scene_.clavicle.y * along + 0.10f * (along - 0.5f) * (along - 0.5f);
    const float half_width = 0.026f + 0.012f * along * along;
    const float distance = std::abs(y - course);
    const float shaft = (1 - ramp(half_width - soft, half_width + soft, distance)) * ramp(-0.02f, 0.04f, along) *
                        (1 - ramp(0.95f, 1.05f, along));
    const float tube = 0.75f + 0.25f * ramp(0.3f, 0.95f, distance / half_width);
    const float blade = 1 - ramp(0.0f, 0.05f, std::abs(u - 0.72f - 0.10f * (y + 0.4f)));
    return scene_.clavicle_amount *
           (shaft * tube + 0.35f * blade * ramp(-0.75f, -0.6f, y) * (1 - ramp(-0.15f, 0.05f, y)));
  }

  void paint_anatomy(int row, int column) {
    const Point p = body_of(row, column);
    const float u = std::abs(p.x), y = p.y;
    const Lung& lung = scene_.lungs[p.x < 0 ? 0 : 1];

    // Neck and sloping shoulders above, the flanks at the sides, air around.
    const float slope = scene_.shoulder + 0.34f * ramp(0.25f, 1.15f, u) - 0.9f * (1 - ramp(0.10f, 0.42f, u));
    const float inside = smooth_min(y - slope, scene_.body_width + 0.10f * ramp(0.1f, -0.7f, y) - u, 0.15f);
    const float body = ramp(-0.01f, 0.05f, inside);
    const float chord = std::sqrt(std::max(0.0f, std::min(1.0f, inside * 1.6f)));
    float sum = body * scene_.thickness * (0.45f + 0.55f * chord);

    const float depth = lung_depth(lung, u, y);
    const float soft = std::max(0.016f, pixel_ * 0.8f);
    const float border = ramp(-soft, soft, depth);
    const float heart = heart_shadow(p);
    const float air = border * (0.62f + 0.38f * ramp(0.0f, 0.28f, depth)) * (1 - 0.92f * heart);
    sum -= scene_.air * air;
    lung_[at(row, column)] = border * (1 - 0.8f * heart);

    sum += 0.12f * heart * ramp(-0.9f, 0.1f, y);
    sum += 0.10f * ramp(0.02f, 0.16f, -depth) * ramp(lung.dome - 0.05f, lung.dome + 0.25f, y) * body;  // abdomen
    sum += spine(p) * body;
    sum += (ribs(u, y, depth) + bones_of_shoulder(u, y)) * body;
    attenuation_[at(row, column)] = sum;
  }

  // 1 inside heart, aorta and upper mediastinum, 0 outside.
  float heart_shadow(const Point& p) const {
    const Blob& heart = scene_.heart;
    const float dx = p.x - heart.centre.x, dy = p.y - heart.centre.y;
    const float a = (dx * heart.direction.x + dy * heart.direction.y) / heart.half_axes.x;
    const float b = (dy * heart.direction.x - dx * heart.direction.y) / heart.half_axes.y;
    const float muscle = 1 - ramp(0.80f, 1.08f, a * a + b * b);
    const float kx = (p.x - 0.09f) / scene_.aorta, ky = (p.y + 0.27f) / (scene_.aorta * 1.1f);
    const float knob = 1 - ramp(0.6f, 1.2f, kx * kx + ky * ky);
    const float flare = 0.10f * ramp(-0.1f, 0.5f, p.y);
    const float width = scene_.mediastinum + flare;
    const float column = 1 - ramp(width - 0.03f, width + 0.035f, std::abs(p.x + 0.01f));
    return std::max(std::max(muscle, knob), column);
  }

  float spine(const Point& p) const {
    const float u = std::abs(p.x);
    const float bone = 1 - ramp(0.065f, 0.10f, u);
    const float disc = wave(p.y / scene_.vertebra);
    const float windpipe = (1 - ramp(0.02f, 0.055f, std::abs(p.x + 0.01f))) * (1 - ramp(-0.32f, -0.16f, p.y));
    return scene_.spine * bone * (0.70f + 0.30f * disc) - 0.13f * windpipe;
  }

  void add_vessel(const Vessel& vessel) {
    const Point middle = {(vessel.from.x + vessel.to.x) / 2, (vessel.from.y + vessel.to.y) / 2};
    const float dx = vessel.to.x - vessel.from.x, dy = vessel.to.y - vessel.from.y;
    const float squared_length = dx * dx + dy * dy;
    const float reach = std::max(vessel.half_width * 1.6f, pixel_);
    // A vessel thinner than a pixel dims instead of vanishing between pixels.
    const float amount = vessel.amount * std::min(1.0f, vessel.half_width * 1.6f / reach + 0.25f);
    near(middle, std::sqrt(squared_length) / 2 + reach, [&](std::size_t pixel, const Point& p) {
      const float px = p.x - vessel.from.x, py = p.y - vessel.from.y;
      const float t = std::clamp((px * dx + py * dy) / squared_length, 0.0f, 1.0f);
      const float ex = px - t * dx, ey = py - t * dy;
      attenuation_[pixel] += amount * lung_[pixel] * bump((ex * ex + ey * ey) / (reach * reach));
    });
  }

  void add_blob(const Blob& blob) {
    // Ragged patches reach a little beyond their ellipse.
    const float stretch = blob.roughness > 0 ? 1.25f : 1.0f;
    near(blob.centre, std::max(blob.half_axes.x, blob.half_axes.y) * stretch, [&](std::size_t pixel, const Point& p) {
      const float dx = p.x - blob.centre.x, dy = p.y - blob.centre.y;
      const float a = (dx * blob.direction.x + dy * blob.direction.y) / blob.half_axes.x;
      const float b = (dy * blob.direction.x - dx * blob.direction.y) / blob.half_axes.y;
      const float squared = a * a + b * b;
      if (squared >= stretch * stretch) return;
      if (blob.roughness == 0) {
        attenuation_[pixel] += blob.amount * bump(squared) * (blob.in_lungs ? lung_[pixel] : 1);
        return;
      }
      const float coarse = lattice_noise(p.x * 9, p.y * 9, blob.texture) - 0.5f;
      const float fine = lattice_noise(p.x * 21, p.y * 21, blob.texture + 1) - 0.5f;
      const float density = bump(squared * 0.8f) + blob.roughness * (0.55f * coarse + 0.25f * fine);
      attenuation_[pixel] += blob.amount * lung_[pixel] * ramp(0.15f, 0.75f, density) * (1 + 0.6f * fine);
    });
  }

  void add_marker() {
    const Point at_body = scene_.marker_at;
    near(at_body, 0.07f, [&](std::size_t pixel, const Point& p) {
      const float x = std::abs(p.x - at_body.x), y = p.y - at_body.y;
      const float soft = pixel_;
      const float stem = (1 - ramp(0.012f, 0.012f + soft, std::abs(p.x - at_body.x + 0.025f))) *
                         (1 - ramp(0.05f, 0.05f + soft, std::abs(y)));
      const float foot = (1 - ramp(0.035f, 0.035f + soft, x)) * (1 - ramp(0.012f, 0.012f + soft, std::abs(y - 0.04f)));
      attenuation_[pixel] += 0.9f * std::max(stem, foot);
    });
  }

  // Film: an S-shaped response about a level chosen so that the mean brightness is the scene's, then grain.
  void expose(std::span<std::uint8_t> out, const RandomStream& grain) {
    const auto response = [&](float attenuation, float level) {
      const float z = scene_.contrast * (attenuation - level);
      return 0.5f + 0.5f * z / std::sqrt(1 + z * z);
    };
    float level = 0.4f;
    for (int step = 0; step < 6; ++step) {
      double sum = 0, slope = 0;
      for (const float attenuation : attenuation_) {
        const float z = scene_.contrast * (attenuation - level);
        const float root = std::sqrt(1 + z * z);
        sum += 0.5f + 0.5f * z / root;
        slope += 0.5f * scene_.contrast / (root * root * root);
      }
      const double missing = static_cast<double>(scene_.brightness) * static_cast<double>(attenuation_.size()) - sum;
      level -= static_cast<float>(missing / slope);
    }
    for (std::size_t i = 0; i < attenuation_.size(); i += 4) {
      const Philox4 words = grain.block(i / 4);
      for (std::size_t j = i; j < std::min(i + 4, attenuation_.size()); ++j) {
        // The sum of four bytes: nearly normal, mean 510, standard deviation 147.8.
        const std::uint32_t word = words[j - i];
        const std::uint32_t bytes = (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255) + (word >> 24);
        const float value =
            response(attenuation_[j], level) + scene_.noise * (static_cast<float>(bytes) - 510) / 147.8f;
        out[j] = static_cast<std::uint8_t>(std::clamp(value, 0.0f, 1.0f) * 255 + 0.5f);
      }
    }
  }

  const PhantomScene& scene_;
  int size_;
  float pixel_;  // width of a pixel in the body
  std::vector<float> attenuation_;
  std::vector<float> lung_;  // 1 where a lung is seen, 0 elsewhere
};

}  // namespace

LabelledImages make_phantoms(const PhantomOptions& options, ThreadPool& pool) {
  const std::array<PhantomClass, 2> classes = {
      {{"Normal", PhantomFinding::normal, options.normal}, {"COVID", PhantomFinding::ground_glass, options.covid}}};
  return make_phantoms(classes, options.size, options.seed, pool);
}

LabelledImages make_phantoms(std::span<const PhantomClass> classes, int size, std::uint64_t seed, ThreadPool& pool) {
  CURIE_CHECK(size >= 16 && size <= 2048, usage, "phantoms: expected a size of 16 to 2048 pixels, got {}", size);
  LabelledImages images;
  std::vector<int> numbers;  // of each image within its class
  for (const PhantomClass& wanted : classes) {
    CURIE_CHECK(wanted.count >= 0, usage, "phantoms: expected a number of images of class \"{}\", got {}", wanted.name,
                wanted.count);
    for (int i = 0; i < wanted.count; ++i) {
      images.labels.push_back(static_cast<std::int32_t>(images.class_names.size()));
      images.sources.push_back(fmt::format("phantom: {} #{}", wanted.name, i));
      numbers.push_back(i);
    }
    images.class_names.push_back(wanted.name);
  }
  CURIE_CHECK(!numbers.empty(), usage, "phantoms: expected images of some class, got 0 of each");
  images.pixels = Tensor::zeros({images.size(), size, size, 1}, DType::u8);
  const std::span<std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  const std::size_t pixels_each = images.sample_shape().elements();
  pool.run(images.size(), [&](int image, int) {
    const auto i = static_cast<std::size_t>(image);
    const PhantomFinding finding = classes[static_cast<std::size_t>(images.labels[i])].finding;
    const PhantomScene scene = draw_phantom_scene(seed, finding, numbers[i]);
    const RandomStream grain{
        .seed = seed, .stream = grain_stream(finding), .step = static_cast<std::uint32_t>(numbers[i])};
    Painter(scene, size).paint(pixels.subspan(i * pixels_each, pixels_each), grain);
  });
  return images;
}

}  // namespace curie
