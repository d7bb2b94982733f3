//! Where a statement ends: for SQLite, whose driver takes several in one text, and for better messages elsewhere.

/// Returns the first statement of a MySQL text, up to its semicolon.
pub(super) fn first_mysql(sql: &str) -> &str {
    &sql[..end(sql, true).unwrap_or(sql.len())]
}

/// Returns whether anything but comments follows the first semicolon.
pub(super) fn several(sql: &str) -> bool {
    end(sql, true).is_some_and(|end| !is_blank(&sql[end + 1..], true))
}

/// As [`several`], by SQLite's rules.
pub(super) fn several_sqlite(sql: &str) -> bool {
    end(sql, false).is_some_and(|end| !is_blank(&sql[end + 1..], false))
}

/// Finds the first semicolon outside of quotes and comments.
fn end(sql: &str, mysql: bool) -> Option<usize> {
    let mut at = 0;
    while at < sql.len() {
        let (length, kind) = token(&sql[at..], mysql);
        if kind == Token::Semicolon {
            return Some(at);
        }
        at += length;
    }
    None
}

fn is_blank(sql: &str, mysql: bool) -> bool {
    let mut at = 0;
    while at < sql.len() {
        let (length, kind) = token(&sql[at..], mysql);
        if kind == Token::Code {
            return false;
        }
        at += length;
    }
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Semicolon,
    Blank,
    Code,
}

/// Returns the length and kind of what a text that is not empty starts with.
fn token(sql: &str, mysql: bool) -> (usize, Token) {
    let to = |ending: &str, from: usize| sql[from..].find(ending).map_or(sql.len(), |at| from + at + ending.len());
    let first = sql.chars().next().unwrap_or(' ');
    match first {
        ';' => (1, Token::Semicolon),
        c if c.is_whitespace() => (c.len_utf8(), Token::Blank),
        '-' if is_dash_comment(sql, mysql) => (to("\n", 2), Token::Blank),
        '#' if mysql => (to("\n", 1), Token::Blank),
        // MySQL runs what stands in `/*! */`.
        '/' if mysql && (sql.starts_with("/*!") || sql.starts_with("/*M!")) => (2, Token::Code),
        '/' if sql.starts_with("/*") => (to("*/", 2), Token::Blank),
        '\'' | '"' | '`' => (quoted(sql, first, mysql && first != '`'), Token::Code),
        '[' if !mysql => (to("]", 1), Token::Code),
        c => (c.len_utf8(), Token::Code),
    }
}

/// MySQL wants a blank after the dashes: <https://dev.mysql.com/doc/refman/8.4/en/comments.html>.
fn is_dash_comment(sql: &str, mysql: bool) -> bool {
    sql.strip_prefix("--").is_some_and(|rest| {
        !mysql || rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// Returns the length of a quoted text, both quotes counted. A doubled quote reads as two texts in a row, which is as good.
fn quoted(sql: &str, quote: char, backslash: bool) -> usize {
    let mut escaped = false;
    let end = sql[1..].find(|c| {
        let ends = c == quote && !escaped;
        escaped = backslash && c == '\\' && !escaped;
        ends
    });
    end.map_or(sql.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, several_in_sqlite: bool, several_in_mysql: bool) {
        assert_eq!((several_sqlite(sql), several(sql)), (several_in_sqlite, several_in_mysql), "{sql}");
    }

    #[test]
    fn one_statement_is_told_from_several() {
        for one in ["", "SELECT 1", "SELECT 1;", " SELECT 1 ; -- end", "SELECT 1; /* ; x */ ;", "-- a; b\nSELECT 1;\n"]
        {
            check(one, false, false);
        }
        for one in ["SELECT ';' , \"a;b\", `c;d`", "SELECT 'it''s; fine'", "SELECT '\u{1F600};'", "/* ; */ SELECT 1"] {
            check(one, false, false);
        }
        for two in ["SELECT 1; DROP TABLE x", "SELECT 1;;SELECT 2", "COMMIT; DROP TABLE x;", "SELECT ''; x", "; x"] {
            check(two, true, true);
        }
        check("SELECT [a;b]", false, true);
        check(r"SELECT '\'; DROP TABLE x; --'", true, false);
        check("SELECT 1 # ; x", true, false);
        check("SELECT 1--; x", false, true);
        check("SELECT 1; /*! DROP TABLE x */", false, true);
    }

    #[test]
    fn the_first_statement_loses_its_semicolon_and_what_follows() {
        assert_eq!(first_mysql("SELECT ';' ; -- end"), "SELECT ';' ");
        assert_eq!(first_mysql("SELECT 1"), "SELECT 1");
    }
}
