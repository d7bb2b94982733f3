//! Keys and Clerk IDs as they stand in a table, and keys as a query shows them: both come to one spelling.

use std::collections::BTreeMap;

use db2clerk::database::{Access, Database, TableRow, Target};
use db2clerk::engine::Engine;

use super::{batch, open, target};
use crate::servers::{self, TestDatabase};

const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

async fn all_rows(database: &Database, target: &Target) -> Vec<TableRow> {
    let mut ids = database.clerk_ids(target).await.unwrap_or_else(|error| panic!("{error}"));
    let mut rows = Vec::new();
    while let Some(row) = ids.next().await.unwrap_or_else(|error| panic!("{error}")) {
        rows.push(row);
    }
    rows
}

/// Keys of one type: literals for rows, and for each the spellings in which a query may show it. `None` for a row that no
/// user ID can find.
struct Case {
    type_name: &'static str,
    rows: Vec<(String, Option<Vec<String>>)>,
}

fn case(type_name: &'static str, rows: &[(&str, Option<&[&str]>)]) -> Case {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let rows = rows.iter().map(|(literal, spellings)| ((*literal).to_owned(), spellings.map(owned))).collect();
    Case { type_name, rows }
}

/// Texts that somebody may have as keys, as literals and as they are.
fn texts(engine: Engine) -> Vec<(String, Option<Vec<String>>)> {
    let plain = [
        "x",
        "",
        " a",
        "007",
        "7",
        "-7",
        "7.0",
        "NULL",
        "%",
        "_",
        "a.b",
        "a,b",
        "{a}",
        "it's",
        "\"quoted\"",
        "ÄÖ",
        "e\u{301}",
        "\u{1F600}",
        "user_1",
        UUID,
        "a\nb",
        "a\tb",
        "--",
        ";",
        "$1",
        "?",
        "0x00",
        "\u{202e}abc",
    ];
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut rows: Vec<_> = plain.iter().map(|text| (literal(text), Some(vec![(*text).to_owned()]))).collect();
    let backslash = if engine == Engine::MySql { r"'a\\b'" } else { r"'a\b'" };
    rows.push((backslash.to_owned(), Some(vec![r"a\b".to_owned()])));
    rows
}

fn cases(engine: Engine) -> Vec<Case> {
    let digits = UUID.replace('-', "");
    let (upper, upper_digits) = (UUID.to_uppercase(), digits.to_uppercase());
    let uuid: &[&str] = &[UUID, &digits, &upper, &upper_digits];
    let text = |type_name| Case { type_name, rows: texts(engine) };
    let integers = |type_name, numbers: &[&'static str]| Case {
        type_name,
        rows: numbers.iter().map(|n| ((*n).to_owned(), Some(vec![(*n).to_owned()]))).collect(),
    };
    match engine {
        Engine::Postgres => vec![
            text("text"),
            text("varchar(64)"),
            text("name"),
            case("citext", &[("'Ada@B.dev'", Some(&["Ada@B.dev", "ada@b.dev", "ADA@B.DEV"])), ("'Ä'", Some(&["Ä"]))]),
            case("char(5)", &[("'x'", Some(&["x", "x    "])), ("'a b'", Some(&["a b", "a b  "]))]),
            case("login", &[("'a'", Some(&["a"])), ("'A'", Some(&["A"]))]),
            case("uuid", &[(&format!("'{UUID}'"), Some(uuid))]),
            integers("int2", &["0", "-32768", "32767"]),
            integers("int4", &["0", "-2147483648", "2147483647"]),
            integers("int8", &["0", "-9223372036854775808", "9223372036854775807"]),
            integers("oid", &["0", "4294967295"]),
            case(
                "numeric",
                &[("18446744073709551616", Some(&["18446744073709551616"])), ("1.5", None), ("'NaN'", None)],
            ),
            case(
                "bytea",
                &[
                    (&format!("'\\x{digits}'"), Some(uuid)),
                    ("'\\x00ff'", Some(&["00ff", "00FF"])),
                    ("'\\x'", Some(&[""])),
                ],
            ),
        ],
        Engine::MySql => vec![
            text("varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
            case(
                "varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                &[("'Ada@B.dev'", Some(&["Ada@B.dev", "ada@b.dev", "ADA@B.DEV"]))],
            ),
            case("char(5)", &[("'x'", Some(&["x", "x    "])), ("'a b'", Some(&["a b"]))]),
            case("binary(16)", &[(&format!("unhex('{digits}')"), Some(uuid))]),
            case(
                "varbinary(32)",
                &[("x'00ff'", Some(&["00ff", "00FF"])), ("''", Some(&[""])), ("'text'", Some(&["74657874"]))],
            ),
            integers("tinyint", &["0", "-128", "127"]),
            integers("tinyint(1)", &["0", "1", "7"]),
            integers("smallint unsigned", &["0", "65535"]),
            integers("mediumint", &["-8388608", "8388607"]),
            case("int(10) unsigned zerofill", &[("7", Some(&["7"])), ("4294967295", Some(&["4294967295"]))]),
            integers("bigint", &["-9223372036854775808", "9223372036854775807"]),
            integers("bigint unsigned", &["0", "18446744073709551615"]),
        ],
        Engine::Sqlite => vec![
            text("TEXT"),
            case("TEXT COLLATE NOCASE", &[("'Ada@B.dev'", Some(&["Ada@B.dev", "ada@b.dev"]))]),
            case("INTEGER", &[("7", Some(&["7"])), ("-9223372036854775808", Some(&["-9223372036854775808"]))]),
            case("", &[("7", Some(&["7"])), ("0", Some(&["0"]))]),
            // An INTEGER column that holds text too: SQLite finds numbers by their text.
            case("INT", &[("7", Some(&["7"])), ("'a'", Some(&["a"]))]),
            case("REAL", &[("7", Some(&["7"])), ("1.5", None), ("-0.0", Some(&["0"]))]),
            case("BLOB", &[(&format!("x'{digits}'"), Some(uuid)), ("x'00ff'", Some(&["00ff"])), ("x''", Some(&[""]))]),
            // One column of both: what is no text is found by nothing.
            case("TEXT", &[("'a'", Some(&["a"])), ("x'00ff'", None)]),
        ],
    }
}

/// Every row gets a Clerk ID by each of its spellings in turn; and the table's own listing must name it by the same key.
async fn check(database: &TestDatabase, case: &Case) {
    let type_name = case.type_name;
    let place = format!("{} {type_name}", database.engine);
    database
        .execute(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (place int NOT NULL, id {type_name}, clerk_id varchar(99), UNIQUE (id))"
        ))
        .await;
    let values: Vec<String> =
        case.rows.iter().enumerate().map(|(n, (literal, _))| format!("({n}, {literal}, NULL)")).collect();
    database.execute(&format!("INSERT INTO t VALUES {}, (1000, NULL, 'user_of_null')", values.join(", "))).await;
    let opened = open(database, Access::Write).await;
    let target = target(&opened, "t", "id").await;
    let most = case.rows.iter().map(|(_, spellings)| spellings.as_ref().map_or(0, Vec::len)).max().unwrap_or(0);
    for round in 0..most {
        database.execute("UPDATE t SET clerk_id = NULL WHERE place < 1000").await;
        let spelled: Vec<(usize, &str)> = case
            .rows
            .iter()
            .enumerate()
            .filter_map(|(n, (_, spellings))| Some((n, spellings.as_ref()?.iter().cycle().nth(round)?.as_str())))
            .collect();
        let ids: Vec<String> = spelled.iter().map(|(n, _)| format!("user_{n}")).collect();
        let entries: Vec<(&str, &str)> =
            spelled.iter().map(|(_, key)| *key).zip(ids.iter().map(String::as_str)).collect();
        opened
            .write_clerk_ids(&target, &batch(&entries), false)
            .await
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        let by_place = database.query("SELECT clerk_id FROM t WHERE clerk_id IS NOT NULL ORDER BY place").await;
        let written: Vec<String> = by_place.into_iter().flatten().flatten().collect();
        assert_eq!(written[..written.len() - 1], ids, "{place}: every row is found by its key");
        let listed: BTreeMap<Option<String>, Option<String>> =
            all_rows(&opened, &target).await.into_iter().map(|row| (row.clerk_id, row.key)).collect();
        assert_eq!(listed[&Some("user_of_null".to_owned())], None, "{place}");
        for (key, id) in &entries {
            let canonical = target.canonical_key(key);
            assert!(canonical.is_some(), "{place}: {key:?} is a key");
            assert_eq!(listed[&Some((*id).to_owned())], canonical, "{place}: {key:?}");
        }
    }
    let rows = all_rows(&opened, &target).await;
    let without_key = case.rows.iter().filter(|(_, spellings)| spellings.is_none()).count();
    assert_eq!(rows.len(), case.rows.len() + 1, "{place}: every row is listed");
    assert_eq!(rows.iter().filter(|row| row.key.is_none()).count(), without_key + 1, "{place}");
    let keys: Vec<&String> = rows.iter().filter_map(|row| row.key.as_ref()).collect();
    let distinct: std::collections::BTreeSet<&&String> = keys.iter().collect();
    assert_eq!(keys.len(), distinct.len(), "{place}: two rows never have one key: {keys:?}");
}

#[tokio::test]
async fn a_key_as_a_query_shows_it_and_as_the_table_holds_it_are_one() {
    for database in servers::all().await {
        if database.engine == Engine::Postgres {
            database.execute("CREATE EXTENSION citext; CREATE DOMAIN login AS text CHECK (VALUE <> 'x')").await;
        }
        for case in cases(database.engine) {
            check(&database, &case).await;
        }
    }
}

#[tokio::test]
async fn a_uuid_key_of_mariadb_has_one_spelling() {
    let database = servers::mariadb().await;
    let digits = UUID.replace('-', "");
    let literal = format!("'{UUID}'");
    check(&database, &case("uuid", &[(&literal, Some(&[UUID, &digits, &UUID.to_uppercase()]))])).await;
}

#[tokio::test]
async fn keys_that_no_row_can_have_are_none() {
    for database in servers::all().await {
        database
            .execute("CREATE TABLE n (id int PRIMARY KEY); CREATE TABLE s (id varchar(5) PRIMARY KEY); INSERT INTO n VALUES (1)")
            .await;
        let opened = open(&database, Access::Read).await;
        let number = target(&opened, "n", "id").await;
        for text in ["", " ", "007", "+7", "7.0", "1e3", "x", "7\0", "99999999999999999999999999999999999999999"] {
            assert_eq!(number.canonical_key(text), None, "{} {text:?}", database.engine);
        }
        let short = target(&opened, "s", "id").await;
        assert_eq!(short.canonical_key("a\0b"), None);
        assert_eq!(short.canonical_key("abcde").as_deref(), Some("abcde"));
        if database.engine != Engine::Sqlite {
            assert_eq!(short.canonical_key("abcdef"), None, "it is longer than any key");
        }
    }
}

#[tokio::test]
async fn the_column_shows_whatever_stands_in_it_and_nothing_where_it_is_missing() {
    for database in servers::all().await {
        database
            .execute(
                "CREATE TABLE t (id int PRIMARY KEY, clerk_id char(40)); \
                 INSERT INTO t VALUES (1, 'user_1'), (2, NULL), (3, 'a@b.dev'), (4, ''); \
                 CREATE TABLE bare (id int PRIMARY KEY); INSERT INTO bare VALUES (1)",
            )
            .await;
        if database.engine == Engine::Sqlite {
            database.execute("INSERT INTO t VALUES (5, x'ff'), (6, 6), (7, 1.5)").await;
        }
        let opened = open(&database, Access::Read).await;
        let rows = all_rows(&opened, &target(&opened, "t", "id").await).await;
        let held: BTreeMap<&str, Option<&str>> =
            rows.iter().map(|row| (row.key.as_deref().expect("a key"), row.clerk_id.as_deref())).collect();
        let expected = [("1", Some("user_1")), ("2", None), ("3", Some("a@b.dev")), ("4", Some(""))];
        for (key, id) in expected {
            assert_eq!(held[key], id, "{} {key}", database.engine);
        }
        for (key, id) in held.iter().filter(|(key, _)| key.parse::<u32>().is_ok_and(|key| key > 4)) {
            assert!(id.is_some_and(|id| !id.starts_with("user_")), "{key}: {id:?}");
        }
        let rows = all_rows(&opened, &target(&opened, "bare", "id").await).await;
        assert_eq!(rows, [TableRow { key: Some("1".to_owned()), clerk_id: None }], "{}", database.engine);
    }
}
