// SPDX-License-Identifier: MIT
// The C++ handles, and the library's own containers over pools. TAP on standard output.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <string>
#include <thread>
#include <type_traits>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include "lfbuddy/lfbuddy.hpp"

namespace
{

int number;
int failures;

void check(bool right, const char *what)
{
    std::printf("%sok %d - %s\n", right ? "" : "not ", ++number, what);
    failures += !right;
}

// Whether the call throws this, and nothing else.
template <typename Exception, typename Call> bool throws(Call call)
{
    try {
        call();
    } catch (const Exception &) {
        return true;
    } catch (...) {
    }
    return false;
}

constexpr std::size_t page_size = 4096;
constexpr std::size_t mebibyte = std::size_t(1) << 20;

lfb_pool_config config_of(std::size_t size)
{
    lfb_pool_config config = {};
    config.size = size;
    config.page_size = page_size;
    return config;
}

std::size_t allocated(const lfbuddy::pool &pool)
{
    lfb_stats stats;
    lfb_get_stats(lfb_pool_core(pool.get()), &stats);
    return stats.allocated_pages;
}

bool is_sound(const lfbuddy::pool &pool)
{
    return lfb_pool_check(pool.get(), nullptr) == LFB_OK;
}

// ------------------------------------------------------------------------------------ handles

static_assert(!std::is_copy_constructible_v<lfbuddy::pool> &&
              !std::is_copy_assignable_v<lfbuddy::pool>);
static_assert(!std::is_copy_constructible_v<lfbuddy::run> &&
              !std::is_copy_assignable_v<lfbuddy::run>);
static_assert(std::is_nothrow_move_constructible_v<lfbuddy::pool>);
static_assert(std::is_nothrow_move_assignable_v<lfbuddy::pool>);
static_assert(std::is_nothrow_move_constructible_v<lfbuddy::run>);
static_assert(std::is_nothrow_move_assignable_v<lfbuddy::run>);

void test_errors()
{
    bool thrown = false;
    try {
        lfbuddy::pool pool(config_of(0));
    } catch (const lfbuddy::pool_error &error) {
        thrown = error.status() == LFB_POOL_INVALID && std::strlen(error.what()) > 10 &&
                 error.system_error() == 0;
    }
    check(thrown, "a pool of no size: an exception with status and text");

    lfb_pool_config missing = {};
    missing.kind = LFB_POOL_FILE;
    missing.name = "/nowhere/pool";
    check(throws<lfbuddy::pool_error>([&] { lfbuddy::pool::open(missing); }), "open throws");
    lfb_pool_error error;
    check(!lfbuddy::pool::try_open(missing, &error) && error.status == LFB_POOL_NOT_FOUND,
          "try_open says why");
    check(!lfbuddy::pool::try_create(config_of(0)), "try_create without a place for the error");
    check(!lfbuddy::pool::adopt(nullptr), "no handle, no pool");
    check(lfbuddy::pool::try_create(config_of(mebibyte)).has_value(), "try_create creates");
}

void test_open()
{
    lfb_pool_config config = config_of(mebibyte);
    config.kind = LFB_POOL_FILE;
    const std::string name = "/tmp/lfbuddy-cpp-" + std::to_string(getpid());
    config.name = name.c_str();
    std::uintptr_t offset = LFB_NONE;
    {
        lfbuddy::pool pool(config);
        lfbuddy::run run = pool.alloc_run(3);
        std::strcpy(static_cast<char *>(run.data()), "still here");
        offset = run.offset();
        run.release();
    }
    {
        lfbuddy::pool pool = lfbuddy::pool::open(config);
        lfbuddy::run run(pool.get(), lfb_pool_pointer(pool.get(), offset));
        check(run.pages() == 3 && !std::strcmp(static_cast<char *>(run.data()), "still here"),
              "a run left to a file pool is there when it is opened again");
    }
    check(lfb_pool_remove(LFB_POOL_FILE, name.c_str(), nullptr), "the file is removed");
}

void test_runs()
{
    lfbuddy::pool pool(config_of(mebibyte));
    {
        lfbuddy::run block = pool.alloc(3);
        lfbuddy::run run = pool.alloc_run(37);
        check(block && block.pages() == 8 && run.pages() == 37 && allocated(pool) == 45,
              "a block and a run");
        lfbuddy::run moved(std::move(run));
        check(!run && run.data() == nullptr && run.pages() == 0 && run.offset() == LFB_NONE &&
                  run.resize(1) == LFB_INVALID_ARGUMENT && run.reset() == LFB_OK,
              "a run that was moved from is empty");
        block = std::move(moved);
        check(block.pages() == 37 && !moved && allocated(pool) == 37,
              "assigning releases what was there");
        lfbuddy::run &same = block;
        block = std::move(same);
        check(block.pages() == 37, "assigning a run to itself changes nothing");
        check(block.resize(5) == LFB_OK && allocated(pool) == 5, "resize");
        lfb_pool_free(pool.get(), block.data());
        check(block.reset() == LFB_NOT_ALLOCATED, "reset says what lfb_pool_free does");
        block = pool.alloc(0);
    }
    check(allocated(pool) == 0, "the end of the scope releases");
    check(throws<std::bad_alloc>([&] { pool.alloc(20); }) && !pool.try_alloc(20),
          "more than there is: bad_alloc, or an empty run");
    check(throws<std::bad_alloc>([&] { pool.alloc_run(257); }) && !pool.try_alloc_run(0),
          "the same of runs");
    lfbuddy::pool other(std::move(pool));
    check(!pool.get() && other.try_alloc(0), "a pool moves");
    pool = std::move(other);
    check(pool.get() && !other.get(), "and back");
}

// ----------------------------------------------------------------------------------- resource

// Allocates and tells whether it is aligned and writable, and takes so many pages. Not from an
// empty pool: there all would be aligned.
bool serves(lfbuddy::pool &pool, std::size_t bytes, std::size_t alignment, std::size_t pages)
{
    lfbuddy::run first = pool.alloc(0);
    lfbuddy::page_resource resource(pool);
    void *memory = resource.allocate(bytes, alignment);
    std::memset(memory, 1, bytes);
    bool right =
        reinterpret_cast<std::uintptr_t>(memory) % alignment == 0 && allocated(pool) == pages + 1;
    resource.deallocate(memory, bytes, alignment);
    return right && allocated(pool) == 1;
}

void test_resource()
{
    lfbuddy::pool pool(config_of(8 * mebibyte));
    check(serves(pool, 1, 1, 1) && serves(pool, 0, 8, 1), "a byte and no byte take a page");
    check(serves(pool, page_size, page_size, 1) && serves(pool, page_size + 1, 16, 2),
          "bytes are rounded up to pages");
    bool all = true;
    for (std::size_t alignment = page_size; alignment <= 4 * mebibyte; alignment *= 2) {
        all = all && serves(pool, 3 * page_size, alignment, 3) && serves(pool, 1, alignment, 1);
    }
    check(all, "alignment up to 4 MiB, without more pages than needed");
    lfbuddy::page_resource resource(pool), same(pool);
    check(throws<std::bad_alloc>([&] { (void)resource.allocate(1, std::size_t(1) << 32); }),
          "alignment beyond the pool: bad_alloc");
    check(throws<std::bad_alloc>([&] { (void)resource.allocate(9 * mebibyte, 1); }) &&
              throws<std::bad_alloc>([&] { (void)resource.allocate(SIZE_MAX / 2, 1); }),
          "more bytes than there are: bad_alloc");
    lfbuddy::pool other(config_of(mebibyte));
    lfbuddy::page_resource foreign(other);
    check(resource == same && resource != foreign && resource != *std::pmr::new_delete_resource(),
          "equal if and only if of the same pool");
    check(allocated(pool) == 0, "nothing is left allocated");
}

void test_exhaustion()
{
    lfbuddy::pool pool(config_of(2 * mebibyte));
    lfbuddy::page_resource resource(pool);
    {
        std::pmr::vector<std::size_t> numbers(&resource);
        bool full = throws<std::bad_alloc>([&] {
            for (;;) {
                numbers.push_back(numbers.size());
            }
        });
        bool kept = numbers.size() >= mebibyte / sizeof(std::size_t) / 2;
        for (std::size_t i = 0; i < numbers.size(); i++) {
            kept = kept && numbers[i] == i;
        }
        check(full && kept, "a vector in a full pool: bad_alloc, and it is as it was");
    }
    check(allocated(pool) == 0 && is_sound(pool), "all of it was given back");
}

// --------------------------------------------------------------------------------- containers

using text = std::pmr::string;

text text_of(std::size_t key, std::pmr::memory_resource *resource)
{
    return text(20 + key % 300, static_cast<char>('a' + key % 26), resource);
}

// Fills a map of strings and vectors until it is large enough or the pool is full; returns how
// many entries it found right, and adds to the number of refusals.
std::size_t fill_and_verify(std::pmr::memory_resource *resource, std::size_t first,
                            std::size_t entries, std::atomic<unsigned> &refused)
{
    std::pmr::unordered_map<std::size_t, std::pmr::vector<text>> map(resource);
    std::size_t wrong = 0;
    try {
        for (std::size_t key = first; key < first + entries; key++) {
            std::pmr::vector<text> &texts = map[key];
            for (std::size_t i = 0; i <= key % 5; i++) {
                texts.push_back(text_of(key + i, resource));
            }
            if (key % 3 == 0) {
                map.erase(first + key % entries / 2);
            }
        }
    } catch (const std::bad_alloc &) {
        refused++;
    }
    for (const auto &[key, texts] : map) {
        for (std::size_t i = 0; i < texts.size(); i++) {
            wrong += texts[i] != text_of(key + i, std::pmr::new_delete_resource());
        }
    }
    return wrong;
}

// Threads with containers of their own over one resource.
void run_threads(std::pmr::memory_resource *resource, std::atomic<unsigned> &refused,
                 std::atomic<std::size_t> &wrong)
{
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; t++) {
        threads.emplace_back([&, t] {
            for (std::size_t round = 0; round < 10; round++) {
                wrong += fill_and_verify(resource, t * 100000 + round, 600, refused);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

void test_threads()
{
    std::atomic<unsigned> refused{0};
    std::atomic<std::size_t> wrong{0};
    lfbuddy::pool large(config_of(64 * mebibyte));
    {
        lfbuddy::page_resource pages(large);
        std::pmr::synchronized_pool_resource resource(&pages);
        run_threads(&resource, refused, wrong);
        check(allocated(large) > 0, "the containers were in the pool");
    }
    check(refused == 0 && wrong == 0, "four threads in a large pool");
    check(allocated(large) == 0 && is_sound(large), "all of it was given back");

    // Not through a synchronized_pool_resource: where its upstream throws while it notes a new
    // chunk, that of GCC 12 goes on without the chunk, and crashes (_Pool::replenish).
    lfbuddy::pool small(config_of(mebibyte));
    lfbuddy::page_resource pages(small);
    run_threads(&pages, refused, wrong);
    check(refused > 0 && wrong == 0, "four threads in a pool too small for them: bad_alloc");
    check(allocated(small) == 0 && is_sound(small), "all of it was given back");
}

} // namespace

int main()
{
    test_errors();
    test_open();
    test_runs();
    test_resource();
    test_exhaustion();
    test_threads();
    std::printf("1..%d\n", number);
    return failures != 0;
}
