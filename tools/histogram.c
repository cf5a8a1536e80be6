/* SPDX-License-Identifier: MIT */
/*
 * Log-linear buckets: values below 32 have one each; above, the highest 6 bits of a value name its
 * bucket. See histogram.h.
 */
#include "histogram.h"

static size_t bucket_of(uint64_t value)
{
    if (value >> HISTOGRAM_SUB_BITS == 0) {
        return (size_t)value;
    }
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (size_t)((uint64_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

static uint64_t bucket_end(size_t bucket)
{
    if (bucket >> HISTOGRAM_SUB_BITS == 0) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t top = bucket - ((uint64_t)shift << HISTOGRAM_SUB_BITS);
    return (top << shift) + (((uint64_t)1 << shift) - 1);
}

void histogram_add(histogram *h, uint64_t value)
{
    h->count++;
    h->sum += value;
    h->max = value > h->max ? value : h->max;
    h->buckets[bucket_of(value)]++;
}

void histogram_merge(histogram *into, const histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->max = from->max > into->max ? from->max : into->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

uint64_t histogram_quantile(const histogram *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->count + 0.5);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (h->buckets[i] > 0 && seen >= wanted) {
            uint64_t end = bucket_end(i);
            return end < h->max ? end : h->max;
        }
    }
    return h->max;
}
