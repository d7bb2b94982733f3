//! The text of a query file, as far as it can be tidied without understanding SQL.

/// Cuts off a byte order mark, and the semicolon at the end with the comments that follow it. A semicolon inside the text stays: the
/// database refuses a second statement better than we could.
pub(super) fn statement(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let mut body = text;
    while let Some(shorter) = without_last_comment(body) {
        body = shorter;
    }
    if body.ends_with(';') { body.trim_end_matches(|c: char| c == ';' || c.is_whitespace()) } else { text }
}

/// Cuts off the comment in the last line, if it has the line to itself or follows a semicolon.
fn without_last_comment(text: &str) -> Option<&str> {
    let line_start = text.rfind('\n').map_or(0, |newline| newline + 1);
    let (before, comment) = text[line_start..].split_once("--")?;
    // After a quote, `; --` may stand inside a literal.
    let after_statement = before.trim_end().ends_with(';') && !comment.contains(['\'', '"', '`']);
    let cut = before.trim().is_empty() || after_statement;
    cut.then(|| text[..line_start + before.len()].trim_end())
}

/// Returns whether nothing but comments and space is there.
pub(super) fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        rest = if rest.starts_with("--") {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else if let Some(after) = rest.strip_prefix(';') {
            after
        } else {
            return rest.is_empty();
        }
        .trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(statement(text), expected, "{text:?}");
    }

    #[test]
    fn what_follows_the_statement_is_cut_off() {
        check("SELECT 1;", "SELECT 1");
        check("\u{feff}SELECT 1 ;\r\n ; \n", "SELECT 1");
        check("SELECT 1;\n-- that's all\n-- folks;\n", "SELECT 1");
        check("SELECT 1; -- all of them", "SELECT 1");
        check("-- users\nSELECT 1;\n", "-- users\nSELECT 1");
    }

    #[test]
    fn what_belongs_to_the_statement_stays() {
        check("SELECT 1\n-- no semicolon", "SELECT 1\n-- no semicolon");
        check("SELECT '; --';", "SELECT '; --'");
        check("SELECT '; -- x'", "SELECT '; -- x'");
        check("SELECT 1; DROP TABLE users;", "SELECT 1; DROP TABLE users");
        check("SELECT ';'", "SELECT ';'");
    }

    #[test]
    fn comments_alone_are_blank() {
        for text in ["", " ", "-- a\n-- b", "/* a */ -- b\n;", "/* open"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["x", "-- a\nSELECT 1", "/* a */ SELECT 1", "; SELECT 1"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
