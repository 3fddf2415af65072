#include "report/stopping.h"

#include <doctest/doctest.h>

#include "tensor/error.h"

namespace curie {
namespace {

std::vector<EpochRecord> history_of(const std::vector<double>& val_losses) {
  std::vector<EpochRecord> history;
  for (const double value : val_losses) {
    const int epoch = static_cast<int>(history.size()) + 1;
    history.push_back({.epoch = epoch, .val_loss = value, .val_accuracy = 0.9 + epoch / 1000.0});
  }
  return history;
}

StoppingRecord patience(int epochs, bool stopped) {
  return {.reason = "", .monitor = "val_loss", .patience = epochs, .stopped_early = stopped};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("the best epoch is the first of equals; unknown values never are") {
  CHECK(best_epoch(history_of({0.5, 0.3, 0.4, 0.3}), patience(0, false)) == 2);
  CHECK(best_epoch(history_of({kUnknown, 0.5, kUnknown}), patience(0, false)) == 2);
  CHECK_FALSE(best_epoch(history_of({kUnknown, kUnknown}), patience(0, false)));
  CHECK_FALSE(best_epoch({}, patience(0, false)));
  StoppingRecord accuracy = patience(0, false);
  accuracy.monitor = "val_accuracy";
  accuracy.higher_is_better = true;
  CHECK(best_epoch(history_of({0.1, 0.2, 0.3}), accuracy) == 3);
}

TEST_CASE("smaller patiences are replayed on the run's own history") {
  // Waits: epoch 3 once, epochs 5 and 6 twice, then 8, 9, 10 to the end.
  const std::vector<EpochRecord> history = history_of({0.9, 0.5, 0.6, 0.4, 0.45, 0.44, 0.3, 0.31, 0.32, 0.305});
  const std::optional<StoppingStory> story = stopping_story(history, patience(3, true));
  REQUIRE(story);
  REQUIRE(story->outcomes.size() == 3);
  CHECK(story->outcomes[0].last_epoch == 3);
  CHECK(story->outcomes[0].best_epoch == 2);
  CHECK(story->outcomes[0].best_value == 0.5);
  CHECK(story->outcomes[0].val_accuracy == doctest::Approx(0.902));
  CHECK(story->outcomes[1].last_epoch == 6);
  CHECK(story->outcomes[1].best_epoch == 4);
  CHECK(story->outcomes[2].last_epoch == 10);
  CHECK(story->outcomes[2].best_epoch == 7);
  for (const PatienceOutcome& outcome : story->outcomes) CHECK(outcome.stopped);

  REQUIRE(story->paragraphs.size() == 2);
  CHECK(story->paragraphs[0] ==
        "val_loss was lowest after epoch 7 (0.3000). The next 3 epochs gave 0.3100, 0.3200, 0.3050: not better, so "
        "training stopped after epoch 10 and kept the weights of epoch 10.");
  // Moves of the second half: .01 .14 .01 .01 .015, mean .037; the closest miss is .005.
  CHECK(contains(story->paragraphs[1], "Patience 3 is a lottery here."));
  CHECK(contains(story->paragraphs[1], "missed the best value by 0.0050, while val_loss moves by 0.0370"));
  CHECK(contains(story->paragraphs[1],
                 "With patience 1 this very run would have ended after epoch 3, at val_loss 0.5000"));
}

TEST_CASE("a clear stop is not called a lottery") {
  const std::vector<EpochRecord> history = history_of({0.5, 0.4, 0.6, 0.61, 0.62, 0.63});
  StoppingRecord stopping = patience(4, true);
  stopping.restored_best = true;
  const std::optional<StoppingStory> story = stopping_story(history, stopping);
  REQUIRE(story);
  CHECK(contains(story->paragraphs[0], "went back to the weights of epoch 2"));
  REQUIRE(story->paragraphs.size() == 2);
  CHECK_FALSE(contains(story->paragraphs[1], "lottery"));
  CHECK(contains(story->paragraphs[1], "missed the best value by 0.2000 or more, while val_loss moves by 0.0100"));
}

TEST_CASE("patiences with one end share a row, and a run that did not stop says so") {
  const std::optional<StoppingStory> story = stopping_story(history_of({0.5, 0.4, 0.3, 0.2}), patience(4, false));
  REQUIRE(story);
  REQUIRE(story->outcomes.size() == 1);
  CHECK(story->outcomes[0].from == 1);
  CHECK(story->outcomes[0].to == 4);
  CHECK_FALSE(story->outcomes[0].stopped);
  CHECK(story->paragraphs.size() == 1);
  CHECK(contains(story->paragraphs[0], "Patience 4 did not run out"));
}

TEST_CASE("an improvement must exceed min_delta, as in Keras") {
  StoppingRecord stopping = patience(2, true);
  stopping.min_delta = 0.25;
  const std::optional<StoppingStory> story = stopping_story(history_of({1.0, 0.75, 0.875}), stopping);
  REQUIRE(story);
  CHECK(story->outcomes.back().best_epoch == 1);
  CHECK(story->outcomes.back().last_epoch == 3);
}

TEST_CASE("no early stopping, no story; an unknown monitor is an error") {
  CHECK_FALSE(stopping_story(history_of({0.5, 0.4}), patience(0, false)));
  CHECK_FALSE(stopping_story(history_of({kUnknown}), patience(4, false)));
  StoppingRecord stopping = patience(4, false);
  stopping.monitor = "val_f1";
  CHECK_THROWS_AS(stopping_story(history_of({0.5}), stopping), Error);
}

}  // namespace
}  // namespace curie
