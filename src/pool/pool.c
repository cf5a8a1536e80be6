/* SPDX-License-Identifier: MIT */
/* The life of a pool: create, open, close, sync; and what can be asked of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "mapping.h"
#include "owner.h"
#include "record.h"
#include "watch.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* -------------------------------------------------------------------------------- handles ---- */

/* Attempts on the way to a success may have failed, and said so. */
static lfb_pool *succeed(lfb_pool *pool, lfb_pool_error *error)
{
    if (pool) {
        *error = (lfb_pool_error){.status = LFB_POOL_OK};
        pool_watch_begin(pool);
        record_begin(pool);
    }
    return pool;
}

static lfb_pool *new_handle(const lfb_pool_config *config, lfb_pool_error *error)
{
    lfb_pool *pool = calloc(1, sizeof(*pool));
    if (!pool) {
        pool_fail_system(error, ENOMEM, "pool", "make a handle");
        return NULL;
    }
    pool->fd = -1;
    pool->read_only = config->read_only;
    pool->trim_order = config->read_only ? 0 : config->trim_order;
    pool->granule = (size_t)sysconf(_SC_PAGESIZE);
    return pool;
}

/* Everything but the slot: a pool that isn't finished, or failed to, has none. */
static void end_handle(lfb_pool *pool)
{
    pool_watch_end(pool);
    pool_unmap(pool);
    if (pool->self) {
        munmap(pool->self, (size_t)sysconf(_SC_PAGESIZE));
    }
    if (pool->fd >= 0) {
        close(pool->fd);
    }
    free(pool);
}

static void use_plan(lfb_pool *pool, const pool_plan *plan)
{
    pool->plan = *plan;
    while (plan->page_size >> pool->page_shift > 1) {
        pool->page_shift++;
    }
    pool->bytes = (size_t)(plan->page_count << pool->page_shift);
    pool->lanes = plan->lanes;
    pool->tagged = plan->owner_tags;
    pool->calls_of_lane =
        (plan->slots * sizeof(pool_u64) + POOL_LINE - 1) / POOL_LINE * POOL_LINE / sizeof(pool_u64);
}

/* A slot for this process, and a page that tells a child made by fork that it has none. */
static bool enter_table(lfb_pool *pool, lfb_pool_error *error)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    if (pool_is_private(pool) || pool->read_only) {
        return true;
    }
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return pool_fail_system(error, errno, "pool", "map a page");
    }
    pool->self = page;
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        return pool_fail_system(error, errno, "pool", "mark a page to be wiped on fork");
    }
    uint32_t self = pool_join(pool, error);
    pool_store32_release(pool->self, self);
    return self != 0;
}

/* ------------------------------------------------------------------------------- creating ---- */

static bool start_core(lfb_pool *pool, lfb_pool_error *error)
{
    lfb_config config = pool_core_config(&pool->plan);
    void *at = (unsigned char *)pool->metadata + pool->plan.core_at;
    lfb_status status = lfb_init(&pool->core, &config, at, (size_t)pool->plan.core_size);
    return status == LFB_OK || pool_fail(error, LFB_POOL_INVALID, 0,
                                         "the core refuses the pool: %s", lfb_status_name(status));
}

/* Maps a pool whose memory is new, and starts it. */
static bool start(lfb_pool *pool, const lfb_pool_config *config, lfb_pool_error *error)
{
    bool private = pool_is_private(pool);
    const char *name = private ? "private pool" : config->name ? config->name : "memfd";
    bool mapped =
        private ? pool_map_private(pool, config, error) : pool_map_file(pool, config, name, error);
    if (!mapped || (config->reserve && !pool_reserve(pool, name, error)) ||
        !start_core(pool, error)) {
        return false;
    }
    pool->header->plan = pool->plan;
    return true;
}

static lfb_pool *create_private(const lfb_pool_config *config, const pool_plan *plan,
                                lfb_pool_error *error)
{
    lfb_pool *pool = new_handle(config, error);
    if (!pool) {
        return NULL;
    }
    use_plan(pool, plan);
    if (!start(pool, config, error)) {
        end_handle(pool);
        return NULL;
    }
    return pool;
}

static lfb_pool *create_file(const lfb_pool_config *config, const pool_plan *plan,
                             lfb_pool_error *error)
{
    pool_file file;
    lfb_pool *pool = new_handle(config, error);
    if (!pool) {
        return NULL;
    }
    use_plan(pool, plan);
    if (!pool_file_make(&file, plan, config, error)) {
        end_handle(pool);
        return NULL;
    }
    pool->fd = file.fd; /* which end_handle closes */
    if (!start(pool, config, error) || !enter_table(pool, error) ||
        !pool_file_publish(&file, error)) {
        pool_file_discard(&file);
        end_handle(pool);
        return NULL;
    }
    return pool;
}

/* A memfd, of smaller pages where there aren't enough huge ones. */
static lfb_pool *create_memfd(const lfb_pool_config *config, const pool_plan *plan,
                              lfb_pool_error *error)
{
    lfb_pool_config smaller = *config;
    lfb_pool *pool = create_file(config, plan, error);
    if (pool || config->huge < LFB_POOL_HUGE_2M || error->status != LFB_POOL_NO_MEMORY) {
        return pool;
    }
    if (config->huge_required) {
        pool_fail_huge("memfd", (size_t)plan->length, config->huge, error);
        return NULL;
    }
    smaller.huge = LFB_POOL_HUGE_TRANSPARENT;
    return create_file(&smaller, plan, error);
}

static lfb_pool *create_named(const lfb_pool_config *config, const pool_plan *plan,
                              lfb_pool_error *error)
{
    for (;;) {
        lfb_pool *pool = config->or_open ? lfb_pool_open(config, error) : NULL;
        if (pool || (config->or_open && error->status != LFB_POOL_NOT_FOUND)) {
            return pool;
        }
        pool = create_file(config, plan, error);
        if (pool || !config->or_open || error->status != LFB_POOL_EXISTS) {
            return pool;
        }
    }
}

static bool judge_config(const lfb_pool_config *config, bool creating, lfb_pool_error *error)
{
    const char *wrong = NULL;
    if (!config) {
        wrong = "no configuration was given";
    } else if (config->kind > LFB_POOL_FILE || config->huge > LFB_POOL_HUGE_1G) {
        wrong = "kind, or huge, isn't one of the values that there are";
    } else if (creating && config->read_only) {
        wrong = "read_only is for pools that are there already: open one";
    } else if (creating && config->kind == LFB_POOL_FILE && !config->name) {
        wrong = "name: a file pool needs a path";
    } else if (!creating && config->kind == LFB_POOL_PRIVATE) {
        wrong = "kind: a private pool can't be opened: create one, or say which kind is meant";
    } else if (config->huge_required && config->huge == LFB_POOL_HUGE_1G &&
               config->kind != LFB_POOL_PRIVATE) {
        wrong = "huge: pages of 1 GiB are for private pools";
    }
    return wrong ? pool_fail(error, LFB_POOL_INVALID, 0, "%s", wrong) : true;
}

static lfb_pool_error *start_error(lfb_pool_error *error, lfb_pool_error *local)
{
    error = error ? error : local;
    *error = (lfb_pool_error){.status = LFB_POOL_OK};
    return error;
}

lfb_pool *lfb_pool_create(const lfb_pool_config *config, lfb_pool_error *error)
{
    lfb_pool_error local;
    pool_plan plan;
    error = start_error(error, &local);
    lfb_pool *pool = NULL;
    if (judge_config(config, true, error) && pool_plan_new(&plan, config, error)) {
        if (config->kind == LFB_POOL_PRIVATE) {
            pool = create_private(config, &plan, error);
        } else if (config->name) {
            pool = create_named(config, &plan, error);
        } else {
            pool = create_memfd(config, &plan, error);
        }
    }
    return succeed(pool, error);
}

/* -------------------------------------------------------------------------------- opening ---- */

static bool attach_core(lfb_pool *pool, const char *name, lfb_pool_error *error)
{
    void *at = (unsigned char *)pool->metadata + pool->plan.core_at;
    lfb_status status = lfb_attach(&pool->core, at, (size_t)pool->plan.core_size, NULL, NULL);
    lfb_config config = pool_core_config(&pool->plan);
    if (status == LFB_OK && pool->core.first_page == 0 &&
        pool->core.end_page == config.page_count && pool->core.page_shift == pool->page_shift &&
        pool->core.max_order == config.max_order && pool->core.lane_count == config.lanes) {
        return true;
    }
    return pool_fail(error, LFB_POOL_DAMAGED, 0,
                     "%s: the allocator's own header is damaged, or of another version: restore "
                     "the file from a copy, or remove it and create it anew",
                     name);
}

/* Opens a file; the descriptor is the pool's from here on. */
static lfb_pool *open_file(int fd, const lfb_pool_config *config, const char *name,
                           lfb_pool_error *error)
{
    pool_plan plan;
    lfb_pool *pool = new_handle(config, error);
    if (!pool) {
        close(fd);
        return NULL;
    }
    pool->fd = fd;
    if (!pool_file_check(fd, name, &plan, error) || !pool_plan_fits(&plan, config, name, error)) {
        end_handle(pool);
        return NULL;
    }
    use_plan(pool, &plan);
    bool opened = pool_map_file(pool, config, name, error) && attach_core(pool, name, error);
    if (opened && config->recover) {
        lfb_pool_recover(pool, NULL, NULL);
    }
    if (!opened || !enter_table(pool, error)) {
        end_handle(pool);
        return NULL;
    }
    return pool;
}

lfb_pool *lfb_pool_open(const lfb_pool_config *config, lfb_pool_error *error)
{
    lfb_pool_error local;
    char path[POOL_PATH_MOST];
    error = start_error(error, &local);
    if (!judge_config(config, false, error) ||
        !pool_path(config->kind, config->name, path, error)) {
        return NULL;
    }
    int fd = pool_file_open(path, config->read_only, error);
    return fd < 0 ? NULL : succeed(open_file(fd, config, path, error), error);
}

lfb_pool *lfb_pool_open_fd(int fd, const lfb_pool_config *config, lfb_pool_error *error)
{
    static const lfb_pool_config anything = {.kind = LFB_POOL_SHARED};
    lfb_pool_error local;
    char name[32];
    error = start_error(error, &local);
    config = config ? config : &anything;
    snprintf(name, sizeof(name), "descriptor %d", fd);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        pool_fail_system(error, errno, name, "duplicate it");
        return NULL;
    }
    return succeed(open_file(own, config, name, error), error);
}

void lfb_pool_close(lfb_pool *pool)
{
    if (pool) {
        if (pool->self) {
            pool_leave(pool);
        }
        if (pool->recording) {
            record_end(pool);
        }
        end_handle(pool);
    }
}

int lfb_pool_sync(lfb_pool *pool)
{
    if (pool->plan.kind != LFB_POOL_FILE || pool->read_only) {
        return 0;
    }
    size_t before = (size_t)pool->plan.data_at;
    bool done = msync(pool->data, (size_t)pool->plan.length - before, MS_SYNC) == 0 &&
                msync(pool->metadata, before, MS_SYNC) == 0 && fsync(pool->fd) == 0;
    return done ? 0 : errno;
}

/* ----------------------------------------------------------------------------------- look ---- */

int lfb_pool_fd(const lfb_pool *pool)
{
    return pool->fd;
}

const lfb_t *lfb_pool_core(const lfb_pool *pool)
{
    return &pool->core;
}

size_t lfb_pool_size_of(const lfb_pool *pool, const void *address)
{
    uintptr_t offset = lfb_pool_offset(pool, address);
    return offset == LFB_NONE ? 0 : lfb_size_of(&pool->core, offset);
}

void lfb_pool_get_info(const lfb_pool *pool, lfb_pool_info *info)
{
    const pool_plan *plan = &pool->plan;
    *info = (lfb_pool_info){
        .kind = (lfb_pool_kind)plan->kind,
        .size = pool->bytes,
        .page_size = (size_t)plan->page_size,
        .page_count = (size_t)plan->page_count,
        .max_order = plan->max_order,
        .lanes = plan->lanes,
        .processes = plan->slots - 1,
        .owner_tags = pool->tagged,
        .read_only = pool->read_only,
        .huge = pool->huge,
        .address = pool->data,
        .metadata = (size_t)plan->data_at,
        .length = (size_t)plan->length,
    };
}

/* The check's view of the runs: how many have no owner. */
typedef struct ownership {
    const lfb_pool *pool;
    size_t unowned;
} ownership;

static bool see_owner(void *context, const lfb_extent *extent)
{
    ownership *o = context;
    if (extent->kind == LFB_EXTENT_RUN) {
        o->unowned += !pool_load32_acquire(pool_owner_word(o->pool, extent->address));
    }
    return true;
}

lfb_status lfb_pool_check(const lfb_pool *pool, lfb_pool_report *report)
{
    lfb_pool_report local;
    ownership owners = {.pool = pool};
    report = report ? report : &local;
    lfb_status status = lfb_check(&pool->core, &report->core);
    if (pool->tagged && status == LFB_OK) {
        lfb_walk(&pool->core, see_owner, &owners);
    }
    report->unowned = owners.unowned;
    return status;
}
