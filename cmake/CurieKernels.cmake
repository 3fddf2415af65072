# The kernels of src/cuda, compiled up to three times: by nvcc (curie_cuda), as plain C++ for the emulator (curie_emulated),
# and as plain C++ with every memory access reported to it (curie_checked). CURIE_GPU_LIBRARIES and CURIE_GPU_DEFINITIONS
# tell src/backends.cpp which of them there are, and why another is not.

set(CURIE_CUDA AUTO CACHE STRING "CUDA kernels for NVIDIA GPUs: AUTO, ON or OFF")
option(CURIE_EMU "The CUDA kernels on the CPU, through the emulator" ON)
set(CURIE_GPU_LIBRARIES "")
set(CURIE_GPU_DEFINITIONS "")
set(CURIE_HAS_CUDA FALSE) # for cmake/curieConfig.cmake.in

file(GLOB curie_kernel_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cuda/*.cu)
set(curie_gpu_host_files ${PROJECT_SOURCE_DIR}/src/cuda/backend.cpp ${PROJECT_SOURCE_DIR}/src/cuda/backend_operations.cpp
                         ${PROJECT_SOURCE_DIR}/src/cuda/backend_bf16.cpp ${PROJECT_SOURCE_DIR}/src/cuda/roof.cpp
                         ${PROJECT_SOURCE_DIR}/src/cuda/allocator.cpp)
set(curie_emulated_host_files ${PROJECT_SOURCE_DIR}/src/cuda/runtime_emulated.cpp
                              ${PROJECT_SOURCE_DIR}/src/cuda/mma_emulated.cpp
                              ${PROJECT_SOURCE_DIR}/src/cuda/observer_emulated.cpp)

# What opens libraries at run time.
add_library(curie_vendor STATIC ${PROJECT_SOURCE_DIR}/src/cuda/libraries.cpp)
set_target_properties(curie_vendor PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_NAME vendor)
target_compile_options(curie_vendor PRIVATE ${CURIE_WARNINGS})
target_link_libraries(curie_vendor PUBLIC curie_tensor ${CMAKE_DL_LIBS})
set_property(GLOBAL APPEND PROPERTY CURIE_LIBRARIES curie_vendor)

# curie_wrap_kernels(<variable> <file.cu>...): C++ files that include the kernel files, since the compiler of a .cu file is
# the same for a whole CMake directory.
function(curie_wrap_kernels result)
  set(wrapped "")
  foreach(file IN LISTS ARGN)
    get_filename_component(name ${file} NAME)
    get_filename_component(file ${file} ABSOLUTE)
    if(file MATCHES "^${PROJECT_SOURCE_DIR}/src/cuda/(.+)/[^/]+$") # base names recur across folders
      string(REPLACE "/" "_" folder ${CMAKE_MATCH_1})
      set(name ${folder}_${name})
    endif()
    set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/kernels/${name}.cpp)
    file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${file}\"\n")
    list(APPEND wrapped ${wrapper})
  endforeach()
  set(${result} ${wrapped} PARENT_SCOPE)
endfunction()

# curie_kernel_settings(<target> <namespace>)
function(curie_kernel_settings target namespace)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(${target} PRIVATE CURIE_GPU=${namespace})
  # Register arrays that one branch fills and a later one, on the same condition, reads: g++ 12 warns of them falsely. And of
  # every parameter of 128-byte alignment, as tensor maps are, it tells how GCC 4.5 passed it.
  target_compile_options(${target} PRIVATE ${CURIE_WARNINGS}
                                           $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-psabi>)
  target_link_libraries(${target} PUBLIC curie_ops curie_emu)
endfunction()

# curie_watch_accesses(<target>): kernels of checked mode. It borrows the thread sanitizer's instrumentation, so it needs g++
# (clang hides struct copies from it) and a build without sanitizers of its own. -fno-tree-sra keeps one access of the
# source one access of the profile.
function(curie_watch_accesses target)
  target_compile_options(${target} PRIVATE -fsanitize=thread --param=tsan-instrument-func-entry-exit=0 -O1 -g
                                           -fno-tree-sra)
endfunction()

# curie_describe_types(<target>): debug information that scripts/gdb reads, whatever level the build asks for elsewhere. clang
# leaves out types that another object file might describe.
function(curie_describe_types target)
  target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Release,MinSizeRel>>:-g>
                                           $<$<CXX_COMPILER_ID:Clang>:-fstandalone-debug>)
endfunction()

# curie_emulated_library(<target> <namespace> <sources>...)
function(curie_emulated_library target namespace)
  add_library(${target} STATIC ${ARGN} ${curie_gpu_host_files} ${curie_emulated_host_files})
  curie_kernel_settings(${target} ${namespace})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${namespace})
  set(CURIE_GPU_LIBRARIES ${CURIE_GPU_LIBRARIES} ${target} PARENT_SCOPE)
  set_property(GLOBAL APPEND PROPERTY CURIE_LIBRARIES ${target})
endfunction()

if(CURIE_EMU)
  curie_library(emu tensor)
  curie_describe_types(curie_emu)
  find_path(CURIE_LIBDW_INCLUDE elfutils/libdwfl.h)
  find_library(CURIE_LIBDW dw)
  if(CURIE_LIBDW_INCLUDE AND CURIE_LIBDW)
    target_compile_definitions(curie_emu PRIVATE CURIE_HAVE_LIBDW)
    target_link_libraries(curie_emu PRIVATE ${CURIE_LIBDW})
  else()
    message(STATUS "libdw (elfutils) not found: the emulator names no source lines of bad addresses")
  endif()
  curie_wrap_kernels(wrapped ${curie_kernel_files})
  curie_emulated_library(curie_emulated emulated ${wrapped})
  list(APPEND CURIE_GPU_DEFINITIONS CURIE_WITH_EMULATED)

  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CURIE_SANITIZE)
    add_library(curie_checked_kernels OBJECT ${wrapped})
    curie_kernel_settings(curie_checked_kernels checked)
    curie_watch_accesses(curie_checked_kernels)
    curie_emulated_library(curie_checked checked $<TARGET_OBJECTS:curie_checked_kernels>
                           ${PROJECT_SOURCE_DIR}/src/emu/checked/hooks.cpp)
    target_compile_definitions(curie_checked PRIVATE CURIE_CHECKED)
    list(APPEND CURIE_GPU_DEFINITIONS CURIE_WITH_CHECKED)
  else()
    list(APPEND CURIE_GPU_DEFINITIONS CURIE_NO_CHECKED="checked mode needs a build by g++ without sanitizers")
  endif()
endif()

# --- nvcc -------------------------------------------------------------------------------------------------------------
# The kernels only are compiled by nvcc; the host side of the backend is plain C++ linked with the static CUDA runtime, so
# that the program starts where no driver is.
if(CURIE_CUDA STREQUAL "OFF")
  set(why_no_cuda "built with CURIE_CUDA=OFF")
elseif(CURIE_SANITIZE)
  set(why_no_cuda "built with sanitizers")
else()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(why_no_cuda "")
  else()
    set(why_no_cuda "built where CMake found no CUDA compiler (nvcc)")
  endif()
endif()
if(why_no_cuda AND CURIE_CUDA STREQUAL "ON")
  message(FATAL_ERROR "CURIE_CUDA=ON, but: ${why_no_cuda}. See CMakeFiles/CMakeError.log in the build folder, name the compiler "
                      "with -DCMAKE_CUDA_COMPILER=/path/to/nvcc, or build with -DCURIE_CUDA=OFF")
endif()
if(why_no_cuda)
  include(CurieCudnn)
  list(APPEND CURIE_GPU_DEFINITIONS CURIE_NO_CUDA="${why_no_cuda}")
else()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    # The machine's own where a GPU is visible; else what ships: SIMT from 7.5, tensor cores from 8.0, Hopper's own.
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader OUTPUT_VARIABLE capabilities
                    RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(failed)
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90a-real 90-virtual)
    else()
      string(REGEX REPLACE "[.]" "" capabilities "${capabilities}")
      string(REPLACE "\n" ";" capabilities "${capabilities}")
      list(REMOVE_DUPLICATES capabilities)
      list(TRANSFORM capabilities REPLACE "^90$" "90a")
      set(CMAKE_CUDA_ARCHITECTURES ${capabilities})
    endif()
  endif()
  enable_language(CUDA)
  # CMake 3.25 does not know that nvcc 13 speaks C++20.
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  find_package(CUDAToolkit REQUIRED)
  include(CurieCudnn)
  add_library(curie_cuda STATIC ${curie_kernel_files} ${curie_gpu_host_files} ${PROJECT_SOURCE_DIR}/src/cuda/runtime_cuda.cpp)
  set_target_properties(curie_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_NAME cuda)
  target_include_directories(curie_cuda PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(curie_cuda PRIVATE CURIE_GPU=cuda)
  if("${CMAKE_CUDA_ARCHITECTURES}" MATCHES "90a")
    target_compile_definitions(curie_cuda PRIVATE CURIE_HAS_SM90A) # the code of conv2d_wgmma.cu is more than a trap
  endif()
  set_target_properties(curie_cuda PROPERTIES CUDA_STANDARD 20 CUDA_EXTENSIONS OFF)
  # A kernel that spills registers to memory is a warning, and an error where warnings are.
  set(cuda_options --expt-relaxed-constexpr -lineinfo -Xcompiler=-Wall,-Wextra -Xptxas=-warn-spills)
  if(CURIE_WERROR)
    list(APPEND cuda_options -Werror=all-warnings)
  endif()
  target_compile_options(curie_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${CURIE_WARNINGS}>"
                                            "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_options}>")
  target_link_libraries(curie_cuda PUBLIC curie_ops CUDA::cudart_static ${CMAKE_DL_LIBS})
  if(NOT why_no_cudnn)
    target_sources(curie_cuda PRIVATE ${CURIE_CUDNN_FILES})
    target_include_directories(curie_cuda SYSTEM PRIVATE ${CURIE_CUDNN_INCLUDES})
    target_link_libraries(curie_cuda PUBLIC curie_vendor)
  endif()
  list(APPEND CURIE_GPU_LIBRARIES curie_cuda)
  list(APPEND CURIE_GPU_DEFINITIONS CURIE_WITH_CUDA)
  set(CURIE_HAS_CUDA TRUE)
  set_property(GLOBAL APPEND PROPERTY CURIE_LIBRARIES curie_cuda)
endif()

if(why_no_cudnn)
  list(APPEND CURIE_GPU_DEFINITIONS CURIE_NO_CUDNN="${why_no_cudnn}")
else()
  list(APPEND CURIE_GPU_DEFINITIONS CURIE_WITH_CUDNN)
endif()

# curie_kernel_program(<name> <file.cu>): a program whose main, kernels and launches are one file, up to three times: <name>,
# its kernels emulated and not optimised, so that gdb steps line by line; <name>_checked, every memory access checked; and
# <name>_cuda for a GPU.
function(curie_kernel_program name file)
  curie_wrap_kernels(wrapped ${file})
  if(TARGET curie_emulated)
    add_executable(${name} ${wrapped})
    curie_kernel_settings(${name} emulated)
    target_compile_options(${name} PRIVATE -O0 -g)
    curie_describe_types(${name})
    target_link_libraries(${name} PRIVATE curie_emulated)
  endif()
  if(TARGET curie_checked)
    add_executable(${name}_checked ${wrapped})
    curie_kernel_settings(${name}_checked checked)
    curie_watch_accesses(${name}_checked)
    target_link_libraries(${name}_checked PRIVATE curie_checked)
  endif()
  if(TARGET curie_cuda)
    add_executable(${name}_cuda ${file})
    set_target_properties(${name}_cuda PROPERTIES CUDA_STANDARD 20 CUDA_EXTENSIONS OFF)
    target_include_directories(${name}_cuda PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(${name}_cuda PRIVATE CURIE_GPU=cuda)
    target_compile_options(${name}_cuda PRIVATE ${cuda_options})
    target_link_libraries(${name}_cuda PRIVATE curie_cuda)
  endif()
endfunction()
