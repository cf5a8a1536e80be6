// SPDX-License-Identifier: MIT
//! A program whose memory is a PageHeap: collections on threads, with checked contents. What Rust
//! allocates before the heap is started comes from the system.

use lfbuddy::{Cpu, Error, Metadata, PageHeap};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Once;
use std::thread;

const PAGE: usize = 4096;
const PAGES: usize = 4096;
/// The arena begins one page after an address that is aligned to 16.
const OFFSET: usize = PAGE;

/// All of it is a block of one size, at any place.
#[repr(align(16777216))]
struct Block(UnsafeCell<[u8; PAGES * PAGE]>);

#[repr(align(65536))]
struct Arena(UnsafeCell<[u8; OFFSET + PAGES * PAGE]>);

// SAFETY: only the heap touches it.
unsafe impl Sync for Arena {}

// SAFETY: only its heap touches it.
unsafe impl Sync for Block {}

struct ThisThread;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Neither allocates: it is asked in the middle of allocations.
    static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl Cpu for ThisThread {
    fn current_cpu() -> usize {
        NUMBER.with(|number| {
            if number.get() == usize::MAX {
                number.set(THREADS.fetch_add(1, Ordering::Relaxed));
            }
            number.get()
        })
    }
}

static ARENA: Arena = Arena(UnsafeCell::new([0; OFFSET + PAGES * PAGE]));
static METADATA: Metadata<16384> = Metadata::new();
static HEAP: PageHeap<PAGE, ThisThread, Metadata<16384>> = PageHeap::new();

fn arena() -> NonNull<u8> {
    NonNull::new(ARENA.0.get().cast::<u8>().wrapping_add(OFFSET)).unwrap()
}

/// The heap where it has memory, before that the system.
struct Early;

fn is_heaps(pointer: *mut u8) -> bool {
    let start = arena().as_ptr() as usize;
    (start..start + PAGES * PAGE).contains(&(pointer as usize))
}

// SAFETY: each pointer goes back to the allocator that it came from.
unsafe impl GlobalAlloc for Early {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = HEAP.alloc(layout);
        if !memory.is_null() {
            return memory;
        }
        // Null may have meant "not started" while another thread was starting it: ask again.
        match HEAP.stats() {
            None => System.alloc(layout),
            Some(_) => HEAP.alloc(layout),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if is_heaps(pointer) {
            HEAP.dealloc(pointer, layout)
        } else {
            System.dealloc(pointer, layout)
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_heaps(pointer) {
            HEAP.realloc(pointer, layout, size)
        } else {
            System.realloc(pointer, layout, size)
        }
    }
}

#[global_allocator]
static ALLOCATOR: Early = Early;

fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the arena is this heap's for good.
        unsafe {
            let misaligned = NonNull::new(arena().as_ptr().add(1)).unwrap();
            assert_eq!(HEAP.start(misaligned, 1, &METADATA), Err(Error::InvalidArgument));
            assert_eq!(HEAP.start(arena(), PAGES, &METADATA), Ok(()));
            assert_eq!(HEAP.start(arena(), PAGES, &METADATA), Err(Error::Busy));
        }
    });
}

fn work(seed: usize) {
    let mut map: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for step in 0..2000 {
        let key = (step * 7 + seed) % 40;
        let values = map.entry(key).or_default();
        values.extend((values.len()..values.len() + 50).map(|i| i * key + seed));
        if values.len() > 3000 {
            map.remove(&((step * 11) % 40));
        }
        let check = |(key, values): (&usize, &Vec<usize>)| {
            values.iter().enumerate().all(|(i, value)| *value == i * key + seed)
        };
        assert!(step % 100 != 0 || map.iter().all(check));
    }
    assert!(map.values().all(|values| is_heaps(values.as_ptr() as *mut u8)));
}

#[test]
fn collections_on_threads() {
    start();
    let threads: Vec<_> = (0..4).map(|seed| thread::spawn(move || work(seed))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn sizes_and_alignments() {
    start();
    for (size, align) in [(1, 1), (1, PAGE), (PAGE + 1, 64), (1, 8 * PAGE), (3 * PAGE, 2 * PAGE)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: sizes aren't 0; the memory is as large as asked for, and given back once.
        unsafe {
            let memory = HEAP.alloc(layout);
            assert!(is_heaps(memory));
            assert_eq!(memory as usize % align.max(PAGE), 0);
            memory.write_bytes(0x5a, size);
            HEAP.dealloc(memory, layout);
        }
    }
    let too_much = Layout::from_size_align((PAGES + 1) * PAGE, 8).unwrap();
    // SAFETY: the size isn't 0.
    assert!(unsafe { HEAP.alloc(too_much) }.is_null());
}

#[test]
fn growing_keeps_what_is_there() {
    start();
    let layout = Layout::from_size_align(2 * PAGE, 8).unwrap();
    // SAFETY: sizes aren't 0, and each pointer is the last one that alloc or realloc returned.
    unsafe {
        let mut memory = HEAP.alloc(layout);
        memory.write_bytes(0x77, layout.size());
        let mut size = layout.size();
        for wanted in [PAGE / 2, 2 * PAGE, 40 * PAGE, 5 * PAGE, 200 * PAGE, 1] {
            let old = Layout::from_size_align(size, 8).unwrap();
            memory = HEAP.realloc(memory, old, wanted);
            assert!(is_heaps(memory));
            let kept = std::slice::from_raw_parts(memory, wanted.min(PAGE / 2));
            assert!(kept.iter().all(|byte| *byte == 0x77));
            size = wanted;
        }
        HEAP.dealloc(memory, Layout::from_size_align(size, 8).unwrap());
    }
}

/// In a heap of its own: beside the other tests, what is free may be in pieces too small.
#[test]
fn what_is_given_back_can_be_had_again() {
    static BLOCK: Block = Block(UnsafeCell::new([0; PAGES * PAGE]));
    static METADATA: Metadata<16384> = Metadata::new();
    static WHOLE: PageHeap<PAGE, ThisThread, Metadata<16384>> = PageHeap::new();
    let memory = NonNull::new(BLOCK.0.get().cast::<u8>()).unwrap();
    // SAFETY: the block is this heap's for good.
    assert_eq!(unsafe { WHOLE.start(memory, PAGES, &METADATA) }, Ok(()));
    let quarter = Layout::from_size_align(PAGES / 4 * PAGE, PAGE).unwrap();
    for _ in 0..100 {
        // SAFETY: sizes aren't 0, and the memory is given back once.
        unsafe {
            let quarters: Vec<_> = (0..4).map(|_| WHOLE.alloc(quarter)).collect();
            assert!(quarters.iter().all(|memory| !memory.is_null()));
            assert!(WHOLE.alloc(quarter).is_null());
            quarters.into_iter().for_each(|memory| WHOLE.dealloc(memory, quarter));
        }
    }
}
