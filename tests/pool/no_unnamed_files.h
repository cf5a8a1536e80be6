/* SPDX-License-Identifier: MIT */
/* Put before the sources of pools with -include: a file system without O_TMPFILE, which answers as
 * if only a directory to be opened had been named. */
#ifndef TESTS_NO_UNNAMED_FILES_H
#define TESTS_NO_UNNAMED_FILES_H

#include <fcntl.h>

#undef O_TMPFILE
#define O_TMPFILE O_DIRECTORY
#define NO_UNNAMED_FILES

#endif
