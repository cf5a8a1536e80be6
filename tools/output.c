/* SPDX-License-Identifier: MIT */
/*
 * Files opened early and written late: see output.h.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tool_status output_open(output *o, const char *path)
{
    *o = (output){path, NULL, false};
    if (path == NULL) {
        return TOOL_OK;
    }
    if (strcmp(path, "-") == 0) {
        o->file = stdout;
        return TOOL_OK;
    }
    o->fresh = access(path, F_OK) != 0;
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    o->file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    if (o->file == NULL) {
        return tool_fail(TOOL_FAILED, "%s: can't write there: %s", path, strerror(errno));
    }
    return TOOL_OK;
}

FILE *output_begin(output *o)
{
    struct stat status;
    if (o->file != NULL && fstat(fileno(o->file), &status) == 0 && S_ISREG(status.st_mode) &&
        o->file != stdout && ftruncate(fileno(o->file), 0) != 0) {
        tool_fail(TOOL_FAILED, "%s: can't empty it: %s", o->path, strerror(errno));
    }
    return o->file;
}

tool_status output_commit(output *o)
{
    if (o->file == NULL) {
        return TOOL_OK;
    }
    bool fine = fflush(o->file) == 0 && ferror(o->file) == 0;
    if (o->file != stdout) {
        fine = fclose(o->file) == 0 && fine;
    }
    o->file = NULL;
    return fine ? TOOL_OK
                : tool_fail(TOOL_FAILED, "%s: writing failed: %s", o->path, strerror(errno));
}

void output_abandon(output *o)
{
    if (o->file == NULL || o->file == stdout) {
        return;
    }
    fclose(o->file);
    o->file = NULL;
    if (o->fresh) {
        unlink(o->path);
    }
}
