//! Clerk IDs beside a column that refers to users, beside the statements that somebody would write by hand for this one table.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use db2clerk::engine::Engine;

use crate::data::Users;
use crate::measured::Measured;
use crate::rig::Rig;
use crate::sheet::{Row, Samples, Sheet, caught, float, thousands};

const ENGINES: [(Engine, &str); 3] =
    [(Engine::Postgres, "PostgreSQL"), (Engine::MySql, "MariaDB"), (Engine::Sqlite, "SQLite")];

/// What runs longer than this has filled for so long that it has told how long it takes yet: a line comes every 15 seconds.
const SILENCE: f64 = 60.0;

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = format!(
        "`backfill --references posts.author_id`: a new column with the Clerk IDs of {} users beside `author_id`, and an index \
         on it. Peak of resident memory, time, and rows a second of the whole run. It fills a part of the table at a time, so \
         that nobody waits for long, counts before and after, and looks at the users' own Clerk IDs; the hand-written \
         statements (ALTER TABLE, one UPDATE with a join, CREATE INDEX) do none of that, and keep the table locked. The target \
         of the larger table is for memory, beside the smaller one's.",
        thousands(users(rig))
    );
    sheet.section("References", note);
    let made = caught(async {
        let room = rig.room()?;
        let (file, _) = room.ledger(rig, Engine::Sqlite, users(rig)).await?;
        Ok((room, file))
    });
    let (_room, ledger) = match made.await {
        Ok(made) => made,
        Err(error) => return sheet.add("a ledger with everybody in Clerk", Err(error)),
    };
    for (engine, name) in ENGINES {
        let blog = match caught(Blog::make(rig, engine, &ledger)).await {
            Ok(blog) => blog,
            Err(error) => {
                sheet.add(name, Err(error));
                continue;
            }
        };
        let mut memory = None;
        for rows in [rig.rows, rig.rows * 10] {
            let what = format!("{} rows, {name}", thousands(rows));
            sheet.attempt(&what, filled(rig, &blog, &what, rows, &mut memory)).await;
        }
        sheet.add(name, blog.remove().await.map(|()| Vec::new()));
    }
}

/// A tenth of the rows: ten posts a user, and a hundred in the larger table.
fn users(rig: &Rig) -> u64 {
    rig.rows / 10
}

/// Fills a column of so many rows. The memory it took takes the place of what the smaller table took.
async fn filled(rig: &Rig, blog: &Blog<'_>, what: &str, rows: u64, memory: &mut Option<f64>) -> Result<Vec<Row>> {
    // One statement over the larger table is nothing that anybody should run.
    let is_small = rows == rig.rows;
    let (mut seconds, mut peaks) = (Samples::default(), Samples::default());
    let (mut rates, mut by_hand) = (Samples::default(), Samples::default());
    for _ in 0..rig.runs {
        if is_small {
            blog.write_posts(rows).await?;
            let started = Instant::now();
            blog.users.execute(blog.by_hand()).await;
            by_hand.push(started.elapsed().as_secs_f64());
            blog.expect_filled(rows).await?;
        }
        blog.write_posts(rows).await?;
        let run = blog.backfill(rig, &["--references", "posts.author_id"]).await?;
        let filled = &run.json()?["references"][0]["filled"];
        ensure!(filled.as_u64() == Some(rows), "{filled} rows were filled");
        ensure!(run.seconds < SILENCE || run.stderr.contains(" left  "), "no time left was told:\n{}", run.stderr);
        blog.expect_filled(rows).await?;
        seconds.push(run.seconds);
        peaks.push(float(run.peak_bytes));
        rates.push(float(rows) / run.seconds);
    }
    let ours = format!("{}; {}; {}", seconds.seconds(), peaks.mebibytes(), rates.a_second("rows"));
    let row = Row::new(what, ours);
    let before = memory.replace(peaks.median());
    Ok(vec![if is_small {
        row.beside(by_hand.seconds()).ratio(seconds.median() / by_hand.median())
    } else {
        row.target("≤ 1.1 of the memory", before.is_some_and(|before| peaks.median() <= before * 1.1))
    }])
}

/// Users who have their Clerk IDs, and what they wrote.
struct Blog<'a> {
    users: Users,
    ledger: &'a Path,
}

impl<'a> Blog<'a> {
    async fn make(rig: &Rig, engine: Engine, ledger: &'a Path) -> Result<Self> {
        let blog = Self { users: Users::make(engine, users(rig)).await?, ledger };
        blog.backfill(rig, &[]).await?.expect("written", blog.users.rows)?;
        let (serial, email) = if engine == Engine::MySql { ("bigint", "varchar(191)") } else { ("integer", "text") };
        let numbered = format!(
            "CREATE TABLE numbered (n {serial} PRIMARY KEY, id {key}, email {email});
             INSERT INTO numbered SELECT row_number() OVER (ORDER BY email) - 1, id, email FROM users",
            key = blog.key(),
        );
        blog.users.execute(&numbered).await;
        Ok(blog)
    }

    /// The type of the users' key.
    fn key(&self) -> &'static str {
        match self.users.engine {
            Engine::Postgres => "uuid",
            Engine::MySql => "char(36)",
            Engine::Sqlite => "text",
        }
    }

    /// Makes the table of posts anew, with so many rows; the authors of those that lie together have nothing in common.
    async fn write_posts(&self, rows: u64) -> Result<()> {
        let users = self.users.rows;
        let key = self.key();
        let author = |number: &str| format!("JOIN numbered AS u ON u.n = {number} * 7919 % {users}");
        let sql = match self.users.engine {
            Engine::Postgres => format!(
                "CREATE TABLE posts (id bigint PRIMARY KEY, author_id {key} NOT NULL, title text NOT NULL);
                 INSERT INTO posts SELECT s.n, u.id, 'What somebody wrote on day ' || s.n
                     FROM generate_series(1::bigint, {rows}) AS s (n) {};
                 ALTER TABLE posts ADD FOREIGN KEY (author_id) REFERENCES users (id)",
                author("s.n")
            ),
            // Without checks, a key is added in place.
            Engine::MySql => format!(
                "CREATE TABLE posts (id bigint PRIMARY KEY, author_id {key} NOT NULL, title varchar(191) NOT NULL);
                 INSERT INTO posts SELECT seq, u.id, concat('What somebody wrote on day ', seq)
                     FROM seq_1_to_{rows} {};
                 SET foreign_key_checks = 0;
                 ALTER TABLE posts ADD FOREIGN KEY (author_id) REFERENCES users (id)",
                author("seq")
            ),
            Engine::Sqlite => format!(
                "PRAGMA foreign_keys = OFF;
                 CREATE TABLE posts (id integer PRIMARY KEY, author_id {key} NOT NULL REFERENCES users (id), title text NOT NULL);
                 WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {rows})
                 INSERT INTO posts SELECT i, u.id, 'What somebody wrote on day ' || i FROM numbers CROSS {}",
                author("i")
            ),
        };
        self.users.execute("DROP TABLE IF EXISTS posts").await;
        self.users.execute(&sql).await;
        self.users.settle().await;
        let made = self.users.count("posts").await?;
        ensure!(made == rows, "{made} posts were made");
        Ok(())
    }

    fn by_hand(&self) -> &'static str {
        match self.users.engine {
            Engine::Postgres => {
                "ALTER TABLE posts ADD COLUMN author_clerk_id text;
                 UPDATE posts SET author_clerk_id = u.clerk_id FROM users AS u WHERE u.id = author_id;
                 CREATE INDEX posts_author_clerk_id_idx ON posts (author_clerk_id)"
            }
            Engine::MySql => {
                "ALTER TABLE posts ADD COLUMN author_clerk_id varchar(191) COLLATE utf8mb4_bin;
                 UPDATE posts AS p JOIN users AS u ON u.id = p.author_id SET p.author_clerk_id = u.clerk_id;
                 CREATE INDEX posts_author_clerk_id_idx ON posts (author_clerk_id)"
            }
            Engine::Sqlite => {
                "ALTER TABLE posts ADD COLUMN author_clerk_id text;
                 UPDATE posts SET author_clerk_id = (SELECT clerk_id FROM users AS u WHERE u.id = author_id);
                 CREATE INDEX posts_author_clerk_id_idx ON posts (author_clerk_id)"
            }
        }
    }

    async fn backfill(&self, rig: &Rig, flags: &[&str]) -> Result<Measured> {
        let room = rig.room()?;
        room.copy(self.ledger, "ledger.db").context("a copy of the ledger")?;
        let program = room.program(&rig.program, "backfill", (&self.users, self.users.url()), None)?;
        let table = ["--table", "users", "--key", "id", "--ledger", "ledger.db", "--yes"];
        program.args(table).args(flags.iter().copied()).run().await
    }

    async fn expect_filled(&self, rows: u64) -> Result<()> {
        let right = "posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.author_clerk_id = u.clerk_id";
        let right = self.users.count(right).await?;
        ensure!(right == rows, "{right} rows bear the Clerk ID of their user");
        Ok(())
    }

    async fn remove(self) -> Result<()> {
        self.users.execute("DROP TABLE IF EXISTS posts; DROP TABLE numbered").await;
        Ok(())
    }
}
