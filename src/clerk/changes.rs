//! The client's requests about one user who is in Clerk: changing, checking, deleting.
//!
//! Each is sent once. All of them may be sent again after a doubt: setting a value twice is setting it once, and what is gone
//! cannot be deleted again. Only an address that was added has to be looked for first.

use hyper::Method;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::client::{Client, Turn};
use super::error::Error;
use super::user::ClerkUser;
use super::wire;
use crate::record::{Attribute, ClerkId, IdentifierKind, ImportUser, Part, UserId};
use crate::secret::Secret;

/// The two kinds of contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

impl ContactKind {
    /// Returns the kind of identifier it is.
    #[must_use]
    pub fn identifier(self) -> IdentifierKind {
        match self {
            Self::Email => IdentifierKind::Email,
            Self::Phone => IdentifierKind::Phone,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Email => "email_addresses",
            Self::Phone => "phone_numbers",
        }
    }
}

/// An address or number that a user gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NewContact<'a> {
    /// Which it is.
    pub kind: ContactKind,
    /// The address or number.
    pub value: &'a str,
    /// Whether the user is known to own it.
    pub verified: bool,
    /// Whether it becomes the primary one.
    pub primary: bool,
}

impl std::fmt::Debug for NewContact<'_> {
    /// Shows everything but the value, which is somebody's address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewContact({:?}, verified: {}, primary: {})", self.kind, self.verified, self.primary)
    }
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Banned, or no longer.
    Banned(bool),
    /// Locked, or no longer.
    Locked(bool),
}

/// What Clerk says of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is the user's.
    Right,
    /// It is not.
    Wrong,
    /// The user has none.
    NoPassword,
}

impl Client {
    /// Sets attributes of a user to what they are in `user`.
    ///
    /// # Errors
    /// [`Error`], whatever went wrong; see [`Error::is_gone`].
    pub async fn update_user(
        &self,
        turn: Turn,
        id: &ClerkId,
        user: &ImportUser,
        attributes: &[Attribute],
    ) -> Result<ClerkUser, Error> {
        self.change_user(turn, Method::PATCH, &format!("users/{id}"), wire::patch_body(user, attributes)).await
    }

    /// Merges values, each at its place, into a user's metadata; null takes one away. Others are left alone.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn merge_metadata(&self, turn: Turn, id: &ClerkId, values: &[(Part, Json)]) -> Result<ClerkUser, Error> {
        self.change_user(turn, Method::PATCH, &format!("users/{id}/metadata"), wire::metadata_body(values)).await
    }

    /// Gives a user this user ID, or takes it away.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn set_external_id(
        &self,
        turn: Turn,
        id: &ClerkId,
        user_id: Option<&UserId>,
    ) -> Result<ClerkUser, Error> {
        self.change_user(turn, Method::PATCH, &format!("users/{id}"), wire::external_id_body(user_id)).await
    }

    /// Bans or locks a user, or ends that.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn set_standing(&self, turn: Turn, id: &ClerkId, standing: Standing) -> Result<(), Error> {
        let what = match standing {
            Standing::Banned(true) => "ban",
            Standing::Banned(false) => "unban",
            Standing::Locked(true) => "lock",
            Standing::Locked(false) => "unlock",
        };
        self.send::<IgnoredAny>(turn, Method::POST, self.endpoint(&format!("users/{id}/{what}"))?, None).await.map(drop)
    }

    /// Adds an address or number to a user. After a doubt, look whether the user has it.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn add_contact(&self, turn: Turn, owner: &ClerkId, contact: &NewContact<'_>) -> Result<(), Error> {
        let body = Some(wire::new_contact_body(owner, contact));
        self.send::<IgnoredAny>(turn, Method::POST, self.endpoint(contact.kind.path())?, body).await.map(drop)
    }

    /// Marks an address or number as verified, and as the primary one if `primary` says so.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn verify_contact(&self, turn: Turn, kind: ContactKind, id: &str, primary: bool) -> Result<(), Error> {
        let body = Some(wire::standing_body(primary));
        self.send::<IgnoredAny>(turn, Method::PATCH, self.endpoint(&contact_path(kind, id))?, body).await.map(drop)
    }

    /// Takes an address or number away from its user. One that is gone already counts as taken away.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn remove_contact(&self, turn: Turn, kind: ContactKind, id: &str) -> Result<(), Error> {
        let removed =
            self.send::<IgnoredAny>(turn, Method::DELETE, self.endpoint(&contact_path(kind, id))?, None).await;
        gone_is_done(removed)
    }

    /// Puts one reserved address in the place of all addresses that a user has.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn replace_emails_by_reserved(&self, turn: Turn, id: &ClerkId, email: &str) -> Result<(), Error> {
        let body = Some(wire::replaced_email_body(email));
        let path = format!("users/{id}/email_address");
        self.send::<IgnoredAny>(turn, Method::PUT, self.endpoint(&path)?, body).await.map(drop)
    }

    /// Deletes a user. One that is gone already counts as deleted.
    ///
    /// # Errors
    /// As [`Self::update_user`], but for a user that is gone.
    pub async fn delete_user(&self, turn: Turn, id: &ClerkId) -> Result<(), Error> {
        gone_is_done(self.send::<IgnoredAny>(turn, Method::DELETE, self.endpoint(&format!("users/{id}"))?, None).await)
    }

    /// Lets Clerk check a password. Nothing is changed, but for the hasher of an insecure digest, which Clerk then replaces.
    ///
    /// # Errors
    /// As [`Self::update_user`].
    pub async fn verify_password(&self, id: &ClerkId, password: &Secret) -> Result<PasswordCheck, Error> {
        let path = format!("users/{id}/verify_password");
        let body = Some(wire::password_body(password));
        match self.send::<IgnoredAny>(self.turn().await, Method::POST, self.endpoint(&path)?, body).await {
            Ok(_) => Ok(PasswordCheck::Right),
            Err(error) if error.code == "incorrect_password" => Ok(PasswordCheck::Wrong),
            Err(error) if error.code == "no_password_set" => Ok(PasswordCheck::NoPassword),
            Err(error) => Err(error),
        }
    }

    async fn change_user(&self, turn: Turn, method: Method, path: &str, body: Vec<u8>) -> Result<ClerkUser, Error> {
        let wire::User(user) = self.send(turn, method, self.endpoint(path)?, Some(body)).await?;
        Ok(user)
    }
}

/// The ID comes from an answer of Clerk's; in a path it may mean nothing but itself.
fn contact_path(kind: ContactKind, id: &str) -> String {
    format!("{}/{}", kind.path(), wire::encoded(id))
}

fn gone_is_done(result: Result<IgnoredAny, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_gone() => Ok(()),
        other => other.map(drop),
    }
}
