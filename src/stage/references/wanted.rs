//! Which columns somebody wants, as it is written on the command line and in `db2clerk.toml`.

use std::str::FromStr;

use serde::Deserialize;

use crate::database::{NameError, TableName, column_name, column_of};

/// The columns that refer to users and are to get Clerk IDs beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that `references` finds for certain.
    All,
    /// These.
    Columns(Vec<WantedColumn>),
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedColumn {
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub column: String,
    /// What the column beside it is called, if it is not to be called as its neighbour is.
    pub beside: Option<String>,
}

/// Why a text names no columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}\nhint: say `all`, or columns such as `posts.author_id` or `posts.author_id=author_clerk_id`, with a comma between two"
)]
pub struct WantedError(NameError);

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        if text.trim().eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        split(text, ',').map(column).collect::<Result<_, _>>().map(Self::Columns)
    }
}

impl<'de> Deserialize<'de> for Wanted {
    /// Reads `"all"`, a text as on the command line, or a list of such texts.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Several(Vec<String>),
        }
        let read = match Written::deserialize(deserializer)? {
            Written::One(text) => text.parse(),
            Written::Several(texts) => {
                texts.iter().map(|text| column(text)).collect::<Result<_, _>>().map(Self::Columns)
            }
        };
        read.map_err(serde::de::Error::custom)
    }
}

fn column(text: &str) -> Result<WantedColumn, WantedError> {
    let mut parts = split(text, '=');
    let path = parts.next().unwrap_or_default().trim();
    let beside = parts.next().map(|name| column_name(name.trim())).transpose().map_err(WantedError)?;
    if parts.next().is_some() {
        return Err(WantedError(NameError::Quotes(text.to_owned())));
    }
    let (table, column) = column_of(path).map_err(WantedError)?;
    Ok(WantedColumn { table, column, beside })
}

/// Splits a text where a sign stands outside of quoted names.
fn split(text: &str, sign: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let mut state = State::Begins;
        for (at, letter) in whole.char_indices() {
            state = match state {
                State::Quoted(quote) if letter == quote => State::Closed(quote),
                State::Quoted(quote) => State::Quoted(quote),
                // A doubled quote closes and opens again.
                State::Closed(quote) if letter == quote => State::Quoted(quote),
                State::Begins if matches!(letter, '"' | '`') => State::Quoted(letter),
                _ if letter == sign => {
                    rest = Some(&whole[at + letter.len_utf8()..]);
                    return Some(&whole[..at]);
                }
                _ if matches!(letter, '.' | '=' | ',') => State::Begins,
                State::Begins if letter == ' ' => State::Begins,
                // Inside a name that does not begin with it, a quote is a letter.
                _ => State::Plain,
            };
        }
        rest = None;
        Some(whole)
    })
}

/// Where in a list of names a letter stands.
#[derive(Debug, Clone, Copy)]
enum State {
    Begins,
    Plain,
    Quoted(char),
    Closed(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<String> {
        match text.parse().expect(text) {
            Wanted::All => vec!["all".to_owned()],
            Wanted::Columns(columns) => columns
                .into_iter()
                .map(|one| format!("{:?} {:?} {} {:?}", one.table.schema, one.table.table, one.column, one.beside))
                .collect(),
        }
    }

    #[test]
    fn columns_are_read_as_they_are_written_quotes_and_all() {
        for (text, expected) in [
            ("all", &["all"][..]),
            ("posts.author_id", &[r#"None "posts" author_id None"#]),
            (
                "app.posts.author_id=writer, b.c",
                &[r#"Some("app") "posts" author_id Some("writer")"#, r#"None "b" c None"#],
            ),
            (r#""a.b"."c,d"="e=f""#, &[r#"None "a.b" c,d Some("e=f")"#]),
            (r#""x""; DROP TABLE y; --".`a``b`"#, &[r#"None "x\"; DROP TABLE y; --" a`b None"#]),
            (r#"it's.a"b"#, &[r#"None "it's" a"b None"#]),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
        for text in ["", "posts", "a.b.c.d", "a.b=", "a.b=c=d", "a.b,,c.d", "\"a.b", "a..b"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }
}
