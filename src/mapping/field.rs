//! The fields of the import schema, and how a column or key finds its field.

/// A field of the import schema: what a query's column or an element's key can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the key of the import schema; `ImportUser` says what each means")]
pub enum Field {
    UserId,
    Key,
    Email,
    EmailVerified,
    EmailAddresses,
    UnverifiedEmailAddresses,
    Phone,
    PhoneVerified,
    PhoneNumbers,
    UnverifiedPhoneNumbers,
    Username,
    FirstName,
    LastName,
    Name,
    Password,
    PasswordHasher,
    Providers,
    TotpSecret,
    BackupCodes,
    PublicMetadata,
    PrivateMetadata,
    UnsafeMetadata,
    CreatedAt,
    LegalAcceptedAt,
    Banned,
    Locked,
    Locale,
    Web3Wallets,
    CreateOrganizationEnabled,
    CreateOrganizationsLimit,
    DeleteSelfEnabled,
    BypassClientTrust,
    SkipPasswordChecks,
    SkipLegalChecks,
    SkipUserRequirement,
}

/// Every field and its key, in the order of the enum.
const KEYS: [(Field, &str); Field::COUNT] = [
    (Field::UserId, "userId"),
    (Field::Key, "key"),
    (Field::Email, "email"),
    (Field::EmailVerified, "emailVerified"),
    (Field::EmailAddresses, "emailAddresses"),
    (Field::UnverifiedEmailAddresses, "unverifiedEmailAddresses"),
    (Field::Phone, "phone"),
    (Field::PhoneVerified, "phoneVerified"),
    (Field::PhoneNumbers, "phoneNumbers"),
    (Field::UnverifiedPhoneNumbers, "unverifiedPhoneNumbers"),
    (Field::Username, "username"),
    (Field::FirstName, "firstName"),
    (Field::LastName, "lastName"),
    (Field::Name, "name"),
    (Field::Password, "password"),
    (Field::PasswordHasher, "passwordHasher"),
    (Field::Providers, "providers"),
    (Field::TotpSecret, "totpSecret"),
    (Field::BackupCodes, "backupCodes"),
    (Field::PublicMetadata, "publicMetadata"),
    (Field::PrivateMetadata, "privateMetadata"),
    (Field::UnsafeMetadata, "unsafeMetadata"),
    (Field::CreatedAt, "createdAt"),
    (Field::LegalAcceptedAt, "legalAcceptedAt"),
    (Field::Banned, "banned"),
    (Field::Locked, "locked"),
    (Field::Locale, "locale"),
    (Field::Web3Wallets, "web3Wallets"),
    (Field::CreateOrganizationEnabled, "createOrganizationEnabled"),
    (Field::CreateOrganizationsLimit, "createOrganizationsLimit"),
    (Field::DeleteSelfEnabled, "deleteSelfEnabled"),
    (Field::BypassClientTrust, "bypassClientTrust"),
    (Field::SkipPasswordChecks, "skipPasswordChecks"),
    (Field::SkipLegalChecks, "skipLegalChecks"),
    (Field::SkipUserRequirement, "skipUserRequirement"),
];

/// Usual column names that are far, letter by letter, from the field they belong to; only hints are made of them.
const USUAL_NAMES: [(&str, Field); 19] = [
    ("id", Field::UserId),
    ("uid", Field::UserId),
    ("uuid", Field::UserId),
    ("externalid", Field::UserId),
    ("mail", Field::Email),
    ("verified", Field::EmailVerified),
    ("isverified", Field::EmailVerified),
    ("emailverifiedat", Field::EmailVerified),
    ("emailconfirmed", Field::EmailVerified),
    ("emailconfirmedat", Field::EmailVerified),
    ("mobile", Field::Phone),
    ("fullname", Field::Name),
    ("displayname", Field::Name),
    ("hash", Field::Password),
    ("hashedpassword", Field::Password),
    ("passwordhash", Field::Password),
    ("passworddigest", Field::Password),
    ("encryptedpassword", Field::Password),
    ("created", Field::CreatedAt),
];

impl Field {
    /// How many there are.
    pub const COUNT: usize = 35;

    /// Returns every field.
    pub fn all() -> impl Iterator<Item = Self> {
        KEYS.iter().map(|(field, _)| *field)
    }

    /// Returns the key of the import schema.
    #[must_use]
    pub fn key(self) -> &'static str {
        KEYS[self as usize].1
    }

    /// Returns the field that a column or key names, without regard to case, `_` and `-`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let folded = fold(name);
        Self::all().find(|field| field.key().eq_ignore_ascii_case(&folded))
    }

    /// Returns the field that a column or key outside the schema was most likely meant for.
    #[must_use]
    pub fn nearest(name: &str) -> Self {
        let folded = fold(name);
        if let Some((_, field)) = USUAL_NAMES.iter().find(|(usual, _)| *usual == folded) {
            return *field;
        }
        let distance = |field: &Self| strsim::osa_distance(&folded, &field.key().to_ascii_lowercase());
        Self::all().min_by_key(distance).unwrap_or(Self::UserId)
    }
}

/// Folds a name the way columns and keys are compared.
#[must_use]
pub(super) fn fold(name: &str) -> String {
    name.trim().chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_keys_is_in_the_order_of_the_enum() {
        for (at, (field, key)) in KEYS.iter().enumerate() {
            assert_eq!(*field as usize, at, "{key}");
            assert_eq!(Field::named(key), Some(*field));
        }
    }

    #[test]
    fn a_name_matches_without_regard_to_case_underscores_and_dashes() {
        for name in ["emailVerified", "emailverified", "email_verified", "EMAIL-VERIFIED", "Email_Verified"] {
            assert_eq!(Field::named(name), Some(Field::EmailVerified), "{name}");
        }
        for name in ["", "e mail", "emails", "id", "verified"] {
            assert_eq!(Field::named(name), None, "{name}");
        }
    }

    #[test]
    fn the_nearest_field_is_the_one_that_was_meant() {
        for (name, meant) in [
            ("id", Field::UserId),
            ("usrId", Field::UserId),
            ("emial", Field::Email),
            ("email_verifed", Field::EmailVerified),
            ("hashed_password", Field::Password),
            ("passwordHash", Field::Password),
            ("firstname_", Field::FirstName),
            ("first", Field::FirstName),
            ("created", Field::CreatedAt),
            ("user_name", Field::Username),
        ] {
            assert_eq!(Field::nearest(name), meant, "{name}");
        }
    }
}
