//! Every file of the public samples of others, and what becomes of it: `samples.tsv`. The files are read from where
//! `INCASSO_SAMPLES` points (they are not part of this repository). The folders `mt940` and `norma43` have tables of their
//! own beside the tests of their readers.
//!
//! `INCASSO_SAMPLES_WRITE=1` writes the table anew: look at what changed before it is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ingestion::formats::Inspection;

use crate::build::inspected;

/// Folders with tables of their own.
const ELSEWHERE: [&str; 2] = ["mt940", "norma43"];
const TABLE: &str = include_str!("samples.tsv");
const HEAD: &str = "file\tformat\texit\tstatements\tentries\tbooked_minor\tholds\tfails\tabsent\twhy";

/// Format, exit code, statements, entries, sum of the booked ones, proofs, and why it is not simply read.
fn outcome(found: &Inspection) -> String {
    let count = |proof: &str| {
        let like = found
            .statements
            .iter()
            .filter(|statement| statement.balance_proof == proof);
        like.count()
    };
    let entries = || found.statements.iter().flat_map(|statement| &statement.entries);
    let booked: i128 = entries()
        .filter(|entry| entry.status == "booked")
        .filter_map(|entry| entry.amount_minor.map(i128::from))
        .sum();
    let whys: Vec<&str> = found.problems.iter().map(|problem| problem.what.as_str()).collect();
    let proof = whys.iter().find(|what| what.starts_with("the balance proof fails"));
    let why = match found.outcome.exit_code() {
        0 => "",
        _ => proof.or(whys.first()).unwrap_or(&""),
    };
    [
        found.format.clone().unwrap_or_default(),
        found.outcome.exit_code().to_string(),
        found.statements.len().to_string(),
        entries().count().to_string(),
        booked.to_string(),
        count("holds").to_string(),
        count("fails").to_string(),
        count("absent").to_string(),
        why.chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect(),
    ]
    .join("\t")
}

fn files(folder: &Path, base: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .is_some_and(|name| ELSEWHERE.iter().any(|other| name == *other))
        {
            continue;
        }
        if path.is_dir() {
            files(&path, base, found);
        } else if path.file_name().is_some_and(|name| name != "SOURCES.md") {
            let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
            found.insert(name, path);
        }
    }
}

#[test]
fn every_sample_of_others() {
    let Some(folder) = std::env::var_os("INCASSO_SAMPLES").map(PathBuf::from) else {
        println!("skipped: INCASSO_SAMPLES does not name the folder of the samples");
        return;
    };
    let mut all = BTreeMap::new();
    files(&folder, &folder, &mut all);
    let mut found = BTreeMap::new();
    for (name, path) in all {
        found.insert(name, outcome(&inspected(&std::fs::read(path).unwrap())));
    }
    if std::env::var_os("INCASSO_SAMPLES_WRITE").is_some() {
        let lines: String = found
            .iter()
            .map(|(name, outcome)| format!("{name}\t{outcome}\n"))
            .collect();
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/camt/samples.tsv");
        std::fs::write(table, format!("{HEAD}\n{lines}")).unwrap();
        return;
    }
    let lines = TABLE.lines().skip(1).filter_map(|line| line.split_once('\t'));
    let expected: BTreeMap<String, String> = lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect();
    for (name, outcome) in &expected {
        assert_eq!(found.get(name), Some(outcome), "{name}");
    }
    assert_eq!(found.len(), expected.len(), "a sample is not in the table");
}
