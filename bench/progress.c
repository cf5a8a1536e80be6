/* SPDX-License-Identifier: MIT */
/*
 * See progress.h.
 */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static bool visible;
static size_t cells;
static size_t done;

void progress_open(size_t count)
{
    visible = isatty(STDERR_FILENO);
    cells = count;
    done = 0;
}

void progress_show(const char *what, unsigned round)
{
    char text[32];
    if (!visible) {
        return;
    }
    if (round >= PROGRESS_VERIFY) {
        static const char *const names[] = {"verifying", "timing calls", "counting updates"};
        snprintf(text, sizeof(text), "%s", names[round - PROGRESS_VERIFY]);
    } else {
        snprintf(text, sizeof(text), "round %u", round + 1);
    }
    fprintf(stderr, "\r\033[K[%zu/%zu] %s, %s", done + 1, cells, what, text);
    fflush(stderr);
}

void progress_next(void)
{
    done++;
}

void progress_clear(void)
{
    if (visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}
