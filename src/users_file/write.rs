//! Writing users: a JSON array, one element a line.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::id::LONGEST_USER_ID;
use crate::record::{ImportUser, UserId};
use crate::scratch::Cursor;
use crate::secret::Secret;

/// Which keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// The import schema whole: what Clerk's current tools read.
    #[default]
    Full,
    /// The old script's six keys alone. It created every address as verified, so users without a verified one are left out.
    Basic,
}

/// Elements of an array, one behind the other.
#[derive(Debug)]
pub struct Block {
    form: Form,
    text: Vec<u8>,
}

/// Writes blocks into a JSON array in a file of its own, of which some elements can be left out in the end.
#[derive(Debug)]
pub struct Writer {
    file: Arc<File>,
    /// How much is in it.
    written: u64,
}

/// A user's element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// Where it ends, in its block or in the file; it begins where the one before ends.
    pub end: u64,
    /// Whether the form carries the user. If not, the element can only be left out.
    pub carried: bool,
}

/// How much text is read and written at once when some is left out.
const AT_ONCE: usize = 256 * 1024;
/// What stands before each element; the first byte of the file becomes a bracket in the end.
const BEFORE: &[u8] = b",\n";
/// How every element begins.
const USER_ID: &[u8] = b"{\"userId\":";

impl Block {
    /// Begins a block.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self { form, text: Vec::new() }
    }

    /// Adds a user. [`Form::Basic`] carries none without a verified address.
    ///
    /// # Panics
    /// Never: every field of a user has a JSON form.
    pub fn add(&mut self, user: &ImportUser) -> Element {
        self.text.extend_from_slice(BEFORE);
        let (written, carried) = match self.form {
            Form::Full => (serde_json::to_writer(&mut self.text, user), true),
            Form::Basic => {
                let basic = Basic::of(user);
                (serde_json::to_writer(&mut self.text, &basic), basic.email.is_some())
            }
        };
        written.expect("every field of a user has a JSON form");
        Element { end: self.text.len() as u64, carried }
    }
}

impl Writer {
    /// Begins the array in an empty file.
    #[must_use]
    pub fn begin(file: File) -> Self {
        Self { file: Arc::new(file), written: 0 }
    }

    /// Writes a block, and returns where it begins.
    ///
    /// # Errors
    /// What writing gave.
    pub fn block(&mut self, block: &Block) -> io::Result<u64> {
        let begin = self.written;
        (&*self.file).write_all(&block.text)?;
        self.written += block.text.len() as u64;
        Ok(begin)
    }

    /// Ends what is written so far: from here on it can be read, and users left out.
    #[must_use]
    pub fn written(self) -> Elements {
        Elements { file: self.file, end: self.written }
    }
}

/// The elements of an array that has not been ended yet.
#[derive(Debug)]
pub struct Elements {
    file: Arc<File>,
    end: u64,
}

impl Elements {
    /// Reads the user ID in an element.
    ///
    /// # Errors
    /// What reading gave.
    pub fn user_id(&self, element: &Range<u64>) -> io::Result<UserId> {
        // Written in JSON, a byte is six at most: `\u0007`.
        let most = (BEFORE.len() + USER_ID.len() + 2 + 6 * LONGEST_USER_ID) as u64;
        let mut start = Vec::new();
        Cursor::new(&self.file, element.start).take(most.min(element.end - element.start)).read_to_end(&mut start)?;
        let text = start.get(BEFORE.len() + USER_ID.len()..).unwrap_or_default();
        // The error is not shown: it could quote the user.
        UserId::deserialize(&mut serde_json::Deserializer::from_slice(text))
            .map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Begins to choose which elements to keep.
    #[must_use]
    pub fn choose(self) -> Chooser {
        Chooser {
            from: BufReader::with_capacity(AT_ONCE, Cursor::new(&self.file, 0)),
            to: BufWriter::with_capacity(AT_ONCE, Cursor::new(&self.file, 0)),
            chosen: 0..0,
            written: 0,
            file: self.file,
        }
    }

    /// Ends the array, and returns its file.
    ///
    /// # Errors
    /// What writing gave.
    pub fn finish(self) -> io::Result<Arc<File>> {
        Cursor::new(&self.file, 0).write_all(b"[")?;
        let mut end = Cursor::new(&self.file, self.end.max(1));
        end.write_all(if self.end == 0 { b"]\n" } else { b"\n]\n" })?;
        self.file.set_len(end.stream_position()?)?;
        Ok(self.file)
    }
}

/// Moves the elements that are kept to where the others were. Nothing is overwritten before it was read: they only move towards the
/// beginning.
#[derive(Debug)]
pub struct Chooser {
    file: Arc<File>,
    from: BufReader<Cursor>,
    to: BufWriter<Cursor>,
    /// What is kept and not moved yet; up to its start everything was read.
    chosen: Range<u64>,
    written: u64,
}

impl Chooser {
    /// Keeps an element behind those kept before.
    ///
    /// # Errors
    /// What reading and writing gave.
    pub fn keep(&mut self, element: Range<u64>) -> io::Result<()> {
        if element.start != self.chosen.end {
            let skipped = i64::try_from(element.start.saturating_sub(self.chosen.end));
            self.move_chosen()?;
            self.from.seek_relative(skipped.map_err(|_| io::ErrorKind::InvalidInput)?)?;
            self.chosen.start = element.start;
        }
        self.chosen.end = element.end;
        Ok(())
    }

    /// Leaves out all elements but those that were kept.
    ///
    /// # Errors
    /// What reading and writing gave.
    pub fn finish(mut self) -> io::Result<Elements> {
        self.move_chosen()?;
        self.to.flush()?;
        Ok(Elements { file: self.file, end: self.written })
    }

    fn move_chosen(&mut self) -> io::Result<()> {
        let length = self.chosen.end - self.chosen.start;
        self.written += io::copy(&mut (&mut self.from).take(length), &mut self.to)?;
        Ok(())
    }
}

/// A user as the old script read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Basic<'a> {
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hasher: Option<&'a str>,
}

impl<'a> Basic<'a> {
    fn of(user: &'a ImportUser) -> Self {
        Self {
            user_id: user.user_id.as_str(),
            email: user.email.as_deref(),
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            password: user.password.as_ref(),
            password_hasher: user.password_hasher.map(crate::record::Hasher::word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Hasher, UserId};

    fn users() -> [ImportUser; 2] {
        let mut ada = ImportUser::new(UserId::new("1").expect("an ID"));
        ada.email = Some("ada@lovelace.dev".to_owned());
        ada.username = Some("ada_l".to_owned());
        ada.first_name = Some("Ada".to_owned());
        ada.password = Some(Secret::new("digest"));
        ada.password_hasher = Some(Hasher::Bcrypt);
        let mut bob = ImportUser::new(UserId::new("2").expect("an ID"));
        bob.unverified_email_addresses = vec!["bob@lovelace.dev".to_owned()];
        [ada, bob]
    }

    /// Writes users, leaves out those whom the form does not carry or `leave_out` names, and returns the file's text, and of each
    /// user whether the form carries it.
    fn written(form: Form, users: &[ImportUser], leave_out: &[&str]) -> (String, Vec<bool>) {
        let mut writer = Writer::begin(tempfile::tempfile().expect("a file"));
        let mut all = Vec::new();
        for users in users.chunks(2) {
            let mut block = Block::new(form);
            let added: Vec<Element> = users.iter().map(|user| block.add(user)).collect();
            let begin = writer.block(&block).expect("the disk takes it");
            all.extend(added.iter().map(|element| Element { end: begin + element.end, ..*element }));
        }
        let mut elements = writer.written();
        let starts = [0].into_iter().chain(all.iter().map(|element| element.end));
        let places = starts.zip(&all).map(|(start, element)| start..element.end).collect::<Vec<_>>();
        let mut kept = Vec::new();
        for ((place, element), user) in places.into_iter().zip(&all).zip(users) {
            let user_id = elements.user_id(&place).expect("it can be read");
            assert_eq!(user_id, user.user_id);
            if element.carried && !leave_out.contains(&user_id.as_str()) {
                kept.push(place);
            }
        }
        if kept.len() < users.len() {
            let mut chooser = elements.choose();
            for place in kept {
                chooser.keep(place).expect("the disk takes it");
            }
            elements = chooser.finish().expect("the disk takes it");
        }
        let mut text = String::new();
        let file = elements.finish().expect("the disk takes it");
        Cursor::new(&file, 0).read_to_string(&mut text).expect("JSON is UTF-8");
        (text, all.iter().map(|element| element.carried).collect())
    }

    #[test]
    fn a_file_is_an_array_with_one_element_a_line() {
        let (text, kept) = written(Form::Full, &users(), &[]);
        assert_eq!(
            text,
            "[\n{\"userId\":\"1\",\"email\":\"ada@lovelace.dev\",\"username\":\"ada_l\",\"firstName\":\"Ada\",\"password\":\"digest\",\
             \"passwordHasher\":\"bcrypt\"},\n{\"userId\":\"2\",\"unverifiedEmailAddresses\":[\"bob@lovelace.dev\"]}\n]\n"
        );
        assert_eq!(kept, [true, true]);
    }

    #[test]
    fn the_basic_form_has_six_keys_and_no_user_without_a_verified_address() {
        let (text, kept) = written(Form::Basic, &users(), &[]);
        assert_eq!(
            text,
            "[\n{\"userId\":\"1\",\"email\":\"ada@lovelace.dev\",\"firstName\":\"Ada\",\"password\":\"digest\",\
             \"passwordHasher\":\"bcrypt\"}\n]\n"
        );
        assert_eq!(kept, [true, false]);
    }

    #[test]
    fn no_users_are_an_empty_array() {
        assert_eq!(written(Form::Full, &[], &[]).0, "[]\n");
        assert_eq!(written(Form::Full, &users(), &["1", "2"]).0, "[]\n");
    }

    #[test]
    fn users_that_are_left_out_in_the_end_leave_no_trace() {
        let users: Vec<ImportUser> = (1..=9)
            .map(|number| {
                // Longer than what is read and written at once.
                let mut user = ImportUser::new(UserId::new(number.to_string()).expect("an ID"));
                user.first_name = Some(format!("\"{number}\"\n").repeat(10_000 * number));
                user
            })
            .collect();
        for leave_out in [&["1"][..], &["9"], &["1", "2", "5", "9"], &["2", "3", "4", "5", "6", "7", "8"]] {
            let kept: Vec<ImportUser> =
                users.iter().filter(|user| !leave_out.contains(&user.user_id.as_str())).cloned().collect();
            assert!(written(Form::Full, &users, leave_out).0 == written(Form::Full, &kept, &[]).0, "{leave_out:?}");
        }
    }
}
