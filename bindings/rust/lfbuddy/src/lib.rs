// SPDX-License-Identifier: MIT
//! A lock-free buddy allocator for ranges of pages: physical memory, huge pages, shared or device
//! memory, or just numbers. It never touches the pages.
//!
//! | here | what |
//! |---|---|
//! | [`BuddyAlloc`] | an allocator with its metadata |
//! | [`Pages`] | its calls: blocks, runs of any length, releases by address, ranges out of use |
//! | [`Run`] | pages that are released with their owner |
//! | [`Backend`], [`Metadata`], [`Global`] | where metadata comes from: a `static`, a heap |
//! | [`Cpu`] | which CPU a call is on |
//! | [`PageHeap`] | whole pages as a [`GlobalAlloc`](core::alloc::GlobalAlloc) |
//! | [`v0_1`], [`v0_2`] | the interfaces of the crate `lock_free_buddy_allocator`, which differ in units and in the order of parameters, so that no one type could have both |
//!
//! Every call is lock-free, and may be made from interrupt and signal handlers over itself. A
//! release of anything but the start of a live run is refused, with the reason, and changes
//! nothing. The C header `lfbuddy.h` has each function's guarantees.
//!
//! The crate is `no_std`. Features: `alloc` (on by default) has [`Global`]; `std` makes [`Error`] a
//! `std::error::Error`; `allocator_api`, for nightly compilers, makes every
//! `core::alloc::Allocator` a [`Backend`].

#![no_std]
#![cfg_attr(feature = "allocator_api", feature(allocator_api))]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backend;
mod buddy_alloc;
mod cpu;
mod error;
mod extent;
mod heap;
mod pages;
mod relative;
mod run;
mod text;
pub mod v0_1;
pub mod v0_2;

#[cfg(feature = "alloc")]
pub use backend::Global;
pub use backend::{Backend, Metadata};
pub use buddy_alloc::{metadata_size, BuddyAlloc, Options};
pub use cpu::{Cpu, OneCpu};
pub use error::Error;
pub use extent::{Extent, Kind, Report, Stats};
pub use heap::PageHeap;
pub use pages::{Extents, Pages};
pub use run::Run;
