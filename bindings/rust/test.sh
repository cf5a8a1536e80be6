#!/bin/sh
# SPDX-License-Identifier: MIT
# The Rust crates with the cargo that is there: their tests without a warning, each set of features,
# the examples, a package of the C interface, and a build without any standard library. TAP on
# standard output. Nothing is fetched, and nothing is written but in BUILD.
#
# usage: test.sh SOURCE_ROOT BUILD
here=$1/bindings/rust
export CARGO_TARGET_DIR="$2" CARGO_NET_OFFLINE=true RUST_BACKTRACE=0
export RUSTFLAGS="-D warnings" RUSTDOCFLAGS="-D warnings" CARGO_PROFILE_DEV_DEBUG=0
number=0

if ! cargo --version >/dev/null 2>&1; then
    echo "1..0 # SKIP no cargo in the path that runs (./dev test installs Debian's where none is)"
    exit 0
fi
mkdir -p "$CARGO_TARGET_DIR" && cd "$here" || exit 1
log=$CARGO_TARGET_DIR/log

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
}

# check DESCRIPTION COMMAND...: it succeeds, or its output says why not.
check() {
    description=$1
    shift
    if "$@" >"$log" 2>&1; then
        result "ok" "$description"
    else
        result "not ok" "$description"
        sed 's/^/# /' "$log"
    fi
}

skip() { # description, reason
    result "ok" "$1 # SKIP $2"
}

# Cargo's own tests, each a line.
cargo_test() {
    cargo test --workspace --locked --no-fail-fast --features lfbuddy/std >"$log" 2>&1
    status=$?
    sed -n 's/^test \(.*\) \.\.\. \([A-Za-z]*\).*/\2 \1/p' "$log" >"$log.tests"
    while read -r verdict name; do
        case $verdict in
        ok) result "ok" "$name" ;;
        ignored) result "ok" "$name # SKIP it is marked so" ;;
        *) result "not ok" "$name" ;;
        esac
    done <"$log.tests"
    if [ $status = 0 ] && [ -s "$log.tests" ]; then
        result "ok" "cargo test"
    else
        result "not ok" "cargo test: status $status"
        sed 's/^/# /' "$log"
    fi
}

# The program whose only change is the crate's name uses nightly features; RUSTC_BOOTSTRAP lets any
# compiler have them.
nightly_example() {
    CARGO_TARGET_DIR=$CARGO_TARGET_DIR/nightly RUSTC_BOOTSTRAP=1 \
        cargo run --locked -p lfbuddy --features allocator_api --example nightly_v0_1
}

# The library as a kernel links it, with all that nothing calls left out.
bare_build() { # cargo's arguments
    cargo build --locked --release --manifest-path bare/Cargo.toml \
        --target-dir "$CARGO_TARGET_DIR/bare" "$@"
}

bare_link() {
    ld -r --gc-sections -u lfbuddy_bare_run -e lfbuddy_bare_run -o "$CARGO_TARGET_DIR/bare.o" \
        "$CARGO_TARGET_DIR/bare/release/liblfbuddy_bare.a"
}

bare_symbols() {
    nm "$CARGO_TARGET_DIR/bare.o" | grep ' T lfbuddy_bare_run$' || return 1
    nm -u "$CARGO_TARGET_DIR/bare.o" | awk '{ print $2 }' |
        grep -vxE 'memset|memcpy|_GLOBAL_OFFSET_TABLE_' >"$log.undefined"
    cat "$log.undefined"
    [ ! -s "$log.undefined" ]
}

bare_run() {
    cat >"$CARGO_TARGET_DIR/main.c" <<'C'
int lfbuddy_bare_run(unsigned char *memory, unsigned long pages);
_Alignas(4096) static unsigned char memory[64 * 4096];
int main(void) { return lfbuddy_bare_run(memory, 64); }
C
    cc -o "$CARGO_TARGET_DIR/main" "$CARGO_TARGET_DIR/main.c" "$CARGO_TARGET_DIR/bare.o" &&
        "$CARGO_TARGET_DIR/main"
}

# Targets without an operating system, as far as Rust's core library is installed for them.
bare_targets() {
    found=
    for target in riscv64gc-unknown-none-elf aarch64-unknown-none x86_64-unknown-none \
        thumbv7em-none-eabi thumbv7m-none-eabi wasm32-unknown-unknown; do
        directory=$(rustc --print target-libdir --target "$target" 2>/dev/null)
        [ -d "$directory" ] || continue
        found=yes
        check "without an operating system: $target" bare_build --target "$target"
    done
    [ -n "$found" ] || skip "a target without an operating system" \
        "none is installed (rustup target add riscv64gc-unknown-none-elf)"
}

# clippy and rustfmt, which Debian has in packages of their own.
tool() { # name, cargo's arguments
    name=$1
    shift
    if cargo "$name" --version >/dev/null 2>&1; then
        check "cargo $name" cargo "$name" "$@"
    else
        skip "cargo $name" "it isn't installed"
    fi
}

cargo_test
check "without the feature alloc" cargo build --locked -p lfbuddy --no-default-features
check "documentation" cargo doc --locked --no-deps
check "example: frames" cargo run --locked -p lfbuddy --example frames
check "lock_free_buddy_allocator's example, with only the crate's name changed" nightly_example
check "lfbuddy-sys as a package, built from it" \
    cargo package -p lfbuddy-sys --locked --allow-dirty
check "without a standard library" bare_build
check "linked by itself" bare_link
check "no undefined symbol but memset and memcpy" bare_symbols
check "run from C" bare_run
bare_targets
tool clippy --locked --workspace --all-targets -- -D warnings
tool fmt --check
echo "1..$number"
