# curie_library(<folder> [<lower folder>...]): the static library curie_<folder> from src/<folder>/*.cpp.
# curie_test(<folder>): the program test_<folder> from tests/<folder>/*.cpp, one ctest entry a file.

set(CURIE_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND CURIE_WARNINGS -Wno-restrict) # false alarms on std::string operator+: gcc.gnu.org/PR105651
endif()
if(CURIE_WERROR)
  list(APPEND CURIE_WARNINGS -Werror)
endif()

set(CURIE_SANITIZE_FLAGS "")
if(CURIE_SANITIZE)
  set(CURIE_SANITIZE_FLAGS -fsanitize=${CURIE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  if(CURIE_SANITIZE MATCHES address)
    # A null pointer ends in the address sanitizer's report in any case; asking twice makes compiling a seventh slower.
    list(APPEND CURIE_SANITIZE_FLAGS -fno-sanitize=null)
  endif()
endif()

# A test is compiled as often as it runs, and calls what has been optimised: what less optimisation saves while compiling
# is several times what it costs while running.
set(CURIE_TEST_OPTIONS $<$<CONFIG:RelWithDebInfo>:-O1> $<$<CONFIG:RelWithDebInfo>:-g1>)
if(CURIE_SANITIZE)
  list(APPEND CURIE_TEST_OPTIONS -O0)
endif()

add_library(curie INTERFACE)
add_library(curie::curie ALIAS curie)
set_property(GLOBAL PROPERTY CURIE_LIBRARIES "")

function(curie_library folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cpp)
  if(NOT sources)
    message(FATAL_ERROR "src/${folder} holds no .cpp file")
  endif()
  set(target curie_${folder})
  add_library(${target} STATIC ${sources})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${folder})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                              $<INSTALL_INTERFACE:include/curie>)
  target_compile_options(${target} PRIVATE ${CURIE_WARNINGS})
  target_compile_options(${target} PUBLIC $<BUILD_INTERFACE:${CURIE_SANITIZE_FLAGS}>)
  target_link_options(${target} PUBLIC $<BUILD_INTERFACE:${CURIE_SANITIZE_FLAGS}>)
  target_link_libraries(${target} PUBLIC fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
  foreach(lower IN LISTS ARGN)
    target_link_libraries(${target} PUBLIC curie_${lower})
  endforeach()
  target_link_libraries(curie INTERFACE ${target})
  set_property(GLOBAL APPEND PROPERTY CURIE_LIBRARIES ${target})
endfunction()

function(curie_test folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp)
  if(NOT sources)
    return()
  endif()
  set(target test_${folder})
  add_executable(${target} ${sources})
  target_compile_options(${target} PRIVATE ${CURIE_WARNINGS} ${CURIE_TEST_OPTIONS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE CURIE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  set(main curie_test_main)
  if(curie_backends IN_LIST ARGN)
    set(main curie_device_test_main)
  endif()
  target_link_libraries(${target} PRIVATE ${main} ${ARGN})
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME ${folder}.${name} COMMAND ${target} --source-file=*/${folder}/${name}.cpp --no-version)
    set_tests_properties(${folder}.${name} PROPERTIES TIMEOUT ${CURIE_TEST_TIMEOUT})
  endforeach()
endfunction()

# curie_test_again(<folder> <prefix> <device> [<name>...]): the folder's tests, or those named, once more on another device;
# the prefix is their label too. They skip, and say why, where the device is not there.
function(curie_test_again folder prefix device)
  set(names ${ARGN})
  if(NOT names)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp)
    foreach(source IN LISTS sources)
      get_filename_component(name ${source} NAME_WE)
      list(APPEND names ${name})
    endforeach()
    list(REMOVE_ITEM names checks shapes config initializer) # no device takes part in them
  endif()
  foreach(name IN LISTS names)
    set(test ${prefix}.${folder}.${name})
    add_test(NAME ${test} COMMAND test_${folder} --source-file=*/${folder}/${name}.cpp --no-version)
    set_tests_properties(${test} PROPERTIES TIMEOUT ${CURIE_TEST_TIMEOUT} ENVIRONMENT CURIE_TEST_DEVICE=${device} LABELS ${prefix}
                                            SKIP_RETURN_CODE 77)
  endforeach()
endfunction()
