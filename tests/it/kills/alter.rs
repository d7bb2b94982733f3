//! Killed while the server still alters the table: it goes on without us, beside the next run.

use std::time::Duration;

use db2clerk::engine::Engine;
use sqlx::{Connection, MySqlConnection, PgConnection};

use super::rig::{End, Rig, Toll};
use crate::servers::{self, TestDatabase};

/// A transaction of the application's that the `ALTER TABLE` has to wait for. Dropped, it is over.
enum Held {
    Postgres { _connection: PgConnection },
    MySql { _connection: MySqlConnection },
}

async fn hold(database: &TestDatabase) -> Held {
    const READ: &str = "BEGIN; SELECT * FROM users LIMIT 1";
    if database.engine == Engine::Postgres {
        let mut connection = PgConnection::connect(&database.url).await.expect("a connection");
        sqlx::raw_sql(READ).execute(&mut connection).await.expect("a read");
        Held::Postgres { _connection: connection }
    } else {
        let mut connection = MySqlConnection::connect(&database.url).await.expect("a connection");
        sqlx::raw_sql(READ).execute(&mut connection).await.expect("a read");
        Held::MySql { _connection: connection }
    }
}

/// Waits until so many statements wait for a lock.
async fn wait_for(database: &TestDatabase, waiting: u32) {
    let sql = if database.engine == Engine::Postgres {
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    } else {
        "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting for table%'"
    };
    let seen = async {
        while database.query(sql).await[0][0] != Some(waiting.to_string()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), seen).await.expect("they come to wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_server_alters_the_table_and_run_again_at_once_both_end_well() {
    for database in [servers::postgres().await, servers::mysql().await] {
        let rig = Rig::new(database, 12, Duration::ZERO).await;
        let held = hold(&rig.database).await;
        let mut killed = rig.start(None);
        wait_for(&rig.database, 1).await;
        killed.kill().expect("kill -9");
        assert_eq!(rig.end(&mut killed).await, End::Killed);
        // The server has not noticed: the first statement waits on, and the next run's behind it.
        let mut next = rig.start(None);
        wait_for(&rig.database, 2).await;
        drop(held);
        assert_eq!(rig.end(&mut next).await, End::Done, "{}", rig.database.engine);
        assert_eq!(rig.finish().await, Toll::default());
        rig.simulator.stop().await;
    }
}
