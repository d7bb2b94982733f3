use super::*;
use crate::database::{KeyKind, TableName};
use crate::engine::Engine;

/// Works through a batch with what the database would say to each part, and returns the answers.
fn work_with(rows: usize, write: impl FnMut(&Part, &[Item]) -> Result<Vec<Found>, Failure>) -> Vec<Written> {
    let entries: Vec<_> = (0..rows).map(|n| (n, n)).collect();
    work_through(&entries, Mode::Fill, write)
}

/// The same, for keys and Clerk IDs of these numbers.
fn work_through(
    entries: &[(usize, usize)],
    mode: Mode,
    mut write: impl FnMut(&Part, &[Item]) -> Result<Vec<Found>, Failure>,
) -> Vec<Written> {
    let target = Target {
        engine: Engine::Postgres,
        table: TableName { schema: None, table: "t".to_owned() },
        key: "id".to_owned(),
        key_type: "int8".to_owned(),
        key_kind: KeyKind::Integer { min: 0, max: i128::MAX, cast: String::new() },
        column: "clerk_id".to_owned(),
        column_type: Some("text".to_owned()),
        column_longest: None,
        column_unique: true,
        rows: 0,
        filled: 0,
        on_update: Vec::new(),
    };
    let id = |n: usize| ClerkId::new(format!("user_{n}")).expect("a Clerk ID");
    let batch: Vec<_> = entries.iter().map(|(key, n)| (key.to_string(), id(*n))).collect();
    let mut work = Work::new(&target, &batch, mode);
    while let Some(part) = work.next() {
        let result = write(&part, &work.items(&part));
        work.record(part, result).expect("nothing fails as a whole");
    }
    work.finish(written)
}

/// Works through a batch on a database where some rows cannot be had without waiting in vain; returns the answers, and how
/// often it waited.
fn work_among_locks(rows: usize, is_locked: impl Fn(usize) -> bool) -> (Vec<Written>, u32) {
    let mut waits = 0;
    let written = work_with(rows, |part, items| {
        if part.numbers.iter().any(|number| is_locked(*number)) {
            waits += 1;
            return Err(Failure::Lock(WriteError::Busy(String::new())));
        }
        let row = |item: &Item| Found::Row { before: None, after: Some(item.id.to_owned()) };
        Ok(items.iter().map(row).collect())
    });
    (written, waits)
}

#[test]
fn one_locked_row_keeps_no_other_from_being_written() {
    for (rows, most) in [(1000, 11), (10_000, 15)] {
        let (written, waits) = work_among_locks(rows, |n| n == 617);
        for (n, written) in written.iter().enumerate() {
            assert_eq!(*written, if n == 617 { Written::Locked } else { Written::Written }, "{n}");
        }
        assert!(waits <= most, "{waits}");
    }
}

#[test]
fn what_the_quick_way_leaves_is_looked_at_with_care_and_what_it_changed_stays_known() {
    let mut parts = 0;
    let written = work_with(6, |part, items| {
        parts += 1;
        assert_eq!(part.with_care, parts > 1);
        if !part.with_care {
            let changed = |n: usize| Found::Changed { after: Some(format!("user_{n}")) };
            return Ok((0..6).map(|n| if n % 2 == 0 { changed(n) } else { Found::LeftForCare }).collect());
        }
        let right = |item: &Item| {
            let id = Some(item.id.to_owned());
            Found::Row { before: id.clone(), after: id }
        };
        let refused = part.numbers.contains(&3);
        if refused { Err(Failure::Row("no".to_owned())) } else { Ok(items.iter().map(right).collect()) }
    });
    let (new, right, refused) = (Written::Written, Written::AlreadyRight, Written::Refused("no".to_owned()));
    assert_eq!(written, [new.clone(), right.clone(), new.clone(), refused, new, right]);
}

#[test]
fn a_key_that_is_named_again_comes_after_and_never_replaces_what_the_batch_wrote() {
    let mut parts = Vec::new();
    let entries = [(7, 1), (8, 2), (7, 3), (7, 4), (9, 5), (9, 6)];
    let mut table = HashMap::from([("7".to_owned(), "user_0".to_owned())]);
    let written = work_through(&entries, Mode::Replace, |part, items| {
        parts.push((part.numbers.clone(), part.mode));
        let mut change = |item: &Item| {
            let before = table.get(&item.key.text()).cloned();
            let keeps = part.mode == Mode::Fill && before.is_some();
            let after = before.clone().filter(|_| keeps).unwrap_or(item.id.to_owned());
            table.insert(item.key.text(), after.clone());
            Found::Row { before, after: Some(after) }
        };
        Ok(items.iter().map(&mut change).collect())
    });
    assert_eq!(parts, [(vec![0, 1, 4], Mode::Replace), (vec![2, 3, 5], Mode::Fill)]);
    let held = |id: &str| Written::Held(id.to_owned());
    let new = Written::Written;
    assert_eq!(written, [new.clone(), new.clone(), held("user_1"), held("user_1"), new, held("user_5")]);
}

#[test]
fn a_table_that_is_locked_on_the_way_loses_nothing_of_what_is_committed() {
    let busy = || Err(Failure::Whole(WriteError::Busy(String::new())));
    let mut parts = 0;
    let written = work_with(4, |_, items| {
        parts += 1;
        match parts {
            1 => Err(Failure::Row("one of them".to_owned())),
            2 => Ok(vec![Found::Done; items.len()]),
            _ => busy(),
        }
    });
    assert_eq!(parts, 3);
    assert_eq!(written, [Written::Written, Written::Written, Written::Locked, Written::Locked]);
}

#[test]
fn many_locked_rows_do_not_keep_the_batch_waiting_for_ever() {
    let (written, waits) = work_among_locks(1000, |n| n % 10 == 0);
    assert!((0..1000).step_by(10).all(|n| written[n] == Written::Locked));
    assert!(waits <= 2 * HALVINGS_FOR_LOCKS + 1, "{waits}");
}

#[test]
fn what_was_read_before_and_after_tells_what_became_of_a_row() {
    let some = |text: &str| Some(text.to_owned());
    let before = vec![(0, None), (1, some("user_b"))];
    let after = vec![(0, some("user_a")), (1, some("user_b")), (2, None)];
    let found = compare(4, before.clone(), after).expect("all are there");
    let row = |before, after| Found::Row { before, after };
    assert_eq!(found, [row(None, some("user_a")), row(some("user_b"), some("user_b")), Found::Locked, Found::Gone]);
    assert!(matches!(compare(4, before, vec![(0, None)]), Err(Failure::Row(_))), "a key was changed by the write");
}

#[test]
fn an_answer_is_read_from_the_row_and_never_inferred() {
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        (None, some("user_1"), "Written", "Refused"),
        (some("user_1"), some("user_1"), "AlreadyRight", "Refused"),
        (some("user_1  "), some("user_1  "), "AlreadyRight", "Refused"),
        (some("user_2"), some("user_1"), "Written", "Refused"),
        (some("user_2"), some("user_2"), "Held(\"user_2\")", "Held(\"user_2\")"),
        (some("USER_1"), some("USER_1"), "Held(\"USER_1\")", "Held(\"USER_1\")"),
        (None, None, "Refused", "AlreadyEmpty"),
        (some("user_1"), None, "Refused", "Cleared"),
        (some("user_2"), None, "Refused", "AlreadyEmpty"),
    ];
    for (before, after, when_written, when_cleared) in cases {
        let outcome = Outcome::Found(Found::Row { before, after });
        let written = format!("{:?}", written("user_1", outcome.clone()));
        let cleared = format!("{:?}", cleared("user_1", outcome.clone()));
        assert!(written.starts_with(when_written), "{outcome:?}: {written}");
        assert!(cleared.starts_with(when_cleared), "{outcome:?}: {cleared}");
    }
    let changed = [
        (some("user_1"), "Written", "Refused"),
        (some("user_1 "), "Written", "Refused"),
        (some("user_2"), "Held(\"user_2\")", "Held(\"user_2\")"),
        (None, "Refused", "Cleared"),
    ];
    for (after, when_written, when_cleared) in changed {
        let outcome = Outcome::Found(Found::Changed { after });
        let written = format!("{:?}", written("user_1", outcome.clone()));
        let cleared = format!("{:?}", cleared("user_1", outcome.clone()));
        assert!(written.starts_with(when_written), "{outcome:?}: {written}");
        assert!(cleared.starts_with(when_cleared), "{outcome:?}: {cleared}");
    }
}
