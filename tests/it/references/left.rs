//! `backfill --replace-ids` on the blog of README.md: no column that holds user IDs is left behind without a word; and what is said
//! once it is done.

use db2clerk::simulator::{Settings, Simulator, start};
use serde_json::json;

use crate::program::{Program, Run};
use crate::servers::{self, TestDatabase};

const PRESET: [&str; 2] = ["--preset", "authjs-prisma"];

/// The blog, whose users are in Clerk and bear their Clerk IDs.
struct Blog {
    database: TestDatabase,
    simulator: Simulator,
    program: Program,
}

impl Blog {
    async fn new() -> Self {
        let database = servers::sqlite().await;
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/blog-sqlite.sql");
        database.execute(&std::fs::read_to_string(sample).expect("the sample")).await;
        let simulator = start(Settings::default()).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        let blog = Self { database, simulator, program };
        blog.run("migrate", &["--write-back", "--add-column", "--yes"]).await.expect_code(0);
        blog
    }

    async fn run(&self, command: &str, flags: &[&str]) -> Run {
        self.program.run(&[&[command], &PRESET[..], flags].concat()).await
    }

    async fn replace(&self, flags: &[&str]) -> Run {
        self.run("backfill", &[&["--replace-ids"], flags].concat()).await
    }

    async fn commenters(&self) -> Vec<Vec<Option<String>>> {
        self.database.query("SELECT \"userId\" FROM \"Comment\" ORDER BY \"id\"").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_not_certain_is_left_behind_by_decision_only_and_never_called_everywhere() {
    let blog = Blog::new().await;
    blog.database.execute("INSERT INTO \"Comment\" VALUES (3, 'bye', 1, 'gone', NULL)").await;
    let before = blog.commenters().await;
    let column = "Comment.userId (66.6 % are user IDs; 1 row refers to nobody)";
    for flags in [&["--dry-run"][..], &["--sql", "look.sql"]] {
        let run = blog.replace(flags).await;
        run.expect_code(0);
        let told = format!("looks as if it referred to users, and is NOT changed: {column}");
        assert!(run.stdout.contains(&told), "{}", run.stdout);
        assert!(
            run.stdout.contains("hint: `--references 'Comment.userId'` takes it along, once rows"),
            "{}",
            run.stdout
        );
    }
    let run = blog.replace(&["--dry-run", "--json"]).await;
    let expected = json!([{
        "schema": null, "table": "Comment", "column": "userId", "filled": 3, "found": 2, "share": 2.0 / 3.0, "referToNobody": 1,
    }]);
    assert_eq!(run.json()["notChanged"], expected);

    let apply = ["--sql", "ids.sql", "--apply", "--yes"];
    let run = blog.replace(&apply).await;
    run.expect_code(2).expect_told(column).expect_told("`--references all` goes on without");
    assert!(!blog.program.path("ids.sql").exists());
    let run = blog.replace(&[&apply[..], &["--references", "Comment.userId"]].concat()).await;
    run.expect_code(2).expect_told("1 row of `Comment.userId` refers to nobody");

    let run = blog.replace(&[&apply[..], &["--references", "all"]].concat()).await;
    run.expect_code(0).expect_told(column);
    assert!(
        run.stdout
            .contains("Done: the users' IDs are Clerk IDs, in every column of the plan, and NOT in Comment.userId.")
    );
    assert!(run.stderr.contains("Plan:") && !run.stdout.contains("Plan:"), "once is enough: {}", run.stdout);
    assert_eq!(blog.commenters().await, before);
    blog.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certain_column_that_is_not_named_is_told_and_a_setting_decides_nothing() {
    let blog = Blog::new().await;
    let run = blog.replace(&["--dry-run", "--references", "Post.authorId"]).await;
    run.expect_code(0);
    assert!(run.stdout.contains("NOT changed: Comment.userId (100 % are user IDs)"), "{}", run.stdout);
    blog.program.write("db2clerk.toml", "references = [\"Post.authorId\"]");
    let apply = ["--sql", "ids.sql", "--apply", "--yes"];
    let run = blog.replace(&apply).await;
    run.expect_code(2).expect_told("Comment.userId (100 % are user IDs)");
    run.expect_told("hint: `--references 'Comment.userId'` takes it along; `--references 'Account.userId,Post.authorId,User.invitedById'`");
    let run = blog.replace(&[&apply[..], &["--references", "Comment.userId"]].concat()).await;
    run.expect_code(0);
    assert!(run.stdout.contains("in every column found to hold them"), "{}", run.stdout);
    let commenters = blog.commenters().await;
    assert!(commenters.iter().all(|row| row[0].as_ref().is_some_and(|id| id.starts_with("user_"))), "{commenters:?}");
    blog.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_ids_are_replaced_that_comes_first_and_nothing_stands_beside_them() {
    let blog = Blog::new().await;
    let apply = ["--sql", "ids.sql", "--apply", "--yes"];
    blog.replace(&apply).await.expect_code(0);
    let again = blog.replace(&apply).await;
    again
        .expect_code(2)
        .expect_told("the IDs of `User` were replaced already")
        .expect_told("the way back is `ids-back.sql`");
    again.expect_not_told("there already");
    // By the rows, whatever the ledger knows.
    blog.replace(&["--dry-run"]).await.expect_code(2).expect_told("were replaced already");

    let why = "the IDs were replaced by Clerk IDs: nothing needs to stand beside columns that refer to users";
    let commands: [(&str, &[&str]); 2] = [("backfill", &["--yes"]), ("migrate", &["--write-back", "--yes"])];
    for (command, flags) in commands {
        let run = blog.run(command, &[flags, &["--references", "all"]].concat()).await;
        run.expect_code(2).expect_told(why).expect_not_told("no column refers");
    }
    blog.program.write("db2clerk.toml", "references = [\"Account.userId\", \"Post.authorId\"]");
    for (command, flags) in commands {
        blog.run(command, flags).await.expect_code(0).expect_told(why);
    }
    blog.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_backfill_shows_the_columns_beside_and_writes_nothing() {
    let blog = Blog::new().await;
    let columns = "SELECT count(*) FROM pragma_table_info('Post')";
    let before = blog.database.query(columns).await;
    for from in ["ledger", "clerk"] {
        let run = blog.run("backfill", &["--references", "all", "--dry-run", "--from", from]).await;
        run.expect_code(0).expect_told("beside `Post.authorId`");
        assert!(run.stdout.contains("This was a dry run: nothing was written"), "{}", run.stdout);
    }
    assert_eq!(blog.database.query(columns).await, before);
    blog.database.execute("INSERT INTO \"Comment\" VALUES (3, 'bye', 1, 'gone', NULL)").await;
    let run = blog.run("backfill", &["--references", "Comment.userId", "--yes"]).await;
    run.expect_code(1);
    assert!(run.stdout.contains("1 row that refers to nobody who is there"), "{}", run.stdout);
    blog.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backfill_that_migrate_suggests_also_works_where_the_column_is_missing() {
    let blog = Blog::new().await;
    blog.database.execute("DROP INDEX \"User_clerk_id_key\"; ALTER TABLE \"User\" DROP COLUMN clerk_id").await;
    let run = blog.run("migrate", &["--yes"]).await;
    run.expect_code(0);
    assert!(run.stdout.contains("backfill --table '\"User\"' --key 'id' --add-column"), "{}", run.stdout);
    let suggested = ["backfill", "--table", "\"User\"", "--key", "id", "--add-column", "--yes"];
    for _ in ["the column is missing", "the column is there"] {
        blog.program.run(&suggested).await.expect_code(0);
    }
    blog.simulator.stop().await;
}
