# The kernels of src/cuda, compiled up to three times: by nvcc (curie_cuda), as plain C++ for the emulator (curie_emulated),
# and as plain C++ with every memory access reported to it (curie_checked). CURIE_GPU_LIBRARIES and CURIE_GPU_DEFINITIONS
# tell src/backends.cpp which of them there are, and why another is not.

set(CURIE_CUDA AUTO CACHE STRING "CUDA kernels for NVIDIA GPUs: AUTO, ON or OFF")
option(CURIE_EMU "The CUDA kernels on the CPU, through the emulator" ON)
set(CURIE_GPU_LIBRARIES "")
set(CURIE_GPU_DEFINITIONS "")

file(GLOB curie_kernel_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cuda/*.cu)
set(curie_gpu_host_files ${PROJECT_SOURCE_DIR}/src/cuda/backend.cpp ${PROJECT_SOURCE_DIR}/src/cuda/backend_operations.cpp
                         ${PROJECT_SOURCE_DIR}/src/cuda/allocator.cpp)
set(curie_emulated_host_files ${PROJECT_SOURCE_DIR}/src/cuda/runtime_emulated.cpp
                              ${PROJECT_SOURCE_DIR}/src/cuda/mma_emulated.cpp
                              ${PROJECT_SOURCE_DIR}/src/cuda/observer_emulated.cpp
                              ${PROJECT_SOURCE_DIR}/src/cuda/unwritten.cpp)

# curie_wrap_kernels(<variable> <file.cu>...): C++ files that include the kernel files, since the compiler of a .cu file is
# the same for a whole CMake directory.
function(curie_wrap_kernels result)
  set(wrapped "")
  foreach(file IN LISTS ARGN)
    get_filename_component(name ${file} NAME)
    set(wrapper ${PROJECT_BINARY_DIR}/kernels/${name}.cpp)
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
  target_compile_options(${target} PRIVATE ${CURIE_WARNINGS})
  target_link_libraries(${target} PUBLIC curie_ops curie_emu)
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

  # Checked mode borrows the thread sanitizer's instrumentation, so it needs g++ (clang hides struct copies from it) and a
  # build without sanitizers of its own. -fno-tree-sra keeps one access of the source one access of the profile, and
  # without thread-safe statics no atomic access to the guards of shared<T>() asks for hooks (one thread runs kernels).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CURIE_SANITIZE)
    add_library(curie_checked_kernels OBJECT ${wrapped})
    curie_kernel_settings(curie_checked_kernels checked)
    target_compile_options(curie_checked_kernels PRIVATE -fsanitize=thread -O1 -g -fno-tree-sra
                                                         -fno-threadsafe-statics)
    curie_emulated_library(curie_checked checked $<TARGET_OBJECTS:curie_checked_kernels>
                           ${PROJECT_SOURCE_DIR}/src/emu/checked/hooks.cpp)
    target_compile_definitions(curie_checked PRIVATE CURIE_CHECKED)
    list(APPEND CURIE_GPU_DEFINITIONS CURIE_WITH_CHECKED)
  else()
    list(APPEND CURIE_GPU_DEFINITIONS CURIE_NO_CHECKED="checked mode needs a build by g++ without sanitizers")
  endif()
endif()
list(APPEND CURIE_GPU_DEFINITIONS CURIE_NO_CUDA="built without CUDA kernels")
