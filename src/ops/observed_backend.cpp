#include "ops/observed_backend.h"

#include <utility>

#include "ops/observed_bf16.h"
#include "ops/observed_calls.h"

namespace curie {
namespace {

using observed::text;

class Observing final : public Backend, public Observed {
 public:
  explicit Observing(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {
    if (Bf16Operations* operations = inner_->bf16()) bf16_ = observe_bf16(*operations, calls_);
  }

  void set_observer(BackendObserver* observer) override { calls_.set_observer(observer); }
  void entering(std::string_view part) override { calls_.entering(part); }

  Device device() const override { return inner_->device(); }
  std::string describe() const override { return inner_->describe(); }
  std::optional<Memory> memory() const override { return inner_->memory(); }
  Bf16Operations* bf16() override { return bf16_.get(); }
  Buffer allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
  void copy_to_device(std::byte* to, const std::byte* from_host, std::size_t bytes) override {
    inner_->copy_to_device(to, from_host, bytes);
  }
  void copy_to_host(std::byte* to_host, const std::byte* from, std::size_t bytes) override {
    inner_->copy_to_host(to_host, from, bytes);
  }
  void copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) override {
    calls_.pass_on(
        "copy_on_device", [&] { inner_->copy_on_device(to, from, bytes); }, [&] { return text(bytes); },
        [&] { return work::copy(bytes); });
  }
  void synchronize() override { inner_->synchronize(); }
  std::unique_ptr<Recording> record(std::function<void()> step) override {
    return !calls_.watched() ? inner_->record(std::move(step)) : Backend::record(std::move(step));
  }
  double milliseconds(const std::function<void()>& work) override { return inner_->milliseconds(work); }
  std::unique_ptr<Timeline> watch() override { return inner_->watch(); }
  std::optional<Roof> measure_roof() override { return inner_->measure_roof(); }

  std::size_t scratch_bytes(const Conv2dShape& shape) const override { return inner_->scratch_bytes(shape); }
  std::size_t scratch_bytes(const ConvPoolShape& shape) const override { return inner_->scratch_bytes(shape); }
  std::size_t scratch_bytes(const DenseShape& shape) const override { return inner_->scratch_bytes(shape); }
  std::size_t scratch_bytes(const BatchNormShape& shape) const override { return inner_->scratch_bytes(shape); }
  std::size_t scratch_bytes(const LossShape& shape) const override { return inner_->scratch_bytes(shape); }
  std::size_t scratch_bytes(const ClipShape& shape) const override { return inner_->scratch_bytes(shape); }
  bool fuses(const ConvPoolShape& shape) const override { return inner_->fuses(shape); }

  // --- convolution ---
  void conv2d_forward(const Conv2dShape& shape, const float* x, const float* w, const float* bias,
                      Activation activation, float* y, Scratch scratch) override {
    calls_.pass_on(
        "conv2d_forward", [&] { inner_->conv2d_forward(shape, x, w, bias, activation, y, scratch); },
        [&] { return text(shape); }, [&] { return work::conv2d_forward(shape, bias != nullptr, activation); });
  }
  void conv2d_backward_input(const Conv2dShape& shape, const float* dy, const float* w, float* dx,
                             Scratch scratch) override {
    calls_.pass_on(
        "conv2d_backward_input", [&] { inner_->conv2d_backward_input(shape, dy, w, dx, scratch); },
        [&] { return text(shape); }, [&] { return work::conv2d_backward_input(shape); });
  }
  void conv2d_backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                               Scratch scratch) override {
    calls_.pass_on(
        "conv2d_backward_weights", [&] { inner_->conv2d_backward_weights(shape, x, dy, dw, dbias, scratch); },
        [&] { return text(shape); }, [&] { return work::conv2d_backward_weights(shape, dbias != nullptr); });
  }
  void conv_pool_forward(const ConvPoolShape& shape, const float* x, const float* w, const float* bias,
                         const DropoutSpec& dropout, const StepState* state, float* y, std::uint8_t* arg_max,
                         Scratch scratch) override {
    calls_.pass_on(
        "conv_pool_forward", [&] { inner_->conv_pool_forward(shape, x, w, bias, dropout, state, y, arg_max, scratch); },
        [&] { return text(shape); },
        [&] { return work::conv_pool_forward(shape, bias != nullptr, dropout.rate, arg_max != nullptr); });
  }
  void conv_pool_backward(const ConvPoolShape& shape, const float* x, const float* w, const float* y,
                          const std::uint8_t* arg_max, float dropout_rate, const float* dy, float* dx, float* dw,
                          float* dbias, Scratch scratch) override {
    calls_.pass_on(
        "conv_pool_backward",
        [&] { inner_->conv_pool_backward(shape, x, w, y, arg_max, dropout_rate, dy, dx, dw, dbias, scratch); },
        [&] { return text(shape); },
        [&] { return work::conv_pool_backward(shape, dropout_rate, dx != nullptr, dbias != nullptr); });
  }
  // --- pooling ---
  void max_pool_forward(const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) override {
    calls_.pass_on(
        "max_pool_forward", [&] { inner_->max_pool_forward(shape, x, y, arg_max); }, [&] { return text(shape); },
        [&] { return work::max_pool_forward(shape, arg_max != nullptr); });
  }
  void max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const float* dy, float* dx) override {
    calls_.pass_on(
        "max_pool_backward", [&] { inner_->max_pool_backward(shape, arg_max, dy, dx); }, [&] { return text(shape); },
        [&] { return work::max_pool_backward(shape); });
  }
  void average_pool_forward(const PoolShape& shape, const float* x, float* y) override {
    calls_.pass_on(
        "average_pool_forward", [&] { inner_->average_pool_forward(shape, x, y); }, [&] { return text(shape); },
        [&] { return work::average_pool_forward(shape); });
  }
  void average_pool_backward(const PoolShape& shape, const float* dy, float* dx) override {
    calls_.pass_on(
        "average_pool_backward", [&] { inner_->average_pool_backward(shape, dy, dx); }, [&] { return text(shape); },
        [&] { return work::average_pool_backward(shape); });
  }
  void l2_pool_forward(const PoolShape& shape, const float* x, float* y) override {
    calls_.pass_on(
        "l2_pool_forward", [&] { inner_->l2_pool_forward(shape, x, y); }, [&] { return text(shape); },
        [&] { return work::l2_pool_forward(shape); });
  }
  void l2_pool_backward(const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) override {
    calls_.pass_on(
        "l2_pool_backward", [&] { inner_->l2_pool_backward(shape, x, y, dy, dx); }, [&] { return text(shape); },
        [&] { return work::l2_pool_backward(shape); });
  }
  void global_average_pool_forward(int n, int pixels, int channels, const float* x, float* y) override {
    calls_.pass_on(
        "global_average_pool_forward", [&] { inner_->global_average_pool_forward(n, pixels, channels, x, y); },
        [&] { return text(n, pixels, channels); },
        [&] { return work::global_average_pool_forward(n, pixels, channels); });
  }
  void global_average_pool_backward(int n, int pixels, int channels, const float* dy, float* dx) override {
    calls_.pass_on(
        "global_average_pool_backward", [&] { inner_->global_average_pool_backward(n, pixels, channels, dy, dx); },
        [&] { return text(n, pixels, channels); },
        [&] { return work::global_average_pool_backward(n, pixels, channels); });
  }
  // --- dense ---
  void dense_forward(const DenseShape& shape, const float* x, const float* w, const float* bias, Activation activation,
                     float* y, Scratch scratch) override {
    calls_.pass_on(
        "dense_forward", [&] { inner_->dense_forward(shape, x, w, bias, activation, y, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_forward(shape, bias != nullptr, activation); });
  }
  void dense_backward_input(const DenseShape& shape, const float* dy, const float* w, float* dx,
                            Scratch scratch) override {
    calls_.pass_on(
        "dense_backward_input", [&] { inner_->dense_backward_input(shape, dy, w, dx, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_backward_input(shape); });
  }
  void dense_backward_weights(const DenseShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                              Scratch scratch) override {
    calls_.pass_on(
        "dense_backward_weights", [&] { inner_->dense_backward_weights(shape, x, dy, dw, dbias, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_backward_weights(shape, dbias != nullptr); });
  }
  // --- batch normalisation ---
  void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta, float* y,
                          float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                          Scratch scratch) override {
    calls_.pass_on(
        "batch_norm_forward",
        [&] {
          inner_->batch_norm_forward(shape, x, gamma, beta, y, saved_mean, saved_inv_std, running_mean,
                                     running_variance, scratch);
        },
        [&] { return text(shape.rows, shape.channels); },
        [&] { return work::batch_norm_forward(shape, gamma != nullptr, beta != nullptr); });
  }
  void batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma, const float* beta,
                            const float* running_mean, const float* running_variance, float* y) override {
    calls_.pass_on(
        "batch_norm_inference",
        [&] { inner_->batch_norm_inference(shape, x, gamma, beta, running_mean, running_variance, y); },
        [&] { return text(shape.rows, shape.channels); },
        [&] { return work::batch_norm_inference(shape, gamma != nullptr, beta != nullptr); });
  }
  void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma, const float* saved_mean,
                           const float* saved_inv_std, const float* dy, float* dx, float* dgamma, float* dbeta,
                           Scratch scratch) override {
    calls_.pass_on(
        "batch_norm_backward",
        [&] {
          inner_->batch_norm_backward(shape, x, gamma, saved_mean, saved_inv_std, dy, dx, dgamma, dbeta, scratch);
        },
        [&] { return text(shape.rows, shape.channels); },
        [&] {
          return work::batch_norm_backward(shape, gamma != nullptr, dx != nullptr, dgamma != nullptr, dbeta != nullptr);
        });
  }
  void batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma, const float* running_variance,
                                     const float* dy, float* dx) override {
    calls_.pass_on(
        "batch_norm_backward_inference",
        [&] { inner_->batch_norm_backward_inference(shape, gamma, running_variance, dy, dx); },
        [&] { return text(shape.rows, shape.channels); },
        [&] { return work::batch_norm_backward_inference(shape, gamma != nullptr); });
  }
  // --- elementwise and rows ---
  void activation_forward(Activation activation, std::size_t count, const float* x, float* y) override {
    calls_.pass_on(
        "activation_forward", [&] { inner_->activation_forward(activation, count, x, y); },
        [&] { return text(activation, count); }, [&] { return work::activation_forward(activation, count); });
  }
  void activation_backward(Activation activation, std::size_t count, const float* y, const float* dy,
                           float* dx) override {
    calls_.pass_on(
        "activation_backward", [&] { inner_->activation_backward(activation, count, y, dy, dx); },
        [&] { return text(activation, count); }, [&] { return work::activation_backward(activation, count); });
  }
  void softmax_forward(int rows, int classes, const float* x, float* y) override {
    calls_.pass_on(
        "softmax_forward", [&] { inner_->softmax_forward(rows, classes, x, y); }, [&] { return text(rows, classes); },
        [&] { return work::softmax_forward(rows, classes); });
  }
  void softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) override {
    calls_.pass_on(
        "softmax_backward", [&] { inner_->softmax_backward(rows, classes, y, dy, dx); },
        [&] { return text(rows, classes); }, [&] { return work::softmax_backward(rows, classes); });
  }
  void log_softmax_forward(int rows, int classes, const float* x, float* y) override {
    calls_.pass_on(
        "log_softmax_forward", [&] { inner_->log_softmax_forward(rows, classes, x, y); },
        [&] { return text(rows, classes); }, [&] { return work::log_softmax_forward(rows, classes); });
  }
  void log_softmax_backward(int rows, int classes, const float* y, const float* dy, float* dx) override {
    calls_.pass_on(
        "log_softmax_backward", [&] { inner_->log_softmax_backward(rows, classes, y, dy, dx); },
        [&] { return text(rows, classes); }, [&] { return work::log_softmax_backward(rows, classes); });
  }
  void dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const float* x, float* y) override {
    calls_.pass_on(
        "dropout", [&] { inner_->dropout(spec, state, count, x, y); }, [&] { return text(count); },
        [&] { return work::dropout(count, spec.rate); });
  }
  void add(std::size_t count, const float* a, const float* b, float* y) override {
    calls_.pass_on(
        "add", [&] { inner_->add(count, a, b, y); }, [&] { return text(count); }, [&] { return work::add(count); });
  }
  void blend(std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) override {
    calls_.pass_on(
        "blend", [&] { inner_->blend(count, alpha, a, beta, b, y); }, [&] { return text(count); },
        [&] { return work::blend(count); });
  }
  void fill(std::size_t count, float value, float* y) override {
    calls_.pass_on(
        "fill", [&] { inner_->fill(count, value, y); }, [&] { return text(count); }, [&] { return work::fill(count); });
  }
  void cast_to_bf16(std::size_t count, const float* x, Bf16* y) override {
    calls_.pass_on(
        "cast_to_bf16", [&] { inner_->cast_to_bf16(count, x, y); }, [&] { return text(count); },
        [&] { return work::cast(count); });
  }
  void cast_to_f32(std::size_t count, const Bf16* x, float* y) override {
    calls_.pass_on(
        "cast_to_f32", [&] { inner_->cast_to_f32(count, x, y); }, [&] { return text(count); },
        [&] { return work::cast(count); });
  }
  void normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, float* y) override {
    calls_.pass_on(
        "normalize_u8", [&] { inner_->normalize_u8(pixels, channels, x, table, y); },
        [&] { return text(pixels * static_cast<std::size_t>(channels)); },
        [&] { return work::normalize_u8(pixels, channels); });
  }
  void gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                           const std::uint8_t* images, const float* table, float* y) override {
    calls_.pass_on(
        "gather_normalize_u8", [&] { inner_->gather_normalize_u8(count, pixels, channels, rows, images, table, y); },
        [&] { return text(static_cast<std::size_t>(count) * pixels * static_cast<std::size_t>(channels)); },
        [&] { return work::gather_normalize_u8(count, pixels, channels); });
  }
  void warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps, const std::uint8_t* images,
               const float* offset, const float* factor, float* y) override {
    calls_.pass_on(
        "warp_u8", [&] { inner_->warp_u8(shape, rows, warps, images, offset, factor, y); }, [&] { return text(shape); },
        [&] { return work::warp_u8(shape); });
  }
  void gather_rows(int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                   std::uint32_t* y) override {
    calls_.pass_on(
        "gather_rows", [&] { inner_->gather_rows(count, words, rows, x, y); },
        [&] { return text(static_cast<std::size_t>(count) * words); }, [&] { return work::gather_rows(count, words); });
  }
  // --- losses, metrics, optimizers ---
  void loss(const LossShape& shape, const float* predictions, const void* targets, const float* weights,
            float* gradient, MetricTotals* totals, Scratch scratch) override {
    calls_.pass_on(
        "loss", [&] { inner_->loss(shape, predictions, targets, weights, gradient, totals, scratch); },
        [&] { return text(shape.rows, shape.classes); },
        [&] { return work::loss(shape, weights != nullptr, gradient != nullptr); });
  }
  void count_correct(MatchRule rule, int rows, int classes, const float* predictions, const void* targets,
                     MetricTotals* totals) override {
    calls_.pass_on(
        "count_correct", [&] { inner_->count_correct(rule, rows, classes, predictions, targets, totals); },
        [&] { return text(rows, classes); }, [&] { return work::count_correct(rule, rows, classes); });
  }
  void clip_gradient(const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                     Scratch scratch) override {
    calls_.pass_on(
        "clip_gradient", [&] { inner_->clip_gradient(shape, segment_ends, gradient, scratch); },
        [&] { return text(shape.count); }, [&] { return work::clip_gradient(shape); });
  }
  void sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                float* velocity) override {
    calls_.pass_on(
        "sgd_step", [&] { inner_->sgd_step(args, count, state, gradient, weights, velocity); },
        [&] { return text(count); }, [&] { return work::sgd_step(args, count); });
  }
  void adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                 float* first_moment, float* second_moment) override {
    calls_.pass_on(
        "adam_step", [&] { inner_->adam_step(args, count, state, gradient, weights, first_moment, second_moment); },
        [&] { return text(count); }, [&] { return work::adam_step(args, count); });
  }

 private:
  std::unique_ptr<Backend> inner_;
  observed::Calls calls_;
  std::unique_ptr<Bf16Operations> bf16_;
};

}  // namespace

ObservedBackend observe(std::unique_ptr<Backend> inner) {
  auto backend = std::make_unique<Observing>(std::move(inner));
  Observed* const handle = backend.get();
  return {.backend = std::move(backend), .handle = handle};
}

}  // namespace curie
