# SPDX-License-Identifier: MIT
# For the tests of how lfbuddy is found and used by others: source it after setting `root`, the
# sources. TAP on standard output; `work` is a directory that goes at the end.
# shellcheck shell=sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=${root:?}/tests/packaging
number=0
failed=0

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
    [ "$1" = ok ] || failed=1
}

# Does a command, and shows what it said if it fails.
check() { # description, command...
    description=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        result "ok" "$description"
    else
        result "not ok" "$description"
        sed 's/^/# /' "$work/log"
        return 1
    fi
}

skip() { # description, why
    result "ok" "$1 # SKIP $2"
}

has() { # command
    command -v "$1" >/dev/null
}

# Leaves the test where a command is missing.
need() { # command...
    for needed in "$@"; do
        has "$needed" && continue
        echo "1..0 # SKIP $needed is not installed (./dev test installs it)"
        exit 0
    done
}

finish() {
    echo "1..$number"
    exit "$failed"
}

# Nothing of the build around this one is to be seen in those of the test.
unset DESTDIR CFLAGS CPPFLAGS LDFLAGS LD_LIBRARY_PATH LIBRARY_PATH CPATH MAKEFLAGS \
    PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR CMAKE_PREFIX_PATH

# Compiles a program with what is named, as somebody would.
build() { # program, source in tests/packaging, flags...
    program=$work/$1
    source=$programs/$2
    shift 2
    cc -std=c11 -Wall -Wextra -Werror "$source" "$@" -o "$program"
}

# The program finds its shared libraries in `lib`, and says what both programs say.
says() { # program
    [ "$(LD_LIBRARY_PATH=${lib:?} "$work/$1")" = "ok, 8 pages" ]
}

# The layers whose .pc file is in `lib`, without "lfbuddy-".
layers() {
    for pc in "$lib"/pkgconfig/lfbuddy-*.pc; do
        basename "$pc" .pc | sed 's/^lfbuddy-//'
    done
}

upper() {
    echo "$1" | tr '[:lower:]' '[:upper:]'
}

# -------------------------------------------------- how an installed lfbuddy is used, in `lib` ----

# By pkg-config, which the caller has shown the way to `lib`.
use_by_pkg_config() {
    # shellcheck disable=SC2046
    check "pkg-config: a program with the shared library" \
        build shared program.c $(pkg-config --cflags --libs lfbuddy) && check "it runs" says shared
    for layer in $(layers); do
        # shellcheck disable=SC2046
        check "pkg-config: lfbuddy-$layer" build "$layer" layer.c "-DUSES_$(upper "$layer")" \
            $(pkg-config --cflags --libs "lfbuddy-$layer") && check "it runs" says "$layer"
    done
}

# A project of one file; configures and builds it.
cmake_build() { # name, what find_package is to find, target, source, prefix, line of CMake...
    mkdir -p "$work/cmake-$1"
    cat >"$work/cmake-$1/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.13)
project(user C)
${6:-}
find_package(lfbuddy $2)
add_executable(user $4)
target_link_libraries(user PRIVATE $3)
CMAKE
    cmake -S "$work/cmake-$1" -B "$work/cmake-$1/build" -DCMAKE_PREFIX_PATH="$5" &&
        cmake --build "$work/cmake-$1/build"
}

# By CMake, which finds the prefix only.
use_by_cmake() { # prefix, version
    if ! has cmake; then
        skip "CMake" "cmake is not installed (./dev test installs it)"
        return
    fi
    mine="$2 REQUIRED CONFIG"
    check "CMake: a program with lfbuddy::lfbuddy" \
        cmake_build core "$mine" lfbuddy::lfbuddy "$programs/program.c" "$1" &&
        check "it runs" says cmake-core/build/user
    for layer in $(layers); do
        check "CMake: lfbuddy::$layer" cmake_build "$layer" "$mine COMPONENTS $layer" \
            "lfbuddy::$layer" "$programs/layer.c" "$1" \
            "add_compile_definitions(USES_$(upper "$layer"))" &&
            check "it runs" says "cmake-$layer/build/user"
    done
}
