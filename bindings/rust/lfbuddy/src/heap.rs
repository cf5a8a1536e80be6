// SPDX-License-Identifier: MIT
//! Whole pages of real memory as a program's allocator.

use crate::{Backend, BuddyAlloc, Cpu, Error, Stats};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, Ordering};

const EMPTY: u8 = 0;
const STARTING: u8 = 1;
const STARTED: u8 = 2;

/// A [`GlobalAlloc`] of whole pages: for page tables, stacks, buffers, or under an allocator of
/// small objects. Every request takes whole pages, so one of less than a page takes a page.
///
/// It makes its own allocator, in a `static` as it stands, and answers NULL until it is started.
///
/// ```
/// use core::alloc::{GlobalAlloc, Layout};
/// use core::ptr::NonNull;
/// use lfbuddy::{Metadata, OneCpu, PageHeap};
///
/// static METADATA: Metadata<8192> = Metadata::new();
/// static HEAP: PageHeap<4096, OneCpu, Metadata<8192>> = PageHeap::new();
///
/// # let memory = unsafe { std::alloc::alloc(Layout::from_size_align(64 * 4096, 4096).unwrap()) };
/// # let memory = NonNull::new(memory).unwrap();
/// // SAFETY: the memory is there, and nobody else's.
/// unsafe { HEAP.start(memory, 64, &METADATA) }.unwrap();
/// let layout = Layout::new::<[u8; 10_000]>();
/// // SAFETY: the layout has a size.
/// let buffer = unsafe { HEAP.alloc(layout) };
/// assert!(!buffer.is_null());
/// assert_eq!(HEAP.stats().unwrap().allocated_pages, 3);
/// // SAFETY: it came from there, with this layout.
/// unsafe { HEAP.dealloc(buffer, layout) };
/// ```
pub struct PageHeap<const PAGE_SIZE: usize, C: Cpu, B: Backend + 'static> {
    state: AtomicU8,
    started: UnsafeCell<MaybeUninit<Started<PAGE_SIZE, C, B>>>,
}

struct Started<const PAGE_SIZE: usize, C: Cpu, B: Backend + 'static> {
    buddy: BuddyAlloc<'static, PAGE_SIZE, C, B>,
    memory: NonNull<u8>,
}

// SAFETY: `started` is written once, by the one who took `state` from EMPTY, and read only after
// STARTED was seen; from then on it is constant, and its allocator may be shared. The memory is
// handed out piece by piece, each to one owner.
unsafe impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + Sync> Sync for PageHeap<PAGE_SIZE, C, B> {}

impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + 'static> PageHeap<PAGE_SIZE, C, B> {
    /// Without memory yet.
    pub const fn new() -> Self {
        PageHeap { state: AtomicU8::new(EMPTY), started: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Gives it memory, aligned to a page. [`Error::Busy`]: it has some already.
    ///
    /// # Safety
    ///
    /// The `num_pages` pages at `memory` may be read and written, and are nobody else's, for good.
    /// The backend doesn't get its memory from this heap.
    pub unsafe fn start(
        &self,
        memory: NonNull<u8>,
        num_pages: usize,
        backend: &'static B,
    ) -> Result<(), Error> {
        let taken =
            self.state.compare_exchange(EMPTY, STARTING, Ordering::Acquire, Ordering::Relaxed);
        taken.map_err(|_| Error::Busy)?;
        match BuddyAlloc::new(memory.as_ptr() as usize, num_pages, backend) {
            Ok(buddy) => {
                // SAFETY: between STARTING and STARTED it is this call's alone.
                unsafe { (*self.started.get()).write(Started { buddy, memory }) };
                // Release: whoever sees STARTED sees what was written.
                self.state.store(STARTED, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                self.state.store(EMPTY, Ordering::Release);
                Err(error)
            }
        }
    }

    fn started(&self) -> Option<&Started<PAGE_SIZE, C, B>> {
        if self.state.load(Ordering::Acquire) != STARTED {
            return None;
        }
        // SAFETY: it was written before STARTED was, and nobody writes it again.
        Some(unsafe { (*self.started.get()).assume_init_ref() })
    }

    /// Counts pages. `None`: not started.
    pub fn stats(&self) -> Option<Stats> {
        Some(self.started()?.buddy.stats())
    }
}

impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + 'static> Default for PageHeap<PAGE_SIZE, C, B> {
    fn default() -> Self {
        Self::new()
    }
}

fn pages_for<const PAGE_SIZE: usize>(size: usize) -> usize {
    size.max(1) / PAGE_SIZE + usize::from(size.max(1) % PAGE_SIZE != 0)
}

impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + 'static> Started<PAGE_SIZE, C, B> {
    /// A run is aligned to the smallest block that holds it. Where that isn't enough: one that is
    /// long enough for its alignment, cut to the length wanted.
    fn alloc(&self, layout: Layout) -> Result<usize, Error> {
        let pages = pages_for::<PAGE_SIZE>(layout.size());
        let aligned = pages_for::<PAGE_SIZE>(layout.align());
        if aligned <= pages {
            return self.buddy.alloc_run(pages);
        }
        let address = self.buddy.alloc_run(aligned)?;
        if aligned != pages {
            // Refused, it is longer than it need be, and no worse.
            let _ = self.buddy.resize(address, pages);
        }
        Ok(address)
    }

    /// Made from the pointer to all of the memory, so that it may point to this part.
    fn pointer(&self, address: usize) -> *mut u8 {
        self.memory.as_ptr().wrapping_add(address - self.memory.as_ptr() as usize)
    }

    fn resize(&self, pointer: *mut u8, size: usize) -> Result<(), Error> {
        self.buddy.resize(pointer as usize, pages_for::<PAGE_SIZE>(size))
    }
}

// SAFETY: runs of one allocator don't overlap while they live, are as long and as aligned as the
// layout asks, and lie in memory that `start` was given for good. Its allocator is reachable from
// here only, so no one releases a run but its owner, by dealloc. Nothing here unwinds, unless
// Cpu::current_cpu does, which a program's allocator must not.
unsafe impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + Sync + 'static> GlobalAlloc
    for PageHeap<PAGE_SIZE, C, B>
{
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let allocate =
            |started: &Started<PAGE_SIZE, C, B>| Some(started.pointer(started.alloc(layout).ok()?));
        self.started().and_then(allocate).unwrap_or(ptr::null_mut())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _layout: Layout) {
        if let Some(started) = self.started() {
            // Refused only where the caller broke dealloc's contract; then nothing has changed.
            let _ = started.buddy.free(pointer as usize);
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.started().map_or(false, |started| started.resize(pointer, size).is_ok()) {
            return pointer;
        }
        // SAFETY: the caller says that the new size is right for this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: a new size isn't 0.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: both are as long as what is copied, and different runs; the old one came
            // from here, and is given back once.
            unsafe {
                ptr::copy_nonoverlapping(pointer, new, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
        }
        new
    }
}
