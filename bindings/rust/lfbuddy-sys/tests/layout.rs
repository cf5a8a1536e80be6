// SPDX-License-Identifier: MIT
//! Sizes, alignments, offsets and constants, as this crate has them and as C has them: a C program,
//! compiled as the core was, prints each, and must print what Rust says.

mod support;

use lfbuddy_sys::*;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::mem::{align_of, size_of, MaybeUninit};
use std::process::Command;
use std::ptr::addr_of;

/// A C expression and what Rust takes it to be.
type Fact = (String, u64);

/// Size, alignment and the offset and size of each field.
macro_rules! facts_of {
    ($facts:ident, $name:ident { $($field:ident),* $(,)? }) => {
        $facts.push((format!("sizeof({})", stringify!($name)), size_of::<$name>() as u64));
        $facts.push((format!("_Alignof({})", stringify!($name)), align_of::<$name>() as u64));
        let whole = MaybeUninit::<$name>::uninit();
        $(
            // SAFETY: the field's address is computed inside the value; nothing is read.
            let field = unsafe { addr_of!((*whole.as_ptr()).$field) };
            let offset = field as usize - whole.as_ptr() as usize;
            let (c_struct, c_field) = (stringify!($name), stringify!($field));
            $facts.push((format!("offsetof({c_struct}, {c_field})"), offset as u64));
            let size = size_of_pointee(field) as u64;
            $facts.push((format!("sizeof((({c_struct} *)0)->{c_field})"), size));
        )*
        $facts.push((format!("fields of {}", stringify!($name)),
                     [$(stringify!($field)),*].len() as u64));
    };
}

fn size_of_pointee<T>(_: *const T) -> usize {
    size_of::<T>()
}

fn facts_of_structs() -> Vec<Fact> {
    let mut facts = Vec::new();
    facts_of!(
        facts,
        lfb_config {
            struct_size,
            base,
            page_size,
            page_count,
            max_order,
            lanes,
            current_lane,
            lane_context,
            start_held,
            metadata_zeroed,
        }
    );
    facts_of!(facts, lfb_backend { allocate, release, ctx });
    facts_of!(
        facts,
        lfb_t {
            levels,
            shared,
            lanes,
            rooms,
            first_page,
            end_page,
            page_shift,
            top,
            max_order,
            largest_order,
            lane_count,
            lane_bits,
            level_of_order,
            place_of_order,
            current_lane,
            lane_context,
            backend,
            metadata,
            metadata_size,
        }
    );
    facts_of!(facts, lfb_extent { address, pages, kind });
    facts_of!(
        facts,
        lfb_stats {
            total_pages,
            free_pages,
            allocated_pages,
            held_pages,
            runs,
            free_blocks,
            largest_free_order,
        }
    );
    facts_of!(
        facts,
        lfb_report {
            faults,
            first_fault,
            fault_level,
            fault_address,
            warm_nodes,
            low_hints,
            stats,
        }
    );
    facts
}

/// A level's struct has no name in C: through the array that it is in.
fn facts_of_level() -> Vec<Fact> {
    let mut facts = Vec::new();
    facts_of!(facts, lfb_level { words, hints, first, count });
    facts.retain(|(name, _)| name.starts_with("offsetof"));
    for (name, _) in &mut facts {
        *name = name.replace("lfb_level, ", "lfb_t, levels[0].");
    }
    facts.push(("sizeof(((lfb_t *)0)->levels[0])".into(), size_of::<lfb_level>() as u64));
    facts
}

macro_rules! facts_of_constants {
    ($($name:ident),* $(,)?) => { vec![$((stringify!($name).to_string(), $name as u64)),*] };
}

fn facts_of_constants() -> Vec<Fact> {
    facts_of_constants![
        LFB_VERSION_MAJOR,
        LFB_VERSION_MINOR,
        LFB_VERSION_PATCH,
        LFB_WORD_BITS,
        LFB_LEAF_ORDER,
        LFB_NODE_ORDER,
        LFB_MAX_ORDER,
        LFB_MAX_PAGES,
        LFB_MAX_LANES,
        LFB_MAX_LEVELS,
        LFB_NONE,
        LFB_OK,
        LFB_EXHAUSTED,
        LFB_INVALID_ARGUMENT,
        LFB_OUT_OF_RANGE,
        LFB_NOT_ALLOCATED,
        LFB_NOT_START,
        LFB_SIZE_MISMATCH,
        LFB_BUSY,
        LFB_DAMAGED,
        LFB_NO_MEMORY,
        LFB_EXTENT_FREE,
        LFB_EXTENT_RUN,
        LFB_EXTENT_HELD,
    ]
}

/// Compiles the program as build.rs compiled the core, and runs it.
fn what_c_says(program: &str) -> String {
    let name = format!("lfbuddy-layout-{}", std::process::id());
    let directory = env::temp_dir().join(name);
    fs::create_dir_all(&directory).expect("a temporary directory");
    let (source, binary) = (directory.join("probe.c"), directory.join("probe"));
    fs::write(&source, program).expect("the probe can be written");
    let compiler: Vec<&str> = env!("LFBUDDY_COMPILER").split('\t').collect();
    let compiled = Command::new(compiler[0])
        .args(&compiler[1..])
        .args(env!("LFBUDDY_FLAGS").split('\t'))
        .arg(&source)
        .arg("-o")
        .arg(&binary)
        .status()
        .expect("the core's compiler is still there");
    assert!(compiled.success());
    let output = Command::new(&binary).output().expect("the probe runs");
    fs::remove_dir_all(&directory).expect("the temporary directory can go");
    String::from_utf8(output.stdout).expect("digits")
}

#[test]
fn as_c_has_it() {
    let mut facts = facts_of_structs();
    facts.extend(facts_of_level());
    let constants = facts_of_constants();
    assert_eq!(constants.len(), support::c_constants().len(), "constants compared here");
    facts.extend(constants);
    facts.push(("sizeof(lfb_status)".into(), size_of::<lfb_status>() as u64));
    facts.push(("sizeof(lfb_extent_kind)".into(), size_of::<lfb_extent_kind>() as u64));
    for one in support::c_structs() {
        let name = format!("fields of {}", one.name);
        let here = facts.iter().position(|(expression, _)| *expression == name);
        let (_, fields) = facts.remove(here.expect("every struct is compared here"));
        assert_eq!(fields, one.parts.len() as u64, "{name}");
    }

    let mut program = String::from("#include <lfbuddy.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for (expression, _) in &facts {
        let line = format!("    printf(\"%llu\\n\", (unsigned long long)({expression}));");
        writeln!(program, "{line}").expect("a string takes any text");
    }
    program.push_str("}\n");
    let said = what_c_says(&program);
    assert_eq!(said.lines().count(), facts.len());
    for (line, (expression, rust)) in said.lines().zip(&facts) {
        assert_eq!(line, rust.to_string(), "{expression}: left C, right Rust");
    }
}
