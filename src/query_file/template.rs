//! The lines of a preset that depend on the users table. A preset is SQL that runs as it stands; two remarks at the end of a line say
//! more about it:
//!
//! - `-- if present: NAME`: the line is part of the query exactly if the users table has a column of that very name. Whether the line is
//!   commented out in the file only says what most tables have.
//! - `-- password column`: the line is part of the query if a password column was asked for, whose name then takes the place of
//!   `password`.

const IF_PRESENT: &str = " -- if present: ";
const PASSWORD: &str = " -- password column";

/// Returns the query for a table with these columns, and with this password column (quoted for the engine).
pub(super) fn fill(text: &str, table_columns: &[String], password_column: Option<&str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut chosen: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some((item, column)) = line.split_once(IF_PRESENT) {
            // `createdAt` and `created_at` in one table: the first in the file wins, for a query gives a key once.
            let alias = item.rsplit_once(" AS ").map_or(item, |(_, alias)| alias);
            if table_columns.iter().any(|present| present == column.trim()) && !chosen.contains(&alias) {
                chosen.push(alias);
                push_line(&mut filled, &uncommented(item));
            }
        } else if let Some(item) = line.strip_suffix(PASSWORD) {
            if let Some(column) = password_column {
                push_line(&mut filled, &with_password_column(&uncommented(item), column));
            }
        } else {
            push_line(&mut filled, line);
        }
    }
    filled
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn uncommented(line: &str) -> String {
    line.replacen("-- ", "", 1)
}

/// Puts the column in the place of `password` in `u.password AS ...`.
fn with_password_column(item: &str, column: &str) -> String {
    item.replacen("u.password ", &format!("u.{column} "), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
-- About.
SELECT u.id,
  u.\"createdAt\" AS \"createdAt\", -- if present: createdAt
  -- u.created_at AS \"createdAt\", -- if present: created_at
  -- u.password AS \"password\", -- password column
  u.email
FROM t u;";

    fn check(columns: &[&str], password: Option<&str>, between: &str) {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        let expected = format!("-- About.\nSELECT u.id,\n{between}  u.email\nFROM t u;\n");
        assert_eq!(fill(TEXT, &columns, password), expected);
    }

    #[test]
    fn a_line_for_a_column_is_there_exactly_if_the_table_has_the_column() {
        check(&["id", "email"], None, "");
        check(&["createdAt"], None, "  u.\"createdAt\" AS \"createdAt\",\n");
        check(&["created_at"], None, "  u.created_at AS \"createdAt\",\n");
        check(&["createdat", "CREATED_AT"], None, "");
    }

    #[test]
    fn two_columns_for_one_key_give_it_once() {
        check(&["created_at", "createdAt"], None, "  u.\"createdAt\" AS \"createdAt\",\n");
    }

    #[test]
    fn the_password_column_takes_the_place_of_its_line() {
        check(&[], Some("\"hashedPassword\""), "  u.\"hashedPassword\" AS \"password\",\n");
        check(&[], Some("`a $1 b`"), "  u.`a $1 b` AS \"password\",\n");
    }
}
