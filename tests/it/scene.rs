//! An application's database, a local Clerk, and the program between them: where most stories after the first import play.

use db2clerk::simulator::{Settings, Simulator, start};
use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Program, Run};
use crate::servers::{self, TestDatabase};

pub(crate) struct Scene {
    pub(crate) database: TestDatabase,
    pub(crate) simulator: Simulator,
    pub(crate) program: Program,
}

const QUERY: &str = "-- table: users\n-- key: id\n
SELECT id AS userId, email, verified AS emailVerified, first_name, last_name, username, phone, password, role AS \"publicMetadata.role\",
    plan AS \"publicMetadata.plan\", banned, created_at, wallet AS web3Wallets FROM users ORDER BY id";

/// Two bcrypt digests; nobody signs in with them.
pub(crate) const DIGEST: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
pub(crate) const OTHER_DIGEST: &str = "$2b$04$abcdefghijklmnopqrstuuBcdOTSfIH/d5oUHpsygqV5X9xJLQc6e";

impl Scene {
    /// A SQLite database with so many users: `u1`, `u2` and so on, with verified addresses.
    pub(crate) async fn new(users: usize) -> Self {
        Self::on(servers::sqlite().await, Settings::default(), users).await
    }

    pub(crate) async fn on(database: TestDatabase, settings: Settings, users: usize) -> Self {
        database
            .execute(
                "CREATE TABLE users (id varchar(64) PRIMARY KEY, email varchar(255), verified varchar(40), first_name varchar(100),
                     last_name varchar(100), username varchar(100), phone varchar(40), password varchar(255), role varchar(40),
                     plan varchar(40), banned integer, created_at varchar(40), wallet varchar(100), clerk_id varchar(64) UNIQUE)",
            )
            .await;
        let simulator = start(settings).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        let query =
            if database.engine == db2clerk::engine::Engine::MySql { QUERY.replace('"', "`") } else { QUERY.to_owned() };
        program.write("users.sql", &query);
        let scene = Self { database, simulator, program };
        for n in 1..=users {
            scene.sign_up(&format!("u{n}")).await;
        }
        scene
    }

    /// A new row, with `<id>@example.com` for an address.
    pub(crate) async fn sign_up(&self, id: &str) {
        let values = format!("'{id}', '{id}@example.com', '1', 'First', 'Last', 'user', '2020-01-02T03:04:05Z'");
        self.database
            .execute(&format!(
                "INSERT INTO users (id, email, verified, first_name, last_name, role, created_at) VALUES ({values})"
            ))
            .await;
    }

    /// Changes one row.
    pub(crate) async fn set(&self, id: &str, what: &str) {
        self.database.execute(&format!("UPDATE users SET {what} WHERE id = '{id}'")).await;
    }

    pub(crate) async fn migrate(&self, flags: &[&str]) -> Run {
        self.program.run(&[&["migrate", "--query", "users.sql", "--yes", "--json"], flags].concat()).await
    }

    pub(crate) async fn undo(&self, flags: &[&str]) -> Run {
        self.program.run(&[&["undo", "--yes", "--json"], flags].concat()).await
    }

    /// The Clerk user with this user ID.
    #[track_caller]
    pub(crate) fn user(&self, id: &str) -> Value {
        self.find(id).unwrap_or_else(|| panic!("no Clerk user has the user ID `{id}`"))
    }

    pub(crate) fn find(&self, id: &str) -> Option<Value> {
        self.simulator.users().into_iter().find(|user| user["external_id"] == id)
    }

    #[track_caller]
    pub(crate) fn clerk_id(&self, id: &str) -> String {
        self.user(id)["id"].as_str().expect("an ID").to_owned()
    }

    /// The addresses of a user, the primary one first.
    #[track_caller]
    pub(crate) fn emails(&self, id: &str) -> Vec<String> {
        let user = self.user(id);
        let primary = user["primary_email_address_id"].clone();
        let mut emails: Vec<(bool, String)> = user["email_addresses"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|email| (email["id"] != primary, email["email_address"].as_str().expect("a text").to_owned()))
            .collect();
        emails.sort();
        emails.into_iter().map(|(_, email)| email).collect()
    }

    /// Does something in Clerk that is none of the program's doing.
    pub(crate) async fn in_clerk(&self, method: Method, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new()
            .request(method, format!("{}/v1{path}", self.simulator.url()))
            .bearer_auth("sk_live_secretkey")
            .header("user-agent", "test")
            .json(&body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    /// Somebody signs up in Clerk itself.
    pub(crate) async fn sign_up_in_clerk(&self, mut fields: Value) -> String {
        fields["skip_password_requirement"] = json!(true);
        let user = self.in_clerk(Method::POST, "/users", fields).await;
        user["id"].as_str().expect("an ID").to_owned()
    }

    pub(crate) async fn status(&self) -> Value {
        self.program.run(&["status", "--json"]).await.json()
    }

    /// What stands in the column, row by row.
    pub(crate) async fn column(&self) -> Vec<(String, Option<String>)> {
        let rows = self.database.query("SELECT id, clerk_id FROM users ORDER BY id").await;
        rows.into_iter().map(|mut row| (row[0].take().expect("an ID"), row[1].take())).collect()
    }

    /// The log lines of a user.
    pub(crate) fn log_of(&self, id: &str) -> Vec<Value> {
        self.program.log().into_iter().filter(|line| line["userId"] == id).collect()
    }
}
