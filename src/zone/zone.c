/* SPDX-License-Identifier: MIT */
/*
 * Sets of zones, and the counts of their free pages.
 *
 * A free page is counted in its zone's word or in the stock of one lane, and passes from one to the
 * other. A request takes its pages from a count first, and puts them back if the core then has none
 * in one piece; a release is the other way round. So
 *
 *   C1  the word and the stocks together are never more than what is free in the core;
 *   C2  a lane gets or uses a stock only when it finds the word at `low` or above.
 *
 * By C1 the word alone bounds what is free from below: minimum <= low <= word is all that a request
 * which uses its lane's stock has to see. By C2 stocks stay empty while the word is below `low`:
 * the request that gets it there has emptied them, and finds out whether `low` was truly reached.
 *
 * Edge E1 (release -> acquire): pages are free in the core before whoever takes them from a count
 * asks the core for them.
 */
#include "lfbuddy/zone.h"
#include "../port/assert.h"
#include "../port/bits.h"
#include "../port/memory.h"

/* The word: TOLD, `low` was reached and the owner told; above it the count plus COUNT_ZERO, for
 * requests with LFB_ZONE_RESERVE may make it negative for a moment. TOLD is set or cleared by the
 * very change that crosses `low`, or by none. */
#define TOLD       ((lfb_word)1)
#define COUNT_UNIT ((lfb_word)2)
#define COUNT_ZERO ((lfb_word)1 << (LFB_WORD_BITS - 2))

/* A zone of so many pages can have all of them asked for 64 times over, and the word doesn't wrap.
 * With 64-bit words that is more than LFB_MAX_PAGES. */
#define COUNT_PAGES_MAX ((lfb_word)1 << (LFB_WORD_BITS - 8))

enum { LINE = 128 }; /* two of 64 bytes: neighbours are fetched in pairs */

typedef struct lfb_stock {
    _Alignas(LINE) lfb_atomic pages;
} lfb_stock;

typedef struct lfb_zone {
    lfb_zone_config config;
    uintptr_t first; /* address of the first byte */
    uintptr_t last;  /* and of the last one */
    lfb_stock *stocks;
    unsigned lanes;
    size_t batch;
    _Alignas(LINE) lfb_atomic word; /* what is above never changes */
} lfb_zone;

/* -------------------------------------------------------------------------------- the word ---- */

/* The word that counts so many pages, not TOLD. A word isn't below it if and only if it counts as
 * many, TOLD or not. */
static lfb_word word_of(size_t pages)
{
    return (COUNT_ZERO + (lfb_word)pages) * COUNT_UNIT;
}

static bool word_is_low(const lfb_zone *zone, lfb_word word)
{
    return word < word_of(zone->config.low);
}

/* Takes from a word or a stock if at least `least` is left. */
static bool take(lfb_atomic *count, lfb_word amount, lfb_word least)
{
    lfb_word now = lfb_load_acquire(count);
    do {
        if (now < amount + least) {
            return false;
        }
    } while (!lfb_cas_acq_rel(count, &now, now - amount)); /* E1 */
    return true;
}

static bool word_take(lfb_zone *zone, size_t pages, size_t least)
{
    return take(&zone->word, (lfb_word)pages * COUNT_UNIT, word_of(least));
}

static void word_put(lfb_zone *zone, size_t pages)
{
    lfb_word word = lfb_load_acquire(&zone->word);
    lfb_word next;
    do {
        next = word + (lfb_word)pages * COUNT_UNIT;
        next &= word_is_low(zone, next) ? ~(lfb_word)0 : ~TOLD;
    } while (!lfb_cas_acq_rel(&zone->word, &word, next)); /* E1 */
}

/* ------------------------------------------------------------------------------ the stocks ---- */

/* Puts pages in; from a stock that would get too large all but half a batch comes out again.
 * Returns what came out. */
static size_t stock_put(lfb_stock *stock, size_t pages, size_t batch)
{
    lfb_word word = lfb_load_acquire(&stock->pages);
    lfb_word all, kept;
    do {
        all = word + (lfb_word)pages;
        kept = all <= batch ? all : (lfb_word)(batch / 2);
    } while (!lfb_cas_acq_rel(&stock->pages, &word, kept)); /* E1 */
    LFB_ASSERT(kept <= batch);
    return (size_t)(all - kept);
}

/* Moves all stocks to the zone's word, one by one: a thread that stops here loses one at most.
 * Returns whether there was anything to move. */
static bool stocks_empty(lfb_zone *zone)
{
    bool any = false;
    for (unsigned lane = 0; lane < zone->lanes; lane++) {
        lfb_atomic *pages = &zone->stocks[lane].pages;
        lfb_word word = lfb_load_acquire(pages);
        while (word && !lfb_cas_acq_rel(pages, &word, 0)) { /* E1 */
        }
        if (word) {
            word_put(zone, (size_t)word);
            any = true;
        }
    }
    return any;
}

/* ------------------------------------------------------------------------------- the count ---- */

/* The lane's stock, if a call for so many pages may use it (C2). */
static lfb_stock *zone_stock(const lfb_zone *zone, unsigned lane, size_t pages)
{
    bool serves = pages <= zone->batch && !word_is_low(zone, lfb_load_acquire(&zone->word));
    return serves ? &zone->stocks[lane < zone->lanes ? lane : lane % zone->lanes] : NULL;
}

static void zone_put(lfb_zone *zone, unsigned lane, size_t pages)
{
    lfb_stock *stock = zone_stock(zone, lane, pages);
    size_t rest = stock ? stock_put(stock, pages, zone->batch) : pages;
    if (rest) {
        word_put(zone, rest);
    }
}

/* Takes pages out of the counts if at least `minimum` are left. */
static bool zone_take(lfb_zone *zone, unsigned lane, size_t pages)
{
    size_t minimum = zone->config.minimum;
    lfb_stock *stock = zone_stock(zone, lane, pages);
    if (stock && take(&stock->pages, (lfb_word)pages, 0)) {
        return true;
    }
    size_t more = zone->batch / 2;
    if (stock && word_take(zone, pages + more, zone->config.low)) {
        zone_put(zone, lane, more);
        return true;
    }
    return word_take(zone, pages, minimum) ||
           (stocks_empty(zone) && word_take(zone, pages, minimum));
}

/* Whether fewer than `low` are free and nobody has been told: then the caller is to tell. */
static bool zone_reaches_low(lfb_zone *zone)
{
    lfb_word word = lfb_load_acquire(&zone->word);
    if (zone->config.low == 0 || !word_is_low(zone, word) || word & TOLD) {
        return false;
    }
    stocks_empty(zone);
    word = lfb_load_acquire(&zone->word);
    do {
        if (!word_is_low(zone, word) || word & TOLD) {
            return false;
        }
    } while (!lfb_cas_acq_rel(&zone->word, &word, word | TOLD));
    return true;
}

/* relaxed: nothing runs beside it */
static void zone_recount(lfb_zone *zone)
{
    lfb_stats stats;
    lfb_get_stats(zone->config.lfb, &stats);
    lfb_store_relaxed(&zone->word, word_of(stats.free_pages));
    for (unsigned lane = 0; lane < zone->lanes; lane++) {
        lfb_store_relaxed(&zone->stocks[lane].pages, 0);
    }
}

/* --------------------------------------------------------------------------- life of a set ---- */

size_t lfb_zones_size(const lfb_zones_config *config)
{
    if (!config || config->struct_size != sizeof(*config) || config->zones < 1 ||
        config->zones > LFB_ZONES_MAX || config->lanes < 1 || config->lanes > LFB_MAX_LANES ||
        config->batch > COUNT_PAGES_MAX) {
        return 0;
    }
    return LINE - 1 +
           config->zones *
               (sizeof(lfb_zone) + config->lanes * sizeof(lfb_stock) + sizeof(unsigned short));
}

lfb_status lfb_zones_init(lfb_zones_t *set, const lfb_zones_config *config, void *memory,
                          size_t size)
{
    size_t needed = lfb_zones_size(config);
    if (!set || !needed || !memory || size < needed) {
        return LFB_INVALID_ARGUMENT;
    }
    lfb_fill(memory, 0, needed);
    uintptr_t line = ((uintptr_t)memory + LINE - 1) & ~(uintptr_t)(LINE - 1);
    lfb_zone *zones = (void *)((char *)memory + (line - (uintptr_t)memory));
    lfb_stock *stocks = (void *)(zones + config->zones);
    *set = (lfb_zones_t){
        .zones = zones,
        .sorted = (void *)(stocks + (size_t)config->zones * config->lanes),
        .room = config->zones,
        .lanes = config->lanes,
        .batch = config->batch,
    };
    return LFB_OK;
}

static lfb_zone *zone_at(const lfb_zones_t *set, unsigned number)
{
    return (lfb_zone *)set->zones + number;
}

/* How many zones begin at the address or before. */
static unsigned zones_up_to(const lfb_zones_t *set, uintptr_t address)
{
    unsigned low = 0, high = set->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (zone_at(set, set->sorted[middle])->first <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t pages_of(const lfb_t *lfb)
{
    return (size_t)(lfb->end_page - lfb->first_page);
}

lfb_status lfb_zones_add(lfb_zones_t *set, const lfb_zone_config *config)
{
    if (!set || !config || config->struct_size != sizeof(*config) || !config->lfb ||
        !config->lfb->metadata || pages_of(config->lfb) > COUNT_PAGES_MAX ||
        config->minimum > config->low || config->low > pages_of(config->lfb)) {
        return LFB_INVALID_ARGUMENT;
    }
    const lfb_t *lfb = config->lfb;
    unsigned own = set->count;
    lfb_stock *stocks = (void *)zone_at(set, set->room);
    lfb_zone zone = {
        .config = *config,
        .first = lfb->first_page << lfb->page_shift,
        .last = (lfb->end_page << lfb->page_shift) - 1, /* also where that is the last address */
        .stocks = stocks + (size_t)own * set->lanes,
        .lanes = set->lanes,
        .batch = set->batch,
    };
    /* Of those that begin no later than this one ends, the last one ends before it begins. */
    unsigned place = zones_up_to(set, zone.last);
    if (place > 0 && zone_at(set, set->sorted[place - 1])->last >= zone.first) {
        return LFB_BUSY;
    }
    if (own == set->room) {
        return LFB_EXHAUSTED;
    }
    lfb_copy(zone_at(set, own), &zone, sizeof(zone));
    zone_recount(zone_at(set, own));
    for (set->sorted[own] = (unsigned short)own; place < own; place++) {
        unsigned short later = set->sorted[place];
        set->sorted[place] = set->sorted[own];
        set->sorted[own] = later;
    }
    set->count++;
    return LFB_OK;
}

lfb_status lfb_zones_recount(lfb_zones_t *set, unsigned zone)
{
    if (zone >= set->count) {
        return LFB_INVALID_ARGUMENT;
    }
    zone_recount(zone_at(set, zone));
    return LFB_OK;
}

/* ----------------------------------------------------------------------- allocate, release ---- */

static uintptr_t zone_alloc(lfb_zones_t *set, unsigned number, const lfb_zone_request *request)
{
    lfb_zone *zone = number < set->count ? zone_at(set, number) : NULL;
    size_t pages = request->pages;
    if (!zone || pages == 0 || pages > pages_of(zone->config.lfb)) {
        return LFB_NONE;
    }
    if (request->flags & LFB_ZONE_RESERVE) {
        /* relaxed: doesn't rely on what others put in */
        lfb_add_relaxed(&zone->word, 0 - (lfb_word)pages * COUNT_UNIT);
    } else if (!zone_take(zone, request->lane, pages)) {
        return LFB_NONE;
    }
    bool is_block = (pages & (pages - 1)) == 0;
    uintptr_t address =
        is_block ? lfb_alloc_on(zone->config.lfb, request->lane, lfb_trailing_zeros(pages))
                 : lfb_alloc_run_on(zone->config.lfb, request->lane, pages);
    if (address == LFB_NONE) {
        zone_put(zone, request->lane, pages);
    } else if (zone_reaches_low(zone) && zone->config.reached_low) {
        zone->config.reached_low(zone->config.context, number);
    }
    return address;
}

uintptr_t lfb_zones_alloc(lfb_zones_t *set, const lfb_zone_request *request)
{
    unsigned end = request->list ? request->count : set->count;
    if (request->flags & LFB_ZONE_ONLY && request->first < end) {
        end = request->first + 1;
    }
    uintptr_t address = LFB_NONE;
    for (unsigned i = request->first; i < end && address == LFB_NONE; i++) {
        address = zone_alloc(set, request->list ? request->list[i] : i, request);
    }
    return address;
}

/* The core is told the size, so that what it releases is what is counted. */
lfb_status lfb_zones_free_sized(lfb_zones_t *set, unsigned lane, uintptr_t address, size_t pages)
{
    unsigned number = lfb_zones_find(set, address);
    if (number == LFB_ZONE_NONE) {
        return LFB_OUT_OF_RANGE;
    }
    lfb_zone *zone = zone_at(set, number);
    lfb_status status = lfb_free_sized_on(zone->config.lfb, lane, address, pages);
    if (status == LFB_OK) {
        zone_put(zone, lane, pages);
    }
    return status;
}

lfb_status lfb_zones_free(lfb_zones_t *set, unsigned lane, uintptr_t address)
{
    unsigned number = lfb_zones_find(set, address);
    const lfb_t *lfb = number == LFB_ZONE_NONE ? NULL : zone_at(set, number)->config.lfb;
    size_t pages = lfb ? lfb_size_of(lfb, address) : 0;
    /* 0: no run starts there: the core says why. */
    return lfb_zones_free_sized(set, lane, address, pages ? pages : 1);
}

/* ------------------------------------------------------------------------------------ look ---- */

unsigned lfb_zones_find(const lfb_zones_t *set, uintptr_t address)
{
    unsigned place = zones_up_to(set, address);
    unsigned number = place ? set->sorted[place - 1] : LFB_ZONE_NONE;
    return place && address <= zone_at(set, number)->last ? number : LFB_ZONE_NONE;
}

size_t lfb_zones_free_pages(const lfb_zones_t *set, unsigned zone)
{
    if (zone >= set->count) {
        return 0;
    }
    lfb_word sum = lfb_load_acquire(&zone_at(set, zone)->word) / COUNT_UNIT;
    for (unsigned lane = 0; lane < set->lanes; lane++) {
        sum += lfb_load_acquire(&zone_at(set, zone)->stocks[lane].pages);
    }
    return sum > COUNT_ZERO ? (size_t)(sum - COUNT_ZERO) : 0;
}
