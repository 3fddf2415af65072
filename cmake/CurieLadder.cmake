# The ladder (src/cuda/ladder): once for each build of the kernels that there is, and curie_course, which compares, counts and
# times its rungs. Linked by the tests, the benchmarks and the program; no part of the installed library.

file(GLOB ladder_kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cuda/ladder/*.cu)
set(ladder_build ${PROJECT_SOURCE_DIR}/src/cuda/ladder/build.cpp)
set(ladder_libraries "")

if(TARGET curie_emulated)
  curie_wrap_kernels(wrapped ${ladder_kernels})
  add_library(curie_ladder_emulated STATIC ${wrapped} ${ladder_build})
  curie_kernel_settings(curie_ladder_emulated emulated)
  target_link_libraries(curie_ladder_emulated PUBLIC curie_emulated)
  list(APPEND ladder_libraries curie_ladder_emulated)
endif()

if(TARGET curie_checked)
  add_library(curie_ladder_checked_kernels OBJECT ${wrapped})
  curie_kernel_settings(curie_ladder_checked_kernels checked)
  curie_watch_accesses(curie_ladder_checked_kernels)
  add_library(curie_ladder_checked STATIC $<TARGET_OBJECTS:curie_ladder_checked_kernels> ${ladder_build})
  curie_kernel_settings(curie_ladder_checked checked)
  target_link_libraries(curie_ladder_checked PUBLIC curie_checked)
  list(APPEND ladder_libraries curie_ladder_checked)
endif()

if(TARGET curie_cuda)
  add_library(curie_ladder_cuda STATIC ${ladder_kernels} ${ladder_build})
  set_target_properties(curie_ladder_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON CUDA_STANDARD 20 CUDA_EXTENSIONS OFF)
  target_include_directories(curie_ladder_cuda PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(curie_ladder_cuda PRIVATE CURIE_GPU=cuda)
  target_compile_options(curie_ladder_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${CURIE_WARNINGS}>"
                                                   "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_options}>")
  target_link_libraries(curie_ladder_cuda PUBLIC curie_cuda)
  list(APPEND ladder_libraries curie_ladder_cuda)
endif()

file(GLOB course_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/course/*.cpp)
add_library(curie_course STATIC ${course_sources})
target_compile_options(curie_course PRIVATE ${CURIE_WARNINGS})
target_compile_definitions(curie_course PRIVATE ${CURIE_GPU_DEFINITIONS})
target_link_libraries(curie_course PUBLIC curie_catalogue PRIVATE ${ladder_libraries} curie_backends)
