#include "model/progress.h"

#include <doctest/doctest.h>

#include <string>

using namespace curie;

TEST_CASE("durations and times a step read as Keras prints them") {
  CHECK(ProgressBar::duration(0.4) == "0s");
  CHECK(ProgressBar::duration(19.2) == "19s");
  CHECK(ProgressBar::duration(65) == "1:05");
  CHECK(ProgressBar::duration(7201) == "2:00:01");
  CHECK(ProgressBar::per_step(0.467) == "467ms/step");
  CHECK(ProgressBar::per_step(2.2) == "2s/step");
  CHECK(ProgressBar::per_step(85e-6) == "85us/step");
}

TEST_CASE("values have four decimals, small ones an exponent") {
  Logs logs;
  logs.set("loss", 0.06471);
  logs.set("accuracy", 0.97693);
  logs.set("val_loss", 0.00051234);
  CHECK(ProgressBar::values(logs) == " - loss: 0.0647 - accuracy: 0.9769 - val_loss: 5.1234e-04");
}

TEST_CASE("on a terminal one line moves; elsewhere an epoch is one line without escapes") {
  std::string moving, plain, silent;
  ProgressBar bar(Verbosity::bar, [&](const std::string& text) { moving += text; });
  ProgressBar lines(Verbosity::lines, [&](const std::string& text) { plain += text; });
  ProgressBar nothing(Verbosity::silent, [&](const std::string& text) { silent += text; });
  Logs logs;
  logs.set("loss", 0.5);
  for (ProgressBar* progress : {&bar, &lines, &nothing}) {
    progress->begin_epoch(0, 3, 41, 0);
    for (int batch = 0; batch < 41; ++batch) progress->batch_done(batch, logs);
    progress->end_epoch(logs);
  }
  CHECK(silent.empty());
  CHECK(moving.rfind("Epoch 1/3\n\r", 0) == 0);
  CHECK(moving.find("41/41 [==============================]") != std::string::npos);
  CHECK(moving.find(" 1/41 [>.............................] - ETA: ") != std::string::npos);
  CHECK(plain.rfind("Epoch 1/3 - 0s ", 0) == 0);
  CHECK(plain.find('\r') == std::string::npos);
  CHECK(plain.back() == '\n');
  CHECK(plain.find('\n') == plain.size() - 1);
}
