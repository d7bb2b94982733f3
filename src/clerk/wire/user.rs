//! A user as it stands in Clerk's answers, of which only that is read which is used.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::clerk::user::{ClerkUser, Contact, ContactStatus};
use crate::record::ClerkId;

/// A user.
#[derive(Deserialize)]
#[serde(from = "UserAnswer")]
pub(in crate::clerk) struct User(pub(in crate::clerk) ClerkUser);

#[derive(Deserialize)]
struct UserAnswer {
    id: ClerkId,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    email_addresses: Vec<ContactAnswer>,
    #[serde(default)]
    phone_numbers: Vec<ContactAnswer>,
    #[serde(default)]
    web3_wallets: Vec<Web3Wallet>,
    #[serde(default)]
    primary_email_address_id: Option<String>,
    #[serde(default)]
    primary_phone_number_id: Option<String>,
    #[serde(default)]
    password_enabled: bool,
    #[serde(default)]
    password_last_updated_at: Option<i64>,
    #[serde(default)]
    last_sign_in_at: Option<i64>,
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default)]
    banned: bool,
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    public_metadata: Option<Map<String, Json>>,
    #[serde(default)]
    private_metadata: Option<Map<String, Json>>,
    #[serde(default)]
    unsafe_metadata: Option<Map<String, Json>>,
}

#[derive(Deserialize)]
struct ContactAnswer {
    #[serde(default)]
    id: Option<String>,
    #[serde(alias = "email_address", alias = "phone_number")]
    value: String,
    #[serde(default)]
    reserved: bool,
    #[serde(default)]
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Verification {
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Web3Wallet {
    web3_wallet: String,
}

impl ContactAnswer {
    fn contact(self, primary: Option<&str>) -> Contact {
        let verified = self.verification.and_then(|verification| verification.status).as_deref() == Some("verified");
        let status = match (self.reserved, verified) {
            (true, _) => ContactStatus::Reserved,
            (false, true) => ContactStatus::Verified,
            (false, false) => ContactStatus::Unverified,
        };
        let primary = self.id.is_some() && self.id.as_deref() == primary;
        Contact { id: self.id.unwrap_or_default(), value: self.value, status, primary }
    }
}

impl From<UserAnswer> for User {
    fn from(user: UserAnswer) -> Self {
        let contacts = |contacts: Vec<ContactAnswer>, primary: Option<&str>| {
            contacts.into_iter().map(|contact| contact.contact(primary)).collect()
        };
        Self(ClerkUser {
            emails: contacts(user.email_addresses, user.primary_email_address_id.as_deref()),
            phones: contacts(user.phone_numbers, user.primary_phone_number_id.as_deref()),
            wallets: user.web3_wallets.into_iter().map(|wallet| wallet.web3_wallet).collect(),
            id: user.id,
            external_id: user.external_id,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            has_password: user.password_enabled,
            password_at: user.password_last_updated_at,
            last_sign_in_at: user.last_sign_in_at,
            created_at: user.created_at,
            banned: user.banned,
            locked: user.locked,
            public_metadata: user.public_metadata.unwrap_or_default(),
            private_metadata: user.private_metadata.unwrap_or_default(),
            unsafe_metadata: user.unsafe_metadata.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_read_with_every_identifier_folded_as_clerk_compares_it() {
        let answer = json!({"id": "user_1", "external_id": null, "username": "Ada", "later": 1,
            "email_addresses": [{"email_address": "A@x.com", "id": "idn_1"}],
            "phone_numbers": [{"phone_number": "+15550001"}], "web3_wallets": [{"web3_wallet": "0xAB"}]});
        let User(user) = serde_json::from_value(answer).expect("is a user");
        assert_eq!((user.id.as_str(), user.external_id.as_deref()), ("user_1", None));
        let identifiers = user.identifiers();
        let values: Vec<&str> = identifiers.iter().map(|identifier| identifier.value.as_str()).collect();
        assert_eq!(values, ["a@x.com", "+15550001", "ada", "0xab"]);
    }

    #[test]
    fn an_address_is_verified_only_if_clerk_says_so_and_nobody_reserved_it() {
        use ContactStatus::{Reserved, Unverified, Verified};
        let address = |n: u8, reserved: bool, verification: Json| {
            json!({"id": format!("idn_{n}"), "email_address": format!("{n}@x.com"), "reserved": reserved,
                "verification": verification})
        };
        let answer = json!({"id": "user_1", "primary_email_address_id": "idn_1", "email_addresses": [
            address(1, false, json!({"status": "verified", "strategy": "admin"})),
            address(2, true, json!(null)),
            address(3, false, json!({"status": "unverified"})),
            address(4, false, json!(null)),
        ]});
        let User(user) = serde_json::from_value(answer).expect("is a user");
        let statuses: Vec<ContactStatus> = user.emails.iter().map(|email| email.status).collect();
        assert_eq!(statuses, [Verified, Reserved, Unverified, Unverified]);
        assert_eq!(user.emails.iter().map(|email| email.primary).collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(user.verified_contacts().len(), 1);
    }
}
