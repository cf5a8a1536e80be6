// SPDX-License-Identifier: MIT
//! Physical memory of a kernel in the making: metadata in a static, a hole that is out of use, page
//! tables below 16 MiB, and runs that go with their owners. Runs on any host, as the addresses are
//! but numbers.

use lfbuddy::{BuddyAlloc, Cpu, Error, Kind, Metadata, Options};

const PAGE: usize = 4096;
const RAM: usize = 512 << 20;
const HOLE: std::ops::Range<usize> = 0xf_0000..0x10_0000;

struct BootCpu;

impl Cpu for BootCpu {
    const COUNT: usize = 4;

    fn current_cpu() -> usize {
        0 // yours: read the register that has it
    }
}

static METADATA: Metadata<65536> = Metadata::new();

fn main() -> Result<(), Error> {
    let options = Options::new().with_max_order(10).with_start_held();
    let frames = BuddyAlloc::<PAGE, BootCpu, _>::with_options(0, RAM / PAGE, options, &METADATA)?;
    frames.release_range(0, HOLE.start / PAGE)?;
    frames.release_range(HOLE.end, (RAM - HOLE.end) / PAGE)?;

    let table = frames.run_within(1, 0..16 << 20)?;
    let stack = frames.run(5)?;
    println!("a page table at {:#x}, a stack at {:#x}", table.address(), stack.address());
    assert_eq!(frames.free(stack.address() + PAGE), Err(Error::NotStart));

    for extent in frames.extents().filter(|extent| extent.kind != Kind::Free) {
        println!("{:#9x}  {:4} pages  {:?}", extent.address, extent.pages, extent.kind);
    }
    drop((table, stack));
    let stats = frames.stats();
    assert_eq!((stats.allocated_pages, stats.held_pages), (0, 16));
    println!("{} of {} pages are free", stats.free_pages, stats.total_pages);
    Ok(())
}
