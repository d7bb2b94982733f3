//! `verify --sign-in EMAIL`: whether a password survived the move, said by Clerk itself.

use serde_json::json;

use super::prompt;
use crate::args::ClerkArgs;
use crate::clerk::PasswordCheck;
use crate::command::{Context, clerk_target};
use crate::exit::{Exit, Failure};
use crate::record::{Identifier, IdentifierKind};

/// Finds the Clerk user, asks for the password, and lets Clerk check it. Neither the address nor the password is shown.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(email: &str, clerk: ClerkArgs, context: &Context) -> Result<Exit, Failure> {
    let clerk = clerk_target::open(clerk, context).await?;
    context.console.note(clerk.describe().join("\n"));
    let identifier = Identifier::new(IdentifierKind::Email, email.trim());
    let Some(user) = context.or_interrupted(clerk.client.user_by_identifier(&identifier)).await?? else {
        let text = "no such user: nobody in this Clerk instance has this e-mail address";
        return Ok(tell(text, "noUser", Exit::Problems, context));
    };
    let known_as = user.external_id.as_ref().map_or(String::new(), |id| format!(", user ID `{id}`"));
    context.console.note(format!("User:     `{}`{known_as}", user.id));
    if !user.has_password {
        return Ok(tell("has no password: the user signs in another way", "noPassword", Exit::Problems, context));
    }
    let password = prompt::password(context).await?;
    let checked = context.or_interrupted(clerk.client.verify_password(&user.id, &password)).await??;
    Ok(match checked {
        PasswordCheck::Right if user.banned => {
            tell("the password is right, and the user is banned in Clerk", "right", Exit::Done, context)
        }
        PasswordCheck::Right => tell("the password is right", "right", Exit::Done, context),
        PasswordCheck::Wrong => tell("the password is wrong", "wrong", Exit::Problems, context),
        PasswordCheck::NoPassword => tell("the user has no password", "noPassword", Exit::Problems, context),
    })
}

fn tell(text: &str, word: &str, exit: Exit, context: &Context) -> Exit {
    context.console.result(text, &json!({ "signIn": word }));
    exit
}
