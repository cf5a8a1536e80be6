#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the kernel for each machine and boots it under QEMU. TAP on standard output; what a kernel
# says on its serial port goes before its line.
#
# usage: run.sh SOURCE_ROOT [MACHINE...]
#
# Machines: x86_64, grub (the same from an ISO image), aarch64, riscv64, riscv32; default: all.
# LFB_KERNEL_OPERATIONS: calls that each CPU makes (default 260000; riscv32, which has one: four
# times that). Each is booted again with a fault planted in the test itself, which must fail.
set -u
help() {
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h | --help) help; exit ;;
'' | -*) help >&2; exit 2 ;;
esac
root=$1
shift
machines=${*:-x86_64 grub aarch64 riscv64 riscv32}
operations=${LFB_KERNEL_OPERATIONS:-260000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0
cpus=4

say() {
    sed 's/^/# /' "$1" | tr -d '\r'
}

report() { # ok|not, description, directive
    number=$((number + 1))
    [ "$1" = ok ] || failed=1
    [ "$1" = ok ] && verdict="ok" || verdict="not ok"
    echo "$verdict $number - $2${3:+ # $3}"
}

# Sets what a machine is built with and runs on. Interrupts come over whatever code they interrupt,
# so nothing may use floating-point registers or the stack below the pointer.
choose() {
    cpus=4
    calls=$operations
    case $1 in
    x86_64 | grub)
        prefix=
        flags="-m64 -mno-red-zone -mgeneral-regs-only"
        sources="$root/kernel/arch/x86_64/*.[cS]"
        link="-no-pie -Wl,-n -T $root/kernel/arch/x86_64/link.ld"
        emulator="qemu-system-x86_64 -device isa-debug-exit,iobase=0xf4,iosize=4"
        good=33 bad=35
        packages="gcc qemu-system-x86"
        memory=600M
        ;;
    aarch64)
        prefix=aarch64-linux-gnu-
        flags="-mgeneral-regs-only -mno-outline-atomics -mstrict-align"
        sources="$root/kernel/tree.c $root/kernel/arch/aarch64/*.[cS]"
        link="-T $root/kernel/arch/aarch64/link.ld"
        emulator="qemu-system-aarch64 -M virt,gic-version=2 -cpu cortex-a72 -semihosting"
        good=0 bad=1
        packages="gcc-aarch64-linux-gnu qemu-system-arm"
        memory=777M
        ;;
    riscv64)
        prefix=riscv64-linux-gnu-
        flags="-march=rv64imac_zicsr -mabi=lp64"
        below=opensbi base=0x80200000
        emulator="qemu-system-riscv64 -M virt"
        packages="gcc-riscv64-linux-gnu qemu-system-misc opensbi"
        memory=450M
        ;;
    riscv32)
        # The compiler for riscv64 makes it.
        prefix=riscv64-linux-gnu-
        flags="-march=rv32imac_zicsr -mabi=ilp32"
        below=bare base=0x80000000
        emulator="qemu-system-riscv32 -M virt -bios none"
        packages="gcc-riscv64-linux-gnu qemu-system-misc"
        memory=290M
        cpus=1
        calls=$((operations * 4))
        ;;
    *)
        echo "Bail out! no such machine: $1"
        exit 2
        ;;
    esac
    case $1 in riscv*)
        flags="$flags -mcmodel=medany"
        good=0 bad=1
        arch=$root/kernel/arch/riscv
        sources="$root/kernel/tree.c $arch/arch.c $arch/$below.c $arch/start.S"
        link="-Wl,--defsym=KERNEL_BASE=$base -T $arch/link.ld"
        ;;
    esac
}

# What is missing, and the line that installs it.
missing() {
    for program in "${prefix}gcc" "${emulator%% *}"; do
        command -v "$program" >/dev/null ||
            { echo "$program is not installed: apt-get install $packages"; return; }
    done
    if [ "$1" = riscv64 ]; then
        for directory in $(qemu-system-riscv64 -L help); do
            [ -e "$directory/opensbi-riscv64-generic-fw_dynamic.bin" ] && return
        done
        echo "QEMU has no OpenSBI: apt-get install opensbi"
    fi
    [ "$1" = grub ] || return
    if ! command -v grub-mkrescue >/dev/null || ! command -v xorriso >/dev/null ||
        ! command -v mformat >/dev/null || [ ! -d /usr/lib/grub/i386-pc ]; then
        echo "no grub-mkrescue: apt-get install grub-common grub-pc-bin xorriso mtools"
    fi
}

# build DIRECTORY FLAGS...: the kernel, DIRECTORY/kernel.
build() {
    directory=$1
    shift
    mkdir -p "$directory"
    # shellcheck disable=SC2086
    (cd "$directory" && "${prefix}gcc" -std=c11 -O2 -Wall -Wextra -Wconversion -Wsign-conversion \
        -Wshadow -Wmissing-prototypes -pedantic -Werror -ffreestanding -fno-stack-protector \
        -fno-pic -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns $flags "$@" \
        -I"$root/include" -c "$root/src/lfbuddy.c" "$root"/src/boot/*.c "$root/kernel/main.c" \
        "$root/kernel/work.c" "$root/kernel/lib.c" $sources &&
        "${prefix}gcc" $flags -static -nostdlib -Wl,--build-id=none $link ./*.o -o kernel)
}

# The kernel as the emulator takes it: its arguments.
bootable() {
    case $1 in
    grub)
        mkdir -p "$2/iso/boot/grub"
        cp "$2/kernel" "$2/iso/boot/kernel"
        printf 'set timeout=0\nserial\nterminal_output serial\nmenuentry test { multiboot2 /boot/kernel }\n' \
            >"$2/iso/boot/grub/grub.cfg"
        grub-mkrescue -o "$2/iso.img" "$2/iso" >"$2/log" 2>&1 || return
        echo "-cdrom $2/iso.img"
        ;;
    aarch64)
        "${prefix}objcopy" -O binary "$2/kernel" "$2/image" || return
        echo "-kernel $2/image"
        ;;
    *)
        echo "-kernel $2/kernel"
        ;;
    esac
}

# boot ARGUMENTS...: sets `status`; what the kernel says is in $work/serial.
boot() {
    # shellcheck disable=SC2086
    timeout 300 $emulator -accel tcg,thread=multi -smp $cpus -m $memory -display none -monitor none \
        -serial stdio -nic none -no-reboot $1 </dev/null >"$work/serial" 2>&1
    status=$?
}

# number_after TEXT: the number that follows it in what the kernel said.
number_after() {
    sed -n "s/^$1: \([0-9]*\).*/\1/p" "$work/serial"
}

passed() {
    [ $status = $good ] && grep -q '^PASSED' "$work/serial" &&
        [ "$(number_after CPUs)" = $cpus ] && [ "$(number_after violations)" = 0 ] &&
        [ "$(number_after operations)" -ge $((calls * cpus)) ]
}

test_machine() {
    choose "$1"
    why=$(missing "$1")
    if [ -n "$why" ]; then
        report ok "$1" "SKIP $why"
        report ok "$1, a planted fault" "SKIP $why"
        return
    fi
    if ! build "$work/$1" -DOPERATIONS=$calls >"$work/log" 2>&1 ||
        ! build "$work/$1-planted" -DOPERATIONS=3000 -DPLANT_VIOLATION >"$work/log" 2>&1; then
        say "$work/log"
        report not "$1: build"
        return
    fi
    boot "$(bootable "$1" "$work/$1")"
    sed -n '/^lfbuddy on/,$p' "$work/serial" >"$work/said"
    if passed; then
        say "$work/said"
        report ok "$1"
    else
        say "$work/serial"
        report not "$1: status $status"
    fi
    boot "$(bootable "$1" "$work/$1-planted")"
    if [ $status = $bad ] && grep -q '^VIOLATION: written by somebody else' "$work/serial"; then
        report ok "$1, a planted fault is found"
    else
        say "$work/serial"
        report not "$1, a planted fault isn't found: status $status"
    fi
}

for machine in $machines; do
    test_machine "$machine"
done
echo "1..$number"
exit $failed
