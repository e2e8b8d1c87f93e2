//! Functions of at most 70 lines, files of at most 500: what outgrows this wants another room.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::finding::{Finding, at_lines, none};
use crate::tree::{File, ending};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;

/// Functions as they were met: name, line, lines from `fn` to the closing brace. Those of tests are clippy's business: a
/// table of cases may be long where it says so.
#[derive(Default)]
struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.fn_token.span().start().line;
        let last = body.span().end().line;
        self.0.push((signature.ident.to_string(), first, last + 1 - first));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("test"))
        };
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        let what = format!("{lines} lines in one file, at most {FILE_LINES}");
        findings.push(Finding::new(
            &file.path,
            FILE_LINES + 1,
            what,
            "give a part of it a room of its own",
        ));
    }
    let mut functions = Functions::default();
    if !file.is_test() {
        match syn::parse_file(&file.text) {
            Ok(parsed) => functions.visit_file(&parsed),
            Err(error) => {
                let line = error.span().start().line;
                findings.push(Finding::new(&file.path, line, error.to_string(), "make it Rust"));
            }
        }
    }
    for (name, line, lines) in functions.0 {
        if lines > FUNCTION_LINES {
            let what = format!("{name} has {lines} lines, at most {FUNCTION_LINES}");
            findings.push(Finding::new(
                &file.path,
                line,
                what,
                "split it where its parts have names",
            ));
        }
    }
    findings
}

#[test]
fn functions_and_files_are_short() {
    none(&ending(".rs").flat_map(check).collect::<Vec<_>>());
}

#[test]
fn long_ones_are_found() {
    let long = |lines: usize| format!("fn a() {{\n{}}}\n", "b();\n".repeat(lines - 2));
    assert_eq!(check(&File::sample("a.rs", &long(70))), []);
    at_lines(&check(&File::sample("a.rs", &long(71))), &[1]);
    at_lines(
        &check(&File::sample("a.rs", &format!("struct C;\nimpl C {{\n{}}}", long(71)))),
        &[3],
    );
    assert_eq!(
        check(&File::sample(
            "a.rs",
            &format!("#[cfg(test)]\nmod tests {{\n{}}}", long(71))
        )),
        []
    );
    assert_eq!(check(&File::sample("a.rs", &"// a\n".repeat(500))), []);
    at_lines(&check(&File::sample("a.rs", &"// a\n".repeat(501))), &[501]);
    at_lines(&check(&File::sample("a.rs", "fn a() {}\nfn {}")), &[2]);
}
