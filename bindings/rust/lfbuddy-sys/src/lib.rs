// SPDX-License-Identifier: MIT
//! The C interface of lfbuddy, a lock-free buddy allocator for ranges of pages: what
//! `include/lfbuddy.h` declares, under the same names. That header is the reference for every
//! function's units, statuses, concurrency and ordering; `lfbuddy` is the crate for everyday use.
//!
//! The core is compiled with this crate, by GCC or Clang, and needs no operating system and no
//! library but `memset` and `memcpy`, which Rust's own `compiler_builtins` has.
//!
//! The tests compare every name, parameter, size and offset with the header.

#![no_std]
#![allow(non_camel_case_types)]

use core::ffi::c_void;

// core::ffi has these since Rust 1.64.
pub type c_int = i32;
pub type c_uint = u32;
#[cfg(any(
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "s390x"
))]
pub type c_char = u8;
#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "s390x"
)))]
pub type c_char = i8;

pub const LFB_VERSION_MAJOR: u32 = 0;
pub const LFB_VERSION_MINOR: u32 = 1;
pub const LFB_VERSION_PATCH: u32 = 0;

#[cfg(target_pointer_width = "64")]
mod settings {
    pub const LFB_WORD_BITS: u32 = 64;
    pub const LFB_LEAF_ORDER: u32 = 5;
    pub const LFB_NODE_ORDER: u32 = 4;
}
#[cfg(target_pointer_width = "32")]
mod settings {
    pub const LFB_WORD_BITS: u32 = 32;
    pub const LFB_LEAF_ORDER: u32 = 4;
    pub const LFB_NODE_ORDER: u32 = 3;
}
pub use settings::*;

pub const LFB_MAX_ORDER: u32 = 36;
pub const LFB_MAX_PAGES: u64 = 1 << 36;
pub const LFB_MAX_LANES: u32 = 4096;
pub const LFB_MAX_LEVELS: u32 =
    (LFB_MAX_ORDER - LFB_LEAF_ORDER + LFB_NODE_ORDER - 1) / LFB_NODE_ORDER + 1;
pub const LFB_NONE: usize = usize::MAX;

/// C's enum; not one of Rust's, in which any other value would be undefined behaviour.
pub type lfb_status = c_uint;
pub const LFB_OK: lfb_status = 0;
pub const LFB_EXHAUSTED: lfb_status = 1;
pub const LFB_INVALID_ARGUMENT: lfb_status = 2;
pub const LFB_OUT_OF_RANGE: lfb_status = 3;
pub const LFB_NOT_ALLOCATED: lfb_status = 4;
pub const LFB_NOT_START: lfb_status = 5;
pub const LFB_SIZE_MISMATCH: lfb_status = 6;
pub const LFB_BUSY: lfb_status = 7;
pub const LFB_DAMAGED: lfb_status = 8;
pub const LFB_NO_MEMORY: lfb_status = 9;

pub type lfb_extent_kind = c_uint;
pub const LFB_EXTENT_FREE: lfb_extent_kind = 0;
pub const LFB_EXTENT_RUN: lfb_extent_kind = 1;
pub const LFB_EXTENT_HELD: lfb_extent_kind = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct lfb_config {
    pub struct_size: usize,
    pub base: usize,
    pub page_size: usize,
    pub page_count: usize,
    pub max_order: c_uint,
    pub lanes: c_uint,
    pub current_lane: Option<unsafe extern "C" fn(context: *mut c_void) -> c_uint>,
    pub lane_context: *mut c_void,
    pub start_held: bool,
    pub metadata_zeroed: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct lfb_backend {
    pub allocate:
        Option<unsafe extern "C" fn(ctx: *mut c_void, size: usize, align: usize) -> *mut c_void>,
    pub release: Option<unsafe extern "C" fn(ctx: *mut c_void, p: *mut c_void, size: usize)>,
    pub ctx: *mut c_void,
}

#[repr(C)]
pub struct lfb_level {
    pub words: *mut c_void,
    pub hints: *mut c_void,
    pub first: usize,
    pub count: usize,
}

/// A handle. Its fields are the core's own. All pointers in it lead into the metadata or are the
/// caller's, so it may be moved like any value.
#[repr(C)]
pub struct lfb_t {
    pub levels: [lfb_level; LFB_MAX_LEVELS as usize],
    pub shared: *mut c_void,
    pub lanes: *mut c_void,
    pub rooms: *mut c_void,
    pub first_page: usize,
    pub end_page: usize,
    pub page_shift: c_uint,
    pub top: c_uint,
    pub max_order: c_uint,
    pub largest_order: c_uint,
    pub lane_count: c_uint,
    pub lane_bits: c_uint,
    pub level_of_order: [u8; LFB_MAX_ORDER as usize + 1],
    pub place_of_order: [u8; LFB_MAX_ORDER as usize + 1],
    pub current_lane: Option<unsafe extern "C" fn(context: *mut c_void) -> c_uint>,
    pub lane_context: *mut c_void,
    pub backend: lfb_backend,
    pub metadata: *mut c_void,
    pub metadata_size: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct lfb_extent {
    pub address: usize,
    pub pages: usize,
    pub kind: lfb_extent_kind,
}

pub type lfb_visitor =
    Option<unsafe extern "C" fn(context: *mut c_void, extent: *const lfb_extent) -> bool>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct lfb_stats {
    pub total_pages: usize,
    pub free_pages: usize,
    pub allocated_pages: usize,
    pub held_pages: usize,
    pub runs: usize,
    pub free_blocks: [usize; LFB_MAX_ORDER as usize + 1],
    pub largest_free_order: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct lfb_report {
    pub faults: usize,
    pub first_fault: *const c_char,
    pub fault_level: c_uint,
    pub fault_address: usize,
    pub warm_nodes: usize,
    pub low_hints: usize,
    pub stats: lfb_stats,
}

#[rustfmt::skip]
extern "C" {
    pub fn lfb_status_name(status: lfb_status) -> *const c_char;

    pub fn lfb_metadata_size(config: *const lfb_config) -> usize;
    pub fn lfb_init(lfb: *mut lfb_t, config: *const lfb_config, metadata: *mut c_void, size: usize) -> lfb_status;
    pub fn lfb_attach(lfb: *mut lfb_t, metadata: *mut c_void, size: usize,
        current_lane: Option<unsafe extern "C" fn(context: *mut c_void) -> c_uint>,
        lane_context: *mut c_void) -> lfb_status;
    pub fn lfb_create(lfb: *mut lfb_t, config: *const lfb_config, backend: *const lfb_backend) -> lfb_status;
    pub fn lfb_destroy(lfb: *mut lfb_t);

    pub fn lfb_alloc(lfb: *mut lfb_t, order: c_uint) -> usize;
    pub fn lfb_alloc_on(lfb: *mut lfb_t, lane: c_uint, order: c_uint) -> usize;
    pub fn lfb_alloc_run(lfb: *mut lfb_t, pages: usize) -> usize;
    pub fn lfb_alloc_run_on(lfb: *mut lfb_t, lane: c_uint, pages: usize) -> usize;
    pub fn lfb_alloc_within(lfb: *mut lfb_t, pages: usize, low: usize, high: usize) -> usize;
    pub fn lfb_alloc_within_on(lfb: *mut lfb_t, lane: c_uint, pages: usize, low: usize, high: usize) -> usize;
    pub fn lfb_alloc_at(lfb: *mut lfb_t, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_alloc_at_on(lfb: *mut lfb_t, lane: c_uint, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_alloc_bulk(lfb: *mut lfb_t, order: c_uint, count: usize, out: *mut usize) -> usize;
    pub fn lfb_alloc_bulk_on(lfb: *mut lfb_t, lane: c_uint, order: c_uint, count: usize, out: *mut usize) -> usize;

    pub fn lfb_free(lfb: *mut lfb_t, address: usize) -> lfb_status;
    pub fn lfb_free_on(lfb: *mut lfb_t, lane: c_uint, address: usize) -> lfb_status;
    pub fn lfb_free_sized(lfb: *mut lfb_t, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_free_sized_on(lfb: *mut lfb_t, lane: c_uint, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_free_bulk(lfb: *mut lfb_t, count: usize, r#in: *const usize) -> usize;
    pub fn lfb_free_bulk_on(lfb: *mut lfb_t, lane: c_uint, count: usize, r#in: *const usize) -> usize;
    pub fn lfb_free_range(lfb: *mut lfb_t, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_free_range_on(lfb: *mut lfb_t, lane: c_uint, address: usize, pages: usize) -> lfb_status;

    pub fn lfb_resize(lfb: *mut lfb_t, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_resize_on(lfb: *mut lfb_t, lane: c_uint, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_isolate_range(
        lfb: *mut lfb_t,
        address: usize,
        pages: usize,
        in_use: *mut usize,
    ) -> lfb_status;
    pub fn lfb_isolate_range_on(
        lfb: *mut lfb_t,
        lane: c_uint,
        address: usize,
        pages: usize,
        in_use: *mut usize,
    ) -> lfb_status;
    pub fn lfb_isolate_end(lfb: *mut lfb_t);
    pub fn lfb_hold_range(lfb: *mut lfb_t, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_hold_range_on(lfb: *mut lfb_t, lane: c_uint, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_release_range(lfb: *mut lfb_t, address: usize, pages: usize) -> lfb_status;
    pub fn lfb_release_range_on(lfb: *mut lfb_t, lane: c_uint, address: usize, pages: usize) -> lfb_status;

    pub fn lfb_size_of(lfb: *const lfb_t, address: usize) -> usize;
    pub fn lfb_find(lfb: *const lfb_t, address: usize, extent: *mut lfb_extent) -> lfb_status;
    pub fn lfb_get_stats(lfb: *const lfb_t, stats: *mut lfb_stats);
    pub fn lfb_walk(lfb: *const lfb_t, visitor: lfb_visitor, context: *mut c_void) -> lfb_status;

    pub fn lfb_drain(lfb: *mut lfb_t);
    pub fn lfb_check(lfb: *const lfb_t, report: *mut lfb_report) -> lfb_status;
}
