/* SPDX-License-Identifier: MIT */
/* The smallest program that uses the core: what each way to get lfbuddy must be able to build. */
#include <lfbuddy.h>
#include <stdio.h>

static _Alignas(128) unsigned char metadata[4096];

int main(void)
{
    lfb_t lfb;
    lfb_config config = {.struct_size = sizeof(config),
                         .page_size = 4096,
                         .page_count = 256,
                         .max_order = 8,
                         .lanes = 1};
    lfb_status status = lfb_init(&lfb, &config, metadata, sizeof(metadata));
    uintptr_t block = status == LFB_OK ? lfb_alloc(&lfb, 3) : LFB_NONE;
    printf("%s, %zu pages\n", lfb_status_name(status), lfb_size_of(&lfb, block));
    return block != LFB_NONE && lfb_free(&lfb, block) == LFB_OK ? 0 : 1;
}
