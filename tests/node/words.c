/* SPDX-License-Identifier: MIT */
/*
 * All checks of a word: nodes of up to 8 slots with every word there is, larger ones with random
 * words. LFB_SEED repeats a run, LFB_WORDS makes it longer.
 */
#include <stdlib.h>

#include "checks.h"
#include "random.h"

enum { FEW_SLOTS = 8 };

/* The checks that no slots are chosen for; `choice` is random bits. */
static void check_word(const model *m, lfb_word word, lfb_word choice)
{
    check_looks(m, word, choice);
    check_searches(m, word, choice);
    check_many(m, word, choice);
}

/* ----------------------------------------------------------------------------- every word ---- */

static void check_everywhere(const model *m, lfb_word word)
{
    for (unsigned count = 1; count <= m->slots; count++) {
        for (unsigned slot = 0; slot + count <= m->slots; slot++) {
            check_changes(m, word, slot, count);
            check_moves(m, word, slot, count);
        }
        for (unsigned order = 0; order <= order_of_slots(m->level); order++) {
            check_places(m, word, order, count);
        }
    }
}

static void check_every_word(unsigned level)
{
    static const lfb_word versions[] = {0, ~(lfb_word)0, (lfb_word)UINT64_C(0x9d4e2b7193c5a86f)};
    unsigned slots = 1U << order_of_slots(level);
    if (slots > FEW_SLOTS) {
        return;
    }
    for (unsigned i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        lfb_word version = level ? versions[i] & ~low_bits(LFB_WORD_BITS / 2) : 0;
        for (lfb_word codes = 0; codes <= low_bits(2 * slots); codes++) {
            model m = unpack(version | codes, level);
            check_word(&m, version | codes, codes * (lfb_word)0x9e3779b1U);
            check_whole(&m, version | codes);
            check_empty(&m, version | codes, versions[i] ^ codes);
            check_everywhere(&m, version | codes);
        }
    }
}

static void test_every_word(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEVELS; i++) {
        check_every_word(levels[i]);
    }
}

/* --------------------------------------------------------------------------- random words ---- */

/* Codes in stretches; `legal`: HELD only in runs. */
static model any_stretches(random_source *random, unsigned level, bool legal)
{
    model m = unpack((lfb_word)random_next(random), level);
    for (unsigned slot = 0; slot < m.slots;) {
        unsigned count = 1 + (unsigned)random_skewed(random, m.slots - slot);
        unsigned code = (unsigned)random_below(random, 4);
        m = legal && code < CODE_FREE ? model_hold(&m, slot, count)
                                      : model_set(&m, slot, count, code);
        slot += count;
    }
    return m;
}

static model any_model(random_source *random, unsigned level)
{
    switch (random_below(random, 4)) {
    case 0:
        return unpack((lfb_word)random_next(random), level);
    case 1:
        return any_stretches(random, level, false);
    default:
        return any_stretches(random, level, true);
    }
}

static void check_random_word(random_source *random, unsigned level)
{
    model m = any_model(random, level);
    lfb_word word = pack(&m);
    unsigned slot = (unsigned)random_below(random, m.slots);
    unsigned count = 1 + (unsigned)random_below(random, m.slots - slot);
    unsigned order = (unsigned)random_below(random, order_of_slots(level) + 1);
    check_word(&m, word, (lfb_word)random_next(random));
    check_places(&m, word, order, 1 + (unsigned)random_below(random, 1U << order));
    check_places(&m, word, order, count);
    check_changes(&m, word, slot, count);
    check_moves(&m, word, slot, count);
    check_moves(&m, word, slot, 1);
    check_whole(&m, word);
    check_empty(&m, word, (lfb_word)random_next(random));
}

static unsigned long words_wanted(void)
{
    const char *given = getenv("LFB_WORDS");
    return given ? strtoul(given, NULL, 0) : 1000000;
}

static void test_random_words(void **state)
{
    (void)state;
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx repeats this run\n", (uintmax_t)seed);
    random_source random = {seed};
    for (unsigned long left = words_wanted(); left > 0; left--) {
        for (unsigned i = 0; i < LEVELS; i++) {
            check_random_word(&random, levels[i]);
        }
    }
}

int node_words(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_word),
        cmocka_unit_test(test_random_words),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
