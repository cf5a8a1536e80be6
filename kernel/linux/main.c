/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy in Linux: a module that manages pages of the kernel's with the core, has every CPU call
 * it from threads, softirqs, hardirqs and NMIs, and measures it beside the kernel's own page
 * allocator. Both happen while it is loaded; the kernel's log has what they found.
 */
#include "module.h"

static unsigned long pages = 16384;
module_param(pages, ulong, 0444);
MODULE_PARM_DESC(pages, "pages to manage (default 16384)");

static unsigned long operations = 100000;
module_param(operations, ulong, 0444);
MODULE_PARM_DESC(operations, "calls that each thread of the test makes; 0: no test");

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of the test's random calls");

static unsigned int rounds;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "rounds of the benchmark (default 0: none)");

static unsigned int milliseconds = 25;
module_param(milliseconds, uint, 0444);
MODULE_PARM_DESC(milliseconds, "that each measurement takes (default 25)");

static char *plant = "";
module_param(plant, charp, 0444);
MODULE_PARM_DESC(plant, "a fault on purpose: use, leak, range, metadata or warning");

enum plant planted;

static const char *const plants[] = {"", "use", "leak", "range", "metadata", "warning"};

/* What work.c says, which is a violation: with the context that it was found in. The format has %s,
 * %u (size_t) and %x (uint64_t) only. */
void print(const char *format, ...)
{
    char linux_format[128];
    char line[160];
    size_t length = 0;
    for (; *format && length < sizeof(linux_format) - sizeof("%llx"); format++) {
        linux_format[length++] = *format;
        if (*format == '%' && format[1] != 's') {
            length += strscpy(linux_format + length, format[1] == 'u' ? "zu" : "llx", 4);
            format++;
        }
    }
    linux_format[length] = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), linux_format, arguments);
    va_end(arguments);
    pr_info("in %s: %s",
            in_nmi()               ? "nmi"
            : in_hardirq()         ? "hardirq"
            : in_serving_softirq() ? "softirq"
                                   : "process",
            line);
}

static int __init start(void)
{
    int which = match_string(plants, ARRAY_SIZE(plants), plant);
    if (which < 0) {
        return which;
    }
    planted = which;
    int result = range_start(pages);
    if (result == 0 && operations) {
        result = test_run(operations, seed);
    }
    if (result >= 0 && rounds) {
        result = bench_run(rounds, milliseconds);
    }
    WARN(planted == PLANT_WARNING, "planted\n");
    if (result < 0) {
        pr_err("FAILED: error %d\n", -result);
        range_end();
        return result;
    }
    return 0;
}

static void __exit end(void)
{
    range_end();
    pr_info("ended\n");
}

module_init(start);
module_exit(end);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Tests and measures lfbuddy, a lock-free buddy allocator");
