//! Who counts as verified.
//!
//! An address that nobody proved, imported as verified with its password, lets whoever registered it keep a password into the
//! real owner's account: Clerk links a social sign-in to a verified address at once.

use chrono_tz::Tz;

use super::outcome::EmailBasis;
use super::time::moment;
use super::values::{self, Fault};
use crate::row::Value;

/// Reads `emailVerified` and `phoneVerified`: NULL, the empty string, false and 0 say no; true, 1 and any timestamp say yes.
pub(super) fn stated(value: Value, zone: Tz) -> Result<bool, Fault> {
    const NEITHER: &str = "is neither a truth value nor a timestamp";
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(flag),
        Value::Bytes(bytes) if values::is_bit(&bytes) => Ok(bytes.ends_with(&[1])),
        Value::Integer(flag @ (0 | 1)) => Ok(flag == 1),
        number @ (Value::Integer(_) | Value::Real(_)) => {
            moment(number, zone).map(|moment| moment.is_some()).map_err(|_| Fault::invalid(NEITHER))
        }
        other => match values::text(other)? {
            None => Ok(false),
            Some(text) => match values::word(text.trim()) {
                Some(flag) => Ok(flag),
                None => moment(Value::Text(text), zone).map(|moment| moment.is_some()),
            },
        },
    }
}

/// What is known about the address of one user.
pub(super) struct Evidence<'a> {
    /// What `emailVerified` says; `None`: the source has no such field.
    pub(super) stated: Option<bool>,
    /// Whether the source's silence is no statement: passwords come from a query, and `--unverified` was asked for.
    pub(super) silence_is_doubt: bool,
    /// Whether the user has a password, usable or not.
    pub(super) has_password: bool,
    /// Names of linked providers.
    pub(super) providers: &'a [String],
    /// Providers whose accounts prove an address, in lower case.
    pub(super) trusted: &'a [String],
    /// Whether there is exactly one address for a provider to prove.
    pub(super) one_address: bool,
}

impl Evidence<'_> {
    /// Returns by which rule the address is verified; `None` if it is not.
    pub(super) fn verdict(&self) -> Option<EmailBasis> {
        match self.stated {
            Some(true) => Some(EmailBasis::Stated),
            None if !self.silence_is_doubt => Some(EmailBasis::Unstated),
            Some(false) | None => self.proven_by_providers().then_some(EmailBasis::Providers),
        }
    }

    /// A linked account never proves the address of a user with a password: whoever registered the address first may have
    /// linked an account of their own.
    fn proven_by_providers(&self) -> bool {
        let trusts = |provider: &String| self.trusted.contains(&provider.trim().to_lowercase());
        !self.has_password && self.one_address && !self.providers.is_empty() && self.providers.iter().all(trusts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn every_stored_form_of_yes_and_no_is_understood() {
        for no in [
            Value::Null,
            text(""),
            text("f"),
            text("false"),
            text("FALSE"),
            text("0"),
            Value::Bool(false),
            Value::Integer(0),
        ] {
            assert_eq!(stated(no.clone(), Tz::UTC), Ok(false), "{no:?}");
        }
        for (at, yes) in [
            Value::Bool(true),
            Value::Integer(1),
            Value::Bytes(vec![1]),
            Value::Bytes(vec![0, 1]),
            Value::Integer(1_709_287_200_000),
            Value::Integer(1_709_287_200),
            text("t"),
            text("true"),
            text("1"),
            text("1709287200000"),
            text("2024-03-01 10:00:00+00"),
            text("2024-03-01T10:00:00.000Z"),
            text("2024-03-01 10:00:00.000 +00:00"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(stated(yes, Tz::UTC), Ok(true), "number {at}");
        }
        assert_eq!(stated(Value::Bytes(vec![0]), Tz::UTC), Ok(false));
    }

    #[test]
    fn what_is_neither_yes_nor_no_is_refused_and_not_taken_for_yes() {
        for (at, neither) in [
            text("maybe"),
            text("0000-00-00 00:00:00"),
            text("infinity"),
            text("2"),
            Value::Integer(2),
            Value::Integer(-1),
            Value::Real(0.5),
            Value::Bytes(vec![7]),
            Value::Json(serde_json::json!({"at": 1})),
            Value::Unreadable("is not UTF-8".to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(stated(neither, Tz::UTC).is_err(), "number {at}");
        }
    }

    #[test]
    fn trusted_providers_prove_the_one_address_of_a_user_without_a_password() {
        let trusted = ["google".to_owned(), "apple".to_owned()];
        let verdict = |stated, silence_is_doubt, has_password, providers: &[&str], one_address| {
            let providers: Vec<String> = providers.iter().map(|provider| (*provider).to_owned()).collect();
            Evidence { stated, silence_is_doubt, has_password, providers: &providers, trusted: &trusted, one_address }
                .verdict()
        };
        let no = Some(false);
        for (stated, doubt, password, providers, one, expected) in [
            (Some(true), false, true, &[][..], true, Some(EmailBasis::Stated)),
            (Some(true), true, false, &["github"], true, Some(EmailBasis::Stated)),
            (None, false, true, &[], true, Some(EmailBasis::Unstated)),
            (None, true, true, &[], true, None),
            (None, true, true, &["google"], true, None),
            (None, true, false, &["google"], true, Some(EmailBasis::Providers)),
            (no, false, false, &["google"], true, Some(EmailBasis::Providers)),
            (no, false, false, &["Google", " apple"], true, Some(EmailBasis::Providers)),
            (no, false, true, &["google"], true, None),
            (no, false, false, &["google", "github"], true, None),
            (no, false, false, &["credentials"], true, None),
            (no, false, false, &[], true, None),
            (no, false, false, &["google"], false, None),
        ] {
            assert_eq!(
                verdict(stated, doubt, password, providers, one),
                expected,
                "{stated:?} {doubt} {password} {providers:?}"
            );
        }
    }
}
