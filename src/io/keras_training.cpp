#include "io/keras_training.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "io/bounded_json.h"
#include "tensor/json_fields.h"
#include "tensor/log.h"

namespace curie {
namespace {

using nlohmann::json;

// --- to Keras ----------------------------------------------------------------------------------------------------

json with_module(json object, const char* module, KerasVersion dialect) {
  if (dialect == KerasVersion::keras3) object.update({{"module", module}, {"registered_name", nullptr}});
  return object;
}

// In HDF5, too: Keras 3 finds no schedule by its class alone, and Keras 2 does not mind.
json keras_schedule(const json& config, const char* class_name) {
  return with_module({{"class_name", class_name}, {"config", config}}, "keras.optimizers.schedules",
                     KerasVersion::keras3);
}

// A number, or a schedule: those of src/optim have Keras' names, and legacy decay is Keras' InverseTimeDecay.
json learning_rate(const json& optimizer) {
  const double decay = optimizer.value("decay", 0.0);
  if (decay != 0.0) {
    return keras_schedule({{"initial_learning_rate", optimizer.at("learning_rate")},
                           {"decay_steps", 1},
                           {"decay_rate", decay},
                           {"staircase", false}},
                          "InverseTimeDecay");
  }
  if (!optimizer.contains("schedule")) return optimizer.at("learning_rate");
  json config = optimizer.at("schedule");
  const std::string kind = config.at("kind").get<std::string>();
  if (config.at("per") == "epoch") {
    log_warning("Keras' schedules count batches, the model's {} counts epochs: its first rate is written", kind);
    return config.value("initial_learning_rate", optimizer.at("learning_rate"));
  }
  config.erase("kind");
  config.erase("per");
  if (config.value("warmup_steps", 1.0) == 0.0) config["warmup_target"] = nullptr;
  return keras_schedule(config, kind.c_str());
}

// Several batches to an update and moving averages: what HDF5 files' optimizers (of Keras 2.10) do not have.
json keras_options(const json& optimizer, KerasVersion dialect) {
  const bool averages = optimizer.contains("ema_momentum"), gathers = optimizer.contains("gradient_accumulation_steps");
  if (dialect == KerasVersion::keras2) {
    if (averages) log_warning("the weights' moving average is not kept in .h5 files: write .keras to go on with it");
    if (gathers) log_warning("several batches to an update are not kept in .h5 files: write .keras to go on with them");
    return json::object();
  }
  json config = json::object();
  if (gathers) config["gradient_accumulation_steps"] = optimizer.at("gradient_accumulation_steps");
  if (!averages) return config;
  if (gathers) log_warning("Keras moves the average of the weights at every batch, Curie at every update");
  const json& frequency = optimizer.at("ema_overwrite_frequency");
  config.update({{"use_ema", true},
                 {"ema_momentum", optimizer.at("ema_momentum")},
                 {"ema_overwrite_frequency", frequency == 0 ? json(nullptr) : frequency}});
  return config;
}

json keras_optimizer(const json& optimizer, KerasVersion dialect) {
  const std::string kind = optimizer.at("kind").get<std::string>();
  json config = {{"name", kind}, {"learning_rate", learning_rate(optimizer)}};
  const bool decoupled = kind == "adamw" || (kind == "sgd" && optimizer.value("convention", "keras") == "keras");
  if (decoupled && optimizer.value("weight_decay", 0.0) != 0.0) config["weight_decay"] = optimizer.at("weight_decay");
  if (kind == "sgd") {
    config.update({{"momentum", optimizer.at("momentum")}, {"nesterov", optimizer.at("nesterov")}});
  } else {
    config.update({{"beta_1", optimizer.at("beta1")},
                   {"beta_2", optimizer.at("beta2")},
                   {"epsilon", optimizer.at("epsilon")},
                   {"amsgrad", false}});
  }
  for (const char* option : {"clipvalue", "clipnorm", "global_clipnorm"})
    if (optimizer.contains(option)) config[option] = optimizer.at(option);
  config.update(keras_options(optimizer, dialect));
  const char* class_name = kind == "sgd" ? "SGD" : (kind == "adamw" ? "AdamW" : "Adam");
  return with_module({{"class_name", class_name}, {"config", config}}, "keras.optimizers", dialect);
}

json keras_loss(const json& loss, KerasVersion dialect) {
  const std::string kind = loss.at("kind").get<std::string>();
  if (!loss.value("from_logits", false)) return kind;
  const char* class_name = kind == "binary_crossentropy"        ? "BinaryCrossentropy"
                           : kind == "categorical_crossentropy" ? "CategoricalCrossentropy"
                                                                : "SparseCategoricalCrossentropy";
  return with_module({{"class_name", class_name}, {"config", {{"name", kind}, {"from_logits", true}}}}, "keras.losses",
                     dialect);
}

// --- from Keras --------------------------------------------------------------------------------------------------

// A float member of an optimizer's config; `otherwise` where it is missing, null or no number.
float number(const json& config, const char* field, float otherwise) {
  if (!config.is_object() || !config.contains(field) || !config[field].is_number()) return otherwise;
  const double value = config[field].get<double>();
  return std::isfinite(value) ? static_cast<float>(value) : otherwise;
}

// A schedule as src/optim describes it, from {"class_name": "ExponentialDecay", "config": {...}}; null for other kinds.
json read_schedule(const json& schedule) {
  const std::map<std::string, std::vector<const char*>> kinds = {
      {"ExponentialDecay", {"initial_learning_rate", "decay_steps", "decay_rate", "staircase"}},
      {"InverseTimeDecay", {"initial_learning_rate", "decay_steps", "decay_rate", "staircase"}},
      {"PolynomialDecay", {"initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle"}},
      {"PiecewiseConstantDecay", {"boundaries", "values"}},
      {"CosineDecay", {"initial_learning_rate", "decay_steps", "alpha", "warmup_target", "warmup_steps"}},
      {"CosineDecayRestarts", {"initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha"}}};
  const bool whole = schedule.contains("class_name") && schedule["class_name"].is_string() &&
                     schedule.contains("config") && schedule["config"].is_object();
  const auto kind = whole ? kinds.find(schedule["class_name"].get<std::string>()) : kinds.end();
  if (kind == kinds.end()) return nullptr;
  json result = {{"kind", kind->first}, {"per", "step"}};
  for (const char* field : kind->second) {
    const json value = schedule["config"].value(field, json());
    const bool warmup = std::string_view(field).starts_with("warmup");  // missing in older versions, null for none
    result[field] = warmup && value.is_null() ? json(0.0) : value;
  }
  // Without a target Keras' CosineDecay has no warm-up, whatever the steps.
  if (result.contains("warmup_target") && result["warmup_target"] == 0.0) result["warmup_steps"] = 0.0;
  return result;
}

// The rate to start from, and in `schedule` what it follows, if anything.
float rate_of(const json& config, json& schedule, const std::string& file) {
  constexpr float kDefault = 1e-3f;
  for (const char* field : {"learning_rate", "lr"}) {
    if (!config.contains(field)) continue;
    const json& rate = config[field];
    if (!rate.is_object()) return number(config, field, kDefault);
    schedule = read_schedule(rate);
    if (schedule.is_null())
      log_warning("{}: the learning rate's schedule is not one of Curie's and is left out: {}", file, brief(rate));
    return rate.contains("config") ? number(rate["config"], "initial_learning_rate", kDefault) : kDefault;
  }
  return kDefault;
}

// The optimizer's description in either dialect, null where there is none.
json optimizer_of(const json& config) {
  if (!config.is_object()) return nullptr;
  for (const char* field : {"optimizer", "optimizer_config"})
    if (config.contains(field)) return config[field];
  return nullptr;
}

bool is_whole(const json& optimizer) {
  return optimizer.is_object() && optimizer.contains("class_name") && optimizer.contains("config") &&
         optimizer["class_name"].is_string() && optimizer["config"].is_object();
}

// Empty where there is none.
std::string name_of_optimizer(const json& optimizer) {
  const std::string name = is_whole(optimizer) ? optimizer["class_name"].get<std::string>() : "";
  return name.starts_with("Custom>") ? name.substr(7) : name;
}

bool is_known(const std::string& optimizer) {
  return optimizer == "SGD" || optimizer == "Adam" || optimizer == "AdamW";
}

// An integer member of an optimizer's config, 0 where it is missing, null or no such number.
int count(const json& config, const char* field) {
  if (!config.contains(field) || !config[field].is_number_integer()) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(config[field].get<std::int64_t>(), 0, 1 << 20));
}

// The options that keras_options writes.
void read_options(const json& config, const std::string& file, json& result) {
  const int gathered = count(config, "gradient_accumulation_steps");
  if (gathered > 1) result["gradient_accumulation_steps"] = gathered;
  if (config.value("use_ema", json(false)) != true) return;
  if (gathered > 1)
    log_warning("{}: Keras moves the average of the weights at every batch, Curie at every update", file);
  result.update({{"ema_momentum", json_number(number(config, "ema_momentum", 0.99f))},
                 {"ema_overwrite_frequency", count(config, "ema_overwrite_frequency")},
                 {"ema_in_validation", false}});
}

// Whether an option says nothing: null, false, 0 or empty.
bool is_idle(const json& value) {
  return value.is_null() || value == false || value == 0 || value == "" || (value.is_structured() && value.empty());
}

// Each member of a config that is neither read nor idle, in one warning.
void warn_of_others(const json& config, std::initializer_list<std::string_view> read, const std::string& what,
                    const std::string& file) {
  std::string others;
  for (const auto& [field, value] : config.items()) {
    if (is_idle(value) || std::find(read.begin(), read.end(), field) != read.end()) continue;
    others += fmt::format("{}{} = {}", others.empty() ? "" : ", ", brief(json(field)), brief(value));
  }
  if (others.empty()) return;
  log_warning("{}: {} has options that Curie has not, they are left out: {}; training on goes another way than Keras'",
              file, what, others);
}

void warn_of_optimizer_options(const std::string& name, const json& config, const std::string& file) {
  if (!is_known(name)) return;
  if (config.value("amsgrad", json(false)) == true)
    log_warning("{}: its optimizer is {} with amsgrad, which Curie has not; it goes on as {} without", file, name,
                name);
  warn_of_others(config,
                 {"name",
                  "learning_rate",
                  "lr",
                  "decay",
                  "momentum",
                  "nesterov",
                  "beta_1",
                  "beta_2",
                  "epsilon",
                  "weight_decay",
                  "clipvalue",
                  "clipnorm",
                  "global_clipnorm",
                  "use_ema",
                  "ema_momentum",
                  "ema_overwrite_frequency",
                  "gradient_accumulation_steps",
                  "amsgrad",
                  "jit_compile",
                  "is_legacy_optimizer"},
                 "its optimizer", file);
}

std::shared_ptr<Optimizer> read_optimizer(const json& optimizer, const std::string& file) {
  const std::string name = name_of_optimizer(optimizer);
  if (!is_known(name)) {
    log_warning("{}: {}; a new one, Adam, takes its place", file,
                name.empty() ? std::string("it tells of no optimizer")
                             : fmt::format("the optimizer {} is not one of Curie's", name.substr(0, 60)));
  }
  const json config = is_whole(optimizer) ? optimizer["config"] : json::object();
  warn_of_optimizer_options(name, config, file);
  json schedule;
  json result = {
      {"learning_rate", json_number(rate_of(config, schedule, file))}, {"convention", "keras"}, {"weight_decay", 0.0}};
  if (!schedule.is_null()) result["schedule"] = schedule;
  for (const char* option : {"clipvalue", "clipnorm", "global_clipnorm"})
    if (number(config, option, 0.0f) > 0.0f) result[option] = json_number(number(config, option, 0.0f));
  read_options(config, file, result);
  if (name == "SGD") {
    result.update({{"kind", "sgd"},
                   {"momentum", json_number(number(config, "momentum", 0.0f))},
                   {"nesterov", config.value("nesterov", json(false)) == true},
                   {"decay", json_number(number(config, "decay", 0.0f))},
                   {"weight_decay", json_number(number(config, "weight_decay", 0.0f))}});
  } else {
    // Keras' Adam with a weight_decay is its AdamW: the decay is decoupled in both.
    const float weight_decay = number(config, "weight_decay", name == "AdamW" ? 0.004f : 0.0f);
    const bool decoupled = name == "AdamW" || weight_decay > 0.0f;
    result.update({{"kind", decoupled ? "adamw" : "adam"},
                   {"beta1", json_number(number(config, "beta_1", 0.9f))},
                   {"beta2", json_number(number(config, "beta_2", 0.999f))},
                   {"epsilon", json_number(number(config, "epsilon", 1e-7f))}});
    if (decoupled) {
      result["weight_decay"] = json_number(weight_decay);
    } else {
      result["decay"] = json_number(number(config, "decay", 0.0f));
    }
  }
  return make_optimizer(result);
}

Loss loss_for(Activation last) {
  switch (last) {
    case Activation::sigmoid:
      return BinaryCrossentropy{};
    case Activation::softmax:
      return CategoricalCrossentropy{};
    case Activation::log_softmax:
      return NegativeLogLikelihood{};
    default:
      return MeanSquaredError{};
  }
}

Loss read_loss(const json& loss, Activation last, const std::string& file) {
  const bool object = loss.is_object() && loss.contains("class_name");
  const json name = object ? loss["class_name"] : loss;
  json config = object && loss.contains("config") && loss["config"].is_object() ? loss["config"] : json::object();
  const bool logits = config.value("from_logits", json(false)) == true;
  const bool from_logits = logits && last == Activation::none;
  if (logits && !from_logits)
    log_warning("{}: its loss takes logits, and its last layer gives none; Curie's takes what the layer gives", file);
  const json reduction = config.value("reduction", json());
  if (reduction == "sum_over_batch_size" || reduction == "auto" || reduction == "mean") config.erase("reduction");
  warn_of_others(config, {"name", "from_logits", "fn", "axis", "dtype"}, "its loss", file);
  // A function is written as {"class_name": "function", "config": "binary_crossentropy"}.
  const json& word = object && loss.contains("config") && loss["config"].is_string() ? loss["config"] : name;
  if (word == "binary_crossentropy" || word == "BinaryCrossentropy") return BinaryCrossentropy{from_logits};
  if (word == "categorical_crossentropy" || word == "CategoricalCrossentropy")
    return CategoricalCrossentropy{from_logits};
  if (word == "sparse_categorical_crossentropy" || word == "SparseCategoricalCrossentropy")
    return SparseCategoricalCrossentropy{from_logits};
  if (word == "mse" || word == "mean_squared_error" || word == "MeanSquaredError") return MeanSquaredError{};
  const Loss suitable = loss_for(last);
  if (word.is_null()) {
    log_warning("{}: it tells of no loss; the model is compiled with {}", file, suitable.name());
    return suitable;
  }
  log_warning("{}: the loss {} is not one of Curie's; the model is compiled with {}", file, brief(loss),
              suitable.name());
  return suitable;
}

}  // namespace

json keras_training_config(const json& training, KerasVersion dialect) {
  if (!training.is_object() || training.at("loss").at("kind") == "negative_log_likelihood") return nullptr;
  json config = {{"loss", keras_loss(training.at("loss"), dialect)},
                 {"metrics", training.at("accuracy").get<bool>() ? json::array({"accuracy"}) : json::array()},
                 {"weighted_metrics", nullptr},
                 {"loss_weights", nullptr}};
  const json optimizer = keras_optimizer(training.at("optimizer"), dialect);
  if (dialect == KerasVersion::keras2) {
    config["optimizer_config"] = optimizer;
  } else {
    config.update(
        {{"optimizer", optimizer}, {"run_eagerly", false}, {"steps_per_execution", 1}, {"jit_compile", false}});
  }
  return config;
}

CompileOptions read_keras_training(const json& config, const Model& model, const std::string& file) {
  const Activation last = model.graph().last_activation();
  const auto value = [&](const char* field) { return config.contains(field) ? config[field] : json(); };
  if (!config.is_object() || (optimizer_of(config).is_null() && value("loss").is_null())) {
    const Loss loss = loss_for(last);
    log_warning("{}: it says nothing about training; the model is compiled with Adam and {}", file, loss.name());
    return {.loss = loss};
  }
  if (!is_idle(value("loss_weights")))
    log_warning("{}: it weights its losses ({}), which Curie does not", file, brief(value("loss_weights")));
  const json optimizer = optimizer_of(config);
  return with_values_of_file(fmt::format("the training configuration of {}", file), [&] {
    return CompileOptions{.optimizer = read_optimizer(optimizer, file), .loss = read_loss(value("loss"), last, file)};
  });
}

bool knows_keras_optimizer(const json& config) { return is_known(name_of_optimizer(optimizer_of(config))); }

}  // namespace curie
