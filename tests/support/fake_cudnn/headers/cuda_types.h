/* What cudnn.h and cublasLt.h take from CUDA's own headers. */
#pragma once

#ifndef FAKE_TYPES_ONLY
#include <stddef.h>
#include <stdint.h>
#endif

typedef struct CUstream_st* cudaStream_t;
typedef enum { CUDA_R_32F = 0, CUDA_R_16BF = 14 } cudaDataType_t;
typedef cudaDataType_t cudaDataType;
