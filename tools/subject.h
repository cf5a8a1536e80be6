/* SPDX-License-Identifier: MIT */
/*
 * The allocator that a verb works on, with all that judges it: its metadata, a mark a page, and the
 * verdict. The pages are numbers only, from address 0 on; nothing lies at them.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "owner.h"
#include "tool.h"
#include "verdict.h"

#include <lfbuddy.h>

typedef struct subject {
    lfb_t lfb;
    lfb_config config;
    void *metadata;
    size_t metadata_size;
    bool verify;      /* the marks and the sizes; the state at the end is always checked */
    owner_map owners; /* when verifying */
    verdict found;
} subject;

/* page_count, page_size, max_order and lanes of `wanted` count; the rest is filled in. Complains
 * when it fails. */
tool_status subject_open(subject *s, const lfb_config *wanted, bool verify);
void subject_close(subject *s);

/* What the new owner of pages says and the old one takes back; nothing when not verifying. `mark`
 * names the run in messages. */
void subject_claim(subject *s, uintptr_t address, size_t pages, uint32_t mark);
void subject_disclaim(subject *s, uintptr_t address, size_t pages, uint32_t mark);

/* A run that starts at the address has exactly this many pages. */
void subject_expect_size(subject *s, uintptr_t address, size_t pages, uint32_t mark);

/* A call that can only succeed has succeeded. */
void subject_expect_ok(subject *s, lfb_status status, const char *call, uintptr_t address,
                       size_t pages);

/* The invariants hold; nothing else may run. */
void subject_expect_sound(subject *s, const char *when);

/* Everything was released: drains, and checks that all pages are free in maximal blocks. */
void subject_expect_empty(subject *s, const char *when);

#endif
