//! Clerk IDs out of tables again.

use db2clerk::database::{Access, Cleared, WriteError};
use db2clerk::engine::Engine;

use super::{batch, open, target};
use crate::servers;

#[tokio::test]
async fn only_the_id_given_leaves_its_row_and_nothing_else_changes() {
    for database in servers::all().await {
        // As lenient as a column can be: for its collation, all these are one text.
        let (text, column) = match database.engine {
            Engine::Postgres => ("varchar(40)", "char(40)"),
            Engine::MySql => ("varchar(40)", "varchar(40) COLLATE utf8mb4_general_ci"),
            Engine::Sqlite => ("TEXT", "TEXT COLLATE NOCASE"),
        };
        let stamp = if database.engine == Engine::MySql {
            "timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
        } else {
            "text"
        };
        database
            .execute(&format!(
                "CREATE TABLE users (id {text} PRIMARY KEY, name {text}, updated {stamp}, clerk_id {column}); \
                 INSERT INTO users SELECT id, id, '2001-02-03 04:05:06', held FROM (SELECT 'ours' AS id, 'user_abc' AS held \
                 UNION ALL SELECT 'case', 'user_ABC' UNION ALL SELECT 'other', 'user_other' UNION ALL SELECT 'mail', 'a@b.dev' \
                 UNION ALL SELECT 'empty', NULL UNION ALL SELECT 'untouched', 'user_abc') AS v"
            ))
            .await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "users", "id").await;
        let before = database.query("SELECT id, name, updated, clerk_id FROM users ORDER BY id").await;
        let entries = batch(&[
            ("ours", "user_abc"),
            ("case", "user_abc"),
            ("other", "user_abc"),
            ("mail", "user_abc"),
            ("empty", "user_abc"),
            ("zzz", "user_abc"),
        ]);
        let cleared = opened.clear_clerk_ids(&target, &entries).await.expect("the batch is taken");
        let held = |id: &str| Cleared::Held(id.to_owned());
        let others = [held("user_ABC"), held("user_other"), held("a@b.dev"), Cleared::AlreadyEmpty, Cleared::RowGone];
        let trimmed: Vec<Cleared> = cleared
            .into_iter()
            .map(|cleared| if let Cleared::Held(id) = cleared { held(id.trim_end()) } else { cleared })
            .collect();
        assert_eq!(trimmed[0], Cleared::Cleared, "{}", database.engine);
        assert_eq!(trimmed[1..], others, "{}", database.engine);
        let mut expected = before;
        for row in &mut expected {
            if row[0].as_deref() == Some("ours") {
                row[3] = None;
            }
        }
        let after = database.query("SELECT id, name, updated, clerk_id FROM users ORDER BY id").await;
        assert_eq!(after, expected, "{}", database.engine);
        let again = opened.clear_clerk_ids(&target, &entries[..1]).await.expect("the batch is taken");
        assert_eq!(again, [Cleared::AlreadyEmpty], "{}", database.engine);
    }
}

#[tokio::test]
async fn a_row_that_cannot_lose_its_id_keeps_no_other_from_losing_theirs() {
    for database in servers::all().await {
        database.execute("CREATE TABLE t (id int PRIMARY KEY, clerk_id varchar(40))").await;
        let values: Vec<String> = (0..50).map(|n| format!("({n}, 'user_{n}')")).collect();
        database.execute(&format!("INSERT INTO t VALUES {}", values.join(", "))).await;
        let trigger = match database.engine {
            Engine::Postgres => {
                "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN IF OLD.id = 7 THEN RAISE EXCEPTION ''no''; END IF; \
                 IF OLD.id = 30 THEN NEW.clerk_id := OLD.clerk_id; END IF; RETURN NEW; END'; \
                 CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION keep()"
            }
            Engine::MySql => {
                "CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW BEGIN \
                 IF OLD.id = 7 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; \
                 IF OLD.id = 30 THEN SET NEW.clerk_id = OLD.clerk_id; END IF; END"
            }
            Engine::Sqlite => {
                "CREATE TRIGGER no BEFORE UPDATE ON t WHEN OLD.id = 7 BEGIN SELECT RAISE(ABORT, 'no'); END; \
                 CREATE TRIGGER keep AFTER UPDATE ON t WHEN OLD.id = 30 AND NEW.clerk_id IS NULL \
                 BEGIN UPDATE t SET clerk_id = OLD.clerk_id WHERE id = OLD.id; END"
            }
        };
        database.execute(trigger).await;
        let opened = open(&database, Access::Write).await;
        let target = target(&opened, "t", "id").await;
        let texts: Vec<(String, String)> = (0..50).map(|n| (n.to_string(), format!("user_{n}"))).collect();
        let entries: Vec<(&str, &str)> = texts.iter().map(|(key, id)| (key.as_str(), id.as_str())).collect();
        let cleared = opened.clear_clerk_ids(&target, &batch(&entries)).await.expect("the batch as a whole is taken");
        for (n, cleared) in cleared.iter().enumerate() {
            let refused = matches!(cleared, Cleared::Refused(why) if why.contains("trigger") && !why.contains("user_"));
            let as_expected = if n == 7 || n == 30 { refused } else { *cleared == Cleared::Cleared };
            assert!(as_expected, "{} {n}: {cleared:?}", database.engine);
        }
        let left = database.query("SELECT clerk_id FROM t WHERE clerk_id IS NOT NULL ORDER BY id").await;
        assert_eq!(left, [[Some("user_7".to_owned())], [Some("user_30".to_owned())]], "{}", database.engine);
    }
}

#[tokio::test]
async fn a_database_opened_for_reading_loses_nothing() {
    for database in servers::all().await {
        database
            .execute("CREATE TABLE t (id int PRIMARY KEY, clerk_id varchar(40)); INSERT INTO t VALUES (1, 'user_1')")
            .await;
        let opened = open(&database, Access::Read).await;
        let target = target(&opened, "t", "id").await;
        let refused = opened.clear_clerk_ids(&target, &batch(&[("1", "user_1")])).await;
        assert!(matches!(refused, Err(WriteError::ReadOnly(_))), "{refused:?}");
        assert_eq!(database.query("SELECT clerk_id FROM t").await, [[Some("user_1".to_owned())]]);
    }
}
