//! Write-back, beside the best statements that somebody who knows the engine would write for this one table.

use std::time::Instant;

use anyhow::{Result, ensure};
use db2clerk::engine::Engine;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};

use crate::data::Users;
use crate::rig::{Pairs, Rig, Room};
use crate::sheet::{Row, Samples, Sheet, thousands};

const ENGINES: [(Engine, &str); 3] =
    [(Engine::Postgres, "PostgreSQL"), (Engine::MySql, "MariaDB"), (Engine::Sqlite, "SQLite")];

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = format!(
        "{} Clerk IDs into a table with a primary key and unique indexes on the address and on `clerk_id`. \
         `backfill --from ledger` writes only where nothing stands, passes by rows that others hold, reads what \
         became of each row, and notes it; the hand-written statements do none of that. PostgreSQL: UPDATE ... \
         FROM UNNEST, 10,000 rows at a time; MariaDB: a temporary table, filled by INSERTs of 5,000 rows, then \
         UPDATE ... JOIN; SQLite: a temporary table, then UPDATE ... FROM, in one transaction, which locks the whole file \
         all the while, and once more in transactions of 10,000 rows. All begin with a fresh copy of the \
         table, and with the users in the order in which the engine gives them, as a pull does.",
        thousands(rig.rows)
    );
    sheet.section("Write-back", note);
    for (engine, name) in ENGINES {
        sheet.attempt(name, beside_statements(rig, engine, name)).await;
    }
}

async fn beside_statements(rig: &Rig, engine: Engine, name: &str) -> Result<Vec<Row>> {
    let users = rig.users(engine, rig.rows).await?;
    let room = rig.room()?;
    let (ledger, pairs) = room.ledger(rig, engine, rig.rows).await?;
    let (mut ours, mut peaks, mut by_hand) = (Samples::default(), Samples::default(), Samples::default());
    let mut by_hand_in_parts = Samples::default();
    for _ in 0..rig.runs {
        let copy = Copy::make(rig, &users).await?;
        let started = Instant::now();
        Box::pin(copy.write_by_hand(&pairs)).await?;
        by_hand.push(started.elapsed().as_secs_f64());
        copy.expect_written().await?;
        copy.remove().await;
        if engine == Engine::Sqlite {
            let copy = Copy::make(rig, &users).await?;
            let started = Instant::now();
            on_sqlite(&copy.url, &pairs, 10_000).await?;
            by_hand_in_parts.push(started.elapsed().as_secs_f64());
            copy.expect_written().await?;
        }
        let copy = Copy::make(rig, &users).await?;
        copy.room.copy(&ledger, "ledger.db")?;
        let run = copy.room.program(&rig.program, "backfill", (&users, &copy.url), None)?;
        let run = run.args(["--table", copy.table, "--key", "id", "--ledger", "ledger.db", "--yes"]).run().await?;
        run.expect("written", users.rows)?;
        ours.push(run.seconds);
        peaks.push(crate::sheet::float(run.peak_bytes));
        copy.expect_written().await?;
        copy.remove().await;
    }
    let ratio = ours.median() / by_hand.median();
    let row = Row::new(format!("`backfill`, {name}"), format!("{}; {}", ours.seconds(), peaks.mebibytes()));
    let row = row.beside(by_hand.seconds()).ratio(ratio);
    let mut rows = vec![row.target("≤ 1.2 of the statements", ratio <= 1.2)];
    if engine == Engine::Sqlite {
        let ratio = ours.median() / by_hand_in_parts.median();
        let row = Row::new("the same, beside transactions of 10,000 rows", ours.seconds());
        rows.push(row.beside(by_hand_in_parts.seconds()).ratio(ratio));
    }
    Ok(rows)
}

/// A table with all users, and no Clerk ID in it.
struct Copy<'a> {
    users: &'a Users,
    url: String,
    table: &'static str,
    room: Room,
}

impl<'a> Copy<'a> {
    async fn make(rig: &Rig, users: &'a Users) -> Result<Self> {
        let room = rig.room()?;
        let (url, table) = match users.engine {
            Engine::Sqlite => (room.copied(users)?, "users"),
            engine => {
                let like = if engine == Engine::Postgres { "(LIKE users INCLUDING ALL)" } else { "LIKE users" };
                users.execute(&format!("CREATE TABLE copy {like}; INSERT INTO copy SELECT * FROM users")).await;
                users.settle().await;
                (users.url().to_owned(), "copy")
            }
        };
        Ok(Self { users, url, table, room })
    }

    async fn write_by_hand(&self, pairs: &Pairs) -> Result<()> {
        match self.users.engine {
            Engine::Postgres => on_postgres(&self.url, pairs).await,
            Engine::MySql => on_mariadb(&self.url, pairs).await,
            Engine::Sqlite => on_sqlite(&self.url, pairs, pairs.len()).await,
        }
    }

    async fn expect_written(&self) -> Result<()> {
        let condition = format!("{} WHERE clerk_id LIKE 'user_%'", self.table);
        let rows = if self.users.engine == Engine::Sqlite {
            let mut connection = SqliteConnection::connect(&self.url).await?;
            let sql = AssertSqlSafe(format!("SELECT count(*) FROM {condition}"));
            let rows: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
            u64::try_from(rows)?
        } else {
            self.users.count(&condition).await?
        };
        ensure!(rows == self.users.rows, "{rows} rows bear a Clerk ID");
        Ok(())
    }

    async fn remove(self) {
        if self.users.engine != Engine::Sqlite {
            self.users.execute("DROP TABLE copy").await;
        }
    }
}

async fn on_postgres(url: &str, pairs: &Pairs) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for batch in pairs.chunks(10_000) {
        let (keys, ids): (Vec<&str>, Vec<&str>) = batch.iter().map(|(key, id)| (key.as_str(), id.as_str())).unzip();
        let sql =
            "UPDATE copy SET clerk_id = new.clerk_id FROM unnest($1::text[]::uuid[], $2::text[]) AS new (id, clerk_id)
                   WHERE copy.id = new.id";
        sqlx::query(sql).bind(keys).bind(ids).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

async fn on_mariadb(url: &str, pairs: &Pairs) -> Result<()> {
    let mut connection = MySqlConnection::connect(url).await?;
    let sql = "CREATE TEMPORARY TABLE new (id char(36) PRIMARY KEY, clerk_id varchar(191) COLLATE utf8mb4_bin)";
    sqlx::query(sql).execute(&mut connection).await?;
    for batch in pairs.chunks(5_000) {
        sqlx::raw_sql(AssertSqlSafe(insert(batch))).execute(&mut connection).await?;
    }
    sqlx::query("UPDATE copy JOIN new USING (id) SET copy.clerk_id = new.clerk_id").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Without a key, the temporary table is read in its own order, which is that of `users`; with one it takes twice as long.
async fn on_sqlite(url: &str, pairs: &Pairs, rows_at_a_time: usize) -> Result<()> {
    let mut connection = SqliteConnection::connect(url).await?;
    sqlx::query("CREATE TEMPORARY TABLE new (id text, clerk_id text)").execute(&mut connection).await?;
    for part in pairs.chunks(rows_at_a_time) {
        let mut transaction = connection.begin().await?;
        sqlx::query("DELETE FROM new").execute(&mut *transaction).await?;
        for batch in part.chunks(500) {
            sqlx::raw_sql(AssertSqlSafe(insert(batch))).execute(&mut *transaction).await?;
        }
        sqlx::query("UPDATE users SET clerk_id = new.clerk_id FROM new WHERE users.id = new.id")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(connection.close().await?)
}

/// One statement for many rows; the IDs are of our own making.
fn insert(batch: &[(String, String)]) -> String {
    let rows: Vec<String> = batch.iter().map(|(key, id)| format!("('{key}','{id}')")).collect();
    format!("INSERT INTO new VALUES {}", rows.join(","))
}
