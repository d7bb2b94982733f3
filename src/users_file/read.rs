//! Reading users: a JSON array, or one JSON object after the other (NDJSON), never held whole.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_json::error::Category;
use tokio::sync::mpsc;

/// How many elements wait for their reader at most.
const CHANNEL: usize = 1024;
/// How much of the file is looked at before it is read.
const LOOK_AHEAD: usize = 64 * 1024;

/// Why a users file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing in it.
    #[error("the users file is empty; a JSON array of users is wanted, or one JSON object a line")]
    Empty,
    /// It begins like no JSON array and no JSON object.
    #[error(
        "the users file is not JSON (line {line}, column {column}); a JSON array of users is wanted, or one JSON object a line"
    )]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// It is UTF-16, as Windows PowerShell's `>` writes.
    #[error("the users file is UTF-16; save it as UTF-8")]
    Utf16,
    /// Some of its text is of another encoding.
    #[error(
        "the users file is not UTF-8 at line {line}, column {column}; save it as UTF-8, as with `iconv -f LATIN1 -t UTF-8`, and run \
         the same command again"
    )]
    NotUtf8 {
        /// Where, from 1.
        line: usize,
        /// Where, from 1: the end of the text that cannot be read.
        column: usize,
    },
    /// It ends in the middle.
    #[error(
        "the users file is cut off: it ends at line {line}, column {column}, in the middle of a {}; get the whole file and run the \
         same command again, users that are in Clerk already are not created twice",
        if *.in_array { "JSON array" } else { "JSON object" }
    )]
    CutOff {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// Whether the file is one array.
        in_array: bool,
    },
    /// The users stand inside an object.
    #[error("the users file is an object with the users {}", under(.key.as_deref()))]
    Wrapped {
        /// The key they stand under, if it looks like a name: another may be somebody's address.
        key: Option<String>,
    },
    /// Something is wrong between its beginning and its end.
    #[error(
        "the users file has a mistake in its JSON at line {line}, column {column}; correct it there and run the same command again"
    )]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// Something follows the array.
    #[error(
        "the users file goes on behind the end of its array, at line {line}, column {column}; it must be one array, or one object a line"
    )]
    TrailingGarbage {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// The file or the pipe failed.
    #[error("failed to read the users file")]
    Io(#[source] io::Error),
}

fn under(key: Option<&str>) -> String {
    match key {
        Some(key) => format!("under `{key}`; take them out first, as with `jq '.{key}'`"),
        None => "inside it; take them out first: the file must be an array of them, or one object a line".to_owned(),
    }
}

/// Opens a users file; `-` is the standard input.
///
/// # Errors
/// If there is no such file, or it may not be read.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).with_context(|| format!("failed to open the users file `{}`", path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("`{}` is a folder; name the users file inside it", path.display());
    }
    Ok(Box::new(file))
}

/// Streams the elements of a users file, numbered from 1. Reading blocks, so it has a thread of its own, which stops when the
/// receiver is dropped. After an error nothing follows.
#[must_use]
pub fn elements(reader: Box<dyn Read + Send>) -> mpsc::Receiver<Result<(u64, Json), ReadError>> {
    let (sender, receiver) = mpsc::channel(CHANNEL);
    let on_failure = sender.clone();
    let spawned = std::thread::Builder::new().name("users file".to_owned()).spawn(move || {
        let mut elements = Elements { sender, number: 0 };
        if let Err(Stop::Failed(error)) = elements.read(reader) {
            // Nobody listens any more: then nobody needs to know.
            let _ = elements.sender.blocking_send(Err(error));
        }
    });
    if let Err(error) = spawned {
        let _ = on_failure.try_send(Err(ReadError::Io(error)));
    }
    receiver
}

/// Why reading stops before the end.
enum Stop {
    /// Nobody listens any more.
    Unheard,
    /// The file is not as it should be.
    Failed(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

struct Elements {
    sender: mpsc::Sender<Result<(u64, Json), ReadError>>,
    number: u64,
}

/// What is known of a file before it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Array,
    Objects,
}

impl Elements {
    fn read(&mut self, reader: Box<dyn Read + Send>) -> Result<(), Stop> {
        let mut reader = BufReader::with_capacity(LOOK_AHEAD, reader);
        match layout(&mut reader)? {
            Layout::Array => self.read_array(reader),
            Layout::Objects => self.read_objects(reader),
        }
    }

    fn read_array(&mut self, reader: impl Read) -> Result<(), Stop> {
        let mut json = serde_json::Deserializer::from_reader(reader);
        let mut unheard = false;
        let read = json.deserialize_seq(Array { elements: self, unheard: &mut unheard });
        if unheard {
            return Err(Stop::Unheard);
        }
        read.map_err(|error| failed(error, Layout::Array))?;
        json.end().map_err(|error| match failed(error, Layout::Array) {
            ReadError::Syntax { line, column } => ReadError::TrailingGarbage { line, column }.into(),
            other => Stop::Failed(other),
        })
    }

    fn read_objects(&mut self, reader: impl Read) -> Result<(), Stop> {
        for element in serde_json::Deserializer::from_reader(reader).into_iter::<Json>() {
            let element = element.map_err(|error| failed(error, Layout::Objects))?;
            if self.number == 0
                && let Some(error) = wrapper(&element)
            {
                return Err(error.into());
            }
            if !self.send(element) {
                return Err(Stop::Unheard);
            }
        }
        Ok(())
    }

    /// Hands an element over, and returns whether anybody listens.
    fn send(&mut self, element: Json) -> bool {
        self.number += 1;
        self.sender.blocking_send(Ok((self.number, element))).is_ok()
    }
}

/// Walks the array without keeping it.
struct Array<'a> {
    elements: &'a mut Elements,
    unheard: &'a mut bool,
}

impl<'de> Visitor<'de> for Array<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element()? {
            if !self.elements.send(element) {
                *self.unheard = true;
                return Err(A::Error::custom("nobody listens"));
            }
        }
        Ok(())
    }
}

/// Tells the layout by the first byte that is neither blank nor part of a byte order mark.
fn layout(reader: &mut BufReader<Box<dyn Read + Send>>) -> Result<Layout, ReadError> {
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = fill(reader)? {
        return Err(ReadError::Utf16);
    }
    if fill(reader)?.starts_with(b"\xEF\xBB\xBF") {
        reader.consume(3);
    }
    let (mut line, mut column) = (1, 1);
    loop {
        let Some(first) = fill(reader)?.first().copied() else { return Err(ReadError::Empty) };
        match first {
            b'[' => return Ok(Layout::Array),
            b'{' => {
                return wrapped_early(fill(reader)?).map_or(Ok(Layout::Objects), Err);
            }
            b'\n' => (line, column) = (line + 1, 1),
            b' ' | b'\t' | b'\r' => column += 1,
            _ => return Err(ReadError::NotJson { line, column }),
        }
        reader.consume(1);
    }
}

fn fill(reader: &mut BufReader<Box<dyn Read + Send>>) -> Result<&[u8], ReadError> {
    // `fill_buf` does not retry what a signal interrupted.
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(ReadError::Io(error));
        }
    }
    Ok(reader.buffer())
}

/// Sees `{"users": [{` before such an object, the whole file, is read into memory.
fn wrapped_early(start: &[u8]) -> Option<ReadError> {
    let skip = |text: &[u8], expected: u8| -> Option<usize> {
        let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        (text.get(blanks) == Some(&expected)).then_some(blanks + 1)
    };
    let mut rest = start;
    for expected in *b"{\"" {
        rest = &rest[skip(rest, expected)?..];
    }
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let key = std::str::from_utf8(&rest[..end]).ok()?;
    rest = &rest[end + 1..];
    for expected in *b":[{" {
        rest = &rest[skip(rest, expected)?..];
    }
    Some(wrapped(key))
}

/// Sees that an object holds a list of objects: no field of a user does.
fn wrapper(element: &Json) -> Option<ReadError> {
    let object = element.as_object()?;
    let is_list = |value: &Json| value.as_array().is_some_and(|items| items.first().is_some_and(Json::is_object));
    object.iter().find(|(_, value)| is_list(value)).map(|(key, _)| wrapped(key))
}

fn wrapped(key: &str) -> ReadError {
    let is_name = key.len() <= 40 && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
    ReadError::Wrapped { key: is_name.then(|| key.to_owned()) }
}

fn failed(error: serde_json::Error, layout: Layout) -> ReadError {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Io => ReadError::Io(error.into()),
        Category::Eof => ReadError::CutOff { line, column, in_array: layout == Layout::Array },
        // The parser has no kind for it but these words; a test holds them.
        Category::Syntax if error.to_string().starts_with("invalid unicode code point") => {
            ReadError::NotUtf8 { line, column }
        }
        Category::Syntax | Category::Data => ReadError::Syntax { line, column },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file that comes in small pieces, as a pipe gives it.
    async fn read(text: &[u8]) -> (Vec<Json>, Option<ReadError>) {
        struct Pieces(io::Cursor<Vec<u8>>);
        impl Read for Pieces {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let most = into.len().min(7);
                self.0.read(&mut into[..most])
            }
        }
        let mut received = elements(Box::new(Pieces(io::Cursor::new(text.to_vec()))));
        let mut users = Vec::new();
        while let Some(element) = received.recv().await {
            match element {
                Ok((number, user)) => {
                    users.push(user);
                    assert_eq!(number, users.len() as u64);
                }
                Err(error) => {
                    assert!(received.recv().await.is_none(), "nothing follows an error");
                    return (users, Some(error));
                }
            }
        }
        (users, None)
    }

    async fn failure(text: &[u8]) -> (usize, String) {
        let (users, error) = read(text).await;
        (users.len(), error.map(|error| error.to_string()).expect("the file is bad"))
    }

    #[tokio::test]
    async fn arrays_and_objects_one_after_the_other_are_read() {
        for text in [
            "[{\"userId\":1},{\"userId\":2}]",
            "\u{feff}  [\n{\"userId\":1},\n{\"userId\":2}\n]\n",
            "{\"userId\":1}\n{\"userId\":2}\n",
            "{\"userId\":1}\r\n\r\n{\"userId\":2}",
            "{\n  \"userId\": 1\n}\n{\n  \"userId\": 2\n}\n",
        ] {
            let (users, error) = read(text.as_bytes()).await;
            assert!(error.is_none(), "{text}");
            assert_eq!(users, [serde_json::json!({"userId": 1}), serde_json::json!({"userId": 2})], "{text}");
        }
        assert!(matches!(read(b"[]").await, (users, None) if users.is_empty()));
    }

    #[tokio::test]
    async fn a_file_that_is_cut_off_gives_what_is_whole_and_says_where_it_ends() {
        for (text, whole) in [
            ("[{\"userId\":1},{\"userId\":2", 1),
            ("[{\"userId\":1}", 1),
            ("[{\"userId\":1},", 1),
            ("[", 0),
            ("{\"userId\":1}\n{\"userId\":", 1),
        ] {
            let (users, message) = failure(text.as_bytes()).await;
            assert_eq!(users, whole, "{text}");
            assert!(message.starts_with("the users file is cut off: it ends at line "), "{text}: {message}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_users_file_says_what_it_is() {
        for (text, start) in [
            (&b""[..], "the users file is empty"),
            (b"\n  \n", "the users file is empty"),
            (b"<!DOCTYPE html>", "the users file is not JSON (line 1, column 1)"),
            (b"\n id,email", "the users file is not JSON (line 2, column 2)"),
            (b"\"users\"", "the users file is not JSON"),
            (b"\xFF\xFE[\0", "the users file is UTF-16"),
            (b"{ \"users\" : [ {\"userId\":1}]}", "the users file is an object with the users under `users`"),
            (b"{\"total\":1,\"data\":[{\"userId\":1}]}", "the users file is an object with the users under `data`"),
            (b"[{\"userId\":1}] x", "the users file goes on behind the end of its array, at line 1, column 16"),
            (b"[{\"userId\":1}]\n[]", "the users file goes on behind the end of its array, at line 2, column 1"),
            (b"[{\"userId\":1} {\"userId\":2}]", "the users file has a mistake in its JSON at line 1"),
            (b"[{\"userId\":1},]", "the users file has a mistake in its JSON at line 1"),
            (b"{\"userId\":1}\n{userId:2}", "the users file has a mistake in its JSON at line 2"),
            (b"[{\"name\":\"\xFF\"}]", "the users file is not UTF-8 at line 1"),
            (b"{\"userId\":1}\n{\"name\":\"J\xF6rg\"}", "the users file is not UTF-8 at line 2"),
            (b"[{\"name\":\"\\uD800\"}]", "the users file has a mistake in its JSON at line 1"),
            (b"{\"a@b.dev\":[{\"userId\":1}]}", "the users file is an object with the users inside it"),
        ] {
            let (_, message) = failure(text).await;
            assert!(message.starts_with(start), "{message}");
        }
    }

    #[tokio::test]
    async fn reading_stops_when_nobody_listens() {
        struct Endless {
            begun: bool,
            _alive: std::sync::mpsc::Sender<()>,
        }
        impl Read for Endless {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let piece: &[u8] = if self.begun { b"{}," } else { b"[" };
                self.begun = true;
                into[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            }
        }
        let (alive, ended) = std::sync::mpsc::channel::<()>();
        let mut received = elements(Box::new(Endless { begun: false, _alive: alive }));
        assert!(received.recv().await.is_some());
        drop(received);
        // The sender lives in the reader: it is gone when the thread has let go of it.
        assert!(tokio::task::spawn_blocking(move || ended.recv()).await.expect("the task ends").is_err());
    }

    #[test]
    fn a_missing_file_and_a_folder_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let message = |path: &Path| open(path).err().map(|error| error.to_string()).expect("it cannot be opened");
        assert!(message(&folder.path().join("users.json")).contains("users.json"));
        assert!(message(folder.path()).contains("is a folder"));
    }
}
