//! The states of users under any order of events: by themselves, and in a ledger beside a model of it.

mod model;
mod play;
mod step;

use std::collections::BTreeMap;
use std::path::Path;

use db2clerk::ledger::entry::Event;
use db2clerk::ledger::{Ledger, State, WriteBack};
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sqlx::{ConnectOptions, Connection, Row};

use self::model::{Model, Shown, User, Who};
use self::step::{Step, steps};
use crate::ledger::open_released;

const EVENTS: [Event; 13] = [
    Event::Pulled,
    Event::Refused,
    Event::Missed,
    Event::Handed,
    Event::Released,
    Event::Made,
    Event::Found,
    Event::Blocked,
    Event::Declined,
    Event::Undone,
    Event::Unlinked,
    Event::Recalled,
    Event::CameToLight,
];

fn runner(cases: u32) -> TestRunner {
    // A number of cases from outside wins: PROPTEST_CASES=10000 is for a night.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { cases };
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec((0..EVENTS.len()).prop_map(|at| EVENTS[at]), 0..60)
}

/// What was done to a user so far.
#[derive(Debug, Default)]
struct History {
    made: u32,
    adopted: u32,
    recalled: u32,
    handed: bool,
}

impl History {
    fn note(&mut self, before: State, event: Event) {
        match event {
            Event::Made | Event::CameToLight => self.made += 1,
            Event::Found => self.adopted += 1,
            Event::Recalled => self.recalled += 1,
            _ => {}
        }
        self.handed = match event {
            Event::Handed => true,
            // What the source says of a user on its way changes nothing.
            Event::Pulled | Event::Refused | Event::Missed => self.handed && before == State::Sending,
            _ => false,
        };
    }
}

#[test]
fn no_order_of_events_makes_a_user_twice_or_takes_away_what_is_not_ours() {
    let checked = runner(2000).run(&(first(), events()), |(mut state, events)| {
        let mut history = History::default();
        for event in events {
            let Some(next) = state.after(event) else { continue };
            history.note(state, event);
            let in_clerk = |state| matches!(state, State::Created | State::Adopted);
            if in_clerk(next) && !in_clerk(state) {
                let ours = matches!(event, Event::Made | Event::CameToLight);
                prop_assert_eq!(next, if ours { State::Created } else { State::Adopted });
            }
            if in_clerk(state) && next != state {
                let undone = if state == State::Created { Event::Undone } else { Event::Unlinked };
                prop_assert_eq!((event, next), (undone, State::Deleted), "only undo takes out of Clerk");
            }
            prop_assert_eq!(next == State::Sending, history.handed, "after {:?}", event);
            prop_assert!(history.made + history.adopted <= 1 + history.recalled, "{:?}", history);
            state = next;
        }
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}

/// The states in which a user enters the ledger.
fn first() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Pending), Just(State::Invalid)]
}

#[test]
fn a_pull_said_twice_is_a_pull_said_once() {
    for state in State::ALL {
        for event in [Event::Pulled, Event::Refused, Event::Missed] {
            let once = state.after(event).expect("a source may say anything of anybody");
            assert_eq!(once.after(event), Some(once), "{state} after {event:?}");
        }
    }
}

#[test]
fn the_ledger_does_what_its_model_does_whatever_happens_and_wherever_it_dies() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let played = runner(48).run(&steps(), |steps| runtime.block_on(play(steps)));
    played.unwrap_or_else(|error| panic!("{error}"));
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let mut model = Model::default();
    let mut ledger = Ledger::open(&path).await.map_err(fail)?;
    play::claim(&ledger).await;
    for step in steps {
        if matches!(step, Step::Crash) {
            drop(ledger);
            ledger = open_released(&path).await.map_err(fail)?;
        }
        step.play(&ledger, &mut model).await?;
        let shown: BTreeMap<Who, Shown> = look(&path).await.into_iter().map(|(who, (_, shown))| (who, shown)).collect();
        let expected: BTreeMap<Who, Shown> = model.users.iter().map(|(who, user)| (*who, user.shown())).collect();
        prop_assert_eq!(shown, expected, "after {:?}", step);
        check(&ledger, &model).await?;
    }
    Ok(())
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// What the ledger tells of itself agrees with what stands in it, and nothing of that is illegal.
async fn check(ledger: &Ledger, model: &Model) -> Result<(), TestCaseError> {
    let counts = ledger.counts().await.map_err(fail)?;
    for state in State::ALL {
        let nameless = if state == State::Invalid { model.nameless } else { 0 };
        let users = model.which(|user| user.shown.state == state && !user.shown.skipped);
        prop_assert_eq!(counts.of(state), users.len() as u64 + nameless, "{}", state);
    }
    let is_to_send = |user: &User| matches!(user.shown.state, State::Pending | State::Sending);
    let to_send = model.which(|user| is_to_send(user) && user.shown.wanted);
    prop_assert_eq!(ledger.count_to_send().await.map_err(fail)?, to_send.len() as u64);
    for user in model.users.values() {
        let shown = user.shown();
        prop_assert_eq!(shown.has_payload, is_to_send(user), "a digest where none belongs, or none: {:?}", shown);
        prop_assert!(shown.change.is_none() || user.is_in_clerk(), "a change of nobody in Clerk: {:?}", shown);
        let bears = shown.clerk_id.is_some();
        prop_assert_eq!(bears, user.is_in_clerk() || shown.state == State::Deleted, "{:?}", shown);
        prop_assert!(!shown.skipped || shown.state == State::Invalid, "{:?}", shown);
    }
    Ok(())
}

/// Reads every user from the file itself, past the ledger.
async fn look(path: &Path) -> BTreeMap<Who, (i64, Shown)> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await.expect("a second connection");
    let rows = sqlx::query(
        "SELECT user_id, id, state, wanted, in_doubt, clerk_id, EXISTS (SELECT 1 FROM payload WHERE payload.user = user.id), skipped, vanished, linked, link_to, write_back,
             write_back_detail IS NOT NULL, wrote, attempts,
             (SELECT COUNT(*) FROM identifier WHERE identifier.user = user.id),
             (SELECT payload IS NOT NULL FROM change WHERE change.user = user.id)
         FROM user WHERE user_id IS NOT NULL",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the users");
    connection.close().await.expect("closed");
    let user = |row: &sqlx::sqlite::SqliteRow| {
        let write_back: String = row.get(11);
        let shown = Shown {
            state: State::from_word(row.get(2)).expect("a known state"),
            wanted: row.get(3),
            in_doubt: row.get(4),
            clerk_id: row.get(5),
            has_payload: row.get(6),
            skipped: row.get(7),
            vanished: row.get(8),
            linked: row.get(9),
            link_to: row.get(10),
            write_back: WriteBack::ALL
                .map(WriteBack::word)
                .into_iter()
                .find(|word| *word == write_back)
                .expect("known"),
            told: row.get(12),
            wrote: row.get(13),
            attempts: row.get(14),
            mails: usize::try_from(row.get::<i64, _>(15)).expect("a count"),
            change: row.get(16),
        };
        (row.get::<String, _>(0).parse().expect("a number"), (row.get(1), shown))
    };
    rows.iter().map(user).collect()
}
