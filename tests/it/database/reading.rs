//! Rows of any query.

use db2clerk::database::{Access, QueryError, Rows};
use db2clerk::engine::Engine;
use db2clerk::row::Value;
use serde_json::json;

use super::open;
use crate::servers::{self, TestDatabase};

async fn rows(database: &TestDatabase, sql: &str) -> Rows {
    let opened = open(database, Access::Read).await;
    opened.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn refusal(database: &TestDatabase, sql: &str) -> QueryError {
    let opened = open(database, Access::Read).await;
    match opened.rows(sql).await {
        Err(error) => error,
        Ok(mut rows) => loop {
            match rows.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{}: `{sql}` was not refused", database.engine),
                Err(error) => break error,
            }
        },
    }
}

/// Checks the one value that an expression gives; values show no content, so that each is compared by itself.
async fn check(database: &TestDatabase, expression: &str, expected: &Value) {
    let mut rows = rows(database, &format!("SELECT {expression} AS v")).await;
    let row = rows.next().await.expect("a row").expect("one row");
    assert!(row[0] == *expected, "{}: {expression} gave {}", database.engine, plain(&row[0]));
    assert_eq!(rows.next().await.expect("the end"), None);
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Unreadable(text) => format!("{value:?} {text}"),
        Value::Json(json) => format!("{value:?} {json}"),
        Value::Integer(number) => format!("{value:?} {number}"),
        Value::Bytes(bytes) => format!("{value:?} {}", hex::encode(bytes)),
        other => format!("{other:?}"),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.to_owned())
}

#[tokio::test]
async fn every_postgres_type_comes_through() {
    let database = servers::postgres().await;
    database
        .execute(
            "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN address AS text; CREATE DOMAIN count AS int; \
             CREATE TYPE pair AS (a int, b text); \
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET datestyle = ''SQL, DMY''', current_database()); END $$",
        )
        .await;
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let cases = [
        (format!("'{uuid}'::uuid"), text(uuid)),
        ("'a'::text".to_owned(), text("a")),
        ("'a'::varchar(9)".to_owned(), text("a")),
        ("'happy'::mood".to_owned(), text("happy")),
        ("'x'::address".to_owned(), text("x")),
        ("7::count".to_owned(), Value::Integer(7)),
        ("true".to_owned(), Value::Bool(true)),
        ("'-32768'::int2".to_owned(), Value::Integer(-32768)),
        ("1::int4".to_owned(), Value::Integer(1)),
        ("9223372036854775807::int8".to_owned(), Value::Integer(i64::MAX.into())),
        ("4294967295::oid".to_owned(), Value::Integer(4_294_967_295)),
        ("12.340::numeric".to_owned(), decimal("12.340")),
        ("0.1::float8".to_owned(), Value::Real(0.1)),
        ("timestamp '2024-01-02 03:04:05.678'".to_owned(), text("2024-01-02 03:04:05.678")),
        ("timestamptz '2024-01-02 03:04:05+02'".to_owned(), text("2024-01-02 01:04:05+00")),
        ("timestamp 'infinity'".to_owned(), text("infinity")),
        ("timestamptz '200000-01-01 00:00:00+00'".to_owned(), text("200000-01-01 00:00:00+00")),
        ("date '0044-03-15 BC'".to_owned(), text("0044-03-15 BC")),
        ("time '01:02:03'".to_owned(), text("01:02:03")),
        ("'{\"a\": [1]}'::json".to_owned(), Value::Json(json!({"a": [1]}))),
        ("'{\"a\": 1}'::jsonb".to_owned(), Value::Json(json!({"a": 1}))),
        ("'null'::jsonb".to_owned(), Value::Json(json!(null))),
        ("ARRAY['a', 'b,c', NULL, 'NULL', '\"']".to_owned(), Value::Json(json!(["a", "b,c", null, "NULL", "\""]))),
        ("ARRAY['sad', 'happy']::mood[]".to_owned(), Value::Json(json!(["sad", "happy"]))),
        ("'{{1,2},{3,4}}'::int[]".to_owned(), Value::Json(json!([[1, 2], [3, 4]]))),
        ("'\\x00ff'::bytea".to_owned(), Value::Bytes(vec![0, 255])),
        ("'10.0.0.1'::inet".to_owned(), text("10.0.0.1")),
        ("interval '1 day 2 hours'".to_owned(), text("1 day 02:00:00")),
        ("int4range(1, 5)".to_owned(), text("[1,5)")),
        ("NULL::uuid".to_owned(), Value::Null),
        ("NULL".to_owned(), Value::Null),
        ("repeat('x', 1000000)".to_owned(), text(&"x".repeat(1_000_000))),
    ];
    for (expression, expected) in &cases {
        check(&database, expression, expected).await;
    }
    let refused = refusal(&database, "SELECT 1 AS a, ROW(1, 'x')::pair AS p").await.to_string();
    assert!(refused.contains("`p`") && refused.contains("`pair`") && refused.contains("\"p\"::text"), "{refused}");
}

#[tokio::test]
async fn text_under_another_name_is_text() {
    let database = servers::postgres().await;
    database
        .execute(
            "CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%'); CREATE DOMAIN login AS email; \
             CREATE TABLE t (a login, b login[]); INSERT INTO t VALUES ('Ada@b.dev', '{x@b.dev,y@b.dev}')",
        )
        .await;
    check(&database, "(SELECT a FROM t)", &text("Ada@b.dev")).await;
    check(&database, "(SELECT b FROM t)", &Value::Json(json!(["x@b.dev", "y@b.dev"]))).await;
    // Part of Postgres' own distribution, which some servers come without: `login` above stands for it there.
    let listed = database.query("SELECT name FROM pg_available_extensions WHERE name = 'citext'").await;
    if !listed.is_empty() {
        database
            .execute("CREATE EXTENSION citext; CREATE TABLE c (a citext); INSERT INTO c VALUES ('Ada@b.dev')")
            .await;
        check(&database, "(SELECT a FROM c)", &text("Ada@b.dev")).await;
        check(&database, "ARRAY['A', 'b']::citext[]", &Value::Json(json!(["A", "b"]))).await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_in_a_database_that_checks_nothing_is_named() {
    let database = servers::postgres().await;
    let name = database.query("SELECT current_database()").await[0][0].clone().expect("a name");
    let ascii = format!("{name}_ascii");
    database
        .execute(&format!(
            "CREATE DATABASE {ascii} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .await;
    let of_ascii = database.neighbour(&ascii);
    of_ascii.execute("CREATE TABLE t (name text); INSERT INTO t VALUES (E'J\\xF6rg')").await;
    let error = refusal(&of_ascii, "SELECT name FROM t").await;
    assert!(matches!(error, QueryError::Encoding { code: "22021" }), "{error}");
    assert!(error.to_string().contains("convert_from"), "{error}");
    let as_hinted = "(SELECT convert_from(convert(convert_to(name, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') FROM t)";
    check(&of_ascii, as_hinted, &text("Jörg")).await;
    database.execute(&format!("DROP DATABASE {ascii} WITH (FORCE)")).await;
}

#[tokio::test]
async fn every_mysql_and_mariadb_type_comes_through() {
    for database in [servers::mysql().await, servers::mariadb().await] {
        database
            .execute(
                "SET sql_mode = ''; CREATE TABLE t (a varchar(9), b text, c char(3), d tinyint(1), e bit(1), f bit(12), \
                 g bigint unsigned, h mediumint, i decimal(9,3), j double, k datetime(3), l date, m time, n year, o json, \
                 p enum('x','y'), q set('x','y'), r binary(16), s varbinary(9), u blob, v varchar(9) COLLATE utf8mb4_bin, \
                 w datetime, x longtext, y float, z smallint) CHARACTER SET utf8mb4; \
                 INSERT INTO t VALUES ('ü😀', 'b', 'c', 1, b'1', b'100000000001', 18446744073709551615, -5, 1.5, 0.5, \
                 '2024-01-02 03:04:05.678', '2024-01-02', '-01:02:03', 2024, '{\"a\": 1}', 'y', 'x,y', \
                 unhex('00ff00ff00ff00ff00ff00ff00ff00ff'), unhex('ff'), unhex('00'), 'bin', '0000-00-00 00:00:00', NULL, 2.5, 0)",
            )
            .await;
        let json = database.query("SELECT VERSION()").await[0][0].clone().expect("a version");
        let json = if json.contains("Maria") { text("{\"a\": 1}") } else { Value::Json(json!({"a": 1})) };
        let expected = [
            text("ü😀"),
            text("b"),
            text("c"),
            Value::Integer(1),
            Value::Bool(true),
            Value::Integer(2049),
            Value::Integer(u64::MAX.into()),
            Value::Integer(-5),
            decimal("1.500"),
            Value::Real(0.5),
            text("2024-01-02 03:04:05.678"),
            text("2024-01-02"),
            text("-01:02:03"),
            Value::Integer(2024),
            json,
            text("y"),
            text("x,y"),
            Value::Bytes([0, 255].repeat(8)),
            Value::Bytes(vec![255]),
            Value::Bytes(vec![0]),
            text("bin"),
            text("0000-00-00 00:00:00"),
            Value::Null,
            Value::Real(2.5),
            Value::Integer(0),
        ];
        let mut rows = rows(&database, "SELECT * FROM t; -- the end").await;
        let row = rows.next().await.expect("a row").expect("one row");
        assert_eq!(row.len(), expected.len());
        for ((column, value), expected) in rows.columns.iter().zip(&row).zip(&expected) {
            assert!(value == expected, "{} ({}) gave {}", column.name, column.type_name, plain(value));
        }
        let refused = refusal(&database, "SELECT POINT(1, 2) AS p").await.to_string();
        assert!(refused.contains("`p`") && refused.contains("ST_AsText(`p`)"), "{refused}");
    }
}

#[tokio::test]
async fn every_integer_of_mysql_comes_through_signed_and_unsigned() {
    let bits = [("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)];
    for database in [servers::mysql().await, servers::mariadb().await] {
        let columns: Vec<String> =
            bits.iter().map(|(name, _)| format!("{name}_s {name}, {name}_u {name} unsigned")).collect();
        let edge = |edge: fn(u32) -> [i128; 2]| {
            let values = bits.iter().flat_map(move |(_, bits)| edge(*bits));
            values.collect::<Vec<_>>()
        };
        let rows_expected =
            [edge(|bits| [-(1 << (bits - 1)), 0]), edge(|bits| [(1 << (bits - 1)) - 1, (1 << bits) - 1])];
        let literals = rows_expected.each_ref().map(|row| {
            let numbers: Vec<String> = row.iter().map(ToString::to_string).collect();
            format!("({})", numbers.join(", "))
        });
        database
            .execute(&format!("CREATE TABLE t ({}); INSERT INTO t VALUES {}", columns.join(", "), literals.join(", ")))
            .await;
        let mut rows = rows(&database, "SELECT * FROM t ORDER BY int_s").await;
        for expected in rows_expected {
            let row = rows.next().await.expect("a row").expect("one row");
            for ((column, value), expected) in rows.columns.iter().zip(&row).zip(expected) {
                assert!(*value == Value::Integer(expected), "{} gave {}", column.name, plain(value));
            }
        }
    }
}

#[tokio::test]
async fn sqlite_gives_what_each_cell_holds_whatever_its_column_says() {
    let database = servers::sqlite().await;
    for (expression, expected) in [
        ("1700000000000", Value::Integer(1_700_000_000_000)),
        ("0.5", Value::Real(0.5)),
        ("'2024-01-02T03:04:05Z'", text("2024-01-02T03:04:05Z")),
        ("x'00ff'", Value::Bytes(vec![0, 255])),
        ("NULL", Value::Null),
        ("''", text("")),
        ("'a' || char(0) || 'b'", text("a\0b")),
        ("CAST(x'ff41' AS TEXT)", Value::Unreadable("holds text that is not valid UTF-8".to_owned())),
    ] {
        check(&database, expression, &expected).await;
    }
    database
        .execute(
            "CREATE TABLE t (a BOOLEAN, b DATETIME, c UUID); INSERT INTO t VALUES (1, 17, 'x'), ('yes', 'now', NULL)",
        )
        .await;
    let mut rows = rows(&database, "SELECT * FROM t").await;
    assert!(rows.next().await.expect("a row") == Some(vec![Value::Integer(1), Value::Integer(17), text("x")]));
    assert!(rows.next().await.expect("a row") == Some(vec![text("yes"), text("now"), Value::Null]));
}

#[tokio::test]
async fn a_query_that_writes_is_refused_before_it_does() {
    for database in servers::all().await {
        database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
        let mut writing =
            vec!["DELETE FROM t", "UPDATE t SET a = 2", "DROP TABLE t", "COMMIT", "CREATE TABLE x (a int)", ""];
        match database.engine {
            Engine::Postgres => writing.extend([
                "DELETE FROM t RETURNING a",
                "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x",
                "DO $$ BEGIN DELETE FROM t; END $$",
                "COPY t TO STDOUT",
            ]),
            Engine::MySql => writing.extend(["TRUNCATE t", "SET GLOBAL read_only = 1"]),
            Engine::Sqlite => {
                writing.extend(["DELETE FROM t RETURNING a", "PRAGMA user_version = 5", "VACUUM INTO '/tmp/x'"]);
            }
        }
        for sql in writing {
            refusal(&database, sql).await;
        }
        assert_eq!(database.query("SELECT a FROM t").await, [[Some("1".to_owned())]]);
    }
}

#[tokio::test]
async fn a_second_statement_is_refused() {
    for database in servers::all().await {
        database.execute("CREATE TABLE t (a int)").await;
        for sql in [
            "SELECT 1; DROP TABLE t",
            "COMMIT; DROP TABLE t",
            "SELECT ';'; DROP TABLE t;",
            "SELECT 1; SELECT 2",
            "SELECT 1;/**/COMMIT;DROP TABLE t",
        ] {
            let error = refusal(&database, sql).await;
            assert!(matches!(error, QueryError::SeveralStatements), "{} {sql}: {error}", database.engine);
        }
        assert!(database.query("SELECT a FROM t").await.is_empty());
        let mut rows = rows(&database, "-- table: t\nSELECT ';' AS a; -- the end; really\n").await;
        assert!(rows.next().await.expect("a row") == Some(vec![text(";")]));
    }
}

#[tokio::test]
async fn many_rows_come_in_order_and_an_empty_result_has_columns() {
    for database in servers::all().await {
        let count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
                     SELECT i AS same, i AS same FROM n WHERE i > 0 ORDER BY i";
        let mut rows = rows(&database, count).await;
        assert_eq!(rows.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["same", "same"]);
        for number in 1..=900 {
            assert!(rows.next().await.expect("a row") == Some(vec![Value::Integer(number), Value::Integer(number)]));
        }
        assert_eq!(rows.next().await.expect("the end"), None);
        database.execute("CREATE TABLE t (a int, b int)").await;
        let mut none = self::rows(&database, "SELECT a, b FROM t").await;
        assert_eq!((none.columns.len(), none.next().await.expect("the end")), (2, None));
    }
}

#[tokio::test]
async fn a_placeholder_and_an_unknown_column_are_named() {
    for database in servers::all().await {
        let placeholder = if database.engine == Engine::Postgres { "SELECT $1::text" } else { "SELECT ?" };
        assert!(matches!(refusal(&database, placeholder).await, QueryError::Placeholder));
        database.execute("CREATE TABLE t (a int)").await;
        let error = refusal(&database, "SELECT nothing_like_it FROM t").await.to_string();
        assert!(error.contains("nothing_like_it"), "{error}");
    }
}
