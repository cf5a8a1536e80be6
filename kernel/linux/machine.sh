# SPDX-License-Identifier: MIT
# Debian's Linux in QEMU, for test.sh and bench.sh, which read this file: finds the kernel, builds
# the module, boots. They set `root` (of the sources) before; `work` is a directory that goes with
# the script.
#
# LFB_LINUX: the version to boot (default: the newest whose image and headers are installed).
# LFB_ACCELERATION: kvm or tcg (default: KVM where a guest starts with it, else emulation).
# LFB_CPUS: of the guest (default 2; 4 where the host has as many).

work=$(mktemp -d)
emulating= # the emulator's process
trap '[ -z "$emulating" ] || kill "$emulating"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

packages="linux-image-amd64 linux-headers-amd64 qemu-system-x86 busybox-static cpio make gcc"
emulator=qemu-system-x86_64
said=$work/said # what the guest said on its serial port
cpus=${LFB_CPUS:-2}
[ -n "${LFB_CPUS:-}" ] || [ "$(nproc)" -lt 4 ] || cpus=4

# The newest version that has an image and headers.
find_linux() {
    for image in /boot/vmlinuz-*; do
        version=${image#/boot/vmlinuz-}
        [ -r "$image" ] && [ -e "/lib/modules/$version/build/Makefile" ] && echo "$version"
    done | sort -V | tail -1
}

# What is missing, and the line that installs it.
missing() {
    [ "$(uname -m)" = x86_64 ] || { echo "written for x86-64: Debian's amd64 kernel"; return; }
    for program in make gcc cpio busybox $emulator; do
        command -v "$program" >/dev/null ||
            { echo "$program is not installed: apt-get install $packages"; return; }
    done
    if file_is_dynamic "$(command -v busybox)"; then
        echo "busybox isn't static: apt-get install busybox-static"
    elif [ ! -r "/boot/vmlinuz-$linux" ] || [ ! -e "/lib/modules/$linux/build/Makefile" ]; then
        echo "no Linux image with its headers: apt-get install $packages"
    fi
}

# A program that names a loader; `file` may not be installed.
file_is_dynamic() {
    grep -qa '/ld-linux' "$1"
}

linux=${LFB_LINUX:-$(find_linux)}

# What of the kernel's own checks it was built with.
kernel_checks() {
    for option in PROVE_LOCKING KASAN DEBUG_KMEMLEAK DEBUG_ATOMIC_SLEEP; do
        grep -q "^CONFIG_$option=y" "/boot/config-$linux" 2>/dev/null && echo "$option: yes" ||
            echo "$option: no"
    done | tr '\n' ' '
}

# build DIRECTORY: the modules that its Kbuild names. kbuild writes beside the sources.
build() {
    make -C "/lib/modules/$linux/build" M="$1" modules
}

# copy_sources DIRECTORY: the sources, where kbuild may write; the layout that Kbuild expects.
copy_sources() {
    mkdir -p "$1/kernel" "$1/bench" &&
        cp -r "$root/include" "$root/src" "$1" &&
        cp -r "$root/kernel/linux" "$root"/kernel/*.[ch] "$1/kernel" &&
        cp "$root/bench/xorshift.h" "$1/bench"
}

build_module() {
    copy_sources "$work/tree" && build "$work/tree/kernel/linux"
}

# pack FILES...: the guest's initial file system: busybox, the files named, and as /init what comes
# on standard input, after the words that each guest starts with.
pack() {
    mkdir -p "$work/guest/bin" "$work/guest/proc" "$work/guest/sys" "$work/guest/dev" &&
        cp "$(command -v busybox)" "$work/guest/bin/busybox" && cp "$@" "$work/guest" || return
    {
        cat <<'TEXT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
say() { echo "$*" >/dev/kmsg; }
TEXT
        cat
        echo 'sync; poweroff -f'
    } >"$work/guest/init"
    chmod +x "$work/guest/init"
    (cd "$work/guest" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/guest.gz"
}

# start SECONDS ARGUMENTS...: the emulator in the background, at most so long. no_timer_check: on a
# busy host Linux would find that the emulated timer comes too late, and stop.
start() {
    limit=$1
    shift
    # shellcheck disable=SC2086
    timeout "$limit" $emulator "$@" -smp $cpus -m $memory -kernel "/boot/vmlinuz-$linux" \
        -initrd "$work/guest.gz" -display none -monitor none -serial "file:$said" -nic none \
        -no-reboot -append "console=ttyS0 panic=-1 no_timer_check printk.devkmsg=on $words" \
        </dev/null >"$work/emulator" 2>&1 &
    emulating=$!
}

# Whether a guest starts with KVM, which a device file alone doesn't say: leaves it running then.
kvm_starts() {
    [ -w /dev/kvm ] || return
    start "$1" -accel kvm -cpu host
    for second in 1 2 3 4 5 6 7 8 9 10; do
        sleep 1
        grep -qs 'Linux version' "$said" && return
        kill -0 "$emulating" 2>/dev/null || break
    done
    kill "$emulating" 2>/dev/null
    wait "$emulating" 2>/dev/null
    emulating=
    return 1
}

# boot SECONDS MEMORY WORDS [ARGUMENTS...]: Linux with these words on its command line, to its end.
# Sets `acceleration`, in words.
boot() {
    limit=$1
    memory=$2
    words=$3
    shift 3
    rm -f "$said"
    if [ "${LFB_ACCELERATION:-kvm}" = kvm ] && [ $# = 0 ] && kvm_starts "$limit"; then
        acceleration=KVM
    elif [ "${LFB_ACCELERATION:-}" = kvm ]; then
        acceleration="KVM, with which no guest starts"
        return 1
    else
        acceleration="emulated (TCG)"
        rm -f "$said"
        start "$limit" -accel "tcg${1:+,thread=single}" -cpu max "$@"
    fi
    wait "$emulating"
    status=$?
    emulating=
    tr -d '\r' <"$said" >"$work/clean" && mv "$work/clean" "$said"
    return $status
}
