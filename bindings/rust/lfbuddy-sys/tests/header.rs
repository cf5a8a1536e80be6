// SPDX-License-Identifier: MIT
//! The bindings against the text of lfbuddy.h: every function with its parameters and types, every
//! struct with its fields, every constant by name. layout.rs compares what these are worth.

mod support;

use support::{bindings, c_constants, c_functions, c_structs, Declaration};
use support::{rust_functions, rust_structs};

/// Each of C's has one of Rust's that is the same, and the other way round.
fn compare(c: &[Declaration], rust: &[Declaration]) {
    for one in c {
        match rust.iter().find(|other| other.name == one.name) {
            None => panic!("{} is in lfbuddy.h, but not in the bindings", one.name),
            Some(other) => assert_eq!(one, other, "left: lfbuddy.h, right: the bindings"),
        }
    }
    for one in rust {
        assert!(c.iter().any(|other| other.name == one.name), "{} isn't in lfbuddy.h", one.name);
    }
}

#[test]
fn functions() {
    let c = c_functions();
    // Counted another way, so that a header this reader doesn't understand can't pass.
    let plain = support::plain_c();
    let names = plain.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '('));
    let calls = names
        .filter(|word| word.split_once('(').map_or(false, |(name, _)| name.starts_with("lfb_")));
    assert_eq!(c.len(), calls.count());
    assert!(c.len() > 30);
    compare(&c, &rust_functions());
}

#[test]
fn structs() {
    let c = c_structs();
    assert_eq!(c.len(), 6, "structs in lfbuddy.h");
    let mut rust = rust_structs();
    // C has no name for the struct of a level.
    rust.retain(|one| one.name != "lfb_level");
    compare(&c, &rust);
}

#[test]
fn constants() {
    let text = bindings();
    let names = c_constants();
    assert!(names.len() > 20);
    for name in &names {
        assert!(text.contains(&format!("pub const {name}: ")), "{name} isn't in the bindings");
    }
    let rust = text.split("pub const ").skip(1).map(|rest| rest.split(':').next().unwrap_or(""));
    for name in rust {
        assert!(names.iter().any(|other| other == name), "{name} isn't in lfbuddy.h");
    }
}
