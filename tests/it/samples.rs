//! The files under `samples/`: they are what their README says.

use std::path::Path;

use db2clerk::database::{Access, Database, DatabaseUrl, TableName, column_name};
use db2clerk::mapping::{ElementError, ElementMapping, Mapped, Mapping, Options};
use db2clerk::query_file;

use crate::servers::{self, TestDatabase};

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    std::fs::read_to_string(path).expect(name)
}

/// Loads a dump, and counts what its preset makes of it: users, proved addresses, passwords.
async fn check_dump(database: TestDatabase, dump: &str, preset: &str, password_column: &str) {
    database.execute(&sample(dump)).await;
    let url = DatabaseUrl::parse(&database.url).expect("a URL");
    let database = Database::connect(&url, Access::Read).await.expect("a connection");
    let preset = query_file::preset(preset, database.engine()).expect("a preset");
    let table = TableName::parse(preset.table()).expect("a table");
    let columns = database.columns_of(&table).await.expect("the columns");
    assert_eq!(query_file::password_like(&columns), Some(password_column), "{dump}");

    let column = column_name(&format!("\"{password_column}\"")).expect("a column");
    let quoted = if preset.table().starts_with('`') { format!("`{column}`") } else { format!("\"{column}\"") };
    let mut rows = database.rows(&preset.query(&columns, Some(&quoted)).sql).await.expect("rows");
    let mapping = Mapping::of_columns(&rows.columns, Options::default()).expect("known columns");
    let (mut users, mut refused, mut number) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next().await.expect("a row") {
        number += 1;
        match mapping.user(row, number) {
            Ok(Mapped { user, .. }) => users.push(user),
            Err(_) => refused += 1,
        }
    }
    assert_eq!((users.len(), refused), (10, 2), "{dump}: without an address, and with a broken one");
    assert_eq!(
        users.iter().filter(|user| user.email.is_some()).count(),
        6,
        "{dump}: five by magic link, one by Google"
    );
    assert_eq!(users.iter().filter(|user| user.password.is_some()).count(), 6, "{dump}");
    assert!(users.iter().all(|user| user.created_at.is_some()), "{dump}");
}

#[tokio::test]
async fn the_sample_databases_fit_their_presets() {
    check_dump(servers::postgres().await, "prisma-postgres.sql", "authjs-prisma", "hashedPassword").await;
    check_dump(servers::sqlite().await, "prisma-sqlite.sql", "authjs-prisma", "hashedPassword").await;
    check_dump(servers::mysql().await, "drizzle-mysql.sql", "authjs-drizzle", "password_hash").await;
}

/// Maps every element, and returns the user ID of each that is refused.
fn refused(elements: Vec<serde_json::Value>) -> Vec<String> {
    let mut mapping = ElementMapping::new(Options::default());
    let mut refused = Vec::new();
    for (element, number) in elements.into_iter().zip(1..) {
        match mapping.user(element, number) {
            Ok(_) => {}
            Err(ElementError::Refused(one)) => {
                assert!(!one.reasons.is_empty(), "element {number}");
                refused.push(one.user_id.map_or_else(String::new, |id| id.as_str().to_owned()));
            }
            Err(other) => panic!("element {number}: {other}"),
        }
    }
    refused
}

fn array(name: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(&sample(name)).expect(name)
}

#[test]
fn the_good_users_files_hold_no_bad_user() {
    assert_eq!(refused(array("users-basic.json")), [""; 0]);
    assert_eq!(refused(array("users-full.json")), [""; 0]);
    let lines = sample("users.ndjson").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(refused(lines), [""; 0]);
}

#[test]
fn every_user_of_the_bad_file_is_refused_but_those_that_only_clash_with_each_other() {
    let elements = array("users-bad.json");
    let ids = elements.iter().map(|element| element["userId"].as_str().unwrap_or_default().to_owned());
    let expected: Vec<String> = ids.filter(|id| !id.starts_with("same-address-")).collect();
    assert_eq!(refused(elements), expected);
}
