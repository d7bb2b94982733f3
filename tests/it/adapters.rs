//! Every preset against the tables and rows of its adapter, from the database to the import user.
//!
//! Each fixture holds the same people: Ada and Cher, whose addresses a magic link proved; one user each who came by Google, by GitHub, and by
//! both; and, where the table allows it, one without an address. Whatever form an adapter stores them in, the same must come out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use db2clerk::database::{Access, Database, DatabaseUrl, TableName, column_name};
use db2clerk::engine::Engine::{self, MySql, Postgres, Sqlite};
use db2clerk::mapping::{EmailBasis, Mapped, Mapping, Options, Refused};
use db2clerk::query_file::{self, QueryFile};
use db2clerk::secret::Secret;

use crate::servers::{self, TestDatabase};

/// A fixture, the preset for it, and what differs between the fixtures.
struct Case {
    fixture: &'static str,
    preset: &'static str,
    engine: Engine,
    ada: &'static str,
    cher: &'static str,
    /// When Ada signed up, where the adapter keeps that.
    created: Option<&'static str>,
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { fixture: "pg", preset: "authjs-pg", engine: Postgres, ada: "1", cher: "5", created: None },
    Case { fixture: "prisma", preset: "authjs-prisma", engine: Postgres, ada: "cmwqyy4g60000077dm4mkb0ad", cher: "cmwqyy4kn0006077dq1ienvci", created: Some("2024-02-29T22:17:44.449Z") },
    Case { fixture: "prisma", preset: "authjs-prisma", engine: MySql, ada: "cmwqyy6kw0000377dfa34dfcb", cher: "cmwqyy6o90006377drvrk3yqn", created: Some("2024-02-29T22:17:47.208Z") },
    Case { fixture: "prisma", preset: "authjs-prisma", engine: Sqlite, ada: "cmwqyy70b0000437d379pam72", cher: "cmwqyy72m0006437demqgcz9i", created: Some("2024-02-29T22:17:47.771Z") },
    Case { fixture: "prisma-map", preset: "authjs-prisma-mapped", engine: Postgres, ada: "cmwqyy7dj00004h7d5mgcyhpz", cher: "cmwqyy7ge00064h7dc2x7132v", created: None },
    Case { fixture: "prisma-map", preset: "authjs-prisma-mapped", engine: MySql, ada: "cmwqyy87300005r7dsmy1t6lw", cher: "cmwqyy8ae00065r7duwn61ysg", created: None },
    Case { fixture: "prisma-map", preset: "authjs-prisma-mapped", engine: Sqlite, ada: "cmwqyy8ln00006i7dymx5u0ax", cher: "cmwqyy8nt00066i7dsqog3ba4", created: None },
    Case { fixture: "prisma-epoch", preset: "authjs-prisma", engine: Sqlite, ada: "cmwqyy8y800006u7dq2g7xiaa", cher: "cmwqyy90x00066u7dxcz8l5tm", created: Some("2024-02-29T22:17:50.288Z") },
    Case { fixture: "drizzle", preset: "authjs-drizzle", engine: Postgres, ada: "70e1e991-9e92-4a43-be23-788faaf7dc9c", cher: "32ba1660-335f-4fcb-9d94-88b14fb282ed", created: None },
    Case { fixture: "drizzle", preset: "authjs-drizzle", engine: MySql, ada: "2b3e4e30-217a-45bb-9d28-81258ad8b974", cher: "0167c004-365c-46e9-a807-bf0b5393aa34", created: None },
    Case { fixture: "drizzle", preset: "authjs-drizzle", engine: Sqlite, ada: "c1985677-e411-42da-8687-5d20dc41c6cf", cher: "8a89557c-9820-45fd-8ffc-ed6fe89216e6", created: None },
    Case { fixture: "typeorm", preset: "authjs-typeorm", engine: Postgres, ada: "0f1836ef-4150-45be-b563-7aa347baf9ba", cher: "bdc483d7-7314-4287-9226-c2c57359d818", created: None },
    Case { fixture: "typeorm", preset: "authjs-typeorm", engine: MySql, ada: "b796bd75-1874-4170-a230-e38c247c7a45", cher: "2ef479ac-a9ce-47de-abdf-b9511a52c5df", created: None },
    Case { fixture: "typeorm", preset: "authjs-typeorm", engine: Sqlite, ada: "53d679f3-2bb4-40e0-9a6d-7635d2772504", cher: "0e7c35dd-c5ae-4d56-95a4-962a83d17d72", created: None },
    Case { fixture: "typeorm-snake", preset: "authjs-typeorm-snake", engine: Postgres, ada: "e81106a1-1ebe-430a-b551-a7f4dc839fbf", cher: "c9af8bdb-c330-4c0b-a453-5844ae566e19", created: None },
    Case { fixture: "typeorm-snake", preset: "authjs-typeorm-snake", engine: MySql, ada: "23c0e44a-f3e8-44f1-b54d-841765cb558f", cher: "1a34d35f-e2a5-474c-a847-517d80ed2224", created: None },
    Case { fixture: "typeorm-snake", preset: "authjs-typeorm-snake", engine: Sqlite, ada: "2971b299-3341-48d6-95f7-9b221caae6d6", cher: "0f455e39-71fb-4852-8e6a-e5fbff4aebb9", created: None },
    Case { fixture: "typeorm-mariadb", preset: "authjs-typeorm", engine: MySql, ada: "5cd422f5-5c38-4ff6-be1d-3255ab8546e1", cher: "5dce1604-0f99-4492-ac1a-337e18b99806", created: None },
    Case { fixture: "sequelize", preset: "authjs-sequelize", engine: Postgres, ada: "aeb0a644-73cb-4a84-a914-08cc85886689", cher: "5bfb0a20-298f-49bf-a1ef-e623bec03493", created: None },
    Case { fixture: "sequelize", preset: "authjs-sequelize", engine: MySql, ada: "1af2a1b5-d7e0-4b9f-9e7e-f17a7c1e590b", cher: "1971d7df-2eac-47f1-9b26-83039c1039b2", created: None },
    Case { fixture: "sequelize", preset: "authjs-sequelize", engine: Sqlite, ada: "65b589eb-ff38-4b41-bb92-c5fbd01855e9", cher: "ba31179a-bb77-41c0-a15a-005ecf867ecb", created: None },
    Case { fixture: "mikro-orm", preset: "authjs-mikro-orm", engine: Postgres, ada: "c28ad2b6-192f-4f8b-819e-45b417a36107", cher: "90f2a2b3-3ab2-4882-82eb-29f40d76c13a", created: None },
    Case { fixture: "mikro-orm", preset: "authjs-mikro-orm", engine: MySql, ada: "27c2ab3b-78da-4fc3-9153-413366ab15bb", cher: "10ced3d4-c0c3-44c5-b648-0cd8684a5ce4", created: None },
    Case { fixture: "mikro-orm", preset: "authjs-mikro-orm", engine: Sqlite, ada: "0b804932-3515-4024-9fea-1ba9f0a0bf2f", cher: "b8874a43-7ee9-49d0-a309-d8e791e63b33", created: None },
    Case { fixture: "kysely", preset: "authjs-kysely", engine: Postgres, ada: "7e979e1e-cdbd-4f87-a2c5-0ae181df3165", cher: "33a26025-38e3-4007-beee-d9b5c0ba9797", created: None },
    Case { fixture: "kysely", preset: "authjs-kysely", engine: MySql, ada: "d2b73941-9595-453f-91ad-c5c0d37fa80a", cher: "d184b6c8-bbd5-4880-9509-af1a17dc8d3b", created: None },
    Case { fixture: "kysely", preset: "authjs-kysely", engine: Sqlite, ada: "73ba06ce-af7d-4c60-b282-4a6e18c28006", cher: "e6b40953-8a91-41ba-8213-739f7f22e472", created: None },
    Case { fixture: "kysely-snake", preset: "authjs-kysely-snake", engine: Postgres, ada: "6c085f14-73df-41f5-bf18-b78771b305a7", cher: "5d3d4f92-cb26-4a00-a7a1-8ac5fa35e0c1", created: None },
    Case { fixture: "kysely-snake", preset: "authjs-kysely-snake", engine: MySql, ada: "3fe8a9e3-a273-4a31-94be-48f0a007da02", cher: "cb8dc941-898a-4f4a-963e-af299f22a318", created: None },
    Case { fixture: "kysely-snake", preset: "authjs-kysely-snake", engine: Sqlite, ada: "3feec98a-9e21-47b8-8e47-2df3a437ad6b", cher: "c03e16b1-292b-47f3-a8fa-7c544f7c3ce1", created: None },
    Case { fixture: "d1", preset: "authjs-d1", engine: Sqlite, ada: "3edabea7-4177-42bb-b016-0fd1a6d5e111", cher: "e93c24b8-34ac-4561-b663-81c864f5051d", created: None },
    Case { fixture: "supabase", preset: "authjs-supabase", engine: Postgres, ada: "061604fd-61dd-4db3-95a9-c21e8d94b18d", cher: "388ff1be-c14b-47e7-b84b-29100ec27b27", created: None },
    Case { fixture: "hasura", preset: "authjs-hasura", engine: Postgres, ada: "476266c2-6757-4f10-9f8c-4dad45b8db65", cher: "eadae347-120d-4e3f-b19e-25ea5fd51bae", created: None },
    Case { fixture: "v3", preset: "authjs-v3", engine: Postgres, ada: "1", cher: "5", created: Some("2021-02-03T04:05:06.789Z") },
    Case { fixture: "v3", preset: "authjs-v3", engine: MySql, ada: "1", cher: "5", created: Some("2021-02-03T04:05:06.789Z") },
    Case { fixture: "v3", preset: "authjs-v3", engine: Sqlite, ada: "1", cher: "5", created: Some("2021-02-03T04:05:06.789Z") },
];

impl Case {
    fn path(&self) -> PathBuf {
        fixtures().join(format!("{}-{}.sql", self.fixture, self.engine))
    }

    /// Only MariaDB has the type `uuid`; MySQL refuses the very table.
    fn needs_mariadb(&self) -> bool {
        self.fixture == "typeorm-mariadb"
    }

    /// The adapter's e-mail column may be NULL, so that the fixture has a user without an address.
    fn has_a_user_without_address(&self) -> bool {
        !self.fixture.starts_with("kysely") && self.fixture != "hasura"
    }

    async fn load(&self) -> TestDatabase {
        let database = match self.engine {
            Postgres => servers::postgres().await,
            MySql if self.needs_mariadb() => servers::mariadb().await,
            MySql => servers::mysql().await,
            Sqlite => servers::sqlite().await,
        };
        let sql = std::fs::read_to_string(self.path()).expect("the fixture");
        database.execute(&sql).await;
        database
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/adapters")
}

/// Returns what the preset makes of the database, in the query's order.
async fn users(database: &TestDatabase, preset: &str, password_column: Option<&str>) -> Vec<Result<Mapped, Refused>> {
    let url = DatabaseUrl::parse(&database.url).expect("the URL of a test database");
    let database = Database::connect(&url, Access::Read).await.expect("a connection");
    let preset = query_file::preset(preset, database.engine()).expect("a preset");
    let table = TableName::parse(preset.table()).expect("a table name");
    let columns = database.columns_of(&table).await.expect("the columns");
    assert!(columns.iter().any(|column| column == preset.key()), "no key among {columns:?}");
    let query: QueryFile = preset.query(&columns, password_column);
    let mut rows = database.rows(&query.sql).await.expect(preset.name);
    let mapping = Mapping::of_columns(&rows.columns, Options::default()).expect("known columns");
    let mut users = Vec::new();
    let mut number = 0;
    while let Some(row) = rows.next().await.expect("a row") {
        number += 1;
        users.push(mapping.user(row, number));
    }
    users
}

/// Shows who a user is, which address is sent, and why it counts as verified or not.
fn summary(user: &Result<Mapped, Refused>) -> String {
    match user {
        Ok(Mapped { user, email, .. }) => {
            let address = user.email.as_ref().or(user.unverified_email_addresses.first());
            let name = [&user.first_name, &user.last_name].map(|name| name.as_deref().unwrap_or("-")).join(" ");
            format!("{} {name}: {} {}", user.user_id.as_str(), address.map_or("-", String::as_str), email.as_str())
        }
        Err(refused) => format!("{}: refused", refused.user_id.as_ref().map_or("-", |id| id.as_str())),
    }
}

async fn check(case: &Case) {
    let name = format!("{} on {}", case.fixture, case.engine);
    let users = users(&case.load().await, case.preset, None).await;

    let summaries: BTreeSet<String> = users.iter().map(summary).collect();
    let has =
        |end: &str| assert!(summaries.iter().any(|line| line.ends_with(end)), "{name}: no `{end}` in {summaries:#?}");
    has(&format!("{} Ada Lovelace: ada@example.com {}", case.ada, EmailBasis::Stated.as_str()));
    has(&format!("{} Cher -: cher@example.com {}", case.cher, EmailBasis::Stated.as_str()));
    has(&format!(" Google Only: google@example.com {}", EmailBasis::Providers.as_str()));
    has(&format!(" GitHub Only: github@example.com {}", EmailBasis::Reserved.as_str()));
    has(&format!(" Two Accounts: both@example.com {}", EmailBasis::Reserved.as_str()));
    if case.has_a_user_without_address() {
        has(": refused");
    }
    assert_eq!(users.len(), 5 + usize::from(case.has_a_user_without_address()), "{name}: {summaries:#?}");

    let ada = users.iter().flatten().find(|mapped| mapped.user.user_id.as_str() == case.ada).expect("Ada");
    assert_eq!(ada.user.created_at.as_deref(), case.created, "{name}");
}

#[tokio::test]
async fn every_adapter_on_postgres_gives_the_same_users() {
    for case in CASES.iter().filter(|case| case.engine == Postgres) {
        check(case).await;
    }
}

#[tokio::test]
async fn every_adapter_on_sqlite_gives_the_same_users() {
    for case in CASES.iter().filter(|case| case.engine == Sqlite) {
        check(case).await;
    }
}

#[tokio::test]
async fn every_adapter_on_mysql_gives_the_same_users() {
    for case in CASES.iter().filter(|case| case.engine == MySql) {
        check(case).await;
    }
}

#[tokio::test]
async fn a_password_column_and_a_creation_date_added_by_hand_come_along() {
    const DIGEST: &str = "$2a$10$TCAdtBROagbZRrkFXJeWfeqKEeGsrZ2OBPCYd97h.dI4Uppn/Bvj.";
    for case in CASES.iter().filter(|case| case.preset == "authjs-drizzle") {
        let database = case.load().await;
        let (user, password) = match case.engine {
            MySql => ("`user`", "`hashed Password`"),
            Postgres | Sqlite => ("\"user\"", "\"hashed Password\""),
        };
        for sql in [
            format!("ALTER TABLE {user} ADD COLUMN {password} varchar(255)"),
            format!("ALTER TABLE {user} ADD COLUMN created_at timestamp NULL"),
            format!(
                "UPDATE {user} SET {password} = '{DIGEST}', created_at = '2024-01-02 03:04:05' WHERE id = '{}'",
                case.ada
            ),
        ] {
            database.execute(&sql).await;
        }
        let users = users(&database, case.preset, Some(password)).await;
        let ada = users.iter().flatten().find(|mapped| mapped.user.user_id.as_str() == case.ada).expect("Ada");
        assert_eq!(ada.user.created_at.as_deref(), Some("2024-01-02T03:04:05.000Z"), "{}", case.engine);
        assert_eq!(ada.user.password.as_ref().map(Secret::expose), Some(DIGEST), "{}", case.engine);
        assert_eq!(users.iter().flatten().filter(|mapped| mapped.user.password.is_some()).count(), 1);
    }
}

#[test]
fn every_fixture_and_every_preset_is_tested() {
    let files = std::fs::read_dir(fixtures()).expect("the fixtures").map(|file| file.expect("an entry").path());
    let cases: BTreeSet<PathBuf> = CASES.iter().map(Case::path).collect();
    assert_eq!(files.collect::<BTreeSet<_>>(), cases);
    for preset in query_file::presets() {
        let tested = CASES.iter().any(|case| (case.preset, case.engine) == (preset.name, preset.engine));
        assert!(tested, "no fixture for {} on {}", preset.name, preset.engine);
        assert_eq!(column_name(preset.key()).expect("a name"), "id");
    }
}
