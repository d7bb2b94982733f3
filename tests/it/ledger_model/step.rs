//! What can happen to a ledger, and histories of it.

use db2clerk::ledger::WriteBack;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::model::{Check, Pull, SourceRow, Who};

/// Users there are at most. Few: they are to meet again and again.
const USERS: Who = 4;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A pull comes and is merged.
    Pull(Pull),
    /// A pull comes, and the process dies before it is merged.
    PullCutShort(Pull),
    /// The process ends, however, and another opens the ledger.
    Crash,
    /// Users are about to be sent.
    Mark(Vec<Who>),
    /// Answers come, in one batch: of each user the ending, and whether an earlier answer was lost.
    Answers(Vec<(Who, Ending, bool)>, bool),
    /// The next run looks up who is in doubt; these are there.
    Settle(Vec<Who>),
    /// A Clerk user is about to be taken over.
    NoteLink(Who),
    /// The IDs of the last pull are to be written back.
    AskWriteBack,
    /// What became of the rows that wait, or of everybody's in Clerk, one after the other.
    Rows(Vec<(WriteBack, bool)>, bool),
    /// Changes are sent; how that ends, one after the other.
    Update(Vec<Sending>),
    /// Users are deleted from Clerk again.
    Undo(Vec<Who>),
    /// Of users in doubt, these turn out to be in Clerk.
    ComeToLight(Vec<Who>),
    /// The column is emptied.
    Clear,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Created,
    Adopted,
    Linked,
    Conflict,
    Rejected,
    PutOff,
    NeverSent,
}

/// How sending a change ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    Sent,
    Refused,
    PutOff,
}

/// A history of a ledger.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Ending::{Adopted, Conflict, Created, Linked, NeverSent, PutOff, Rejected};
    let who = || 0..USERS;
    let some = || proptest::collection::vec(0..USERS, 0..5);
    let ending = prop_oneof![
        3 => Just(Created), 1 => Just(Adopted), 1 => Just(Linked), 1 => Just(Conflict), 1 => Just(Rejected), 1 => Just(PutOff),
        1 => Just(NeverSent)
    ];
    let row = (0..WriteBack::ALL.len(), any::<bool>()).prop_map(|(at, wrote)| (WriteBack::ALL[at], wrote));
    let sending = prop_oneof![2 => Just(Sending::Sent), 1 => Just(Sending::Refused), 1 => Just(Sending::PutOff)];
    let step = prop_oneof![
        6 => pulls().prop_map(Step::Pull),
        1 => pulls().prop_map(Step::PullCutShort),
        2 => Just(Step::Crash),
        6 => some().prop_map(Step::Mark),
        8 => (proptest::collection::vec((who(), ending, any::<bool>()), 1..4), any::<bool>())
            .prop_map(|(answers, write_back)| Step::Answers(answers, write_back)),
        3 => some().prop_map(Step::Settle),
        1 => who().prop_map(Step::NoteLink),
        2 => Just(Step::AskWriteBack),
        4 => (proptest::collection::vec(row, 1..4), any::<bool>())
            .prop_map(|(results, everybody)| Step::Rows(results, everybody)),
        3 => proptest::collection::vec(sending, 1..4).prop_map(Step::Update),
        2 => some().prop_map(Step::Undo),
        2 => some().prop_map(Step::ComeToLight),
        1 => Just(Step::Clear),
    ];
    proptest::collection::vec(step, 1..60)
}

fn pulls() -> impl Strategy<Value = Pull> {
    let check = prop_oneof![6 => Just(Check::Valid), 1 => Just(Check::Invalid), 1 => Just(Check::Skipped)];
    let row = (0..USERS, 0..3_u8, check).prop_map(|(who, mail, check)| SourceRow { who, mail, check });
    let often = || proptest::bool::weighted(0.7);
    (proptest::collection::vec(row, 0..8), often(), any::<bool>(), any::<bool>(), often()).prop_map(
        |(rows, whole, update, recreate, accept_changed_identifiers)| Pull {
            rows,
            whole,
            update,
            recreate,
            accept_changed_identifiers,
        },
    )
}
