/* SPDX-License-Identifier: MIT */
/*
 * Places where a tracer can look on (docs/observability.md). They are nothing, unless LFB_PROBES
 * names a header that has the macros DTRACE_PROBE3 and DTRACE_PROBE4, as systemtap's does:
 * -DLFB_PROBES='<sys/sdt.h>'. Then each is one `nop`, and a note beside the code that says where it
 * is and where its arguments are:
 *
 *   alloc      lfb, address, pages, lane     pages that the call is about to return
 *   free       lfb, address, pages, lane     pages released; 0: the whole run, however long
 *   split      lfb, address, order, blocks   so many blocks of an order are in parts from now on
 *   merge      lfb, address, order, blocks   so many are whole again
 *   exhausted  lfb, pages, lane              a search that found nothing
 *
 * The address of split and merge is that of the first block. The core gives a lane, and for an
 * address a page; each macro is an expression without a value.
 */
#ifndef LFB_PORT_PROBE_H
#define LFB_PORT_PROBE_H

#ifdef LFB_PROBES
#ifdef __clang__
#define STAP_SDT_ARG_CONSTRAINT nr /* with memory among them Clang would store each */
#endif
#include LFB_PROBES
#define LFB_PROBE_ALLOC(lfb, lane, page, pages)                                                    \
    __extension__({                                                                                \
        DTRACE_PROBE4(lfbuddy, alloc, lfb, lfb_address_of(lfb, page), pages,                       \
                      lfb_lane_number(lfb, lane));                                                 \
    })
#define LFB_PROBE_ALLOC_ALL(lfb, lane, count, addresses, each)                                     \
    __extension__({                                                                                \
        for (size_t probed = 0; probed < (count); probed++) {                                      \
            DTRACE_PROBE4(lfbuddy, alloc, lfb, (addresses)[probed], each,                          \
                          lfb_lane_number(lfb, lane));                                             \
        }                                                                                          \
    })
#define LFB_PROBE_FREE(lfb, lane, page, pages)                                                     \
    __extension__({                                                                                \
        DTRACE_PROBE4(lfbuddy, free, lfb, lfb_address_of(lfb, page), pages,                        \
                      lfb_lane_number(lfb, lane));                                                 \
    })
#define LFB_PROBE_FREE_ALL(lfb, lane, count, addresses)                                            \
    __extension__({                                                                                \
        for (size_t probed = 0; probed < (count); probed++) {                                      \
            DTRACE_PROBE4(lfbuddy, free, lfb, (addresses)[probed], (size_t)0,                      \
                          lfb_lane_number(lfb, lane));                                             \
        }                                                                                          \
    })
#define LFB_PROBE_SPLIT(lfb, page, order, blocks)                                                  \
    __extension__({ DTRACE_PROBE4(lfbuddy, split, lfb, lfb_address_of(lfb, page), order, blocks); })
#define LFB_PROBE_SPLIT_IF(condition, lfb, page, order, blocks)                                    \
    __extension__({                                                                                \
        if (condition) {                                                                           \
            LFB_PROBE_SPLIT(lfb, page, order, blocks);                                             \
        }                                                                                          \
    })
#define LFB_PROBE_MERGE(lfb, page, order, blocks)                                                  \
    __extension__({ DTRACE_PROBE4(lfbuddy, merge, lfb, lfb_address_of(lfb, page), order, blocks); })
#define LFB_PROBE_EXHAUSTED_IF(condition, lfb, lane, pages)                                        \
    __extension__({                                                                                \
        if (condition) {                                                                           \
            DTRACE_PROBE3(lfbuddy, exhausted, lfb, pages, lfb_lane_number(lfb, lane));             \
        }                                                                                          \
    })
#else
#define LFB_PROBE_ALLOC(lfb, lane, page, pages)                 ((void)0)
#define LFB_PROBE_ALLOC_ALL(lfb, lane, count, addresses, each)  ((void)0)
#define LFB_PROBE_FREE(lfb, lane, page, pages)                  ((void)0)
#define LFB_PROBE_FREE_ALL(lfb, lane, count, addresses)         ((void)0)
#define LFB_PROBE_SPLIT(lfb, page, order, blocks)               ((void)0)
#define LFB_PROBE_SPLIT_IF(condition, lfb, page, order, blocks) ((void)0)
#define LFB_PROBE_MERGE(lfb, page, order, blocks)               ((void)0)
#define LFB_PROBE_EXHAUSTED_IF(condition, lfb, lane, pages)     ((void)0)
#endif

#endif
