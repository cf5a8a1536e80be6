/* SPDX-License-Identifier: MIT */
/*
 * General-purpose allocators, asked for whole pages aligned to a page. A block's number is its
 * address in pages. Nobody writes to the pages, so what the system does at a first touch isn't
 * measured, but for what the allocators themselves write beside or into their blocks.
 *
 * The libraries are opened while the program runs, each with its names to itself (RTLD_LOCAL), so
 * that all four can be in one process and malloc stays glibc's. No RTLD_DEEPBIND: tcmalloc would
 * then be asked, while it is loaded, to free what glibc had allocated, and aborts. jemalloc and
 * tcmalloc do without: they are called by names of their own or by address, and don't call malloc.
 */
#include "allocator.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BITS = 12 };

typedef void *(*aligned_function)(size_t first, size_t second);
typedef void (*free_function)(void *block);

typedef struct library {
    const char *files[3]; /* tried in this order */
    const char *allocate;
    const char *release;
    const char *package;
} library;

static aligned_function allocate;
static free_function release;

/* ------------------------------------------------------------------------------ libraries ---- */

static bool find_functions(void *object, const library *l)
{
    void *first = dlsym(object, l->allocate);
    void *second = dlsym(object, l->release);
    if (first == NULL || second == NULL) {
        return false;
    }
    memcpy(&allocate, &first, sizeof(first));
    memcpy(&release, &second, sizeof(second));
    return true;
}

static bool open_library(const library *l)
{
    for (size_t i = 0; i < 3 && l->files[i] != NULL; i++) {
        void *object = dlopen(l->files[i], RTLD_NOW | RTLD_LOCAL);
        if (object != NULL && find_functions(object, l)) {
            return true; /* stays open: a heap can't be unloaded */
        }
    }
    return false;
}

static const char *why_missing(const library *l, char text[128])
{
    if (open_library(l)) {
        return NULL;
    }
    const char *error = dlerror();
    if (error != NULL && strstr(error, "static TLS") != NULL) {
        return "cannot be loaded late; set GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384";
    }
    snprintf(text, 128, "not installed: apt install %s", l->package);
    return text;
}

static const library jemalloc = {
    {"libjemalloc.so.2", NULL, NULL}, "aligned_alloc", "free", "libjemalloc2"};
static const library mimalloc = {{"libmimalloc.so.2", "libmimalloc.so.2.0", NULL},
                                 "mi_malloc_aligned",
                                 "mi_free",
                                 "libmimalloc2.0"};
static const library tcmalloc = {{"libtcmalloc_minimal.so.4", "libtcmalloc.so.4", NULL},
                                 "tc_memalign",
                                 "tc_free",
                                 "libtcmalloc-minimal4"};

/* ------------------------------------------------------------------------------ interface ---- */

static int64_t number_of(void *block)
{
    return block == NULL ? -1 : (int64_t)((uintptr_t)block >> PAGE_BITS);
}

static size_t size_of(unsigned order)
{
    return (size_t)ALLOCATOR_PAGE_SIZE << order;
}

/* aligned_alloc and tc_memalign: the alignment comes first. */
static int64_t heap_get(unsigned thread, unsigned order)
{
    (void)thread;
    return number_of(allocate(ALLOCATOR_PAGE_SIZE, size_of(order)));
}

static int64_t heap_get_run(unsigned thread, size_t pages)
{
    (void)thread;
    return number_of(allocate(ALLOCATOR_PAGE_SIZE, pages << PAGE_BITS));
}

/* mi_malloc_aligned: the size comes first. */
static int64_t heap_get_size_first(unsigned thread, unsigned order)
{
    (void)thread;
    return number_of(allocate(size_of(order), ALLOCATOR_PAGE_SIZE));
}

static int64_t heap_get_run_size_first(unsigned thread, size_t pages)
{
    (void)thread;
    return number_of(allocate(pages << PAGE_BITS, ALLOCATOR_PAGE_SIZE));
}

static void heap_put(unsigned thread, int64_t page, unsigned order)
{
    (void)thread;
    (void)order;
    release((void *)((uintptr_t)page << PAGE_BITS));
}

static void heap_put_run(unsigned thread, int64_t page, size_t pages)
{
    (void)pages;
    heap_put(thread, page, 0);
}

static void heap_fini(void)
{
    /* All blocks have been released; the heap stays. */
}

static int check_arguments(size_t page_size)
{
    return page_size == ALLOCATOR_PAGE_SIZE ? 0 : -1;
}

static int glibc_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)pages;
    (void)threads;
    allocate = aligned_alloc;
    release = free;
    return check_arguments(page_size);
}

#define LIBRARY_FUNCTIONS(name)                                                                    \
    static const char *name##_missing(void)                                                        \
    {                                                                                              \
        static char text[128];                                                                     \
        return why_missing(&(name), text);                                                         \
    }                                                                                              \
    static int name##_init(size_t pages, size_t page_size, unsigned threads)                       \
    {                                                                                              \
        (void)pages;                                                                               \
        (void)threads;                                                                             \
        return open_library(&(name)) ? check_arguments(page_size) : -1;                            \
    }

LIBRARY_FUNCTIONS(jemalloc)
LIBRARY_FUNCTIONS(mimalloc)
LIBRARY_FUNCTIONS(tcmalloc)

/* What they have in common. */
#define HEAP(suffix)                                                                               \
    .kind = ALLOCATOR_HEAP, .get = heap_get##suffix, .put = heap_put, .fini = heap_fini,           \
    .get_run = heap_get_run##suffix, .put_run = heap_put_run

const allocator allocator_glibc = {
    .name = "glibc",
    .about = "aligned_alloc and free of the C library",
    .init = glibc_init,
    HEAP(),
};

const allocator allocator_jemalloc = {
    .name = "jemalloc",
    .about = "aligned_alloc and free of libjemalloc",
    .init = jemalloc_init,
    .missing = jemalloc_missing,
    HEAP(),
};

const allocator allocator_mimalloc = {
    .name = "mimalloc",
    .about = "mi_malloc_aligned and mi_free",
    .init = mimalloc_init,
    .missing = mimalloc_missing,
    HEAP(_size_first),
};

const allocator allocator_tcmalloc = {
    .name = "tcmalloc",
    .about = "tc_memalign and tc_free",
    .init = tcmalloc_init,
    .missing = tcmalloc_missing,
    HEAP(),
};
