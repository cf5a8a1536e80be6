/* SPDX-License-Identifier: MIT */
/*
 * How the simulation sees each access to memory in source that knows nothing of it. The allocators
 * are compiled with -fsanitize=thread, for which gcc and clang put a call before each plain access
 * and in the place of each atomic one; here is what these calls lead to, instead of the sanitizer's
 * own library. Only one virtual CPU runs at a time, so the atomic operations need not be atomic.
 */
#include "cpu.h"

/* Nobody but the compilers calls them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* --------------------------------------------------------------------------------- plain ---- */

#define PLAIN(bytes)                                                                               \
    void __tsan_read##bytes(const void *at)                                                        \
    {                                                                                              \
        cpu_access(MODEL_LOAD, at, bytes);                                                         \
    }                                                                                              \
    void __tsan_unaligned_read##bytes(const void *at)                                              \
    {                                                                                              \
        cpu_access(MODEL_LOAD, at, bytes);                                                         \
    }                                                                                              \
    void __tsan_write##bytes(const void *at)                                                       \
    {                                                                                              \
        cpu_access(MODEL_STORE, at, bytes);                                                        \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(const void *at)                                             \
    {                                                                                              \
        cpu_access(MODEL_STORE, at, bytes);                                                        \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(const void *at, size_t bytes)
{
    cpu_access(MODEL_LOAD, at, bytes);
}

void __tsan_write_range(const void *at, size_t bytes)
{
    cpu_access(MODEL_STORE, at, bytes);
}

/* -------------------------------------------------------------------------------- atomic ---- */

#define CHANGE(bits, name, expression)                                                             \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t value, \
                                                int order)                                         \
    {                                                                                              \
        (void)order;                                                                               \
        cpu_access(MODEL_UPDATE, at, sizeof(*at));                                                 \
        uint##bits##_t before = *at;                                                               \
        *at = (uint##bits##_t)(expression);                                                        \
        return before;                                                                             \
    }

/* x86 asks for the line to itself before it compares, so a failure costs what a success does. */
#define COMPARE(bits, name)                                                                        \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile uint##bits##_t *at,                 \
                                                      uint##bits##_t *expected,                    \
                                                      uint##bits##_t value, int order, int other)  \
    {                                                                                              \
        uint##bits##_t wanted = *expected;                                                         \
        *expected = __tsan_atomic##bits##_compare_exchange_val(at, wanted, value, order, other);   \
        return *expected == wanted;                                                                \
    }

#define ATOMIC(bits)                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order)        \
    {                                                                                              \
        (void)order;                                                                               \
        cpu_access(MODEL_LOAD, at, sizeof(*at));                                                   \
        return *at;                                                                                \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value, int order) \
    {                                                                                              \
        (void)order;                                                                               \
        cpu_access(MODEL_STORE, at, sizeof(*at));                                                  \
        *at = value;                                                                               \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *at, uint##bits##_t wanted, uint##bits##_t value, int order,       \
        int other)                                                                                 \
    {                                                                                              \
        (void)order;                                                                               \
        (void)other;                                                                               \
        cpu_access(MODEL_UPDATE, at, sizeof(*at));                                                 \
        uint##bits##_t before = *at;                                                               \
        *at = before == wanted ? value : before;                                                   \
        return before;                                                                             \
    }                                                                                              \
    COMPARE(bits, strong)                                                                          \
    COMPARE(bits, weak)                                                                            \
    CHANGE(bits, exchange, value)                                                                  \
    CHANGE(bits, fetch_add, before + value)                                                        \
    CHANGE(bits, fetch_sub, before - value)                                                        \
    CHANGE(bits, fetch_and, before &value)                                                         \
    CHANGE(bits, fetch_or, before | value)                                                         \
    CHANGE(bits, fetch_xor, before ^ value)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

/* --------------------------------------------------------------------------------- others ---- */

/* Fences and calls cost nothing of their own. */
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}
