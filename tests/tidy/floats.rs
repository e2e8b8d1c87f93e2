//! No floating point: money is whole minor units, rates are decimals.

use crate::finding::{Finding, at_lines, none};
use crate::tokens::{Kind, Without, tokens};
use crate::tree::{File, ending};

const REMEDY: &str =
    "take Money or rust_decimal::Decimal, or say why in #[expect(clippy::disallowed_types, reason = …)]";

/// Tests are clippy's business: it knows types, and a test may send a number that is refused.
fn check(file: &File) -> Vec<Finding> {
    if file.is_test() {
        return Vec::new();
    }
    let tokens = tokens(file, Without::TestsAnd("clippy::disallowed_types"));
    let mut findings = Vec::new();
    let mut before = "";
    let mut macro_of_serde = false;
    for token in &tokens {
        macro_of_serde |= token.is("forward_to_deserialize_any");
        macro_of_serde &= !token.is("}");
        let named = token.is("f32") || token.is("f64");
        // `pair.0.1` is read as the number 0.1 after a dot.
        let written = token.kind == Kind::Number && before != "." && is_float(&token.text);
        if (named || written) && !macro_of_serde {
            findings.push(Finding::new(
                &file.path,
                token.line,
                format!("floating point: {}", token.text),
                REMEDY,
            ));
        }
        before = &token.text;
    }
    findings
}

fn is_float(number: &str) -> bool {
    let hexadecimal = number.starts_with("0x");
    number.contains('.') || number.ends_with("f32") && !hexadecimal || number.ends_with("f64") && !hexadecimal
}

#[test]
fn the_tree_has_no_floating_point() {
    let findings: Vec<Finding> = ending(".rs").flat_map(check).collect();
    none(&findings);
}

#[test]
fn floating_point_is_found() {
    let sample = "fn a(b: f64) {}\nconst C: D = 0.19;\nfn e() { f.0.1; 0..2; \"f64\"; } // f32\n\
                  #[expect(clippy::disallowed_types, reason = \"g\")]\nfn h(i: f32) {}\nfn j() { 1f64; }\n\
                  #[cfg(test)]\nmod k { const L: f64 = 1.5; }";
    at_lines(&check(&File::sample("a.rs", sample)), &[1, 2, 6]);
}
