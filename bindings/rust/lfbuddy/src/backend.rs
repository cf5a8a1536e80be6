// SPDX-License-Identifier: MIT
//! Where an allocator gets the memory for its metadata: once, when it starts.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

/// A source of memory for metadata.
///
/// # Safety
///
/// What [`allocate_zeroed`](Backend::allocate_zeroed) returns is filled with zeroes, has the size
/// and alignment asked for, and is the caller's alone until it is released, as long as the backend
/// stays borrowed.
pub unsafe trait Backend {
    /// Memory for the layout, whose size is never 0. `None`: there is none.
    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes the memory back.
    ///
    /// # Safety
    ///
    /// `memory` came from [`allocate_zeroed`](Backend::allocate_zeroed) of this backend with this
    /// layout, and wasn't released before.
    unsafe fn release(&self, memory: NonNull<u8>, layout: Layout);
}

/// `N` bytes for the metadata of one allocator, for a `static` where there is no heap yet.
/// [`metadata_size`](crate::metadata_size) tells how many it takes.
///
/// ```
/// use lfbuddy::{BuddyAlloc, Metadata, OneCpu};
///
/// static METADATA: Metadata<8192> = Metadata::new();
///
/// let buddy = BuddyAlloc::<4096, OneCpu, _>::new(0x4000_0000, 1000, &METADATA).unwrap();
/// assert!(buddy.alloc(0).is_ok());
/// ```
#[repr(C, align(128))]
pub struct Metadata<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    taken: AtomicBool,
}

impl<const N: usize> Metadata<N> {
    /// Nobody's yet.
    pub const fn new() -> Self {
        Metadata { bytes: UnsafeCell::new([0; N]), taken: AtomicBool::new(false) }
    }
}

impl<const N: usize> Default for Metadata<N> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the bytes are reached only by the one who set `taken`, until they are released.
unsafe impl<const N: usize> Sync for Metadata<N> {}

// SAFETY: `taken` gives the bytes to one caller at a time, who gets them zero-filled; they are
// aligned as this type is. They can't move meanwhile: an allocator borrows its backend for as long
// as it uses them.
unsafe impl<const N: usize> Backend for Metadata<N> {
    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        let fits = layout.size() <= N && layout.align() <= core::mem::align_of::<Self>();
        // Acquire: after what the last owner did before its release.
        if !fits || self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        let bytes = self.bytes.get().cast::<u8>();
        // SAFETY: they are this call's now, and there are enough of them.
        unsafe { bytes.write_bytes(0, layout.size()) };
        NonNull::new(bytes)
    }

    unsafe fn release(&self, _memory: NonNull<u8>, _layout: Layout) {
        self.taken.store(false, Ordering::Release);
    }
}

/// The program's own allocator. On nightly compilers, with the feature `allocator_api`, this is
/// `std::alloc::Global`.
#[cfg(all(feature = "alloc", not(feature = "allocator_api")))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Global;

#[cfg(all(feature = "alloc", not(feature = "allocator_api")))]
// SAFETY: the program's allocator promises what is asked for here.
unsafe impl Backend for Global {
    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the size isn't 0.
        NonNull::new(unsafe { alloc::alloc::alloc_zeroed(layout) })
    }

    unsafe fn release(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller has it from allocate_zeroed, with this layout.
        unsafe { alloc::alloc::dealloc(memory.as_ptr(), layout) }
    }
}

#[cfg(feature = "allocator_api")]
pub use alloc::alloc::Global;

#[cfg(feature = "allocator_api")]
// SAFETY: an Allocator promises what is asked for here.
unsafe impl<A: core::alloc::Allocator> Backend for A {
    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        core::alloc::Allocator::allocate_zeroed(self, layout).ok().map(NonNull::cast)
    }

    unsafe fn release(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller has it from allocate_zeroed, with this layout.
        unsafe { self.deallocate(memory, layout) }
    }
}
