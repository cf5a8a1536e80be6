// SPDX-License-Identifier: MIT
//! A started allocator, whatever its page size, CPUs and backend are: each call of the C interface
//! that allocates, releases, changes or looks.

use crate::extent::{Extent, Report, Stats};
use crate::{Error, Run};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Range;
use core::panic::RefUnwindSafe;
use lfbuddy_sys as sys;

/// The calls of an allocator. A [`BuddyAlloc`](crate::BuddyAlloc) dereferences to it.
///
/// Addresses are numbers: nothing here touches a page. All calls may run at once on any threads,
/// and are lock-free; [`check`](Pages::check) needs quiet to be exact, [`find`](Pages::find),
/// [`extents`](Pages::extents) and [`stats`](Pages::stats) otherwise see each page at some moment
/// of its own.
///
/// A release by address is a safe call, since it can't harm memory by itself. Whoever makes memory
/// of these addresses must see to it that nobody else can release them.
pub struct Pages {
    /// In a cell as C asks for `lfb_t *`; the core writes to it only when it starts. Its pointers
    /// lead into the metadata, none into itself, so it may be moved.
    lfb: UnsafeCell<sys::lfb_t>,
    lane: fn() -> usize,
}

// SAFETY: the core lets any number of threads call all functions that are called here at once. The
// handle is constant from its start on, and what changes, the metadata, changes by atomic accesses
// only; no thread owns any of it.
unsafe impl Sync for Pages {}
// SAFETY: nothing in it belongs to the thread that made it; see above.
unsafe impl Send for Pages {}

// No call runs code of its caller's in the middle, so none can be left by a panic there.
impl RefUnwindSafe for Pages {}

impl Pages {
    /// # Safety
    ///
    /// `metadata` is the caller's alone, has `size` bytes filled with zeroes, is aligned to a word,
    /// and outlives every use of the result.
    pub(crate) unsafe fn start(
        config: &sys::lfb_config,
        metadata: *mut u8,
        size: usize,
        lane: fn() -> usize,
    ) -> Result<Pages, Error> {
        let mut lfb = MaybeUninit::<sys::lfb_t>::uninit();
        // SAFETY: the caller vouches for the metadata; the core writes the handle before it
        // reads it, and judges the configuration.
        let status =
            unsafe { sys::lfb_init(lfb.as_mut_ptr(), config, metadata.cast::<c_void>(), size) };
        Error::check(status)?;
        // SAFETY: lfb_init has filled it.
        Ok(Pages { lfb: UnsafeCell::new(unsafe { lfb.assume_init() }), lane })
    }

    #[inline]
    fn lfb(&self) -> *mut sys::lfb_t {
        self.lfb.get()
    }

    /// Where the calling CPU looks first. The core folds what is too large.
    #[inline]
    fn lane(&self) -> sys::c_uint {
        (self.lane)() as sys::c_uint
    }

    #[inline]
    fn field<T>(&self, read: fn(&sys::lfb_t) -> T) -> T {
        // SAFETY: it was filled when it started, and nobody writes to it since.
        read(unsafe { &*self.lfb() })
    }

    /// Bytes.
    pub fn page_size(&self) -> usize {
        1 << self.field(|lfb| lfb.page_shift)
    }

    /// How many pages there are, whatever they are used for.
    pub fn page_count(&self) -> usize {
        self.field(|lfb| lfb.end_page.wrapping_sub(lfb.first_page))
    }

    /// The largest order that may be asked for.
    pub fn max_order(&self) -> u32 {
        self.field(|lfb| lfb.max_order)
    }

    /// The address of the first page.
    pub fn first(&self) -> usize {
        self.field(|lfb| lfb.first_page << lfb.page_shift)
    }

    /// The address of the last page.
    pub fn last(&self) -> usize {
        self.first() + (self.page_count() - 1) * self.page_size()
    }

    // -------------------------------------------------------------------------- allocate ----

    /// A block of 2^order pages, aligned to its size. [`Error::Exhausted`] also where the order is
    /// above [`max_order`](Pages::max_order).
    #[inline]
    pub fn alloc(&self, order: u32) -> Result<usize, Error> {
        // SAFETY: the handle is started; so in each call below.
        address(unsafe { sys::lfb_alloc_on(self.lfb(), self.lane(), order) })
    }

    /// A run of any length, aligned to the smallest block that would hold it. What that block has
    /// beyond the run stays free.
    #[inline]
    pub fn alloc_run(&self, pages: usize) -> Result<usize, Error> {
        // SAFETY: as above.
        address(unsafe { sys::lfb_alloc_run_on(self.lfb(), self.lane(), pages) })
    }

    /// [`alloc_run`](Pages::alloc_run) between two addresses: no byte below `within.start`, none at
    /// `within.end` or above. An end of `usize::MAX` is no bound.
    pub fn alloc_within(&self, pages: usize, within: Range<usize>) -> Result<usize, Error> {
        let Range { start, end } = within;
        // SAFETY: as above.
        address(unsafe { sys::lfb_alloc_within_on(self.lfb(), self.lane(), pages, start, end) })
    }

    /// The run of `pages` pages at `address`. A run that fits a leaf (32 pages; 16 where words have
    /// 32 bits) may start anywhere in it; alignment to the smallest block that would hold the run
    /// always does. For any other range: [`hold_range`](Pages::hold_range).
    pub fn alloc_at(&self, address: usize, pages: usize) -> Result<(), Error> {
        // SAFETY: as above.
        Error::check(unsafe { sys::lfb_alloc_at_on(self.lfb(), self.lane(), address, pages) })
    }

    /// Blocks of one order into `out`, as many as there are; returns how many. Fewer than fit only
    /// where [`alloc`](Pages::alloc) would be refused.
    pub fn alloc_bulk(&self, order: u32, out: &mut [usize]) -> usize {
        let (count, first) = (out.len(), out.as_mut_ptr());
        // SAFETY: as above, and `out` has `count` places.
        unsafe { sys::lfb_alloc_bulk_on(self.lfb(), self.lane(), order, count, first) }
    }

    // --------------------------------------------------------------------------- release ----

    /// Releases the run that starts at `address`; its length is known.
    #[inline]
    pub fn free(&self, address: usize) -> Result<(), Error> {
        // SAFETY: as above. Any number may be tried: what isn't the start of a run is refused.
        Error::check(unsafe { sys::lfb_free_on(self.lfb(), self.lane(), address) })
    }

    /// [`free`](Pages::free), refused with [`Error::SizeMismatch`] unless the run has exactly
    /// `pages` pages.
    #[inline]
    pub fn free_sized(&self, address: usize, pages: usize) -> Result<(), Error> {
        // SAFETY: as above.
        Error::check(unsafe { sys::lfb_free_sized_on(self.lfb(), self.lane(), address, pages) })
    }

    /// Releases the runs that start at these addresses, in this order, up to the first that
    /// [`free`](Pages::free) would refuse; returns how many it released.
    pub fn free_bulk(&self, addresses: &[usize]) -> usize {
        let (count, first) = (addresses.len(), addresses.as_ptr());
        // SAFETY: as above, and there are `count` addresses.
        unsafe { sys::lfb_free_bulk_on(self.lfb(), self.lane(), count, first) }
    }

    /// Releases pages of live runs, wherever these begin and end; a run that reaches over an end of
    /// the range is cut there. What is left behind the range may be several runs: release it by
    /// this function too.
    pub fn free_range(&self, address: usize, pages: usize) -> Result<(), Error> {
        // SAFETY: as above.
        Error::check(unsafe { sys::lfb_free_range_on(self.lfb(), self.lane(), address, pages) })
    }

    // ---------------------------------------------------------------------------- change ----

    /// Gives the run at `address` another length, in place. [`Error::Busy`]: the pages behind it
    /// aren't free. Nothing else may release or resize the run meanwhile.
    pub fn resize(&self, address: usize, pages: usize) -> Result<(), Error> {
        // SAFETY: as above.
        Error::check(unsafe { sys::lfb_resize_on(self.lfb(), self.lane(), address, pages) })
    }

    /// Takes free pages out of use: all of them, or where one isn't free, none.
    pub fn hold_range(&self, address: usize, pages: usize) -> Result<(), Error> {
        // SAFETY: as above.
        Error::check(unsafe { sys::lfb_hold_range_on(self.lfb(), self.lane(), address, pages) })
    }

    /// Takes pages out of use though some may be in live runs: what is free there now, the rest as
    /// it is released. Returns how many are in live runs still; 0: all is out of use, and the
    /// isolation over. [`Error::Exhausted`]: another range is isolated.
    pub fn isolate_range(&self, address: usize, pages: usize) -> Result<usize, Error> {
        let mut in_use = 0;
        // SAFETY: as above; in_use is ours.
        let status = unsafe {
            sys::lfb_isolate_range_on(self.lfb(), self.lane(), address, pages, &mut in_use)
        };
        match Error::check(status) {
            Err(Error::Busy) => Ok(in_use),
            other => other.map(|()| 0),
        }
    }

    /// Ends an isolation that isn't complete. What went out of use stays so.
    pub fn isolate_end(&self) {
        // SAFETY: as above.
        unsafe { sys::lfb_isolate_end(self.lfb()) }
    }

    /// Puts pages that are out of use into use: all of them, or none.
    pub fn release_range(&self, address: usize, pages: usize) -> Result<(), Error> {
        // SAFETY: as above.
        Error::check(unsafe { sys::lfb_release_range_on(self.lfb(), self.lane(), address, pages) })
    }

    // ------------------------------------------------------------------------------ look ----

    /// Pages of the live run that starts at `address`; `None`: none starts there.
    pub fn size_of(&self, address: usize) -> Option<usize> {
        // SAFETY: as above.
        let pages = unsafe { sys::lfb_size_of(self.lfb(), address) };
        if pages == 0 {
            None
        } else {
            Some(pages)
        }
    }

    /// The run, free block or stretch out of use that `address` (any byte) lies in.
    pub fn find(&self, address: usize) -> Result<Extent, Error> {
        let mut extent = sys::lfb_extent { address: 0, pages: 0, kind: sys::LFB_EXTENT_FREE };
        // SAFETY: as above; the extent is written before the call returns.
        Error::check(unsafe { sys::lfb_find(self.lfb(), address, &mut extent) })?;
        Ok(extent.into())
    }

    /// Every run, free block and stretch out of use, by rising address.
    pub fn extents(&self) -> Extents<'_> {
        Extents { pages: self, next: Some(self.first()) }
    }

    /// Counts pages and blocks; reads every node in use.
    pub fn stats(&self) -> Stats {
        let mut stats = MaybeUninit::<sys::lfb_stats>::zeroed();
        // SAFETY: as above. All zeroes are a value of this struct, and the core fills it.
        unsafe {
            sys::lfb_get_stats(self.lfb(), stats.as_mut_ptr());
            stats.assume_init().into()
        }
    }

    // -------------------------------------------------------------------------- maintain ----

    /// Merges whatever CPUs keep split for their own speed. A failing allocation needs none before.
    pub fn drain(&self) {
        // SAFETY: as above.
        unsafe { sys::lfb_drain(self.lfb()) }
    }

    /// Verifies every invariant of the metadata. To be exact nothing may run beside it.
    #[must_use = "the report says whether the metadata is sound"]
    pub fn check(&self) -> Report {
        let mut report = MaybeUninit::<sys::lfb_report>::zeroed();
        // SAFETY: as above. All zeroes are a value of this struct, and the core fills it; its
        // status says no more than the number of faults.
        unsafe {
            sys::lfb_check(self.lfb(), report.as_mut_ptr());
            report.assume_init().into()
        }
    }

    // ----------------------------------------------------------------------------- owned ----

    /// [`alloc_run`](Pages::alloc_run), released in the end.
    pub fn run(&self, pages: usize) -> Result<Run<'_>, Error> {
        Ok(Run::new(self, self.alloc_run(pages)?, pages))
    }

    /// [`alloc`](Pages::alloc), released in the end.
    pub fn block(&self, order: u32) -> Result<Run<'_>, Error> {
        Ok(Run::new(self, self.alloc(order)?, 1 << order))
    }

    /// [`alloc_within`](Pages::alloc_within), released in the end.
    pub fn run_within(&self, pages: usize, within: Range<usize>) -> Result<Run<'_>, Error> {
        Ok(Run::new(self, self.alloc_within(pages, within)?, pages))
    }

    /// [`alloc_at`](Pages::alloc_at), released in the end.
    pub fn run_at(&self, address: usize, pages: usize) -> Result<Run<'_>, Error> {
        self.alloc_at(address, pages)?;
        Ok(Run::new(self, address, pages))
    }

    /// Owns the live run that starts at `address`, which nobody else releases from now on; what
    /// [`Run::into_address`] undoes. [`Error::NotAllocated`]: none starts there.
    pub fn adopt(&self, address: usize) -> Result<Run<'_>, Error> {
        let pages = self.size_of(address).ok_or(Error::NotAllocated)?;
        Ok(Run::new(self, address, pages))
    }
}

#[inline]
fn address(result: usize) -> Result<usize, Error> {
    if result == sys::LFB_NONE {
        Err(Error::Exhausted)
    } else {
        Ok(result)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("first", &self.first())
            .field("page_size", &self.page_size())
            .field("page_count", &self.page_count())
            .field("max_order", &self.max_order())
            .finish_non_exhaustive()
    }
}

/// Every extent of a range, by rising address. Exact when nothing runs beside it; else each extent
/// is seen as it was at some moment, and no address is passed twice.
#[derive(Clone, Debug)]
pub struct Extents<'a> {
    pages: &'a Pages,
    /// The first page that is still to be seen.
    next: Option<usize>,
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    fn next(&mut self) -> Option<Extent> {
        let at = self.next.take()?;
        // Out of range: all were seen.
        let extent = self.pages.find(at).ok()?;
        // Beside other calls, what begins before this page may end before it too.
        let one_page = self.pages.page_size() - 1;
        let last = extent.address + (extent.pages * self.pages.page_size() - 1);
        // Behind the highest address there is nothing.
        self.next = last.max(at + one_page).checked_add(1);
        Some(extent)
    }
}
