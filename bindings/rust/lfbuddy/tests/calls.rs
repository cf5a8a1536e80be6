// SPDX-License-Identifier: MIT
//! Each call, what it returns, and each way that it is refused.

use lfbuddy::{BuddyAlloc, Error, Extent, Kind, Metadata, OneCpu, Options, Pages};
use std::mem::size_of;

const PAGE: usize = 4096;
const BASE: usize = 0x4000_0000;

type Space = Metadata<16384>;
type Buddy<'b> = BuddyAlloc<'b, PAGE, OneCpu, Space>;

fn page(number: usize) -> usize {
    BASE + number * PAGE
}

/// An allocator of 1000 pages with one call on it, and the verdict of the checker in the end.
fn with_1000_pages(call: impl FnOnce(&Pages)) {
    let space = Space::new();
    let buddy = Buddy::new(BASE, 1000, &space).unwrap();
    call(&buddy);
    let report = buddy.check();
    assert!(report.is_sound(), "{:?}", report.first_fault);
}

#[test]
fn an_allocator_says_what_it_is() {
    with_1000_pages(|pages| {
        assert_eq!((pages.page_size(), pages.page_count(), pages.max_order()), (PAGE, 1000, 10));
        assert_eq!((pages.first(), pages.last()), (BASE, page(999)));
    });
}

#[test]
fn what_cant_start() {
    let space = Space::new();
    let error = |start, count| Buddy::new(start, count, &space).map(|_| ()).unwrap_err();
    assert_eq!(error(BASE + 1, 1000), Error::InvalidArgument);
    assert_eq!(error(BASE, 0), Error::InvalidArgument);
    assert_eq!(error(usize::MAX - PAGE + 1, 2), Error::InvalidArgument);
    assert_eq!(error(BASE, 1 << 20), Error::NoMemory);
    type Odd<'b> = BuddyAlloc<'b, 4095, OneCpu, Space>;
    assert_eq!(Odd::new(0, 10, &space).map(|_| ()), Err(Error::InvalidArgument));
    let options = Options::new().with_lanes(4097);
    let result = Buddy::with_options(BASE, 10, options, &space).map(|_| ());
    assert_eq!(result, Err(Error::InvalidArgument));
}

#[test]
fn metadata_is_lent_to_one_at_a_time_and_given_back() {
    let space = Space::new();
    let first = Buddy::new(BASE, 1000, &space).unwrap();
    assert_eq!(Buddy::new(BASE, 1000, &space).map(|_| ()), Err(Error::NoMemory));
    first.alloc(5).unwrap();
    drop(first);
    let second = Buddy::new(BASE, 1000, &space).unwrap();
    assert_eq!(second.stats().free_pages, 1000);
    assert!(second.check().is_sound());
}

#[test]
fn an_allocator_may_be_moved() {
    let space = Space::new();
    let buddy = Buddy::new(BASE, 1000, &space).unwrap();
    let block = buddy.alloc(3).unwrap();
    let mut boxed = vec![buddy];
    boxed.reserve(100);
    let buddy = boxed.pop().unwrap();
    assert_eq!(buddy.size_of(block), Some(8));
    assert_eq!(buddy.free(block), Ok(()));
    assert!(buddy.check().is_sound());
}

#[test]
fn blocks_and_bad_releases() {
    with_1000_pages(|pages| {
        let block = pages.alloc(4).unwrap();
        assert_eq!(block % (16 * PAGE), 0);
        assert_eq!(pages.alloc(11), Err(Error::Exhausted));
        assert_eq!(pages.free(block + PAGE), Err(Error::NotStart));
        assert_eq!(pages.free(block + 1), Err(Error::InvalidArgument));
        assert_eq!(pages.free(page(1000)), Err(Error::OutOfRange));
        assert_eq!(pages.free_sized(block, 15), Err(Error::SizeMismatch));
        assert_eq!(pages.size_of(block), Some(16));
        assert_eq!(pages.free_sized(block, 16), Ok(()));
        assert_eq!(pages.free(block), Err(Error::NotAllocated));
        assert_eq!(pages.size_of(block), None);
        assert_eq!(pages.stats().free_pages, 1000);
    });
}

#[test]
fn runs() {
    with_1000_pages(|pages| {
        let run = pages.alloc_run(37).unwrap();
        assert_eq!((run % (64 * PAGE), pages.size_of(run)), (0, Some(37)));
        assert_eq!(pages.alloc_run(0), Err(Error::Exhausted));
        assert_eq!(pages.alloc_run(1001), Err(Error::Exhausted));
        let low = pages.alloc_within(9, page(500)..page(600)).unwrap();
        assert!(low >= page(500) && low + 9 * PAGE <= page(600));
        assert_eq!(pages.alloc_within(9, page(500)..page(504)), Err(Error::Exhausted));
        assert!(pages.alloc_within(1, page(999)..usize::MAX).is_ok());
        assert_eq!(pages.stats().runs, 3);
    });
}

#[test]
fn a_place_of_ones_own() {
    with_1000_pages(|pages| {
        assert_eq!(pages.alloc_at(page(7), 3), Ok(()));
        assert_eq!(pages.alloc_at(page(8), 1), Err(Error::Busy));
        assert_eq!(pages.alloc_at(page(998), 3), Err(Error::OutOfRange));
        assert_eq!(pages.alloc_at(page(20), 0), Err(Error::InvalidArgument));
        assert_eq!(pages.size_of(page(7)), Some(3));
    });
}

#[test]
fn many_at_once() {
    with_1000_pages(|pages| {
        let mut blocks = [0; 400];
        let got = pages.alloc_bulk(2, &mut blocks);
        assert_eq!(got, 250);
        assert_eq!(pages.alloc(0), Err(Error::Exhausted));
        blocks[100] += PAGE;
        assert_eq!(pages.free_bulk(&blocks[..got]), 100);
        assert_eq!(pages.stats().allocated_pages, 600);
    });
}

#[test]
fn lengths_change() {
    with_1000_pages(|pages| {
        pages.alloc_at(page(0), 8).unwrap();
        pages.alloc_at(page(16), 1).unwrap();
        assert_eq!(pages.resize(page(0), 16), Ok(()));
        assert_eq!(pages.resize(page(0), 17), Err(Error::Busy));
        assert_eq!(pages.resize(page(0), 0), Err(Error::InvalidArgument));
        assert_eq!(pages.resize(page(1), 2), Err(Error::NotStart));
        assert_eq!(pages.size_of(page(0)), Some(16));
        assert_eq!(pages.free_range(page(4), 8), Ok(()));
        assert_eq!(pages.free_range(page(3), 2), Err(Error::NotAllocated));
        assert_eq!(pages.size_of(page(0)), Some(4));
        assert_eq!(pages.free_range(page(12), 4), Ok(()));
        assert_eq!(pages.stats().allocated_pages, 5);
    });
}

#[test]
fn pages_out_of_use() {
    let space = Space::new();
    let options = Options::new().with_start_held().with_max_order(5).with_lanes(2);
    let buddy = Buddy::with_options(BASE, 1000, options, &space).unwrap();
    assert_eq!((buddy.stats().held_pages, buddy.max_order()), (1000, 5));
    assert_eq!(buddy.alloc(0), Err(Error::Exhausted));
    assert_eq!(buddy.release_range(page(10), 90), Ok(()));
    assert_eq!(buddy.release_range(page(99), 2), Err(Error::NotAllocated));
    assert_eq!(buddy.hold_range(page(50), 10), Ok(()));
    assert_eq!(buddy.hold_range(page(49), 2), Err(Error::Busy));
    assert_eq!(buddy.hold_range(page(999), 2), Err(Error::OutOfRange));
    let run = buddy.alloc_run(7).unwrap();
    assert_eq!(buddy.isolate_range(run, 7), Ok(7));
    assert_eq!(buddy.isolate_range(page(60), 1), Err(Error::Exhausted));
    assert_eq!(buddy.free(run), Ok(()));
    assert_eq!(buddy.isolate_range(run, 7), Ok(0));
    assert_eq!(buddy.release_range(run, 7), Ok(()));
    buddy.isolate_end();
    buddy.alloc_at(page(60), 4).unwrap();
    assert_eq!(buddy.release_range(page(59), 2), Err(Error::Busy));
    let held = Extent { address: page(50), pages: 10, kind: Kind::Held };
    assert_eq!(buddy.find(page(55) + 123), Ok(held));
    assert_eq!(buddy.find(page(1000)), Err(Error::OutOfRange));
    assert_eq!(buddy.stats().free_pages, 76);
    assert!(buddy.check().is_sound());
}

/// The extents of a range against its counts.
fn compare_extents(pages: &Pages) {
    let stats = pages.stats();
    let mut blocks = [0; 37];
    let (mut next, mut runs, mut held) = (pages.first(), 0, 0);
    for extent in pages.extents() {
        assert_eq!(extent.address, next);
        next = next.wrapping_add(extent.pages * PAGE);
        match extent.kind {
            Kind::Run => runs += 1,
            Kind::Held => held += extent.pages,
            Kind::Free => blocks[extent.pages.trailing_zeros() as usize] += 1,
        }
    }
    assert_eq!(next, pages.last().wrapping_add(PAGE));
    assert_eq!((runs, held, blocks), (stats.runs, stats.held_pages, stats.free_blocks));
}

#[test]
fn extents_add_up() {
    with_1000_pages(|pages| {
        for length in 1..30 {
            pages.alloc_run(length).unwrap();
        }
        pages.hold_range(page(900), 60).unwrap();
        pages.drain();
        compare_extents(pages);
    });
}

#[test]
fn extents_up_to_the_last_address() {
    let space = Space::new();
    let buddy = Buddy::new(usize::MAX - 64 * PAGE + 1, 64, &space).unwrap();
    let run = buddy.run_at(buddy.last(), 1).unwrap();
    assert_eq!(run.range(), buddy.last()..=usize::MAX);
    compare_extents(&buddy);
    drop(run);
    assert!(buddy.check().is_sound());
}

#[test]
fn owned_runs_release_themselves() {
    with_1000_pages(|pages| {
        let mut run = pages.run(37).unwrap();
        let block = pages.block(3).unwrap();
        let within = pages.run_within(5, page(300)..page(400)).unwrap();
        let at = pages.run_at(page(700), 2).unwrap();
        assert_eq!((run.pages(), block.pages(), within.pages(), at.pages()), (37, 8, 5, 2));
        assert_eq!(pages.stats().allocated_pages, 52);
        assert_eq!(run.bytes(), 37 * PAGE);
        run.resize(30).unwrap();
        assert_eq!((run.pages(), pages.size_of(run.address())), (30, Some(30)));
        assert_eq!(run.resize(0), Err(Error::InvalidArgument));
        drop((run, within, at));
        assert_eq!(pages.stats().allocated_pages, 8);
        assert_eq!(block.release(), Ok(()));
        assert_eq!(pages.stats().runs, 0);
    });
}

#[test]
fn an_owned_run_given_up_and_adopted() {
    with_1000_pages(|pages| {
        let address = pages.run(6).unwrap().into_address();
        assert_eq!(pages.size_of(address), Some(6));
        assert_eq!(pages.adopt(address + PAGE).map(|_| ()), Err(Error::NotAllocated));
        drop(pages.adopt(address).unwrap());
        assert_eq!(pages.size_of(address), None);
        let run = pages.run(6).unwrap();
        pages.free(run.address()).unwrap();
        assert_eq!(run.release(), Err(Error::NotAllocated));
    });
}

#[test]
fn errors_have_the_names_that_c_gives_them() {
    let all = [
        (Error::Exhausted, "exhausted"),
        (Error::InvalidArgument, "invalid argument"),
        (Error::OutOfRange, "out of range"),
        (Error::NotAllocated, "not allocated"),
        (Error::NotStart, "not the start of a run"),
        (Error::SizeMismatch, "size mismatch"),
        (Error::Busy, "busy"),
        (Error::Damaged, "damaged metadata"),
        (Error::NoMemory, "no memory from the backend"),
    ];
    for (number, (error, name)) in all.iter().enumerate() {
        assert_eq!(error.to_string(), *name);
        assert_eq!(error.status() as usize, number + 1);
    }
    assert_eq!(size_of::<Result<(), Error>>(), 1);
}

#[test]
fn damage_is_found() {
    let space = Space::new();
    let buddy = Buddy::new(BASE, 1000, &space).unwrap();
    buddy.alloc(0).unwrap();
    let bytes = (&space as *const Space as *mut Space).cast::<u8>();
    let size = lfbuddy::metadata_size::<PAGE, OneCpu>(BASE, 1000, Options::new()).unwrap();
    let mut faults = 0;
    for at in 0..size {
        // SAFETY: the metadata lies in a cell, at its start, and nobody uses it meanwhile.
        unsafe { bytes.add(at).write(!bytes.add(at).read()) };
        let report = buddy.check();
        assert_eq!(report.is_sound(), report.first_fault.is_none());
        faults += usize::from(!report.is_sound());
        // SAFETY: as above.
        unsafe { bytes.add(at).write(!bytes.add(at).read()) };
    }
    assert!(faults > 100, "{faults} of {size} flipped bytes were noticed");
    assert!(buddy.check().is_sound());
}
