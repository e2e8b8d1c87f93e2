//! Nothing is left lying about: unfinished work, silenced lints, one person's paths.

use crate::finding::{Finding, at_lines, none};
use crate::tokens::{Without, stands, tokens};
use crate::tree::{File, ending, files};

/// Written in two parts, so that this file does not find itself.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const PRIVATE: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

fn unfinished(file: &File) -> Vec<Finding> {
    let tokens = match file.mentions(&["todo", "unimplemented"]) {
        true => tokens(file, Without::Nothing),
        false => Vec::new(),
    };
    let macros = (0..tokens.len())
        .filter(|at| stands(&tokens, *at, &["todo", "!"]) || stands(&tokens, *at, &["unimplemented", "!"]));
    let remedy = "finish it, or leave it out and say so in the README";
    let mut findings: Vec<Finding> = macros
        .map(|at| Finding::new(&file.path, tokens[at].line, format!("{}!", tokens[at].text), remedy))
        .collect();
    for (number, line) in file.lines() {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        if let Some(word) = words.find(|word| NOTES.contains(word)) {
            findings.push(Finding::new(&file.path, number, word, remedy));
        }
    }
    findings
}

/// In product code a lint is expected, with a reason, never allowed: an expectation that no longer holds is noticed.
fn silenced(file: &File) -> Vec<Finding> {
    if file.is_test() || !file.mentions(&["allow", "expect"]) {
        return Vec::new();
    }
    let tokens = tokens(file, Without::Tests);
    let attribute = |at: usize, name: &str| {
        stands(&tokens, at, &["#", "[", name, "("]) || stands(&tokens, at, &["#", "!", "[", name, "("])
    };
    let mut findings = Vec::new();
    for at in 0..tokens.len() {
        if attribute(at, "allow") {
            let remedy = "write #[expect(…, reason = \"…\")]";
            findings.push(Finding::new(&file.path, tokens[at].line, "a lint is allowed", remedy));
        }
        let rest = || tokens[at..].iter().take_while(|token| !token.is("]"));
        if attribute(at, "expect") && !rest().any(|token| token.is("reason")) {
            let remedy = "add reason = \"…\"";
            findings.push(Finding::new(
                &file.path,
                tokens[at].line,
                "a lint is expected without a reason",
                remedy,
            ));
        }
    }
    findings
}

fn private_paths(file: &File) -> Vec<Finding> {
    let lines = file.lines().filter_map(|(number, line)| {
        // A path's first folder, not one inside an address or a longer path.
        let begins = |found: usize| {
            let before = line.get(..found).and_then(|before| before.chars().last());
            !before.is_some_and(|c| c.is_alphanumeric() || "._-*/}>".contains(c))
        };
        let found = PRIVATE
            .iter()
            .find(|path| line.match_indices(**path).any(|(at, _)| begins(at)))?;
        let remedy = "start from the tree's root, a setting or a temporary folder";
        Some(Finding::new(
            &file.path,
            number,
            format!("a path of one machine: {found}"),
            remedy,
        ))
    });
    lines.collect()
}

#[test]
fn nothing_is_unfinished() {
    none(&ending(".rs").flat_map(unfinished).collect::<Vec<_>>());
}

#[test]
fn no_lint_is_silenced_without_a_word() {
    none(&ending(".rs").flat_map(silenced).collect::<Vec<_>>());
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    none(&files().iter().flat_map(private_paths).collect::<Vec<_>>());
}

#[test]
fn leftovers_are_found() {
    let text = format!(
        "fn a() {{ todo!() }}\n// {} later\nfn b() {{ \"todo!\"; }}\nfn c() {{ unimplemented!() }}",
        NOTES[0]
    );
    at_lines(&unfinished(&File::sample("a.rs", &text)), &[1, 4, 2]);
    let text = "#![allow(dead_code)]\n#[expect(clippy::a)]\nfn b() {}\n#[expect(clippy::c, reason = \"d\")]\nfn e() {}\n\
                #[cfg(test)]\n#[allow(f)]\nmod g {}";
    at_lines(&silenced(&File::sample("services/a/src/b.rs", text)), &[1, 2]);
    let text = format!("a = \"{}b\"\nhttps://c{}d\n`{}e`", PRIVATE[0], PRIVATE[2], PRIVATE[1]);
    at_lines(&private_paths(&File::sample("a.md", &text)), &[1, 3]);
}
