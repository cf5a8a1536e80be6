/* SPDX-License-Identifier: MIT */
/*
 * See mapping.h. Pages lie at addresses aligned to the largest block, up to 1 GiB, so that blocks
 * are aligned in memory as they are in offsets. An aligned place is found by mapping a larger range
 * for a moment.
 */
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../port/bits.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define ALIGN_MOST ((size_t)1 << 30)
#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define THP        "/sys/kernel/mm/transparent_hugepage/"

/* ------------------------------------------------------------------------------ addresses ---- */

static size_t block_align(const lfb_pool *pool)
{
    size_t align = (size_t)1 << POOL_DATA_SHIFT;
    while (align < pool->bytes && align < ALIGN_MOST &&
           align >> pool->page_shift < (size_t)1 << pool->plan.max_order) {
        align *= 2;
    }
    return align;
}

/* A free range of addresses in which the byte at `inside` is aligned. NULL: there is none. */
static unsigned char *find_place(size_t size, size_t inside, size_t align)
{
    size_t room = size + align;
    void *all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) {
        return NULL;
    }
    munmap(all, room);
    uintptr_t data = ((uintptr_t)all + inside + align - 1) & ~(uintptr_t)(align - 1);
    return (unsigned char *)(data - inside);
}

/* mmap, so that the byte at `inside` is aligned. NULL: errno says why. */
static unsigned char *map_aligned(size_t size, size_t inside, size_t align, int protection,
                                  int flags, int fd)
{
    for (;;) {
        unsigned char *place = find_place(size, inside, align);
        if (!place) {
            return NULL;
        }
        void *got = mmap(place, size, protection, flags | MAP_FIXED_NOREPLACE, fd, 0);
        if (got != MAP_FAILED) {
            return got;
        }
        if (errno != EEXIST) { /* else another thread has mapped something there meanwhile */
            return NULL;
        }
    }
}

/* ----------------------------------------------------------------------------- huge pages ---- */

size_t pool_huge_size(lfb_pool_huge wanted)
{
    return (size_t)1 << (wanted == LFB_POOL_HUGE_1G ? 30 : 21);
}

/* The first line of a file under /sys; false: there is none. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    bool got = file && fgets(line, size, file);
    if (file) {
        fclose(file);
    }
    return got;
}

bool pool_fail_huge(const char *name, size_t bytes, lfb_pool_huge wanted, lfb_pool_error *error)
{
    char path[96];
    char line[32] = "0";
    if (wanted == LFB_POOL_HUGE_TRANSPARENT) {
        return pool_fail(error, LFB_POOL_NO_HUGE_PAGES, 0,
                         "%s: no transparent huge pages here: write `madvise` to " THP "enabled "
                         "(shared memory: `advise` to shmem_enabled), or leave huge_required out",
                         name);
    }
    size_t size = pool_huge_size(wanted);
    if (bytes % size) {
        return pool_fail(error, LFB_POOL_INVALID, 0,
                         "%s: size %zu is no multiple of huge pages of %zu kB: round it up", name,
                         bytes, size / 1024);
    }
    snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/free_hugepages",
             size / 1024);
    read_line(path, line, sizeof(line));
    line[strcspn(line, "\n")] = 0;
    return pool_fail(error, LFB_POOL_NO_HUGE_PAGES, ENOMEM,
                     "%s: needs %zu huge pages of %zu kB, %s are free: write a larger number to "
                     "/sys/kernel/mm/hugepages/hugepages-%zukB/nr_hugepages, or leave "
                     "huge_required out",
                     name, (bytes - 1) / size + 1, size / 1024, line, size / 1024);
}

/* Transparent huge pages on the pages, if the system has them. */
static bool advise_huge(const lfb_pool *pool)
{
    char line[128] = "";
    bool private = pool_is_private(pool);
    read_line(private ? THP "enabled" : THP "shmem_enabled", line, sizeof(line));
    bool off = !*line || strstr(line, "[never]") || strstr(line, "[deny]");
    return (private || pool->plan.kind == LFB_POOL_SHARED) && !off &&
           madvise(pool->data, pool->bytes, MADV_HUGEPAGE) == 0;
}

/* hugetlb pages for a private pool, the size of which must be a multiple of theirs. */
static bool map_hugetlb(lfb_pool *pool, lfb_pool_huge huge)
{
    size_t size = pool_huge_size(huge);
    size_t align = block_align(pool) > size ? block_align(pool) : size;
    if (pool->bytes % size || pool->plan.page_size > size) {
        return false;
    }
    int flags = ANONYMOUS | MAP_HUGETLB | (int)(lfb_ceiling_order(size) << MAP_HUGE_SHIFT);
    unsigned char *pages = map_aligned(pool->bytes, 0, align, PROT_READ | PROT_WRITE, flags, -1);
    if (!pages) {
        return false;
    }
    pool->data = pages;
    pool->huge = huge;
    pool->granule = size;
    return true;
}

/* ----------------------------------------------------------------------------------- NUMA ---- */

/* What mbind(3) of libnuma does, without libnuma. */
static bool bind_to_nodes(const lfb_pool *pool, uint64_t nodes, const char *name,
                          lfb_pool_error *error)
{
    unsigned long mask[] = {(unsigned long)nodes, 0};
    if (!nodes || syscall(SYS_mbind, pool->data, pool->bytes, MPOL_BIND, mask, 65, 0) == 0) {
        return true;
    }
    int code = errno;
    char online[64] = "?";
    read_line("/sys/devices/system/node/online", online, sizeof(online));
    online[strcspn(online, "\n")] = 0;
    return pool_fail(error, code == EINVAL ? LFB_POOL_INVALID : LFB_POOL_SYSTEM, code,
                     "%s: can't bind to numa_nodes %#jx: %s: nodes %s are online here", name,
                     (uintmax_t)nodes, strerrordesc_np(code), online);
}

/* -------------------------------------------------------------------------------- mapping ---- */

/* Points the parts into the metadata. */
static void place(lfb_pool *pool)
{
    unsigned char *base = pool->metadata;
    pool->header = (pool_header *)(void *)base;
    pool->slots = (pool_slot *)(void *)(base + pool->plan.slots_at);
    pool->calls = (pool_u64 *)(void *)(base + pool->plan.calls_at);
    pool->dirty = (pool_u8 *)(base + pool->plan.dirty_at);
    pool->owners = (pool_u32 *)(void *)(base + pool->plan.owners_at);
}

static bool prepare_pages(lfb_pool *pool, const lfb_pool_config *config, const char *name,
                          lfb_pool_error *error)
{
    bool wanted = config->huge != LFB_POOL_HUGE_NONE && pool->huge == LFB_POOL_HUGE_NONE;
    if (wanted && !pool->read_only && advise_huge(pool)) {
        pool->huge = LFB_POOL_HUGE_TRANSPARENT;
    }
    if (config->huge_required && pool->huge != config->huge) {
        bool ordinary = !pool_is_private(pool) && config->huge >= LFB_POOL_HUGE_2M;
        return ordinary ? pool_fail(error, LFB_POOL_NO_HUGE_PAGES, 0,
                                    "%s: not of huge pages: they are for private pools, memfds, "
                                    "and files on a hugetlbfs of 2 MiB pages",
                                    name)
                        : pool_fail_huge(name, pool->bytes, config->huge, error);
    }
    return pool->read_only || bind_to_nodes(pool, config->numa_nodes, name, error);
}

static bool map_private_pages(lfb_pool *pool, lfb_pool_huge wanted)
{
    for (lfb_pool_huge huge = wanted; huge >= LFB_POOL_HUGE_2M; huge--) {
        if (map_hugetlb(pool, huge)) {
            return true;
        }
    }
    pool->data = map_aligned(pool->bytes, 0, block_align(pool), PROT_READ | PROT_WRITE,
                             ANONYMOUS | MAP_NORESERVE, -1);
    return pool->data != NULL;
}

bool pool_map_private(lfb_pool *pool, const lfb_pool_config *config, lfb_pool_error *error)
{
    const char *name = "private pool";
    size_t size = (size_t)pool->plan.data_at;
    pool->metadata = map_aligned(size, 0, (size_t)1 << POOL_DATA_SHIFT, PROT_READ | PROT_WRITE,
                                 ANONYMOUS | MAP_NORESERVE, -1);
    if (!pool->metadata || !map_private_pages(pool, config->huge)) {
        return pool_fail_system(error, errno, name, "map memory");
    }
    pool->pages_size = pool->bytes;
    pool->pages = pool->data;
    place(pool);
    return prepare_pages(pool, config, name, error);
}

bool pool_map_file(lfb_pool *pool, const lfb_pool_config *config, const char *name,
                   lfb_pool_error *error)
{
    size_t size = (size_t)pool->plan.length;
    size_t inside = (size_t)pool->plan.data_at;
    int protection = pool->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    unsigned char *all =
        map_aligned(size, inside, block_align(pool), protection, MAP_SHARED, pool->fd);
    if (!all) {
        return pool_fail_system(error, errno, name, "map it");
    }
    pool->metadata = all;
    pool->data = all + inside;
    struct statfs about;
    if (fstatfs(pool->fd, &about) == 0 && about.f_type == HUGETLBFS_MAGIC) {
        pool->huge = LFB_POOL_HUGE_2M; /* others can't hold such a file */
        pool->granule = (size_t)about.f_bsize;
    }
    place(pool);
    return prepare_pages(pool, config, name, error);
}

bool pool_reserve(const lfb_pool *pool, const char *name, lfb_pool_error *error)
{
    int code = 0;
    if (!pool_is_private(pool)) {
        code = posix_fallocate(pool->fd, 0, (off_t)pool->plan.length);
    } else if (madvise(pool->data, pool->bytes, MADV_POPULATE_WRITE) != 0) {
        code = errno;
    }
    return code == 0 || pool_fail_system(error, code, name, "reserve its memory");
}

void pool_unmap(lfb_pool *pool)
{
    if (pool->metadata) {
        munmap(pool->metadata,
               (size_t)(pool_is_private(pool) ? pool->plan.data_at : pool->plan.length));
    }
    if (pool->pages) {
        munmap(pool->pages, pool->pages_size);
    }
}

int pool_punch(const lfb_pool *pool, uintptr_t offset, size_t bytes)
{
    int failed = pool_is_private(pool)
                     ? madvise(pool->data + offset, bytes, MADV_DONTNEED)
                     : fallocate(pool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 (off_t)(pool->plan.data_at + offset), (off_t)bytes);
    return failed ? errno : 0;
}
