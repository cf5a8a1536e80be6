// SPDX-License-Identifier: MIT
//! A program as people wrote it for `lock_free_buddy_allocator` 0.1, moved here by its imports: the
//! crate's documented example, and what else its interface promised. (nightly_v0_1.rs, in examples,
//! keeps `std::alloc::Global` too.)

use lfbuddy::v0_1 as lock_free_buddy_allocator;
use lock_free_buddy_allocator::buddy_alloc::BuddyAlloc;
use lock_free_buddy_allocator::{cpuid, Global};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

const PAGE_SIZE: usize = 1 << 12;

struct Cpu;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT.fetch_add(1, Ordering::Relaxed);
}

impl cpuid::Cpu for Cpu {
    fn current_cpu() -> usize {
        THREAD.with(|number| *number)
    }
}

type Buddy = BuddyAlloc<'static, PAGE_SIZE, Cpu, Global>;

#[test]
fn the_documented_example() {
    let buddy: BuddyAlloc<PAGE_SIZE, Cpu, Global> =
        BuddyAlloc::<PAGE_SIZE, Cpu, _>::new(0, 4096, &Global).unwrap();

    buddy.free(buddy.alloc(2).unwrap(), 2);

    assert_eq!(buddy.alloc(4096), Some(0));
}

#[test]
fn blocks_are_relative_to_the_start() {
    let buddy = Buddy::new(1000, 64, &Global).unwrap();
    assert_eq!(buddy.alloc(64), Some(1000));
    assert_eq!(buddy.alloc(1), None);
    buddy.free(1000, 64);
    let three = buddy.alloc(3).unwrap();
    assert_eq!((three - 1000) % (4 * PAGE_SIZE), 0);
    buddy.free(three, 3);
    assert_eq!(buddy.alloc(64), Some(1000));
}

#[test]
fn a_range_that_isnt_a_power_of_two_isnt_rounded_up() {
    let buddy = Buddy::new(0, 10, &Global).unwrap();
    assert_eq!((0..20).filter(|_| buddy.alloc(1).is_some()).count(), 10);
    assert!(Buddy::new(0, 0, &Global).is_none());
    assert!(Buddy::new(usize::MAX - 8 * PAGE_SIZE, 16, &Global).is_none());
}

#[test]
fn bad_releases_change_nothing() {
    let buddy = Buddy::new(1 << 20, 16, &Global).unwrap();
    let block = buddy.alloc(4).unwrap();
    buddy.free(block + PAGE_SIZE, 1);
    buddy.free(0, 1);
    assert_eq!(buddy.try_free(block, 2), Err(lfbuddy::Error::SizeMismatch));
    assert_eq!(buddy.try_free(0, 4), Err(lfbuddy::Error::OutOfRange));
    assert_eq!(buddy.try_free(block, 4), Ok(()));
    assert_eq!(buddy.try_free(block, 4), Err(lfbuddy::Error::NotAllocated));
    buddy.free(block, 4);
    assert_eq!(buddy.alloc(16), Some(1 << 20));
}

#[test]
fn shared_by_threads() {
    let buddy = Arc::new(Buddy::new(0, 1024, &Global).unwrap());
    let take =
        |buddy: Arc<Buddy>| move || (0..128).map(|_| buddy.alloc(4).unwrap()).collect::<Vec<_>>();
    let threads: Vec<_> = (0..2).map(|_| thread::spawn(take(buddy.clone()))).collect();
    let mut starts: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    starts.sort_unstable();
    assert_eq!(starts, (0..256).map(|i| i * 4 * PAGE_SIZE).collect::<Vec<_>>());
    assert_eq!(buddy.alloc(1), None);
}
