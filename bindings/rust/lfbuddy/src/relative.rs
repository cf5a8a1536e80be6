// SPDX-License-Identifier: MIT
//! What both versions of `lock_free_buddy_allocator` have in common: blocks are aligned relative to
//! the start of the range, not by their absolute addresses, and the start may be any number. So the
//! allocator here begins at 0, and addresses are moved on their way in and out.

use crate::buddy_alloc::{ceiling_order, BuddyAlloc};
use crate::{Backend, Cpu, Error};

pub(crate) struct Relative<'a, const PAGE_SIZE: usize, C: Cpu, A: Backend + 'a> {
    start: usize,
    buddy: BuddyAlloc<'a, PAGE_SIZE, C, A>,
}

impl<'a, const PAGE_SIZE: usize, C: Cpu, A: Backend + 'a> Relative<'a, PAGE_SIZE, C, A> {
    pub(crate) fn new(start: usize, num_pages: usize, backend: &'a A) -> Option<Self> {
        let last = num_pages.checked_sub(1)?.checked_mul(PAGE_SIZE)?;
        start.checked_add(last)?.checked_add(PAGE_SIZE)?;
        let buddy = BuddyAlloc::new(0, num_pages, backend).ok()?;
        Some(Relative { start, buddy })
    }

    #[inline]
    pub(crate) fn alloc(&self, order: u32) -> Option<usize> {
        Some(self.start + self.buddy.alloc(order).ok()?)
    }

    #[inline]
    pub(crate) fn free(&self, address: usize, order: u32) -> Result<(), Error> {
        let offset = address.checked_sub(self.start).ok_or(Error::OutOfRange)?;
        let pages = 1usize.checked_shl(order).ok_or(Error::SizeMismatch)?;
        self.buddy.free_sized(offset, pages)
    }

    /// The order that so many pages are rounded up to.
    pub(crate) fn order_of(pages: usize) -> u32 {
        ceiling_order(pages)
    }
}
