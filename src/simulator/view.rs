//! A user as the Backend API shows it: the whole `User` schema of version 2026-05-12.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::fields::Metadata;
use super::user::{Contact, Identifier, Standing, User};

const IMAGE: &str = "https://img.clerk.com/simulator";

/// Returns the JSON text of one user.
pub(super) fn text(user: &User) -> String {
    serde_json::to_string(&View::of(user)).unwrap_or_else(|_| String::from("null"))
}

/// Returns the JSON text of one e-mail address, phone number or wallet; of another kind, null.
pub(super) fn contact_text(kind: Identifier, contact: &Contact) -> String {
    let text = match kind {
        Identifier::Email => serde_json::to_string(&EmailView::of(contact)),
        Identifier::Phone => serde_json::to_string(&PhoneView::of(contact)),
        Identifier::Wallet => serde_json::to_string(&WalletView::of(contact)),
        Identifier::ExternalId | Identifier::Username => Ok(String::from("null")),
    };
    text.unwrap_or_else(|_| String::from("null"))
}

/// Returns one user as JSON, with what the API never shows under `simulator`.
pub(super) fn with_secrets(user: &User) -> Value {
    let mut shown = serde_json::to_value(View::of(user)).unwrap_or_default();
    shown["simulator"] = json!({
        "password_hasher": user.password.as_ref().map(|password| &password.hasher),
        "password_digest": user.password.as_ref().map(|password| &password.digest),
        "totp_secret": user.totp_secret,
        "backup_codes": user.backup_codes,
    });
    shown
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a user of the Backend API has this many")]
struct View<'a> {
    id: &'a str,
    object: &'static str,
    username: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    locale: Option<&'a str>,
    image_url: &'static str,
    has_image: bool,
    primary_email_address_id: Option<&'a str>,
    primary_phone_number_id: Option<&'a str>,
    primary_web3_wallet_id: Option<&'a str>,
    password_enabled: bool,
    two_factor_enabled: bool,
    totp_enabled: bool,
    backup_code_enabled: bool,
    email_addresses: Vec<EmailView<'a>>,
    phone_numbers: Vec<PhoneView<'a>>,
    web3_wallets: Vec<WalletView<'a>>,
    passkeys: Nothing,
    external_accounts: Nothing,
    saml_accounts: Nothing,
    enterprise_accounts: Nothing,
    organization_memberships: Nothing,
    password_last_updated_at: Option<i64>,
    public_metadata: &'a Metadata,
    private_metadata: &'a Metadata,
    unsafe_metadata: &'a Metadata,
    external_id: Option<&'a str>,
    last_sign_in_at: Option<i64>,
    banned: bool,
    locked: bool,
    deprovisioned: bool,
    lockout_expires_in_seconds: Option<i64>,
    verification_attempts_remaining: Option<i64>,
    created_at: i64,
    updated_at: i64,
    delete_self_enabled: bool,
    create_organization_enabled: bool,
    create_organizations_limit: Option<i64>,
    last_active_at: Option<i64>,
    mfa_enabled_at: Option<i64>,
    mfa_disabled_at: Option<i64>,
    legal_accepted_at: Option<i64>,
    bypass_client_trust: bool,
    profile_image_url: &'static str,
    scim: Option<()>,
}

impl<'a> View<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: &user.id,
            object: "user",
            username: user.username.as_deref(),
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            locale: user.locale.as_deref(),
            image_url: IMAGE,
            has_image: false,
            primary_email_address_id: user.primary_email.as_deref(),
            primary_phone_number_id: user.primary_phone.as_deref(),
            primary_web3_wallet_id: user.primary_wallet.as_deref(),
            password_enabled: user.password.is_some(),
            two_factor_enabled: user.has_two_factors(),
            totp_enabled: user.totp_secret.is_some(),
            backup_code_enabled: !user.backup_codes.is_empty(),
            email_addresses: user.emails.iter().map(EmailView::of).collect(),
            phone_numbers: user.phones.iter().map(PhoneView::of).collect(),
            web3_wallets: user.wallets.iter().map(WalletView::of).collect(),
            passkeys: Nothing,
            external_accounts: Nothing,
            saml_accounts: Nothing,
            enterprise_accounts: Nothing,
            organization_memberships: Nothing,
            password_last_updated_at: user.password_changed_at,
            public_metadata: &user.public_metadata,
            private_metadata: &user.private_metadata,
            unsafe_metadata: &user.unsafe_metadata,
            external_id: user.external_id.as_deref(),
            last_sign_in_at: user.last_sign_in_at,
            banned: user.banned,
            locked: user.locked,
            deprovisioned: false,
            lockout_expires_in_seconds: None,
            verification_attempts_remaining: Some(100),
            created_at: user.created_at,
            updated_at: user.updated_at,
            delete_self_enabled: user.delete_self_enabled,
            create_organization_enabled: user.create_organization_enabled,
            create_organizations_limit: user.create_organizations_limit,
            last_active_at: user.last_active_at,
            mfa_enabled_at: user.mfa_enabled_at,
            mfa_disabled_at: user.mfa_disabled_at,
            legal_accepted_at: user.legal_accepted_at,
            bypass_client_trust: user.bypass_client_trust,
            profile_image_url: IMAGE,
            scim: None,
        }
    }
}

/// A list that is always empty.
struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::empty::<()>())
    }
}

/// What the Backend API vouched for itself. An address that nobody has tried to prove has no verification at all.
#[derive(Serialize)]
struct ByAdmin {
    object: &'static str,
    status: &'static str,
    strategy: &'static str,
    attempts: Option<i64>,
    expire_at: Option<i64>,
}

impl ByAdmin {
    fn of(contact: &Contact) -> Option<Self> {
        (contact.standing == Standing::Verified).then_some(Self {
            object: "verification_admin",
            status: "verified",
            strategy: "admin",
            attempts: None,
            expire_at: None,
        })
    }
}

#[derive(Serialize)]
struct EmailView<'a> {
    id: &'a str,
    object: &'static str,
    email_address: &'a str,
    reserved: bool,
    verification: Option<ByAdmin>,
    linked_to: Nothing,
    matches_sso_connection: bool,
    created_at: i64,
    updated_at: i64,
}

impl<'a> EmailView<'a> {
    fn of(contact: &'a Contact) -> Self {
        Self {
            id: &contact.id,
            object: "email_address",
            email_address: &contact.value,
            reserved: contact.standing == Standing::Reserved,
            verification: ByAdmin::of(contact),
            linked_to: Nothing,
            matches_sso_connection: false,
            created_at: contact.created_at,
            updated_at: contact.updated_at,
        }
    }
}

#[derive(Serialize)]
struct PhoneView<'a> {
    id: &'a str,
    object: &'static str,
    phone_number: &'a str,
    reserved_for_second_factor: bool,
    default_second_factor: bool,
    reserved: bool,
    verification: Option<ByAdmin>,
    linked_to: Nothing,
    backup_codes: Option<()>,
    created_at: i64,
    updated_at: i64,
}

impl<'a> PhoneView<'a> {
    fn of(contact: &'a Contact) -> Self {
        Self {
            id: &contact.id,
            object: "phone_number",
            phone_number: &contact.value,
            reserved_for_second_factor: contact.second_factor,
            default_second_factor: contact.default_second_factor,
            reserved: contact.standing == Standing::Reserved,
            verification: ByAdmin::of(contact),
            linked_to: Nothing,
            backup_codes: None,
            created_at: contact.created_at,
            updated_at: contact.updated_at,
        }
    }
}

#[derive(Serialize)]
struct WalletView<'a> {
    id: &'a str,
    object: &'static str,
    web3_wallet: &'a str,
    verification: Option<ByAdmin>,
    created_at: i64,
    updated_at: i64,
}

impl<'a> WalletView<'a> {
    fn of(contact: &'a Contact) -> Self {
        Self {
            id: &contact.id,
            object: "web3_wallet",
            web3_wallet: &contact.value,
            verification: ByAdmin::of(contact),
            created_at: contact.created_at,
            updated_at: contact.updated_at,
        }
    }
}
