#include "report/stopping.h"

#include <algorithm>
#include <cmath>

#include "report/html.h"
#include "tensor/error.h"

namespace curie {
namespace {

double monitored(const EpochRecord& record, const StoppingRecord& stopping) {
  if (stopping.monitor == "val_loss") return record.val_loss;
  if (stopping.monitor == "val_accuracy" || stopping.monitor == "val_acc") return record.val_accuracy;
  if (stopping.monitor == "loss") return record.loss;
  if (stopping.monitor == "accuracy" || stopping.monitor == "acc") return record.accuracy;
  throw_error(ErrorKind::usage,
              fmt::format("report: expected the monitor loss, accuracy, val_loss or val_accuracy, got \"{}\"",
                          stopping.monitor));
}

// Keras: an epoch is better when it beats the best by more than min_delta; NaN never does.
bool better(double value, double best, double min_delta, const StoppingRecord& stopping) {
  return stopping.higher_is_better ? value - min_delta > best : value + min_delta < best;
}

double worst(const StoppingRecord& stopping) { return stopping.higher_is_better ? -INFINITY : INFINITY; }

PatienceOutcome replay(std::span<const EpochRecord> history, const StoppingRecord& stopping, int patience) {
  PatienceOutcome outcome{.from = patience, .to = patience};
  double best = worst(stopping);
  int waited = 0;
  for (const EpochRecord& record : history) {
    outcome.last_epoch = record.epoch;
    const double value = monitored(record, stopping);
    if (better(value, best, stopping.min_delta, stopping)) {
      best = value;
      waited = 0;
      outcome.best_epoch = record.epoch;
      outcome.best_value = value;
      outcome.val_accuracy = record.val_accuracy;
    } else if (++waited >= patience && record.epoch > 1) {
      outcome.stopped = true;
      return outcome;
    }
  }
  return outcome;
}

std::vector<PatienceOutcome> outcomes_of(std::span<const EpochRecord> history, const StoppingRecord& stopping) {
  std::vector<PatienceOutcome> outcomes;
  for (int patience = 1; patience <= stopping.patience; ++patience) {
    const PatienceOutcome next = replay(history, stopping, patience);
    if (!outcomes.empty() && outcomes.back().last_epoch == next.last_epoch && outcomes.back().stopped == next.stopped) {
      outcomes.back().to = patience;
    } else {
      outcomes.push_back(next);
    }
  }
  return outcomes;
}

// How far the figure moves from one epoch to the next, either way, on average over the second half of the run: the
// first epochs fall steeply and say nothing about chance.
double typical_move(std::span<const EpochRecord> history, const StoppingRecord& stopping) {
  double sum = 0;
  int moves = 0;
  for (std::size_t i = std::max<std::size_t>(1, history.size() / 2); i < history.size(); ++i) {
    const double move = std::abs(monitored(history[i], stopping) - monitored(history[i - 1], stopping));
    if (!std::isfinite(move)) continue;
    sum += move;
    ++moves;
  }
  return moves == 0 ? kUnknown : sum / moves;
}

std::string what_happened(std::span<const EpochRecord> history, const StoppingRecord& stopping,
                          const PatienceOutcome& run) {
  const std::string_view extreme = stopping.higher_is_better ? "highest" : "lowest";
  std::string text =
      fmt::format("{} was {} after epoch {} ({:.4f}).", stopping.monitor, extreme, run.best_epoch, run.best_value);
  const int last = history.back().epoch;
  if (!stopping.stopped_early) {
    return text +
           fmt::format(" Patience {} did not run out before training ended after epoch {}.", stopping.patience, last);
  }
  std::string later;
  for (const EpochRecord& record : history) {
    if (record.epoch <= run.best_epoch) continue;
    later += fmt::format("{}{}", later.empty() ? "" : ", ", html::fixed(monitored(record, stopping), 4));
  }
  const int waited = last - run.best_epoch;
  text += fmt::format(" The next {} gave {}: not better, so training stopped after epoch {}",
                      html::plural(waited, "epoch"), later, last);
  return text + (stopping.restored_best ? fmt::format(" and went back to the weights of epoch {}.", run.best_epoch)
                                        : fmt::format(" and kept the weights of epoch {}.", last));
}

double closest_miss(std::span<const EpochRecord> history, const StoppingRecord& stopping, const PatienceOutcome& run) {
  double miss = INFINITY;
  for (const EpochRecord& record : history) {
    if (record.epoch <= run.best_epoch) continue;
    const double value = monitored(record, stopping);
    if (std::isfinite(value)) miss = std::min(miss, std::abs(value - run.best_value));
  }
  return miss;
}

std::string how_much_was_chance(std::span<const EpochRecord> history, const StoppingRecord& stopping,
                                const StoppingStory& story) {
  const PatienceOutcome& run = story.outcomes.back();
  const double move = typical_move(history, stopping);
  const double miss = closest_miss(history, stopping, run);
  std::string text;
  if (stopping.stopped_early && std::isfinite(miss) && miss < move) {
    text = fmt::format(
        "Patience {} is a lottery here. The closest of those epochs missed the best value by {:.4f}, while {} moves by "
        "{:.4f} "
        "from one epoch to the next: another seed, or another order of the batches, could as well have gone on.",
        stopping.patience, miss, stopping.monitor, move);
  } else if (stopping.stopped_early && std::isfinite(miss)) {
    text = fmt::format(
        "This stop was clearer than most: the later epochs missed the best value by {:.4f} or more, while {} moves by "
        "{:.4f} "
        "from one epoch to the next.",
        miss, stopping.monitor, move);
  }
  const PatienceOutcome& first = story.outcomes.front();
  if (first.stopped && first.last_epoch < run.last_epoch) {
    text += fmt::format("{}With patience {} this very run would have ended after epoch {}, at {} {}{}.",
                        text.empty() ? "" : " ", first.to, first.last_epoch, stopping.monitor,
                        html::fixed(first.best_value, 4),
                        std::isfinite(first.val_accuracy)
                            ? fmt::format(" and a validation accuracy of {}", html::percent(first.val_accuracy))
                            : std::string());
  }
  if (text.empty()) return text;
  return text + " Compare recipes over several seeds, or with a longer patience, never by one such run.";
}

}  // namespace

std::optional<int> best_epoch(std::span<const EpochRecord> history, const StoppingRecord& stopping) {
  std::optional<int> epoch;
  double best = worst(stopping);
  for (const EpochRecord& record : history) {
    const double value = monitored(record, stopping);
    if (better(value, best, 0, stopping)) {
      best = value;
      epoch = record.epoch;
    }
  }
  return epoch;
}

std::optional<StoppingStory> stopping_story(std::span<const EpochRecord> history, const StoppingRecord& stopping) {
  if (stopping.patience <= 0 || !best_epoch(history, stopping)) return std::nullopt;
  StoppingStory story;
  story.outcomes = outcomes_of(history, stopping);
  story.paragraphs.push_back(what_happened(history, stopping, story.outcomes.back()));
  std::string chance = how_much_was_chance(history, stopping, story);
  if (!chance.empty()) story.paragraphs.push_back(std::move(chance));
  return story;
}

}  // namespace curie
