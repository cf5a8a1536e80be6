/* SPDX-License-Identifier: MIT */
/*
 * A hostile neighbour: somebody who maps the same metadata writes into it what he likes. The other
 * users lose pages and get pages twice, no more than that: every call ends, touches nothing but the
 * metadata, and returns addresses of the range, aligned as promised.
 *
 *   alone     random states, damaged in a few places, each call once from the same damaged state,
 *             then many in a row; what a call may need is counted in atomic accesses
 *   threads   one thread damages words, hints, lanes and header all the time, two make calls
 *
 * LFB_SEED repeats a run (of the threads: their choices). LFB_FUZZ_SECONDS: how long each of the
 * two goes on, 2 by default. TAP on standard output.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "core/bytes.h"
#include "random.h"

enum { PAGES_MOST = LFB_LEAF_ORDER > 2 ? 3000 : 300, CHOICES = 4096, DAMAGES_MOST = 4 };

static double seconds_wanted(void)
{
    const char *given = getenv("LFB_FUZZ_SECONDS");
    return given ? strtod(given, NULL) : 2;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void give_up(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(1);
}

/* ---------------------------------------------------------------------------- an allocator ---- */

/* Its metadata ends where a page begins that nobody may touch, and begins soon behind another. */
typedef struct victim {
    lfb_t lfb;
    void *mapping;
    size_t mapped;
    void *metadata;
    size_t size;
} victim;

/* Ends of ranges on the borders of slots are worth as much attention as all others. */
static uintptr_t round_sometimes(random_source *random, uintptr_t number)
{
    uintptr_t unit = (uintptr_t)1 << (random_below(random, 3) * LFB_LEAF_ORDER);
    return number / unit * unit;
}

static lfb_config any_config(random_source *random)
{
    size_t page_size = (size_t)1 << random_skewed(random, sizeof(size_t) > 4 ? 31 : 20);
    size_t page_count = round_sometimes(random, 1 + random_skewed(random, PAGES_MOST));
    page_count += page_count == 0;
    uintptr_t room = UINTPTR_MAX / page_size - page_count;
    uintptr_t first =
        random_below(random, 3) ? random_skewed(random, 5000) : room - random_skewed(random, 3000);
    first = round_sometimes(random, first < room ? first : room);
    return (lfb_config){
        .struct_size = sizeof(lfb_config),
        .base = first * page_size,
        .page_size = page_size,
        .page_count = page_count,
        .max_order = random_below(random, 8) ? (unsigned)random_below(random, 15) : LFB_MAX_ORDER,
        .lanes = 1 + (unsigned)random_below(random, 5),
        .start_held = random_below(random, 4) == 0,
    };
}

static void victim_start(victim *v, random_source *random)
{
    lfb_config config = any_config(random);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    v->size = (lfb_metadata_size(&config) + 7) / 8 * 8;
    size_t middle = (v->size + page - 1) / page * page;
    v->mapped = middle + 2 * page;
    v->mapping = mmap(NULL, v->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (v->mapping == MAP_FAILED ||
        mprotect((char *)v->mapping + page, middle, PROT_READ | PROT_WRITE) != 0) {
        give_up("no memory");
    }
    v->metadata = (char *)v->mapping + page + middle - v->size;
    if (lfb_init(&v->lfb, &config, v->metadata, v->size) != LFB_OK) {
        give_up("lfb_init refused");
    }
}

static void victim_end(victim *v)
{
    munmap(v->mapping, v->mapped);
}

static void print_victim(const victim *v)
{
    const lfb_t *lfb = &v->lfb;
    printf("# pages %#jx to %#jx of %ju bytes, max_order %u, lanes %u, levels %u\n",
           (uintmax_t)lfb->first_page, (uintmax_t)lfb->end_page, (uintmax_t)1 << lfb->page_shift,
           lfb->max_order, lfb->lane_count, lfb->top + 1);
}

/* ------------------------------------------------------------------------------- damaging ---- */

typedef struct damage {
    size_t at; /* offset of the word in the metadata, a multiple of its size */
    lfb_word flipped;
} damage;

/* A word of the metadata: of a node mostly, or of hints, rooms, lanes, anything. */
static size_t any_word(const victim *v, random_source *random)
{
    const lfb_t *lfb = &v->lfb;
    const char *from = v->metadata;
    size_t words = v->size / sizeof(lfb_word);
    unsigned level = (unsigned)random_below(random, lfb->top + 1);
    unsigned region = (unsigned)random_below(random, 16);
    if (region > 3) {
        from = lfb->levels[level].words;
        words = lfb_word_place(level, lfb->levels[level].count);
    } else if (region > 2 && level > 0) {
        from = lfb->levels[level].hints;
        words = (lfb->levels[level].count + BYTES_PER_WORD - 1) / BYTES_PER_WORD;
        if (level == 1 && random_below(random, 2)) {
            from = lfb->rooms;
        }
    } else if (region > 1) {
        from = lfb->lanes;
        words = lfb->lane_count * LANE_SIZE / sizeof(lfb_word);
    }
    size_t offset = (size_t)(from - (const char *)v->metadata);
    return offset + random_below(random, words) * sizeof(lfb_word);
}

/* Which bits to flip: one, a whole code, those of several slots, any. */
static lfb_word any_bits(random_source *random)
{
    unsigned bit = (unsigned)random_below(random, LFB_WORD_BITS);
    switch (random_below(random, 6)) {
    case 0:
        return (lfb_word)(random_below(random, 3) + 1) << bit / CODE_BITS * CODE_BITS;
    case 1:
        return WORD_EACH((lfb_word)random_below(random, 4)) << bit;
    case 2:
        return (lfb_word)random_next(random);
    default:
        return (lfb_word)1 << bit;
    }
}

static damage any_damage(const victim *v, random_source *random)
{
    damage d = {any_word(v, random), any_bits(random)};
    if (random_below(random, 8) == 0) {
        /* As if the node were EMPTY, of any kind. */
        const lfb_atomic *word = (const lfb_atomic *)(void *)((char *)v->metadata + d.at);
        d.flipped = lfb_load_relaxed(word) ^ (lfb_word)random_below(random, 4);
    }
    return d;
}

static void inflict(const victim *v, const damage *d)
{
    lfb_atomic *word = (lfb_atomic *)(void *)((char *)v->metadata + d->at);
    atomic_fetch_xor_explicit(word, d->flipped, memory_order_relaxed); /* as a bit flip would be */
}

static void print_damage(const victim *v, const damage *d)
{
    const lfb_t *lfb = &v->lfb;
    const char *at = (const char *)v->metadata + d->at;
    lfb_word word;
    memcpy(&word, at, sizeof(word));
    printf("# flipped %#jx, in now %#jx, at offset %zu", (uintmax_t)d->flipped, (uintmax_t)word,
           d->at);
    for (unsigned level = 0; level <= lfb->top; level++) {
        const char *words = lfb->levels[level].words;
        size_t place = (size_t)(at - words) / sizeof(lfb_word);
        size_t index = place / lfb_word_place(level, 1);
        if (at >= words && index < lfb->levels[level].count &&
            place == lfb_word_place(level, index)) {
            lfb_node node = {level, lfb->levels[level].first + index};
            printf(": the node of level %u at page %#jx", level, (uintmax_t)lfb_page_of_node(node));
        }
    }
    printf("\n");
}

/* ---------------------------------------------------------------------------------- alone ---- */

typedef struct trial {
    random_source random;
    uint64_t seed;
    victim victim;
    damage damages[DAMAGES_MOST];
    unsigned damage_count;
    uint8_t choices[CHOICES];
    bytes bytes;
    caller caller;
    void *before; /* the damaged metadata, before the call */
    unsigned long calls;
} trial;

static void refill(uint8_t choices[CHOICES], bytes *left, random_source *random)
{
    for (size_t i = 0; i < CHOICES; i++) {
        choices[i] = (uint8_t)random_next(random);
    }
    left->at = choices;
    left->left = CHOICES;
}

static bool make_call(trial *t, unsigned kind, bool damaged)
{
    if (t->bytes.left < 64) {
        refill(t->choices, &t->bytes, &t->random);
    }
    t->calls++;
    const char *wrong = call_make(&t->caller, kind, 1);
    if (!wrong) {
        return true;
    }
    printf("# %s: %s\n", t->caller.text, wrong);
    print_victim(&t->victim);
    if (damaged) {
        memcpy(t->victim.metadata, t->before, t->victim.size);
    }
    for (unsigned i = 0; i < t->damage_count; i++) {
        print_damage(&t->victim, &t->damages[i]);
    }
    printf("# LFB_SEED=%#" PRIx64 " repeats this as the first trial\n", t->seed);
    return false;
}

/* Some history, then damage. */
static bool reach_state(trial *t)
{
    unsigned long steps = random_below(&t->random, 150);
    for (unsigned long i = 0; i < steps; i++) {
        if (!make_call(t, (unsigned)random_below(&t->random, CALL_DRAIN + 1), false)) {
            return false;
        }
    }
    if (lfb_check(&t->victim.lfb, NULL) != LFB_OK) {
        printf("# damaged before anything was\n");
        return false;
    }
    t->damage_count = 1 + (unsigned)random_below(&t->random, DAMAGES_MOST);
    for (unsigned i = 0; i < t->damage_count; i++) {
        t->damages[i] = any_damage(&t->victim, &t->random);
        inflict(&t->victim, &t->damages[i]);
    }
    return true;
}

static bool run_calls(trial *t)
{
    if (!reach_state(t)) {
        return false;
    }
    memcpy(t->before, t->victim.metadata, t->victim.size);
    for (unsigned i = 0; i < 3 * CALL_KINDS; i++) {
        if (!make_call(t, i % CALL_KINDS, true) || !make_call(t, CALL_CHECK, true)) {
            return false;
        }
        memcpy(t->victim.metadata, t->before, t->victim.size);
    }
    for (unsigned i = 0; i < 60; i++) {
        memcpy(t->before, t->victim.metadata, t->victim.size);
        if (!make_call(t, (unsigned)random_below(&t->random, CALL_KINDS), true)) {
            return false;
        }
    }
    return true;
}

static bool run_trial(uint64_t seed, unsigned long *calls, unsigned long *most)
{
    trial *t = calloc(1, sizeof(*t));
    if (!t) {
        give_up("no memory");
    }
    t->seed = t->random.state = seed;
    victim_start(&t->victim, &t->random);
    t->before = malloc(t->victim.size);
    if (!t->before) {
        give_up("no memory");
    }
    t->caller = caller_of(&t->victim.lfb, &t->bytes);
    bool fine = run_calls(t);
    *calls += t->calls;
    *most = t->caller.most > *most ? t->caller.most : *most;
    victim_end(&t->victim);
    free(t->before);
    free(t);
    return fine;
}

static bool test_alone(uint64_t seed)
{
    unsigned long trials = 0;
    unsigned long calls = 0;
    unsigned long most = 0;
    bool fine = true;
    for (double end = now() + seconds_wanted(); fine && (trials == 0 || now() < end); trials++) {
        alarm(60); /* loops that touch no atomic word */
        fine = run_trial(seed + trials, &calls, &most);
    }
    alarm(0);
    printf("# %lu damaged states, %lu calls; the longest took %.1f %% of the accesses it may\n",
           trials, calls, (double)most / 10);
    return fine;
}

/* -------------------------------------------------------------------------------- threads ---- */

enum { CALLERS = 2, PATIENCE = 1000 };

typedef struct neighbourhood {
    victim victim;
    uint64_t seed;
    atomic_bool over;
} neighbourhood;

typedef struct citizen {
    neighbourhood *place;
    random_source random;
    unsigned long calls;
    const char *wrong;
    char text[120];
} citizen;

static bool is_header(const victim *v, const damage *d)
{
    return (char *)v->metadata + d->at < (char *)v->lfb.shared;
}

/* What plain accesses read, a race detector would complain of. */
#if defined __SANITIZE_THREAD__
enum { SPARE_HEADER = 1 };
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
enum { SPARE_HEADER = 1 };
#else
enum { SPARE_HEADER = 0 };
#endif
#else
enum { SPARE_HEADER = 0 };
#endif

static void *be_hostile(void *context)
{
    citizen *own = context;
    neighbourhood *place = own->place;
    while (!atomic_load(&place->over)) {
        damage d = any_damage(&place->victim, &own->random);
        if (!SPARE_HEADER || !is_header(&place->victim, &d)) {
            inflict(&place->victim, &d);
            own->calls++;
        }
        for (uint64_t i = random_skewed(&own->random, 20000); i > 0; i--) {
            atomic_signal_fence(memory_order_seq_cst);
        }
    }
    return NULL;
}

static void *make_calls(void *context)
{
    citizen *own = context;
    neighbourhood *place = own->place;
    lfb_t lfb;
    lfb = place->victim.lfb; /* a handle of its own */
    uint8_t choices[CHOICES];
    bytes left = {choices, 0};
    caller c = caller_of(&lfb, &left);
    while (!own->wrong && !atomic_load(&place->over)) {
        if (left.left < 64) {
            refill(choices, &left, &own->random);
        }
        own->wrong = call_make(&c, (unsigned)random_below(&own->random, CALL_KINDS), PATIENCE);
        own->calls++;
    }
    memcpy(own->text, c.text, sizeof(own->text));
    return NULL;
}

/* A new allocator, and some milliseconds of war. */
static bool run_round(uint64_t seed, unsigned long *calls, unsigned long *damages)
{
    random_source random = {seed};
    neighbourhood place = {.seed = seed};
    victim_start(&place.victim, &random);
    citizen citizens[CALLERS + 1];
    pthread_t threads[CALLERS + 1];
    for (unsigned i = 0; i <= CALLERS; i++) {
        citizens[i] = (citizen){.place = &place, .random = {random_next(&random)}};
        if (pthread_create(&threads[i], NULL, i ? make_calls : be_hostile, &citizens[i]) != 0) {
            give_up("no thread");
        }
    }
    usleep(20000);
    atomic_store(&place.over, true);
    bool fine = true;
    for (unsigned i = 0; i <= CALLERS; i++) {
        pthread_join(threads[i], NULL);
        *(i ? calls : damages) += citizens[i].calls;
        if (citizens[i].wrong) {
            printf("# %s: %s\n", citizens[i].text, citizens[i].wrong);
            fine = false;
        }
    }
    /* Quiet again: the checker ends, and names the damage unless it happens to be legal. */
    bytes none = {NULL, 0};
    caller judge = caller_of(&place.victim.lfb, &none);
    const char *wrong = call_make(&judge, CALL_CHECK, 1);
    if (wrong) {
        printf("# afterwards: %s: %s\n", judge.text, wrong);
        fine = false;
    }
    if (!fine) {
        print_victim(&place.victim);
        printf("# LFB_SEED=%#" PRIx64 " begins with this round\n", seed);
    }
    victim_end(&place.victim);
    return fine;
}

static bool test_threads(uint64_t seed)
{
    unsigned long rounds = 0;
    unsigned long calls = 0;
    unsigned long damages = 0;
    bool fine = true;
    for (double end = now() + seconds_wanted(); fine && (rounds == 0 || now() < end); rounds++) {
        alarm(60);
        fine = run_round(seed + rounds, &calls, &damages);
    }
    alarm(0);
    printf("# %lu rounds, %lu calls beside %lu damages\n", rounds, calls, damages);
    return fine;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    uint64_t seed = random_seed();
    printf("1..2\n# LFB_SEED=%#" PRIx64 " repeats this run\n", seed);
    bool alone = test_alone(seed);
    printf("%s 1 - each call on damaged metadata ends, inside the range\n",
           alone ? "ok" : "not ok");
    bool threads = test_threads(seed);
    printf("%s 2 - and while a neighbour goes on damaging it\n", threads ? "ok" : "not ok");
    return alone && threads ? 0 : 1;
}
