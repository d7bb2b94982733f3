//! The ledger by itself: what a pull changes, what a crash leaves, who may open it, what stays in its files.

use std::path::Path;
use std::time::{Duration, Instant};

use db2clerk::ledger::{Answer, Batch, Belonging, Extent, Ledger, LedgerError, Outcome, Source, Staged, State, Terms};
use db2clerk::record::{ClerkId, ImportUser, Reason, UserId};
use db2clerk::secret::Secret;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

fn id(text: &str) -> UserId {
    UserId::new(text).expect("a user ID")
}

fn valid(user_id: &str, email: &str) -> Staged {
    let mut user = ImportUser::new(id(user_id));
    user.email = Some(email.to_owned());
    Staged::Valid { user: Box::new(user), email_basis: "stated" }
}

fn invalid(user_id: &str) -> Staged {
    let reasons = vec![Reason::new("email", "email_invalid", "is no e-mail address")];
    Staged::Invalid { user_id: Some(id(user_id)), reasons, skipped: false }
}

async fn pull(ledger: &Ledger, extent: Extent, users: &[Staged]) {
    ledger.begin_pull().await.expect("a pull begins");
    ledger.stage(Batch::of(1, users, &ledger.hash_key())).await.expect("users are staged");
    ledger.merge(&Terms::of(extent)).await.expect("the pull is merged");
}

fn answer(id: i64, outcome: Outcome) -> Answer {
    Answer { id, requests: 1, in_doubt: false, outcome, password_at: None }
}

/// Ends the first pending user's attempt.
async fn finish(ledger: &Ledger, outcome: Outcome) {
    let entry = ledger.pending(0, 1).await.expect("the ledger is read").remove(0);
    ledger.mark_sending(&[entry.id]).await.expect("marked");
    ledger.record(&[answer(entry.id, outcome)], false).await.expect("recorded");
}

fn clerk_id(text: &str) -> ClerkId {
    ClerkId::new(text).expect("a Clerk ID")
}

async fn states(ledger: &Ledger) -> String {
    let counts = ledger.counts().await.expect("counts");
    let shown = State::ALL.into_iter().filter(|state| counts.of(*state) > 0);
    shown.map(|state| format!("{state} {}", counts.of(state))).collect::<Vec<_>>().join(", ")
}

/// Opens a ledger that was held until a moment ago. A test beside this one that starts a process just now lends it our lock, until
/// that process is a program of its own.
pub(crate) async fn open_released(path: &Path) -> Result<Ledger, LedgerError> {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        match Ledger::open(path).await {
            Err(LedgerError::InUse(_)) if Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            opened => return opened,
        }
    }
}

async fn new_ledger() -> Ledger {
    Ledger::temporary(None).await.expect("a temporary ledger")
}

#[tokio::test]
async fn a_whole_pull_adds_refreshes_and_marks_what_is_gone() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("2", "b@example.com"), invalid("3")]).await;
    assert_eq!(states(&ledger).await, "pending 2, invalid 1");
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("3", "c@example.com")]).await;
    assert_eq!(states(&ledger).await, "pending 2, gone 1");
    pull(
        &ledger,
        Extent::Whole,
        &[valid("1", "a@example.com"), valid("2", "b@example.com"), valid("3", "c@example.com")],
    )
    .await;
    assert_eq!(states(&ledger).await, "pending 3");
}

#[tokio::test]
async fn a_few_users_first_and_then_all_of_them_are_kept_as_if_they_had_come_at_once() {
    let mut all: Vec<Staged> = (1..=9).map(|n| valid(&n.to_string(), &format!("u{n}@example.com"))).collect();
    all.extend([valid("10", "u1@example.com"), valid("3", "again@example.com"), invalid("11")]);
    let (at_once, bit_by_bit) = (new_ledger().await, new_ledger().await);
    pull(&at_once, Extent::Whole, &all).await;
    for so_far in [2, 5, all.len()] {
        let extent = if so_far == all.len() { Extent::Whole } else { Extent::Part };
        pull(&bit_by_bit, extent, &all[..so_far]).await;
    }
    assert_eq!(states(&at_once).await, "pending 9, invalid 3");
    assert_eq!(kept(&at_once).await, kept(&bit_by_bit).await);
}

/// All that a ledger keeps of its users, but for the hashes, which are its own; and its schema, found in order.
async fn kept(ledger: &Ledger) -> Vec<(String, String, String)> {
    let mut connection = SqliteConnectOptions::new().filename(ledger.path()).connect().await.expect("opened");
    let checked: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("a check");
    assert_eq!(checked, "ok");
    sqlx::query_as(
        "SELECT COALESCE(user_id, ''), state || ' ' || COALESCE(text, ''), COALESCE((SELECT group_concat(kind) FROM identifier WHERE user = user.id), '')
         FROM user LEFT JOIN payload ON payload.user = user.id
         UNION ALL SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL
         ORDER BY 1, 2",
    )
    .fetch_all(&mut connection)
    .await
    .expect("what is kept")
}

#[tokio::test]
async fn a_part_of_the_source_says_nothing_of_the_others() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("2", "b@example.com")]).await;
    pull(&ledger, Extent::Part, &[valid("1", "a@example.com")]).await;
    assert_eq!(states(&ledger).await, "pending 2");
    assert_eq!(ledger.count_to_send().await.expect("a count"), 1, "and a run on that part sends nobody else");
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("2", "b@example.com")]).await;
    assert_eq!(ledger.count_to_send().await.expect("a count"), 2);
}

#[tokio::test]
async fn who_is_in_clerk_is_left_alone_and_who_was_refused_is_tried_again() {
    let ledger = new_ledger().await;
    let users = [valid("1", "a@example.com"), valid("2", "b@example.com"), valid("3", "c@example.com")];
    pull(&ledger, Extent::Whole, &users).await;
    finish(&ledger, Outcome::Created(clerk_id("user_1"))).await;
    let refused = db2clerk::ledger::Failure { reason: Reason::new("", "x", "y"), trace_id: None };
    finish(&ledger, Outcome::Rejected(refused.clone())).await;
    finish(&ledger, Outcome::Conflict(refused)).await;
    assert_eq!(states(&ledger).await, "created 1, conflict 1, rejected 1");
    pull(&ledger, Extent::Whole, &users).await;
    assert_eq!(states(&ledger).await, "created 1, pending 2");
}

#[tokio::test]
async fn half_a_pull_is_never_taken_for_a_whole_one() {
    let ledger = new_ledger().await;
    ledger.begin_pull().await.expect("a pull begins");
    ledger.stage(Batch::of(1, &[valid("1", "a@example.com")], &ledger.hash_key())).await.expect("staged");
    // Here the run dies. The next one starts over.
    pull(&ledger, Extent::Whole, &[valid("2", "b@example.com")]).await;
    let pending = ledger.pending(0, 10).await.expect("pending users");
    assert_eq!(pending.iter().map(|entry| entry.user.user_id.as_str()).collect::<Vec<_>>(), ["2"]);
}

#[tokio::test]
async fn of_two_users_with_one_address_the_one_in_clerk_or_the_lowest_id_wins() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("10", "same@example.com"), valid("9", "Same@Example.com")]).await;
    let pending = ledger.pending(0, 10).await.expect("pending users");
    assert_eq!(pending.iter().map(|entry| entry.user.user_id.as_str()).collect::<Vec<_>>(), ["9"]);
    finish(&ledger, Outcome::Created(clerk_id("user_9"))).await;
    pull(
        &ledger,
        Extent::Whole,
        &[valid("10", "same@example.com"), valid("9", "same@example.com"), valid("1", "same@example.com")],
    )
    .await;
    assert_eq!(states(&ledger).await, "created 1, invalid 2");
    let reasons = ledger.reasons().await.expect("reasons");
    assert!(reasons[0].example.contains("`9`"), "{reasons:?}");
}

#[tokio::test]
async fn an_address_of_a_user_who_is_gone_from_the_source_is_free() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("old", "same@example.com")]).await;
    pull(&ledger, Extent::Whole, &[valid("new", "same@example.com")]).await;
    assert_eq!(states(&ledger).await, "pending 1, gone 1");
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("old", "same@example.com")]).await;
    pull(&ledger, Extent::Part, &[valid("new", "same@example.com")]).await;
    assert_eq!(states(&ledger).await, "pending 1, invalid 1", "a part of the source does not say who is gone");
}

#[tokio::test]
async fn a_repeated_user_id_is_kept_once_and_counted() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("1", "b@example.com")]).await;
    assert_eq!(states(&ledger).await, "pending 1, invalid 1");
    // The next pull does not count it again.
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("1", "b@example.com")]).await;
    assert_eq!(states(&ledger).await, "pending 1, invalid 1");
}

#[tokio::test]
async fn known_user_ids_with_other_peoples_addresses_stop_the_run_and_change_nothing() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("1", "ada@example.com")]).await;
    finish(&ledger, Outcome::Created(clerk_id("user_1"))).await;
    let others = [valid("1", "staging@example.com"), valid("2", "other@example.com")];
    ledger.begin_pull().await.expect("a pull begins");
    ledger.stage(Batch::of(1, &others, &ledger.hash_key())).await.expect("staged");
    let error = ledger.merge(&Terms::of(Extent::Whole)).await.expect_err("other people");
    assert!(matches!(error, LedgerError::OtherPeople { differing: 1, known: 1 }), "{error}");
    assert_eq!(states(&ledger).await, "created 1");
    ledger.begin_pull().await.expect("another pull begins");
    ledger.stage(Batch::of(1, &others, &ledger.hash_key())).await.expect("staged");
    ledger
        .merge(&Terms { accept_changed_identifiers: true, ..Terms::of(Extent::Whole) })
        .await
        .expect("accepted on request");
    assert_eq!(states(&ledger).await, "created 1, pending 1");
}

#[tokio::test]
async fn users_whose_answer_was_never_recorded_are_in_doubt() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com")]).await;
    let entry = ledger.pending(0, 1).await.expect("pending").remove(0);
    ledger.mark_sending(&[entry.id]).await.expect("marked");
    let in_doubt = ledger.in_doubt(10).await.expect("in doubt");
    assert_eq!((in_doubt.len(), in_doubt[0].in_doubt), (1, true));
    assert!(ledger.pending(0, 10).await.expect("pending").is_empty());
}

#[tokio::test]
async fn an_outcome_that_cannot_follow_is_refused_and_nothing_of_its_batch_is_kept() {
    let ledger = new_ledger().await;
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com"), valid("2", "b@example.com")]).await;
    finish(&ledger, Outcome::Created(clerk_id("user_1"))).await;
    let batch = [answer(2, Outcome::Created(clerk_id("user_2"))), answer(1, Outcome::Adopted(clerk_id("user_3")))];
    ledger.record(&batch, false).await.expect_err("a created user is not found again");
    assert_eq!(states(&ledger).await, "created 1, pending 1");
}

fn belonging(instance: &str, database: &str, table: Option<&str>) -> Belonging {
    let source = Source { name: database.to_owned(), table: table.map(str::to_owned) };
    Belonging { instance_id: instance.to_owned(), production: true, source }
}

#[tokio::test]
async fn a_ledger_of_another_instance_or_source_is_refused() {
    let ledger = new_ledger().await;
    ledger.claim(&belonging("ins_1", "postgres db:5432/app", None)).await.expect("claimed");
    ledger.claim(&belonging("ins_1", "postgres db:5432/app", Some("users"))).await.expect("the table is learnt");
    for (other, told) in [
        (belonging("ins_2", "postgres db:5432/app", None), "belongs to the Clerk instance `ins_1`"),
        (belonging("ins_1", "postgres db:5432/staging", None), "this run reads `postgres db:5432/staging`"),
        (belonging("ins_1", "postgres db:5432/app", Some("admins")), "table `admins`"),
    ] {
        let error = ledger.claim(&other).await.expect_err("another one").to_string();
        assert!(error.contains(told) && error.contains("--ledger"), "{error}");
    }
}

#[tokio::test]
async fn a_second_process_a_newer_version_and_a_damaged_file_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state").join("ledger.db");
    let ledger = Ledger::open(&path).await.expect("a new ledger");
    let error = Ledger::open(&path).await.expect_err("held");
    assert!(matches!(error, LedgerError::InUse(_)), "{error}");
    drop(ledger);
    execute(&path, "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', 1, x'00', 0)")
        .await;
    let error = open_released(&path).await.expect_err("newer");
    assert!(matches!(error, LedgerError::Newer(_)), "{error}");
    std::fs::write(&path, "this is no database, and long enough to be looked at as one").expect("damaged");
    let error = Ledger::open(&path).await.expect_err("damaged");
    assert!(error.to_string().contains("ledger.db"), "{error}");
    assert!(matches!(Ledger::open_existing(&folder.path().join("none.db")).await, Err(LedgerError::Missing(_))));
}

async fn execute(path: &Path, sql: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.expect("opened");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("executed");
    connection.close().await.expect("closed");
}

#[cfg(unix)]
#[tokio::test]
async fn a_ledger_of_an_older_version_keeps_everybody_and_all_that_is_known_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (older, path) = (folder.path().join("older"), folder.path().join("ledger.db"));
    std::fs::create_dir(&older).expect("another folder");
    for name in ["0001_initial.sql", "0002_changed_and_linked_users.sql", "0003_comparison.sql"] {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/ledger").join(name);
        std::fs::copy(own, older.join(name)).expect("copied");
    }
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(true);
    let mut connection = options.connect().await.expect("a database");
    Migrator::new(older.as_path()).await.expect("migrations").run(&mut connection).await.expect("an older ledger");
    sqlx::raw_sql(
        r#"INSERT INTO user (id, user_id, state, payload, clerk_id, in_doubt, attempts, first_sent_at, password_at) VALUES
               (3, 'a', 'pending', '{"userId":"a","email":"a@example.com"}', NULL, 0, 0, NULL, NULL),
               (5, 'b', 'sending', '{"userId":"b","email":"b@example.com"}', NULL, 1, 2, 17, NULL),
               (7, 'c', 'created', NULL, 'user_c', 0, 1, 18, 19);
           INSERT INTO identifier (hash, user, kind) VALUES (zeroblob(16), 5, 'email'), (randomblob(16), 7, 'email');
           INSERT INTO change (user, parts, content) VALUES (7, '["firstName"]', NULL);"#,
    )
    .execute(&mut connection)
    .await
    .expect("users");
    connection.close().await.expect("closed");

    let ledger = Ledger::open(&path).await.expect("brought up to date");
    let pending = ledger.pending(0, 10).await.expect("pending");
    assert_eq!(
        pending.iter().map(|entry| (entry.id, entry.user.email.as_deref())).collect::<Vec<_>>(),
        [(3, Some("a@example.com"))]
    );
    let doubtful = ledger.in_doubt(10).await.expect("in doubt").remove(0);
    assert_eq!(
        (doubtful.id, doubtful.user.email.as_deref(), doubtful.sent.first_at),
        (5, Some("b@example.com"), Some(17))
    );
    assert_eq!(doubtful.sent.identifiers.into_iter().collect::<Vec<_>>(), [[0; 16]]);
    let created = ledger.created(0, 10).await.expect("created").remove(0);
    assert_eq!((created.id, created.clerk_id.as_str()), (7, "user_c"));
    assert_eq!(states(&ledger).await, "created 1, pending 1, sending 1");
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.expect("a second connection");
    let row: (i64, i64, i64) = sqlx::query_as(
        "SELECT password_at, (SELECT COUNT(*) FROM identifier WHERE user = 7), (SELECT COUNT(*) FROM change WHERE user = 7)
         FROM user WHERE id = 7",
    )
    .fetch_one(&mut connection)
    .await
    .expect("the user");
    assert_eq!(row, (19, 1, 1));
}

#[tokio::test]
async fn folder_and_files_are_the_owners_only_and_hidden_from_git() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(".db2clerk").join("ins_1.db");
    let ledger = Ledger::open(&path).await.expect("a new ledger");
    pull(&ledger, Extent::Whole, &[valid("1", "a@example.com")]).await;
    let own = path.parent().expect("a parent");
    assert_eq!(std::fs::metadata(own).expect("the folder").permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_to_string(own.join(".gitignore")).expect("a .gitignore"), "*\n");
    for entry in std::fs::read_dir(own).expect("files").map(|entry| entry.expect("a file")) {
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o077;
        assert!(mode == 0 || entry.file_name() == ".gitignore", "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn nothing_of_a_user_who_is_done_stays_in_any_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path).await.expect("a new ledger");
    let secrets = ["$2b$12$SecretDigestSecretDigest", "ada.lovelace@example.com", "TOTPSECRETTOTPSECRET"];
    let users: Vec<Staged> = (1..=300)
        .map(|number| {
            let mut user = ImportUser::new(id(&number.to_string()));
            user.email = Some(format!("{number}{}", secrets[1]));
            user.password = Some(Secret::new(format!("{}{number}", secrets[0])));
            user.totp_secret = Some(Secret::new(format!("{}{number}", secrets[2])));
            Staged::Valid { user: Box::new(user), email_basis: "stated" }
        })
        .collect();
    pull(&ledger, Extent::Whole, &users).await;
    assert!(found(folder.path(), secrets[0]), "while a user is pending, the digest is there");
    while let Some(entry) = ledger.pending(0, 1).await.expect("pending").pop() {
        ledger.mark_sending(&[entry.id]).await.expect("marked");
        let clerk_id = clerk_id(&format!("user_{}", entry.id));
        ledger.record(&[answer(entry.id, Outcome::Created(clerk_id))], true).await.expect("recorded");
    }
    ledger.checkpoint().await.expect("checkpointed");
    for secret in secrets {
        assert!(!found(folder.path(), secret), "`{secret}` is still there");
    }
}

fn found(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("files").any(|entry| {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("a readable file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}
