# Flags, libraries and the three words every CMakeLists.txt here is written in:
#   alarmwire_room(NAME SOURCES ... LEANS_ON ... LIBRARIES ...)   a room, alias alarmwire::NAME
#   alarmwire_test(NAME SOURCES ... LEANS_ON ...)                 a GoogleTest program, run by ctest
#   alarmwire_fuzz(NAME SOURCES ... LEANS_ON ...)                 a libFuzzer program (preset fuzz)
#   alarmwire_program(NAME SOURCES ... LEANS_ON ...)              an installed program

option(ALARMWIRE_WERROR "Warnings are errors (dev presets)" OFF)
option(ALARMWIRE_FUZZ "Build the fuzz targets (clang only)" OFF)
set(ALARMWIRE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Assertions stay on in release: a wrong state must stop here, not travel on.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

find_program(ALARMWIRE_CCACHE ccache)
if(ALARMWIRE_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${ALARMWIRE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ALARMWIRE_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(CURL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(mnl REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
enable_testing()
include(GoogleTest)

add_library(alarmwire_flags INTERFACE)
# -iquote, not -I: the folder grpc/ must never answer for <grpc/...>.
target_compile_options(alarmwire_flags INTERFACE
  "SHELL:-iquote ${PROJECT_SOURCE_DIR}" "SHELL:-iquote ${PROJECT_BINARY_DIR}/generated"
  -fno-omit-frame-pointer
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Woverloaded-virtual
    -Wcast-align -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough>)
target_compile_definitions(alarmwire_flags INTERFACE
  _GLIBCXX_ASSERTIONS ALARMWIRE_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
if(ALARMWIRE_WERROR)
  target_compile_options(alarmwire_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(ALARMWIRE_SANITIZE)
  target_compile_options(alarmwire_flags INTERFACE -fsanitize=${ALARMWIRE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(alarmwire_flags INTERFACE -fsanitize=${ALARMWIRE_SANITIZE})
  # g++ warns that it cannot see through the fences inside Boost: nothing of ours uses one.
  if(ALARMWIRE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(alarmwire_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(ALARMWIRE_FUZZ)
  target_compile_options(alarmwire_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

set_property(GLOBAL PROPERTY ALARMWIRE_ROOMS "")

# What ./dev builds by name.
add_custom_target(programs)
add_custom_target(unit_tests)
add_custom_target(fuzzers)
add_custom_target(bench_tools)

function(alarmwire_room name)
  cmake_parse_arguments(A "" "" "SOURCES;LEANS_ON;LIBRARIES" ${ARGN})
  add_library(alarmwire_${name} STATIC ${A_SOURCES})
  add_library(alarmwire::${name} ALIAS alarmwire_${name})
  list(TRANSFORM A_LEANS_ON PREPEND "alarmwire::" OUTPUT_VARIABLE rooms)
  target_link_libraries(alarmwire_${name} PUBLIC alarmwire_flags ${rooms} ${A_LIBRARIES})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE ";" "," leans "${A_LEANS_ON}")
  set_property(GLOBAL APPEND PROPERTY ALARMWIRE_ROOMS "${folder}:${name}:${leans}")
endfunction()

function(alarmwire_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LEANS_ON;LIBRARIES" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  list(TRANSFORM A_LEANS_ON PREPEND "alarmwire::" OUTPUT_VARIABLE rooms)
  target_link_libraries(${name} PRIVATE alarmwire_flags ${rooms} ${A_LIBRARIES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  add_dependencies(programs ${name})
endfunction()

# A test program is one ctest test; GoogleTest prints its cases. Network and long ones say so by LABELS.
function(alarmwire_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LEANS_ON;LIBRARIES;LABELS" ${ARGN})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 400)  # seconds; with sanitizers, on a machine that does something else too
  endif()
  add_executable(test_${name} ${A_SOURCES})
  list(TRANSFORM A_LEANS_ON PREPEND "alarmwire::" OUTPUT_VARIABLE rooms)
  target_link_libraries(test_${name} PRIVATE alarmwire_flags ${rooms} ${A_LIBRARIES} GTest::gmock GTest::gtest_main)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_dependencies(unit_tests test_${name})
  add_test(NAME ${name} COMMAND test_${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT} LABELS "${A_LABELS}" ENVIRONMENT
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/leaks_of_others.txt:print_suppressions=0")
endfunction()

# The corpus stands beside the target: <folder>/corpus/<name>/
function(alarmwire_fuzz name)
  if(NOT ALARMWIRE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;LEANS_ON;LIBRARIES" ${ARGN})
  add_executable(fuzz_${name} ${A_SOURCES})
  list(TRANSFORM A_LEANS_ON PREPEND "alarmwire::" OUTPUT_VARIABLE rooms)
  target_link_libraries(fuzz_${name} PRIVATE alarmwire_flags ${rooms} ${A_LIBRARIES} -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  add_dependencies(fuzzers fuzz_${name})
endfunction()
