# SPDX-License-Identifier: MIT
# A folder of sources alone, as somebody would drop it into their own tree: compilers and targets, no
# warning, and no undefined symbol but memset, memcpy and what is allowed. TAP on standard output.
#
# Source it after setting
#   root     the sources
#   folder   whose .c files are compiled, such as src/core
#   entry    a function that must be there: else nm can't read the objects
#   allowed  "core" if the folder may use the core's public functions, else empty
# shellcheck shell=sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -pedantic -Werror"
number=0

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
}

printf 'memset\nmemcpy\n_GLOBAL_OFFSET_TABLE_\n' >"$work/may" # the last one is the linker's
if [ "${allowed:?}" = core ]; then
    sed -n 's/^ *\(lfb_[a-z_]*\);$/\1/p' "${root:?}/src/lfbuddy.map" >>"$work/may"
fi

# Symbols that the objects need from elsewhere.
undefined() {
    nm "$work"/*.o | awk '$1 == "U" { print $2 } $2 ~ /^[A-TV-Z]$/ { print "=" $3 }' | sort -u |
        awk '/^=/ { own[substr($0, 2)] = 1; next } !own[$0] { print }' | grep -vxFf "$work/may"
}

compile() { # description, compiler, flags...
    description=$1
    compiler=$2
    shift 2
    if ! command -v "$compiler" >/dev/null; then
        result "ok" "$description # SKIP $compiler is not installed (./dev test installs it)"
        return
    fi
    rm -f "$work"/*.o
    for source in "$root/${folder:?}"/*.c; do
        # shellcheck disable=SC2086
        if ! "$compiler" -std=c11 $warnings "$@" -I"$root/include" -c "$source" \
            -o "$work/$(basename "$source" .c).o" 2>"$work/log"; then
            result "not ok" "$description: $(basename "$source")"
            sed 's/^/# /' "$work/log"
            return
        fi
    done
    missing=$(undefined)
    if ! nm "$work"/*.o | grep -q " T ${entry:?}\$"; then
        result "not ok" "$description: nm can't read the objects"
    elif [ -n "$missing" ]; then
        result "not ok" "$description: undefined: $missing"
    else
        result "ok" "$description"
    fi
}

# Each compiler that these builds are tried with as a rule, and targets.
compile_all() {
    compile "gcc, as in a kernel" gcc -O3 -ffreestanding -mno-red-zone -mgeneral-regs-only \
        -fno-stack-protector
    compile "gcc, 32-bit words" gcc -O2 -DLFB_WORD_BITS=32
    compile "gcc, assertions" gcc -O2 -DLFB_ASSERTIONS
    compile "clang" clang -O2
    compile "aarch64" aarch64-linux-gnu-gcc -O2
    compile "riscv64" riscv64-linux-gnu-gcc -O2
    compile "i686" i686-linux-gnu-gcc -O2
    compile "arm-none-eabi, Armv7-M" arm-none-eabi-gcc -O2 -mcpu=cortex-m3 -mthumb -ffreestanding
}

# The line of the documentation, as it stands there.
compile_as_documented() {
    line="cc -O2 -c $folder/*.c -Iinclude"
    if (cd "$work" && cp -r "$root/src" "$root/include" . && eval "$line" && rm -f ./*.o); then
        result "ok" "$line"
    else
        result "not ok" "$line"
    fi
}

# A program in C++17, from standard input, which includes the header.
compile_header() {
    cat >"$work/header.cc"
    for compiler in g++ clang++; do
        if ! command -v "$compiler" >/dev/null; then
            result "ok" "the header as C++17 # SKIP $compiler is not installed (./dev test installs it)"
            continue
        fi
        # shellcheck disable=SC2086
        if "$compiler" -std=c++17 $warnings -I"$root/include" -c "$work/header.cc" \
            -o "$work/cc.obj" 2>"$work/log"; then
            result "ok" "the header as C++17, $compiler"
        else
            result "not ok" "the header as C++17, $compiler"
            sed 's/^/# /' "$work/log"
        fi
    done
}

finish() {
    echo "1..$number"
}
