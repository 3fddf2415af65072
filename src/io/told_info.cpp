#include "io/told_info.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "io/model_file.h"
#include "tensor/log.h"

namespace curie {
namespace {

void check_count(const std::vector<std::string>& names, std::size_t expected) {
  CURIE_CHECK(names.size() == expected, usage,
              "the model tells {} classes apart, got {} names (--classes, or the recipe's)", expected, names.size());
}

int classes_of(const Model& model) { return std::max(2, model.graph().shape(model.graph().output())[-1]); }

std::vector<std::string> numbered_classes(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(fmt::format("class {}", i));
  return names;
}

void check_normalization(const Normalization& normalization, int channels) {
  for (const std::vector<double>* values : {&normalization.mean, &normalization.stddev}) {
    CURIE_CHECK(values->empty() || values->size() == static_cast<std::size_t>(channels), usage,
                "--mean, --stddev: expected one value for each of {} channels, got {}", channels, values->size());
  }
}

// A model that scales its pixels itself, by a Rescaling layer, may be told the same again.
void check_same_scale(const Model& model, const Normalization& told, int channels, const std::string& file) {
  const Tensor own = model.normalization().table(channels), wanted = told.table(channels);
  const std::span<const float> a = own.host<float>(), b = wanted.host<float>();
  const bool same = std::equal(a.begin(), a.end(), b.begin(),
                               [](float x, float y) { return std::abs(x - y) <= 1e-6f * std::max(1.0f, std::abs(y)); });
  CURIE_CHECK(same, usage,
              "{}: the model scales its pixels itself, by its Rescaling layer, and otherwise than --divide-by, --mean "
              "and --stddev, or the recipe, say; leave these out",
              file);
}

// What becomes of outputs that are no probabilities, as model/probabilities.h has it; empty where they are some.
std::string meaning_of_outputs(const Model& model) {
  const bool one = model.graph().shape(model.graph().output())[-1] == 1;
  switch (model.graph().last_activation()) {
    case Activation::sigmoid:
    case Activation::softmax:
    case Activation::log_softmax:
      return "";
    case Activation::none:
      return fmt::format("its outputs, which no activation ends in, are logits: a {} makes probabilities of them",
                         one ? "sigmoid" : "softmax");
    default:
      return fmt::format("its outputs, which end in {}, are scores: what is shown as probabilities are not such",
                         name_of(model.graph().last_activation()));
  }
}

// All of a few names, the ends of many.
std::string shortened(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 8;
  if (names.size() <= kMost) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, {}, ... {} ({} names)", names[0], names[1], names.back(), names.size());
}

void warn(const Model& model, const Assumed& assumed, const ModelInfo& info, const std::string& file) {
  std::vector<std::string> guesses;
  if (assumed.class_names)
    guesses.push_back(fmt::format("the classes are called {} (--classes)", shortened(info.class_names)));
  if (assumed.resample)
    guesses.push_back(
        fmt::format("images are brought to size by {} (--resample)", name_of(info.preprocessing.resample)));
  if (assumed.channel_order) guesses.emplace_back("colours come as RGB (--channel-order)");
  if (assumed.normalization) guesses.emplace_back("pixels are divided by 255 (--divide-by, --mean, --stddev)");
  if (const std::string meaning = meaning_of_outputs(model); !meaning.empty()) guesses.push_back(meaning);
  if (guesses.empty()) return;
  log_warning(
      "{}: another program wrote it, and it does not say how images become its input and what its outputs "
      "mean. Taken for granted: {}. A wrong guess makes the model's answers wrong; the options in brackets, or "
      "--recipe for all of them, correct it",
      file, fmt::join(guesses, "; "));
}

}  // namespace

ModelInfo foreign_info(Model& model, bool scales, const ToldInfo& told, Assumed& assumed, const std::string& file) {
  const Shape& input = model.graph().input_shape();
  CURIE_CHECK(input.rank() == 3 && (input[2] == 1 || input[2] == 3), file,
              "{}: expected a model of images (rows, columns, 1 or 3 channels), found an input of {}", file,
              to_string(input));
  const int channels = input[2];
  ModelInfo info;
  info.preprocessing = {.width = input[1],
                        .height = input[0],
                        .channels = channels,
                        .resample = told.resample.value_or(Resample::bicubic),
                        .channel_order = told.channel_order.value_or(ChannelOrder::rgb)};
  info.preprocessing.check();
  info.class_names = told.class_names.empty() ? numbered_classes(classes_of(model)) : told.class_names;
  check_count(info.class_names, static_cast<std::size_t>(classes_of(model)));
  if (told.normalization) {
    check_normalization(*told.normalization, channels);
    if (scales) {
      check_same_scale(model, *told.normalization, channels, file);
    } else {
      model.set_normalization(*told.normalization);
    }
  }
  info.provenance = {{"converted_from", file}};
  assumed = {.class_names = told.class_names.empty(),
             .resample = !told.resample,
             .channel_order = channels == 3 && !told.channel_order,
             .normalization = !scales && !told.normalization};
  warn(model, assumed, info, file);
  return info;
}

void rename_classes(ModelInfo& info, const ToldInfo& told, const std::string& file) {
  if (told.by_recipe) {
    CURIE_CHECK(told.resample == info.preprocessing.resample && told.class_names.size() == info.class_names.size(),
                usage,
                "{}: the file tells how images become the model's input ({}), and other than --recipe; leave it out",
                file, to_string(info.preprocessing));
    return;
  }
  CURIE_CHECK(!told.resample && !told.channel_order && !told.normalization, usage,
              "{}: the file tells how images become the model's input ({}); leave out --recipe, --resample, "
              "--channel-order, --divide-by, --mean and --stddev",
              file, to_string(info.preprocessing));
  if (told.class_names.empty()) return;
  check_count(told.class_names, info.class_names.size());
  info.class_names = told.class_names;
}

}  // namespace curie
