#include "catalogue/entries.h"

namespace curie {
namespace {

const std::vector<Extent> kBatchNorm = {{"rows", 200}, {"channels", 24}};
const std::vector<std::string> kHard = {"rows=3000,channels=3"};

BatchNormShape batch_norm(const Operands& o) { return {.rows = o["rows"], .channels = o["channels"]}; }
std::size_t elements(const BatchNormShape& s) {
  return static_cast<std::size_t>(s.rows) * static_cast<std::size_t>(s.channels);
}
std::size_t channels(const BatchNormShape& s) { return static_cast<std::size_t>(s.channels); }

template <typename T>
void batch_norm_forward(Operands& o) {
  const BatchNormShape s = batch_norm(o);
  const T* x = o.uniform<T>("x", elements(s));
  const float* gamma = o.uniform("gamma", channels(s), 0.5f, 1.5f);
  const float* beta = o.uniform("beta", channels(s));
  T* y = o.output<T>("y", elements(s));
  float* mean = o.output("saved_mean", channels(s));
  float* inv_std = o.output("saved_inv_std", channels(s));
  float* running_mean = o.in_and_out("running_mean", channels(s), -1.0f, 1.0f);
  float* running_variance = o.in_and_out("running_variance", channels(s), 0.5f, 1.5f);
  o.on<T>().batch_norm_forward(s, x, gamma, beta, y, mean, inv_std, running_mean, running_variance,
                               o.scratch(o.backend().scratch_bytes(s)));
}

template <typename T>
void batch_norm_inference(Operands& o) {
  const BatchNormShape s = batch_norm(o);
  const T* x = o.uniform<T>("x", elements(s));
  const float* gamma = o.uniform("gamma", channels(s), 0.5f, 1.5f);
  const float* beta = o.uniform("beta", channels(s));
  const float* mean = o.uniform("running_mean", channels(s));
  const float* variance = o.uniform("running_variance", channels(s), 0.5f, 1.5f);
  o.on<T>().batch_norm_inference(s, x, gamma, beta, mean, variance, o.output<T>("y", elements(s)));
}

template <typename T>
void batch_norm_backward(Operands& o) {
  const BatchNormShape s = batch_norm(o);
  const T* x = o.uniform<T>("x", elements(s));
  const float* gamma = o.uniform("gamma", channels(s), 0.5f, 1.5f);
  const float* mean = o.uniform("saved_mean", channels(s), -0.1f, 0.1f);
  const float* inv_std = o.uniform("saved_inv_std", channels(s), 1.0f, 2.0f);
  const T* dy = o.uniform<T>("dy", elements(s));
  T* dx = o.output<T>("dx", elements(s));
  float* dgamma = o.output("dgamma", channels(s));
  float* dbeta = o.output("dbeta", channels(s));
  o.on<T>().batch_norm_backward(s, x, gamma, mean, inv_std, dy, dx, dgamma, dbeta,
                                o.scratch(o.backend().scratch_bytes(s)));
}

template <typename T>
void batch_norm_backward_inference(Operands& o) {
  const BatchNormShape s = batch_norm(o);
  const float* gamma = o.uniform("gamma", channels(s), 0.5f, 1.5f);
  const float* variance = o.uniform("running_variance", channels(s), 0.5f, 1.5f);
  const T* dy = o.uniform<T>("dy", elements(s));
  o.on<T>().batch_norm_backward_inference(s, gamma, variance, dy, o.output<T>("dx", elements(s)));
}

}  // namespace

std::vector<CatalogueEntry> normalization_entries() {
  return {
      {"batch_norm_forward", "batch normalisation by the batch's own statistics", kBatchNorm, false,
       batch_norm_forward<float>, batch_norm_forward<Bf16>, kHard},
      {"batch_norm_inference", "batch normalisation by the running statistics", kBatchNorm, false,
       batch_norm_inference<float>, batch_norm_inference<Bf16>},
      {"batch_norm_backward", "gradients through the batch's statistics", kBatchNorm, false, batch_norm_backward<float>,
       batch_norm_backward<Bf16>, kHard},
      {"batch_norm_backward_inference", "the gradient of a frozen batch normalisation", kBatchNorm, false,
       batch_norm_backward_inference<float>, batch_norm_backward_inference<Bf16>},
  };
}

}  // namespace curie
