/* SPDX-License-Identifier: MIT */
/* The reader of flattened device trees: captured ones, cut off at each byte, and trees of our own,
 * right and wrong. */
#include "reading.h"
#include "tree_builder.h"

static void captured_trees(void **state)
{
    (void)state;
    test_map t;
    table raw = captured("qemu-aarch64-numa-secure.dtb");
    lfb_boot_map *map = assert_reads(&t, lfb_boot_read_fdt, raw.bytes, raw.size, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x40000000, 0x80000000, USABLE}); /* two nodes; secure memory is off */
    free(raw.bytes);
    raw = captured("qemu-riscv64-opensbi.dtb");
    map = assert_reads(&t, lfb_boot_read_fdt, raw.bytes, raw.size, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x80000000, 0x80080000, RESERVED}, {0x80080000, 0x9c200000, USABLE});
    free(raw.bytes);
    raw = captured("qemu-riscv32.dtb");
    map = assert_reads(&t, lfb_boot_read_fdt, raw.bytes, raw.size, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x80000000, 0x92200000, USABLE});
    free(raw.bytes);
}

static void cut_trees_are_seen(void **state)
{
    (void)state;
    assert_cut_is_seen("qemu-riscv64-opensbi.dtb", lfb_boot_read_fdt, 0);
    /* The same, where the header agrees with the cut. */
    table raw = captured("qemu-riscv64-opensbi.dtb");
    size_t last = tree_word(raw.bytes, TREE_STRINGS) + tree_word(raw.bytes, TREE_STRINGS_SIZE);
    assert_in_range(last, raw.size / 2, raw.size); /* behind it: nothing */
    for (uint32_t size = 40; size < last; size++) {
        test_map t;
        tree_put_word_at(raw.bytes, 4 * TREE_TOTAL, size);
        assert_reads(&t, lfb_boot_read_fdt, raw.bytes, size, LFB_BOOT_MALFORMED);
    }
    free(raw.bytes);
}

static lfb_boot_map *assert_tree(test_map *t, const tree *made, lfb_boot_status expected)
{
    return assert_reads(t, lfb_boot_read_fdt, made->packed.bytes, made->packed.size, expected);
}

/* The reservations and nodes up to where children of the root begin. */
static void begin_tree(tree *t, uint32_t address_cells, uint32_t size_cells)
{
    *t = (tree){0};
    tree_begin(t, "");
    TREE_WORDS(t, "#address-cells", address_cells);
    TREE_WORDS(t, "#size-cells", size_cells);
}

static void end_tree(tree *t)
{
    tree_token(t, TREE_END_NODE);
    tree_token(t, TREE_END);
    tree_reserve(t, 0, 0);
    tree_pack(t);
}

static void tree_with_everything(void **state)
{
    (void)state;
    tree made;
    test_map t;
    begin_tree(&made, 1, 1);
    tree_reserve(&made, 0x1000, 0x100);
    tree_reserve(&made, 0x2000, 0x100);
    tree_token(&made, TREE_NOP);
    tree_begin(&made, "chosen");
    TREE_WORDS(&made, "linux,initrd-start", 0, 0x8000);
    TREE_WORDS(&made, "linux,initrd-end", 0x8800);
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "reserved-memory");
    TREE_WORDS(&made, "#address-cells", 2);
    TREE_WORDS(&made, "#size-cells", 1);
    tree_begin(&made, "firmware@4000");
    TREE_WORDS(&made, "reg", 0, 0x4000, 0x1000, 1, 0x5000, 0x1000);
    tree_begin(&made, "too-deep");
    TREE_WORDS(&made, "reg", 0, 0x10000, 0x1000);
    tree_token(&made, TREE_END_NODE);
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "off@6000");
    TREE_WORDS(&made, "reg", 0, 0x6000, 0x1000);
    tree_text(&made, "status", "disabled");
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "without-address");
    TREE_WORDS(&made, "size", 0x1000);
    tree_token(&made, TREE_END_NODE);
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "memory@3000");
    TREE_WORDS(&made, "reg", 0x3000, 0x6000, 0x20000, 0x1000);
    tree_text(&made, "device_type", "memory");
    tree_text(&made, "status", "okay");
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "memory@90000");
    tree_text(&made, "device_type", "memory");
    TREE_WORDS(&made, "reg", 0x90000, 0x1000);
    tree_text(&made, "status", "reserved");
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "memory@a0000");
    tree_text(&made, "device_type", "memory");
    TREE_WORDS(&made, "reg", 0xa0000, 0x1000);
    tree_text(&made, "status", "ok");
    tree_token(&made, TREE_END_NODE);
    tree_begin(&made, "cpu");
    TREE_WORDS(&made, "linux,initrd-start", 0); /* of no other node than /chosen */
    TREE_WORDS(&made, "linux,initrd-end", 0x1000);
    tree_text(&made, "device_type", "memory-controller");
    TREE_WORDS(&made, "reg", 7);
    tree_token(&made, TREE_END_NODE);
    end_tree(&made);
    lfb_boot_map *map = assert_tree(&t, &made, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x1000, 0x1100, RESERVED}, {0x2000, 0x2100, RESERVED},
               {0x3000, 0x4000, USABLE}, {0x4000, 0x5000, RESERVED}, {0x5000, 0x8000, USABLE},
               {0x8000, 0x8800, RESERVED}, {0x8800, 0x9000, USABLE}, {0x20000, 0x21000, USABLE},
               {0xa0000, 0xa1000, USABLE}, {0x100005000, 0x100006000, RESERVED});
}

/* A tree with one memory node. */
static void one_node(tree *made, uint32_t address_cells, uint32_t size_cells, const uint32_t *reg,
                     size_t words)
{
    begin_tree(made, address_cells, size_cells);
    tree_begin(made, "memory");
    tree_text(made, "device_type", "memory");
    tree_words(made, "reg", reg, words);
    tree_token(made, TREE_END_NODE);
    end_tree(made);
}

static void cells_say_how_wide_numbers_are(void **state)
{
    (void)state;
    static const uint32_t words[] = {1, 2, 3, 4};
    static const struct {
        uint32_t address_cells, size_cells;
        size_t words;
        lfb_boot_region region; /* none: malformed */
    } cases[] = {
        {2, 2, 4, {0x100000002, 0x400000006, USABLE}},
        {2, 1, 3, {0x100000002, 0x100000005, USABLE}},
        {1, 2, 3, {1, 0x200000004, USABLE}},
        {1, 1, 2, {1, 3, USABLE}},
        {0, 1, 1, {0}},
        {1, 0, 1, {0}},
        {3, 1, 4, {0}},
        {1, 3, 4, {0}},
        {2, 2, 3, {0}},
        {1, 1, 3, {0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tree made;
        test_map t;
        bool right = cases[i].region.end > 0;
        one_node(&made, cases[i].address_cells, cases[i].size_cells, words, cases[i].words);
        lfb_boot_map *map = assert_tree(&t, &made, right ? LFB_BOOT_OK : LFB_BOOT_MALFORMED);
        if (right) {
            assert_map_is(map, &cases[i].region, 1);
        }
    }
}

/* Two words for addresses and one for sizes, where nothing says otherwise. */
static void cells_have_defaults(void **state)
{
    (void)state;
    tree made = {0};
    test_map t;
    tree_begin(&made, "");
    tree_begin(&made, "memory");
    tree_text(&made, "device_type", "memory");
    TREE_WORDS(&made, "reg", 0, 0x1000, 0x2000);
    tree_token(&made, TREE_END_NODE);
    end_tree(&made);
    lfb_boot_map *map = assert_tree(&t, &made, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x1000, 0x3000, USABLE});
}

static void headers_are_judged(void **state)
{
    (void)state;
    static const uint32_t reg[] = {0x1000, 0x1000};
    static const struct {
        size_t field;
        uint32_t value;
        lfb_boot_status status;
    } cases[] = {
        {TREE_MAGIC, 0xedfe0dd0, LFB_BOOT_MALFORMED},
        {TREE_VERSION, 16, LFB_BOOT_MALFORMED},
        {TREE_COMPATIBLE, 17, LFB_BOOT_OK},
        {TREE_COMPATIBLE, 18, LFB_BOOT_MALFORMED},
        {TREE_VERSION, 18, LFB_BOOT_OK},
        {TREE_TOTAL, 39, LFB_BOOT_MALFORMED},
        {TREE_TOTAL, 0xffffffff, LFB_BOOT_TRUNCATED},
        {TREE_TOKENS, 0xfffffffc, LFB_BOOT_MALFORMED},
        {TREE_TOKENS_SIZE, 0xfffffffc, LFB_BOOT_MALFORMED},
        {TREE_TOKENS_SIZE, 4, LFB_BOOT_TRUNCATED},
        {TREE_TOKENS_SIZE, 0, LFB_BOOT_TRUNCATED},
        {TREE_STRINGS, 0xffffffff, LFB_BOOT_MALFORMED},
        {TREE_STRINGS_SIZE, 0xffffffff, LFB_BOOT_MALFORMED},
        {TREE_STRINGS_SIZE, 20, LFB_BOOT_MALFORMED}, /* names begin behind them */
        {TREE_RESERVATIONS, 0xfffffff0, LFB_BOOT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tree made;
        test_map t;
        one_node(&made, 1, 1, reg, 2);
        tree_put_word_at(made.packed.bytes, 4 * cases[i].field, cases[i].value);
        assert_tree(&t, &made, cases[i].status);
    }
    tree made;
    test_map t;
    one_node(&made, 1, 1, reg, 2);
    for (uint32_t size = tree_word(made.packed.bytes, TREE_TOKENS_SIZE); size-- > 0;) {
        tree_put_word_at(made.packed.bytes, 4 * TREE_TOKENS_SIZE, size);
        assert_tree(&t, &made, LFB_BOOT_TRUNCATED);
    }
    lfb_boot_map *map = test_map_clear(&t);
    assert_int_equal(lfb_boot_read_fdt(map, NULL, 100), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_fdt(NULL, reg, 8), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_fdt(map, reg, 8), LFB_BOOT_TRUNCATED);
}

/* What stands between the root's cells and its end, or in the place of it. */
static void property_after_child(tree *t)
{
    tree_begin(t, "child");
    tree_token(t, TREE_END_NODE);
    TREE_WORDS(t, "late", 1);
}

static void unknown_token(tree *t)
{
    tree_token(t, 5);
}

static void too_early_an_end(tree *t)
{
    tree_token(t, TREE_END);
}

static void one_end_too_many(tree *t)
{
    tree_token(t, TREE_END_NODE);
}

static void property_behind_the_root(tree *t)
{
    tree_token(t, TREE_END_NODE);
    TREE_WORDS(t, "late", 1);
}

static void wide_cells(tree *t)
{
    TREE_WORDS(t, "#address-cells", 0, 1);
    tree_begin(t, "memory");
    tree_text(t, "device_type", "memory");
    TREE_WORDS(t, "reg", 0, 1);
    tree_token(t, TREE_END_NODE);
}

static void disk_that_ends_before_it_starts(tree *t)
{
    tree_begin(t, "chosen");
    TREE_WORDS(t, "linux,initrd-start", 2);
    TREE_WORDS(t, "linux,initrd-end", 1);
    tree_token(t, TREE_END_NODE);
}

static void disk_with_wide_addresses(tree *t)
{
    tree_begin(t, "chosen");
    TREE_WORDS(t, "linux,initrd-start", 0, 0, 1);
    TREE_WORDS(t, "linux,initrd-end", 2);
    tree_token(t, TREE_END_NODE);
}

static void disk_with_a_wide_end(tree *t)
{
    tree_begin(t, "chosen");
    TREE_WORDS(t, "linux,initrd-start", 1);
    TREE_WORDS(t, "linux,initrd-end", 0, 2, 3);
    tree_token(t, TREE_END_NODE);
}

static void disk_of_no_bytes(tree *t)
{
    tree_begin(t, "chosen");
    TREE_WORDS(t, "linux,initrd-start", 1);
    TREE_WORDS(t, "linux,initrd-end", 0, 1);
    tree_token(t, TREE_END_NODE);
}

static void name_behind_the_strings(tree *t)
{
    TREE_WORDS(t, "late", 1);
    size_t name = t->tokens.size - 8; /* before the value */
    tree_put_word_at(t->tokens.bytes, name, (uint32_t)t->strings.size);
}

static void memory_that_wraps(tree *t)
{
    TREE_WORDS(t, "#address-cells", 2);
    tree_begin(t, "memory");
    tree_text(t, "device_type", "memory");
    TREE_WORDS(t, "reg", 0xffffffff, 0xfffff000, 0x1001);
    tree_token(t, TREE_END_NODE);
}

static void reservation_too_high(tree *t)
{
    TREE_WORDS(t, "#address-cells", 2);
    tree_begin(t, "reserved-memory");
    tree_begin(t, "it");
    TREE_WORDS(t, "reg", 0x100000, 0, 1);
    tree_token(t, TREE_END_NODE);
    tree_token(t, TREE_END_NODE);
}

static void tokens_are_judged(void **state)
{
    (void)state;
    static const struct {
        void (*put)(tree *t);
        lfb_boot_status status;
    } cases[] = {
        {property_after_child, LFB_BOOT_MALFORMED},
        {unknown_token, LFB_BOOT_MALFORMED},
        {too_early_an_end, LFB_BOOT_MALFORMED},
        {one_end_too_many, LFB_BOOT_MALFORMED},
        {property_behind_the_root, LFB_BOOT_MALFORMED},
        {wide_cells, LFB_BOOT_MALFORMED},
        {disk_that_ends_before_it_starts, LFB_BOOT_MALFORMED},
        {disk_with_wide_addresses, LFB_BOOT_MALFORMED},
        {disk_with_a_wide_end, LFB_BOOT_MALFORMED},
        {disk_of_no_bytes, LFB_BOOT_OK},
        {name_behind_the_strings, LFB_BOOT_MALFORMED},
        {memory_that_wraps, LFB_BOOT_WRAPS},
        {reservation_too_high, LFB_BOOT_TOO_HIGH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tree made;
        test_map t;
        begin_tree(&made, 1, 1);
        cases[i].put(&made);
        end_tree(&made);
        assert_tree(&t, &made, cases[i].status);
    }
}

static void reservations_are_judged(void **state)
{
    (void)state;
    tree made = {0};
    test_map t;
    tree_put_word(&made.reservations, 0x00100000); /* from 2^52 on */
    tree_put_word(&made.reservations, 0);
    tree_put_word(&made.reservations, 0);
    tree_put_word(&made.reservations, 1);
    end_tree(&made);
    lfb_boot_map *map = assert_tree(&t, &made, LFB_BOOT_TOO_HIGH);
    assert_int_equal(map->position, 40);
    made = (tree){0};
    tree_reserve(&made, 0, 0x1000); /* from 0 on, or of no bytes: not the end */
    tree_reserve(&made, 0x1000, 0);
    tree_begin(&made, "");
    end_tree(&made);
    map = assert_tree(&t, &made, LFB_BOOT_OK);
    ASSERT_MAP(map, {0, 0x1000, RESERVED});
}

/* Blocks may come in any order: one at the end of the tree is read to its end, and not beyond. */
static void blocks_may_be_last(void **state)
{
    (void)state;
    static const uint32_t reg[] = {0x1000, 0x1000};
    static const unsigned char zeros[16];
    tree made;
    test_map t;
    one_node(&made, 1, 1, reg, 2);
    tree_put_word_at(made.packed.bytes, 4 * TREE_RESERVATIONS, (uint32_t)made.packed.size);
    tree_put_bytes(&made.packed, zeros, sizeof(zeros));
    tree_put_word_at(made.packed.bytes, 4 * TREE_TOTAL, (uint32_t)made.packed.size);
    lfb_boot_map *map = assert_tree(&t, &made, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x1000, 0x2000, USABLE});
    made = (tree){0};
    tree_token(&made, TREE_BEGIN);
    tree_put_bytes(&made.tokens, "name", 4); /* without its end */
    tree_reserve(&made, 0, 0);
    tree_pack(&made);
    assert_tree(&t, &made, LFB_BOOT_TRUNCATED);
    begin_tree(&made, 1, 1);
    TREE_WORDS(&made, "re", 1);
    made.strings.size--; /* without its end; it might be "reg" */
    end_tree(&made);
    assert_tree(&t, &made, LFB_BOOT_OK);
}

/* The block of reservations has no end of its own: it must not be read beyond the tree's. */
static void reservations_without_end_are_refused(void **state)
{
    (void)state;
    tree made = {0};
    test_map t;
    tree_begin(&made, "");
    tree_token(&made, TREE_END_NODE);
    tree_token(&made, TREE_END);
    tree_reserve(&made, 0x1000, 0x1000);
    tree_pack(&made);
    lfb_boot_map *map = test_map_clear(&t);
    table copy = table_of(made.packed.bytes, made.packed.size);
    lfb_boot_status status = lfb_boot_read_fdt(map, copy.bytes, copy.size);
    assert_true(status == LFB_BOOT_TRUNCATED || status == LFB_BOOT_WRAPS ||
                status == LFB_BOOT_TOO_HIGH);
    free(copy.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_trees),
        cmocka_unit_test(cut_trees_are_seen),
        cmocka_unit_test(tree_with_everything),
        cmocka_unit_test(cells_say_how_wide_numbers_are),
        cmocka_unit_test(cells_have_defaults),
        cmocka_unit_test(headers_are_judged),
        cmocka_unit_test(tokens_are_judged),
        cmocka_unit_test(reservations_are_judged),
        cmocka_unit_test(blocks_may_be_last),
        cmocka_unit_test(reservations_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
