/* SPDX-License-Identifier: MIT */
/* See error.h. Each text says what is wrong with what, and what to do about it. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool pool_fail(lfb_pool_error *error, lfb_pool_status status, int code, const char *format, ...)
{
    int kept = errno;
    if (error) {
        error->status = status;
        error->system_error = code;
        va_list list;
        va_start(list, format);
        vsnprintf(error->text, sizeof(error->text), format, list);
        va_end(list);
    }
    errno = kept;
    return false;
}

static lfb_pool_status status_of(int code)
{
    switch (code) {
    case ENOENT:
        return LFB_POOL_NOT_FOUND;
    case EEXIST:
        return LFB_POOL_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return LFB_POOL_PERMISSION;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return LFB_POOL_NO_MEMORY;
    default:
        return LFB_POOL_SYSTEM;
    }
}

static const char *advice(int code)
{
    switch (code) {
    case ENOENT:
        return "create the pool first, or correct the name (its directory must exist)";
    case EEXIST:
        return "the name is taken: open that pool (lfb_pool_open, or or_open), remove it "
               "(lfb_pool_remove), or choose another name";
    case EACCES:
    case EPERM:
        return "read and write permission on it (to create: on its directory) is needed: ask its "
               "owner, or open it read_only if you may read it";
    case EROFS:
        return "the file system is read-only: remount it, or open the pool read_only";
    case ENOMEM:
        return "memory or address space ran out: ask for less, or raise the limits "
               "(ulimit -v, vm.max_map_count, vm.overcommit_memory)";
    case ENOSPC:
    case EDQUOT:
        return "there is no room: ask for less, free some, or leave `reserve` out";
    case EFBIG:
        return "the file system, or ulimit -f, allows no file of that size";
    case EMFILE:
    case ENFILE:
        return "too many files are open: close some, or raise ulimit -n";
    default:
        return "nothing was changed; see errno(3)";
    }
}

bool pool_fail_system(lfb_pool_error *error, int code, const char *name, const char *did)
{
    return pool_fail(error, status_of(code), code, "%s: can't %s: %s: %s", name, did,
                     strerrordesc_np(code), advice(code));
}

const char *lfb_pool_status_name(lfb_pool_status status)
{
    static const char *const names[] = {
        [LFB_POOL_OK] = "ok",
        [LFB_POOL_INVALID] = "invalid argument",
        [LFB_POOL_NOT_FOUND] = "not found",
        [LFB_POOL_EXISTS] = "name taken",
        [LFB_POOL_PERMISSION] = "no permission",
        [LFB_POOL_NOT_A_POOL] = "not a pool",
        [LFB_POOL_VERSION] = "another version",
        [LFB_POOL_TRUNCATED] = "truncated",
        [LFB_POOL_DAMAGED] = "damaged",
        [LFB_POOL_GEOMETRY] = "another geometry",
        [LFB_POOL_NO_HUGE_PAGES] = "not enough huge pages",
        [LFB_POOL_NO_MEMORY] = "no memory",
        [LFB_POOL_NO_SLOT] = "no process slot",
        [LFB_POOL_SYSTEM] = "refused by the system",
    };
    unsigned index = (unsigned)status;
    return index < sizeof(names) / sizeof(*names) ? names[index] : "unknown status";
}
