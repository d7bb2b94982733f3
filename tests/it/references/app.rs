//! An application's schema with everything that makes foreign keys hard, and rows in it. What stands in the tables is made, and
//! checked, by SQL of the tests' own.

use db2clerk::engine::Engine;

use crate::servers::TestDatabase;

/// The type of the users' key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Integer,
    Uuid,
    /// `cm...`, as Prisma makes them.
    Text,
    /// MySQL's `binary(16)`.
    Binary,
    /// Text with no room for a Clerk ID.
    Short,
}

/// The application's database.
pub(crate) struct App {
    pub(crate) database: TestDatabase,
    pub(crate) key: Key,
    pub(crate) users: u32,
    pub(crate) posts: u32,
}

/// A name that would do harm, were it not quoted.
pub(crate) const NASTY: &str = "x\"; DROP TABLE victim; --";
pub(crate) const NASTY_COLUMN: &str = "a `b` 'c' \u{2705}Id";

impl App {
    /// Makes the tables and fills them: so many users, and so many posts of theirs.
    pub(crate) async fn new(database: TestDatabase, key: Key, users: u32, posts: u32) -> Self {
        let app = Self { database, key, users, posts };
        app.make().await;
        app.fill().await;
        app
    }

    /// Quotes a name as the engine does.
    pub(crate) fn quoted(&self, name: &str) -> String {
        match self.database.engine {
            Engine::MySql => format!("`{}`", name.replace('`', "``")),
            _ => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// The type of columns that hold user IDs.
    pub(crate) fn type_name(&self) -> &'static str {
        match (self.key, self.database.engine) {
            (Key::Integer, Engine::MySql) => "int unsigned",
            (Key::Integer, _) => "integer",
            (Key::Uuid, Engine::Postgres) => "uuid",
            (Key::Uuid, Engine::MySql) => "char(36)",
            (Key::Text, Engine::MySql) => "varchar(36)",
            (Key::Binary, Engine::Postgres) => "bytea",
            (Key::Binary, Engine::MySql) => "binary(16)",
            (Key::Binary, Engine::Sqlite) => "blob",
            (Key::Short, Engine::Postgres | Engine::MySql) => "varchar(20)",
            (Key::Uuid | Key::Text | Key::Short, _) => "text",
        }
    }

    /// An expression that makes the ID of the user of a number.
    pub(crate) fn id(&self, number: &str) -> String {
        let padded = match self.database.engine {
            Engine::Postgres => format!("lpad(({number})::text, 12, '0')"),
            Engine::MySql => format!("lpad({number}, 12, '0')"),
            Engine::Sqlite => format!("printf('%012d', {number})"),
        };
        let joined = |before: &str| match self.database.engine {
            Engine::MySql => format!("concat('{before}', {padded})"),
            _ => format!("('{before}' || {padded})"),
        };
        match (self.key, self.database.engine) {
            (Key::Integer, _) => format!("({number})"),
            (Key::Uuid, Engine::Postgres) => format!("{}::uuid", joined("00000000-0000-4000-8000-")),
            (Key::Uuid, _) => joined("00000000-0000-4000-8000-"),
            (Key::Text | Key::Short, _) => joined("cm"),
            (Key::Binary, Engine::Postgres) => format!("decode({}, 'hex')", joined("00000000000040008000")),
            (Key::Binary, _) => format!("unhex({})", joined("00000000000040008000")),
        }
    }

    /// The other schema's name before a table, where there are schemas.
    pub(crate) fn shop(&self, table: &str) -> String {
        if self.database.engine == Engine::Postgres { format!("shop.{table}") } else { format!("shop_{table}") }
    }

    /// An expression of type text for a table's row numbers from 1 on.
    fn numbers(&self, most: u32) -> String {
        match self.database.engine {
            Engine::Postgres => format!("generate_series(1, {most}) AS s (n)"),
            // A join of digits: sequences are MariaDB's alone, and recursion is bounded.
            Engine::MySql => {
                let places = most.to_string().len();
                let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                    UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
                let number: Vec<String> =
                    (0..places).map(|place| format!("d{place}.d * 1{}", "0".repeat(place))).collect();
                let joined: Vec<String> = (0..places).map(|place| format!("{digits} AS d{place}")).collect();
                let (number, joined) = (number.join(" + "), joined.join(" CROSS JOIN "));
                format!("(SELECT {number} AS n FROM {joined} WHERE {number} BETWEEN 1 AND {most}) AS s")
            }
            Engine::Sqlite => format!(
                "(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {most}) SELECT n FROM c) AS s"
            ),
        }
    }

    /// Gives every user a Clerk ID, as a write-back would, that follows from its number.
    pub(crate) async fn give_clerk_ids(&self) {
        let (id, numbers) = (self.id("n"), self.numbers(self.users));
        let clerk_id = self.clerk_id("n");
        self.database
            .execute(&match self.database.engine {
                Engine::MySql => format!("UPDATE users AS u JOIN {numbers} ON u.id = {id} SET u.clerk_id = {clerk_id}"),
                _ => format!("UPDATE users AS u SET clerk_id = {clerk_id} FROM {numbers} WHERE u.id = {id}"),
            })
            .await;
    }

    /// The Clerk ID of the user of a number.
    pub(crate) fn clerk_id(&self, number: &str) -> String {
        match self.database.engine {
            Engine::MySql => format!("concat('user_', {number})"),
            _ => format!("'user_' || ({number})"),
        }
    }

    /// MySQL: the character set and the collation of the users' key, for a column of another database.
    pub(crate) async fn collation_of_users(&self) -> String {
        let question = "SELECT CONCAT('CHARACTER SET ', CHARACTER_SET_NAME, ' COLLATE ', COLLATION_NAME) \
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'users' AND COLUMN_NAME = 'id'";
        self.database.query(question).await[0][0].clone().expect("a collation")
    }

    async fn make(&self) {
        let (id, order, nasty) = (self.type_name(), self.quoted("Order"), self.quoted(NASTY));
        let (order_id, customer, nasty_column) =
            (self.quoted("orderId"), self.quoted("customerId"), self.quoted(NASTY_COLUMN));
        let memberships = self.shop("memberships");
        let text = if self.database.engine == Engine::MySql { "varchar(255)" } else { "text" };
        // Without an index on it, MySQL keeps no key of several columns.
        let any_id = if self.key == Key::Integer { "integer" } else { id };
        let schema = if self.database.engine == Engine::Postgres { "CREATE SCHEMA shop;" } else { "" };
        let any_id = if self.database.engine == Engine::MySql { id } else { any_id };
        let sql = format!(
            "{schema}
             CREATE TABLE users (id {id} NOT NULL, tenant integer NOT NULL, email {text}, invited_by {id}, clerk_id {clerk},
                 PRIMARY KEY (id), CONSTRAINT users_tenant UNIQUE (tenant, id),
                 CONSTRAINT users_inviter FOREIGN KEY (invited_by) REFERENCES users (id) ON DELETE SET NULL);
             CREATE UNIQUE INDEX users_clerk_id_key ON users (clerk_id);
             CREATE TABLE posts (id integer NOT NULL PRIMARY KEY, author_id {id} NOT NULL, title {text},
                 CONSTRAINT posts_author FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE RESTRICT);
             CREATE TABLE {order} ({order_id} integer NOT NULL PRIMARY KEY, {customer} {id},
                 CONSTRAINT {order_key} FOREIGN KEY ({customer}) REFERENCES users (id) ON UPDATE CASCADE);
             CREATE TABLE {memberships} (tenant integer NOT NULL, user_id {id} NOT NULL, role {text}, PRIMARY KEY (tenant, user_id),
                 CONSTRAINT memberships_user FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE);
             CREATE TABLE profiles (user_id {id} NOT NULL PRIMARY KEY, bio {text},
                 CONSTRAINT profiles_user FOREIGN KEY (user_id) REFERENCES users (id));
             CREATE TABLE badges (id integer NOT NULL PRIMARY KEY, profile_id {id}, name {text},
                 CONSTRAINT badges_profile FOREIGN KEY (profile_id) REFERENCES profiles (user_id));
             CREATE TABLE audit (actor {any_id}, what {text});
             CREATE TABLE tags (id integer NOT NULL PRIMARY KEY, creator_id {any_id}, label {text});
             CREATE TABLE victim (a integer);
             CREATE TABLE {nasty} (id integer NOT NULL PRIMARY KEY, {nasty_column} {id},
                 CONSTRAINT {nasty_key} FOREIGN KEY ({nasty_column}) REFERENCES users (id) ON DELETE SET NULL);
             CREATE VIEW authors AS SELECT u.email, p.title FROM posts AS p JOIN users AS u ON u.id = p.author_id",
            clerk = self.clerk_type(),
            order_key = self.quoted("Order_customerId_fkey"),
            nasty_key = self.quoted("k`\" ; fkey"),
        );
        self.database.execute(&sql).await;
    }

    fn clerk_type(&self) -> &'static str {
        if self.database.engine == Engine::MySql {
            "varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        } else {
            "text"
        }
    }

    async fn fill(&self) {
        let (users, posts) = (self.users, self.posts);
        let (order, nasty) = (self.quoted("Order"), self.quoted(NASTY));
        let (id, one, author) = (self.id("n"), self.id("1"), self.id(&format!("n % {users} + 1")));
        let (all, of_posts) = (self.numbers(users), self.numbers(posts));
        let email = if self.database.engine == Engine::MySql {
            "concat('u', n, '@example.com')"
        } else {
            "'u' || n || '@example.com'"
        };
        let sql = format!(
            "INSERT INTO users (id, tenant, email, invited_by) SELECT {id}, n % 3, {email}, NULL FROM {all};
             UPDATE users SET invited_by = {one} WHERE tenant = 1;
             INSERT INTO posts (id, author_id, title) SELECT n, {author}, 'A title' FROM {of_posts};
             INSERT INTO {order} SELECT n, CASE WHEN n % 7 = 0 THEN NULL ELSE {author} END FROM {of_posts} WHERE n % 5 = 0;
             INSERT INTO {memberships} (tenant, user_id, role) SELECT n % 3, {id}, 'member' FROM {all};
             INSERT INTO profiles (user_id, bio) SELECT {id}, 'Bio' FROM {all} WHERE n % 2 = 0;
             INSERT INTO badges (id, profile_id, name) SELECT n, {id}, 'Badge' FROM {all} WHERE n % 2 = 0;
             INSERT INTO audit (actor, what) SELECT {author}, 'did it' FROM {of_posts} WHERE n % 10 = 0;
             INSERT INTO audit (actor, what) VALUES ({gone}, 'was here'), (NULL, 'by itself');
             INSERT INTO tags (id, creator_id, label) SELECT n, {id}, 'label' FROM {all} WHERE n % 4 = 0;
             INSERT INTO tags (id, creator_id, label) VALUES (0, {gone}, 'of nobody');
             INSERT INTO {nasty} SELECT n, {id} FROM {all} WHERE n % 3 = 0",
            memberships = self.shop("memberships"),
            gone = self.id("99999999"),
        );
        self.database.execute(&sql).await;
    }
}
