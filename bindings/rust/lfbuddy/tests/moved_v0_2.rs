// SPDX-License-Identifier: MIT
//! A program as people wrote it for `lock_free_buddy_allocator` 0.2, moved here by its imports.

use lfbuddy::v0_2 as lock_free_buddy_allocator;
use lock_free_buddy_allocator::buddy_alloc::BuddyAlloc;
use lock_free_buddy_allocator::{cpuid, Global};
use std::sync::Arc;
use std::thread;

struct Cpu;

impl cpuid::Cpu for Cpu {
    fn current_cpu() -> usize {
        thread::current().name().map_or(0, str::len)
    }
}

#[test]
fn the_documented_example() {
    let buddy: BuddyAlloc<Cpu, Global> = BuddyAlloc::<Cpu, _>::new(0, 10, &Global).unwrap();

    buddy.free(buddy.alloc(2).unwrap(), 2);

    assert_eq!(buddy.alloc(10), Some(0));
}

#[test]
fn other_page_sizes() {
    let buddy = BuddyAlloc::<Cpu, _, 64>::new(1 << 16, 4, &Global).unwrap();
    assert_eq!(buddy.alloc(4), Some(1 << 16));
    assert_eq!(buddy.free(1 << 16, 4), Some(()));
    let mut starts: Vec<_> = (0..8).map(|_| buddy.alloc(1).unwrap()).collect();
    starts.sort_unstable();
    assert_eq!(starts, (0..8).map(|i| (1 << 16) + i * 128).collect::<Vec<_>>());
    assert_eq!(buddy.alloc(0), None);
}

#[test]
fn orders_that_cant_be() {
    assert!(BuddyAlloc::<Cpu, _>::new(0, 60, &Global).is_none());
    assert!(BuddyAlloc::<Cpu, _>::new(0, 255, &Global).is_none());
    let buddy = BuddyAlloc::<Cpu, _>::new(0, 4, &Global).unwrap();
    assert_eq!(buddy.alloc(5), None);
    assert_eq!(buddy.alloc(usize::MAX), None);
    assert_eq!(buddy.free(0, usize::MAX), None);
}

#[test]
fn bad_releases_are_refused() {
    let buddy = BuddyAlloc::<Cpu, _>::new(0, 4, &Global).unwrap();
    let block = buddy.alloc(2).unwrap();
    assert_eq!(buddy.free(block, 1), None);
    assert_eq!(buddy.free(block, 2), Some(()));
    assert_eq!(buddy.free(block, 2), None);
    assert_eq!(buddy.try_free(block, 2), Err(lfbuddy::Error::NotAllocated));
    assert_eq!(buddy.alloc(4), Some(0));
}

#[test]
fn allocating_beside_releasing() {
    let buddy = Arc::new(BuddyAlloc::<Cpu, _>::new(0, 12, &Global).unwrap());
    let half: Vec<_> = (0..1 << 11).map(|_| buddy.alloc(0).unwrap()).collect();
    let releasing = buddy.clone();
    let release =
        move || half.into_iter().filter(|&page| releasing.free(page, 0).is_some()).count();
    let releasing = thread::spawn(release);
    let allocating = thread::spawn(move || (0..1 << 11).filter_map(|_| buddy.alloc(0)).count());
    assert_eq!(releasing.join().unwrap(), 1 << 11);
    assert_eq!(allocating.join().unwrap(), 1 << 11);
}
