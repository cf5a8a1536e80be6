// SPDX-License-Identifier: MIT
//! Which CPU a call is on.

/// Says where the calling CPU should look first, which keeps CPUs out of each other's way. A wrong
/// or stale number costs time and nothing else: correctness never depends on it.
pub trait Cpu {
    /// How many CPUs to tell apart, 1 to 4096; each takes 128 bytes of metadata. Larger numbers
    /// from [`current_cpu`](Cpu::current_cpu) are folded into these.
    const COUNT: usize = 32;

    /// The number of the calling CPU, or thread.
    fn current_cpu() -> usize;
}

/// For one CPU, or callers who don't know better: always CPU 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneCpu;

impl Cpu for OneCpu {
    const COUNT: usize = 1;

    fn current_cpu() -> usize {
        0
    }
}
