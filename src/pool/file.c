/* SPDX-License-Identifier: MIT */
/*
 * See file.h. A new pool is built in a file without a name (O_TMPFILE), and linked to its name when
 * it is whole: link(2) is atomic and fails where the name is taken. Killed before that, the process
 * leaves nothing behind. Where the file system has no such files a temporary name stands in, NAME
 * and six random characters; a process killed meanwhile leaves that file, which nobody takes for
 * the pool.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../port/bits.h"
#include "mapping.h"

#define SHARED_DIRECTORY "/dev/shm/"

/* ---------------------------------------------------------------------------------- names ---- */

static bool is_shared_name(const char *name)
{
    return !strchr(name, '/') && strlen(name) <= NAME_MAX && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

bool pool_path(lfb_pool_kind kind, const char *name, char path[POOL_PATH_MOST],
               lfb_pool_error *error)
{
    if (!name || !*name) {
        return pool_fail(error, LFB_POOL_INVALID, 0, "name: a pool to open needs one");
    }
    if (kind == LFB_POOL_SHARED && !is_shared_name(name)) {
        return pool_fail(error, LFB_POOL_INVALID, 0,
                         "name %s: a shared pool's is that of a file in " SHARED_DIRECTORY
                         ", without '/'; a file pool's is a path",
                         name);
    }
    const char *directory = kind == LFB_POOL_SHARED ? SHARED_DIRECTORY : "";
    if (snprintf(path, POOL_PATH_MOST, "%s%s", directory, name) >= POOL_PATH_MOST) {
        return pool_fail_system(error, ENAMETOOLONG, name, "use this name");
    }
    return true;
}

/* -------------------------------------------------------------------------------- opening ---- */

int pool_file_open(const char *path, bool read_only, lfb_pool_error *error)
{
    int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags);
    if (fd < 0) {
        if (errno == EISDIR) {
            pool_fail(error, LFB_POOL_NOT_A_POOL, EISDIR, "%s: a directory: name the pool's file",
                      path);
        } else {
            pool_fail_system(error, errno, path, "open it");
        }
    }
    return fd;
}

bool pool_file_check(int fd, const char *name, pool_plan *plan, lfb_pool_error *error)
{
    struct stat about;
    memset(plan, 0, sizeof(*plan));
    if (fstat(fd, &about) != 0) {
        return pool_fail_system(error, errno, name, "look at it");
    }
    if (!S_ISREG(about.st_mode)) {
        return pool_fail(error, LFB_POOL_NOT_A_POOL, 0,
                         "%s: not a pool: not even a regular file; correct the name", name);
    }
    ssize_t got = pread(fd, plan, sizeof(*plan), 0);
    if (got < 0) {
        return pool_fail_system(error, errno, name, "read it");
    }
    return pool_plan_check(plan, (size_t)got, (uint64_t)about.st_size, name, error);
}

/* --------------------------------------------------------------------------------- making ---- */

/* A file without a name in the directory of `path`; or with a temporary one. */
static int make_unnamed(pool_file *file, mode_t mode)
{
    char copy[POOL_PATH_MOST];
    memcpy(copy, file->path, sizeof(copy));
    int fd = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
        return fd;
    }
    int length = snprintf(file->temporary, POOL_PATH_MOST, "%s.XXXXXX", file->path);
    if (length >= POOL_PATH_MOST) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(file->temporary, O_CLOEXEC);
    if (fd < 0) {
        file->temporary[0] = 0;
    } else {
        fchmod(fd, mode); /* it was made with 0600, which will do if this fails */
    }
    return fd;
}

static int make_memfd(const lfb_pool_config *config, const pool_plan *plan)
{
    unsigned flags = MFD_CLOEXEC;
    size_t huge = pool_huge_size(LFB_POOL_HUGE_2M);
    if (config->huge >= LFB_POOL_HUGE_2M && plan->page_size <= huge) {
        flags |= MFD_HUGETLB | lfb_ceiling_order(huge) << MAP_HUGE_SHIFT;
    }
    return memfd_create("lfbuddy", flags);
}

void pool_file_discard(pool_file *file)
{
    if (*file->temporary) {
        unlink(file->temporary);
        file->temporary[0] = 0;
    }
}

bool pool_file_make(pool_file *file, const pool_plan *plan, const lfb_pool_config *config,
                    lfb_pool_error *error)
{
    *file = (pool_file){.fd = -1};
    bool named = config->kind == LFB_POOL_FILE || config->name;
    if (named && !pool_path(config->kind, config->name, file->path, error)) {
        return false;
    }
    const char *name = named ? file->path : "memfd";
    mode_t mode = config->mode ? config->mode : S_IRUSR | S_IWUSR;
    file->fd = named ? make_unnamed(file, mode) : make_memfd(config, plan);
    if (file->fd < 0) {
        return pool_fail_system(error, errno, name, "create it");
    }
    if (ftruncate(file->fd, (off_t)plan->length) != 0) {
        pool_fail_system(error, errno, name, "give it its length");
        pool_file_discard(file);
        close(file->fd);
        return false;
    }
    return true;
}

bool pool_file_publish(pool_file *file, lfb_pool_error *error)
{
    char by_fd[32];
    const char *from = file->temporary;
    if (!*file->path) {
        return true;
    }
    if (!*from) {
        snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", file->fd);
        from = by_fd;
    }
    bool done = linkat(AT_FDCWD, from, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) == 0;
    int code = errno;
    pool_file_discard(file);
    return done || pool_fail_system(error, code, file->path, "give the new pool this name");
}

bool lfb_pool_remove(lfb_pool_kind kind, const char *name, lfb_pool_error *error)
{
    char path[POOL_PATH_MOST];
    if (error) {
        *error = (lfb_pool_error){.status = LFB_POOL_OK};
    }
    if (!pool_path(kind, name, path, error)) {
        return false;
    }
    return unlink(path) == 0 || pool_fail_system(error, errno, path, "remove it");
}
