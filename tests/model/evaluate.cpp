// Evaluating, predicting, and both in one pass.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>

#include "model/model.h"
#include "model/session.h"
#include "support/throws.h"
#include "tensor/random.h"

using namespace curie;
using namespace curie::test;

namespace {

LabelledImages images() {
  LabelledImages drawn;
  drawn.pixels = Tensor::zeros(Shape{21, 6, 5, 1}, DType::u8);
  const RandomStream random{.seed = 8};
  std::uint64_t i = 0;
  for (std::uint8_t& pixel : drawn.pixels.host<std::uint8_t>())
    pixel = static_cast<std::uint8_t>(random.bits(i++) >> 24);
  for (int sample = 0; sample < 21; ++sample) drawn.labels.push_back(sample % 3);
  drawn.class_names = {"a", "b", "c"};
  return drawn;
}

// Counts what is read of a data set.
class Counted : public Dataset {
 public:
  explicit Counted(const LabelledImages& images) : inner_(images) {}
  int size() const override { return inner_.size(); }
  Shape sample_shape() const override { return inner_.sample_shape(); }
  DType dtype() const override { return inner_.dtype(); }
  std::int32_t label(int i) const override { return inner_.label(i); }
  void read(int i, int epoch, std::byte* out) const override {
    ++reads;
    inner_.read(i, epoch, out);
  }
  mutable std::atomic<int> reads = 0;

 private:
  ImageDataset inner_;
};

Model network() {
  Sequential model({6, 5, 1}, 3);
  model.add(Conv2D{.filters = 4, .kernel = 3, .activation = Activation::relu})
      .add(Dropout{.rate = 0.5f})
      .add(Flatten{})
      .add(Dense{.units = 3, .activation = Activation::softmax});
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  return Model(std::move(model));
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("one pass gives the bits of an evaluation and of a prediction, and reads each sample once") {
  const LabelledImages drawn = images();
  for (const int batch_size : {1, 8, 21, 256}) {
    CAPTURE(batch_size);
    Model model = network();
    const Counted data(drawn);
    const Tensor expected = model.predict(data, batch_size);
    const Evaluation evaluation = model.evaluate(data, batch_size);
    data.reads = 0;
    Tensor outputs;
    const Evaluation both = model.evaluate_and_predict(data, outputs, batch_size);
    CHECK(data.reads == 21);
    CHECK(same_bits(outputs, expected));
    CHECK(both.loss == evaluation.loss);
    CHECK(both.accuracy == evaluation.accuracy);
    CHECK(both.samples == 21);
  }
}

TEST_CASE("it leaves the totals of a training alone and refuses batches of nothing") {
  const LabelledImages drawn = images();
  Model model = network();
  Tensor outputs;
  const Counted data(drawn);
  model.evaluate_and_predict(data, outputs);
  model.session().set_totals({.loss = 3, .samples = 2, .correct = 1});
  model.evaluate_and_predict(data, outputs);
  CHECK(model.session().totals().loss == 3);
  CHECK_ERROR([&] { model.evaluate_and_predict(data, outputs, 0); }, usage, "batch size of at least 1");
}
