//! The words for what differs: one per kind, for the table, the file and programs alike.

use crate::record::ClerkId;

/// Something that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The user ID, if there is one that can be shown.
    pub user_id: Option<String>,
    /// The Clerk user, if there is one.
    pub clerk_id: Option<ClerkId>,
    /// What kind of difference it is.
    pub kind: Kind,
    /// The key of the import schema that it concerns; empty for the user as a whole.
    pub field: String,
    /// The difference in our words, which quote no value but dates and IDs.
    pub message: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $label:literal;)*) => {
        /// The kinds of differences, in the order in which they are told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Returns the word for it, in the file and for programs alike; it never changes.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$kind => $word),* }
            }

            /// Returns what a person calls what is counted.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$kind => $label),* }
            }
        }
    };
}

kinds! {
    /// A row whose user is not in Clerk, and was not before, as far as the ledger knows.
    Missing = "missing", "users not in Clerk";
    /// A user whom the ledger knows to have been in Clerk, and who is not there any more.
    Lost = "lost", "users no longer in Clerk, by the ledger";
    /// A row that our checks refuse, without a Clerk user.
    Invalid = "invalid", "invalid rows, not in Clerk";
    /// A row that our checks refuse, whose user ID a Clerk user has all the same.
    InvalidInClerk = "invalidInClerk", "invalid rows, in Clerk all the same";
    /// A row that repeats the user ID of an earlier one.
    Repeated = "repeated", "rows that repeat a user ID";
    /// A row whose user ID belongs to a Clerk user who shares nothing with it.
    OtherPerson = "otherPerson", "user IDs that somebody else has in Clerk";
    /// A row whose identifier belongs to a Clerk user without a user ID.
    ExternalIdMissing = "externalIdMissing", "users in Clerk without their user ID";
    /// A row whose identifier belongs to a Clerk user with another user ID.
    ExternalIdOther = "externalIdOther", "users whose address another Clerk user has";
    /// A user whose Clerk ID is not the one that the ledger knows.
    OtherClerkId = "otherClerkId", "users with another Clerk ID than the ledger's";
    /// A Clerk user whom the ledger knows, and whose row is gone.
    Vanished = "vanished", "users in Clerk whose row is gone";
    /// A Clerk user whom neither a row nor the ledger knows.
    WithoutRow = "withoutRow", "Clerk users who never had a row here";
    /// An e-mail address of the row that the Clerk user has not.
    EmailMissing = "emailMissing", "e-mail addresses not in Clerk";
    /// An e-mail address of the Clerk user that the row has not.
    EmailOnlyInClerk = "emailOnlyInClerk", "e-mail addresses only in Clerk";
    /// An e-mail address that counts as verified by the source, and not in Clerk.
    EmailNotVerified = "emailNotVerified", "e-mail addresses not verified in Clerk";
    /// An e-mail address that is verified in Clerk, and not by the source.
    EmailVerifiedOnlyInClerk = "emailVerifiedOnlyInClerk", "e-mail addresses verified only in Clerk";
    /// A phone number of the row that the Clerk user has not.
    PhoneMissing = "phoneMissing", "phone numbers not in Clerk";
    /// A phone number of the Clerk user that the row has not.
    PhoneOnlyInClerk = "phoneOnlyInClerk", "phone numbers only in Clerk";
    /// A phone number that counts as verified by the source, and not in Clerk.
    PhoneNotVerified = "phoneNotVerified", "phone numbers not verified in Clerk";
    /// A phone number that is verified in Clerk, and not by the source.
    PhoneVerifiedOnlyInClerk = "phoneVerifiedOnlyInClerk", "phone numbers verified only in Clerk";
    /// A wallet of the row that the Clerk user has not.
    WalletMissing = "walletMissing", "web3 wallets not in Clerk";
    /// A wallet of the Clerk user that the row has not.
    WalletOnlyInClerk = "walletOnlyInClerk", "web3 wallets only in Clerk";
    /// A username that is not the same.
    Username = "username", "usernames";
    /// A first or last name that is not the same.
    Name = "name", "first and last names";
    /// A password that the row has and the Clerk user has not.
    PasswordMissing = "passwordMissing", "passwords not in Clerk";
    /// A password that the Clerk user has and the row has not.
    PasswordOnlyInClerk = "passwordOnlyInClerk", "passwords only in Clerk";
    /// A date of creation that is not the same.
    CreatedAt = "createdAt", "dates of creation";
    /// A key of metadata that is not in Clerk as the row has it.
    Metadata = "metadata", "metadata";
    /// A ban that is not the same.
    Banned = "banned", "bans";
    /// A row that should bear its Clerk ID, and bears nothing.
    ColumnMissing = "columnMissing", "rows without their Clerk ID";
    /// A row that bears the ID of another Clerk user.
    ColumnWrong = "columnWrong", "rows with another user's Clerk ID";
    /// A row that bears something that no Clerk user has for its ID.
    ColumnDangling = "columnDangling", "rows with an ID of nobody in Clerk";
    /// A user in Clerk whose key no row of the table has.
    ColumnWithoutRow = "columnWithoutRow", "users whose key no row of the table has";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_word_and_a_label_of_its_own() {
        let words: HashSet<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        let labels: HashSet<&str> = Kind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!((words.len(), labels.len()), (Kind::ALL.len(), Kind::ALL.len()));
    }
}
