// The program as a user meets it: exit status, what goes to stdout and stderr, help, interruption.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "program.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTinyTraining = {"train",    "--limit", "Normal=120",   "--limit", "COVID=50",
                                                "--epochs", "2",       "--batch-size", "32",      "--threads",
                                                "2",        "--out",   "run"};

}  // namespace

TEST_CASE("every command has help with an example, on stdout, with status 0") {
  const TemporaryFolder folder;
  for (const char* command : {"train", "evaluate", "predict", "explain", "compare", "pack", "convert", "summary",
                              "recipes", "info", "bench-step", "ladder", "profile"}) {
    CAPTURE(command);
    const Result result = run_curie(folder, {command, "--help"});
    CHECK(result.status == 0);
    CHECK((contains(result.out, "Example: curie ") || contains(result.out, "Examples: curie ")));
    CHECK(result.err.empty());
  }
  CHECK(contains(run_curie(folder, {"--version"}).out, "curie "));
  CHECK(contains(run_curie(folder, {"--help"}).out, "train"));
}

TEST_CASE("mistakes have status 2, a message on stderr and nothing on stdout") {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{}, "subcommand"},
      {{"trian"}, "did you mean \"train\""},
      {{"train", "--epochs", "0"}, "--epochs: expected a whole number from 1 to 2147483647, got \"0\""},
      {{"train", "--batch-size", "-3"}, "--batch-size"},
      {{"train", "--recipe", "covid-cnn-46"}, "did you mean \"covid-cnn-64\""},
      {{"train", "--limit", "COVID"}, "CLASS=N"},
      {{"train", "--limit", "Pneumonia=3"}, "Normal, COVID"},
      {{"train", "--device", "cuda:99"}, "cuda:99"},
      {{"train", "--device", "tpu"}, "\"tpu\" is unknown"},
      {{"train", "--threads", "-1"}, "--threads: expected a whole number from 0 to 4096, got \"-1\""},
      {{"train", "--seed", "-5"}, "--seed: expected a whole number from 0 to 18446744073709551615, got \"-5\""},
      {{"train", "--seed", "99999999999999999999"}, "got \"99999999999999999999\""},
      {{"train", "--split-seed", "99999999999"}, "--split-seed: expected a whole number from 0 to 4294967295"},
      {{"train", "--image-size", "0"}, "--image-size: expected a whole number from 16 to 2048, got \"0\""},
      {{"train", "--patience", "-1"}, "--patience: expected a whole number from 0"},
      {{"train", "--data", ""}, "--data: expected a name, got an empty text"},
      {{"train", "--limit", "COVID=3", "--limit", "COVID=4"}, "expected each class once, got COVID twice"},
      {{"train", "--class-weights", "COVID=0"}, "CLASS=W with W above 0"},
      {{"train", "--class-weights", "Covit=2"}, "\"Covit\" is none of the recipe's classes Normal, COVID"},
      {{"train", "--recipe", "covid-basic-180", "--image-size", "64"}, "needs images of at least 94 x 94 pixels"},
      {{"evaluate", "run", "--data", "x", "--batch-size", "0"}, "--batch-size: expected a whole number from 1"},
      {{"summary", "covid-cnn"}, "did you mean"},
      {{"predict", "model.safetensors"}, "images"},
  };
  for (const auto& mistake : mistakes) {
    const std::string& message = mistake.second;
    CAPTURE(message);
    const Result result = run_curie(folder, mistake.first);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK_MESSAGE(contains(result.err, message), result.err);
  }
}

TEST_CASE("files and folders that are not there have status 1 and are named") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "empty");
  fs::create_directories(folder / "one" / "COVID");
  folder.put("one/COVID/a.png", "no image");
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{"train", "--data", "missing"}, "missing"},
      {{"train", "--data", "empty"}, "empty"},
      {{"train", "--data", "one"}, "Normal"},
      {{"train", "--resume", "empty"}, "config.json"},
      {{"evaluate", "missing.safetensors", "--data", "one"}, "missing.safetensors"},
      {{"predict", "missing.safetensors", "a.png"}, "missing.safetensors"},
      {{"train", "--out", "one/COVID/a.png/run"}, "a.png"},
  };
  for (const auto& mistake : mistakes) {
    const std::string& message = mistake.second;
    CAPTURE(message);
    const Result result = run_curie(folder, mistake.first);
    CHECK(result.status != 0);
    CHECK(result.out.empty());
    CHECK_MESSAGE(contains(result.err, message), result.err);
    CHECK(contains(result.err, "error: "));
  }
}

TEST_CASE("a start that fails leaves no folder") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "one" / "COVID");
  const std::vector<std::vector<std::string>> starts = {
      {"--data", "missing"},
      {"--data", "one"},
      {"--limit", "Pneumonia=3"},
      {"--device", "cpu", "--math", "bf16"},
      {"--recipe", "covid-vgg16-237", "--image-size", "128", "--weights", "missing.h5"},
  };
  for (std::vector<std::string> words : starts) {
    CAPTURE(words.back());
    words.insert(words.begin(), "train");
    words.insert(words.end(), {"--out", "deep/run/"});
    CHECK(run_curie(folder, words).status != 0);
    CHECK_FALSE(fs::exists(folder / "deep"));
  }
}

TEST_CASE("train, evaluate, predict and summary work together; JSON is JSON; no colour and no bar without a terminal") {
  const TemporaryFolder folder;
  std::vector<std::string> words = kTinyTraining;
  words.push_back("--json");
  const Result trained = run_curie(folder, words);
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  const nlohmann::json result = nlohmann::json::parse(trained.out);
  CHECK(result.at("test").at("accuracy").is_number());
  CHECK(fs::exists(result.at("report").get<std::string>()));
  CHECK_FALSE(contains(trained.err, "\r"));
  CHECK_FALSE(contains(trained.err, "\x1b"));
  CHECK(contains(trained.err, "Epoch 2/2 - "));
  CHECK(contains(trained.err, "synthetic"));

  const Result summary = run_curie(folder, {"summary", "run", "--batch-size", "8"});
  CHECK(contains(summary.out, "Total params: 645,697"));
  CHECK(contains(summary.out, "Predicted peak of a training step of 8"));
  CHECK(contains(summary.out, "0 = Normal 1 = COVID"));

  // A grey 8 x 8 bitmap, written by hand: 54 bytes of header, 24 bits a pixel.
  std::string bmp = "BM";
  const auto put = [&bmp](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bmp += static_cast<char>(value >> (8 * i) & 0xff);
  };
  for (const auto& [value, bytes] : std::vector<std::pair<std::uint32_t, int>>{{54 + 192, 4},
                                                                               {0, 4},
                                                                               {54, 4},
                                                                               {40, 4},
                                                                               {8, 4},
                                                                               {8, 4},
                                                                               {1, 2},
                                                                               {24, 2},
                                                                               {0, 4},
                                                                               {192, 4},
                                                                               {0, 4},
                                                                               {0, 4},
                                                                               {0, 4},
                                                                               {0, 4}}) {
    put(value, bytes);
  }
  for (int i = 0; i < 192; ++i) bmp += static_cast<char>(i);
  for (const char* path : {"images/Normal/a.bmp", "images/Normal/b.bmp", "images/COVID/c.bmp"}) {
    fs::create_directories((folder / path).parent_path());
    folder.put(path, bmp);
  }
  const Result predicted = run_curie(folder, {"predict", "run", "images/COVID/c.bmp", "--json"});
  REQUIRE_MESSAGE(predicted.status == 0, predicted.err);
  const nlohmann::json prediction = nlohmann::json::parse(predicted.out).at(0);
  CHECK(prediction.at("probabilities").at("Normal").get<double>() +
            prediction.at("probabilities").at("COVID").get<double>() ==
        doctest::Approx(1.0));
  CHECK(contains(run_curie(folder, {"predict", "run/best.safetensors", "images/COVID/c.bmp"}).out, "c.bmp: "));

  const Result evaluated = run_curie(folder, {"evaluate", "run", "--data", "images", "--json"});
  REQUIRE_MESSAGE(evaluated.status == 0, evaluated.err);
  CHECK(nlohmann::json::parse(evaluated.out).at("confusion").size() == 2);
  CHECK(contains(run_curie(folder, {"evaluate", "run", "--data", "images"}).out, "macro avg"));

  const Result again = run_curie(folder, kTinyTraining);
  CHECK(again.status == 2);
  CHECK(contains(again.err, "already holds a run"));
  const Result resumed = run_curie(folder, {"train", "--resume", "run", "--epochs", "3", "--quiet"});
  CHECK(resumed.status == 0);
  CHECK(contains(resumed.err, "synthetic"));  // a run on phantoms says so even when quiet
  CHECK(read_text(folder / "run/history.csv").find("\n2,") != std::string::npos);
  const std::string config = read_text(folder / "run/config.json"), metrics = read_text(folder / "run/metrics.json");
  const Result fewer = run_curie(folder, {"train", "--resume", "run", "--epochs", "1"});
  CHECK(fewer.status == 2);
  CHECK_MESSAGE(contains(fewer.err, "--epochs: expected at least 3"), fewer.err);
  CHECK(read_text(folder / "run/config.json") == config);
  CHECK(read_text(folder / "run/metrics.json") == metrics);
  CHECK(run_curie(folder, {"train", "--resume", "run", "--seed", "4"}).status == 2);
}

TEST_CASE("info and recipes speak to people and to programs") {
  const TemporaryFolder folder;
  const nlohmann::json info = nlohmann::json::parse(run_curie(folder, {"info", "--json"}).out);
  CHECK(info.at("cores").get<int>() >= 1);
  CHECK(info.at("parts").size() >= 3);
  CHECK(contains(run_curie(folder, {"info"}).out, "cpu features"));
  CHECK(nlohmann::json::parse(run_curie(folder, {"recipes", "--json"}).out).at(0).at("name") == "covid-cnn-64");
  CHECK(contains(run_curie(folder, {"recipes"}).out, "covid-cnn-64"));
  const Result bench = run_curie(folder, {"bench-step", "--batch-size", "4", "--steps", "2", "--json"});
  CHECK(nlohmann::json::parse(bench.out).at("median_ms").get<double>() > 0.0);
}

TEST_CASE("Ctrl-C finishes the step, saves and says how to go on; kill -9 loses at most an epoch") {
  const TemporaryFolder folder;
  std::vector<std::string> words = kTinyTraining;
  words[6] = "400";  // epochs
  words.insert(words.end(), {"--patience", "0"});
  for (const int signal : {SIGINT, SIGKILL}) {
    CAPTURE(signal);
    words[12] = signal == SIGINT ? "run-int" : "run-kill";
    const fs::path run = folder / words[12];
    const pid_t child = start(folder, words);
    const fs::path checkpoint = run / "checkpoint.safetensors";
    for (int i = 0; i < 3000 && !fs::exists(checkpoint); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    REQUIRE(fs::exists(checkpoint));
    kill(child, signal);
    const Result result = finish(folder, child);
    CHECK(result.status == 128 + signal);
    if (signal == SIGINT) CHECK_MESSAGE(contains(result.err, "curie train --resume run-int"), result.err);
    // The checkpoint is whole, and the run goes on from it: some epochs are done already.
    const std::string history = read_text(run / "history.csv");
    const auto one_more = std::count(history.begin(), history.end(), '\n');  // the header's line stands for it
    const Result resumed =
        run_curie(folder, {"train", "--resume", words[12], "--epochs", std::to_string(one_more), "--json"});
    REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
    CHECK(nlohmann::json::parse(resumed.out).at("epochs").get<int>() == one_more);
    CHECK_FALSE(contains(resumed.err, "Epoch 1/"));
  }
}
