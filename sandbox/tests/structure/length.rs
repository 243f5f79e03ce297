//! The length of files and functions.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use crate::sources::Sources;

const MOST_LINES_OF_A_FILE: usize = 400;
const MOST_LINES_OF_A_FUNCTION: usize = 60;

/// The files with too many lines.
pub fn long_files(sources: &Sources) -> Vec<String> {
    let lines = sources.iter().map(|(path, text)| (path, text.lines().count()));
    let long = lines.filter(|(_, lines)| *lines > MOST_LINES_OF_A_FILE);
    long.map(|(path, lines)| format!("{path}: {lines} lines")).collect()
}

/// The functions with too many lines, counted from the signature to the closing brace.
pub fn long_functions(sources: &Sources) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in sources {
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut functions = Vec::new();
        add_functions(tokens, &mut functions);
        for Function { name, first, lines } in functions {
            if lines > MOST_LINES_OF_A_FUNCTION {
                violations.push(format!("{path}:{first}: fn {name} has {lines} lines"));
            }
        }
    }
    violations
}

struct Function {
    name: String,
    first: usize,
    lines: usize,
}

/// Adds the functions among the tokens, those in the arguments of a macro included: `fn`, a name,
/// and the next group in braces.
fn add_functions(tokens: TokenStream, functions: &mut Vec<Function>) {
    let mut keyword: Option<Span> = None;
    let mut open: Option<(Span, String)> = None;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => match keyword.take() {
                Some(span) => open = Some((span, ident.to_string())),
                None if ident == "fn" => keyword = Some(ident.span()),
                None => {}
            },
            TokenTree::Group(group) => {
                keyword = None;
                if group.delimiter() == Delimiter::Brace
                    && let Some((span, name)) = open.take()
                {
                    let (first, last) = (span.start().line, group.span_close().end().line);
                    functions.push(Function { name, first, lines: last - first + 1 });
                }
                add_functions(group.stream(), functions);
            }
            // A trait's function may have no body.
            TokenTree::Punct(punct) if punct.as_char() == ';' => open = None,
            _ => {}
        }
    }
}
