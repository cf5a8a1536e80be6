// SPDX-License-Identifier: MIT
//! Calls over the border between the languages: arguments, results and callbacks arrive.

#![deny(unsafe_op_in_unsafe_fn)]

use lfbuddy_sys::*;
use std::alloc::{alloc, dealloc, Layout};
use std::ffi::{c_void, CStr};
use std::mem::{size_of, MaybeUninit};
use std::ptr;

/// Bytes out, bytes back.
struct Counts {
    given: usize,
    taken: usize,
}

const ALIGNMENT: usize = 128;

unsafe extern "C" fn allocate(ctx: *mut c_void, size: usize, align: usize) -> *mut c_void {
    assert_eq!(align, ALIGNMENT);
    // SAFETY: ctx is the Counts that went in with the backend; the size isn't 0.
    unsafe {
        (*ctx.cast::<Counts>()).given += size;
        alloc(Layout::from_size_align(size, align).unwrap()).cast()
    }
}

unsafe extern "C" fn release(ctx: *mut c_void, p: *mut c_void, size: usize) {
    // SAFETY: as above; p is what allocate returned for this size.
    unsafe {
        (*ctx.cast::<Counts>()).taken += size;
        dealloc(p.cast(), Layout::from_size_align(size, ALIGNMENT).unwrap());
    }
}

unsafe extern "C" fn lane(context: *mut c_void) -> c_uint {
    // SAFETY: the counter that went in as lane_context.
    unsafe {
        *context.cast::<c_uint>() += 1;
        *context.cast::<c_uint>() % 2
    }
}

unsafe extern "C" fn note(context: *mut c_void, extent: *const lfb_extent) -> bool {
    // SAFETY: a vector went in as context; the extent lives during the call.
    unsafe {
        (*context.cast::<Vec<lfb_extent>>()).push(*extent);
    }
    true
}

#[test]
fn a_life_through_the_c_interface() {
    let mut counts = Counts { given: 0, taken: 0 };
    let mut lane_calls: c_uint = 0;
    let config = lfb_config {
        struct_size: size_of::<lfb_config>(),
        base: 0x4000_0000,
        page_size: 4096,
        page_count: 1000,
        max_order: 9,
        lanes: 2,
        current_lane: Some(lane),
        lane_context: ptr::addr_of_mut!(lane_calls).cast(),
        start_held: false,
        metadata_zeroed: false,
    };
    let backend = lfb_backend {
        allocate: Some(allocate),
        release: Some(release),
        ctx: ptr::addr_of_mut!(counts).cast(),
    };
    let mut handle = MaybeUninit::<lfb_t>::uninit();
    let lfb = handle.as_mut_ptr();
    // SAFETY: all pointers are to live values, and lfb is initialised by lfb_create.
    unsafe {
        assert_eq!(lfb_create(lfb, &config, &backend), LFB_OK);
        assert_eq!(counts.given, lfb_metadata_size(&config));
        let run = lfb_alloc_run(lfb, 37);
        assert_eq!(run % (64 * 4096), 0);
        assert_eq!(lfb_size_of(lfb, run), 37);
        assert_eq!(lfb_alloc_at_on(lfb, 1, 0x4000_0000 + 999 * 4096, 1), LFB_OK);

        let mut extents: Vec<lfb_extent> = Vec::new();
        let context = ptr::addr_of_mut!(extents).cast();
        assert_eq!(lfb_walk(lfb, Some(note), context), LFB_OK);
        assert_eq!(extents.iter().map(|extent| extent.pages).sum::<usize>(), 1000);
        assert_eq!(extents.iter().filter(|extent| extent.kind == LFB_EXTENT_RUN).count(), 2);

        let mut report = MaybeUninit::<lfb_report>::uninit();
        assert_eq!(lfb_check(lfb, report.as_mut_ptr()), LFB_OK);
        assert_eq!(report.assume_init().stats.allocated_pages, 38);
        assert_eq!(lfb_free(lfb, run), LFB_OK);
        assert_eq!(lfb_free(lfb, run), LFB_NOT_ALLOCATED);
        assert_eq!(CStr::from_ptr(lfb_status_name(LFB_BUSY)).to_str(), Ok("busy"));
        lfb_destroy(lfb);
    }
    assert_eq!(counts.taken, counts.given);
    assert!(lane_calls >= 3);
}
