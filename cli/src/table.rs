//! Prints rows as aligned columns, and documents as JSON.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

/// A colour of the terminal.
#[derive(Debug, Clone, Copy)]
pub enum Colour {
    Red,
    Yellow,
    Cyan,
}

/// A text in a colour, if standard output is a terminal that wants any.
pub fn painted(text: &str, colour: Colour) -> String {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_plain = is_set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|it| it == "dumb");
    if is_plain || !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Red => 31,
        Colour::Yellow => 33,
        Colour::Cyan => 36,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Writes a text to standard output, all of it.
///
/// # Errors
/// When some of it may not have arrived.
pub fn show(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A JSON document as it is printed.
pub fn document(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The plain fields of an object as two columns. Lists and objects in it are left out.
pub fn facts(object: &Value) -> String {
    let fields = object.as_object().into_iter().flatten();
    let rows = fields.filter_map(|(name, value)| Some([name.clone(), plain(value)?]));
    columns(&rows.collect::<Vec<_>>())
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
    }
}

/// Rows as aligned columns, two spaces apart, without trailing spaces. Control characters are replaced,
/// because cells may repeat text that others wrote, and it must not move the terminal's cursor.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|it| cell(it))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    let line = padded.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

fn cell(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let visible = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<const N: usize>(cells: [&str; N]) -> [String; N] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [row(["CALL", "CODE", "NOTE"]), row(["requery", "", "why, in words"])];
        assert_eq!(columns(&rows), "CALL     CODE  NOTE\nrequery  -     why, in words\n");
    }

    #[test]
    fn a_cell_is_measured_in_characters_and_its_control_characters_are_replaced() {
        let rows = [row(["é\u{1b}[2J", "a"]), row(["12345", "b\nc"])];
        assert_eq!(columns(&rows), "é\u{fffd}[2J  a\n12345  b\u{fffd}c\n");
        assert_eq!(columns::<2>(&[]), "");
    }
}
