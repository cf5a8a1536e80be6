// SPDX-License-Identifier: MIT
//! The interface of `lock_free_buddy_allocator` 0.2: sizes as orders. Code written for it moves here
//! by its import:
//!
//! ```
//! use lfbuddy::v0_2 as lock_free_buddy_allocator; // was: extern crate
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
//! let buddy = BuddyAlloc::<Cpu, _>::new(0, 10, &Global).unwrap();
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

    /// A buddy allocator that counts in orders.
    pub struct BuddyAlloc<'a, C: Cpu, A: Backend + 'a, const PAGE_SIZE: usize = 4096> {
        inner: Relative<'a, PAGE_SIZE, C, A>,
    }

    /// Orders too large for any range stay too large.
    fn narrow(order: usize) -> u32 {
        u32::try_from(order).unwrap_or(u32::MAX)
    }

    impl<'a, C: Cpu, A: Backend + 'a, const PAGE_SIZE: usize> BuddyAlloc<'a, C, A, PAGE_SIZE> {
        /// An allocator of 2^order pages from the address `start` on. `None`: the backend has no
        /// memory, or there is no such range.
        pub fn new(start: usize, order: u8, backend: &'a A) -> Option<Self> {
            let pages = 1usize.checked_shl(u32::from(order))?;
            Some(BuddyAlloc { inner: Relative::new(start, pages, backend)? })
        }

        /// The address of 2^order pages. `None`: exhausted, or an order above the range's.
        #[inline]
        pub fn alloc(&self, order: usize) -> Option<usize> {
            self.inner.alloc(narrow(order))
        }

        /// Releases what [`alloc`](Self::alloc) returned for this order. `None`: anything else,
        /// which is refused and changes nothing; [`try_free`](Self::try_free) says why.
        #[inline]
        pub fn free(&self, start: usize, order: usize) -> Option<()> {
            self.try_free(start, order).ok()
        }

        /// [`free`](Self::free), with the reason.
        #[inline]
        pub fn try_free(&self, start: usize, order: usize) -> Result<(), Error> {
            self.inner.free(start, narrow(order))
        }
    }
}
