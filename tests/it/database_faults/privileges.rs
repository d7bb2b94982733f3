//! A database user who may not do what was asked for: told, with the grant to give, before anything is sent.

use db2clerk::engine::Engine;

use super::{Session, WITH_WRITE_BACK, clerk, expect_all_right, fill, others, program};
use crate::program::Program;
use crate::servers::{self, TestDatabase};

/// A database user of the test's own, with the privileges given and no others.
struct Role {
    name: String,
    url: String,
}

impl Role {
    async fn with(database: &TestDatabase, privileges: &[&str]) -> Self {
        let name = format!("role_{}", database.url.rsplit('/').next().expect("a name"));
        let mut session = Session::open(database).await;
        let (make, to) = match database.engine {
            Engine::MySql => (format!("CREATE USER '{name}'@'%' IDENTIFIED BY 'secret'"), format!("'{name}'@'%'")),
            _ => (format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'"), name.clone()),
        };
        session.execute(&make).await;
        for privilege in privileges {
            session.execute(&format!("GRANT {privilege} TO {to}")).await;
        }
        let mut url = url::Url::parse(&database.url).expect("the test's URL");
        url.set_username(&name).expect("a URL with a user");
        url.set_password(Some("secret")).expect("a URL with a password");
        Self { name, url: url.to_string() }
    }

    async fn drop(self, database: &TestDatabase) {
        let name = self.name;
        database
            .execute(&match database.engine {
                Engine::MySql => format!("DROP USER '{name}'@'%'"),
                _ => format!("DROP OWNED BY {name}; DROP ROLE {name}"),
            })
            .await;
    }
}

/// Runs a migration that must be refused with these words before anything is sent or changed.
async fn check_refused(database: &TestDatabase, role: Role, arguments: &[&str], told: &[&str]) {
    let simulator = clerk().await;
    let program: Program = program(&simulator.url(), &role.url);
    let run = program.run(&[&WITH_WRITE_BACK[..], arguments].concat()).await;
    run.expect_code(2).expect_not_told("secret");
    for text in told {
        run.expect_told(text);
    }
    assert!(simulator.users().is_empty(), "{}: nothing is sent", database.engine);
    role.drop(database).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_update_nothing_is_sent_and_the_grant_is_named() {
    let database = servers::postgres().await;
    fill(&database, 3).await;
    let role = Role::with(&database, &["SELECT ON users"]).await;
    check_refused(&database, role, &[], &["permission denied for table users", "GRANT SELECT, UPDATE"]).await;
    for database in [servers::mysql().await, servers::mariadb().await] {
        fill(&database, 3).await;
        let role = Role::with(&database, &["SELECT, CREATE TEMPORARY TABLES ON *"]).await;
        check_refused(&database, role, &[], &["command denied to user", "GRANT SELECT, UPDATE"]).await;
        let role = Role::with(&database, &["SELECT, UPDATE ON *"]).await;
        check_refused(&database, role, &[], &["CREATE TEMPORARY TABLES on the database"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_add_a_column_nothing_is_sent_and_the_grant_is_named() {
    let database = servers::postgres().await;
    fill(&database, 3).await;
    database.execute("ALTER TABLE users DROP COLUMN clerk_id").await;
    let role = Role::with(&database, &["SELECT, UPDATE ON users"]).await;
    check_refused(&database, role, &["--add-column"], &["must be owner of table users", "takes its owner"]).await;
    for database in [servers::mysql().await, servers::mariadb().await] {
        fill(&database, 3).await;
        database.execute("ALTER TABLE users DROP COLUMN clerk_id").await;
        let role = Role::with(&database, &["SELECT, UPDATE, CREATE TEMPORARY TABLES ON *"]).await;
        check_refused(&database, role, &["--add-column"], &["ALTER command denied", "takes ALTER and INDEX"]).await;
        assert!(database.refuses("SELECT clerk_id FROM users").await, "no column was added");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_privileges_that_are_named_are_enough() {
    for database in [servers::postgres().await, servers::mysql().await, servers::mariadb().await] {
        let simulator = clerk().await;
        fill(&database, 20).await;
        let before = others(&database).await;
        let role = match database.engine {
            Engine::Postgres => Role::with(&database, &["SELECT, UPDATE (clerk_id) ON users"]).await,
            _ => Role::with(&database, &["SELECT, UPDATE ON users", "CREATE TEMPORARY TABLES ON *"]).await,
        };
        let program = program(&simulator.url(), &role.url);
        program.run(&WITH_WRITE_BACK).await.expect_code(0);
        expect_all_right(&database, &simulator, &before).await;
        role.drop(&database).await;
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_policy_keeps_from_us_are_refused_and_not_waited_for() {
    let (database, simulator) = (servers::postgres().await, clerk().await);
    fill(&database, 20).await;
    database
        .execute(
            "ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY all_seen ON users FOR SELECT USING (true); \
             CREATE POLICY some_changed ON users FOR UPDATE USING (id <> 4)",
        )
        .await;
    let role = Role::with(&database, &["SELECT, UPDATE ON users"]).await;
    let program = program(&simulator.url(), &role.url);
    let run = program.run(&WITH_WRITE_BACK).await;
    run.expect_code(1);
    assert_eq!(run.json()["writtenBack"], 19, "{}", run.stdout);
    let log = program.log();
    assert_eq!((&log[0]["userId"], &log[0]["state"]), (&"4".into(), &"refused".into()), "{log:?}");
    assert!(log[0]["message"].as_str().is_some_and(|text| text.contains("row security")), "{}", log[0]);
    role.drop(&database).await;
    simulator.stop().await;
}
