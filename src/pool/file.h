/* SPDX-License-Identifier: MIT */
/* The files of shared and file pools: found by name, and made so that a name never stands for an
 * unfinished pool. */
#ifndef LFB_POOL_FILE_H
#define LFB_POOL_FILE_H

#include "state.h"

enum { POOL_PATH_MOST = 4096 };

/* A file that is being made. */
typedef struct pool_file {
    int fd;
    char path[POOL_PATH_MOST];      /* what it will be; "": a memfd */
    char temporary[POOL_PATH_MOST]; /* what it is called till then; "": nothing */
} pool_file;

/* The path of a pool's name. False: INVALID. */
bool pool_path(lfb_pool_kind kind, const char *name, char path[POOL_PATH_MOST],
               lfb_pool_error *error);

/* Opens a pool's file and reads its header. Returns its descriptor; -1: *error says why. */
int pool_file_open(const char *path, bool read_only, lfb_pool_error *error);

/* Reads and judges the header. */
bool pool_file_check(int fd, const char *name, pool_plan *plan, lfb_pool_error *error);

/* Makes a file of the planned length that has no name yet. */
bool pool_file_make(pool_file *file, const pool_plan *plan, const lfb_pool_config *config,
                    lfb_pool_error *error);

/* Gives it its name. False: *error says why, EXISTS for one. */
bool pool_file_publish(pool_file *file, lfb_pool_error *error);

/* Removes the temporary name of a file that wasn't published. */
void pool_file_discard(pool_file *file);

#endif
