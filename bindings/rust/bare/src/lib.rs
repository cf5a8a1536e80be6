// SPDX-License-Identifier: MIT
//! A kernel's first minutes without any standard library: metadata in a static, some frames, a heap
//! of pages. test.sh builds it, looks for symbols that it takes from elsewhere, and runs it.

#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr::NonNull;
use lfbuddy::{BuddyAlloc, Cpu, Error, Metadata, Options, PageHeap};

const PAGE: usize = 4096;

struct BootCpu;

impl Cpu for BootCpu {
    const COUNT: usize = 2;

    fn current_cpu() -> usize {
        1
    }
}

static FRAMES: Metadata<8192> = Metadata::new();
static HEAP_METADATA: Metadata<4096> = Metadata::new();
static HEAP: PageHeap<PAGE, BootCpu, Metadata<4096>> = PageHeap::new();

fn frames() -> Result<usize, Error> {
    let options = Options::new().with_start_held();
    let frames = BuddyAlloc::<PAGE, BootCpu, _>::with_options(0, 1000, options, &FRAMES)?;
    frames.release_range(100 * PAGE, 900)?;
    let block = frames.alloc(4)?;
    let run = frames.run(37)?;
    frames.free(block)?;
    let twice = frames.free(block) == Err(Error::NotAllocated);
    drop(run);
    frames.drain();
    let sound = frames.check().is_sound();
    Ok(if twice && sound { frames.stats().free_pages } else { 0 })
}

/// # Safety
///
/// `memory` is aligned to 4096 and has `pages` pages, which are this call's for good.
unsafe fn heap(memory: *mut u8, pages: usize) -> Result<usize, Error> {
    let memory = NonNull::new(memory).ok_or(Error::InvalidArgument)?;
    // SAFETY: the caller says that it is all ours.
    unsafe { HEAP.start(memory, pages, &HEAP_METADATA)? };
    let layout = Layout::new::<[u8; 3 * PAGE]>();
    // SAFETY: the layout has a size, and what came is given back once.
    unsafe {
        let buffer = HEAP.alloc_zeroed(layout);
        if buffer.is_null() {
            return Err(Error::Exhausted);
        }
        HEAP.dealloc(buffer, layout);
    }
    HEAP.stats().map(|stats| stats.free_pages).ok_or(Error::Damaged)
}

/// 0: everything went as it should.
///
/// # Safety
///
/// `memory` is aligned to 4096 and has `pages` pages, which are this call's for good.
#[no_mangle]
pub unsafe extern "C" fn lfbuddy_bare_run(memory: *mut u8, pages: usize) -> i32 {
    // SAFETY: the caller says that it is all ours.
    let heap = unsafe { heap(memory, pages) };
    i32::from(frames() != Ok(900) || heap != Ok(pages))
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {}
}
