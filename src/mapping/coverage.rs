//! How much of the users' data was found: the table at the end of an export, and the words of the consent prompt.

use std::collections::BTreeMap;

use super::outcome::{EmailBasis, Mapped};
use crate::record::Hasher;

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

/// What is counted of one user. Many users have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traits {
    email: EmailBasis,
    hasher: Option<Hasher>,
    rewrite: Option<&'static str>,
    /// A bit for each of the simple counts: the lowest for the first of [`Coverage::simple`].
    simple: u32,
}

impl Traits {
    /// Reads what is counted of a user.
    #[must_use]
    pub fn of(mapped: &Mapped) -> Self {
        let user = &mapped.user;
        let reserved = !user.unverified_email_addresses.is_empty();
        let simple = [
            user.email.is_some() || !user.email_addresses.is_empty() || reserved,
            reserved,
            mapped.unverified_dropped,
            user.phone.is_some() || !user.phone_numbers.is_empty() || !user.unverified_phone_numbers.is_empty(),
            user.username.is_some(),
            !user.web3_wallets.is_empty(),
            user.first_name.is_some(),
            user.last_name.is_some(),
            mapped.name_dropped,
            user.password_hasher.is_none(),
            mapped.password_dropped,
            user.totp_secret.is_some(),
            !user.backup_codes.is_empty(),
            [&user.public_metadata, &user.private_metadata, &user.unsafe_metadata].iter().any(|map| !map.is_empty()),
            user.created_at.is_some(),
            user.legal_accepted_at.is_some(),
            user.banned == Some(true),
            user.locked == Some(true),
        ];
        let simple = simple.iter().rev().fold(0, |bits, has| bits << 1 | u32::from(*has));
        Self { email: mapped.email, hasher: user.password_hasher, rewrite: mapped.rewrite, simple }
    }
}

impl Coverage {
    /// Counts a user.
    pub fn count(&mut self, mapped: &Mapped) {
        self.add(&Traits::of(mapped), 1);
    }

    /// Counts so many users with the same traits.
    pub fn add(&mut self, traits: &Traits, users: u64) {
        self.users += users;
        *self.email_basis.entry(traits.email).or_default() += users;
        if let Some(hasher) = traits.hasher {
            *self.passwords.entry(hasher).or_default() += users;
        }
        if let Some(rewrite) = traits.rewrite {
            *self.rewrites.entry(rewrite).or_default() += users;
        }
        for (bit, count) in self.simple().into_iter().enumerate() {
            *count += u64::from(traits.simple >> bit & 1) * users;
        }
    }

    /// The counts of what a user has or has not, in the order of [`Traits::of`].
    fn simple(&mut self) -> [&mut u64; 18] {
        [
            &mut self.with_email,
            &mut self.reserved,
            &mut self.unverified_dropped,
            &mut self.with_phone,
            &mut self.with_username,
            &mut self.with_wallet,
            &mut self.with_first_name,
            &mut self.with_last_name,
            &mut self.name_dropped,
            &mut self.without_password,
            &mut self.password_dropped,
            &mut self.with_totp,
            &mut self.with_backup_codes,
            &mut self.with_metadata,
            &mut self.with_created_at,
            &mut self.with_legal_accepted_at,
            &mut self.banned,
            &mut self.locked,
        ]
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
