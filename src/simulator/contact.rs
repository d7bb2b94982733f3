//! E-mail addresses and phone numbers one by one: the bodies of `/email_addresses` and `/phone_numbers`, and what they change.
//!
//! Who has claimed one (verified or reserved) is the only one to have it. An unverified one claims nothing: it may be added
//! only where nobody else has claimed it, and others may add, verify and have it all the same. Once they have, it cannot be
//! verified here any more.

use super::error::{Problem, Refusal};
use super::fields::Fields;
use super::rules;
use super::user::{Contact, Identifier, Standing, User};

const EMAIL: [&str; 5] = ["user_id", "email_address", "verified", "primary", "notify_primary_email_address_changed"];
const PHONE: [&str; 5] = ["user_id", "phone_number", "verified", "primary", "reserved_for_second_factor"];
const REPLACEMENT: [&str; 3] = ["email_address", "identification_status", "notify_primary_email_address_changed"];

/// The fields of a new contact; those of a change are the same without the first two.
fn known(kind: Identifier) -> &'static [&'static str] {
    if kind == Identifier::Phone { &PHONE } else { &EMAIL }
}

/// What `POST` asks for.
#[derive(Debug)]
pub(super) struct NewContact {
    pub(super) user_id: String,
    value: String,
    flags: Flags,
}

/// What `PATCH` asks for, and `POST` too.
#[derive(Debug)]
pub(super) struct Flags {
    verified: Option<bool>,
    primary: bool,
    second_factor: Option<bool>,
}

/// Reads the body of a `POST`.
pub(super) fn read_new(kind: Identifier, body: &[u8]) -> Result<NewContact, Refusal> {
    let mut fields = Fields::parse(body, known(kind))?;
    let user_id = fields.needed_text("user_id");
    let value = value(kind, &mut fields);
    let flags = flags(kind, &mut fields);
    fields.finish()?;
    Ok(NewContact { user_id, value, flags })
}

/// Reads the body of a `PATCH`.
pub(super) fn read_change(kind: Identifier, body: &[u8]) -> Result<Flags, Refusal> {
    let mut fields = Fields::parse(body, &known(kind)[2..])?;
    let flags = flags(kind, &mut fields);
    fields.finish()?;
    Ok(flags)
}

/// Reads the body of a `PUT` of a user's e-mail address.
pub(super) fn read_replacement(body: &[u8], now: i64) -> Result<Contact, Refusal> {
    let mut fields = Fields::parse(body, &REPLACEMENT)?;
    let value = value(Identifier::Email, &mut fields);
    let standing = match fields.text("identification_status").value().as_deref() {
        None | Some("verified") => Standing::Verified,
        Some("reserved") => Standing::Reserved,
        Some("unverified") => Standing::Unverified,
        Some(_) => {
            fields.problem(Problem::not_among("identification_status", "verified, reserved, unverified"));
            Standing::Unverified
        }
    };
    fields.flag("notify_primary_email_address_changed");
    fields.finish()?;
    Ok(Contact::new(value, standing, now))
}

fn value(kind: Identifier, fields: &mut Fields) -> String {
    let value = fields.needed_text(kind.field());
    if fields.is_clean() {
        fields.check(if kind == Identifier::Phone { rules::phone(&value) } else { rules::email(&value) });
    }
    value
}

fn flags(kind: Identifier, fields: &mut Fields) -> Flags {
    if kind == Identifier::Email {
        fields.flag("notify_primary_email_address_changed");
    }
    Flags {
        verified: fields.flag("verified"),
        primary: fields.flag("primary").unwrap_or(false),
        second_factor: if kind == Identifier::Phone { fields.flag("reserved_for_second_factor") } else { None },
    }
}

impl NewContact {
    /// Adds it, as the last one. A user's first becomes the primary one, also unverified.
    pub(super) fn apply(self, kind: Identifier, user: &mut User, now: i64) -> Result<(), Refusal> {
        let key = kind.key(&self.value);
        if user.contacts(kind).iter().any(|contact| kind.key(&contact.value) == key) {
            return Err(Refusal::form(vec![Problem::taken(kind.field())]));
        }
        let standing = if self.flags.verified == Some(true) { Standing::Verified } else { Standing::Unverified };
        if self.flags.second_factor == Some(true) && standing == Standing::Unverified {
            return Err(Refusal::new_second_factor_unverified());
        }
        let contact = Contact::new(self.value, standing, now);
        let id = contact.id.clone();
        let (contacts, primary) = parts(kind, user);
        if contacts.is_empty() {
            *primary = Some(id.clone());
        }
        contacts.push(contact);
        self.flags.apply(kind, &id, user, now)
    }
}

impl Flags {
    /// Changes one of the user's contacts. To take the verification of a reserved one away changes nothing: it has none.
    pub(super) fn apply(self, kind: Identifier, id: &str, user: &mut User, now: i64) -> Result<(), Refusal> {
        let had_two_factors = user.has_two_factors();
        let (contacts, primary) = parts(kind, user);
        let contact = contacts.iter_mut().find(|contact| contact.id == id).ok_or_else(Refusal::no_such_contact)?;
        match self.verified {
            Some(true) => contact.standing = Standing::Verified,
            Some(false) if contact.standing == Standing::Verified => contact.standing = Standing::Unverified,
            _ => {}
        }
        let is_verified = contact.standing == Standing::Verified;
        if self.primary && !is_verified {
            return Err(Refusal::form(vec![Problem::unverified("primary")]));
        }
        if self.second_factor == Some(true) && !is_verified {
            return Err(Refusal::second_factor_unverified());
        }
        contact.second_factor = self.second_factor.unwrap_or(contact.second_factor) && is_verified;
        contact.updated_at = now;
        if self.primary {
            *primary = Some(id.to_owned());
        }
        settle_default(contacts);
        if self.second_factor == Some(true) && !user.can_sign_in() {
            return Err(Refusal::last_contact_as_second_factor());
        }
        note_factors(had_two_factors, user, now);
        user.updated_at = now;
        Ok(())
    }
}

/// Removes one of the user's contacts, unless nothing would be left to sign in with. Another verified one becomes the primary
/// one in its place, if there is any.
pub(super) fn delete(kind: Identifier, id: &str, user: &mut User, now: i64) -> Result<(), Refusal> {
    let had_two_factors = user.has_two_factors();
    let (contacts, primary) = parts(kind, user);
    contacts.retain(|contact| contact.id != id);
    if primary.as_deref() == Some(id) {
        let heir = contacts.iter().find(|contact| contact.standing == Standing::Verified && !contact.second_factor);
        *primary = heir.map(|contact| contact.id.clone());
    }
    settle_default(contacts);
    if !user.can_sign_in() {
        return Err(Refusal::last_contact());
    }
    note_factors(had_two_factors, user, now);
    user.updated_at = now;
    Ok(())
}

/// Puts one e-mail address in the place of all that the user had.
pub(super) fn replace_emails(contact: Contact, user: &mut User, now: i64) {
    user.primary_email = Some(contact.id.clone());
    user.emails = vec![contact];
    user.updated_at = now;
}

/// The contacts of a kind, and which is the primary one.
fn parts(kind: Identifier, user: &mut User) -> (&mut Vec<Contact>, &mut Option<String>) {
    if kind == Identifier::Phone {
        (&mut user.phones, &mut user.primary_phone)
    } else {
        (&mut user.emails, &mut user.primary_email)
    }
}

/// Of the second factors, one is the default: the first to become one, as long as it is one.
fn settle_default(contacts: &mut [Contact]) {
    for contact in contacts.iter_mut() {
        contact.default_second_factor &= contact.second_factor;
    }
    if !contacts.iter().any(|contact| contact.default_second_factor)
        && let Some(first) = contacts.iter_mut().find(|contact| contact.second_factor)
    {
        first.default_second_factor = true;
    }
}

fn note_factors(had_two: bool, user: &mut User, now: i64) {
    match (had_two, user.has_two_factors()) {
        (false, true) => user.mfa_enabled_at = Some(now),
        (true, false) => user.mfa_disabled_at = Some(now),
        _ => {}
    }
}
