//! No wall clock and no chance outside the runtime's edges, in Rust as in SQL: a replay gives the same rows and ids.

use crate::finding::{Finding, at_lines, none};
use crate::tokens::{Kind, Without, stands, tokens};
use crate::tree::{File, ending};

/// Where time and chance may enter: the runtime gives them to services, the others stand outside of them.
const EDGES: [&str; 5] = [
    "shared/runtime/",
    "shared/stack/",
    "shared/testkit/",
    "services/incasso/",
    "tests/",
];

/// Of one path, head first.
const CALLS: [&[&str]; 6] = [
    &["Utc", ":", ":", "now"],
    &["Local", ":", ":", "now"],
    &["SystemTime", ":", ":", "now"],
    &["Uuid", ":", ":", "new_v4"],
    &["Uuid", ":", ":", "now_v7"],
    &["rand", ":", ":"],
];

const SQL: [&str; 9] = [
    "now()",
    "clock_timestamp()",
    "statement_timestamp()",
    "current_timestamp",
    "localtimestamp",
    "current_date",
    "random()",
    "gen_random_uuid()",
    "uuid_generate_v4()",
];

/// A statement with this in it may ask the database for the time: a lease's time-out is the database's own.
const LEASE: &str = "lease";

/// Other statements that may: the name of a lease's owner means nothing.
const EXCEPTIONS: [(&str, &str); 1] = [("services/billing/src/store/calendars.rs", "gen_random_uuid()")];

const REMEDY: &str = "handlers take the message's time, edges ctx.now(); ids are derived";

fn is_edge(path: &str) -> bool {
    EDGES.iter().any(|edge| path.starts_with(edge))
}

fn in_rust(file: &File) -> Vec<Finding> {
    if is_edge(&file.path) {
        return Vec::new();
    }
    let tokens = tokens(file, Without::Tests);
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let Some(call) = CALLS.iter().find(|call| stands(&tokens, at, call)) {
            findings.push(Finding::new(&file.path, token.line, call.concat(), REMEDY));
        }
        if token.kind == Kind::Text && file.service().is_some() && !file.is_test() {
            findings.extend(in_statement(&file.path, token.line, &token.text));
        }
    }
    findings
}

fn in_sql(file: &File) -> Vec<Finding> {
    if file.service().is_none() || is_edge(&file.path) {
        return Vec::new();
    }
    let lines = file.lines().flat_map(|(number, line)| {
        let statement = line.split("--").next().unwrap_or_default();
        in_statement(&file.path, number, statement)
    });
    lines.collect()
}

fn in_statement(path: &str, line: usize, statement: &str) -> Option<Finding> {
    let statement = statement.to_lowercase();
    let call = SQL.iter().find(|call| statement.contains(**call))?;
    let chance = ["random", "uuid"].iter().any(|chance| call.contains(chance));
    let allowed = EXCEPTIONS.contains(&(path, *call)) || statement.contains(LEASE) && !chance;
    (!allowed).then(|| Finding::new(path, line, *call, REMEDY))
}

#[test]
fn services_have_no_clock_of_their_own() {
    none(&ending(".rs").flat_map(in_rust).collect::<Vec<_>>());
    none(&ending(".sql").flat_map(in_sql).collect::<Vec<_>>());
}

#[test]
fn exceptions_are_still_needed() {
    for (path, call) in EXCEPTIONS {
        let file = ending(path)
            .next()
            .unwrap_or_else(|| panic!("{path} is gone: take it off the list"));
        assert!(file.text.contains(call), "{path} has no {call}: take it off the list");
    }
}

#[test]
fn clocks_are_found() {
    let sample = "fn a() { chrono::Utc::now(); }\nfn b() { Uuid::new_v4(); rand::random(); }\nfn c() { ctx.now(); }\n\
                  const D: &str = \"UPDATE d SET at = now()\";\n\
                  const E: &str = \"UPDATE e SET leased_until = now()\";\n#[cfg(test)]\nmod tests { fn e() { Utc::now(); } }";
    at_lines(&in_rust(&File::sample("services/a/src/b.rs", sample)), &[1, 2, 2, 4]);
    assert_eq!(in_rust(&File::sample("shared/runtime/src/clock.rs", sample)), []);
    let sample = "CREATE TABLE a (\n b timestamptz DEFAULT NOW(), -- now()\n c date DEFAULT CURRENT_DATE)";
    at_lines(
        &in_sql(&File::sample("services/a/migrations/0001_a.sql", sample)),
        &[2, 3],
    );
}
