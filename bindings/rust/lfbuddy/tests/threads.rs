// SPDX-License-Identifier: MIT
//! Threads that share an allocator. Each marks the pages that it owns, in plain memory: a page that
//! was handed out twice has an owner already, and what its last owner wrote must be seen.

use lfbuddy::{BuddyAlloc, Cpu, Error, Global, Pages, Run};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const PAGE: usize = 4096;
const PAGES: usize = 2048;
const THREADS: usize = 4;
const STEPS: usize = 50_000;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

struct ThisThread;

impl Cpu for ThisThread {
    const COUNT: usize = THREADS;

    fn current_cpu() -> usize {
        NUMBER.with(Cell::get)
    }
}

/// xorshift: a number of its own for each thread, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

/// Who owns each page; 0: nobody. Relaxed, so that the order is the allocator's to keep.
struct Owners(Vec<AtomicUsize>);

impl Owners {
    fn change(&self, run: &Run, from: usize, to: usize) {
        let first = run.address() / PAGE;
        for owner in &self.0[first..first + run.pages()] {
            assert_eq!(owner.load(Ordering::Relaxed), from, "owner of a page at {first}");
            owner.store(to, Ordering::Relaxed);
        }
    }
}

fn allocate<'a>(pages: &'a Pages, random: &mut Random) -> Result<Run<'a>, Error> {
    match random.below(4) {
        0 => pages.run(1 + random.below(60)),
        1 => pages.run_at(random.below(PAGES) * PAGE, 1),
        2 => pages.run_within(1 + random.below(8), PAGES / 4 * PAGE..PAGES / 2 * PAGE),
        _ => pages.block(random.below(5) as u32),
    }
}

fn work(pages: &Pages, owners: &Owners, number: usize) -> usize {
    NUMBER.with(|own| own.set(number - 1));
    let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64));
    let mut runs = Vec::new();
    let mut allocated = 0;
    for _ in 0..STEPS {
        if runs.len() < 24 && random.below(2) == 0 {
            if let Ok(run) = allocate(pages, &mut random) {
                owners.change(&run, 0, number);
                runs.push(run);
                allocated += 1;
            }
        } else if !runs.is_empty() {
            let run = runs.swap_remove(random.below(runs.len()));
            owners.change(&run, number, 0);
            assert_eq!(pages.size_of(run.address()), Some(run.pages()));
            assert_eq!(run.release(), Ok(()));
        }
    }
    for run in &runs {
        owners.change(run, number, 0);
    }
    allocated
}

#[test]
fn no_page_has_two_owners() {
    let buddy = BuddyAlloc::<PAGE, ThisThread, _>::new(0, PAGES, &Global).unwrap();
    let owners = Owners((0..PAGES).map(|_| AtomicUsize::new(0)).collect());
    let (buddy, owners) = (&buddy, &owners);
    let allocated: usize = thread::scope(|scope| {
        let start = |number| scope.spawn(move || work(buddy, owners, number));
        let threads: Vec<_> = (1..=THREADS).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(allocated > STEPS / 4, "{allocated} allocations");
    buddy.drain();
    let stats = buddy.stats();
    assert_eq!((stats.free_pages, stats.runs, stats.largest_free_order), (PAGES, 0, Some(11)));
    assert!(buddy.check().is_sound());
}

/// One of two threads that release the same run is refused.
#[test]
fn one_release_of_two() {
    let buddy = BuddyAlloc::<PAGE, ThisThread, _>::new(0, PAGES, &Global).unwrap();
    for round in 0..500 {
        let address = buddy.alloc(round % 9).unwrap();
        let release = || usize::from(buddy.free(address) == Err(Error::NotAllocated));
        let refused = thread::scope(|scope| {
            let other = scope.spawn(release);
            release() + other.join().unwrap()
        });
        assert_eq!(refused, 1);
    }
    assert_eq!(buddy.stats().free_pages, PAGES);
    assert!(buddy.check().is_sound());
}

/// An allocator goes to another thread and ends there.
#[test]
fn an_allocator_is_sent() {
    let buddy = BuddyAlloc::<PAGE, ThisThread, _>::new(0, PAGES, &Global).unwrap();
    let address = buddy.alloc(3).unwrap();
    let freed = thread::spawn(move || buddy.free(address)).join().unwrap();
    assert_eq!(freed, Ok(()));
}
