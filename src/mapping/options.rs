//! What a person can say about how rows become users.

use serde::Deserialize;

/// How rows and elements are mapped; the command line's and the configuration file's own words.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--unverified`: what becomes of addresses nobody has proved. `None`: not said, and acts as [`Unverified::Reserve`].
    pub unverified: Option<Unverified>,
    /// `--trusted-providers`: OAuth providers whose linked account proves the address of a user without a password.
    pub trusted_providers: Vec<String>,
    /// `--timezone`: the zone of timestamps without one.
    pub timezone: chrono_tz::Tz,
    /// `--password-hasher`: decides where a digest's shape leaves several hashers; Clerk's name or another system's.
    pub password_hasher: Option<String>,
    /// `--unusable-passwords`: what becomes of users whose digest no hasher of Clerk's verifies.
    pub unusable_passwords: UnusablePasswords,
    /// `--experimental-rewrites`: also rewrite digests into forms of which nobody has shown that Clerk verifies them.
    pub experimental_rewrites: bool,
    /// `--extra-columns`: what becomes of columns and keys outside the import schema.
    pub extra_columns: ExtraColumns,
    /// `--extended-usernames`: the Clerk instance allows usernames of digits alone and with special characters.
    pub extended_usernames: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            unverified: None,
            trusted_providers: vec!["google".to_owned(), "apple".to_owned()],
            timezone: chrono_tz::UTC,
            password_hasher: None,
            unusable_passwords: UnusablePasswords::Refuse,
            experimental_rewrites: false,
            extra_columns: ExtraColumns::Refuse,
            extended_usernames: false,
        }
    }
}

/// What becomes of e-mail addresses and phone numbers nobody has proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Unverified {
    /// Create them reserved: usable for sign-in, not yet verified, no one else can claim them
    #[default]
    Reserve,
    /// Leave them out; a user left without any identifier is not imported
    Skip,
    /// Create them verified all the same: only where the application has proved them in its own way
    Verify,
}

/// What becomes of users whose password digest no hasher of Clerk's verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UnusablePasswords {
    /// Do not import the user
    #[default]
    Refuse,
    /// Import the user without a password
    Drop,
}

/// What becomes of columns and keys that match nothing in the import schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ExtraColumns {
    /// Stop, naming the column
    #[default]
    Refuse,
    /// Leave them out
    Ignore,
    /// Put them into the public metadata, under their own names
    PublicMetadata,
    /// Put them into the private metadata, under their own names
    PrivateMetadata,
}
