//! `db2clerk simulator`, the command: what it prints, and that it can be used as it says.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{client, read};
use crate::program::Program;

/// The command while it serves. Dropped, it is killed: a test that fails leaves nothing behind.
struct Serving {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    _program: Program,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    /// Starts the command, and returns it with the first lines that it prints.
    async fn start(arguments: &[&str], lines: usize) -> (Self, Vec<String>) {
        let program = Program::new();
        let mut child = program.command(arguments).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its stdout"));
        let reading = spawn_blocking(move || {
            let printed = stdout.by_ref().lines().take(lines).collect::<Result<_, _>>().expect("lines of text");
            (stdout, printed)
        });
        let (stdout, printed) = reading.await.expect("the task ends");
        (Self { child, stdout: Some(stdout), _program: program }, printed)
    }

    /// Stops it as Ctrl-C does, and returns what else it printed, and its exit code.
    async fn stop(mut self) -> (String, Option<i32>) {
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill");
        assert!(told.success());
        let ending = spawn_blocking(move || {
            let mut rest = String::new();
            self.stdout.take().expect("its stdout").read_to_string(&mut rest).expect("text");
            (rest, self.child.wait().expect("an end").code())
        });
        ending.await.expect("the task ends")
    }
}

/// Asks for the instance, as the command said it can be asked.
async fn check_served(url: &str, key: &str) {
    let answer = client().get(format!("{url}/v1/instance")).bearer_auth(key).send().await.expect("an answer");
    let (status, instance) = read(answer).await;
    assert_eq!((status, &instance["environment_type"]), (200, &json!("development")));
}

#[tokio::test]
async fn with_json_it_prints_one_object_that_says_how_to_use_it() {
    let (serving, printed) = Serving::start(&["simulator", "--json"], 1).await;
    let object: Value = serde_json::from_str(&printed[0]).expect("JSON");
    let url = object["url"].as_str().expect("a URL");
    let variables =
        json!({"CLERK_API_URL": url, "CLERK_SECRET_KEY": "sk_test_simulator", "IMPORT_TO_DEV_INSTANCE": "true"});
    assert_eq!(object["variables"], variables);
    check_served(url, "sk_test_simulator").await;
    assert_eq!(serving.stop().await, (String::new(), Some(0)), "nothing else is printed");
}

#[tokio::test]
async fn the_first_line_is_the_address_and_the_second_how_to_use_it() {
    let (serving, printed) = Serving::start(&["simulator"], 2).await;
    let url = printed[0].strip_prefix("listening on ").expect("the address");
    let variables = format!("CLERK_API_URL={url} CLERK_SECRET_KEY=sk_test_simulator IMPORT_TO_DEV_INSTANCE=true");
    assert_eq!(printed[1], format!("use it: {variables}"));
    check_served(url, "sk_test_simulator").await;
    assert_eq!(serving.stop().await, (String::new(), Some(0)));
}
