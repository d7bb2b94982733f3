//! From values at their fields to a user, or to everything that is wrong with it.

use serde_json::{Map, Value as Json};

use super::contact::{Given, Sorted, first_and_rest, once_each};
use super::draft::{Draft, Rules};
use super::field::Field;
use super::metadata;
use super::options::{UnusablePasswords, Unverified};
use super::outcome::{EmailBasis, Mapped, Refused};
use super::password::{self, Fault as PasswordFault, Spelling, Verdict};
use super::time::timestamp;
use super::values::{self, Fault, Split};
use super::verified::{self, Evidence};
use crate::record::rules::{self, LONGEST_NAME};
use crate::record::{ImportUser, Reason, UserId};
use crate::row::Value;
use crate::secret::Secret;

/// The longest write-back key, in characters.
const LONGEST_KEY: usize = 1024;
/// The longest backup code or its digest, in characters.
const LONGEST_BACKUP_CODE: usize = 256;
/// The fields that hold identifiers.
const IDENTIFIERS: [Field; 8] = [
    Field::Email,
    Field::EmailAddresses,
    Field::UnverifiedEmailAddresses,
    Field::Phone,
    Field::PhoneNumbers,
    Field::UnverifiedPhoneNumbers,
    Field::Username,
    Field::Web3Wallets,
];

/// Makes the user.
pub(super) fn make(mut draft: Draft, rules: &Rules) -> Result<Mapped, Refused> {
    let number = draft.number;
    let reasons = std::mem::take(&mut draft.faults);
    // A field given twice holds something, whichever of the two values is looked at.
    let gave_identifier =
        IDENTIFIERS.iter().any(|field| draft.holds_something(*field)) || names_an_identifier(&reasons);
    let mut maker = Maker { draft, rules, reasons, gave_identifier };
    let id = maker.user_id();
    let has_id = id.is_some();
    // Without an ID there is no user, but everything else that is wrong with it is still told.
    let Some(id) = id.or_else(|| UserId::new("-").ok()) else {
        return Err(refused(number, None, None, maker));
    };
    let mut mapped = maker.fill(ImportUser::new(id));
    let mut skipped = false;
    if !mapped.user.has_identifier() && !names_an_identifier(&maker.reasons) {
        skipped = maker.reasons.is_empty() && mapped.unverified_dropped;
        maker.reasons.push(without_identifier(mapped.unverified_dropped));
    }
    if maker.reasons.is_empty() {
        return Ok(mapped);
    }
    let (identifiers, key) = (mapped.user.identifiers(), mapped.user.key.take());
    Err(Refused { skipped, identifiers, ..refused(number, has_id.then_some(mapped.user.user_id), key, maker) })
}

fn refused(number: u64, user_id: Option<UserId>, key: Option<String>, maker: Maker) -> Refused {
    let Maker { draft, mut reasons, gave_identifier, .. } = maker;
    if user_id.is_none() {
        reasons = reasons.into_iter().map(|reason| draft.unit.told(number, reason)).collect();
    }
    Refused { number, user_id, key, reasons, skipped: false, identifiers: Vec::new(), gave_identifier }
}

/// Returns whether an identifier is there and wrong: then none is missing.
fn names_an_identifier(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| IDENTIFIERS.iter().any(|field| field.key() == reason.field))
}

fn without_identifier(had_one: bool) -> Reason {
    if had_one {
        Reason::new(
            "email",
            "unverified_skipped",
            "nothing is left to sign in with: no address is verified, and `--unverified skip` leaves out the others",
        )
    } else {
        Reason::new(
            "",
            "identifier_missing",
            "has no e-mail address, phone number, username or web3 wallet; Clerk needs one",
        )
    }
}

/// Takes a draft apart, and collects what is wrong with it.
struct Maker<'a> {
    draft: Draft,
    rules: &'a Rules,
    reasons: Vec<Reason>,
    gave_identifier: bool,
}

impl Maker<'_> {
    fn user_id(&mut self) -> Option<UserId> {
        let id = self.read(Field::UserId, values::id);
        if id.is_none() && self.reasons.iter().all(|reason| reason.field != Field::UserId.key()) {
            self.reasons.push(Reason::new(Field::UserId.key(), "user_id_missing", "is missing; every user needs one"));
        }
        match UserId::new(id?) {
            Ok(id) => Some(id),
            Err(error) => {
                self.wrong(Field::UserId, &Fault::invalid(error.to_string()));
                None
            }
        }
    }

    fn fill(&mut self, mut user: ImportUser) -> Mapped {
        user.key = self.read(Field::Key, values::id).and_then(|key| self.key(key));
        let password = self.password();
        let emails = self.emails(password.given);
        let phones = self.phones();
        let unverified_dropped = emails.dropped || phones.dropped;
        let basis = emails.basis;
        (user.email, user.email_addresses) = first_and_rest(emails.verified);
        user.unverified_email_addresses = emails.reserved;
        (user.phone, user.phone_numbers) = first_and_rest(phones.verified);
        user.unverified_phone_numbers = phones.reserved;
        let name_dropped = self.names(&mut user);
        self.identity(&mut user);
        self.metadata(&mut user);
        self.switches(&mut user);
        (user.password, user.password_hasher) = password.digest.unzip();
        Mapped {
            user,
            email: basis,
            rewrite: password.rewrite,
            password_dropped: password.dropped,
            unverified_dropped,
            name_dropped,
            gave_identifier: self.gave_identifier,
        }
    }

    fn key(&mut self, key: String) -> Option<String> {
        if key.len() <= LONGEST_KEY {
            return Some(key);
        }
        self.wrong(Field::Key, &Fault::invalid("is longer than 1024 bytes"));
        None
    }

    fn emails(&mut self, has_password: bool) -> Sorted {
        let given = self.given([Field::Email, Field::EmailAddresses, Field::UnverifiedEmailAddresses], rules::email);
        let stated = self.stated(Field::EmailVerified);
        let providers = self.read_list(Field::Providers, Split::Commas);
        let evidence = Evidence {
            stated,
            silence_is_doubt: self.rules.silence_is_doubt,
            has_password,
            providers: &providers,
            trusted: &self.rules.options.trusted_providers,
            one_address: given.spoken_of() == 1,
        };
        given.sort(evidence.verdict(), stated.is_none(), self.unverified())
    }

    fn phones(&mut self) -> Sorted {
        let given = self.given([Field::Phone, Field::PhoneNumbers, Field::UnverifiedPhoneNumbers], rules::phone);
        let verdict = match self.stated(Field::PhoneVerified) {
            Some(false) => None,
            Some(true) => Some(EmailBasis::Stated),
            None => Some(EmailBasis::Unstated),
        };
        given.sort(verdict, false, self.unverified())
    }

    fn unverified(&self) -> Unverified {
        self.rules.options.unverified.unwrap_or_default()
    }

    fn given(&mut self, fields: [Field; 3], rule: fn(&str) -> Result<String, &'static str>) -> Given {
        let [primary, further, unverified] = fields.map(|field| self.checked_list(field, rule));
        Given { primary, further, unverified }
    }

    fn stated(&mut self, field: Field) -> Option<bool> {
        if !self.draft.gives(field) {
            return None;
        }
        let zone = self.rules.options.timezone;
        let stated = verified::stated(self.draft.take(field), zone);
        Some(stated.unwrap_or_else(|fault| {
            self.wrong(field, &fault);
            false
        }))
    }

    fn password(&mut self) -> Password {
        let stored = match self.draft.take(Field::Password) {
            // Keycloak's, of two JSON columns.
            Value::Json(object @ Json::Object(_)) => Ok(Some(object.to_string())),
            other => values::text(other),
        };
        let said = self.read(Field::PasswordHasher, values::text);
        let stored = stored.unwrap_or_else(|fault| {
            self.wrong(Field::Password, &fault);
            None
        });
        let Some(mut stored) = stored else { return Password::default() };
        // char(n) columns are padded.
        stored.truncate(stored.trim_end().len());
        if stored.is_empty() {
            return Password::default();
        }
        let said = match said.as_deref().map(Spelling::named).transpose() {
            Ok(said) => said,
            Err(unknown) => {
                self.wrong(Field::PasswordHasher, &Fault::invalid(unknown_hasher(&unknown)));
                return Password { given: true, ..Password::default() };
            }
        };
        let options = &self.rules.options;
        match password::understand(&stored, said, self.rules.hasher, options.experimental_rewrites) {
            Ok(Verdict::NoPassword) => Password::default(),
            Ok(Verdict::Digest { hasher, rewritten, rewrite }) => {
                let digest = Secret::new(rewritten.unwrap_or(stored));
                Password { given: true, digest: Some((digest, hasher)), rewrite, dropped: false }
            }
            Err(fault) => self.unsent(&fault),
        }
    }

    fn unsent(&mut self, fault: &PasswordFault) -> Password {
        let droppable = matches!(fault, PasswordFault::Unusable(_) | PasswordFault::Unproven(_));
        let dropped = droppable && self.rules.options.unusable_passwords == UnusablePasswords::Drop;
        if !dropped {
            self.reasons.push(fault.reason());
        }
        Password { given: true, dropped, ..Password::default() }
    }

    /// Sets the names, and returns whether one was left out.
    fn names(&mut self, user: &mut ImportUser) -> bool {
        let mut name = |field| {
            let name = self.read(field, |value| values::short_text(value, LONGEST_NAME));
            name.map(trimmed).filter(|name| !name.is_empty())
        };
        let [first, last, whole] = [Field::FirstName, Field::LastName, Field::Name].map(&mut name);
        let mut dropped = false;
        let mut keep = |name: Option<String>| {
            name.filter(|name| {
                let refused = rules::is_refused_name(name);
                dropped |= refused;
                !refused
            })
        };
        if first.is_some() || last.is_some() {
            (user.first_name, user.last_name) = (keep(first), keep(last));
        } else if let Some(mut whole) = keep(whole) {
            let end = whole.find(char::is_whitespace).unwrap_or(whole.len());
            user.last_name = Some(whole[end..].trim_start()).filter(|last| !last.is_empty()).map(str::to_owned);
            whole.truncate(end);
            user.first_name = Some(whole);
        }
        dropped
    }

    fn identity(&mut self, user: &mut ImportUser) {
        let extended = self.rules.options.extended_usernames;
        user.username = self.checked(Field::Username, |text| rules::username(text, extended));
        user.web3_wallets = self.checked_list(Field::Web3Wallets, rules::wallet);
        once_each(&mut user.web3_wallets);
        user.totp_secret = self.checked(Field::TotpSecret, rules::totp_secret).map(Secret::new);
        user.backup_codes = self.backup_codes();
        user.locale = self.checked(Field::Locale, rules::locale);
        let zone = self.rules.options.timezone;
        user.created_at = self.read(Field::CreatedAt, |value| timestamp(value, zone));
        user.legal_accepted_at = self.read(Field::LegalAcceptedAt, |value| timestamp(value, zone));
    }

    fn backup_codes(&mut self) -> Vec<Secret> {
        let codes = self.read_list(Field::BackupCodes, Split::CommasAndSpaces);
        if codes.iter().any(|code| code.len() > LONGEST_BACKUP_CODE) {
            self.wrong(Field::BackupCodes, &Fault::invalid("holds a code longer than 256 bytes"));
        }
        codes.into_iter().map(Secret::new).collect()
    }

    fn metadata(&mut self, user: &mut ImportUser) {
        let fields = [Field::PublicMetadata, Field::PrivateMetadata, Field::UnsafeMetadata];
        if self.draft.places.is_empty() && !fields.iter().any(|field| self.draft.gives(*field)) {
            return;
        }
        let mut objects = fields
            .map(|field| (field, self.read(field, |value| metadata::object(value).map(Some)).unwrap_or_default()));
        for (place, value) in std::mem::take(&mut self.draft.places) {
            let object = objects.iter_mut().find(|(field, _)| *field == place.field);
            if let Some((field, object)) = object
                && let Err(fault) = metadata::put(object, &place, value)
            {
                let name = format!("{}.{}", field.key(), place.path.join("."));
                self.reasons.push(reason(*field, name, &fault));
            }
        }
        let [public, private, unsafe_] = objects.map(|(field, object)| self.stored(field, object));
        (user.public_metadata, user.private_metadata, user.unsafe_metadata) = (public, private, unsafe_);
    }

    fn stored(&mut self, field: Field, object: Map<String, Json>) -> Map<String, Json> {
        if !object.is_empty()
            && let Err(fault) = metadata::check(&object)
        {
            self.wrong(field, &fault);
        }
        object
    }

    fn switches(&mut self, user: &mut ImportUser) {
        user.banned = self.read(Field::Banned, values::flag);
        user.locked = self.read(Field::Locked, values::flag);
        user.create_organization_enabled = self.read(Field::CreateOrganizationEnabled, values::flag);
        user.create_organizations_limit = self.read(Field::CreateOrganizationsLimit, values::number);
        user.delete_self_enabled = self.read(Field::DeleteSelfEnabled, values::flag);
        user.bypass_client_trust = self.read(Field::BypassClientTrust, values::flag);
        user.skip_password_checks = self.read(Field::SkipPasswordChecks, values::flag);
        user.skip_legal_checks = self.read(Field::SkipLegalChecks, values::flag);
        user.skip_user_requirement = self.read(Field::SkipUserRequirement, values::flag);
    }

    /// Reads a field; what is wrong with it becomes a reason, and the field absent.
    fn read<T>(&mut self, field: Field, reader: impl FnOnce(Value) -> Result<Option<T>, Fault>) -> Option<T> {
        // Most fields are in no source: this is all that they cost.
        if !self.draft.gives(field) {
            return None;
        }
        match self.draft.take(field) {
            Value::Null => None,
            value => reader(value).unwrap_or_else(|fault| {
                self.wrong(field, &fault);
                None
            }),
        }
    }

    fn read_list(&mut self, field: Field, split: Split) -> Vec<String> {
        self.read(field, |value| values::list(value, split).map(Some)).unwrap_or_default()
    }

    fn checked(&mut self, field: Field, rule: impl Fn(&str) -> Result<String, &'static str>) -> Option<String> {
        self.read(field, |value| match values::text(value)? {
            Some(text) if !text.trim().is_empty() => rule(&text).map(Some).map_err(Fault::invalid),
            _ => Ok(None),
        })
    }

    fn checked_list(&mut self, field: Field, rule: fn(&str) -> Result<String, &'static str>) -> Vec<String> {
        let mut kept = Vec::new();
        if !self.draft.gives(field) {
            return kept;
        }
        for text in self.read_list(field, Split::One).iter().filter(|text| !text.trim().is_empty()) {
            match rule(text) {
                Ok(value) => kept.push(value),
                Err(message) => self.wrong(field, &Fault::invalid(message)),
            }
        }
        kept
    }

    fn wrong(&mut self, field: Field, fault: &Fault) {
        self.reasons.push(reason(field, field.key(), fault));
    }
}

fn trimmed(mut text: String) -> String {
    if text.trim().len() < text.len() {
        text = text.trim().to_owned();
    }
    text
}

/// What was made of `password`.
#[derive(Default)]
struct Password {
    /// Whether the source has one, usable or not.
    given: bool,
    digest: Option<(Secret, crate::record::Hasher)>,
    rewrite: Option<&'static str>,
    dropped: bool,
}

/// The name is somebody else's text and may be long, or the digest itself, put into the wrong column: it is not quoted.
fn unknown_hasher(unknown: &password::UnknownHasher) -> String {
    format!("names no hasher that is known here; the nearest name is `{}`", unknown.nearest)
}

/// Makes a reason whose code is the field in snake case and the kind of fault: `email_verified_invalid`.
fn reason(field: Field, name: impl Into<String>, fault: &Fault) -> Reason {
    let mut code = String::new();
    for letter in field.key().chars() {
        if letter.is_ascii_uppercase() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    Reason::new(name, format!("{code}_{}", fault.kind), fault.message.clone())
}

#[cfg(test)]
mod tests;
