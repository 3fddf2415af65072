# The libraries behind file formats that other tools read, each optional: CURIE_HDF5 (Keras' .h5, .hdf5 and .keras, with
# libzip), CURIE_ONNX. AUTO takes a library that is found, ON makes it a must, OFF leaves it out. What is left out is
# refused at run time with the reason, which `curie info` tells too.

set(CURIE_HDF5 AUTO CACHE STRING "Keras files: AUTO, ON or OFF (needs libhdf5 and libzip)")
set(CURIE_ONNX AUTO CACHE STRING "ONNX files: AUTO, ON or OFF (needs libonnx and protobuf)")

# curie_format(<switch> <folder>... REASON <text>): adds src/io/<folder>/*.cpp to curie_io, without absent.cpp where the
# reason is empty, absent.cpp alone otherwise.
function(curie_format switch)
  cmake_parse_arguments(PARSE_ARGV 1 format "" "REASON" "FOLDERS")
  if(format_REASON AND ${switch} STREQUAL "ON")
    message(FATAL_ERROR "${switch}=ON, but: ${format_REASON}. Install the packages (scripts/setup), or build with -D${switch}=OFF")
  endif()
  foreach(folder IN LISTS format_FOLDERS)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/io/${folder}/*.cpp)
    set(absent ${PROJECT_SOURCE_DIR}/src/io/${folder}/absent.cpp)
    if(format_REASON)
      target_sources(curie_io PRIVATE ${absent})
      string(REPLACE "CURIE_" "CURIE_NO_" definition ${switch})
      set_source_files_properties(${absent} PROPERTIES COMPILE_DEFINITIONS "${definition}=\"${format_REASON}\"")
    else()
      list(REMOVE_ITEM sources ${absent})
      target_sources(curie_io PRIVATE ${sources})
    endif()
  endforeach()
  if(format_REASON)
    message(STATUS "${switch}: ${format_REASON}")
  endif()
endfunction()

# curie_why_not(<variable> <switch> <what> <package> <path variable>...): the first reason not to build with <what>, if any.
function(curie_why_not result switch)
  set(reason "")
  if(${switch} STREQUAL "OFF")
    set(reason "built with ${switch}=OFF")
  else()
    while(ARGN)
      list(POP_FRONT ARGN path what package)
      if(NOT ${path} AND NOT reason)
        set(reason "built where CMake found no ${what} (package ${package})")
      endif()
    endwhile()
  endif()
  set(${result} "${reason}" PARENT_SCOPE)
endfunction()

find_path(CURIE_HDF5_INCLUDE hdf5.h PATH_SUFFIXES hdf5/serial)
find_library(CURIE_HDF5_LIBRARY NAMES hdf5_serial hdf5)
find_path(CURIE_ZIP_INCLUDE zip.h)
find_library(CURIE_ZIP_LIBRARY zip)
curie_why_not(why_no_hdf5 CURIE_HDF5 CURIE_HDF5_INCLUDE hdf5.h libhdf5-dev CURIE_HDF5_LIBRARY libhdf5 libhdf5-dev
              CURIE_ZIP_INCLUDE zip.h libzip-dev CURIE_ZIP_LIBRARY libzip libzip-dev)
curie_format(CURIE_HDF5 FOLDERS hdf5 REASON "${why_no_hdf5}")
if(NOT why_no_hdf5)
  target_include_directories(curie_io SYSTEM PRIVATE ${CURIE_HDF5_INCLUDE} ${CURIE_ZIP_INCLUDE})
  target_compile_definitions(curie_io PRIVATE H5_USE_110_API)
  target_link_libraries(curie_io PRIVATE ${CURIE_HDF5_LIBRARY} ${CURIE_ZIP_LIBRARY})
endif()

find_path(CURIE_ONNX_INCLUDE onnx/onnx_pb.h)
find_library(CURIE_ONNX_LIBRARY onnx_proto)
find_path(CURIE_PROTOBUF_INCLUDE google/protobuf/message.h)
find_library(CURIE_PROTOBUF_LIBRARY protobuf)
curie_why_not(why_no_onnx CURIE_ONNX CURIE_ONNX_INCLUDE onnx_pb.h libonnx-dev CURIE_ONNX_LIBRARY libonnx_proto libonnx-dev
              CURIE_PROTOBUF_INCLUDE google/protobuf/message.h libprotobuf-dev CURIE_PROTOBUF_LIBRARY libprotobuf
              libprotobuf-dev)
curie_format(CURIE_ONNX FOLDERS onnx REASON "${why_no_onnx}")
if(NOT why_no_onnx)
  target_include_directories(curie_io SYSTEM PRIVATE ${CURIE_ONNX_INCLUDE} ${CURIE_PROTOBUF_INCLUDE})
  target_compile_definitions(curie_io PRIVATE ONNX_NAMESPACE=onnx ONNX_ML=1)
  target_link_libraries(curie_io PRIVATE ${CURIE_ONNX_LIBRARY} ${CURIE_PROTOBUF_LIBRARY})
endif()
