//! The columns that look as if they referred to users, and that a replacement does not change: people have to know, and to decide.

use std::fmt::Write as _;

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::command::references::{percent, share};
use crate::database::{Link, column_path};
use crate::output::count;
use crate::stage::references::{Planned, Reference};

/// Lists these columns for the plan, each with what tells for and against it; nothing, if there are none.
#[must_use]
pub(super) fn describe(planned: &Planned) -> String {
    let mut text = String::new();
    for reference in &planned.left {
        let _ = writeln!(text, "  looks as if it referred to users, and is NOT changed: {}", one(reference));
    }
    if !planned.left.is_empty() {
        let _ = writeln!(text, "  hint: {}", how_to_take(planned));
    }
    text
}

/// Returns the refusal of a replacement that leaves columns behind which nobody has decided about.
#[must_use]
pub(super) fn undecided(planned: &Planned) -> anyhow::Error {
    let list: Vec<String> = planned.left.iter().map(one).collect();
    let list = list.join("\n  ");
    // `all` takes whatever is certain: it leaves as they are only those that are not.
    let others = if planned.left.iter().any(|reference| reference.is_sure) {
        flag(planned.plan.links.iter())
    } else {
        "`--references all`".to_owned()
    };
    anyhow!(
        "the plan leaves columns as they are that look as if they referred to users, and nothing says that this is meant:\n  {list}\n\
         hint: {}; {others} goes on without",
        how_to_take(planned)
    )
}

/// Returns the same for programs.
#[must_use]
pub(super) fn in_json(left: &[Reference]) -> Value {
    let column = |reference: &Reference| {
        let (link, measured) = (&reference.link, &reference.measured);
        json!({
            "schema": link.table.schema, "table": link.table.table, "column": link.column.name, "filled": measured.filled,
            "found": measured.found, "share": share(reference), "referToNobody": measured.orphans(),
        })
    };
    left.iter().map(column).collect()
}

/// Names these columns in a sentence.
#[must_use]
pub(super) fn names(left: &[Reference]) -> String {
    let names: Vec<String> = left.iter().map(|reference| path(&reference.link)).collect();
    names.join(", ")
}

fn one(reference: &Reference) -> String {
    let share = share(reference).map_or_else(String::new, percent);
    let against = match reference.measured.orphans() {
        0 => String::new(),
        rows => format!("; {} to nobody", count_referring(rows)),
    };
    format!("{} ({share} are user IDs{against})", path(&reference.link))
}

fn count_referring(rows: u64) -> String {
    format!("{} {}", count(rows, "row"), if rows == 1 { "refers" } else { "refer" })
}

fn how_to_take(planned: &Planned) -> String {
    // Guesses that are part of the plan are no longer, once others are named.
    let taken = planned.plan.links.iter().filter(|link| link.is_guess);
    let flag = flag(taken.chain(planned.left.iter().map(|reference| &reference.link)));
    let is_in_the_way = planned.left.iter().any(|reference| reference.measured.orphans() > 0);
    let first =
        if is_in_the_way { ", once rows that refer to nobody are deleted, or the column is NULL there" } else { "" };
    format!("{flag} takes {} along{first}", if planned.left.len() == 1 { "it" } else { "them" })
}

/// Returns the flag that names columns, as a shell takes it.
fn flag<'a>(links: impl Iterator<Item = &'a Link>) -> String {
    let paths: Vec<String> = links.map(path).collect();
    format!("`--references '{}'`", paths.join(",").replace('\'', r"'\''"))
}

fn path(link: &Link) -> String {
    column_path(&link.table, &link.column.name)
}
