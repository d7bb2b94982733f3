//! Rows that are not what they were when they were read.

use db2clerk::engine::Engine;
use serde_json::json;

use super::{BACKFILL, MIGRATE, clerk, fill, held, made, others, program};
use crate::servers;

/// Refuses a change of one row, in the engine's own language.
fn refusing_trigger(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN IF NEW.id = 8 THEN RAISE EXCEPTION ''% is mine'', NEW.email; END IF; RETURN NEW; END'; \
             CREATE TRIGGER no BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION no()"
        }
        Engine::MySql => {
            "CREATE TRIGGER no BEFORE UPDATE ON users FOR EACH ROW BEGIN \
             IF NEW.id = 8 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'u8@example.com is mine'; END IF; END"
        }
        Engine::Sqlite => {
            "CREATE TRIGGER no BEFORE UPDATE ON users WHEN NEW.id = 8 BEGIN SELECT RAISE(ABORT, 'u8@example.com is mine'); END"
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_changed_since_they_were_read_are_named_and_all_others_are_written() {
    for database in servers::all().await {
        let simulator = clerk().await;
        fill(&database, 40).await;
        let program = program(&simulator.url(), &database.url);
        program.run(&MIGRATE).await.expect_code(0);
        database.execute("DELETE FROM users WHERE id = 5").await;
        database.execute("UPDATE users SET id = 1006, updated_at = updated_at WHERE id = 6").await;
        database.execute("UPDATE users SET clerk_id = 'user_Another', updated_at = updated_at WHERE id = 7").await;
        database.execute("UPDATE users SET clerk_id = 'u9@example.com', updated_at = updated_at WHERE id = 9").await;
        database.execute(refusing_trigger(database.engine)).await;
        let before = others(&database).await;
        let run = program.run(&BACKFILL).await;
        run.expect_code(1);
        for (key, expected) in [("written", 35), ("rowGone", 2), ("heldByOther", 2), ("refused", 1), ("waiting", 0)] {
            assert_eq!(run.json()[key], expected, "{}: {}", database.engine, run.stdout);
        }
        let log = program.log();
        let named: Vec<_> = log.iter().map(|line| (line["userId"].clone(), line["state"].clone())).collect();
        let expected = [("5", "row gone"), ("6", "row gone"), ("7", "held"), ("8", "refused"), ("9", "held")];
        assert_eq!(named, expected.map(|(id, state)| (json!(id), json!(state))), "{}", database.engine);
        assert!(log[2]["message"].as_str().is_some_and(|text| text.contains("`user_Another`")), "{}", log[2]);
        for words in [run.stdout.clone(), run.stderr.clone(), format!("{log:?}")] {
            assert!(!words.contains("example.com"), "what rows hold stays out of words: {words}");
        }
        let mut rows = made(&simulator);
        rows.remove("5");
        rows.remove("6");
        rows.extend([
            ("1006".to_owned(), None),
            ("7".to_owned(), Some("user_Another".to_owned())),
            ("8".to_owned(), None),
            ("9".to_owned(), Some("u9@example.com".to_owned())),
        ]);
        assert_eq!(held(&database).await, rows, "{}", database.engine);
        assert_eq!(others(&database).await, before, "{}: no other column changed", database.engine);
        simulator.stop().await;
    }
}
