/* SPDX-License-Identifier: MIT */
/* What a C library would give: the two functions that compilers call, and printing. Built with
 * -fno-tree-loop-distribute-patterns: GCC would make memset a call of memset. */
#include <stdarg.h>

#include "kernel.h"

void *memset(void *at, int byte, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

void *memset(void *at, int byte, size_t size)
{
    unsigned char *bytes = at;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)byte;
    }
    return at;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *bytes = to;
    const unsigned char *source = from;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = source[i];
    }
    return to;
}

/* --------------------------------------------------------------------------------- print ---- */

static void print_text(const char *text)
{
    for (; *text; text++) {
        arch_put(*text);
    }
}

static void print_decimal(size_t number)
{
    if (number >= 10) {
        print_decimal(number / 10);
    }
    arch_put((char)('0' + number % 10));
}

static void print_hexadecimal(uint64_t number)
{
    if (number >= 16) {
        print_hexadecimal(number / 16);
    }
    arch_put("0123456789abcdef"[number % 16]);
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            arch_put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            print_text(va_arg(arguments, const char *));
            break;
        case 'u':
            print_decimal(va_arg(arguments, size_t));
            break;
        default:
            print_hexadecimal(va_arg(arguments, uint64_t));
            break;
        }
    }
    va_end(arguments);
}
