//! From a row, or an element of a users file, to an import user: pure, without SQL, HTTP or a clock.
//!
//! [`Mapping`] reads a query's rows, [`ElementMapping`] the elements of a users file. Both place each value at its [`Field`];
//! from there on one way leads to a [`Mapped`] user, or to a [`Refused`] one with everything that is wrong with it.

mod columns;
mod contact;
pub mod coverage;
mod draft;
mod elements;
mod field;
mod metadata;
mod options;
mod outcome;
mod password;
mod time;
mod user;
mod values;
mod verified;

pub use columns::{ColumnsError, Mapping};
pub use coverage::{Coverage, Traits};
pub use elements::{ElementError, ElementMapping};
pub use field::Field;
pub use options::{ExtraColumns, Options, UnusablePasswords, Unverified};
pub use outcome::{EmailBasis, EmailBasisError, Mapped, Refused};
pub use password::{UnknownHasher, check_hasher_word, hasher_words};
