//! How a table of SQLite's is made, with other types for some of its columns: the database keeps the text and nothing else, so
//! constraints, defaults and names stay as they were written.

use std::ops::Range;

/// Returns the text with the type `TEXT` for these columns. Those of `not_null` may not be NULL any more: a table's row number
/// never was, and what takes its place could be. `None`, if the text is none that we can read.
pub(in crate::database) fn retyped(create: &str, columns: &[String], not_null: &[String]) -> Option<String> {
    let tokens = tokens(create);
    let open = tokens.iter().position(|token| token.is(create, "("))?;
    let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
    let mut changed = 0;
    for definition in definitions(create, &tokens[open + 1..]) {
        let Some((name, rest)) = definition.split_first() else { continue };
        if TABLE_CONSTRAINTS.iter().any(|word| name.is(create, word)) {
            continue;
        }
        let name_text = name.unquoted(create);
        let same = |other: &String| other.eq_ignore_ascii_case(&name_text);
        if !columns.iter().any(same) {
            continue;
        }
        let ends = |token: &&Token| COLUMN_CONSTRAINTS.iter().any(|word| token.is(create, word));
        let until = rest.iter().position(|token| ends(&token)).unwrap_or(rest.len());
        let text = if not_null.iter().any(same) { "TEXT NOT NULL" } else { "TEXT" };
        match (rest[..until].first(), rest[..until].last()) {
            (Some(first), Some(last)) => edits.push((first.at.start..last.at.end, text)),
            _ => return None,
        }
        changed += 1;
    }
    if changed != columns.len() {
        return None;
    }
    if !not_null.is_empty() {
        // Only numbers can be counted on.
        edits.extend(
            tokens.iter().filter(|token| token.is(create, "AUTOINCREMENT")).map(|token| (token.at.clone(), "")),
        );
    }
    edits.sort_by_key(|(at, _)| at.start);
    let mut text = create.to_owned();
    for (at, with) in edits.into_iter().rev() {
        text.replace_range(at, with);
    }
    Some(text)
}

/// Returns whether the table counts its row numbers, and gives none a second time.
pub(in crate::database) fn counts_rows(create: &str) -> bool {
    tokens(create).iter().any(|token| token.is(create, "AUTOINCREMENT"))
}

/// Returns the check constraints, as they are written.
pub(in crate::database) fn checks(create: &str) -> Vec<String> {
    let tokens = tokens(create);
    let opens =
        tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].is(create, "CHECK") && pair[1].is(create, "("));
    let check = |(at, pair): (usize, &[Token])| {
        let mut depth = 0;
        let end = tokens[at + 1..].iter().find(|token| {
            depth += i32::from(token.is(create, "(")) - i32::from(token.is(create, ")"));
            depth == 0
        })?;
        Some(create[pair[0].at.start..end.at.end].to_owned())
    };
    opens.filter_map(check).collect()
}

/// Returns whether a statement ends with a comment, which would go on over what follows.
pub(in crate::database) fn ends_in_comment(sql: &str) -> bool {
    let end = tokens(sql).last().map_or(0, |last| last.at.end);
    sql[end..].rsplit('\n').next().is_some_and(|line| line.contains("--"))
}

const TABLE_CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
const COLUMN_CONSTRAINTS: [&str; 11] =
    ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"];

/// A word, a name, a literal or a sign.
#[derive(Debug)]
struct Token {
    at: Range<usize>,
}

impl Token {
    /// Returns whether it is this word or sign, unquoted.
    fn is(&self, sql: &str, word: &str) -> bool {
        sql[self.at.clone()].eq_ignore_ascii_case(word)
    }

    fn unquoted(&self, sql: &str) -> String {
        let text = &sql[self.at.clone()];
        let quote = match text.chars().next() {
            Some(quote @ ('"' | '`' | '\'')) => quote,
            Some('[') => ']',
            _ => return text.to_owned(),
        };
        let inner = text.get(1..text.len() - 1).unwrap_or_default();
        if quote == ']' { inner.to_owned() } else { inner.replace(&format!("{quote}{quote}"), &quote.to_string()) }
    }
}

/// Splits what stands in the outermost parentheses at the commas there.
fn definitions<'a>(sql: &str, tokens: &'a [Token]) -> Vec<&'a [Token]> {
    let (mut definitions, mut begin, mut depth) = (Vec::new(), 0, 1);
    for (at, token) in tokens.iter().enumerate() {
        if token.is(sql, "(") {
            depth += 1;
        } else if token.is(sql, ")") {
            depth -= 1;
        }
        if depth == 0 || depth == 1 && token.is(sql, ",") {
            definitions.push(&tokens[begin..at]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    definitions
}

/// Takes a statement apart; comments and blanks are left out.
fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let long = if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        } else if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            at += comment.find("*/").map_or(rest.len(), |end| end + 4);
            continue;
        } else if matches!(letter, '"' | '`' | '\'') {
            quoted(rest, letter)
        } else if letter == '[' {
            rest.find(']').map_or(rest.len(), |end| end + 1)
        } else if is_part(letter) {
            rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())
        } else {
            letter.len_utf8()
        };
        tokens.push(Token { at: at..at + long });
        at += long;
    }
    tokens
}

fn is_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$') || !letter.is_ascii()
}

/// Returns how long the quoted text at the beginning is: a doubled quote does not end it.
fn quoted(text: &str, quote: char) -> usize {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            if letters.peek().is_none_or(|(_, next)| *next != quote) {
                return at + 1;
            }
            letters.next();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_types_of_the_columns_change() {
        let check = |create: &str, columns: &[&str], not_null: &[&str], expected: Option<&str>| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(retyped(create, &owned(columns), &owned(not_null)).as_deref(), expected, "{create}");
        };
        check(
            "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, n int)",
            &["id"],
            &["id"],
            Some("CREATE TABLE users (id TEXT NOT NULL PRIMARY KEY , n int)"),
        );
        check(
            "CREATE TABLE t(a int default (1), [b c] decimal(10, 2) REFERENCES u(id), CHECK (a > 1))",
            &["B C", "a"],
            &[],
            Some("CREATE TABLE t(a TEXT default (1), [b c] TEXT REFERENCES u(id), CHECK (a > 1))"),
        );
        check(
            "CREATE TABLE \"a (\"\" int\" (/* a int, */ x text DEFAULT ',a int', -- (\n \"a\" unsigned big int)",
            &["a"],
            &[],
            Some("CREATE TABLE \"a (\"\" int\" (/* a int, */ x text DEFAULT ',a int', -- (\n \"a\" TEXT)"),
        );
        check(
            "CREATE TABLE t (`\u{2705}``x` INT,y)",
            &["\u{2705}`x"],
            &[],
            Some("CREATE TABLE t (`\u{2705}``x` TEXT,y)"),
        );
        check("CREATE TABLE t (a, b)", &["a"], &[], None);
        check("CREATE TABLE t (a int)", &["b"], &[], None);
        check("nothing", &["b"], &[], None);
    }

    #[test]
    fn a_comment_at_the_end_is_seen_and_no_other() {
        for (sql, ends) in [
            ("CREATE INDEX i ON t (a) -- all", true),
            ("CREATE INDEX i ON t (a) -- all\n", false),
            ("CREATE INDEX `--` ON t (a) /* of it */", false),
            ("CREATE INDEX i -- one\n ON \"--\" (a)", false),
        ] {
            assert_eq!(ends_in_comment(sql), ends, "{sql}");
        }
    }

    #[test]
    fn checks_are_found_as_they_are_written() {
        let create = "CREATE TABLE \"check\" (a int check (a > (1 + 2) AND b <> 'check (x)'), b, -- check (no)\n CONSTRAINT c CHECK(b))";
        assert_eq!(checks(create), ["check (a > (1 + 2) AND b <> 'check (x)')", "CHECK(b)"]);
        assert_eq!(checks("CREATE TABLE t (\"check\" (1), x CHECK (1"), Vec::<String>::new());
    }

    #[test]
    fn a_table_counts_its_rows_only_where_it_says_so() {
        assert!(counts_rows("CREATE TABLE t (id INTEGER PRIMARY KEY autoincrement)"));
        assert!(!counts_rows("CREATE TABLE \"autoincrement\" (a text DEFAULT 'autoincrement')"));
    }
}
