/* SPDX-License-Identifier: MIT */
/* The metadata's header, for those who judge metadata. */
#ifndef LFB_CORE_SETUP_H
#define LFB_CORE_SETUP_H

#include "geometry.h"

/* Whether the metadata still carries the header that this handle was made with. */
bool lfb_header_matches(const lfb_t *lfb);

#endif
