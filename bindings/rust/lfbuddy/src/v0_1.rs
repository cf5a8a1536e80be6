// SPDX-License-Identifier: MIT
//! The interface of `lock_free_buddy_allocator` 0.1: sizes in pages. Code written for it moves here
//! by its import:
//!
//! ```
//! use lfbuddy::v0_1 as lock_free_buddy_allocator; // was: extern crate
//!
//! use lock_free_buddy_allocator::buddy_alloc::BuddyAlloc;
//! use lock_free_buddy_allocator::cpuid;
//! use lock_free_buddy_allocator::Global; // on stable compilers; was: std::alloc::Global
//!
//! struct Cpu;
//!
//! impl cpuid::Cpu for Cpu {
//!     fn current_cpu() -> usize {
//!         0
//!     }
//! }
//!
//! let buddy = BuddyAlloc::<4096, Cpu, _>::new(0, 4096, &Global).unwrap();
//! buddy.free(buddy.alloc(2).unwrap(), 2);
//! ```
//!
//! docs/rust.md of the project lists what behaves differently.

#[cfg(feature = "alloc")]
pub use crate::Global;

/// Which CPU a call is on.
pub mod cpuid {
    pub use crate::Cpu;
}

/// The allocator.
pub mod buddy_alloc {
    use crate::relative::Relative;
    use crate::{Backend, Cpu, Error};

    /// A buddy allocator that counts in pages.
    pub struct BuddyAlloc<'a, const PAGE_SIZE: usize, C: Cpu, A: Backend + 'a> {
        inner: Relative<'a, PAGE_SIZE, C, A>,
    }

    impl<'a, const PAGE_SIZE: usize, C: Cpu, A: Backend + 'a> BuddyAlloc<'a, PAGE_SIZE, C, A> {
        /// An allocator of exactly `pages` pages from `start` on. `None`: the backend has no
        /// memory, or there is no such range.
        pub fn new(start: usize, pages: usize, backend: &'a A) -> Option<Self> {
            Some(BuddyAlloc { inner: Relative::new(start, pages, backend)? })
        }

        /// The address of so many pages, rounded up to a power of two. `None`: exhausted.
        #[inline]
        pub fn alloc(&self, pages: usize) -> Option<usize> {
            self.inner.alloc(Relative::<PAGE_SIZE, C, A>::order_of(pages))
        }

        /// Releases what [`alloc`](Self::alloc) returned for so many pages. Anything else is
        /// refused and changes nothing; [`try_free`](Self::try_free) says so.
        #[inline]
        pub fn free(&self, start: usize, pages: usize) {
            let _ = self.try_free(start, pages);
        }

        /// [`free`](Self::free), with an answer.
        #[inline]
        pub fn try_free(&self, start: usize, pages: usize) -> Result<(), Error> {
            self.inner.free(start, Relative::<PAGE_SIZE, C, A>::order_of(pages))
        }
    }
}
