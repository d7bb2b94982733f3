//! `backfill --replace-ids --apply` on many rows, by the real binary, and looked at row by row by SQL that shares nothing with the program.
//!
//! `TEST_REFERENCES_USERS=100000` is the size that an application may have; ten posts a user.

use std::io::Write as _;
use std::time::Instant;

use db2clerk::engine::Engine;

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use crate::program::Program;
use crate::servers;

/// Counts the rows that do not hold what follows from their own numbers, table by table. `of` makes the ID of a number.
async fn wrong(app: &App, of: impl Fn(&str) -> String) -> Vec<String> {
    let author = of(&format!("t.id % {} + 1", app.users));
    let of_order = of(&format!("t.{} % {} + 1", app.quoted("orderId"), app.users));
    let (order, customer) = (app.quoted("Order"), app.quoted("customerId"));
    let (nasty, column) = (app.quoted(NASTY), app.quoted(NASTY_COLUMN));
    let (memberships, own) = (app.shop("memberships"), of("t.id"));
    let mut wrong = Vec::new();
    for from in [
        format!("posts AS t WHERE t.author_id <> {author}"),
        format!(
            "{order} AS t WHERE t.{customer} <> {of_order} OR (t.{customer} IS NULL) <> (t.{} % 7 = 0)",
            app.quoted("orderId")
        ),
        format!("badges AS t WHERE t.profile_id IS NULL OR t.profile_id <> {own}"),
        format!("{nasty} AS t WHERE t.{column} IS NULL OR t.{column} <> {own}"),
        format!("users AS t WHERE t.tenant = 1 AND (t.invited_by IS NULL OR t.invited_by <> {})", of("1")),
        "users AS t WHERE t.tenant <> 1 AND t.invited_by IS NOT NULL".to_owned(),
        format!(
            "{memberships} AS t LEFT JOIN users AS u ON u.id = t.user_id AND u.tenant = t.tenant WHERE u.id IS NULL"
        ),
        "profiles AS t LEFT JOIN users AS u ON u.id = t.user_id WHERE u.id IS NULL".to_owned(),
        "audit AS t LEFT JOIN users AS u ON u.id = t.actor WHERE t.actor IS NOT NULL AND u.id IS NULL".to_owned(),
    ] {
        let count = app.database.query(&format!("SELECT count(*) FROM {from}")).await;
        if count != [[Some("0".to_owned())]] {
            wrong.push(format!("{count:?} {from}"));
        }
    }
    wrong
}

/// How many rows every table has.
async fn sizes(app: &App) -> Vec<Option<String>> {
    let (order, nasty, memberships) = (app.quoted("Order"), app.quoted(NASTY), app.shop("memberships"));
    let mut sizes = Vec::new();
    for table in ["users", "posts", &order, &memberships, "profiles", "badges", &nasty, "audit"] {
        sizes.push(app.database.query(&format!("SELECT count(*) FROM {table}")).await[0][0].clone());
    }
    sizes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_replaced_and_brought_back_on_every_engine() {
    let users = std::env::var("TEST_REFERENCES_USERS").map_or(500, |users| users.parse().expect("a number"));
    let keys = [Key::Uuid, Key::Binary, Key::Integer];
    for (database, key) in servers::all().await.into_iter().zip(keys) {
        let app = App::new(database, key, users, users * 10).await;
        let engine = app.database.engine;
        app.give_clerk_ids().await;
        let gone = app.id("99999999");
        app.database
            .execute(&format!("DELETE FROM audit WHERE actor = {gone}; DROP TABLE tags; DROP VIEW authors"))
            .await;
        let before = sizes(&app).await;
        assert_eq!(wrong(&app, |number| app.id(number)).await, Vec::<String>::new(), "{engine}: before");
        let program = Program::new().variable("DATABASE_URL", &app.database.url);
        let mut arguments =
            vec!["backfill", "--replace-ids", "--table", "users", "--key", "id", "--references", "audit.actor"];
        arguments.extend(["--apply", "--yes", "--sql", "replace.sql"]);
        if engine == Engine::MySql {
            arguments.extend(["--ledger", "ledger.db"]);
        }
        let start = Instant::now();
        program.run(&arguments).await.expect_code(0);
        let forth = start.elapsed();
        assert_eq!(wrong(&app, |number| app.clerk_id(number)).await, Vec::<String>::new(), "{engine}: after");
        let right = "SELECT count(*) FROM users WHERE id = clerk_id AND legacy_id IS NOT NULL";
        assert_eq!(app.database.query(right).await, [[Some(users.to_string())]], "{engine}");
        assert_eq!(sizes(&app).await, before, "{engine}: after");
        let start = Instant::now();
        app.database.execute(&program.read("replace-back.sql")).await;
        let back = start.elapsed();
        assert_eq!(wrong(&app, |number| app.id(number)).await, Vec::<String>::new(), "{engine}: the way back");
        assert_eq!(sizes(&app).await, before, "{engine}: the way back");
        let told = format!("{engine} {key:?}: {users} users and {} posts in {forth:?}, back in {back:?}", app.posts);
        writeln!(std::io::stderr(), "{told}").expect("somebody to tell it to");
    }
}
