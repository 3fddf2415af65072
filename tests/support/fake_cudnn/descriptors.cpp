// The stand-in's state, handles and descriptors.
#include <map>
#include <string>

#include "support/fake_cudnn/control.h"
#include "support/fake_cudnn/state.h"

namespace {

struct State {
  std::map<std::string, int> failures, calls;
  std::size_t cudnn = 0, cublas_lt = 0;
  int live = 0;
  std::string last_error;
};
State& state() {
  static State the_state;
  return the_state;
}

template <typename T>
cudnnStatus_t make(T** made) {
  *made = new T{};
  fake::made();
  return CUDNN_STATUS_SUCCESS;
}
template <typename T>
cudnnStatus_t destroy(T* made) {
  delete made;
  fake::destroyed();
  return CUDNN_STATUS_SUCCESS;
}

bool known(cudnnDataType_t type) { return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_BFLOAT16; }

}  // namespace

namespace fake {

int enter(const char* function) {
  ++state().calls[function];
  const auto found = state().failures.find(function);
  if (found == state().failures.end()) return 0;
  state().last_error = std::string(function) + " was told to fail";
  return found->second;
}
void made() { ++state().live; }
void destroyed() { --state().live; }
cudnnStatus_t refuse(const char* why) {
  state().last_error = why;
  return CUDNN_STATUS_BAD_PARAM;
}

}  // namespace fake

extern "C" {

void fake_fail(const char* function, int status) {
  if (status == 0) {
    state().failures.erase(function);
  } else {
    state().failures[function] = status;
  }
}
void fake_versions(std::size_t cudnn, std::size_t cublas_lt) {
  state().cudnn = cudnn;
  state().cublas_lt = cublas_lt;
}
int fake_calls(const char* function) { return state().calls[function]; }
int fake_live() { return state().live; }
void fake_reset() {
  const int live = state().live;
  state() = State{};
  state().live = live;
}

std::size_t cudnnGetVersion() { return state().cudnn == 0 ? CUDNN_VERSION : state().cudnn; }
std::size_t cublasLtGetVersion() { return state().cublas_lt == 0 ? CUBLAS_VERSION : state().cublas_lt; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  if (status == CUDNN_STATUS_BAD_PARAM) return "CUDNN_STATUS_BAD_PARAM";
  return status == CUDNN_STATUS_NOT_SUPPORTED ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_EXECUTION_FAILED";
}
void cudnnGetLastErrorString(char* message, std::size_t longest) {
  std::strncpy(message, state().last_error.c_str(), longest - 1);
  message[longest - 1] = '\0';
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  if (const int asked = fake::enter("cudnnCreate")) return static_cast<cudnnStatus_t>(asked);
  return make(handle);
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) { return destroy(handle); }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  fake::enter("cudnnSetStream");
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) { return make(tensor); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) { return destroy(tensor); }
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  if (format != CUDNN_TENSOR_NHWC || !known(type)) return fake::refuse("a tensor that is not float or bfloat16 NHWC");
  if (n < 1 || c < 1 || h < 1 || w < 1) return fake::refuse("a tensor without elements");
  *tensor = {n, h, w, c, type};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filters) { return make(filters); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filters) { return destroy(filters); }
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filters, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int r, int s) {
  if (format != CUDNN_TENSOR_NHWC || !known(type)) return fake::refuse("filters that are not float or bfloat16 KRSC");
  if (k < 1 || c < 1 || r < 1 || s < 1) return fake::refuse("filters without elements");
  *filters = {k, r, s, c, type};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* made) { return make(made); }
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t made) { return destroy(made); }
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t type) {
  if (mode != CUDNN_CROSS_CORRELATION || type != CUDNN_DATA_FLOAT || dilation_h != 1 || dilation_w != 1) {
    return fake::refuse("a convolution that is not a dense cross-correlation in float");
  }
  if (pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1) return fake::refuse("a padding or a stride");
  *convolution = {pad_h, pad_w, stride_h, stride_w, CUDNN_DEFAULT_MATH};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution, cudnnMathType_t math) {
  convolution->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* made) { return make(made); }
cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t made) { return destroy(made); }
cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t pooling, cudnnPoolingMode_t mode,
                                          cudnnNanPropagation_t nan, int window_h, int window_w, int pad_h, int pad_w,
                                          int stride_h, int stride_w) {
  if (nan != CUDNN_PROPAGATE_NAN) return fake::refuse("pooling that hides NaN");
  if (pad_h >= window_h || pad_w >= window_w) return fake::refuse("padding of a whole window");
  *pooling = {mode, window_h, window_w, pad_h, pad_w, stride_h, stride_w};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t* made) { return make(made); }
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t made) { return destroy(made); }
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation, cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t nan, double) {
  if (nan != CUDNN_PROPAGATE_NAN) return fake::refuse("an activation that hides NaN");
  activation->mode = mode;
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
