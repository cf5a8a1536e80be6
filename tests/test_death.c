/* SPDX-License-Identifier: MIT */
/*
 * A process that is killed with SIGKILL at a random instant, thousands of times, and one that lives
 * on: both work on one range, through metadata in shared memory that each has mapped elsewhere. The
 * dead one's log (actor.h) says what it owned, and what its last call may have added. After each
 * death the survivor must find that
 *
 *   - the metadata is sound, though hints may be too low;
 *   - its own pages are as they were, and so are those that the dead one surely owned;
 *   - what else isn't free belongs to the last call, and is no more than that call asked for;
 *   - all pages that aren't its own are free once the dead one's have been given back.
 *
 * Every so often it gives back its own too: then the range must be maximal blocks, as at the start.
 *
 * LFB_SEED repeats the choices (not the instants). LFB_KILLS is how many deaths in all; without it
 * 10000, or what a minute allows.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"
#include "world.h"

enum {
    TESTS = 4,
    KILLS_USUAL = 10000,
    SECONDS_MOST = 60,
    PAGES_MOST = 4096,
    ORDER_MOST = 9,
    RUN_MOST = 300,
    KILLS_BETWEEN_WHOLE = 100,
    LIFE_MOST = 300000, /* ns from the first call on */
    STUCK_AFTER = 30,   /* s */
    SURVIVOR = 1,
    MORTAL = 2,
    EXIT_NO_ATTACH = 10,
    EXIT_NO_TIMER,
    EXIT_ORPHAN,
};

/* One mapping of the shared memory, and a handle on the allocator in it. */
typedef struct view {
    lfb_t lfb;
    unsigned char *memory;
    actor_complaints *complaints;
    actor_log *survivor_log;
    actor_log *mortal_log;
    unsigned char *marks;
    void *metadata;
} view;

typedef struct piece {
    size_t page;
    size_t pages;
    bool held;
} piece;

typedef struct counts {
    unsigned long kills;
    unsigned long inside;    /* kills inside a call, by the log */
    unsigned long by_itself; /* by its own timer, while the survivor was anywhere */
    unsigned long calls;     /* the dead ones' */
    unsigned long given;     /* pages given back for them */
    unsigned long from_call; /* of these, pages that only the call under way explains */
    unsigned long lost;      /* pages that stayed in use without an owner */
    unsigned long stolen;    /* pages of an owner that were found free */
    unsigned long low_hints; /* the most that one check found */
} counts;

typedef struct death {
    lfb_config config;
    view near; /* the survivor's */
    view far;  /* the mortal's */
    size_t memory_size;
    size_t metadata_size;
    actor survivor;
    random_source random;
    uint64_t seed;
    counts counts;
    /* The range as lfb_walk shows it: each page's lfb_extent_kind, and where an extent begins. */
    unsigned char kinds[PAGES_MOST];
    bool begins[PAGES_MOST];
    piece pieces[PAGES_MOST]; /* what the last dead one left */
    size_t piece_count;
} death;

static death the_death; /* large, and one at a time */
static counts totals;

/* ----------------------------------------------------------------------- shared memory ---- */

static size_t rounded(size_t size)
{
    return (size + 127) / 128 * 128;
}

/* Gives the parts of the memory their places, and returns its size. */
static size_t place(view *v, unsigned char *memory, size_t pages, size_t metadata_size)
{
    size_t log = rounded(sizeof(actor_complaints));
    size_t mortal_log = log + rounded(actor_log_size(pages));
    size_t marks = mortal_log + rounded(actor_log_size(pages));
    size_t metadata = marks + rounded(pages);
    if (memory) {
        v->memory = memory;
        v->complaints = (actor_complaints *)(void *)memory;
        v->survivor_log = (actor_log *)(void *)(memory + log);
        v->mortal_log = (actor_log *)(void *)(memory + mortal_log);
        v->marks = memory + marks;
        v->metadata = memory + metadata;
    }
    return metadata + metadata_size;
}

static unsigned char *map_shared(int file, size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

static actor actor_in(const death *d, view *v, unsigned char number)
{
    return (actor){
        .lfb = &v->lfb,
        .config = &d->config,
        .marks = v->marks,
        .log = number == SURVIVOR ? v->survivor_log : v->mortal_log,
        .complaints = v->complaints,
        .number = number,
        .order_most = ORDER_MOST,
        .run_most = RUN_MOST,
        .own_most = d->config.page_count,
    };
}

static void start(death *d, size_t pages, unsigned lanes, unsigned max_order)
{
    memset(d, 0, sizeof(*d));
    d->seed = random_seed();
    d->random.state = d->seed;
    d->config = world_config((uintptr_t)4096 * 1237, 4096, pages, max_order);
    d->config.lanes = lanes;
    d->metadata_size = lfb_metadata_size(&d->config);
    assert_int_not_equal(d->metadata_size, 0);
    d->memory_size = place(&d->near, NULL, pages, d->metadata_size);
    int file = memfd_create("lfbuddy", 0);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, (off_t)d->memory_size), 0);
    place(&d->near, map_shared(file, d->memory_size), pages, d->metadata_size);
    place(&d->far, map_shared(file, d->memory_size), pages, d->metadata_size);
    close(file);
    assert_int_equal(lfb_init(&d->near.lfb, &d->config, d->near.metadata, d->metadata_size),
                     LFB_OK);
    d->survivor = actor_in(d, &d->near, SURVIVOR);
    d->survivor.own_most = pages / 2;
    d->survivor.random.state = d->seed + 1;
    print_message("LFB_SEED=%#jx, %zu pages, %u lanes\n", (uintmax_t)d->seed, pages, lanes);
}

static void end(death *d)
{
    munmap(d->near.memory, d->memory_size);
    munmap(d->far.memory, d->memory_size);
}

/* -------------------------------------------------------------------------- the mortal ---- */

/* cmocka's handlers would go on with the tests in here, and what dies of a trap must be told from
 * what was killed. */
static void die_of_faults(void)
{
    static const int faults[] = {SIGILL, SIGTRAP, SIGFPE, SIGSEGV, SIGBUS, SIGALRM};
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        signal(faults[i], SIG_DFL);
    }
}

static void kill_myself_after(long nanoseconds)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec after = {.it_value = {.tv_nsec = nanoseconds}};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &after, NULL) != 0) {
        _exit(EXIT_NO_TIMER);
    }
}

/* Works until it is killed; `life` is when it does so itself, in ns, 0: never. */
static _Noreturn void live(death *d, unsigned lane, long life)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1) {
        _exit(EXIT_ORPHAN);
    }
    die_of_faults();
    munmap(d->near.memory, d->memory_size); /* no pointer into the survivor's mapping can work */
    view *v = &d->far;
    if (lfb_attach(&v->lfb, v->metadata, d->metadata_size, NULL, NULL) != LFB_OK) {
        _exit(EXIT_NO_ATTACH);
    }
#ifdef MADV_POPULATE_WRITE
    /* Else many would die in the page faults of their first calls. No matter if it fails. */
    madvise(v->memory, d->memory_size, MADV_POPULATE_WRITE);
#endif
    actor a = actor_in(d, v, MORTAL);
    a.lane = lane;
    a.random.state = d->seed + (d->counts.kills + 2) * 1000003;
    if (life) {
        kill_myself_after(life);
    }
    for (;;) {
        actor_step(&a);
    }
}

/* ---------------------------------------------------------------------------- failures ---- */

static void print_state(const death *d, const char *what, size_t page)
{
    print_error("kill %lu: %s: page %zu; LFB_SEED=%#jx\n", d->counts.kills, what, page,
                (uintmax_t)d->seed);
    actor_print_complaints(d->near.complaints);
    print_error("the mortal's ");
    actor_print_log(d->near.mortal_log, d->config.page_count);
    print_error("the survivor's ");
    actor_print_log(d->near.survivor_log, d->config.page_count);
}

static void fail_test(const death *d, const char *what, size_t page)
{
    print_state(d, what, page);
    fail();
}

/* The alarm's handler: the survivor waits for a dead one. It does so in the allocator, so what is
 * forbidden in handlers, since the thread might be at it, can be done in this one. */
static void stuck(int number)
{
    (void)number;
    print_state(&the_death, "the survivor is stuck", the_death.near.survivor_log->first);
    _exit(1);
}

static void check_sound(death *d, lfb_report *report)
{
    if (lfb_check(&d->near.lfb, report) != LFB_OK) {
        print_error("%zu faults, the first: %s, level %u\n", report->faults, report->first_fault,
                    report->fault_level);
        fail_test(d, "damaged", (report->fault_address - d->config.base) / d->config.page_size);
    }
    if (report->low_hints > d->counts.low_hints) {
        d->counts.low_hints = report->low_hints;
    }
    if (atomic_load(&d->near.complaints->count)) {
        fail_test(d, "complaints", d->near.complaints->list[0].page);
    }
}

/* ----------------------------------------------------------------------------- judging ---- */

static bool see(void *context, const lfb_extent *extent)
{
    death *d = context;
    size_t page = (extent->address - d->config.base) / d->config.page_size;
    memset(d->kinds + page, (int)extent->kind, extent->pages);
    d->begins[page] = true;
    return true;
}

static void look_at_all(death *d)
{
    memset(d->begins, 0, sizeof(d->begins));
    assert_int_equal(lfb_walk(&d->near.lfb, see, d), LFB_OK);
}

/* The survivor stands between two calls: nothing of it is being given. */
static bool is_survivors(const death *d, size_t page)
{
    return d->near.survivor_log->notes[page] != NOTE_NOTHING;
}

static void check_noted(death *d, size_t page, unsigned char noted, unsigned char owner)
{
    lfb_extent_kind expected = noted == NOTE_RUN ? LFB_EXTENT_RUN : LFB_EXTENT_HELD;
    if (d->kinds[page] != (unsigned char)expected) {
        d->counts.stolen += d->kinds[page] == LFB_EXTENT_FREE;
        fail_test(d, "an owner's page is not as it was", page);
    }
    if (d->near.marks[page] != owner) {
        fail_test(d, "an owner's page bears no mark of it", page);
    }
}

/* Returns whether only the mortal's last call can explain the page. */
static bool check_page(death *d, size_t page)
{
    const actor_log *log = d->near.mortal_log;
    unsigned char noted = log->notes[page];
    if (is_survivors(d, page)) {
        check_noted(d, page, d->near.survivor_log->notes[page], SURVIVOR);
        if (noted == NOTE_RUN || noted == NOTE_HOLE) {
            fail_test(d, "a page of two owners", page);
        }
        return false;
    }
    if (noted == NOTE_RUN || noted == NOTE_HOLE) {
        check_noted(d, page, noted, MORTAL);
        return false;
    }
    if (d->kinds[page] == LFB_EXTENT_FREE) {
        if (d->near.marks[page]) {
            fail_test(d, "a free page bears a mark", page);
        }
        return false;
    }
    if (noted == NOTE_GIVING) {
        return false;
    }
    if (atomic_load(&log->stage) == STAGE_IDLE || page < log->first ||
        page - log->first >= log->pages) {
        d->counts.lost++;
        fail_test(d, "a page lost", page);
    }
    return true;
}

/* No run may hold pages of both. */
static void check_border(death *d, size_t page)
{
    if (page > 0 && d->kinds[page] == LFB_EXTENT_RUN && !d->begins[page] &&
        is_survivors(d, page) != is_survivors(d, page - 1)) {
        fail_test(d, "a run of two owners", page);
    }
}

static void judge(death *d)
{
    lfb_report report;
    check_sound(d, &report);
    look_at_all(d);
    size_t unexplained = 0;
    for (size_t page = 0; page < d->config.page_count; page++) {
        unexplained += check_page(d, page);
        check_border(d, page);
    }
    if (unexplained > d->near.mortal_log->most) {
        print_error("%zu pages more than noted\n", unexplained);
        fail_test(d, "a call took more than it was asked for", d->near.mortal_log->first);
    }
    d->counts.from_call += unexplained;
    d->counts.inside += atomic_load(&d->near.mortal_log->stage) == STAGE_INSIDE;
    d->counts.calls += atomic_load(&d->near.mortal_log->calls);
}

/* ------------------------------------------------------------------------- giving back ---- */

/* Remembers what isn't free and isn't the survivor's. Now and then what neighbours is one piece:
 * lfb_free_range takes any number of runs. */
static void collect(death *d)
{
    bool apart = random_below(&d->random, 4) != 0;
    d->piece_count = 0;
    for (size_t page = 0; page < d->config.page_count; page++) {
        if (d->kinds[page] == LFB_EXTENT_FREE || is_survivors(d, page)) {
            continue;
        }
        bool held = d->kinds[page] == LFB_EXTENT_HELD;
        piece *last = d->piece_count ? &d->pieces[d->piece_count - 1] : NULL;
        if (last && last->page + last->pages == page && last->held == held &&
            !(apart && d->begins[page])) {
            last->pages++;
        } else {
            d->pieces[d->piece_count++] = (piece){page, 1, held};
        }
    }
}

static void give_back(death *d)
{
    lfb_t *lfb = &d->near.lfb;
    unsigned lane = d->survivor.lane;
    for (size_t i = 0; i < d->piece_count; i++) {
        const piece *p = &d->pieces[i];
        uintptr_t address = d->config.base + p->page * d->config.page_size;
        memset(d->near.marks + p->page, 0, p->pages);
        lfb_status status = p->held ? lfb_release_range_on(lfb, lane, address, p->pages)
                                    : lfb_free_range_on(lfb, lane, address, p->pages);
        if (status != LFB_OK) {
            actor_complain(d->near.complaints,
                           &(actor_complaint){lfb_status_name(status), "giving back", SURVIVOR,
                                              p->page, p->pages});
        }
        d->counts.given += p->pages;
    }
    d->piece_count = 0;
}

/* Nobody is left but the survivor. */
static void check_given_back(death *d)
{
    lfb_report report;
    check_sound(d, &report);
    look_at_all(d);
    for (size_t page = 0; page < d->config.page_count; page++) {
        if (is_survivors(d, page)) {
            check_noted(d, page, d->near.survivor_log->notes[page], SURVIVOR);
        } else if (d->kinds[page] != LFB_EXTENT_FREE) {
            d->counts.lost++;
        }
    }
    if (d->counts.lost || report.stats.free_pages + d->survivor.own != d->config.page_count) {
        fail_test(d, "pages lost", d->counts.lost);
    }
}

/* --------------------------------------------------------------------- the whole range ---- */

/* Allocates so many blocks, and sees that they are apart. */
static void take_blocks(death *d, unsigned order, size_t count, uintptr_t out[])
{
    size_t got = lfb_alloc_bulk_on(&d->near.lfb, d->survivor.lane, order, count, out);
    if (got != count) {
        fail_test(d, "free pages that can't be allocated", got);
    }
    for (size_t i = 0; i < got; i++) {
        size_t page = (out[i] - d->config.base) / d->config.page_size;
        for (size_t end = page + ((size_t)1 << order); page < end; page++) {
            if (d->near.marks[page]++) {
                fail_test(d, "overlap", page);
            }
        }
    }
}

static void put_all(death *d, size_t count, const uintptr_t out[])
{
    if (lfb_alloc_on(&d->near.lfb, d->survivor.lane, 0) != LFB_NONE) {
        fail_test(d, "a page too many", 0);
    }
    memset(d->near.marks, 0, d->config.page_count);
    if (lfb_free_bulk_on(&d->near.lfb, d->survivor.lane, count, out) != count) {
        fail_test(d, "bulk release refused", 0);
    }
}

/* All pages are free, in maximal blocks that can be allocated, and nothing is left to merge. */
static void check_whole(death *d)
{
    uintptr_t out[PAGES_MOST];
    lfb_report report;
    actor_release_all(&d->survivor);
    lfb_drain(&d->near.lfb);
    check_sound(d, &report);
    if (report.stats.free_pages != d->config.page_count || report.warm_nodes) {
        print_error("%zu free pages, %zu warm nodes\n", report.stats.free_pages, report.warm_nodes);
        fail_test(d, "the range isn't whole", 0);
    }
    size_t count = 0;
    for (unsigned order = d->config.max_order + 1; order-- > 0;) {
        take_blocks(d, order, report.stats.free_blocks[order], out + count);
        count += report.stats.free_blocks[order];
    }
    put_all(d, count, out);
    take_blocks(d, 0, d->config.page_count, out);
    put_all(d, d->config.page_count, out);
}

/* ---------------------------------------------------------------------- life and death ---- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Whether the mortal has come to its first call, or won't come to it any more. */
static bool has_begun(const death *d, pid_t mortal)
{
    siginfo_t info = {0};
    return atomic_load(&d->near.mortal_log->calls) > 0 ||
           waitid(P_PID, (id_t)mortal, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

/* The survivor works until the mortal is at its first call, and for so long then. Now and then it
 * doesn't wait: the mortal may be attaching. */
static void work_beside(death *d, pid_t mortal, int64_t life)
{
    bool wait = random_below(&d->random, 16) != 0;
    while (wait && !has_begun(d, mortal)) {
        actor_step(&d->survivor);
        sched_yield(); /* perhaps it waits for this CPU */
    }
    for (int64_t end = now() + life; now() < end;) {
        actor_step(&d->survivor);
    }
}

/* The survivor works until the mortal has killed itself, or was killed here. */
static int see_it_die(death *d, pid_t mortal, int64_t life, bool by_itself)
{
    int status = 0;
    int64_t late = now() + 2 * LIFE_MOST;
    if (!by_itself) {
        work_beside(d, mortal, life);
        kill(mortal, SIGKILL);
    }
    while (waitpid(mortal, &status, by_itself ? WNOHANG : 0) != mortal) {
        actor_step(&d->survivor);
        if (now() > late) {
            sched_yield();
        }
    }
    return status;
}

static void one_death(death *d)
{
    int64_t life = 1 + (int64_t)random_below(&d->random, LIFE_MOST);
    bool by_itself = random_below(&d->random, 2);
    unsigned lane = (unsigned)random_below(&d->random, d->config.lanes);
    d->survivor.lane = (unsigned)random_below(&d->random, d->config.lanes);
    memset(d->near.mortal_log, 0, actor_log_size(d->config.page_count));
    alarm(STUCK_AFTER);
    fflush(NULL);
    pid_t mortal = fork();
    assert_true(mortal >= 0);
    if (mortal == 0) {
        live(d, lane, by_itself ? (long)life : 0);
    }
    give_back(d); /* what the one before left, if it wasn't done at once */
    int status = see_it_die(d, mortal, life, by_itself);
    d->counts.kills++;
    d->counts.by_itself += by_itself;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        print_error("wait status %#x\n", (unsigned)status);
        fail_test(d, "the mortal died of something else", 0);
    }
    judge(d);
    collect(d);
}

static void show_progress(const death *d, unsigned long kills)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%lu of %lu kills%s", d->counts.kills, kills,
                d->counts.kills == kills ? "\n" : "");
    }
}

static void print_counts(const counts *c)
{
    print_message(
        "%lu kills, %lu of them inside a call, %lu by its own timer; %lu calls; %lu pages "
        "given back, %lu of them the last call's; %lu pages lost, %lu stolen; low hints: "
        "%lu at most\n",
        c->kills, c->inside, c->by_itself, c->calls, c->given, c->from_call, c->lost, c->stolen,
        c->low_hints);
}

static void add_counts(const counts *c)
{
    totals.kills += c->kills;
    totals.inside += c->inside;
    totals.by_itself += c->by_itself;
    totals.calls += c->calls;
    totals.given += c->given;
    totals.from_call += c->from_call;
    totals.lost += c->lost;
    totals.stolen += c->stolen;
    totals.low_hints = c->low_hints > totals.low_hints ? c->low_hints : totals.low_hints;
}

static void kill_many(size_t pages, unsigned lanes, unsigned max_order)
{
    death *d = &the_death;
    const char *given = getenv("LFB_KILLS");
    unsigned long kills = (given ? strtoul(given, NULL, 0) : KILLS_USUAL) / TESTS;
    int64_t deadline = now() + (int64_t)SECONDS_MOST * 1000000000 / TESTS;
    start(d, pages, lanes, max_order);
    signal(SIGALRM, stuck);
    while (d->counts.kills < kills && (given || now() < deadline)) {
        one_death(d);
        bool whole = d->counts.kills % KILLS_BETWEEN_WHOLE == 0 || d->counts.kills == kills;
        if (whole || random_below(&d->random, 2)) {
            give_back(d);
            check_given_back(d);
        }
        if (whole) {
            check_whole(d);
            show_progress(d, kills);
        }
    }
    give_back(d);
    check_given_back(d);
    check_whole(d);
    alarm(0);
    print_counts(&d->counts);
    add_counts(&d->counts);
    end(d);
    assert_true(d->counts.inside > 0 || d->counts.kills < KILLS_BETWEEN_WHOLE);
}

/* One lane for both; a call often wants all that there is. */
static void test_one_lane(void **state)
{
    (void)state;
    kill_many(512, 1, ORDER_MOST);
}

/* A range with ragged ends. */
static void test_ragged(void **state)
{
    (void)state;
    kill_many(1000, 2, ORDER_MOST);
}

static void test_more_lanes(void **state)
{
    (void)state;
    kill_many(2048 + 77, 3, 11);
}

static void test_roomy(void **state)
{
    (void)state;
    kill_many(PAGES_MOST, 4, 12);
}

static int print_totals(void **state)
{
    (void)state;
    print_message("in all: ");
    print_counts(&totals);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_lane),
        cmocka_unit_test(test_ragged),
        cmocka_unit_test(test_more_lanes),
        cmocka_unit_test(test_roomy),
    };
    _Static_assert(sizeof(tests) / sizeof(*tests) == TESTS, "kills are shared out among them");
    return cmocka_run_group_tests_name("death", tests, NULL, print_totals);
}
