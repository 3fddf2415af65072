#include "io/tensorboard.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "io/event_file.h"

namespace curie {
namespace {

// The pixels of a sample as a picture.
std::vector<std::uint8_t> picture(const Dataset& data, int index) {
  const std::size_t count = data.sample_shape().elements();
  std::vector<std::uint8_t> bytes(count);
  if (data.dtype() == DType::u8) {
    data.read(index, 0, reinterpret_cast<std::byte*>(bytes.data()));
    return bytes;
  }
  std::vector<float> floats(count);
  data.read(index, 0, reinterpret_cast<std::byte*>(floats.data()));
  const auto [low, high] = std::minmax_element(floats.begin(), floats.end());
  const float smallest = *low, scale = *high > *low ? 255.0f / (*high - *low) : 0.0f;
  std::transform(floats.begin(), floats.end(), bytes.begin(),
                 [=](float v) { return static_cast<std::uint8_t>((v - smallest) * scale + 0.5f); });
  return bytes;
}

class TensorBoardCallback final : public Callback {
 public:
  explicit TensorBoardCallback(const TensorBoard& spec) : spec_(spec) {
    CURIE_CHECK(spec.histogram_frequency >= 0, usage,
                "TensorBoard: expected a histogram frequency of at least 0, got {}", spec.histogram_frequency);
    CURIE_CHECK(spec.example_count >= 0, usage, "TensorBoard: expected at least 0 examples, got {}",
                spec.example_count);
    if (spec.examples == nullptr) return;
    const Shape shape = spec.examples->sample_shape();
    CURIE_CHECK(shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3), usage,
                "TensorBoard: examples must be images of 1 or 3 channels, got samples of {}", to_string(shape));
  }
  std::string name() const override { return "TensorBoard"; }

  // The files are made in the first epoch of this process, which knows where a resumed run goes on.
  void on_epoch_begin(int epoch, TrainingControl&) override {
    if (!train_) train_.emplace(spec_.folder / "train", epoch);
    if (epoch == 0) write_examples();
  }

  void on_epoch_end(int epoch, const Logs& logs, TrainingControl& control) override {
    if (!train_) train_.emplace(spec_.folder / "train", epoch);  // resumed within the epoch
    for (const auto& [log_name, value] : logs.values()) {
      constexpr std::string_view kValidation = "val_";
      if (!log_name.starts_with(kValidation)) {
        train_->scalar("epoch_" + log_name, epoch, value);
        continue;
      }
      if (!validation_) validation_.emplace(spec_.folder / "validation", epoch);
      validation_->scalar("epoch_" + log_name.substr(kValidation.size()), epoch, value);
    }
    if (spec_.histogram_frequency == 0 || epoch % spec_.histogram_frequency != 0) return;
    for (const auto& [parameter, tensor] : control.named_weights()) {
      train_->histogram(parameter + "/histogram", epoch, tensor.host<float>());
    }
    for (const auto& [parameter, tensor] : control.named_gradients()) {
      train_->histogram(parameter + "/gradient/histogram", epoch, tensor.host<float>());
    }
  }

 private:
  void write_examples() {
    if (spec_.examples == nullptr) return;
    const Shape shape = spec_.examples->sample_shape();
    for (int i = 0; i < std::min(spec_.example_count, spec_.examples->size()); ++i) {
      train_->image(fmt::format("examples/{}", i), 0, picture(*spec_.examples, i), shape[1], shape[0], shape[2]);
    }
  }

  TensorBoard spec_;
  std::optional<EventFile> train_, validation_;
};

}  // namespace

CallbackPtr TensorBoard::make() const { return std::make_shared<TensorBoardCallback>(*this); }

}  // namespace curie
