//! Prints aligned tables that are Markdown, too.

use std::fmt::{self, Display, Formatter};

/// A table. The first column is text, the others are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(header: Vec<String>) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// Adds a row. Cells that it does not have are empty, cells without a column are left out.
    pub fn add(&mut self, mut row: Vec<String>) {
        row.resize(self.header.len(), String::new());
        self.rows.push(row);
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![3; self.header.len()];
        for row in self.rows.iter().chain([&self.header]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        write_row(f, &self.header, &widths)?;
        for (index, width) in widths.iter().enumerate() {
            match index {
                0 => write!(f, "| {} ", "-".repeat(*width))?,
                _ => write!(f, "| {}: ", "-".repeat(width - 1))?,
            }
        }
        writeln!(f, "|")?;
        self.rows.iter().try_for_each(|row| write_row(f, row, &widths))
    }
}

fn write_row(f: &mut Formatter<'_>, row: &[String], widths: &[usize]) -> fmt::Result {
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        match index {
            0 => write!(f, "| {cell:<width$} ")?,
            _ => write!(f, "| {cell:>width$} ")?,
        }
    }
    writeln!(f, "|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(texts(&["name", "ms", "x"]));
        table.add(texts(&["auth", "12.50", "1.0"]));
        table.add(texts(&["webhook", "3.1"]));
        let expected = "\
            | name    |    ms |   x |\n\
            | ------- | ----: | --: |\n\
            | auth    | 12.50 | 1.0 |\n\
            | webhook |   3.1 |     |\n";
        assert_eq!(table.to_string(), expected);
    }
}
