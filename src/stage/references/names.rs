//! What a column's name says: whether it may refer to users, and what a column for their Clerk IDs beside it is called.

/// Returns whether a column is named as columns that refer to users are. Where any value can be told for a user ID (they are no
/// plain numbers), a name that says that it refers to something is enough: the values tell the rest.
#[must_use]
pub fn may_refer(column: &str, users_table: &str, values_tell: bool) -> bool {
    let words = words(column);
    let folded = words.concat();
    names_the_table(column, users_table)
        || words.len() > 1 && words.last().is_some_and(|last| last == "by")
        || words.iter().any(|word| ROLES.contains(&word.as_str()))
        || ROLES.iter().any(|role| folded == format!("{role}id"))
        || values_tell && folded.len() > 2 && (folded.ends_with("id") || folded.ends_with("ref"))
}

/// Returns whether a column's name contains the users table's: `userId` for `users`, `account_ref` for `Account`.
#[must_use]
pub fn names_the_table(column: &str, users_table: &str) -> bool {
    let table = words(users_table).concat();
    let stem = table.strip_suffix("ies").or_else(|| table.strip_suffix('s')).unwrap_or(&table);
    let folded = words(column).concat();
    stem.len() > 2 && folded.contains(stem) || folded.contains("user")
}

/// What people are to the things that refer to them.
const ROLES: [&str; 40] = [
    "actor",
    "admin",
    "agent",
    "approver",
    "assignee",
    "author",
    "buyer",
    "client",
    "coach",
    "contact",
    "creator",
    "customer",
    "driver",
    "editor",
    "employee",
    "follower",
    "followee",
    "guest",
    "host",
    "invitee",
    "inviter",
    "manager",
    "member",
    "mentor",
    "moderator",
    "operator",
    "owner",
    "participant",
    "patient",
    "person",
    "recipient",
    "receiver",
    "reporter",
    "reviewer",
    "seller",
    "sender",
    "student",
    "subscriber",
    "teacher",
    "uploader",
];

/// Names the column for Clerk IDs beside a column that refers to users, as its neighbour is named: `author_id` gets
/// `author_clerk_id`, `authorId` `authorClerkId`, anything else `<column>_clerk_id`.
#[must_use]
pub fn beside(column: &str) -> String {
    if let Some(stem) = column.strip_suffix("_id") {
        format!("{stem}_clerk_id")
    } else if let Some(stem) = column.strip_suffix("_ID") {
        format!("{stem}_CLERK_ID")
    } else if let Some(stem) = column.strip_suffix("Id").filter(|stem| !stem.is_empty()) {
        let first = if stem.starts_with(char::is_uppercase) || stem.chars().any(char::is_lowercase) {
            "Clerk"
        } else {
            "_clerk"
        };
        format!("{stem}{first}Id")
    } else {
        format!("{column}_clerk_id")
    }
}

/// Takes a name apart at `_`, `-`, spaces, and where a capital begins a word.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let parts = !letter.is_alphanumeric();
        if parts || letter.is_uppercase() && before.is_lowercase() {
            words.push(String::new());
        }
        if let (false, Some(word)) = (parts, words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_for_clerk_ids_is_named_as_its_neighbour_is() {
        for (column, expected) in [
            ("author_id", "author_clerk_id"),
            ("authorId", "authorClerkId"),
            ("AuthorId", "AuthorClerkId"),
            ("AUTHOR_ID", "AUTHOR_CLERK_ID"),
            ("userid", "userid_clerk_id"),
            ("created_by", "created_by_clerk_id"),
            ("createdBy", "createdBy_clerk_id"),
            ("user", "user_clerk_id"),
            ("Id", "Id_clerk_id"),
            ("_id", "_clerk_id"),
            ("x\"; DROP TABLE y; --", "x\"; DROP TABLE y; --_clerk_id"),
            ("🦀Id", "🦀_clerkId"),
            ("", "_clerk_id"),
        ] {
            assert_eq!(beside(column), expected, "{column}");
        }
    }

    #[test]
    fn names_that_may_refer_to_users_are_told_from_others() {
        for (column, table, values_tell, expected) in [
            ("userId", "users", false, true),
            ("user_id", "User", false, true),
            ("userid", "users", false, true),
            ("account_ref", "Account", false, true),
            ("created_by", "users", false, true),
            ("updatedBy", "users", false, true),
            ("authorId", "users", false, true),
            ("ownerid", "users", false, true),
            ("owner", "users", false, true),
            ("category_id", "categories", false, true),
            ("order_id", "users", false, false),
            ("order_id", "users", true, true),
            ("id", "users", true, false),
            ("by", "users", false, false),
            ("email", "users", true, false),
            ("title", "users", true, false),
        ] {
            assert_eq!(may_refer(column, table, values_tell), expected, "{column} of {table}");
        }
    }
}
