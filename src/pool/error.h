/* SPDX-License-Identifier: MIT */
/* Errors for programs and for people: lfb_pool_error. */
#ifndef LFB_POOL_ERROR_H
#define LFB_POOL_ERROR_H

#include "lfbuddy/pool.h"

/* Fills *error, unless NULL. `code` is errno, or 0. Returns false, so that callers can return it.
 * errno is left as it was. */
bool pool_fail(lfb_pool_error *error, lfb_pool_status status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a system call that failed with `code`, which decides the status. `did` completes
 * "NAME: can't ...". */
bool pool_fail_system(lfb_pool_error *error, int code, const char *name, const char *did);

#endif
