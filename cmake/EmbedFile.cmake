# curie_embed(<target> <symbol> <file> [<file>...]): compiles the files, one after another, into <target> as
#   namespace curie::embedded { extern const std::string_view <symbol>; }
# The generated source is remade when a file changes. Without files the view is empty.
#
# Run as a script (cmake -D OUTPUT=... -D SYMBOL=... -D INPUTS=a|b -P EmbedFile.cmake) this file is the generator.

if(CMAKE_SCRIPT_MODE_FILE)
  set(bytes "")
  string(REPLACE "|" ";" inputs "${INPUTS}")
  foreach(input IN LISTS inputs)
    file(READ "${input}" hex HEX)
    string(APPEND bytes "${hex}")
  endforeach()
  string(LENGTH "${bytes}" digits)
  math(EXPR size "${digits} / 2")
  # A string literal compiles much faster than an array of numbers; every byte is an escape, so nothing can end it.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
  string(REPEAT "[^\n]" 112 line)
  string(REGEX REPLACE "(${line})" "\\1\"\n    \"" bytes "${bytes}")
  file(WRITE "${OUTPUT}" "#include <string_view>

namespace curie::embedded {
extern constinit const std::string_view ${SYMBOL};
constinit const std::string_view ${SYMBOL}{
    \"${bytes}\",
    ${size}};
}  // namespace curie::embedded
")
  return()
endif()

set(CURIE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(curie_embed target symbol)
  set(output ${PROJECT_BINARY_DIR}/embedded/${target}_${symbol}.cpp)
  string(REPLACE ";" "|" inputs "${ARGN}")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D SYMBOL=${symbol} -D "INPUTS=${inputs}" -P ${CURIE_EMBED_SCRIPT}
    DEPENDS ${ARGN} ${CURIE_EMBED_SCRIPT}
    COMMENT "Embedding ${symbol}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# curie_find_chart_js(<variable>): the path of chart.min.js 3.x, or empty. CURIE_CHARTJS is AUTO, OFF or a path.
set(CURIE_CHARTJS AUTO CACHE STRING "Chart.js 3 for the reports: AUTO, OFF, or the path of chart.min.js")
function(curie_find_chart_js variable)
  set(${variable} "" PARENT_SCOPE)
  if(CURIE_CHARTJS STREQUAL "OFF")
    message(STATUS "Reports: Chart.js is switched off; figures are static SVG")
    return()
  endif()
  if(CURIE_CHARTJS STREQUAL "AUTO")
    find_file(CURIE_CHARTJS_FILE chart.min.js
              HINTS ${CMAKE_PREFIX_PATH} PATH_SUFFIXES share/javascript/chart.js
              PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist /usr/local/share/javascript/chart.js
              NO_DEFAULT_PATH)
    set(file "${CURIE_CHARTJS_FILE}")
    if(NOT file)
      message(STATUS "Reports: Chart.js not found (Debian: libjs-chart.js); figures are static SVG")
      return()
    endif()
  else()
    set(file "${CURIE_CHARTJS}")
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "CURIE_CHARTJS: expected AUTO, OFF or the path of chart.min.js; no file at ${file}")
    endif()
  endif()
  file(READ "${file}" head LIMIT 200)
  if(NOT head MATCHES "Chart\\.js v(3\\.[0-9.]*[0-9])")
    if(CURIE_CHARTJS STREQUAL "AUTO")
      message(STATUS "Reports: ${file} is not Chart.js 3; figures are static SVG")
      return()
    endif()
    message(FATAL_ERROR "CURIE_CHARTJS: expected Chart.js 3, but ${file} does not say so in its first line")
  endif()
  message(STATUS "Reports: Chart.js ${CMAKE_MATCH_1} from ${file}")
  set(${variable} "${file}" PARENT_SCOPE)
endfunction()
