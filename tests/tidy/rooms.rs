//! Every service has the rooms that a newcomer looks for, and they are no larger than one screen.

use crate::finding::{Finding, none};
use crate::tree::{File, files, services};

/// Lines that each of these files may have.
const SCREENS: [(&str, usize); 2] = [("src/main.rs", 20), ("src/lib.rs", 110)];
/// What the head of a service's `lib.rs` tells, each by one of these words.
const MAP: [&[&str]; 3] = [&["consume"], &["produce", "write"], &["own"]];
/// What a service's README tells, as a heading, the first cell of a row, or bold: each by one of these words.
const SECTIONS: [&[&str]; 3] = [&["invariant"], &["setting"], &["alarm", "wrong"]];
/// What the tool's README tells: a word for each command.
const COMMANDS: [&[&str]; 6] = [&["demo"], &["run"], &["inspect"], &["topics"], &["proof"], &["replay"]];

fn check(service: &str, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of = |name: &str| {
        files
            .iter()
            .find(|file| file.path == format!("services/{service}/{name}"))
    };
    for (name, lines) in SCREENS {
        let path = format!("services/{service}/{name}");
        match of(name) {
            None => findings.push(Finding::new(&path, 1, "is missing", "every service has it")),
            Some(file) if !file.text.starts_with("//!") => {
                findings.push(Finding::new(
                    &path,
                    1,
                    "does not say what it is",
                    "begin with //! and a sentence",
                ));
            }
            Some(file) if file.text.lines().count() > lines => {
                let what = format!("{} lines, at most {lines}", file.text.lines().count());
                findings.push(Finding::new(
                    &path,
                    lines + 1,
                    what,
                    "move what is no map into another room",
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(lib) = of("src/lib.rs").filter(|_| service != "incasso") {
        findings.extend(map(lib));
    }
    let path = format!("services/{service}/README.md");
    match of("README.md") {
        None => findings.push(Finding::new(
            &path,
            1,
            "is missing",
            "one page: what its sections are, see the other services",
        )),
        Some(readme) => findings.extend(sections(service, readme)),
    }
    findings
}

fn map(lib: &File) -> Vec<Finding> {
    let head = lib.text.lines().take_while(|line| line.starts_with("//!"));
    let head = head.collect::<Vec<_>>().join("\n").to_lowercase();
    let missing = MAP.iter().filter(|words| !words.iter().any(|word| head.contains(word)));
    let remedy = "lib.rs is the map: what it consumes, produces and owns";
    missing
        .map(|words| {
            Finding::new(
                &lib.path,
                1,
                format!("its head does not say what it {}s", words[0]),
                remedy,
            )
        })
        .collect()
}

fn sections(service: &str, readme: &File) -> Vec<Finding> {
    let leads: Vec<String> = readme.text.lines().filter_map(lead).collect();
    let (wanted, tells): (&[&[&str]], _) = match service {
        "incasso" => (&COMMANDS, readme.text.to_lowercase()),
        _ => (&SECTIONS, leads.join("\n")),
    };
    let missing = wanted
        .iter()
        .filter(|words| !words.iter().any(|word| tells.contains(word)));
    missing
        .map(|words| {
            let remedy = "add a heading (or a row, or a bold word) and what it means here";
            Finding::new(&readme.path, 1, format!("says nothing of: {}", words[0]), remedy)
        })
        .collect()
}

/// What a line announces: a heading, a row's first cell, a bold beginning.
fn lead(line: &str) -> Option<String> {
    let line = line.trim();
    let lead = match line {
        _ if line.starts_with('#') => line,
        _ if line.starts_with('|') => line.trim_start_matches('|').split('|').next()?,
        _ => line.trim_start_matches("- ").strip_prefix("**")?.split("**").next()?,
    };
    Some(lead.to_lowercase())
}

#[test]
fn services_have_their_rooms() {
    none(
        &services()
            .iter()
            .flat_map(|service| check(service, files()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn missing_rooms_are_found() {
    let what = |files: &[File]| {
        let findings = check("a", files).into_iter();
        findings
            .map(|finding| format!("{}:{} {}", finding.path, finding.line, finding.what))
            .collect::<Vec<_>>()
    };
    assert_eq!(what(&[]).len(), 3);
    let main = File::sample("services/a/src/main.rs", "//! A.\nfn main() {}\n");
    let head = "//! A consumes b, writes c.\n";
    let lib = File::sample("services/a/src/lib.rs", &format!("{head}{}", "// d\n".repeat(110)));
    let readme = "# A\n| setting | b |\n- **Invariants** d\nNo alarms.\n";
    let readme = File::sample("services/a/README.md", readme);
    let found = what(&[main, lib, readme]);
    let expected = [
        "services/a/src/lib.rs:111 111 lines, at most 110",
        "services/a/src/lib.rs:1 its head does not say what it owns",
        "services/a/README.md:1 says nothing of: alarm",
    ];
    assert_eq!(found, expected);
    let silent = File::sample("services/a/src/main.rs", "fn main() {}");
    assert!(what(&[silent]).contains(&"services/a/src/main.rs:1 does not say what it is".to_owned()));
}
