//! Rust as a flat list of words, marks and literals: no comments, and on demand no tests.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::tree::File;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword.
    Word,
    /// One character of punctuation, or a bracket.
    Mark,
    /// A string's value.
    Text,
    /// A number as written.
    Number,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text && matches!(self.kind, Kind::Word | Kind::Mark)
    }
}

/// Which items are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// None.
    Nothing,
    /// Those under `#[cfg(test)]`.
    Tests,
    /// Those under `#[cfg(test)]`, and those where `#[expect(…)]` names this lint.
    TestsAnd(&'static str),
}

/// The tokens of a file. A file that is no Rust has none; the compiler says so better.
pub fn tokens(file: &File, without: Without) -> Vec<Token> {
    let mut out = Vec::new();
    if let Ok(stream) = file.text.parse::<TokenStream>() {
        flatten(stream, without, &mut out);
    }
    out
}

/// The string literals of a file that are compiled into the product.
pub fn texts(file: &File) -> Vec<Token> {
    let mut tokens = tokens(file, Without::Tests);
    tokens.retain(|token| token.kind == Kind::Text);
    tokens
}

/// Whether these words and marks stand at `at`.
pub fn stands(tokens: &[Token], at: usize, pattern: &[&str]) -> bool {
    let found = tokens.get(at..at + pattern.len());
    found.is_some_and(|found| found.iter().zip(pattern).all(|(token, text)| token.is(text)))
}

fn flatten(stream: TokenStream, without: Without, out: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        let line = tree.span().start().line;
        match tree {
            TokenTree::Punct(mark) if mark.as_char() == '#' => match attribute(&trees, at) {
                Some((inner, text)) if text.starts_with("doc =") => at += 1 + usize::from(inner),
                Some((false, text)) if is_left_out(&text, without) => at = after_item(&trees, at + 1),
                Some((true, text)) if is_left_out(&text, without) => return,
                _ => push(out, Kind::Mark, "#".to_owned(), line),
            },
            TokenTree::Punct(mark) => push(out, Kind::Mark, mark.to_string(), line),
            TokenTree::Ident(word) => push(out, Kind::Word, word.to_string(), line),
            TokenTree::Literal(literal) => match syn::parse_str::<syn::Lit>(&literal.to_string()) {
                Ok(syn::Lit::Str(text)) => push(out, Kind::Text, text.value(), line),
                Ok(syn::Lit::Int(_) | syn::Lit::Float(_)) => push(out, Kind::Number, literal.to_string(), line),
                _ => {}
            },
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(out, Kind::Mark, open.to_owned(), line);
                flatten(group.stream(), without, out);
                push(out, Kind::Mark, close.to_owned(), group.span_close().start().line);
            }
        }
    }
}

fn push(out: &mut Vec<Token>, kind: Kind, text: String, line: usize) {
    out.push(Token { kind, text, line });
}

/// The attribute whose `#` stands before `at`: whether it is an inner one, and its text without brackets.
fn attribute(trees: &[TokenTree], at: usize) -> Option<(bool, String)> {
    let inner = matches!(trees.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
    match trees.get(at + usize::from(inner)) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((inner, group.stream().to_string()))
        }
        _ => None,
    }
}

fn is_left_out(attribute: &str, without: Without) -> bool {
    let attribute: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    let is_test = attribute == "cfg(test)" || attribute.starts_with("cfg(all(test,");
    match without {
        Without::Nothing => false,
        Without::Tests => is_test,
        Without::TestsAnd(lint) => is_test || attribute.starts_with("expect(") && attribute.contains(lint),
    }
}

/// Where the item that begins at `at` has ended: after its body or its semicolon.
fn after_item(trees: &[TokenTree], mut at: usize) -> usize {
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            TokenTree::Punct(mark) if mark.as_char() == ';' => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    at
}

#[test]
fn comments_and_tests_are_left_out() {
    let text =
        "//! Doc.\nfn a() { \"b\"; 1.5; }\n#[cfg(test)]\nmod tests { fn c() {} }\n#[cfg(test)]\nuse d;\nfn e() {}";
    let words = |without| {
        let tokens = tokens(&File::sample("a.rs", text), without);
        let words = tokens.into_iter().filter(|token| token.kind != Kind::Mark);
        words
            .map(|token| format!("{}:{}", token.text, token.line))
            .collect::<Vec<_>>()
    };
    assert_eq!(words(Without::Tests), ["fn:2", "a:2", "b:2", "1.5:2", "fn:7", "e:7"]);
    assert_eq!(words(Without::Nothing).len(), 16);
}
