//! Writing users: a JSON array, one element a line.

use std::io::{self, Write};

use serde::Serialize;

use crate::record::ImportUser;
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

/// Writes users into a JSON array.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
    form: Form,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins the array.
    ///
    /// # Errors
    /// What writing gave.
    pub fn begin(mut to: W, form: Form) -> io::Result<Self> {
        to.write_all(b"[")?;
        Ok(Self { to, form, written: 0 })
    }

    /// Writes a user, and returns whether it was written: [`Form::Basic`] leaves out users without a verified address.
    ///
    /// # Errors
    /// What writing gave.
    pub fn user(&mut self, user: &ImportUser) -> io::Result<bool> {
        match self.form {
            Form::Full => self.element(user)?,
            Form::Basic => match Basic::of(user) {
                Some(basic) => self.element(&basic)?,
                None => return Ok(false),
            },
        }
        self.written += 1;
        Ok(true)
    }

    /// Ends the array, and returns what was written to.
    ///
    /// # Errors
    /// What writing gave.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(if self.written == 0 { b"]\n" } else { b"\n]\n" })?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn element(&mut self, element: &impl Serialize) -> io::Result<()> {
        self.to.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut self.to, element).map_err(io::Error::from)
    }
}

/// A user as the old script read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Basic<'a> {
    user_id: &'a str,
    email: &'a str,
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
    fn of(user: &'a ImportUser) -> Option<Self> {
        Some(Self {
            user_id: user.user_id.as_str(),
            email: user.email.as_deref()?,
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            password: user.password.as_ref(),
            password_hasher: user.password_hasher.map(crate::record::Hasher::word),
        })
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

    fn written(form: Form, users: &[ImportUser]) -> (String, Vec<bool>) {
        let mut writer = Writer::begin(Vec::new(), form).expect("memory takes it");
        let kept = users.iter().map(|user| writer.user(user).expect("memory takes it")).collect();
        (String::from_utf8(writer.finish().expect("memory takes it")).expect("JSON is UTF-8"), kept)
    }

    #[test]
    fn a_file_is_an_array_with_one_element_a_line() {
        let (text, kept) = written(Form::Full, &users());
        assert_eq!(
            text,
            "[\n{\"userId\":\"1\",\"email\":\"ada@lovelace.dev\",\"username\":\"ada_l\",\"firstName\":\"Ada\",\"password\":\"digest\",\
             \"passwordHasher\":\"bcrypt\"},\n{\"userId\":\"2\",\"unverifiedEmailAddresses\":[\"bob@lovelace.dev\"]}\n]\n"
        );
        assert_eq!(kept, [true, true]);
    }

    #[test]
    fn the_basic_form_has_six_keys_and_no_user_without_a_verified_address() {
        let (text, kept) = written(Form::Basic, &users());
        assert_eq!(
            text,
            "[\n{\"userId\":\"1\",\"email\":\"ada@lovelace.dev\",\"firstName\":\"Ada\",\"password\":\"digest\",\
             \"passwordHasher\":\"bcrypt\"}\n]\n"
        );
        assert_eq!(kept, [true, false]);
    }

    #[test]
    fn no_users_are_an_empty_array() {
        assert_eq!(written(Form::Full, &[]).0, "[]\n");
    }
}
