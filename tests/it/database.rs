//! Tests of the database part on real servers.

mod clearing;
mod keys;
mod reading;
mod urls;
mod writing;

use db2clerk::database::{Access, Database, DatabaseUrl, TableName, Target};
use db2clerk::record::ClerkId;

use crate::servers::TestDatabase;

async fn open(database: &TestDatabase, access: Access) -> Database {
    let url = DatabaseUrl::parse(&database.url).expect("the test's URL");
    Database::connect(&url, access).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn target(database: &Database, table: &str, key: &str) -> Target {
    let table = TableName::parse(table).expect("a name");
    database.inspect(&table, key, "clerk_id").await.unwrap_or_else(|error| panic!("{error}"))
}

fn batch(entries: &[(&str, &str)]) -> Vec<(String, ClerkId)> {
    entries.iter().map(|(key, id)| ((*key).to_owned(), ClerkId::new(*id).expect("a Clerk ID"))).collect()
}
