# NVIDIA's cuDNN and cuBLASLt in the place of Curie's kernels (--kernels cudnn). Only their headers are needed here: the
# libraries are opened when they are first used. CURIE_CUDNN_FILES, CURIE_CUDNN_INCLUDES, and why_no_cudnn, which is empty
# where the CUDA backend gets them.

set(CURIE_CUDNN AUTO CACHE STRING "cuDNN and cuBLASLt as alternatives to Curie's kernels on a GPU: AUTO, ON or OFF")
file(GLOB CURIE_CUDNN_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cuda/cudnn/*.cpp)

set(places ENV CUDNN_ROOT ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda)
find_path(CURIE_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATHS ${places} PATH_SUFFIXES include)
find_path(CURIE_CUBLAS_LT_INCLUDE cublasLt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATHS ${places} PATH_SUFFIXES include)
find_path(CURIE_CUDA_RUNTIME_INCLUDE cuda_runtime.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATHS ${places} PATH_SUFFIXES include)
mark_as_advanced(CURIE_CUDNN_INCLUDE CURIE_CUBLAS_LT_INCLUDE CURIE_CUDA_RUNTIME_INCLUDE)

set(why_no_cudnn_headers "")
foreach(header IN ITEMS CUDNN_INCLUDE:cudnn.h CUBLAS_LT_INCLUDE:cublasLt.h CUDA_RUNTIME_INCLUDE:cuda_runtime.h)
  string(REPLACE ":" ";" pair ${header})
  list(GET pair 0 variable)
  list(GET pair 1 name)
  if(NOT CURIE_${variable} AND NOT why_no_cudnn_headers)
    set(why_no_cudnn_headers "built where CMake found no ${name}")
  endif()
endforeach()
if(NOT why_no_cudnn_headers)
  file(STRINGS ${CURIE_CUDNN_INCLUDE}/cudnn_version.h major REGEX "^#define CUDNN_MAJOR ")
  string(REGEX MATCH "[0-9]+" major "${major}")
  if(NOT major EQUAL 9)
    set(why_no_cudnn_headers "built with headers of cuDNN ${major} in ${CURIE_CUDNN_INCLUDE}; Curie calls cuDNN 9")
  endif()
endif()
set(CURIE_CUDNN_INCLUDES ${CURIE_CUDNN_INCLUDE} ${CURIE_CUBLAS_LT_INCLUDE} ${CURIE_CUDA_RUNTIME_INCLUDE})

if(CURIE_CUDNN STREQUAL "OFF")
  set(why_no_cudnn "built with CURIE_CUDNN=OFF")
elseif(why_no_cuda)
  set(why_no_cudnn "${why_no_cuda}")
else()
  set(why_no_cudnn "${why_no_cudnn_headers}")
endif()
if(CURIE_CUDNN STREQUAL "ON" AND why_no_cudnn)
  message(FATAL_ERROR "CURIE_CUDNN=ON, but: ${why_no_cudnn}. Name the folder of the headers with -DCURIE_CUDNN_INCLUDE=DIR (and "
                      "-DCURIE_CUBLAS_LT_INCLUDE=DIR), or build with -DCURIE_CUDNN=OFF")
endif()
