//! The blog of README.md, "Foreign keys": its commands are run as they stand there, and tell and do what it says.

use std::path::Path;

use db2clerk::simulator::{Settings, Simulator, start};

use crate::program::Program;
use crate::servers::{self, TestDatabase};

/// A row that the table in README.md shows: what it is called there, its table, which row it is, and the columns that tell.
type Shown = (&'static str, &'static str, &'static str, &'static [&'static str]);

const SHOWN: [Shown; 5] = [
    ("Ann", "User", "name = 'Ann'", &["id", "invitedById", "clerk_id", "invitedByClerkId", "legacy_id"]),
    ("Bob", "User", "name = 'Bob'", &["id", "invitedById", "clerk_id", "invitedByClerkId", "legacy_id"]),
    ("Bob's account", "Account", "provider = 'google'", &["userId", "userClerkId"]),
    ("Ann's post", "Post", "id = 1", &["authorId", "authorClerkId"]),
    ("Bob's comment", "Comment", "id = 1", &["userId", "userClerkId"]),
];

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The lines of README.md about the blog, each with the language of the block it stands in.
fn lines(readme: &str) -> Vec<(&str, &str)> {
    let (_, after) = readme.split_once("### A blog, taken through each way\n").expect("the part about the blog");
    let (part, _) = after.split_once("\n### ").expect("another part after it");
    let mut block = "";
    let mut lines = Vec::new();
    for line in part.lines() {
        match line.strip_prefix("```") {
            Some(language) => block = language,
            None => lines.push((block, line)),
        }
    }
    lines
}

/// Calls Clerk's users as README.md calls them.
fn named(text: &str, simulator: &Simulator) -> String {
    let mut named = text.to_owned();
    for user in simulator.users() {
        let id = user["id"].as_str().expect("a Clerk ID");
        named = named.replace(id, if user["external_id"] == "cm1" { "user_A" } else { "user_B" });
    }
    named
}

/// What each of the rows holds now, as the table in README.md writes it: `clerk_id` and so on, each with its value.
async fn held(blog: &TestDatabase, simulator: &Simulator) -> Vec<String> {
    let mut held = Vec::new();
    for (_, table, row, columns) in SHOWN {
        let mut cells = Vec::new();
        for column in columns {
            let there =
                blog.query(&format!("SELECT 1 FROM pragma_table_info('{table}') WHERE name = '{column}'")).await;
            if there.is_empty() {
                continue;
            }
            let value = blog.query(&format!("SELECT \"{column}\" FROM \"{table}\" WHERE {row}")).await;
            if let Some(value) = &value[0][0] {
                cells.push(format!("`{column}` {}", named(value, simulator)));
            }
        }
        held.push(cells.join(", "));
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blog_of_the_readme_comes_out_of_each_way_as_it_says() {
    let readme = file("README.md");
    let lines = lines(&readme);
    let blog = servers::sqlite().await;
    blog.execute(&file("samples/blog-sqlite.sql")).await;
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &blog.url);
    let path = blog.url.strip_prefix("sqlite:").expect("a file");

    let mut told = String::new();
    let mut ways = vec![held(&blog, &simulator).await];
    for (_, line) in lines.iter().filter(|(block, line)| *block == "sh" && line.starts_with("db2clerk ")) {
        let (command, way) = line.split_once('#').unwrap_or((line, ""));
        if way.trim() == "4" {
            std::fs::copy(path, program.path("after-3.db")).expect("a copy");
        } else if way.trim() == "5" {
            std::fs::copy(program.path("after-3.db"), path).expect("what 3 left");
        }
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let run = program.run(&arguments).await;
        run.expect_code(0);
        told += &run.stdout;
        let now = held(&blog, &simulator).await;
        if ["3", "4", "5"].contains(&way.trim()) {
            ways.push(now);
        } else {
            assert_eq!(now, ways[0], "`{line}` changes nothing in the database");
        }
    }
    assert_eq!(ways.len(), 4, "README.md shows each way");
    for (row, (name, table, ..)) in SHOWN.iter().enumerate() {
        let cells: Vec<&str> = ways.iter().map(|way| way[row].as_str()).collect();
        let expected = format!("| `{table}`: {name} | {} |", cells.join(" | "));
        assert!(lines.iter().any(|(_, line)| *line == expected), "README.md must have the line\n{expected}");
    }
    for (_, line) in lines.iter().filter(|(block, _)| *block == "text") {
        assert!(told.lines().any(|other| other.trim_end() == *line), "`{line}` is not told:\n{told}");
    }
    simulator.stop().await;
}
