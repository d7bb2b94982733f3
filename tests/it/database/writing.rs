//! Clerk IDs into tables.

use db2clerk::database::{Access, Cleared, Database, DatabaseUrl, TableName, Target, TargetError, WriteError, Written};
use db2clerk::engine::Engine;
use db2clerk::record::ClerkId;
use sqlx::{Connection, PgConnection};

use super::{batch, open, target};
use crate::servers;

async fn write(database: &Database, target: &Target, entries: &[(&str, &str)], overwrite: bool) -> Vec<Written> {
    let written = database.write_clerk_ids(target, &batch(entries), overwrite).await;
    written.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn ids_are_written_once_and_nothing_else_changes() {
    for database in servers::all().await {
        let text = if database.engine == Engine::MySql { "varchar(40)" } else { "text" };
        let stamp = if database.engine == Engine::MySql {
            "timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
        } else {
            "text"
        };
        database
            .execute(&format!(
                "CREATE TABLE users (id {text} PRIMARY KEY, name {text}, updated {stamp}, clerk_id {text} UNIQUE); \
                 INSERT INTO users VALUES ('a', 'A', '2001-02-03 04:05:06', NULL), ('b', 'B', '2001-02-03 04:05:06', 'user_b'), \
                 ('c', 'C', '2001-02-03 04:05:06', 'user_other'), ('d', 'D', '2001-02-03 04:05:06', NULL)"
            ))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        assert_eq!((target.rows, target.filled, target.column_missing(), target.column_unique), (4, 2, false, true));
        let entries = [("c", "user_c"), ("a", "user_a"), ("zzz", "user_z"), ("b", "user_b"), ("a", "user_x")];
        let held = |id: &str| Written::Held(id.to_owned());
        let first = write(&opened, &target, &entries, false).await;
        assert_eq!(
            first,
            [held("user_other"), Written::Written, Written::RowGone, Written::AlreadyRight, held("user_a")]
        );
        let again = write(&opened, &target, &entries[1..2], false).await;
        assert_eq!(again, [Written::AlreadyRight]);
        assert_eq!(write(&opened, &target, &entries[..1], true).await, [Written::Written]);
        let rows = database.query("SELECT id, name, updated, clerk_id FROM users ORDER BY id").await;
        let row = |id: &str, clerk: Option<&str>| {
            [Some(id), Some(&*id.to_uppercase()), Some("2001-02-03 04:05:06"), clerk]
                .map(|cell| cell.map(str::to_owned))
        };
        assert_eq!(
            rows,
            [row("a", Some("user_a")), row("b", Some("user_b")), row("c", Some("user_c")), row("d", None)]
        );
    }
}

#[tokio::test]
async fn what_names_a_row_again_finds_it_filled() {
    for database in servers::all().await {
        let text = if database.engine == Engine::MySql { "varchar(40)" } else { "text" };
        database
            .execute(&format!(
                "CREATE TABLE users (id {text} PRIMARY KEY, clerk_id {text} UNIQUE); \
                 INSERT INTO users VALUES ('a', NULL), ('d', NULL), ('e', 'user_other'), ('f', NULL)"
            ))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        let held = |id: &str| Written::Held(id.to_owned());
        let written = write(&opened, &target, &[("a", "user_a"), ("a", "user_x"), ("d", "user_d")], false).await;
        assert_eq!(written, [Written::Written, held("user_a"), Written::Written], "{}", database.engine);
        let written = write(&opened, &target, &[("e", "user_e"), ("e", "user_y")], true).await;
        assert_eq!(written, [Written::Written, held("user_e")], "{}", database.engine);
        // The first is refused, for another row has its ID; of the others one is taken, whichever.
        let written = write(&opened, &target, &[("f", "user_a"), ("f", "user_1"), ("f", "user_2")], false).await;
        let row = database.query("SELECT clerk_id FROM users WHERE id = 'f'").await;
        let id = row[0][0].clone().expect("an ID");
        let expected = ["user_1", "user_2"].map(|one| if one == id { Written::Written } else { held(&id) });
        assert!(matches!(written[0], Written::Refused(_)), "{}: {written:?}", database.engine);
        assert_eq!(written[1..], expected, "{}", database.engine);
        let cleared = opened.clear_clerk_ids(&target, &batch(&[("a", "user_x"), ("a", "user_a")])).await;
        let cleared = cleared.expect("the batch is taken");
        assert_eq!(cleared, [Cleared::Held("user_a".to_owned()), Cleared::Cleared], "{}", database.engine);
    }
}

#[tokio::test]
async fn no_conflict_clause_of_sqlite_removes_another_row() {
    let trigger = "CREATE TABLE log (id text UNIQUE); INSERT INTO log VALUES ('seen'); \
        CREATE TRIGGER t AFTER UPDATE ON users BEGIN INSERT OR IGNORE INTO log VALUES ('seen'); END;";
    for (clause, trigger) in [("ON CONFLICT REPLACE", ""), ("ON\nCONFLICT replace", trigger), ("", trigger)] {
        let database = servers::sqlite().await;
        database
            .execute(&format!(
                "CREATE TABLE users (id text PRIMARY KEY, clerk_id text UNIQUE {clause}); {trigger} \
                 INSERT INTO users VALUES ('old', 'user_x'), ('a', NULL), ('b', NULL)"
            ))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        let written = write(&opened, &target, &[("a", "user_x"), ("b", "user_b")], false).await;
        let refused = |written: &Written| matches!(written, Written::Refused(_));
        assert!(refused(&written[0]), "{clause}: {written:?}");
        // Where both are there, the trigger's own clause gives way, and no row is written rather than one removed.
        let both = !clause.is_empty() && !trigger.is_empty();
        assert!(if both { refused(&written[1]) } else { written[1] == Written::Written }, "{clause}: {written:?}");
        let rows = database.query("SELECT clerk_id FROM users WHERE id = 'old'").await;
        assert_eq!(rows, [[Some("user_x".to_owned())]], "{clause}");
    }
}

#[tokio::test]
async fn a_key_that_is_made_of_the_clerk_id_is_refused_on_sqlite() {
    let database = servers::sqlite().await;
    database
        .execute(
            "CREATE TABLE users (old text, clerk_id text, id text GENERATED ALWAYS AS (coalesce(clerk_id, old)) UNIQUE); \
             INSERT INTO users (old) VALUES ('a'), ('b')",
        )
        .await;
    let opened = open(&database, Access::Write).await;
    let target = target(&opened, "users", "id").await;
    let written = write(&opened, &target, &[("a", "user_a"), ("b", "user_b")], false).await;
    assert!(written.iter().all(|written| matches!(written, Written::Refused(_))), "{written:?}");
    assert_eq!(database.query("SELECT count(clerk_id) FROM users").await, [[Some("0".to_owned())]]);
}

#[tokio::test]
async fn rows_of_sqlite_are_found_wherever_they_lie() {
    let tables = [
        "(id text PRIMARY KEY, clerk_id text UNIQUE)",
        "(id text PRIMARY KEY, clerk_id text UNIQUE) WITHOUT ROWID",
        "(id text PRIMARY KEY, clerk_id text UNIQUE, rowid text)",
        "(id text PRIMARY KEY COLLATE NOCASE, clerk_id text UNIQUE)",
        "(id integer PRIMARY KEY, clerk_id text UNIQUE)",
        "(id UNIQUE, clerk_id text)",
    ];
    let in_order: Vec<u32> = (10..70).collect();
    let spread: Vec<u32> = (10..70).step_by(5).collect();
    let backwards: Vec<u32> = (10..70).rev().collect();
    let mut ends_beside_each_other = in_order.clone();
    ends_beside_each_other.rotate_left(30);
    let with_no_row: Vec<u32> = (10..50).chain([700]).collect();
    let orders = [in_order, spread, backwards, ends_beside_each_other, vec![42], with_no_row];
    for (table, order) in tables.iter().flat_map(|table| orders.iter().map(move |order| (table, order))) {
        let database = servers::sqlite().await;
        let rows: Vec<String> = (10..70).map(|id| format!("('{id}')")).collect();
        let rows = rows.join(", ");
        database.execute(&format!("CREATE TABLE users {table}; INSERT INTO users (id) VALUES {rows}")).await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        let entries: Vec<(String, String)> = order.iter().map(|id| (id.to_string(), format!("user_{id}"))).collect();
        let entries: Vec<(&str, &str)> = entries.iter().map(|(key, id)| (key.as_str(), id.as_str())).collect();
        let written = write(&opened, &target, &entries, false).await;
        let expected = order.iter().map(|id| if *id == 700 { Written::RowGone } else { Written::Written });
        assert_eq!(written, expected.collect::<Vec<_>>(), "{table} {order:?}");
        let found = database.query("SELECT id, clerk_id FROM users ORDER BY id").await;
        let should = |id: u32| [Some(id.to_string()), order.contains(&id).then(|| format!("user_{id}"))];
        assert_eq!(found, (10..70).map(should).collect::<Vec<_>>(), "{table} {order:?}");
    }
}

#[tokio::test]
async fn of_two_spellings_of_a_key_of_sqlite_one_is_written() {
    for overwrite in [false, true] {
        let database = servers::sqlite().await;
        database
            .execute(
                "CREATE TABLE users (id text PRIMARY KEY COLLATE NOCASE, clerk_id text UNIQUE); \
                 INSERT INTO users (id) VALUES ('a'), ('b')",
            )
            .await;
        if overwrite {
            database.execute("UPDATE users SET clerk_id = 'user_old' WHERE id = 'a'").await;
        }
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        let entries = [("a", "user_a"), ("A", "user_x"), ("b", "user_b")];
        let written = write(&opened, &target, &entries, overwrite).await;
        let row = database.query("SELECT clerk_id FROM users WHERE id = 'a'").await;
        let id = row[0][0].clone().expect("an ID");
        let expected =
            entries.map(
                |(_, entry)| {
                    if entry == id || entry == "user_b" { Written::Written } else { Written::Held(id.clone()) }
                },
            );
        assert_eq!(written, expected, "overwrite: {overwrite}");
    }
}

#[tokio::test]
async fn a_change_that_a_trigger_of_sqlite_takes_back_is_not_made_again() {
    let database = servers::sqlite().await;
    database
        .execute(
            "CREATE TABLE users (id text PRIMARY KEY, clerk_id text UNIQUE, seen int DEFAULT 0); \
             INSERT INTO users (id, clerk_id) VALUES ('a', NULL), ('b', 'user_b'); \
             CREATE TRIGGER t AFTER UPDATE OF clerk_id ON users WHEN OLD.seen = 0 BEGIN \
                 UPDATE users SET clerk_id = OLD.clerk_id, seen = 1 WHERE id = OLD.id; END",
        )
        .await;
    let opened = open(&database, Access::Write).await;
    let target = target(&opened, "users", "id").await;
    let written = write(&opened, &target, &[("a", "user_a"), ("b", "user_b")], false).await;
    assert!(matches!(written[..], [Written::Refused(_), Written::AlreadyRight]), "{written:?}");
}

#[tokio::test]
async fn a_batch_that_was_got_ready_is_written_and_no_other() {
    for database in servers::all().await {
        let text = if database.engine == Engine::MySql { "varchar(40)" } else { "text" };
        database
            .execute(&format!(
                "CREATE TABLE users (id {text} PRIMARY KEY, clerk_id {text} UNIQUE); \
                 INSERT INTO users (id) VALUES ('a'), ('b'), ('c'), ('d'), ('e')"
            ))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        let (first, second) = ([("a", "user_a"), ("b", "user_b")], [("c", "user_c"), ("d", "user_d")]);
        opened.get_ready(&target, &batch(&first)).await;
        // The next one gets ready while the first is written.
        let next = batch(&second);
        let (written, again) = tokio::join!(write(&opened, &target, &first, false), opened.get_ready(&target, &next));
        assert_eq!(written, [Written::Written, Written::Written], "{}", database.engine);
        assert_eq!(again, database.engine != Engine::Postgres, "there is nothing to get ready on PostgreSQL");
        // Only half of what is ready is asked for, and then something else.
        assert_eq!(write(&opened, &target, &second[..1], false).await, [Written::Written], "{}", database.engine);
        opened.get_ready(&target, &batch(&[("e", "user_wrong")])).await;
        assert_eq!(write(&opened, &target, &[("e", "user_e")], false).await, [Written::Written], "{}", database.engine);
        let rows = database.query("SELECT id, clerk_id FROM users ORDER BY id").await;
        let row = |id: &str| [Some(id.to_owned()), (id != "d").then(|| format!("user_{id}"))];
        assert_eq!(rows, ["a", "b", "c", "d", "e"].map(row), "{}", database.engine);
    }
}

/// Opens a test's database as another of the server's users, whose password is `secret`.
async fn open_as(database: &servers::TestDatabase, name: &str) -> Database {
    let mut url = url::Url::parse(&database.url).expect("the test's URL");
    url.set_username(name).expect("a URL with a user");
    url.set_password(Some("secret")).expect("a URL with a password");
    let url = DatabaseUrl::parse(url.as_str()).expect("a URL");
    Database::connect(&url, Access::Write).await.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_server_that_gives_one_connection_is_written_to_all_the_same() {
    let database = servers::mariadb().await;
    let name = format!("one_{}", database.url.rsplit('/').next().expect("a name"));
    database
        .execute(&format!(
            "CREATE TABLE users (id varchar(40) PRIMARY KEY, clerk_id varchar(40) UNIQUE); \
             INSERT INTO users (id) VALUES ('a'), ('b'); \
             CREATE USER '{name}'@'%' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1; GRANT ALL ON * TO '{name}'@'%'"
        ))
        .await;
    let opened = open_as(&database, &name).await;
    let target = target(&opened, "users", "id").await;
    let (first, second) = ([("a", "user_a")], [("b", "user_b")]);
    let next = batch(&second);
    let (written, again) = tokio::join!(write(&opened, &target, &first, false), opened.get_ready(&target, &next));
    assert_eq!(written, [Written::Written]);
    assert!(!again, "there is no second connection");
    assert_eq!(write(&opened, &target, &second, false).await, [Written::Written]);
    drop(opened);
    database.execute(&format!("DROP USER '{name}'@'%'")).await;
}

/// So many users without Clerk IDs on Postgres, and a batch for them: large enough for two connections.
async fn many_on_postgres(columns: &str) -> (servers::TestDatabase, Vec<(String, ClerkId)>) {
    let database = servers::postgres().await;
    database
        .execute(&format!(
            "CREATE TABLE users (id text PRIMARY KEY, clerk_id text UNIQUE {columns}); \
             INSERT INTO users (id) SELECT 'k' || n FROM generate_series(0, 1999) AS n"
        ))
        .await;
    let id = |n: usize| ClerkId::new(format!("user_{n}")).expect("an ID");
    let entries = (0..2000).map(|n| (format!("k{n}"), id(n))).collect();
    (database, entries)
}

#[tokio::test]
async fn two_connections_share_a_large_batch_and_what_one_may_not_write_keeps_nothing_from_the_other() {
    let (database, mut entries) = many_on_postgres(", CHECK (clerk_id <> 'user_1500')").await;
    database.execute("INSERT INTO users VALUES ('taken', 'user_1999')").await;
    // One ID for two rows, each in a half of its own.
    entries[10].1 = entries[1010].1.clone();
    let opened = open(&database, Access::Write).await;
    let target = target(&opened, "users", "id").await;
    let mut application = PgConnection::connect(&database.url).await.expect("a connection");
    let lock = "BEGIN; SELECT id FROM users WHERE id = 'k20' FOR UPDATE";
    sqlx::raw_sql(lock).execute(&mut application).await.expect("a lock");
    let written = opened.write_clerk_ids(&target, &entries, false).await.expect("the batch as a whole is taken");
    sqlx::raw_sql("ROLLBACK").execute(&mut application).await.expect("the end of the lock");
    for (n, written) in written.iter().enumerate() {
        match n {
            20 => assert_eq!(*written, Written::Locked),
            1500 | 1999 => assert!(matches!(written, Written::Refused(_)), "{n}: {written:?}"),
            10 | 1010 => {}
            _ => assert_eq!(*written, Written::Written, "{n}"),
        }
    }
    let one_of_two = [&written[10], &written[1010]];
    assert_eq!(one_of_two.iter().filter(|written| ***written == Written::Written).count(), 1, "{one_of_two:?}");
    assert_eq!(one_of_two.iter().filter(|written| matches!(written, Written::Refused(_))).count(), 1, "{one_of_two:?}");
    let wrong = database
        .query("SELECT count(*) FROM users WHERE clerk_id <> 'user_' || substr(id, 2) AND id NOT IN ('taken', 'k10')")
        .await;
    assert_eq!(wrong, [[Some("0".to_owned())]]);
}

#[tokio::test]
async fn a_large_batch_is_written_to_a_postgres_that_gives_one_connection() {
    let (database, entries) = many_on_postgres("").await;
    let name = format!("one_{}", database.url.rsplit('/').next().expect("a name"));
    database
        .execute(&format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'secret' CONNECTION LIMIT 1; GRANT SELECT, UPDATE ON users TO {name}"
        ))
        .await;
    let opened = open_as(&database, &name).await;
    let target = target(&opened, "users", "id").await;
    let written = opened.write_clerk_ids(&target, &entries, false).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(written, vec![Written::Written; entries.len()]);
    drop(opened);
    database.execute(&format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
}

#[tokio::test]
async fn overwriting_replaces_clerk_ids_and_nothing_else() {
    let foreign = [
        "keep@a.dev",
        "",
        "user_",
        "User_abc",
        "user-abc",
        "user_a b",
        "user_a.b",
        "user_ü",
        "users",
        "userXabc",
        " user_abc",
    ];
    let long = format!("user_{}", "x".repeat(65));
    for database in servers::all().await {
        let text = if database.engine == Engine::MySql { "varchar(100)" } else { "text" };
        database.execute(&format!("CREATE TABLE t (id {text} PRIMARY KEY, clerk_id {text})")).await;
        let held: Vec<&str> = foreign.into_iter().chain([long.as_str()]).collect();
        let values: Vec<String> = held.iter().enumerate().map(|(n, held)| format!("('k{n}', '{held}')")).collect();
        database
            .execute(&format!(
                "INSERT INTO t VALUES {}, ('null', NULL), ('other', 'user_Other_1'), ('case', 'user_CASE'), ('right', 'user_r')",
                values.join(", ")
            ))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "t", "id").await;
        let clerk_id = |text: &str| ClerkId::new(text).expect("a Clerk ID");
        let mut entries: Vec<(String, ClerkId)> =
            (0..held.len()).map(|n| (format!("k{n}"), clerk_id(&format!("user_new{n}")))).collect();
        entries.extend(batch(&[("null", "user_n"), ("other", "user_o"), ("case", "user_case"), ("right", "user_r")]));
        let written = opened.write_clerk_ids(&target, &entries, true).await.expect("the batch is taken");
        let kept = held.iter().map(|held| Written::Held((*held).to_owned()));
        let expected: Vec<Written> =
            kept.chain([Written::Written, Written::Written, Written::Written, Written::AlreadyRight]).collect();
        assert_eq!(written, expected, "{}", database.engine);
        let rows = database.query("SELECT clerk_id FROM t WHERE id LIKE 'k%' ORDER BY length(id), id").await;
        assert_eq!(rows.into_iter().flatten().flatten().collect::<Vec<_>>(), held, "{}", database.engine);
    }
}

#[tokio::test]
async fn the_key_column_takes_no_clerk_ids() {
    for database in servers::all().await {
        database.execute("CREATE TABLE t (id varchar(99) PRIMARY KEY); INSERT INTO t VALUES ('k')").await;
        let opened = open(&database, Access::Write).await;
        let table = TableName::parse("t").expect("a name");
        for (key, column, exact) in [("id", "id", true), ("id", "\"id\"", true), ("id", "ID", false)] {
            let refused = opened.inspect(&table, key, column).await;
            // Two columns of Postgres may differ by case alone.
            if exact || database.engine != Engine::Postgres {
                assert!(matches!(refused, Err(TargetError::ColumnIsKey { .. })), "{} {column}", database.engine);
            } else {
                assert!(refused.expect("another column").column_missing());
            }
        }
    }
}

#[tokio::test]
async fn a_write_that_would_change_a_key_is_taken_back() {
    for database in servers::all().await {
        database
            .execute(
                "CREATE TABLE t (id varchar(40) PRIMARY KEY, clerk_id varchar(40)); \
                 INSERT INTO t (id) VALUES ('moves'), ('stays')",
            )
            .await;
        let trigger = match database.engine {
            Engine::Postgres => {
                "CREATE FUNCTION move_it() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN IF OLD.id = ''moves'' THEN NEW.id := NEW.clerk_id; END IF; RETURN NEW; END'; \
                 CREATE TRIGGER move_it BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION move_it()"
            }
            Engine::MySql => {
                "CREATE TRIGGER move_it BEFORE UPDATE ON t FOR EACH ROW \
                 SET NEW.id = IF(OLD.id = 'moves', NEW.clerk_id, NEW.id)"
            }
            Engine::Sqlite => {
                "CREATE TRIGGER move_it AFTER UPDATE OF clerk_id ON t WHEN OLD.id = 'moves' \
                 BEGIN UPDATE t SET id = NEW.clerk_id WHERE id = OLD.id; END"
            }
        };
        database.execute(trigger).await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "t", "id").await;
        let written = write(&opened, &target, &[("moves", "user_m"), ("stays", "user_s")], false).await;
        assert!(
            matches!(&written[..], [Written::Refused(why), Written::Written] if why.contains("changes its key")),
            "{}: {written:?}",
            database.engine
        );
        let rows = database.query("SELECT id, clerk_id FROM t ORDER BY id").await;
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(rows, [[some("moves"), None], [some("stays"), some("user_s")]], "{}", database.engine);
    }
}

#[tokio::test]
async fn keys_of_every_type_find_their_rows() {
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let digits = uuid.replace('-', "");
    for database in servers::all().await {
        let types = match database.engine {
            Engine::Postgres => vec![
                ("uuid", format!("'{uuid}'"), uuid),
                ("bytea", format!("'\\x{digits}'"), digits.as_str()),
                ("int8", "7".into(), "7"),
                ("varchar(36)", "'x'".into(), "x"),
                ("char(5)", "'x'".into(), "x"),
            ],
            Engine::MySql => vec![
                ("binary(16)", format!("unhex('{digits}')"), digits.as_str()),
                ("binary(16)", format!("unhex('{digits}')"), uuid),
                ("bigint unsigned", "18446744073709551615".into(), "18446744073709551615"),
                ("char(36)", "'x'".into(), "x"),
            ],
            Engine::Sqlite => vec![
                ("BLOB", format!("x'{digits}'"), uuid),
                ("INTEGER", "7".into(), "7"),
                ("", "7".into(), "7"),
                ("TEXT", "'7'".into(), "7"),
            ],
        };
        for (type_name, literal, key) in types {
            database.execute(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id {type_name} PRIMARY KEY, clerk_id varchar(99)); INSERT INTO t (id) VALUES ({literal})")).await;
            let opened = open(&database, Access::Write).await;
            let target = target(&opened, "t", "id").await;
            let written = write(&opened, &target, &[(key, "user_1"), ("no such key at all", "user_2")], false).await;
            assert_eq!(written, [Written::Written, Written::RowGone], "{} {type_name}", database.engine);
            assert_eq!(database.query("SELECT clerk_id FROM t").await, [[Some("user_1".to_owned())]]);
        }
    }
}

#[tokio::test]
async fn only_the_guilty_rows_of_a_batch_are_refused() {
    for database in servers::all().await {
        let text = if database.engine == Engine::MySql { "varchar(40)" } else { "text" };
        database.execute(&format!("CREATE TABLE t (id {text} PRIMARY KEY, clerk_id {text} UNIQUE)")).await;
        let values: Vec<String> = (0..50).map(|n| format!("('k{n}', NULL)")).collect();
        database
            .execute(&format!("INSERT INTO t VALUES {}, ('taken', 'user_7'), ('too', 'user_30')", values.join(", ")))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "t", "id").await;
        let entries: Vec<(String, ClerkId)> =
            (0..50).map(|n| (format!("k{n}"), ClerkId::new(format!("user_{n}")).expect("an ID"))).collect();
        let written = opened.write_clerk_ids(&target, &entries, false).await.expect("the batch as a whole is taken");
        for (n, written) in written.iter().enumerate() {
            let refused =
                matches!(written, Written::Refused(why) if why.contains("another row") && !why.contains("user_"));
            assert!(
                if n == 7 || n == 30 { refused } else { *written == Written::Written },
                "{} {n}: {written:?}",
                database.engine
            );
        }
    }
}

#[tokio::test]
async fn names_are_names_whatever_they_look_like() {
    let names = [
        "User",
        "a b",
        "x\"; DROP TABLE victim; --",
        "x`; DROP TABLE victim; --",
        "it's",
        "{table}{column};",
        "ünï",
        "select",
    ];
    for database in servers::all().await {
        database.execute("CREATE TABLE victim (a int)").await;
        let quote = |name: &str| {
            if database.engine == Engine::MySql {
                format!("`{}`", name.replace('`', "``"))
            } else {
                format!("\"{}\"", name.replace('"', "\"\""))
            }
        };
        let opened = open(&database, Access::Write).await;
        for name in names {
            let quoted = quote(name);
            database
                .execute(&format!(
                    "CREATE TABLE {quoted} ({quoted} varchar(40) PRIMARY KEY); INSERT INTO {quoted} VALUES ('k')"
                ))
                .await;
            let table = TableName { schema: None, table: name.to_owned() };
            assert_eq!(TableName::parse(&quoted), Ok(table.clone()));
            assert_eq!(opened.columns_of(&table).await.expect("columns"), [name]);
            assert_eq!(opened.count_rows(&table).await.expect("a count"), 1);
            let column = format!("{name}2");
            let missing = opened.inspect(&table, &quoted, &quote(&column)).await.expect("a target");
            assert!(missing.column_missing());
            opened.add_column(&missing).await.unwrap_or_else(|error| panic!("{} {name}: {error}", database.engine));
            let target = opened.inspect(&table, &quoted, &quote(&column)).await.expect("a target");
            assert!(target.column_unique, "{name}");
            assert_eq!(write(&opened, &target, &[("k", "user_1")], false).await, [Written::Written]);
        }
        assert!(database.query("SELECT a FROM victim").await.is_empty());
    }
}

#[tokio::test]
async fn adding_the_column_twice_is_adding_it_once() {
    for database in servers::all().await {
        database.execute("CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)").await;
        let opened = open(&database, Access::Write).await;
        let before = target(&opened, "users", "id").await;
        assert!(Database::add_column_sql(&before).contains("CREATE UNIQUE INDEX"));
        opened.add_column(&before).await.expect("added");
        opened.add_column(&before).await.expect("there already");
        let after = target(&opened, "users", "id").await;
        assert!(after.column_unique);
        let ids = [("1", "user_abc"), ("2", "user_ABC")];
        assert_eq!(
            write(&opened, &after, &ids, false).await,
            [Written::Written, Written::Written],
            "IDs differ by case"
        );
        // As left behind by a run that was killed between the two.
        let drop = if database.engine == Engine::MySql {
            "DROP INDEX users_clerk_id_key ON users"
        } else {
            "DROP INDEX users_clerk_id_key"
        };
        database.execute(drop).await;
        opened.add_column(&before).await.expect("the index alone");
        assert!(target(&opened, "users", "id").await.column_unique);
    }
}

#[tokio::test]
async fn a_table_or_key_that_does_not_serve_is_named() {
    for database in servers::all().await {
        database.execute("CREATE TABLE users (id int PRIMARY KEY, email varchar(40), a int, b int, UNIQUE (a, b)); CREATE VIEW people AS SELECT * FROM users").await;
        let opened = open(&database, Access::Read).await;
        let error = async |table: &str, key: &str| {
            let table = TableName::parse(table).expect("a name");
            opened.inspect(&table, key, "clerk_id").await.expect_err("refused")
        };
        assert!(matches!(error("user_s", "id").await, TargetError::NoTable { near, .. } if near == ["users"]));
        assert!(matches!(error("people", "id").await, TargetError::NotATable { .. }));
        assert!(matches!(error("users", "e_mail").await, TargetError::NoKey { near, .. } if near == ["email"]));
        assert!(matches!(error("users", "email").await, TargetError::KeyNotUnique { .. }));
        assert!(matches!(error("users", "a").await, TargetError::KeyNotUnique { .. }));
        let table = TableName::parse("nothing.users").expect("a name");
        assert!(opened.columns_of(&table).await.expect("an answer").is_empty());
        let target = target(&opened, "users", "id").await;
        let refused = opened.add_column(&target).await.expect_err("read-only");
        assert!(matches!(refused, WriteError::ReadOnly(_)), "{refused}");
    }
}
