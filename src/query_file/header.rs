//! The header: comments on top of a query file that say what write-back needs to know.

/// What a header can say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) table: Option<&'a str>,
    pub(super) key: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// Reads the comment lines before the statement; all other comments say nothing to us.
    pub(super) fn parse(text: &'a str) -> anyhow::Result<Self> {
        let mut header = Self::default();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            let Some(comment) = line.strip_prefix("--") else {
                if line.is_empty() {
                    continue;
                }
                break;
            };
            let Some((word, value)) = comment.split_once(':') else { continue };
            let word = word.trim().to_ascii_lowercase();
            let entry = match word.as_str() {
                "table" => &mut header.table,
                "key" => &mut header.key,
                _ => continue,
            };
            let number = index + 1;
            let value = value.trim();
            anyhow::ensure!(!value.is_empty(), "`-- {word}:` in line {number} names nothing");
            anyhow::ensure!(entry.is_none(), "`-- {word}:` in line {number} stands there a second time");
            *entry = Some(value);
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, table: Option<&str>, key: Option<&str>) {
        let header = Header::parse(text).expect(text);
        assert_eq!((header.table, header.key), (table, key), "{text}");
    }

    #[test]
    fn only_comments_before_the_statement_count() {
        check("-- table: users\n-- key: id\nSELECT 1", Some("users"), Some("id"));
        check("\n-- About: this\n\n--TABLE:`my table`\nSELECT 1", Some("`my table`"), None);
        check("SELECT 1\n-- table: users", None, None);
        check("SELECT 1 -- key: id", None, None);
        check("-- the table is users\nSELECT 1", None, None);
        check("/* table: users */\nSELECT 1", None, None);
    }

    #[test]
    fn an_entry_given_twice_is_refused() {
        let error = Header::parse("-- key: id\n-- key: uuid\nSELECT 1").expect_err("two keys");
        assert_eq!(error.to_string(), "`-- key:` in line 2 stands there a second time");
    }
}
