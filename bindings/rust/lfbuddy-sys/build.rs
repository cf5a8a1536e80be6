// SPDX-License-Identifier: MIT
//! Compiles the core, which is one C file and what it includes, into a static library.
//!
//! The compiler is the one that the environment names (`CC_<target>`, `TARGET_CC`, `CC`, as other
//! crates have it); else the first of the usual names that compiles the core for the target.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Target {
    triple: String,
    arch: String,
    os: String,
    pointer_width: String,
    is_host: bool,
}

/// A program and the arguments that belong to it.
type Tool = Vec<String>;

fn variable(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn cargo_says(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

impl Target {
    fn from_cargo() -> Target {
        let triple = cargo_says("TARGET");
        Target {
            is_host: triple == cargo_says("HOST"),
            triple,
            arch: cargo_says("CARGO_CFG_TARGET_ARCH"),
            os: cargo_says("CARGO_CFG_TARGET_OS"),
            pointer_width: cargo_says("CARGO_CFG_TARGET_POINTER_WIDTH"),
        }
    }

    /// No operating system, so no headers of one and no shared libraries.
    fn is_bare(&self) -> bool {
        matches!(self.os.as_str(), "none" | "unknown" | "uefi")
    }

    /// `NAME_<target>`, `TARGET_NAME` (`HOST_NAME` where both are the same), `NAME`: the first that
    /// is set, split at blanks.
    fn tool_from_environment(&self, name: &str) -> Option<Tool> {
        let exact = format!("{name}_{}", self.triple);
        let kind = if self.is_host { "HOST" } else { "TARGET" };
        variable(&exact)
            .or_else(|| variable(&exact.replace('-', "_")))
            .or_else(|| variable(&format!("{kind}_{name}")))
            .or_else(|| variable(name))
            .map(|value| value.split_whitespace().map(String::from).collect())
    }

    /// What clang calls it: Rust has extensions in the name of the machine.
    fn clang_triple(&self) -> String {
        let rest = self.triple.split_once('-').map_or("", |(_, rest)| rest);
        match self.arch.as_str() {
            arch @ ("riscv32" | "riscv64") => format!("{arch}-{rest}"),
            _ => self.triple.clone(),
        }
    }

    fn compilers(&self) -> Vec<Tool> {
        if let Some(tool) = self.tool_from_environment("CC") {
            return vec![tool];
        }
        let mut names: Vec<String> = Vec::new();
        if self.is_host || (self.is_bare() && cargo_says("HOST").starts_with(&self.arch)) {
            names.extend(["cc", "gcc"].map(String::from));
        }
        let prefixes: &[&str] = match self.arch.as_str() {
            "arm" => &["arm-none-eabi", "arm-linux-gnueabihf"],
            "aarch64" => &["aarch64-none-elf", "aarch64-linux-gnu"],
            "riscv64" => &["riscv64-unknown-elf", "riscv64-linux-gnu"],
            "riscv32" => &["riscv32-unknown-elf", "riscv64-unknown-elf", "riscv64-linux-gnu"],
            "x86" => &["i686-elf", "i686-linux-gnu"],
            "x86_64" => &["x86_64-elf", "x86_64-linux-gnu"],
            _ => &[],
        };
        names.extend(prefixes.iter().map(|prefix| format!("{prefix}-gcc")));
        names.push(format!("{}-gcc", self.triple));
        let mut tools: Vec<Tool> = names.into_iter().map(|name| vec![name]).collect();
        tools.push(vec!["clang".into(), format!("--target={}", self.clang_triple())]);
        tools
    }

    /// What the core needs to agree with Rust's code, and what the target needs by its nature.
    fn flags(&self) -> Vec<String> {
        let mut flags = vec![
            "-std=c11".to_string(),
            "-O2".to_string(),
            "-ffunction-sections".to_string(),
            // Rust's side has them as c_uint everywhere.
            "-fno-short-enums".to_string(),
            // Stated, so that both sides can't but agree on it.
            format!("-DLFB_WORD_BITS={}", self.pointer_width),
        ];
        if self.is_bare() {
            flags.push("-ffreestanding".to_string());
            flags.extend(self.machine());
        } else {
            flags.push("-fPIC".to_string());
        }
        flags.extend(self.tool_from_environment("CFLAGS").unwrap_or_default());
        flags
    }

    /// The machine that a target without an operating system stands for.
    fn machine(&self) -> Vec<String> {
        let flags: &[&str] = match self.arch.as_str() {
            "riscv32" | "riscv64" => return self.riscv(),
            "x86_64" => &["-fPIC", "-mno-red-zone", "-mgeneral-regs-only"],
            "aarch64" => &["-mgeneral-regs-only"],
            "arm" => match self.triple.split('-').next().unwrap_or("") {
                "thumbv7m" => &["-mthumb", "-mcpu=cortex-m3"],
                "thumbv7em" => &["-mthumb", "-mcpu=cortex-m4"],
                "thumbv8m.main" => &["-mthumb", "-mcpu=cortex-m33"],
                "armv7r" => &["-mcpu=cortex-r4"],
                _ => &["-mcpu=cortex-a7"],
            },
            _ => &[],
        };
        let mut flags: Vec<String> = flags.iter().map(|flag| flag.to_string()).collect();
        if self.arch == "arm" {
            // The core has no floating point, but the linker compares what objects say of it.
            let hard = self.triple.ends_with("hf");
            flags.push(format!("-mfloat-abi={}", if hard { "hard" } else { "soft" }));
            if hard {
                let thumb = self.triple.starts_with("thumb");
                flags.push(format!("-mfpu={}", if thumb { "fpv4-sp-d16" } else { "vfpv3-d16" }));
            }
        }
        flags
    }

    /// "riscv64gc" is rv64gc, its registers for floating point in use.
    fn riscv(&self) -> Vec<String> {
        let machine = self.triple.split('-').next().unwrap_or("");
        let extensions = machine.strip_prefix(&self.arch).unwrap_or("");
        let float = if extensions.contains(['g', 'd']) { "d" } else { "" };
        let integers = if self.pointer_width == "64" { "lp64" } else { "ilp32" };
        vec![
            format!("-march=rv{}{extensions}", self.pointer_width),
            format!("-mabi={integers}{float}"),
            "-mcmodel=medany".to_string(),
        ]
    }

    fn check(&self) {
        // Load and store alone aren't enough; cargo lists what can be compared and swapped.
        let widths = env::var("CARGO_CFG_TARGET_HAS_ATOMIC").unwrap_or_default();
        if !widths.split(',').any(|width| width == self.pointer_width) {
            panic!("{} has no compare-and-swap of a word, which lfbuddy needs", self.triple);
        }
    }

    /// The archiver that belongs to a compiler.
    fn archivers(&self, compiler: &Tool) -> Vec<Tool> {
        if let Some(tool) = self.tool_from_environment("AR") {
            return vec![tool];
        }
        let prefix = compiler[0].strip_suffix("gcc").unwrap_or("");
        [format!("{prefix}ar"), "ar".into(), "llvm-ar".into()].map(|name| vec![name]).to_vec()
    }
}

/// Runs it; what it says where it fails.
fn run(tool: &Tool, arguments: &[String]) -> Result<(), String> {
    let line = format!("{} {}", tool.join(" "), arguments.join(" "));
    match Command::new(&tool[0]).args(&tool[1..]).args(arguments).output() {
        Err(error) => Err(format!("{line}: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The first of the tools that does it.
fn run_first(tools: Vec<Tool>, arguments: &[String]) -> Tool {
    let mut complaints = Vec::new();
    for tool in tools {
        match run(&tool, arguments) {
            Ok(()) => return tool,
            Err(complaint) => complaints.push(complaint),
        }
    }
    panic!(
        "lfbuddy's core needs GCC or Clang for this target, and the archiver that goes with it; name \
         them in CC_<target> and AR_<target>, or CC and AR. Tried:\n{}",
        complaints.join("\n")
    );
}

/// The project's sources: as links or copies in this crate, or where the repository has them.
fn source_root() -> PathBuf {
    let crate_root = PathBuf::from(cargo_says("CARGO_MANIFEST_DIR"));
    let places = [crate_root.join("vendor"), crate_root.join("../../..")];
    let found = places.iter().find(|place| place.join("src/lfbuddy.c").is_file());
    found.expect("the sources of lfbuddy's core are missing").clone()
}

fn text(path: &Path) -> String {
    path.to_str().expect("paths are UTF-8").to_string()
}

fn main() {
    let target = Target::from_cargo();
    target.check();
    let root = source_root();
    let out = PathBuf::from(cargo_says("OUT_DIR"));
    let (object, archive) = (out.join("lfbuddy.o"), out.join("liblfbuddy_core.a"));
    for part in ["src/lfbuddy.c", "src/core", "src/port", "include/lfbuddy.h"] {
        println!("cargo:rerun-if-changed={}", text(&root.join(part)));
    }
    println!("cargo:rerun-if-changed=build.rs");

    let mut arguments = target.flags();
    arguments.push(format!("-I{}", text(&root.join("include"))));
    // For the tests, which ask the same compiler how C lays out what Rust declares.
    println!("cargo:rustc-env=LFBUDDY_ROOT={}", text(&root));
    println!("cargo:rustc-env=LFBUDDY_FLAGS={}", arguments.join("\t"));
    let source = text(&root.join("src/lfbuddy.c"));
    arguments.extend(["-c".into(), source, "-o".into(), text(&object)]);
    let compiler = run_first(target.compilers(), &arguments);
    println!("cargo:rustc-env=LFBUDDY_COMPILER={}", compiler.join("\t"));

    // An archive of an earlier build would be added to.
    let _ = std::fs::remove_file(&archive);
    let arguments = ["crs".to_string(), text(&archive), text(&object)];
    run_first(target.archivers(&compiler), &arguments);
    println!("cargo:rustc-link-search=native={}", text(&out));
    println!("cargo:rustc-link-lib=static=lfbuddy_core");
}
