//! The length of files and functions.

use proc_macro2::TokenTree::{self, Group, Ident};
use proc_macro2::{Delimiter, TokenStream};

use crate::sources::{Sources, is};

/// The files with more than 400 lines, and the functions with more than 60.
pub fn too_long(sources: &Sources) -> Vec<String> {
    let mut long = Vec::new();
    for (path, text) in sources {
        let lines = text.lines().count();
        if lines > 400 {
            long.push(format!("{path} has {lines} lines"));
        }
        add_functions(path, text.parse().expect("Rust source text"), &mut long);
    }
    long
}

/// Adds the long functions among the tokens, those in the arguments of a macro included.
fn add_functions(path: &str, tokens: TokenStream, long: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_block = |it: &TokenTree| matches!(it, Group(it) if it.delimiter() == Delimiter::Brace);
    for (at, token) in tokens.iter().enumerate() {
        if let Group(group) = token {
            add_functions(path, group.stream(), long);
        }
        if let [Ident(keyword), Ident(name), rest @ ..] = &tokens[at..]
            && keyword == "fn"
            && let Some(Group(body)) = rest.iter().find(|it| is_block(it) || is(it, ';'))
        {
            let first = keyword.span().start().line;
            let lines = body.span_close().end().line - first + 1;
            if lines > 60 {
                long.push(format!("{path}:{first}: fn {name} has {lines} lines"));
            }
        }
    }
}
