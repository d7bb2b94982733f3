//! The options that several commands share, in groups. Each group is read from flags and from `db2clerk.toml` alike, under
//! the same names; an absent one is `None`, so that `config` can lay one source over another.

use std::path::PathBuf;

use serde::Deserialize;

use crate::clerk::Rate;
use crate::mapping::{ExtraColumns, UnusablePasswords, Unverified};
use crate::stage::push::OnConflict;
use crate::stage::references::Wanted;

/// Declares a group whose fields are all optional, with the names of its keys, and how one layer lies over another.
macro_rules! layered {
    ($(#[$of_group:meta])* pub struct $group:ident { $($(#[$of_field:meta])* pub $field:ident: Option<$type:ty>,)* }) => {
        $(#[$of_group])*
        #[derive(Debug, Clone, Default, clap::Args, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        pub struct $group { $($(#[$of_field])* pub $field: Option<$type>,)* }

        impl $group {
            /// The fields' names, as they stand here.
            pub const FIELDS: &[&str] = &[$(stringify!($field)),*];

            /// Returns the fields of this layer, and where it has none those of the lower one.
            #[must_use]
            pub fn or(self, lower: Self) -> Self {
                Self { $($field: self.$field.or(lower.$field)),* }
            }
        }
    };
}

layered! {
/// Where the database is.
pub struct DatabaseArgs {
    /// URL of the application's database: `postgres://`, `mysql://`, `sqlite:` or `file:` [env: `DATABASE_URL`].
    #[arg(long, value_name = "URL", help_heading = "Source")]
    pub database_url: Option<String>,
}
}

layered! {
/// What to ask the database.
pub struct QueryArgs {
    /// File with the SELECT that returns the users, one row each.
    #[arg(long, value_name = "FILE", conflicts_with = "preset", help_heading = "Source")]
    pub query: Option<PathBuf>,
    /// Query for an Auth.js adapter, such as `authjs-prisma`; a wrong name lists them all.
    #[arg(long, value_name = "NAME", help_heading = "Source")]
    pub preset: Option<String>,
    /// Column of the users table that holds the password digests; adds it to the preset's query.
    #[arg(long, value_name = "NAME", help_heading = "Source")]
    pub password_column: Option<String>,
    /// Leave the passwords behind, where the table has a column that looks like one.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        conflicts_with = "password_column", help_heading = "Source")]
    pub no_passwords: Option<bool>,
}
}

layered! {
/// Which users of the source.
pub struct SelectionArgs {
    /// Take only the first N users of the source, in its order: a small set first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Source")]
    pub limit: Option<u64>,
    /// Take only the user with this ID; may be given several times.
    #[arg(long, value_name = "ID", help_heading = "Source")]
    pub user: Option<Vec<String>>,
    /// Skip the first N users of the source [env: `OFFSET`].
    #[arg(long, value_name = "N", help_heading = "Source")]
    pub offset: Option<u64>,
}
}

layered! {
/// What the values mean.
pub struct MappingArgs {
    /// What to do with e-mail addresses that nobody has proved. [default: reserve]
    #[arg(long, value_name = "HOW", help_heading = "Mapping")]
    pub unverified: Option<Unverified>,
    /// OAuth providers whose accounts prove the address of a user without a password. [default: google,apple]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Mapping")]
    pub trusted_providers: Option<Vec<String>>,
    /// Hasher of digests that could come from several, such as `better-auth` or `pbkdf2_sha256_django`.
    #[arg(long, value_name = "NAME", help_heading = "Mapping")]
    pub password_hasher: Option<String>,
    /// What to do with users whose digest Clerk cannot verify. [default: refuse]
    #[arg(long, value_name = "HOW", help_heading = "Mapping")]
    pub unusable_passwords: Option<UnusablePasswords>,
    /// Rewrite digests also where no public proof exists that Clerk verifies the result.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        help_heading = "Mapping")]
    pub experimental_rewrites: Option<bool>,
    /// Take usernames of digits alone and with special characters, as an instance with extended usernames does.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        help_heading = "Mapping")]
    pub extended_usernames: Option<bool>,
    /// What to do with columns that match nothing. [default: refuse]
    #[arg(long, value_name = "HOW", help_heading = "Mapping")]
    pub extra_columns: Option<ExtraColumns>,
    /// Time zone of dates and times that name none, such as `Europe/Berlin`. [default: UTC]
    #[arg(long, value_name = "ZONE", help_heading = "Mapping")]
    pub timezone: Option<String>,
}
}

layered! {
/// Which Clerk instance, and how fast.
pub struct ClerkArgs {
    /// Address of the Backend API. [env: `CLERK_API_URL`] [default: `https://api.clerk.com`]
    #[arg(long, value_name = "URL", help_heading = "Clerk")]
    pub clerk_api_url: Option<String>,
    /// Secret key of the instance; better set as `CLERK_SECRET_KEY`, for a flag shows in process lists.
    #[arg(long, value_name = "KEY", help_heading = "Clerk")]
    #[serde(skip)]
    pub clerk_secret_key: Option<String>,
    /// How much of the instance's rate limit to use: `50%` of it, `80` requests a second, or `none` where Clerk has lifted it;
    /// the rest is your live application's. [env: `RATE_LIMIT`] [default: 100%]
    #[arg(long, value_name = "RATE", help_heading = "Clerk")]
    pub rate: Option<Rate>,
    /// Most requests at one time; how many there are, follows from how long answers take. [env: `CONCURRENCY_LIMIT`]
    /// [default: 200]
    #[arg(long, value_name = "N", help_heading = "Clerk")]
    pub concurrency_limit: Option<usize>,
    /// Milliseconds between two requests. [env: `DELAY_MS`]
    #[arg(long, value_name = "MS", help_heading = "Clerk")]
    pub delay_ms: Option<u64>,
    /// Milliseconds to wait after Clerk says `too many requests` and not for how long. [env: `RETRY_DELAY_MS`] [default: 10000]
    #[arg(long, value_name = "MS", help_heading = "Clerk")]
    pub retry_delay_ms: Option<u64>,
    /// Allow a development instance (`sk_test_`) as the target. [env: `IMPORT_TO_DEV_INSTANCE`]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        help_heading = "Clerk")]
    pub import_to_dev_instance: Option<bool>,
}
}

layered! {
/// Where Clerk IDs are written in the database.
pub struct TargetArgs {
    /// Table whose rows get the Clerk IDs. [default: what the query file's header says]
    #[arg(long, value_name = "NAME", help_heading = "Write-back")]
    pub table: Option<String>,
    /// Unique column that finds a row by its user ID. [default: what the query file's header says]
    #[arg(long, value_name = "NAME", help_heading = "Write-back")]
    pub key: Option<String>,
    /// Column that gets the Clerk IDs. [default: `clerk_id`]
    #[arg(long, value_name = "NAME", help_heading = "Write-back")]
    pub column: Option<String>,
    /// Add the column, with a unique index, if it is missing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        help_heading = "Write-back")]
    pub add_column: Option<bool>,
}
}

layered! {
/// Whether to write back.
pub struct WriteBackArgs {
    /// Write the Clerk IDs into the database while users are sent.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        help_heading = "Write-back")]
    pub write_back: Option<bool>,
}
}

layered! {
/// Which columns refer to users.
pub struct ReferencesArgs {
    /// Columns that refer to users, and get a column with Clerk IDs beside them: `all` that `db2clerk references` finds for
    /// certain, or `TABLE.COLUMN`, with commas between; `TABLE.COLUMN=NAME` names the new column.
    #[arg(long, value_name = "COLUMNS", help_heading = "Write-back")]
    pub references: Option<Wanted>,
}
}

layered! {
/// Where the state is kept.
pub struct LedgerArgs {
    /// File that remembers every user's state. [default: `.db2clerk/INSTANCE_ID.db`]
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}
}

/// The consent to write, given beforehand.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct ConsentArgs {
    /// Write without asking, where a typed confirmation would be needed.
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// What may be done with users who are in Clerk already.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct TopUpArgs {
    /// Send what changed in the source since users were sent; without it, they are only listed.
    #[arg(long, help_heading = "Users in Clerk already")]
    pub update: bool,
    /// What to do where another Clerk user holds an e-mail address, phone number, username or wallet.
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = "Users in Clerk already")]
    pub on_conflict: OnConflict,
    /// Create users again that `undo` deleted.
    #[arg(long, help_heading = "Users in Clerk already")]
    pub recreate: bool,
    /// Go on although known user IDs carry other e-mail addresses than before.
    #[arg(long, help_heading = "Users in Clerk already")]
    pub accept_changed_identifiers: bool,
}
