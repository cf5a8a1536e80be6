// SPDX-License-Identifier: MIT
//! What there is to see of an allocator: stretches of pages, counts, the checker's verdict.

use lfbuddy_sys as sys;

/// The state that the pages of an extent share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A free block: a power of two of pages, aligned.
    Free,
    /// A live run.
    Run,
    /// Pages out of use.
    Held,
}

/// A run, a free block, or a stretch of pages out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Of the first page.
    pub address: usize,
    /// How many pages.
    pub pages: usize,
    /// What they are.
    pub kind: Kind,
}

impl From<sys::lfb_extent> for Extent {
    fn from(extent: sys::lfb_extent) -> Extent {
        let kind = match extent.kind {
            sys::LFB_EXTENT_FREE => Kind::Free,
            sys::LFB_EXTENT_RUN => Kind::Run,
            _ => Kind::Held,
        };
        Extent { address: extent.address, pages: extent.pages, kind }
    }
}

/// Counts of pages and blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Free, allocated and held ones.
    pub total_pages: usize,
    /// Free pages.
    pub free_pages: usize,
    /// Pages of live runs.
    pub allocated_pages: usize,
    /// Pages out of use.
    pub held_pages: usize,
    /// Live runs.
    pub runs: usize,
    /// Maximal free blocks, by order.
    pub free_blocks: [usize; sys::LFB_MAX_ORDER as usize + 1],
    /// `None`: nothing is free.
    pub largest_free_order: Option<u32>,
}

impl From<sys::lfb_stats> for Stats {
    fn from(stats: sys::lfb_stats) -> Stats {
        Stats {
            total_pages: stats.total_pages,
            free_pages: stats.free_pages,
            allocated_pages: stats.allocated_pages,
            held_pages: stats.held_pages,
            runs: stats.runs,
            free_blocks: stats.free_blocks,
            largest_free_order: u32::try_from(stats.largest_free_order).ok(),
        }
    }
}

/// What the checker found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Broken invariants; 0: the metadata is sound.
    pub faults: usize,
    /// What the first one is.
    pub first_fault: Option<&'static str>,
    /// The level of the node where it is; 0 is the leaves.
    pub fault_level: u32,
    /// The address of the first page that the node covers.
    pub fault_address: usize,
    /// Nodes not merged yet, as a drain would: legal.
    pub warm_nodes: usize,
    /// Hints that hide free pages from the quick search: legal only after a thread was killed.
    pub low_hints: usize,
    /// Counted on the way.
    pub stats: Stats,
}

impl Report {
    /// Whether every invariant holds.
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }
}

impl From<sys::lfb_report> for Report {
    fn from(report: sys::lfb_report) -> Report {
        // SAFETY: where it isn't NULL, the core has put a static text there.
        let text = |fault| unsafe { crate::text::static_text(fault) };
        let first_fault = report.first_fault;
        Report {
            faults: report.faults,
            first_fault: if first_fault.is_null() { None } else { Some(text(first_fault)) },
            fault_level: report.fault_level,
            fault_address: report.fault_address,
            warm_nodes: report.warm_nodes,
            low_hints: report.low_hints,
            stats: report.stats.into(),
        }
    }
}
