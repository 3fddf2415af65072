// Pooling and batch normalisation through cuDNN.
#include "cuda/cudnn/backend.h"
#include "cuda/cudnn/workspace.h"

namespace curie::CURIE_GPU {
namespace {

constexpr float kOne = 1.0f, kZero = 0.0f;

}  // namespace

const CudnnBackend::PoolPlan& CudnnBackend::plan_of(const PoolShape& shape) {
  const auto found = pools_.find(shape);
  if (found != pools_.end()) return found->second;
  PoolPlan plan;
  if (cudnn_takes(shape)) {
    const CudnnFunctions& cudnn = functions_->cudnn;
    plan.x = describe_tensor(cudnn, shape.n, shape.h, shape.w, shape.c, stored_type(math()));
    plan.y = describe_tensor(cudnn, shape.n, shape.p, shape.q, shape.c, stored_type(math()));
    plan.maximum = describe_pooling(cudnn, shape, CUDNN_POOLING_MAX_DETERMINISTIC);
    plan.average = describe_pooling(cudnn, shape,
                                    shape.count_padding ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
                                                        : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING);
  }
  return pools_.emplace(shape, std::move(plan)).first->second;
}

void CudnnBackend::pool(const PoolPlan& plan, const PoolingDescriptor& kind, const void* x, void* y) {
  functions_->cudnn.check(
      functions_->cudnn.cudnnPoolingForward(cudnn_.get(), kind.get(), &kOne, plan.x.get(), x, &kZero, plan.y.get(), y),
      "cudnnPoolingForward");
}

void CudnnBackend::pool_back(const PoolPlan& plan, const void* dy, void* dx) {
  // The call also takes x and y, which the gradient of a mean does not depend on: dx and dy stand in for them.
  functions_->cudnn.check(
      functions_->cudnn.cudnnPoolingBackward(cudnn_.get(), plan.average.get(), &kOne, plan.y.get(), dy, plan.y.get(),
                                             dy, plan.x.get(), dx, &kZero, plan.x.get(), dx),
      "cudnnPoolingBackward");
}

void CudnnBackend::max_pool_forward(const PoolShape& shape, const float* x, float* y, std::uint8_t* arg_max) {
  const PoolPlan* plan = on_floats_.pooling && arg_max == nullptr ? &plan_of(shape) : nullptr;
  if (plan == nullptr || plan->x == nullptr || !aligned_for_vendor({x, y})) {
    return GpuBackend::max_pool_forward(shape, x, y, arg_max);
  }
  pool(*plan, plan->maximum, x, y);
}

void CudnnBackend::average_pool_forward(const PoolShape& shape, const float* x, float* y) {
  const PoolPlan* plan = on_floats_.pooling ? &plan_of(shape) : nullptr;
  if (plan == nullptr || plan->x == nullptr || !aligned_for_vendor({x, y})) {
    return GpuBackend::average_pool_forward(shape, x, y);
  }
  pool(*plan, plan->average, x, y);
}

void CudnnBackend::average_pool_backward(const PoolShape& shape, const float* dy, float* dx) {
  const PoolPlan* plan = on_floats_.pooling ? &plan_of(shape) : nullptr;
  if (plan == nullptr || plan->x == nullptr || !aligned_for_vendor({dy, dx})) {
    return GpuBackend::average_pool_backward(shape, dy, dx);
  }
  pool_back(*plan, dy, dx);
}

// --- batch normalisation: rows of channels are images of one pixel ---------------------------------------------------

const CudnnBackend::BatchNormPlan& CudnnBackend::plan_of(const BatchNormShape& shape) {
  const std::pair key{shape.rows, shape.channels};
  const auto found = batch_norms_.find(key);
  if (found != batch_norms_.end()) return found->second;
  const CudnnFunctions& cudnn = functions_->cudnn;
  return batch_norms_
      .emplace(key, BatchNormPlan{.rows = describe_tensor(cudnn, shape.rows, 1, 1, shape.channels),
                                  .channels = describe_tensor(cudnn, 1, 1, 1, shape.channels)})
      .first->second;
}

void CudnnBackend::batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gamma,
                                      const float* beta, float* y, float* saved_mean, float* saved_inv_std,
                                      float* running_mean, float* running_variance, Scratch scratch) {
  if (!on_floats_.batch_norm || !shape.unbiased_running || shape.rows < 2 || gamma == nullptr || beta == nullptr ||
      !aligned_for_vendor({x, gamma, beta, y, saved_mean, saved_inv_std, running_mean, running_variance})) {
    return GpuBackend::batch_norm_forward(shape, x, gamma, beta, y, saved_mean, saved_inv_std, running_mean,
                                          running_variance, scratch);
  }
  const BatchNormPlan& plan = plan_of(shape);
  const double share_of_batch = 1.0 - static_cast<double>(shape.momentum);
  functions_->cudnn.check(functions_->cudnn.cudnnBatchNormalizationForwardTraining(
                              cudnn_.get(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero, plan.rows.get(), x, plan.rows.get(),
                              y, plan.channels.get(), gamma, beta, share_of_batch, running_mean, running_variance,
                              static_cast<double>(shape.epsilon), saved_mean, saved_inv_std),
                          "cudnnBatchNormalizationForwardTraining");
}

void CudnnBackend::batch_norm_inference(const BatchNormShape& shape, const float* x, const float* gamma,
                                        const float* beta, const float* running_mean, const float* running_variance,
                                        float* y) {
  if (!on_floats_.batch_norm || shape.rows < 1 || gamma == nullptr || beta == nullptr ||
      !aligned_for_vendor({x, gamma, beta, running_mean, running_variance, y})) {
    return GpuBackend::batch_norm_inference(shape, x, gamma, beta, running_mean, running_variance, y);
  }
  const BatchNormPlan& plan = plan_of(shape);
  functions_->cudnn.check(
      functions_->cudnn.cudnnBatchNormalizationForwardInference(
          cudnn_.get(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero, plan.rows.get(), x, plan.rows.get(), y,
          plan.channels.get(), gamma, beta, running_mean, running_variance, static_cast<double>(shape.epsilon)),
      "cudnnBatchNormalizationForwardInference");
}

void CudnnBackend::batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gamma,
                                       const float* saved_mean, const float* saved_inv_std, const float* dy, float* dx,
                                       float* dgamma, float* dbeta, Scratch scratch) {
  const bool all_there = gamma != nullptr && dx != nullptr && dgamma != nullptr && dbeta != nullptr;
  if (!on_floats_.batch_norm || shape.rows < 2 || !all_there || dx == dy ||
      !aligned_for_vendor({x, gamma, saved_mean, saved_inv_std, dy, dx, dgamma, dbeta})) {
    return GpuBackend::batch_norm_backward(shape, x, gamma, saved_mean, saved_inv_std, dy, dx, dgamma, dbeta, scratch);
  }
  const BatchNormPlan& plan = plan_of(shape);
  functions_->cudnn.check(functions_->cudnn.cudnnBatchNormalizationBackward(
                              cudnn_.get(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero, &kOne, &kZero, plan.rows.get(), x,
                              plan.rows.get(), dy, plan.rows.get(), dx, plan.channels.get(), gamma, dgamma, dbeta,
                              static_cast<double>(shape.epsilon), saved_mean, saved_inv_std),
                          "cudnnBatchNormalizationBackward");
}

}  // namespace curie::CURIE_GPU
