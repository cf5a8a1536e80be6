/* SPDX-License-Identifier: MIT */
/*
 * A PC as QEMU emulates it: COM1, local APICs in xAPIC mode, the interrupt controllers of old
 * masked, QEMU's isa-debug-exit device at port 0xf4. QEMU's fw_cfg device knows how many CPUs there
 * are, which spares us the ACPI tables.
 *
 * Intel SDM, volume 3, "Multiple-processor management", "APIC"; QEMU, docs/specs/fw_cfg; Xen,
 * public/arch-x86/hvm/start_info.h.
 */
#include <stdatomic.h>

#include "../../arch.h"

enum {
    COM1 = 0x3f8,
    COM1_LINE_STATUS = COM1 + 5,
    COM1_CAN_SEND = 0x20,
    DELAY_PORT = 0x80, /* a write takes about a microsecond */
    EXIT_PORT = 0xf4,
    PIC1_MASK = 0x21,
    PIC2_MASK = 0xa1,
    FW_CFG_SELECT = 0x510,
    FW_CFG_DATA = 0x511,
    FW_CFG_CPUS = 5,
    MULTIBOOT2_MAGIC = 0x36d76289,
    AP_PAGE = 0x8000, /* where other CPUs begin; as in start.S */
    PAGE = 4096,
    CODE_SELECTOR = 8,
    TIMER_VECTOR = 32,
    SPURIOUS_VECTOR = 255,
    EXCEPTIONS = 32,
    TICK = 100000 /* QEMU's APIC counts nanoseconds */
};

/* The local APIC's registers. */
enum {
    APIC_END_OF_INTERRUPT = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_COMMAND = 0x300,
    APIC_COMMAND_TARGET = 0x310,
    APIC_TIMER = 0x320,
    APIC_TIMER_COUNT = 0x380,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_ENABLED = 0x100,
    APIC_DIVIDE_BY_1 = 0xb,
    APIC_INIT = 0x4500,
    APIC_STARTUP = 0x4600
};

#define APIC_BASE   UINT64_C(0xfee00000)
#define MSR_GS_BASE UINT32_C(0xc0000101)

typedef struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t modules;
    uint64_t module_list;
    uint64_t command_line;
    uint64_t rsdp;
    uint64_t memory_map;
    uint32_t memory_map_entries;
    uint32_t reserved;
} pvh_start_info;

enum { PVH_ENTRY = 24 };

typedef struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
} gate;

typedef struct interrupt_frame {
    uintptr_t ip;
    uintptr_t cs;
    uintptr_t flags;
    uintptr_t sp;
    uintptr_t ss;
} interrupt_frame;

const char arch_name[] = "x86_64";
const uint64_t arch_mapped_end = (uint64_t)1 << 32;

extern char arch_ap_start[];
extern char arch_ap_start_end[];
uintptr_t arch_ap_stack; /* start.S reads it */
static unsigned ap_number;
static atomic_bool ap_runs;

static gate gates[256];
static unsigned numbers[64];
static uint32_t boot_magic;
static uintptr_t boot_information;

void arch_main(uint32_t magic, uint32_t information);
void arch_ap_main(void);

/* ----------------------------------------------------------------------- instructions ---- */

static void out_8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in_8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out_16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static void delay(unsigned microseconds)
{
    while (microseconds-- > 0) {
        out_8(DELAY_PORT, 0);
    }
}

static void apic_write(unsigned at, uint32_t value)
{
    *(volatile uint32_t *)(APIC_BASE + at) = value;
}

/* The base of this CPU's GS segment is where its number stands. */
static void set_cpu(unsigned cpu)
{
    numbers[cpu] = cpu;
    uintptr_t base = (uintptr_t)&numbers[cpu];
    __asm__ volatile("wrmsr" : : "c"(MSR_GS_BASE), "a"((uint32_t)base), "d"(base >> 32));
}

unsigned arch_cpu(void)
{
    unsigned cpu;
    __asm__ volatile("movl %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* -------------------------------------------------------------------------- interrupts ---- */

__attribute__((interrupt)) static void on_exception(interrupt_frame *frame)
{
    kernel_trap("exception", frame->ip, 0);
}

__attribute__((interrupt)) static void on_error(interrupt_frame *frame, uintptr_t code)
{
    kernel_trap("exception", frame->ip, code);
}

__attribute__((interrupt)) static void on_timer(interrupt_frame *frame)
{
    kernel_tick(frame->ip);
    apic_write(APIC_END_OF_INTERRUPT, 0);
    apic_write(APIC_TIMER_COUNT, TICK);
}

__attribute__((interrupt)) static void on_spurious(interrupt_frame *frame)
{
    (void)frame;
}

static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

static void set_gate(unsigned vector, uintptr_t handler)
{
    gates[vector] = (gate){
        .offset_low = (uint16_t)handler,
        .selector = CODE_SELECTOR,
        .type = 0x8e00, /* present, interrupts off meanwhile */
        .offset_middle = (uint16_t)(handler >> 16),
        .offset_high = (uint32_t)(handler >> 32),
    };
}

static void make_gates(void)
{
    for (unsigned i = 0; i < EXCEPTIONS; i++) {
        set_gate(i, has_error_code(i) ? (uintptr_t)on_error : (uintptr_t)on_exception);
    }
    set_gate(TIMER_VECTOR, (uintptr_t)on_timer);
    set_gate(SPURIOUS_VECTOR, (uintptr_t)on_spurious);
}

static void start_this_cpu(unsigned cpu)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) table = {sizeof(gates) - 1, (uintptr_t)gates};
    __asm__ volatile("lidt %0" : : "m"(table));
    set_cpu(cpu);
    apic_write(APIC_SPURIOUS, APIC_ENABLED | SPURIOUS_VECTOR);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    apic_write(APIC_TIMER, TIMER_VECTOR);
}

void arch_timer_on(void)
{
    apic_write(APIC_TIMER_COUNT, TICK);
    __asm__ volatile("sti");
}

void arch_timer_off(void)
{
    __asm__ volatile("cli" : : : "memory");
    apic_write(APIC_TIMER_COUNT, 0);
}

/* ------------------------------------------------------------------------------- start ---- */

void arch_main(uint32_t magic, uint32_t information)
{
    boot_magic = magic;
    boot_information = information;
    out_8(PIC1_MASK, 0xff);
    out_8(PIC2_MASK, 0xff);
    make_gates();
    start_this_cpu(0);
    kernel_main();
}

void arch_ap_main(void)
{
    start_this_cpu(ap_number);
    atomic_store_explicit(&ap_runs, true, memory_order_release);
    kernel_cpu();
    for (;;) {
        __asm__ volatile("hlt");
    }
}

static unsigned count_cpus(void)
{
    out_16(FW_CFG_SELECT, FW_CFG_CPUS);
    unsigned low = in_8(FW_CFG_DATA);
    return low | (unsigned)in_8(FW_CFG_DATA) << 8;
}

/* INIT, then where to begin, as a page number. */
bool arch_start_cpu(unsigned cpu, uintptr_t stack_top)
{
    if (cpu >= count_cpus()) {
        return false;
    }
    ap_number = cpu;
    arch_ap_stack = stack_top;
    atomic_store_explicit(&ap_runs, false, memory_order_release);
    __builtin_memcpy((void *)AP_PAGE, arch_ap_start, (size_t)(arch_ap_start_end - arch_ap_start));
    apic_write(APIC_COMMAND_TARGET, (uint32_t)cpu << 24);
    apic_write(APIC_COMMAND, APIC_INIT);
    delay(10000);
    for (unsigned i = 0; i < 2 && !atomic_load_explicit(&ap_runs, memory_order_acquire); i++) {
        apic_write(APIC_COMMAND_TARGET, (uint32_t)cpu << 24);
        apic_write(APIC_COMMAND, APIC_STARTUP | AP_PAGE / PAGE);
        delay(200);
    }
    while (!atomic_load_explicit(&ap_runs, memory_order_acquire)) {
        arch_pause();
    }
    return true;
}

/* ------------------------------------------------------------------- memory, console, end ---- */

static lfb_boot_status read_multiboot2(lfb_boot_map *map)
{
    const uint32_t *size = (const uint32_t *)boot_information;
    lfb_boot_status status = lfb_boot_read_multiboot2(map, size, *size);
    return status == LFB_BOOT_OK ? lfb_boot_add(map, boot_information, *size, LFB_BOOT_RECLAIMABLE)
                                 : status;
}

static lfb_boot_status read_pvh(lfb_boot_map *map)
{
    const pvh_start_info *info = (const pvh_start_info *)boot_information;
    size_t size = (size_t)info->memory_map_entries * PVH_ENTRY;
    const void *table = (const void *)info->memory_map;
    lfb_boot_status status = lfb_boot_read_e820(map, table, size, PVH_ENTRY);
    if (status == LFB_BOOT_OK) {
        status = lfb_boot_add(map, boot_information, sizeof(*info), LFB_BOOT_RECLAIMABLE);
    }
    return status == LFB_BOOT_OK ? lfb_boot_add(map, info->memory_map, size, LFB_BOOT_RECLAIMABLE)
                                 : status;
}

/* Page 0 has the BIOS's vectors and data, and its address is NULL. */
lfb_boot_status arch_read_memory(lfb_boot_map *map)
{
    lfb_boot_status status = boot_magic == MULTIBOOT2_MAGIC ? read_multiboot2(map) : read_pvh(map);
    if (status == LFB_BOOT_OK) {
        status = lfb_boot_add(map, 0, PAGE, LFB_BOOT_RESERVED);
    }
    return status == LFB_BOOT_OK ? lfb_boot_add(map, AP_PAGE, PAGE, LFB_BOOT_RESERVED) : status;
}

void arch_put(char c)
{
    while (!(in_8(COM1_LINE_STATUS) & COM1_CAN_SEND)) {
        arch_pause();
    }
    out_8(COM1, (uint8_t)c);
}

void arch_pause(void)
{
    __asm__ volatile("pause");
}

/* The emulator's status: twice the value, plus 1. */
_Noreturn void arch_exit(bool good)
{
    out_8(EXIT_PORT, good ? 0x10 : 0x11);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
