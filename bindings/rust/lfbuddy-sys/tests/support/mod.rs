// SPDX-License-Identifier: MIT
//! Reads declarations, C's and Rust's, as text: enough of both grammars for lfbuddy.h and the
//! bindings, and a panic for what it doesn't understand.
#![allow(dead_code)]

use std::fs;
use std::path::Path;

/// A function, or a struct: its name, and each parameter or field with its type.
#[derive(Debug, PartialEq)]
pub struct Declaration {
    pub name: String,
    pub parts: Vec<(String, String)>,
    /// What a function returns; of a struct nothing.
    pub returns: String,
}

pub fn header() -> String {
    let path = Path::new(env!("LFBUDDY_ROOT")).join("include/lfbuddy.h");
    fs::read_to_string(path).expect("lfbuddy.h can be read")
}

pub fn bindings() -> String {
    without_line_comments(include_str!("../../src/lib.rs"))
}

fn without_line_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some(start) = rest.find("/*") {
        kept.push_str(&rest[..start]);
        let length = rest[start..].find("*/").expect("a comment ends");
        rest = &rest[start + length + 2..];
    }
    kept + rest
}

/// C without comments and preprocessor lines.
pub fn plain_c() -> String {
    let text = without_comments(&header()).replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n").replace("extern \"C\" {", "")
}

/// Splits where `separator` stands outside all brackets.
pub fn split_outside(text: &str, separator: char) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut depth = 0;
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        before = c;
        if c == separator && depth == 0 {
            pieces.push(String::new());
        } else if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    let trimmed = pieces.iter().map(|piece| words(piece));
    trimmed.filter(|piece| !piece.is_empty()).collect()
}

/// One blank between words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// "const uintptr_t in[]" as ("in", "*const usize"). Callbacks and inner structs by their kind only.
fn c_variable(text: &str) -> (String, String) {
    if let Some(at) = text.find("(*") {
        let name = text[at + 2..].split(')').next().expect("a callback's name ends");
        return (name.to_string(), "callback".to_string());
    }
    let (text, array) = match text.find('[') {
        None => (text, None),
        Some(at) => (&text[..at], Some(&text[at..])),
    };
    let start = text.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
    let name = text[start..].to_string();
    let mut kind = if text.contains('}') { "inner".into() } else { rust_type(&text[..start]) };
    match array {
        None => {}
        Some("[]") if text.starts_with("const ") => kind = format!("*const {kind}"),
        Some("[]") => kind = format!("*mut {kind}"),
        Some(_) => kind = format!("array of {kind}"),
    }
    (name, kind)
}

/// The bindings' name of a C type.
fn rust_type(text: &str) -> String {
    let text = text.trim();
    if let Some(pointee) = text.strip_suffix('*') {
        let constness = if pointee.starts_with("const ") { "const" } else { "mut" };
        return format!("*{constness} {}", rust_type(pointee));
    }
    let name = text.strip_prefix("const ").unwrap_or(text);
    match name {
        "void" => "c_void",
        "char" => "c_char",
        "unsigned char" => "u8",
        "int" => "c_int",
        "unsigned" => "c_uint",
        "size_t" | "uintptr_t" => "usize",
        "bool" => "bool",
        _ if name.starts_with("lfb_") => name,
        _ => panic!("this test doesn't know the C type {name:?}"),
    }
    .to_string()
}

pub fn c_functions() -> Vec<Declaration> {
    let text = plain_c();
    let functions = split_outside(&text, ';').into_iter().filter(|statement| {
        !statement.starts_with("typedef") && statement.contains("lfb_") && statement.contains('(')
    });
    functions.map(|statement| c_function(&statement)).collect()
}

fn c_function(statement: &str) -> Declaration {
    let open = statement.find('(').expect("only functions come here");
    let start = statement[..open].rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
    let parameters = statement[open + 1..].strip_suffix(')').expect("parameters end the statement");
    let returns = &statement[..start];
    Declaration {
        name: statement[start..open].to_string(),
        parts: split_outside(parameters, ',').iter().map(|one| c_variable(one)).collect(),
        returns: if returns.trim() == "void" { String::new() } else { rust_type(returns) },
    }
}

pub fn c_structs() -> Vec<Declaration> {
    let text = plain_c();
    let structs = split_outside(&text, ';').into_iter().filter(|s| s.starts_with("typedef struct"));
    structs.map(|statement| c_struct(&statement)).collect()
}

fn c_struct(statement: &str) -> Declaration {
    let open = statement.find('{').expect("a struct has fields");
    let close = statement.rfind('}').expect("a struct ends");
    let mut parts = Vec::new();
    for field in split_outside(&statement[open + 1..close], ';') {
        parts.push(c_variable(&field));
    }
    let name = statement[close + 1..].trim().to_string();
    Declaration { name, parts, returns: String::new() }
}

/// The names of all constants: enumerators, and #define but for the include guard.
pub fn c_constants() -> Vec<String> {
    let mut names: Vec<String> = header()
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .map(|rest| rest.split_whitespace().next().expect("a macro has a name").to_string())
        .filter(|name| name != "LFBUDDY_H")
        .collect();
    for statement in split_outside(&plain_c(), ';') {
        if statement.starts_with("typedef enum") {
            let inside = statement.split(['{', '}']).nth(1).expect("an enum has values");
            let values = split_outside(inside, ',');
            names.extend(values.iter().map(|v| v.split(' ').next().unwrap_or("").to_string()));
        }
    }
    names.sort();
    names.dedup();
    names
}

fn rust_variable(text: &str) -> (String, String) {
    let text = text.strip_prefix("pub ").unwrap_or(text);
    let (name, kind) = text.split_once(": ").expect("a name and its type");
    let name = name.strip_prefix("r#").unwrap_or(name).to_string();
    let array = kind.strip_prefix('[').and_then(|inside| inside.split(';').next());
    let kind = match (kind, array) {
        _ if kind.starts_with("Option<") => "callback".to_string(),
        (_, Some("lfb_level")) => "array of inner".to_string(),
        (_, Some(element)) => format!("array of {element}"),
        _ => kind.to_string(),
    };
    (name, kind)
}

/// What stands between the bracket at the start and the one that closes it.
fn inside_brackets(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[1..at];
        }
    }
    panic!("a bracket isn't closed");
}

fn rust_declarations(text: &str, keyword: &str, open: char) -> Vec<Declaration> {
    let mut found = Vec::new();
    for piece in text.split(keyword).skip(1) {
        let start = piece.find(open).expect("a declaration has parts");
        let inside = inside_brackets(&piece[start..]);
        let after = &piece[start + inside.len() + 2..];
        let returns = after.split(';').next().unwrap_or("").trim();
        found.push(Declaration {
            name: piece[..start].trim().to_string(),
            parts: split_outside(inside, ',').iter().map(|one| rust_variable(one)).collect(),
            returns: returns.strip_prefix("-> ").unwrap_or("").to_string(),
        });
    }
    found
}

pub fn rust_functions() -> Vec<Declaration> {
    rust_declarations(&bindings(), "pub fn ", '(')
}

pub fn rust_structs() -> Vec<Declaration> {
    let mut structs = rust_declarations(&bindings(), "pub struct ", '{');
    structs.iter_mut().for_each(|one| one.returns.clear());
    structs
}
