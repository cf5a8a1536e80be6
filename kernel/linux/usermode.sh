# SPDX-License-Identifier: MIT
# Debian's Linux as a program (User-Mode Linux), for bench.sh, which reads this file: unpacks Debian's
# linux-source, builds it with the benchmark in it, runs it. Its code runs as any program's does, at
# the machine's own speed, on one CPU.
#
# LFB_LINUX_TREE: where to unpack and build, some 2 GB (default: build-linux in the sources, which
# `./dev clean` removes).

usermode_packages="linux-source make gcc flex bison bc xz-utils"
usermode_tree=${LFB_LINUX_TREE:-$root/build-linux}

# Debian's newest.
usermode_archive() {
    # shellcheck disable=SC2012 # names of one form
    ls /usr/src/linux-source-*.tar.xz 2>/dev/null | sort -V | tail -1
}

# What is missing, and the line that installs it.
usermode_missing() {
    [ "$(uname -m)" = x86_64 ] || { echo "User-Mode Linux is x86's"; return; }
    for program in make gcc flex bison bc xz; do
        command -v $program >/dev/null ||
            { echo "$program is not installed: apt-get install $usermode_packages"; return; }
    done
    [ -n "$(usermode_archive)" ] || echo "no source of Linux: apt-get install $usermode_packages"
}

usermode_make() {
    make -C "$usermode_tree" ARCH=um -j"$(nproc)" "$@"
}

# The kernel for User-Mode Linux as its authors configure it, with what Debian's kernel has that
# matters here: -O2, compaction.
usermode_configure() {
    mkdir -p "$usermode_tree" &&
        tar -xf "$(usermode_archive)" -C "$usermode_tree" --strip-components=1 &&
        usermode_make defconfig &&
        "$usermode_tree/scripts/config" --file "$usermode_tree/.config" -e COMPACTION \
            -d CC_OPTIMIZE_FOR_SIZE -e CC_OPTIMIZE_FOR_PERFORMANCE -d NET -d SOUND -d DEBUG_INFO -d DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT -e DEBUG_INFO_NONE &&
        usermode_make olddefconfig &&
        echo 'obj-y += lfbuddy/kernel/linux/' >>"$usermode_tree/drivers/Makefile"
}

# Our sources go where the kernel's drivers are, in the layout that Kbuild expects.
usermode_build() {
    grep -qs lfbuddy "$usermode_tree/drivers/Makefile" || usermode_configure || return
    rm -rf "$usermode_tree/drivers/lfbuddy" && mkdir -p "$usermode_tree/drivers/lfbuddy" &&
        copy_sources "$usermode_tree/drivers/lfbuddy" && usermode_make linux
}

# usermode_boot SECONDS MEMORY WORDS: to its end. Sets `acceleration`, in words.
usermode_boot() {
    # shellcheck disable=SC2086
    timeout "$1" "$usermode_tree/linux" "mem=$2" con=null con0=fd:0,fd:1 $3 \
        </dev/null >"$said" 2>"$work/emulator"
    acceleration="User-Mode Linux"
    linux=$(usermode_make -s kernelrelease)
}
