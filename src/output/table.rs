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

fn trim(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
