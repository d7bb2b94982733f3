//! Which columns of a users table look as if they held passwords.

/// Names of password columns seen in public Auth.js schemas, and their like; without case, `_` and `-`. The likeliest comes first. Whole
/// names only: `password_reset_token` and `passwordChangedAt` hold no password.
const NAMES: [&str; 24] = [
    "passwordhash",
    "hashedpassword",
    "encryptedpassword",
    "passworddigest",
    "hashpassword",
    "passwordhashed",
    "cryptedpassword",
    "passwordencrypted",
    "password",
    "userpassword",
    "passwordbcrypt",
    "bcryptpassword",
    "passhash",
    "hashedpass",
    "passwdhash",
    "hashedpasswd",
    "pwdhash",
    "hashedpwd",
    "pwhash",
    "hashedpw",
    "passwd",
    "pwd",
    "userpass",
    "pass",
];

/// Returns the column that looks like a password, or the likeliest of several: where `password` and `passwordHash` stand side by side, the
/// one that says it is a hash.
#[must_use]
pub fn password_like(columns: &[String]) -> Option<&str> {
    let rank = |column: &str| {
        let folded: String =
            column.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
        NAMES.iter().position(|name| *name == folded)
    };
    let ranked = columns.iter().filter_map(|column| Some((rank(column)?, column.as_str())));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, column)| column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(columns: &[&str], expected: Option<&str>) {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        assert_eq!(password_like(&columns), expected, "{columns:?}");
    }

    #[test]
    fn password_columns_are_known_in_every_spelling() {
        for name in ["password", "hashedPassword", "hashed_password", "passwordHash", "password_hash", "PASSWORD"] {
            check(&["id", name, "email"], Some(name));
        }
        for name in ["encrypted_password", "password_digest", "passwd", "pwd", "Password-Hash", "pass_hash"] {
            check(&[name], Some(name));
        }
    }

    #[test]
    fn columns_about_passwords_are_not_passwords() {
        check(&["id", "name", "email", "emailVerified", "image"], None);
        check(&["passwordResetToken", "password_changed_at", "hasPassword", "password_salt", "passport"], None);
        check(&[], None);
    }

    #[test]
    fn of_several_the_one_that_says_hash_wins() {
        check(&["password", "password_hash"], Some("password_hash"));
        check(&["pwd", "password"], Some("password"));
    }
}
