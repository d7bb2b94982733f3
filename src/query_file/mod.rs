//! Query files: their text, their header, and the presets compiled into the binary. Knows no database: what a query means is
//! for the engine to say, and which columns a table has comes in as an argument.

mod header;
mod password;
mod presets;
mod template;
mod text;

use std::path::Path;

use anyhow::Context as _;

pub use password::password_like;
pub use presets::{Preset, UnknownPreset, preset, presets};

use header::Header;

/// A query, and what its header says about writing back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFile {
    /// What messages call it: the path, or the name of the preset.
    pub name: String,
    /// The statement: no byte order mark, no semicolon at its end. Comments stay where they are.
    pub sql: String,
    /// The users table, as the file writes it (`"User"`, `next_auth.users`); write-back needs it.
    pub table: Option<String>,
    /// The column that finds a user's row at write-back.
    pub key: Option<String>,
}

impl QueryFile {
    /// Reads the text of a query file. The comments on top may name the table and its key:
    ///
    /// ```
    /// # use db2clerk::query_file::QueryFile;
    /// let text = "-- table: \"User\"\n-- key: id\nSELECT id AS \"userId\", email FROM \"User\";\n";
    /// let file = QueryFile::parse("users.sql", text)?;
    /// assert_eq!(file.table.as_deref(), Some("\"User\""));
    /// assert!(!file.sql.ends_with(';'));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no statement in it, or the header has an empty or a repeated entry.
    pub fn parse(name: &str, text: &str) -> anyhow::Result<Self> {
        let sql = text::statement(text);
        anyhow::ensure!(!text::is_blank(sql), "no SQL in the query file `{name}`: it needs one SELECT");
        let Header { table, key } = Header::parse(sql).with_context(|| format!("reading the header of `{name}`"))?;
        Ok(Self {
            name: name.to_owned(),
            sql: sql.to_owned(),
            table: table.map(str::to_owned),
            key: key.map(str::to_owned),
        })
    }

    /// Returns a preset's query for a users table whose IDs have been replaced by Clerk IDs: it gives the old IDs, which `column`
    /// keeps, and leaves out users made since, who have none.
    #[must_use]
    pub fn by_old_id(mut self, column: &str) -> Self {
        self.sql = self.sql.replacen("u.id AS ", &format!("u.{column} AS "), 1);
        self.sql = self.sql.replacen("\nORDER BY u.id", &format!("\nWHERE u.{column} IS NOT NULL\nORDER BY u.id"), 1);
        self.name = format!("{}, by {column}", self.name);
        self.key = Some(column.to_owned());
        self
    }

    /// Reads a query file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, is not UTF-8, or [`QueryFile::parse`] refuses it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("reading the query file `{name}`"))?;
        let text = String::from_utf8(bytes)
            .ok()
            .with_context(|| format!("the query file `{name}` is not UTF-8 text: save it as UTF-8"))?;
        Self::parse(&name, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> QueryFile {
        QueryFile::parse("q.sql", text).expect("a good query file")
    }

    #[test]
    fn the_query_of_clerks_guide_is_taken_as_it_stands() {
        let file = parse("SELECT id as userId, email, name FROM users");
        assert_eq!(file.sql, "SELECT id as userId, email, name FROM users");
        assert_eq!((file.table, file.key), (None, None));
    }

    #[test]
    fn the_header_names_table_and_key() {
        let file = parse("\u{feff}-- Ours.\r\n-- Table: next_auth.\"Users\"\r\n--key:  id \r\n\r\nSELECT 1;\r\n");
        assert_eq!(file.table.as_deref(), Some("next_auth.\"Users\""));
        assert_eq!(file.key.as_deref(), Some("id"));
        assert!(file.sql.ends_with("SELECT 1"), "{}", file.sql);
        assert!(file.sql.starts_with("-- Ours."), "{}", file.sql);
    }

    #[test]
    fn a_file_without_a_statement_is_refused() {
        for text in ["", "\u{feff}", " \n\t", ";\n;", "-- table: users\n-- key: id\n", "/* later */ ;"] {
            let error = QueryFile::parse("q.sql", text).expect_err(text);
            assert!(format!("{error:#}").contains("no SQL in the query file `q.sql`"), "{error:#}");
        }
    }

    #[test]
    fn a_wrong_header_says_which_file_and_line() {
        let error = QueryFile::parse("q.sql", "-- table:\nSELECT 1").expect_err("an empty entry");
        assert_eq!(format!("{error:#}"), "reading the header of `q.sql`: `-- table:` in line 1 names nothing");
    }

    #[test]
    fn a_file_that_is_missing_or_not_text_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let missing = folder.path().join("missing.sql");
        let error = QueryFile::read(&missing).expect_err("no such file");
        assert!(format!("{error:#}").contains("missing.sql"), "{error:#}");

        let latin = folder.path().join("latin.sql");
        std::fs::write(&latin, b"SELECT '\xe9'").expect("a written file");
        let error = QueryFile::read(&latin).expect_err("not UTF-8");
        assert!(format!("{error:#}").contains("save it as UTF-8"), "{error:#}");

        std::fs::write(&latin, "SELECT 'é'").expect("a written file");
        assert_eq!(QueryFile::read(&latin).expect("good").sql, "SELECT 'é'");
    }
}
