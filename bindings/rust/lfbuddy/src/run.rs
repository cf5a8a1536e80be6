// SPDX-License-Identifier: MIT
//! Pages that are released when their owner goes out of scope.

use crate::{Error, Pages};
use core::mem;
use core::ops::RangeInclusive;

/// An owned run of pages: dropped, it is released. It borrows its allocator, which can't end or
/// move before it.
///
/// ```
/// # use lfbuddy::{BuddyAlloc, Global, OneCpu};
/// let buddy = BuddyAlloc::<4096, OneCpu, _>::new(0, 64, &Global).unwrap();
/// {
///     let run = buddy.run(37).unwrap();
///     assert_eq!(buddy.size_of(run.address()), Some(37));
/// }
/// assert_eq!(buddy.stats().free_pages, 64);
/// ```
///
/// ```compile_fail,E0505
/// # use lfbuddy::{BuddyAlloc, Global, OneCpu};
/// let buddy = BuddyAlloc::<4096, OneCpu, _>::new(0, 64, &Global).unwrap();
/// let run = buddy.run(37).unwrap();
/// drop(buddy);
/// assert_eq!(run.pages(), 37);
/// ```
#[derive(Debug)]
#[must_use = "a run that isn't kept is released at once"]
pub struct Run<'a> {
    owner: &'a Pages,
    address: usize,
    pages: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(owner: &'a Pages, address: usize, pages: usize) -> Run<'a> {
        Run { owner, address, pages }
    }

    /// Of its first byte.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Its length in pages.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> usize {
        self.pages * self.owner.page_size()
    }

    /// The addresses of its bytes. Inclusive, as the last may be the highest that there is.
    pub fn range(&self) -> RangeInclusive<usize> {
        self.address..=self.address + (self.bytes() - 1)
    }

    /// Gives it another length, in place; refused, it is as it was.
    pub fn resize(&mut self, pages: usize) -> Result<(), Error> {
        self.owner.resize(self.address, pages)?;
        self.pages = pages;
        Ok(())
    }

    /// Releases it at once, and says if that was refused, which dropping it can't.
    pub fn release(self) -> Result<(), Error> {
        let owner = self.owner;
        owner.free(self.into_address())
    }

    /// Gives up owning it: it stays allocated until its address is released, or
    /// [adopted](Pages::adopt).
    pub fn into_address(self) -> usize {
        let address = self.address;
        mem::forget(self);
        address
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // Refused only if somebody released it by its address; release() says so.
        let _ = self.owner.free(self.address);
    }
}
