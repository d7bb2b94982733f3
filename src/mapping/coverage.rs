//! How much of the users' data was found: the table at the end of an export, and the words of the consent prompt.

use std::collections::BTreeMap;

use super::outcome::{EmailBasis, Mapped};
use crate::record::{Hasher, ImportUser};

/// Counts over all mapped users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// All users.
    pub users: u64,
    /// Users with an e-mail address, verified or not.
    pub with_email: u64,
    /// Users by the rule that says whether their primary address is verified.
    pub email_basis: BTreeMap<EmailBasis, u64>,
    /// Users with at least one reserved e-mail address.
    pub reserved: u64,
    /// Users some of whose unverified addresses were left out.
    pub unverified_dropped: u64,
    /// Users with a phone number, verified or not.
    pub with_phone: u64,
    /// Users with a username.
    pub with_username: u64,
    /// Users with a web3 wallet.
    pub with_wallet: u64,
    /// Users with a first name.
    pub with_first_name: u64,
    /// Users with a last name.
    pub with_last_name: u64,
    /// Users one of whose names was left out.
    pub name_dropped: u64,
    /// Users with a password, by hasher.
    pub passwords: BTreeMap<Hasher, u64>,
    /// Users without a password.
    pub without_password: u64,
    /// Users whose password was left out.
    pub password_dropped: u64,
    /// Users whose digest was rewritten, by the rewrite's name.
    pub rewrites: BTreeMap<&'static str, u64>,
    /// Users with a TOTP secret.
    pub with_totp: u64,
    /// Users with backup codes.
    pub with_backup_codes: u64,
    /// Users with metadata of any kind.
    pub with_metadata: u64,
    /// Users with the time they signed up.
    pub with_created_at: u64,
    /// Users with the time they accepted the legal terms.
    pub with_legal_accepted_at: u64,
    /// Users who are banned.
    pub banned: u64,
    /// Users who are locked.
    pub locked: u64,
}

impl Coverage {
    /// Counts a user.
    pub fn count(&mut self, mapped: &Mapped) {
        let user = &mapped.user;
        self.users += 1;
        *self.email_basis.entry(mapped.email).or_default() += 1;
        self.unverified_dropped += u64::from(mapped.unverified_dropped);
        self.name_dropped += u64::from(mapped.name_dropped);
        self.password_dropped += u64::from(mapped.password_dropped);
        if let Some(rewrite) = mapped.rewrite {
            *self.rewrites.entry(rewrite).or_default() += 1;
        }
        self.count_identifiers(user);
        self.count_credentials(user);
        self.count_the_rest(user);
    }

    /// Returns how many users get a verified e-mail address.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.email_basis.iter().filter(|(basis, _)| basis.is_verified()).map(|(_, users)| users).sum()
    }

    /// Returns the counts with their labels, in the order they are shown. Counts of what did not happen are left out.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, u64)> {
        let mut rows = vec![
            ("users".to_owned(), self.users),
            ("with an e-mail address".to_owned(), self.with_email),
            ("with a verified e-mail address".to_owned(), self.verified()),
        ];
        let mut add = |label: &str, users: u64| {
            if users > 0 {
                rows.push((label.to_owned(), users));
            }
        };
        for (basis, users) in &self.email_basis {
            if let Some(label) = basis_label(*basis) {
                add(label, *users);
            }
        }
        add("with a reserved (unverified) e-mail address", self.reserved);
        add("unverified addresses left out", self.unverified_dropped);
        add("with a phone number", self.with_phone);
        add("with a username", self.with_username);
        add("with a web3 wallet", self.with_wallet);
        add("with a first name", self.with_first_name);
        add("with a last name", self.with_last_name);
        add("name left out (looks like a phone number, an address or HTML)", self.name_dropped);
        for (hasher, users) in &self.passwords {
            add(&format!("with a password ({hasher})"), *users);
        }
        add("without a password", self.without_password);
        add("password left out (no hasher verifies it)", self.password_dropped);
        for (rewrite, users) in &self.rewrites {
            add(&format!("digest rewritten ({rewrite})"), *users);
        }
        add("with a TOTP secret", self.with_totp);
        add("with backup codes", self.with_backup_codes);
        add("with metadata", self.with_metadata);
        add("with a creation date", self.with_created_at);
        add("with a date of legal acceptance", self.with_legal_accepted_at);
        add("banned", self.banned);
        add("locked", self.locked);
        rows
    }

    fn count_identifiers(&mut self, user: &ImportUser) {
        let reserved = !user.unverified_email_addresses.is_empty();
        self.with_email += u64::from(user.verified_emails().next().is_some() || reserved);
        self.reserved += u64::from(reserved);
        let has_phone = user.verified_phones().next().is_some() || !user.unverified_phone_numbers.is_empty();
        self.with_phone += u64::from(has_phone);
        self.with_username += u64::from(user.username.is_some());
        self.with_wallet += u64::from(!user.web3_wallets.is_empty());
    }

    fn count_credentials(&mut self, user: &ImportUser) {
        match user.password_hasher {
            Some(hasher) => *self.passwords.entry(hasher).or_default() += 1,
            None => self.without_password += 1,
        }
        self.with_totp += u64::from(user.totp_secret.is_some());
        self.with_backup_codes += u64::from(!user.backup_codes.is_empty());
    }

    fn count_the_rest(&mut self, user: &ImportUser) {
        self.with_first_name += u64::from(user.first_name.is_some());
        self.with_last_name += u64::from(user.last_name.is_some());
        let metadata = [&user.public_metadata, &user.private_metadata, &user.unsafe_metadata];
        self.with_metadata += u64::from(metadata.iter().any(|map| !map.is_empty()));
        self.with_created_at += u64::from(user.created_at.is_some());
        self.with_legal_accepted_at += u64::from(user.legal_accepted_at.is_some());
        self.banned += u64::from(user.banned == Some(true));
        self.locked += u64::from(user.locked == Some(true));
    }
}

fn basis_label(basis: EmailBasis) -> Option<&'static str> {
    match basis {
        EmailBasis::None | EmailBasis::Reserved => None,
        EmailBasis::Stated => Some("verified: the source says so"),
        EmailBasis::Providers => Some("verified: no password, and only trusted providers"),
        EmailBasis::Unstated => Some("verified: the source says nothing (Clerk's default)"),
        EmailBasis::Override => Some("verified: by `--unverified verify`"),
    }
}
