//! The steps, played: each on the ledger and on the model, and what the ledger gives out compared with what the model knows.

use std::collections::{BTreeMap, BTreeSet};

use db2clerk::ledger::{
    Answer, Batch, Belonging, CameToLight, Extent, Failure, Ledger, LedgerError, Outcome, RowResult, Source, Staged,
    State, Terms, UpdateEnd, Updated, WriteBack,
};
use db2clerk::record::{ClerkId, ImportUser, Reason, UserId};
use proptest::prelude::prop_assert_eq;
use proptest::test_runner::TestCaseError;

use super::fail;
use super::model::{Check, Model, Pull, SourceRow, User, Who};
use super::step::{Ending, Sending, Step};

/// More than any page holds.
const ALL: u32 = 100;

impl Step {
    /// Lets it happen to both.
    pub(super) async fn play(&self, ledger: &Ledger, model: &mut Model) -> Result<(), TestCaseError> {
        let ids = ids(ledger).await;
        let known = |list: &[Who]| -> Vec<Who> { list.iter().copied().filter(|who| ids.contains_key(who)).collect() };
        match self {
            Self::Crash => Ok(()),
            Self::Pull(pull) => merge(ledger, model, pull).await,
            Self::PullCutShort(pull) => stage(ledger, pull).await,
            Self::Mark(list) => mark(ledger, model, &known(list), &ids).await,
            Self::Answers(answers, write_back) => record(ledger, model, answers, *write_back, &ids).await,
            Self::Settle(found) => settle(ledger, model, found).await,
            Self::NoteLink(who) => note_link(ledger, model, *who, &ids).await,
            Self::AskWriteBack => ask_write_back(ledger, model).await,
            Self::Rows(results, everybody) => write_back(ledger, model, results, *everybody, &ids).await,
            Self::Update(sendings) => update(ledger, model, sendings, &ids).await,
            Self::Undo(list) => undo(ledger, model, &known(list), &ids).await,
            Self::ComeToLight(list) => come_to_light(ledger, model, list).await,
            Self::Clear => clear(ledger, model, &ids).await,
        }
    }
}

/// Makes the ledger somebody's: the key of its hashes is kept from then on.
pub(super) async fn claim(ledger: &Ledger) {
    let source = Source { name: "postgres db:5432/app".to_owned(), table: None };
    let belonging = Belonging { instance_id: "ins_1".to_owned(), production: true, source };
    ledger.claim(&belonging).await.expect("claimed");
}

type Ids = BTreeMap<Who, i64>;

async fn ids(ledger: &Ledger) -> Ids {
    super::look(ledger.path()).await.into_iter().map(|(who, (id, _))| (who, id)).collect()
}

/// The users of some entries.
fn whose(entries: impl IntoIterator<Item = i64>, ids: &Ids) -> BTreeSet<Who> {
    let entries: BTreeSet<i64> = entries.into_iter().collect();
    ids.iter().filter(|(_, id)| entries.contains(id)).map(|(who, _)| *who).collect()
}

fn number(user_id: &UserId) -> Who {
    user_id.as_str().parse().expect("a number")
}

async fn stage(ledger: &Ledger, pull: &Pull) -> Result<(), TestCaseError> {
    ledger.begin_pull().await.map_err(fail)?;
    let rows: Vec<Staged> = pull.rows.iter().map(staged).collect();
    ledger.stage(Batch::of(1, &rows, &ledger.hash_key())).await.map_err(fail)
}

fn staged(row: &SourceRow) -> Staged {
    let user_id = UserId::new(row.who.to_string()).expect("a user ID");
    if row.check == Check::Valid {
        let mut user = ImportUser::new(user_id);
        user.email = Some(format!("u{}.{}@example.com", row.who, row.mail));
        return Staged::Valid { user: Box::new(user), email_basis: "stated" };
    }
    let reasons = vec![Reason::new("email", "email_invalid", "is no e-mail address")];
    Staged::Invalid { user_id: Some(user_id), reasons, skipped: row.check == Check::Skipped }
}

async fn merge(ledger: &Ledger, model: &mut Model, pull: &Pull) -> Result<(), TestCaseError> {
    stage(ledger, pull).await?;
    let terms = Terms {
        extent: if pull.whole { Extent::Whole } else { Extent::Part },
        accept_changed_identifiers: pull.accept_changed_identifiers,
        update: pull.update,
        recreate: pull.recreate,
        offered: None,
    };
    let merged = ledger.merge(&terms).await;
    if model.merge(pull) {
        merged.map(drop).map_err(fail)
    } else {
        let refused = matches!(merged, Err(LedgerError::OtherPeople { .. }));
        prop_assert_eq!(refused, true, "other people are refused");
        Ok(())
    }
}

async fn mark(ledger: &Ledger, model: &mut Model, list: &[Who], ids: &Ids) -> Result<(), TestCaseError> {
    let page = ledger.pending(0, ALL).await.map_err(fail)?;
    let pending: BTreeSet<Who> = page.iter().map(|entry| number(&entry.user.user_id)).collect();
    prop_assert_eq!(pending, model.which(|user| user.shown.state == State::Pending && user.shown.wanted));
    for entry in page {
        let user = &model.users[&number(&entry.user.user_id)].shown;
        prop_assert_eq!(entry.in_doubt, user.in_doubt);
        prop_assert_eq!(entry.link_to.map(|id| id.to_string()), user.link_to.clone());
    }
    let marked: Vec<i64> = list.iter().map(|who| ids[who]).collect();
    ledger.mark_sending(&marked).await.map_err(fail)?;
    for (_, user) in model.users.iter_mut().filter(|(who, _)| list.contains(who)) {
        if user.shown.state == State::Pending {
            user.shown.state = State::Sending;
        }
    }
    Ok(())
}

fn outcome(who: Who, ending: Ending) -> Outcome {
    let failure = Failure { reason: Reason::new("", "code", "message"), trace_id: None };
    match ending {
        Ending::Created => Outcome::Created(clerk_id(who, "made")),
        Ending::Adopted => Outcome::Adopted(clerk_id(who, "there")),
        Ending::Linked => Outcome::Linked(clerk_id(who, "linked")),
        Ending::Conflict => Outcome::Conflict(failure),
        Ending::Rejected => Outcome::Rejected(failure),
        Ending::PutOff => Outcome::Pending(Some(failure)),
        Ending::NeverSent => Outcome::Pending(None),
    }
}

fn clerk_id(who: Who, how: &str) -> ClerkId {
    ClerkId::new(format!("user_{who}{how}")).expect("a Clerk ID")
}

/// Takes one answer over into the model; false, if it cannot follow.
fn take(model: &mut Model, who: Who, answer: &Answer, write_back: bool) -> bool {
    let Some(user) = model.users.get_mut(&who) else { return false };
    let Some(state) = user.shown.state.after(answer.outcome.event()) else { return false };
    let shown = &mut user.shown;
    shown.state = state;
    shown.clerk_id = match &answer.outcome {
        Outcome::Created(id) | Outcome::Adopted(id) | Outcome::Linked(id) => Some(id.to_string()),
        _ => None,
    };
    shown.linked = matches!(answer.outcome, Outcome::Linked(_));
    shown.attempts += answer.requests;
    shown.in_doubt |= answer.in_doubt;
    shown.has_payload = state == State::Pending;
    if write_back && shown.clerk_id.is_some() {
        shown.write_back = WriteBack::Waiting.word();
    }
    true
}

async fn record(
    ledger: &Ledger,
    model: &mut Model,
    answers: &[(Who, Ending, bool)],
    write_back: bool,
    ids: &Ids,
) -> Result<(), TestCaseError> {
    let answers: Vec<(Who, Answer)> = answers
        .iter()
        .filter_map(|(who, ending, in_doubt)| {
            let requests = u32::from(*ending != Ending::NeverSent);
            let (id, outcome) = (*ids.get(who)?, outcome(*who, *ending));
            Some((*who, Answer { id, requests, in_doubt: *in_doubt, outcome, password_at: None }))
        })
        .collect();
    let mut after = model.clone();
    let possible = answers.iter().all(|(who, answer)| take(&mut after, *who, answer, write_back));
    let batch: Vec<Answer> = answers.into_iter().map(|(_, answer)| answer).collect();
    let recorded = ledger.record(&batch, write_back).await;
    prop_assert_eq!(recorded.is_ok(), possible, "{:?}", recorded);
    if possible {
        *model = after;
    }
    Ok(())
}

async fn settle(ledger: &Ledger, model: &mut Model, found: &[Who]) -> Result<(), TestCaseError> {
    let page = ledger.in_doubt(ALL).await.map_err(fail)?;
    let sending: BTreeSet<Who> = page.iter().map(|entry| number(&entry.user.user_id)).collect();
    prop_assert_eq!(sending, model.which(|user| user.shown.state == State::Sending), "nobody in doubt is overlooked");
    let mut batch = Vec::new();
    for entry in page {
        let who = number(&entry.user.user_id);
        let ending = match (found.contains(&who), entry.link_to.is_some()) {
            (false, _) => Ending::NeverSent,
            (true, false) => Ending::Created,
            (true, true) => Ending::Linked,
        };
        let answer =
            Answer { id: entry.id, requests: 0, in_doubt: true, outcome: outcome(who, ending), password_at: None };
        prop_assert_eq!(take(model, who, &answer, true), true);
        batch.push(answer);
    }
    ledger.record(&batch, true).await.map_err(fail)
}

async fn note_link(ledger: &Ledger, model: &mut Model, who: Who, ids: &Ids) -> Result<(), TestCaseError> {
    let Some(user) = model.users.get_mut(&who).filter(|user| user.shown.state == State::Sending) else { return Ok(()) };
    let clerk_id = clerk_id(who, "linked");
    user.shown.link_to = Some(clerk_id.to_string());
    ledger.note_link(ids[&who], &clerk_id).await.map_err(fail)
}

async fn ask_write_back(ledger: &Ledger, model: &mut Model) -> Result<(), TestCaseError> {
    for user in model.users.values_mut().filter(|user| user.is_in_clerk()) {
        let shown = &mut user.shown;
        if shown.wanted && shown.write_back != WriteBack::Written.word() {
            (shown.write_back, shown.told) = (WriteBack::Waiting.word(), false);
        }
    }
    ledger.ask_write_back().await.map_err(fail)
}

async fn write_back(
    ledger: &Ledger,
    model: &mut Model,
    results: &[(WriteBack, bool)],
    everybody: bool,
    ids: &Ids,
) -> Result<(), TestCaseError> {
    let waiting = ledger.waiting(0, ALL).await.map_err(fail)?;
    let waits = |told| {
        model.which(|user| {
            let shown = &user.shown;
            shown.write_back == WriteBack::Waiting.word() && shown.wanted && shown.told == told
        })
    };
    prop_assert_eq!(whose(waiting.iter().map(|row| row.id), ids), waits(false));
    let again = ledger.waiting_again(0, ALL).await.map_err(fail)?;
    prop_assert_eq!(whose(again.iter().map(|row| row.id), ids), waits(true));
    let in_clerk = ledger.in_clerk(0, ALL).await.map_err(fail)?;
    prop_assert_eq!(whose(in_clerk.iter().map(|row| row.id), ids), model.which(User::is_in_clerk));
    let rows = if everybody { in_clerk } else { waiting.into_iter().chain(again).collect() };
    let mut recorded = Vec::new();
    for (row, (state, wrote)) in rows.into_iter().zip(results) {
        let who: Who = row.row_key.parse().expect("a number");
        let user = &mut model.users.get_mut(&who).expect("a known user").shown;
        prop_assert_eq!(Some(row.clerk_id.to_string()), user.clerk_id.clone(), "no ID goes to a wrong row");
        let told = !matches!(state, WriteBack::Written | WriteBack::None);
        (user.write_back, user.told, user.wrote) = (state.word(), told, user.wrote || *wrote);
        user.wanted |= *state == WriteBack::Waiting;
        recorded.push(RowResult { id: row.id, state: *state, detail: told.then(|| "why".to_owned()), wrote: *wrote });
    }
    ledger.record_write_back(&recorded).await.map_err(fail)
}

async fn update(ledger: &Ledger, model: &mut Model, sendings: &[Sending], ids: &Ids) -> Result<(), TestCaseError> {
    let changes = ledger.changes_to_send(0, ALL).await.map_err(fail)?;
    let expected = model.which(User::has_change_to_send);
    prop_assert_eq!(ledger.count_changes_to_send().await.map_err(fail)?, expected.len() as u64);
    prop_assert_eq!(whose(changes.iter().map(|change| change.id), ids), expected);
    let mut updates = Vec::new();
    for (change, sending) in changes.into_iter().zip(sendings) {
        let user = model.users.get_mut(&number(&change.user.user_id)).expect("a known user");
        let failure = Failure { reason: Reason::new("", "code", "message"), trace_id: None };
        let (mut sent, mut added) = (Vec::new(), Vec::new());
        let end = match sending {
            Sending::Sent => {
                user.sent_change();
                (sent, added) = (change.parts.clone(), change.user.identifiers());
                UpdateEnd::Sent(Vec::new())
            }
            Sending::Refused => {
                user.refused_change();
                UpdateEnd::Refused(failure)
            }
            Sending::PutOff => UpdateEnd::PutOff(Some(failure)),
        };
        updates.push(Updated { id: change.id, sent, added, removed: Vec::new(), end });
    }
    ledger.record_updates(&updates).await.map_err(fail)
}

async fn undo(ledger: &Ledger, model: &mut Model, list: &[Who], ids: &Ids) -> Result<(), TestCaseError> {
    let mut undoable = BTreeSet::new();
    for user in
        ledger.created(0, ALL).await.map_err(fail)?.into_iter().chain(ledger.linked(0, ALL).await.map_err(fail)?)
    {
        undoable.insert(number(&user.user_id));
    }
    let ours = model
        .which(|user| user.shown.state == State::Created || user.shown.state == State::Adopted && user.shown.linked);
    prop_assert_eq!(&undoable, &ours, "what we made or took over, and nobody else");
    let undone: Vec<i64> = list.iter().map(|who| ids[who]).collect();
    ledger.record_undone(&undone).await.map_err(fail)?;
    for who in list.iter().collect::<BTreeSet<_>>() {
        if ours.contains(who) {
            model.users.get_mut(who).expect("a known user").undo();
        }
    }
    Ok(())
}

async fn come_to_light(ledger: &Ledger, model: &mut Model, list: &[Who]) -> Result<(), TestCaseError> {
    let doubtful = ledger.doubtful(0, ALL).await.map_err(fail)?;
    let found: BTreeSet<Who> = doubtful.iter().map(|user| number(&user.user_id)).collect();
    let expected = |user: &User| (user.shown.in_doubt || user.shown.link_to.is_some()) && user.shown.clerk_id.is_none();
    prop_assert_eq!(found, model.which(expected));
    let mut came = Vec::new();
    for user in doubtful.into_iter().filter(|user| list.contains(&number(&user.user_id))) {
        let who = number(&user.user_id);
        let linked = user.link_to.is_some();
        let shown = &mut model.users.get_mut(&who).expect("a known user").shown;
        let clerk_id = clerk_id(who, if linked { "linked" } else { "made" });
        shown.state = if linked { State::Adopted } else { State::Created };
        (shown.linked, shown.clerk_id) = (linked, Some(clerk_id.to_string()));
        (shown.has_payload, shown.skipped) = (false, false);
        came.push(CameToLight { id: user.id, clerk_id, linked });
    }
    ledger.record_come_to_light(&came).await.map_err(fail)
}

async fn clear(ledger: &Ledger, model: &mut Model, ids: &Ids) -> Result<(), TestCaseError> {
    let written = ledger.written_ids(0, ALL).await.map_err(fail)?;
    let expected = model.which(|user| {
        let shown = &user.shown;
        shown.state == State::Deleted || shown.state == State::Adopted && shown.wrote
    });
    let entries: Vec<i64> = written.iter().map(|row| row.id).collect();
    prop_assert_eq!(whose(entries.iter().copied(), ids), expected.clone());
    for who in &expected {
        let shown = &mut model.users.get_mut(who).expect("a known user").shown;
        (shown.write_back, shown.told, shown.wrote) = (WriteBack::None.word(), false, false);
    }
    ledger.record_cleared(&entries).await.map_err(fail)
}
