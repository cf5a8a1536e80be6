// SPDX-License-Identifier: MIT
//! A program for `lock_free_buddy_allocator` 0.1 in which nothing but the name of the crate has
//! changed: nightly features and the standard library's allocator are as they were.

#![feature(allocator_api)]
#![feature(thread_id_value)]

use lfbuddy::v0_1 as lock_free_buddy_allocator;

use lock_free_buddy_allocator::buddy_alloc::BuddyAlloc;
use lock_free_buddy_allocator::cpuid;

use std::{alloc::Global, thread};

const PAGE_SIZE: usize = 1 << 12;

struct ThreadNumber;

impl cpuid::Cpu for ThreadNumber {
    fn current_cpu() -> usize {
        thread::current().id().as_u64().get() as usize
    }
}

fn main() {
    let pages: BuddyAlloc<PAGE_SIZE, ThreadNumber, Global> =
        BuddyAlloc::<PAGE_SIZE, ThreadNumber, _>::new(0, 4096, &Global).unwrap();

    let block = pages.alloc(2).unwrap();
    pages.free(block, 2);
    assert_eq!(pages.alloc(4096), Some(0), "all of it is free again");
    println!("allocated and released 2 pages at {block:#x}");
}
