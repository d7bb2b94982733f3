//! Tables of counts.

use comfy_table::{CellAlignment, Table, presets};

use super::text::number;

/// Draws a table of names and numbers, the numbers to the right, with an optional remark a row.
#[must_use]
pub fn counts(rows: &[(String, u64, String)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, count, remark) in rows {
        table.add_row([format!("  {name}"), number(*count), remark.clone()]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    trim(&table)
}

/// Draws a table with a head; the columns at these places hold numbers, and stand to the right.
#[must_use]
pub fn grid(head: &[&str], rows: &[Vec<String>], numbers: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let indented = |cells: Vec<String>| {
        cells.into_iter().enumerate().map(|(at, cell)| if at == 0 { format!("  {cell}") } else { cell })
    };
    table.set_header(indented(head.iter().map(|cell| (*cell).to_owned()).collect()));
    for row in rows {
        table.add_row(indented(row.clone()));
    }
    for at in numbers {
        if let Some(column) = table.column_mut(*at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    trim(&table)
}

fn trim(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
