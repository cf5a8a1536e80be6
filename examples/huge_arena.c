/* SPDX-License-Identifier: MIT */
/*
 * An arena of huge pages for buffers that a device reads and writes: few TLB entries, and blocks
 * that are contiguous and aligned. It asks for 2 MiB pages, takes what the system has, and says
 * what that is.
 *
 * usage: huge_arena [required]     required: fail where there aren't enough 2 MiB pages
 */
#include <stdio.h>
#include <string.h>

#include <lfbuddy/pool.h>

enum { PACKETS = 64, PACKET_PAGES = 3, RING_ORDER = 9 };
#define MIB ((size_t)1 << 20)

/* What a device is given: where, as an offset from the start of the arena, and how much. */
typedef struct descriptor {
    uint64_t offset;
    uint64_t bytes;
} descriptor;

static const char *name_of(lfb_pool_huge huge)
{
    static const char *const names[] = {
        [LFB_POOL_HUGE_NONE] = "the system's ordinary pages",
        [LFB_POOL_HUGE_TRANSPARENT] = "transparent huge pages, as the kernel can join them",
        [LFB_POOL_HUGE_2M] = "2 MiB pages, reserved",
        [LFB_POOL_HUGE_1G] = "1 GiB pages, reserved",
    };
    return names[huge];
}

/* Packets of a few pages each, as far as the arena has room. Returns how many. */
static size_t fill_ring(lfb_pool *pool, descriptor *ring)
{
    for (size_t i = 0; i < PACKETS; i++) {
        void *packet = lfb_pool_alloc_run(pool, PACKET_PAGES);
        if (!packet) {
            return i;
        }
        memset(packet, (int)i, PACKET_PAGES * 4096);
        ring[i] = (descriptor){lfb_pool_offset(pool, packet), PACKET_PAGES * 4096};
    }
    return PACKETS;
}

/* Stands for the device: knows nothing but offsets. Returns how many packets are as sent. */
static size_t device_reads(const unsigned char *arena, const descriptor *ring, size_t count)
{
    size_t right = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *packet = arena + ring[i].offset;
        right += packet[0] == i && packet[ring[i].bytes - 1] == i;
    }
    return right;
}

int main(int argc, char **argv)
{
    (void)argv;
    lfb_pool_config config = {
        .size = 16 * MIB,
        .page_size = 4096,
        .huge = LFB_POOL_HUGE_2M,
        .huge_required = argc > 1,
    };
    lfb_pool_error error;
    lfb_pool *pool = lfb_pool_create(&config, &error);
    if (!pool) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    lfb_pool_info info;
    lfb_pool_get_info(pool, &info);
    printf("asked for 2 MiB pages; got %s\n", name_of(info.huge));

    descriptor *ring = lfb_pool_alloc(pool, RING_ORDER); /* 2 MiB, aligned to its size */
    if (!ring || (uintptr_t)ring % (2 * MIB) != 0) {
        fprintf(stderr, "no 2 MiB block for the ring\n");
        return 1;
    }
    size_t count = fill_ring(pool, ring);
    size_t right = device_reads(lfb_pool_pointer(pool, 0), ring, count);
    printf("%zu packets of %d pages, %zu as sent\n", count, PACKET_PAGES, right);
    for (size_t i = 0; i < count; i++) {
        lfb_pool_free(pool, lfb_pool_pointer(pool, ring[i].offset));
    }
    lfb_pool_free(pool, ring);
    lfb_pool_close(pool);
    return count != PACKETS || right != PACKETS;
}
