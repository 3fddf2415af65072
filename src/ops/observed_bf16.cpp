#include "ops/observed_bf16.h"

namespace curie {
namespace {

using observed::text;

constexpr work::Storage kBf16{.activations = DType::bf16, .weights = DType::bf16};

// What outputs in float32 take beside those in bfloat16.
Work wider_outputs(const DenseShape& shape) { return {.bytes = 2.0 * shape.n * shape.out}; }
// Weights that are written once more, in bfloat16.
Work rounded(std::size_t count) { return {.bytes = 2.0 * static_cast<double>(count)}; }

class ObservingBf16 final : public Bf16Operations {
 public:
  ObservingBf16(Bf16Operations& inner, const observed::Calls& calls) : inner_(inner), calls_(calls) {}

  // --- convolution --------------------------------------------------------------------------------------------------
  void conv2d_forward(const Conv2dShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                      Bf16* y, Scratch scratch) override {
    calls_.pass_on(
        "conv2d_forward", [&] { inner_.conv2d_forward(shape, x, w, bias, activation, y, scratch); },
        [&] { return text(shape); }, [&] { return work::conv2d_forward(shape, bias != nullptr, activation, kBf16); });
  }
  void conv2d_backward_input(const Conv2dShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                             Scratch scratch) override {
    calls_.pass_on(
        "conv2d_backward_input", [&] { inner_.conv2d_backward_input(shape, dy, w, dx, scratch); },
        [&] { return text(shape); }, [&] { return work::conv2d_backward_input(shape, kBf16); });
  }
  void conv2d_backward_weights(const Conv2dShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                               Scratch scratch) override {
    calls_.pass_on(
        "conv2d_backward_weights", [&] { inner_.conv2d_backward_weights(shape, x, dy, dw, dbias, scratch); },
        [&] { return text(shape); }, [&] { return work::conv2d_backward_weights(shape, dbias != nullptr, kBf16); });
  }
  void conv_pool_forward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const float* bias,
                         const DropoutSpec& dropout, const StepState* state, Bf16* y, std::uint8_t* arg_max,
                         Scratch scratch) override {
    calls_.pass_on(
        "conv_pool_forward", [&] { inner_.conv_pool_forward(shape, x, w, bias, dropout, state, y, arg_max, scratch); },
        [&] { return text(shape); },
        [&] { return work::conv_pool_forward(shape, bias != nullptr, dropout.rate, arg_max != nullptr, kBf16); });
  }
  void conv_pool_backward(const ConvPoolShape& shape, const Bf16* x, const Bf16* w, const Bf16* y,
                          const std::uint8_t* arg_max, float dropout_rate, const Bf16* dy, Bf16* dx, float* dw,
                          float* dbias, Scratch scratch) override {
    calls_.pass_on(
        "conv_pool_backward",
        [&] { inner_.conv_pool_backward(shape, x, w, y, arg_max, dropout_rate, dy, dx, dw, dbias, scratch); },
        [&] { return text(shape); },
        [&] { return work::conv_pool_backward(shape, dropout_rate, dx != nullptr, dbias != nullptr, kBf16); });
  }
  // --- pooling ------------------------------------------------------------------------------------------------------
  void max_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y, std::uint8_t* arg_max) override {
    calls_.pass_on(
        "max_pool_forward", [&] { inner_.max_pool_forward(shape, x, y, arg_max); }, [&] { return text(shape); },
        [&] { return work::max_pool_forward(shape, arg_max != nullptr, kBf16); });
  }
  void max_pool_backward(const PoolShape& shape, const std::uint8_t* arg_max, const Bf16* dy, Bf16* dx) override {
    calls_.pass_on(
        "max_pool_backward", [&] { inner_.max_pool_backward(shape, arg_max, dy, dx); }, [&] { return text(shape); },
        [&] { return work::max_pool_backward(shape, kBf16); });
  }
  void average_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) override {
    calls_.pass_on(
        "average_pool_forward", [&] { inner_.average_pool_forward(shape, x, y); }, [&] { return text(shape); },
        [&] { return work::average_pool_forward(shape, kBf16); });
  }
  void average_pool_backward(const PoolShape& shape, const Bf16* dy, Bf16* dx) override {
    calls_.pass_on(
        "average_pool_backward", [&] { inner_.average_pool_backward(shape, dy, dx); }, [&] { return text(shape); },
        [&] { return work::average_pool_backward(shape, kBf16); });
  }
  void l2_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) override {
    calls_.pass_on(
        "l2_pool_forward", [&] { inner_.l2_pool_forward(shape, x, y); }, [&] { return text(shape); },
        [&] { return work::l2_pool_forward(shape, kBf16); });
  }
  void l2_pool_backward(const PoolShape& shape, const Bf16* x, const Bf16* y, const Bf16* dy, Bf16* dx) override {
    calls_.pass_on(
        "l2_pool_backward", [&] { inner_.l2_pool_backward(shape, x, y, dy, dx); }, [&] { return text(shape); },
        [&] { return work::l2_pool_backward(shape, kBf16); });
  }
  void global_average_pool_forward(int n, int pixels, int channels, const Bf16* x, Bf16* y) override {
    calls_.pass_on(
        "global_average_pool_forward", [&] { inner_.global_average_pool_forward(n, pixels, channels, x, y); },
        [&] { return text(n, pixels, channels); },
        [&] { return work::global_average_pool_forward(n, pixels, channels, kBf16); });
  }
  void global_average_pool_backward(int n, int pixels, int channels, const Bf16* dy, Bf16* dx) override {
    calls_.pass_on(
        "global_average_pool_backward", [&] { inner_.global_average_pool_backward(n, pixels, channels, dy, dx); },
        [&] { return text(n, pixels, channels); },
        [&] { return work::global_average_pool_backward(n, pixels, channels, kBf16); });
  }
  // --- dense: outputs and their gradients also in float32, for logits ------------------------------------------------
  void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                     Bf16* y, Scratch scratch) override {
    calls_.pass_on(
        "dense_forward", [&] { inner_.dense_forward(shape, x, w, bias, activation, y, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_forward(shape, bias != nullptr, activation, kBf16); });
  }
  void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                     float* y, Scratch scratch) override {
    calls_.pass_on(
        "dense_forward", [&] { inner_.dense_forward(shape, x, w, bias, activation, y, scratch); },
        [&] { return text(shape); },
        [&] { return work::dense_forward(shape, bias != nullptr, activation, kBf16) + wider_outputs(shape); });
  }
  void dense_backward_input(const DenseShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                            Scratch scratch) override {
    calls_.pass_on(
        "dense_backward_input", [&] { inner_.dense_backward_input(shape, dy, w, dx, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_backward_input(shape, kBf16); });
  }
  void dense_backward_input(const DenseShape& shape, const float* dy, const Bf16* w, Bf16* dx,
                            Scratch scratch) override {
    calls_.pass_on(
        "dense_backward_input", [&] { inner_.dense_backward_input(shape, dy, w, dx, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_backward_input(shape, kBf16) + wider_outputs(shape); });
  }
  void dense_backward_weights(const DenseShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                              Scratch scratch) override {
    calls_.pass_on(
        "dense_backward_weights", [&] { inner_.dense_backward_weights(shape, x, dy, dw, dbias, scratch); },
        [&] { return text(shape); }, [&] { return work::dense_backward_weights(shape, dbias != nullptr, kBf16); });
  }
  void dense_backward_weights(const DenseShape& shape, const Bf16* x, const float* dy, float* dw, float* dbias,
                              Scratch scratch) override {
    calls_.pass_on(
        "dense_backward_weights", [&] { inner_.dense_backward_weights(shape, x, dy, dw, dbias, scratch); },
        [&] { return text(shape); },
        [&] { return work::dense_backward_weights(shape, dbias != nullptr, kBf16) + wider_outputs(shape); });
  }
  // --- batch normalisation: statistics and parameters are float32
  void batch_norm_forward(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta, Bf16* y,
                          float* saved_mean, float* saved_inv_std, float* running_mean, float* running_variance,
                          Scratch scratch) override {
    calls_.pass_on(
        "batch_norm_forward",
        [&] {
          inner_.batch_norm_forward(shape, x, gamma, beta, y, saved_mean, saved_inv_std, running_mean, running_variance,
                                    scratch);
        },
        [&] { return text(shape.rows, shape.channels); },
        [&] { return work::batch_norm_forward(shape, gamma != nullptr, beta != nullptr, kBf16); });
  }
  void batch_norm_inference(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* beta,
                            const float* running_mean, const float* running_variance, Bf16* y) override {
    calls_.pass_on(
        "batch_norm_inference",
        [&] { inner_.batch_norm_inference(shape, x, gamma, beta, running_mean, running_variance, y); },
        [&] { return text(shape.rows, shape.channels); },
        [&] { return work::batch_norm_inference(shape, gamma != nullptr, beta != nullptr, kBf16); });
  }
  void batch_norm_backward(const BatchNormShape& shape, const Bf16* x, const float* gamma, const float* saved_mean,
                           const float* saved_inv_std, const Bf16* dy, Bf16* dx, float* dgamma, float* dbeta,
                           Scratch scratch) override {
    calls_.pass_on(
        "batch_norm_backward",
        [&] { inner_.batch_norm_backward(shape, x, gamma, saved_mean, saved_inv_std, dy, dx, dgamma, dbeta, scratch); },
        [&] { return text(shape.rows, shape.channels); },
        [&] {
          return work::batch_norm_backward(shape, gamma != nullptr, dx != nullptr, dgamma != nullptr, dbeta != nullptr,
                                           kBf16);
        });
  }
  void batch_norm_backward_inference(const BatchNormShape& shape, const float* gamma, const float* running_variance,
                                     const Bf16* dy, Bf16* dx) override {
    calls_.pass_on(
        "batch_norm_backward_inference",
        [&] { inner_.batch_norm_backward_inference(shape, gamma, running_variance, dy, dx); },
        [&] { return text(shape.rows, shape.channels); },
        [&] { return work::batch_norm_backward_inference(shape, gamma != nullptr, kBf16); });
  }
  // --- elementwise
  void activation_forward(Activation activation, std::size_t count, const Bf16* x, Bf16* y) override {
    calls_.pass_on(
        "activation_forward", [&] { inner_.activation_forward(activation, count, x, y); },
        [&] { return text(activation, count); }, [&] { return work::activation_forward(activation, count, kBf16); });
  }
  void activation_backward(Activation activation, std::size_t count, const Bf16* y, const Bf16* dy, Bf16* dx) override {
    calls_.pass_on(
        "activation_backward", [&] { inner_.activation_backward(activation, count, y, dy, dx); },
        [&] { return text(activation, count); }, [&] { return work::activation_backward(activation, count, kBf16); });
  }
  void dropout(const DropoutSpec& spec, const StepState* state, std::size_t count, const Bf16* x, Bf16* y) override {
    calls_.pass_on(
        "dropout", [&] { inner_.dropout(spec, state, count, x, y); }, [&] { return text(count); },
        [&] { return work::dropout(count, spec.rate, kBf16); });
  }
  void add(std::size_t count, const Bf16* a, const Bf16* b, Bf16* y) override {
    calls_.pass_on(
        "add", [&] { inner_.add(count, a, b, y); }, [&] { return text(count); },
        [&] { return work::add(count, kBf16); });
  }
  void normalize_u8(std::size_t pixels, int channels, const std::uint8_t* x, const float* table, Bf16* y) override {
    calls_.pass_on(
        "normalize_u8", [&] { inner_.normalize_u8(pixels, channels, x, table, y); },
        [&] { return text(pixels * static_cast<std::size_t>(channels)); },
        [&] { return work::normalize_u8(pixels, channels, kBf16); });
  }
  void gather_normalize_u8(int count, std::size_t pixels, int channels, const std::int32_t* rows,
                           const std::uint8_t* images, const float* table, Bf16* y) override {
    calls_.pass_on(
        "gather_normalize_u8", [&] { inner_.gather_normalize_u8(count, pixels, channels, rows, images, table, y); },
        [&] { return text(static_cast<std::size_t>(count) * pixels * static_cast<std::size_t>(channels)); },
        [&] { return work::gather_normalize_u8(count, pixels, channels, kBf16); });
  }
  void warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps, const std::uint8_t* images,
               const float* offset, const float* factor, Bf16* y) override {
    calls_.pass_on(
        "warp_u8", [&] { inner_.warp_u8(shape, rows, warps, images, offset, factor, y); }, [&] { return text(shape); },
        [&] { return work::warp_u8(shape, kBf16); });
  }
  void gather_rounded(int count, std::size_t width, const std::int32_t* rows, const float* x, Bf16* y) override {
    calls_.pass_on(
        "gather_rounded", [&] { inner_.gather_rounded(count, width, rows, x, y); },
        [&] { return text(static_cast<std::size_t>(count) * width); },
        [&] { return work::gather_rounded(count, width); });
  }
  // --- optimizers: float32 as they are, and in the same pass the weights rounded -------------------------------------
  void sgd_step(const SgdArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                float* velocity, Bf16* rounded_weights) override {
    calls_.pass_on(
        "sgd_step", [&] { inner_.sgd_step(args, count, state, gradient, weights, velocity, rounded_weights); },
        [&] { return text(count); }, [&] { return work::sgd_step(args, count) + rounded(count); });
  }
  void adam_step(const AdamArgs& args, std::size_t count, const StepState* state, const float* gradient, float* weights,
                 float* first_moment, float* second_moment, Bf16* rounded_weights) override {
    calls_.pass_on(
        "adam_step",
        [&] { inner_.adam_step(args, count, state, gradient, weights, first_moment, second_moment, rounded_weights); },
        [&] { return text(count); }, [&] { return work::adam_step(args, count) + rounded(count); });
  }

 private:
  Bf16Operations& inner_;
  const observed::Calls& calls_;
};

}  // namespace

std::unique_ptr<Bf16Operations> observe_bf16(Bf16Operations& inner, const observed::Calls& calls) {
  return std::make_unique<ObservingBf16>(inner, calls);
}

}  // namespace curie
