//! What no row of the source speaks of: the other users of Clerk, and the other users of the ledger.

use anyhow::Result;

use super::difference::{Difference, Kind};
use super::{Findings, showable};
use crate::ledger::{Ledger, Misplaced, WithoutRow};

/// Users read from the ledger in one go.
const PAGE: u32 = 500;

/// Tells of Clerk users without a row, and of users of the ledger without a row who are not in Clerk where they should be. All
/// rows must have been compared before.
///
/// # Errors
/// If the temporary ledger cannot be read, or a difference cannot be told.
pub async fn compare_rest(ledger: &Ledger, findings: &mut Findings<'_>) -> Result<()> {
    let mut after = None;
    loop {
        let page = ledger.without_row(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.user.clerk_id.clone());
        page.into_iter().try_for_each(|user| findings.add(&without_row(user)))?;
    }
    let mut after = 0;
    loop {
        let page = ledger.misplaced(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        page.into_iter().try_for_each(|user| findings.add(&misplaced(user)))?;
    }
}

fn without_row(WithoutRow { user, remembered }: WithoutRow) -> Difference {
    let message = match (remembered, &user.external_id) {
        (true, _) => "in Clerk by the ledger, and the source has no row of this user ID any more",
        (false, None) => "has no user ID (`external_id`): signed up in Clerk itself, or made there by hand",
        (false, Some(_)) => {
            "has a user ID that neither a row nor the ledger has: of another application, or its row was deleted"
        }
    };
    Difference {
        user_id: user.external_id.as_deref().and_then(|id| if remembered { Some(id.to_owned()) } else { showable(id) }),
        clerk_id: Some(user.clerk_id),
        kind: if remembered { Kind::Vanished } else { Kind::WithoutRow },
        field: String::new(),
        message: message.to_owned(),
    }
}

fn misplaced(user: Misplaced) -> Difference {
    let (kind, clerk_id, message) = if let Some(instead) = user.instead {
        let message = format!("the ledger says `{}`, and the user ID is this Clerk user's", user.clerk_id);
        (Kind::OtherClerkId, instead, message)
    } else {
        let message =
            "in Clerk by the ledger, and no Clerk user has the user ID any more; the source has no row of it either";
        (Kind::Lost, user.clerk_id, message.to_owned())
    };
    Difference { user_id: Some(user.user_id), clerk_id: Some(clerk_id), kind, field: "userId".to_owned(), message }
}
