// SPDX-License-Identifier: MIT
//! An allocator with its metadata.

use crate::{Backend, Cpu, Error, Pages};
use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::size_of;
use core::ops::Deref;
use core::ptr::{self, NonNull};
use lfbuddy_sys as sys;

/// What alignment makes the metadata fastest: that of two cache lines.
const METADATA_ALIGN: usize = 128;

/// How an allocator starts. `Options::default()` is what [`BuddyAlloc::new`] takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The largest order that will be asked for. `None`: that of the whole range.
    pub max_order: Option<u32>,
    /// CPUs to tell apart, 1 to 4096. `None`: [`Cpu::COUNT`].
    pub lanes: Option<u32>,
    /// All pages start out of use; give them with [`release_range`](Pages::release_range).
    pub start_held: bool,
}

impl Options {
    /// Those of [`BuddyAlloc::new`].
    pub const fn new() -> Options {
        Options { max_order: None, lanes: None, start_held: false }
    }

    /// Sets [`max_order`](Options::max_order).
    pub const fn with_max_order(mut self, order: u32) -> Options {
        self.max_order = Some(order);
        self
    }

    /// Sets [`lanes`](Options::lanes).
    pub const fn with_lanes(mut self, lanes: u32) -> Options {
        self.lanes = Some(lanes);
        self
    }

    /// Sets [`start_held`](Options::start_held).
    pub const fn with_start_held(mut self) -> Options {
        self.start_held = true;
        self
    }
}

/// The order of the smallest block that holds so many pages.
pub(crate) fn ceiling_order(pages: usize) -> u32 {
    usize::BITS - pages.saturating_sub(1).leading_zeros()
}

fn configuration<C: Cpu>(
    start: usize,
    page_size: usize,
    num_pages: usize,
    options: Options,
) -> sys::lfb_config {
    let largest = ceiling_order(num_pages).min(sys::LFB_MAX_ORDER);
    sys::lfb_config {
        struct_size: size_of::<sys::lfb_config>(),
        base: start,
        page_size,
        page_count: num_pages,
        max_order: options.max_order.unwrap_or(largest),
        // Too many become 0, which is refused.
        lanes: options.lanes.unwrap_or_else(|| u32::try_from(C::COUNT).unwrap_or(0)),
        current_lane: None,
        lane_context: ptr::null_mut(),
        start_held: options.start_held,
        metadata_zeroed: true,
    }
}

/// Bytes of metadata that such an allocator takes from its backend; `None`: there can't be one.
///
/// ```
/// # use lfbuddy::{OneCpu, Options};
/// let bytes = lfbuddy::metadata_size::<4096, OneCpu>(0x4000_0000, 131072, Options::new());
/// assert!(bytes.unwrap() < 40960);
/// ```
pub fn metadata_size<const PAGE_SIZE: usize, C: Cpu>(
    start: usize,
    num_pages: usize,
    options: Options,
) -> Option<usize> {
    let config = configuration::<C>(start, PAGE_SIZE, num_pages, options);
    // SAFETY: the configuration lives during the call, and may be any.
    match unsafe { sys::lfb_metadata_size(&config) } {
        0 => None,
        size => Some(size),
    }
}

/// A lock-free buddy allocator for a range of pages. Its calls are those of [`Pages`].
///
/// `PAGE_SIZE` is in bytes, a power of two; `C` says which CPU a call is on; `B` gives memory for
/// the metadata, and takes it back when the allocator is dropped.
///
/// ```
/// use lfbuddy::{BuddyAlloc, Error, Global, OneCpu};
///
/// let buddy = BuddyAlloc::<4096, OneCpu, _>::new(0x4000_0000, 1000, &Global).unwrap();
/// let block = buddy.alloc(3).unwrap();        // 2^3 pages, aligned
/// let run = buddy.alloc_run(37).unwrap();     // 37 pages, no more
/// assert_eq!(buddy.free(block), Ok(()));      // the address is enough
/// assert_eq!(buddy.free(block), Err(Error::NotAllocated));
/// assert_eq!(buddy.free(run), Ok(()));
/// ```
///
/// It may be moved while nothing borrows it. Any number of threads may share it.
pub struct BuddyAlloc<'b, const PAGE_SIZE: usize, C: Cpu, B: Backend + 'b> {
    pages: Pages,
    metadata: NonNull<u8>,
    layout: Layout,
    backend: &'b B,
    /// Only asked for numbers: it needn't be shareable itself.
    cpu: PhantomData<fn() -> C>,
}

// SAFETY: Pages may be used and dropped by any thread; the metadata is only handed back, to a
// backend that any thread may use.
unsafe impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + Sync> Send
    for BuddyAlloc<'_, PAGE_SIZE, C, B>
{
}
// SAFETY: a shared reference gives Pages and nothing else; see above.
unsafe impl<const PAGE_SIZE: usize, C: Cpu, B: Backend + Sync> Sync
    for BuddyAlloc<'_, PAGE_SIZE, C, B>
{
}

impl<'b, const PAGE_SIZE: usize, C: Cpu, B: Backend + 'b> BuddyAlloc<'b, PAGE_SIZE, C, B> {
    /// An allocator of `num_pages` pages from the address `start` on, a multiple of `PAGE_SIZE`.
    /// Neither need be aligned to anything more.
    pub fn new(start: usize, num_pages: usize, backend: &'b B) -> Result<Self, Error> {
        Self::with_options(start, num_pages, Options::new(), backend)
    }

    /// The same, with options.
    pub fn with_options(
        start: usize,
        num_pages: usize,
        options: Options,
        backend: &'b B,
    ) -> Result<Self, Error> {
        let config = configuration::<C>(start, PAGE_SIZE, num_pages, options);
        let size = metadata_size::<PAGE_SIZE, C>(start, num_pages, options);
        let size = size.ok_or(Error::InvalidArgument)?;
        let layout =
            Layout::from_size_align(size, METADATA_ALIGN).map_err(|_| Error::InvalidArgument)?;
        let metadata = backend.allocate_zeroed(layout).ok_or(Error::NoMemory)?;
        // SAFETY: the backend gives zero-filled memory, ours alone until it is released, which
        // only Drop does.
        match unsafe { Pages::start(&config, metadata.as_ptr(), size, C::current_cpu) } {
            Ok(pages) => Ok(BuddyAlloc { pages, metadata, layout, backend, cpu: PhantomData }),
            Err(error) => {
                // SAFETY: it came from this backend with this layout, and nobody kept it.
                unsafe { backend.release(metadata, layout) };
                Err(error)
            }
        }
    }
}

impl<const PAGE_SIZE: usize, C: Cpu, B: Backend> Deref for BuddyAlloc<'_, PAGE_SIZE, C, B> {
    type Target = Pages;

    #[inline]
    fn deref(&self) -> &Pages {
        &self.pages
    }
}

impl<const PAGE_SIZE: usize, C: Cpu, B: Backend> Drop for BuddyAlloc<'_, PAGE_SIZE, C, B> {
    fn drop(&mut self) {
        // SAFETY: it came from this backend with this layout; nothing uses it any more, as
        // whatever borrows Pages has ended, and the handle itself is plain memory.
        unsafe { self.backend.release(self.metadata, self.layout) }
    }
}

impl<const PAGE_SIZE: usize, C: Cpu, B: Backend> fmt::Debug for BuddyAlloc<'_, PAGE_SIZE, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pages.fmt(f)
    }
}
