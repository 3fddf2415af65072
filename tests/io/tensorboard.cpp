// Event files, taken apart again by a reader of their own. That TensorBoard reads them too is
// tests/interop/tensorboard.py.
#include "io/tensorboard.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "io/event_file.h"
#include "model/model.h"
#include "model/session.h"
#include "support/blobs.h"
#include "support/datasets.h"
#include "support/event_reader.h"
#include "support/temporary_folder.h"
#include "support/throws.h"

using namespace curie;
using namespace curie::test;

namespace {

std::vector<double> doubles(const std::string& bytes) {
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

Sequential tiny_model() {
  Sequential model({8, 8, 1}, 3);
  model.add(Flatten{})
      .add(Dense{.units = 4, .activation = Activation::relu})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  model.freeze("dense");
  model.compile({.device = "cpu"});
  return model;
}

}  // namespace

TEST_CASE("CRC-32C of the published test vectors") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);  // RFC 3720, B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  CHECK(crc32c("") == 0u);
}

TEST_CASE("an event file begins with its version and the step from which on it counts") {
  const TemporaryFolder folder;
  const EventFile file(folder.path() / "run", 300);
  const std::vector<Fields> events = events_of(file.path());
  REQUIRE(events.size() == 2);
  CHECK(only(events[0], 3) == "brain.Event:2");
  CHECK(as<double>(only(events[0], 1)) > 1.6e9);
  CHECK(as<std::int64_t>(only(events[1], 2)) == 300);
  CHECK(as<std::int64_t>(only(fields_of(only(events[1], 7)), 1)) == 1);
  CHECK(file.path().filename().string().rfind("events.out.tfevents.", 0) == 0);
  CHECK(EventFile(folder.path() / "run", 0).path() != file.path());
}

TEST_CASE("a histogram counts every finite value once") {
  const TemporaryFolder folder;
  EventFile file(folder.path(), 0);
  std::vector<float> values = {-3.0f, 0.0f, 0.1f, 2.9f, 3.0f, 3.0f};
  file.histogram("some", 7, values);
  values.push_back(std::numeric_limits<float>::infinity());
  values.push_back(std::numeric_limits<float>::quiet_NaN());
  file.histogram("with infinity", 7, values);
  file.histogram("equal", 7, std::vector<float>(5, 0.25f));
  file.histogram("none", 7, std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
  auto written = summaries_of(file.path());
  CHECK_FALSE(written.contains("none"));
  for (const char* tag : {"some", "with infinity"}) {
    const Fields histogram = fields_of(only(written.at(tag).at(0).value, 5));
    CHECK(as<double>(only(histogram, 1)) == -3.0);
    CHECK(as<double>(only(histogram, 2)) == 3.0);
    CHECK(as<double>(only(histogram, 3)) == 6.0);
    CHECK(as<double>(only(histogram, 4)) == doctest::Approx(6.0));
    CHECK(as<double>(only(histogram, 5)) == doctest::Approx(27.0 + 0.01 + 8.41));
    const std::vector<double> limits = doubles(only(histogram, 6)), counts = doubles(only(histogram, 7));
    REQUIRE(limits.size() == 30);
    REQUIRE(counts.size() == 30);
    CHECK(limits.back() == 3.0);
    CHECK(limits[14] == doctest::Approx(0.0));
    CHECK(counts[0] == 1.0);
    CHECK(counts[15] == 2.0);
    CHECK(counts[29] == 3.0);
  }
  const Fields equal = fields_of(only(written.at("equal").at(0).value, 5));
  CHECK(doubles(only(equal, 6)) == std::vector<double>{0.25});
  CHECK(doubles(only(equal, 7)) == std::vector<double>{5.0});
}

TEST_CASE("the callback writes a run's logs, histograms and examples") {
  const LabelledImages images = blobs(20), held_out = blobs(10, 8, 2, 4);
  const ImageDataset data(images);
  const test::Floats validation(held_out);
  const TemporaryFolder folder;
  Sequential model = tiny_model();
  FitOptions options{.epochs = 3, .batch_size = 8, .validation = &validation, .verbose = Verbosity::silent};
  options.callbacks = {
      TensorBoard{.folder = folder.path() / "board", .histogram_frequency = 2, .examples = &data, .example_count = 2}};
  const History history = model.fit(data, options);

  const auto train = summaries_of(files_in(folder.path() / "board/train").at(0));
  const auto validated = summaries_of(files_in(folder.path() / "board/validation").at(0));
  const auto check_scalars = [&](const auto& run, const std::string& tag, const std::string& column) {
    CAPTURE(tag);
    const std::vector<Summary>& written = run.at(tag);
    REQUIRE(written.size() == 3);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      CHECK(written[epoch].step == static_cast<std::int64_t>(epoch));
      CHECK(as<float>(only(written[epoch].value, 2)) == static_cast<float>(history.column(column)[epoch]));
    }
  };
  check_scalars(train, "epoch_loss", "loss");
  check_scalars(train, "epoch_accuracy", "accuracy");
  check_scalars(train, "epoch_learning_rate", "learning_rate");
  check_scalars(validated, "epoch_loss", "val_loss");
  check_scalars(validated, "epoch_accuracy", "val_accuracy");
  CHECK(validated.size() == 2);

  // The last epoch's are those that the model is left with.
  const auto check_histogram = [&](const std::string& tag, const Tensor& expected) {
    CAPTURE(tag);
    REQUIRE(train.contains(tag));
    REQUIRE(train.at(tag).size() == 2);
    CHECK(train.at(tag)[1].step == 2);
    const std::span<const float> values = expected.host<float>();
    double squares = 0.0;
    for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
    CHECK(squares > 0.0);
    const Fields histogram = fields_of(only(train.at(tag)[1].value, 5));
    CHECK(as<double>(only(histogram, 1)) == static_cast<double>(*std::min_element(values.begin(), values.end())));
    CHECK(as<double>(only(histogram, 2)) == static_cast<double>(*std::max_element(values.begin(), values.end())));
    CHECK(as<double>(only(histogram, 3)) == static_cast<double>(values.size()));
    CHECK(as<double>(only(histogram, 5)) == doctest::Approx(squares));
  };
  std::map<std::string, Tensor> weights, gradients;
  for (const auto& [name, tensor] : model.state()) weights.emplace(name, tensor);
  for (const auto& [name, tensor] : model.session().gradients()) gradients.emplace(name, tensor);
  for (const char* name : {"dense/kernel", "dense_1/bias", "dense_1/kernel"}) {
    check_histogram(std::string(name) + "/histogram", weights.at(name));
  }
  check_histogram("dense_1/kernel/gradient/histogram", gradients.at("dense_1/kernel"));
  CHECK_FALSE(train.contains("dense/kernel/gradient/histogram"));  // frozen
  const Fields image = fields_of(only(train.at("examples/1").at(0).value, 4));
  CHECK(as<std::int64_t>(only(image, 1)) == 8);
  CHECK(as<std::int64_t>(only(image, 3)) == 1);
  CHECK(only(image, 4).substr(1, 3) == "PNG");
  CHECK_FALSE(train.contains("examples/2"));
}

TEST_CASE("a resumed run begins a file that replaces the epochs it computes again") {
  const LabelledImages images = blobs(20);
  const ImageDataset data(images);
  const TemporaryFolder folder;
  TrainingSnapshot saved;
  for (const bool resumed : {false, true}) {
    Sequential model = tiny_model();
    FitOptions options{.epochs = resumed ? 4 : 2, .batch_size = 8, .verbose = Verbosity::silent};
    options.callbacks = {TensorBoard{.folder = folder.path()}};
    const TrainingSnapshot before = saved;
    if (resumed) options.resume = &before;
    options.save = [&](const TrainingSnapshot& snapshot) { saved = snapshot; };
    model.fit(data, options);
  }
  const auto files = files_in(folder.path() / "train");
  REQUIRE(files.size() == 2);
  CHECK(as<std::int64_t>(only(events_of(files[1])[1], 2)) == 2);
  CHECK(summaries_of(files[0]).at("epoch_loss").size() == 2);
  CHECK(summaries_of(files[1]).at("epoch_loss").back().step == 3);
}

TEST_CASE("a folder that cannot be written to is said before the first epoch is computed") {
  const LabelledImages images = blobs(20);
  const ImageDataset data(images);
  const TemporaryFolder folder;
  write_file(folder.path() / "occupied", "a file");
  Sequential model = tiny_model();
  FitOptions options{.epochs = 1, .batch_size = 8, .verbose = Verbosity::silent};
  options.callbacks = {TensorBoard{.folder = folder.path() / "occupied"}};
  CHECK(error_message([&] { model.fit(data, options); }).find("TensorBoard: cannot make the folder") !=
        std::string::npos);
  CHECK(error_message([&] {
          TensorBoard{.folder = "x", .histogram_frequency = -1}.make();
        }).find("at least 0, got -1") != std::string::npos);
}
