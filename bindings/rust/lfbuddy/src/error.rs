// SPDX-License-Identifier: MIT
//! Why a call was refused: each status of the C interface but success.

use core::fmt;
use lfbuddy_sys as sys;

/// Why a call was refused. A refused call has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// No free pages that would do.
    Exhausted,
    /// An argument that could never be right, whatever the state.
    InvalidArgument,
    /// An address or a length that leaves the range.
    OutOfRange,
    /// The page is free, or taken out of use: no live run is there. A second release says so.
    NotAllocated,
    /// The address lies inside a live run, not at its first page.
    NotStart,
    /// The run has another length than the caller says.
    SizeMismatch,
    /// A page that is wanted is in use.
    Busy,
    /// Metadata that the core can't have written.
    Damaged,
    /// The backend had no memory for the metadata.
    NoMemory,
}

impl Error {
    pub(crate) fn check(status: sys::lfb_status) -> Result<(), Error> {
        Err(match status {
            sys::LFB_OK => return Ok(()),
            sys::LFB_EXHAUSTED => Error::Exhausted,
            sys::LFB_INVALID_ARGUMENT => Error::InvalidArgument,
            sys::LFB_OUT_OF_RANGE => Error::OutOfRange,
            sys::LFB_NOT_ALLOCATED => Error::NotAllocated,
            sys::LFB_NOT_START => Error::NotStart,
            sys::LFB_SIZE_MISMATCH => Error::SizeMismatch,
            sys::LFB_BUSY => Error::Busy,
            sys::LFB_NO_MEMORY => Error::NoMemory,
            // The core is compiled with this crate, so there is no other.
            _ => Error::Damaged,
        })
    }

    /// The status of the C interface.
    pub fn status(self) -> u32 {
        match self {
            Error::Exhausted => sys::LFB_EXHAUSTED,
            Error::InvalidArgument => sys::LFB_INVALID_ARGUMENT,
            Error::OutOfRange => sys::LFB_OUT_OF_RANGE,
            Error::NotAllocated => sys::LFB_NOT_ALLOCATED,
            Error::NotStart => sys::LFB_NOT_START,
            Error::SizeMismatch => sys::LFB_SIZE_MISMATCH,
            Error::Busy => sys::LFB_BUSY,
            Error::Damaged => sys::LFB_DAMAGED,
            Error::NoMemory => sys::LFB_NO_MEMORY,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the function takes any number.
        let name = unsafe { sys::lfb_status_name(self.status()) };
        // SAFETY: it returns static text, never NULL.
        f.write_str(unsafe { crate::text::static_text(name) })
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Error {}
