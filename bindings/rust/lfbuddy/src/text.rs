// SPDX-License-Identifier: MIT
//! C's static texts as Rust's. (`core::ffi::CStr` is younger than the compilers this crate serves.)

use lfbuddy_sys::c_char;

/// The core's texts are a line at most. With a bound the compiler doesn't turn the loop below into
/// a call of strlen, which bare metal may lack.
const LONGEST: usize = 200;

/// # Safety
///
/// `text` ends with a zero byte, and stays as it is for good.
pub(crate) unsafe fn static_text(text: *const c_char) -> &'static str {
    let mut length = 0;
    // SAFETY: the caller says that a zero ends it, and no byte behind that is read.
    while length < LONGEST && unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: these bytes were just read, and stay.
    let bytes = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), length) };
    core::str::from_utf8(bytes).unwrap_or("a text that isn't UTF-8")
}
