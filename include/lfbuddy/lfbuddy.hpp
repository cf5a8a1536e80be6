// SPDX-License-Identifier: MIT
//
// Pools for C++17: RAII handles, and a std::pmr::memory_resource. Header only, over
// lfbuddy/pool.h, which says what each call does, what may run beside it, and its progress.
//
//     lfbuddy::pool pool(config);                            // throws lfbuddy::pool_error
//     lfbuddy::run run = pool.alloc_run(37);                 // released at the end of the scope
//     lfbuddy::page_resource pages(pool);
//     std::pmr::synchronized_pool_resource resource(&pages);
//     std::pmr::vector<int> numbers(&resource);
//
// Lifetimes: a pool outlives its runs, its resources and what was allocated from them. A handle
// that was moved from is empty: it may be destroyed or assigned to, and asked whether it is.
#ifndef LFBUDDY_LFBUDDY_HPP
#define LFBUDDY_LFBUDDY_HPP

#include <cstddef>
#include <exception>
#include <memory_resource>
#include <new>
#include <optional>
#include <utility>

#include "pool.h"

namespace lfbuddy
{

// What went wrong with a pool: a status for programs, a line of text for people.
class pool_error : public std::exception
{
  public:
    explicit pool_error(const lfb_pool_error &error) noexcept : error_(error)
    {
    }
    const char *what() const noexcept override
    {
        return error_.text;
    }
    lfb_pool_status status() const noexcept
    {
        return error_.status;
    }
    // errno; 0: not the system's doing.
    int system_error() const noexcept
    {
        return error_.system_error;
    }

  private:
    lfb_pool_error error_;
};

// A run of pages, which it releases in the end. Empty where nothing was allocated.
class run
{
  public:
    run() noexcept = default;
    // Takes over a run that was allocated by other means.
    run(lfb_pool *pool, void *address) noexcept : pool_(pool), address_(address)
    {
    }
    run(run &&other) noexcept : pool_(other.pool_), address_(std::exchange(other.address_, nullptr))
    {
    }
    run &operator=(run &&other) noexcept
    {
        run taken(std::move(other));
        std::swap(pool_, taken.pool_);
        std::swap(address_, taken.address_);
        return *this;
    }
    run(const run &) = delete;
    run &operator=(const run &) = delete;
    ~run()
    {
        reset();
    }

    explicit operator bool() const noexcept
    {
        return address_ != nullptr;
    }
    void *data() const noexcept
    {
        return address_;
    }
    std::size_t pages() const noexcept
    {
        return address_ ? lfb_pool_size_of(pool_, address_) : 0;
    }
    // The handle to give to other processes; LFB_NONE: empty.
    std::uintptr_t offset() const noexcept
    {
        return address_ ? lfb_pool_offset(pool_, address_) : LFB_NONE;
    }
    // In place: lfb_pool_resize.
    lfb_status resize(std::size_t pages) noexcept
    {
        return address_ ? lfb_pool_resize(pool_, address_, pages) : LFB_INVALID_ARGUMENT;
    }
    // Gives the run out of this handle's care: the caller releases it.
    void *release() noexcept
    {
        return std::exchange(address_, nullptr);
    }
    // Releases the run now. Returns what lfb_pool_free does; LFB_OK: empty.
    lfb_status reset() noexcept
    {
        void *address = release();
        return address ? lfb_pool_free(pool_, address) : LFB_OK;
    }

  private:
    lfb_pool *pool_ = nullptr;
    void *address_ = nullptr;
};

// A handle on a pool, which it closes in the end.
class pool
{
  public:
    // Creates a pool. Throws pool_error.
    explicit pool(const lfb_pool_config &config) : pool(&lfb_pool_create, config)
    {
    }
    // Opens one that exists. Throws pool_error.
    static pool open(const lfb_pool_config &config)
    {
        return pool(&lfb_pool_open, config);
    }
    // The same without exceptions; *error, which may be null, says why there is none.
    static std::optional<pool> try_create(const lfb_pool_config &config,
                                          lfb_pool_error *error = nullptr) noexcept
    {
        return adopt(lfb_pool_create(&config, error));
    }
    static std::optional<pool> try_open(const lfb_pool_config &config,
                                        lfb_pool_error *error = nullptr) noexcept
    {
        return adopt(lfb_pool_open(&config, error));
    }
    // Takes over a pool from the C interface; null: none.
    static std::optional<pool> adopt(lfb_pool *handle) noexcept
    {
        return handle ? std::optional<pool>(pool(handle)) : std::nullopt;
    }

    pool(pool &&other) noexcept : pool_(std::exchange(other.pool_, nullptr))
    {
    }
    pool &operator=(pool &&other) noexcept
    {
        pool taken(std::move(other));
        std::swap(pool_, taken.pool_);
        return *this;
    }
    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;
    ~pool()
    {
        lfb_pool_close(pool_);
    }

    // For all that is not wrapped here. Null: moved from.
    lfb_pool *get() const noexcept
    {
        return pool_;
    }

    // 2^order pages, or any number of them. Throw std::bad_alloc where the C functions return NULL.
    run alloc(unsigned order)
    {
        return checked(try_alloc(order));
    }
    run alloc_run(std::size_t pages)
    {
        return checked(try_alloc_run(pages));
    }
    // Empty where the C functions return NULL.
    run try_alloc(unsigned order) noexcept
    {
        return run(pool_, lfb_pool_alloc(pool_, order));
    }
    run try_alloc_run(std::size_t pages) noexcept
    {
        return run(pool_, lfb_pool_alloc_run(pool_, pages));
    }

  private:
    explicit pool(lfb_pool *handle) noexcept : pool_(handle)
    {
    }
    pool(lfb_pool *(*make)(const lfb_pool_config *, lfb_pool_error *),
         const lfb_pool_config &config)
    {
        lfb_pool_error error;
        pool_ = make(&config, &error);
        if (!pool_) {
            throw pool_error(error);
        }
    }
    static run checked(run found)
    {
        if (!found) {
            throw std::bad_alloc();
        }
        return found;
    }

    lfb_pool *pool_ = nullptr;
};

// Whole pages of a pool, for std::pmr. Meant as upstream of synchronized_pool_resource, which cuts
// them into small objects: each allocation here takes at least a page. May be used by any number
// of threads; as progress and signal handlers go, it is lfb_pool_alloc_run and lfb_pool_free.
//
// Any alignment up to what the pool has (lfb_pool_alloc) is honoured; where that isn't enough, or
// the pool is exhausted, allocate throws std::bad_alloc.
class page_resource : public std::pmr::memory_resource
{
  public:
    explicit page_resource(pool &from) noexcept : pool_(from.get())
    {
        lfb_pool_info info;
        lfb_pool_get_info(pool_, &info);
        page_size_ = info.page_size;
    }

  private:
    // A run is aligned to the block that would hold it. One that must be aligned to more is
    // allocated as long as that, and cut where that is possible.
    void *do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        std::size_t pages = bytes / page_size_ + (bytes % page_size_ != 0 || bytes == 0);
        std::size_t aligned = alignment / page_size_;
        run found(pool_, lfb_pool_alloc_run(pool_, pages < aligned ? aligned : pages));
        if (!found || reinterpret_cast<std::uintptr_t>(found.data()) % alignment != 0) {
            throw std::bad_alloc();
        }
        if (pages < aligned) {
            found.resize(pages);
        }
        return found.release();
    }
    void do_deallocate(void *address, std::size_t, std::size_t) override
    {
        lfb_pool_free(pool_, address);
    }
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
        auto same = dynamic_cast<const page_resource *>(&other);
        return same && same->pool_ == pool_;
    }

    lfb_pool *pool_;
    std::size_t page_size_;
};

} // namespace lfbuddy

#endif
