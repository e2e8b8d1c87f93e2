//! SQL stands in a service's store and nowhere else, and names the service's own tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, at_lines, none};
use crate::tokens::{Kind, Without, stands, texts, tokens};
use crate::tree::{File, files};

/// How a statement begins.
const BEGINNINGS: [&str; 12] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "WITH ",
    "CREATE ",
    "ALTER ",
    "DROP ",
    "TRUNCATE ",
    "COPY ",
    "LOCK ",
    "REFRESH ",
];
/// Words that a table's name follows.
const BEFORE_TABLES: [&str; 6] = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "USING"];

/// Whether SQL has no business in the file.
fn is_outside(file: &File) -> bool {
    let pure = ["shared/kernel/", "shared/contracts/", "shared/wording/"];
    let product = file.service().is_some() || pure.iter().any(|pure| file.path.starts_with(pure));
    let store = ["/store.rs", "/store/"].iter().any(|store| file.path.contains(store));
    product && file.path.ends_with(".rs") && !file.is_test() && !store
}

fn misplaced(file: &File) -> Vec<Finding> {
    if !is_outside(file) || !file.mentions(&BEGINNINGS) && !file.mentions(&["sqlx"]) {
        return Vec::new();
    }
    let remedy = "give it a function in the store that says what it loads or saves";
    let tokens = tokens(file, Without::Tests);
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let call = token.text.starts_with("query") || token.text == "QueryBuilder" || token.text == "raw_sql";
        if token.kind == Kind::Word && call && at >= 3 && stands(&tokens, at - 3, &["sqlx", ":", ":"]) {
            findings.push(Finding::new(
                &file.path,
                token.line,
                format!("sqlx::{}", token.text),
                remedy,
            ));
        } else if token.kind == Kind::Text && BEGINNINGS.iter().any(|start| words(&token.text).starts_with(start)) {
            findings.push(Finding::new(&file.path, token.line, "a statement", remedy));
        }
    }
    findings
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A statement's words, without comments and punctuation; an opening parenthesis stays.
fn parts(statement: &str) -> Vec<String> {
    let lines = statement
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let spaced = lines
        .collect::<Vec<_>>()
        .join(" ")
        .replace('(', " ( ")
        .replace([')', ',', ';', '"'], " ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Tables that a service's migrations create.
fn tables(files: &[File]) -> BTreeMap<&str, BTreeSet<String>> {
    let mut tables: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.ends_with(".sql")) {
        let Some(service) = file.service() else { continue };
        let parts = parts(&file.text);
        for at in 0..parts.len() {
            let is = |offset: usize, word: &str| {
                parts
                    .get(at + offset)
                    .is_some_and(|part| part.eq_ignore_ascii_case(word))
            };
            if is(0, "CREATE") && (is(1, "TABLE") || is(1, "UNLOGGED")) {
                let mut names = parts[at + 1..].iter();
                let name = names
                    .find(|part| !["TABLE", "UNLOGGED", "IF", "NOT", "EXISTS"].contains(&part.to_uppercase().as_str()));
                tables.entry(service).or_default().extend(name.cloned());
            }
        }
    }
    tables
}

/// Tables of other services that the files name: each service has its own database.
fn of_others(files: &[File]) -> Vec<Finding> {
    let tables = tables(files);
    let mut findings = Vec::new();
    for file in files {
        let Some(service) = file.service() else { continue };
        let statements: Vec<(usize, String)> = match file.path.rsplit('.').next() {
            Some("sql") => vec![(0, file.text.clone())],
            Some("rs") if !file.is_test() && file.mentions(&BEGINNINGS) => {
                texts(file).into_iter().map(|text| (text.line, text.text)).collect()
            }
            _ => continue,
        };
        for (line, statement) in statements {
            for name in named(&statement) {
                let is_own = tables.get(service).is_some_and(|own| own.contains(&name));
                let owner = tables.iter().find(|(_, tables)| !is_own && tables.contains(&name));
                if let Some((owner, _)) = owner {
                    let line = if line == 0 { file.line_of(&name) } else { line };
                    let remedy = "keep what you need of it from its events, in a table of your own";
                    findings.push(Finding::new(
                        &file.path,
                        line,
                        format!("{name} is {owner}'s table"),
                        remedy,
                    ));
                }
            }
        }
    }
    findings
}

/// Names in a statement that stand where a table's does and are not defined in it.
fn named(statement: &str) -> BTreeSet<String> {
    let is_statement = BEGINNINGS.iter().any(|start| words(statement).contains(start));
    let parts = if is_statement { parts(statement) } else { Vec::new() };
    let mut names = BTreeSet::new();
    let mut defined = BTreeSet::new();
    for pair in parts.windows(2) {
        if BEFORE_TABLES.contains(&pair[0].to_uppercase().as_str()) {
            names.insert(pair[1].clone());
        }
    }
    for triple in parts.windows(3) {
        if triple[1].eq_ignore_ascii_case("AS") && triple[2] == "(" {
            defined.insert(triple[0].clone());
        }
    }
    names.difference(&defined).cloned().collect()
}

#[test]
fn sql_stands_in_stores() {
    none(&files().iter().flat_map(misplaced).collect::<Vec<_>>());
}

#[test]
fn no_service_reads_anothers_tables() {
    assert!(tables(files()).values().all(|tables| tables.len() > 3));
    none(&of_others(files()));
}

#[test]
fn misplaced_sql_is_found() {
    let sample = "fn a() { sqlx::query_as(B); }\nconst B: &str = \"\n  SELECT b\";\nconst C: &str = \"a SELECT b\";\n\
                  #[cfg(test)]\nmod tests { const D: &str = \"DELETE FROM d\"; }";
    at_lines(&misplaced(&File::sample("services/a/src/handlers.rs", sample)), &[1, 2]);
    at_lines(&misplaced(&File::sample("shared/kernel/src/a.rs", sample)), &[1, 2]);
    for path in [
        "services/a/src/store.rs",
        "services/a/src/store/b.rs",
        "services/a/tests/c.rs",
        "shared/runtime/src/d.rs",
    ] {
        assert_eq!(misplaced(&File::sample(path, sample)), []);
    }
}

#[test]
fn tables_of_others_are_found() {
    let a = File::sample(
        "services/a/migrations/0001_a.sql",
        "-- CREATE TABLE x\nCREATE TABLE debts (id uuid);\nCREATE TABLE IF NOT EXISTS both (id uuid);",
    );
    let b = "CREATE TABLE both (id uuid);\nCREATE UNLOGGED TABLE own (id uuid REFERENCES own);";
    let b = File::sample("services/b/migrations/0001_b.sql", b);
    let store = "const A: &str = \"SELECT 1 FROM own JOIN both USING (id)\";\nconst B: &str = \"SELECT 1 FROM own o, x\n JOIN debts d\";\n\
                 const C: &str = \"WITH debts AS (SELECT 1 FROM own) SELECT 1 FROM debts\";\nconst D: &str = \"of debts from debts\";";
    let found = of_others(&[a.clone(), b.clone(), File::sample("services/b/src/store.rs", store)]);
    at_lines(&found, &[2]);
    assert_eq!(of_others(&[a, b]), []);
}
