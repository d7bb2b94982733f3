//! `verify --sign-in`: Clerk's word on one password.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::new;
use crate::program::{Program, Run};
use crate::scene::Scene;

/// Asks for the sign-in of an address, with a line on stdin.
async fn sign_in(scene: &Scene, program: &Program, flags: &[&str], email: &str, line: &str) -> Run {
    let mut command = program.command(&[&["verify", "--sign-in", email], flags].concat());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the binary starts");
    // One who does not read the password has ended before it is written.
    let _ = child.stdin.take().expect("its stdin").write_all(line.as_bytes());
    let output =
        tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the task").expect("an end");
    let run = Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    };
    for (what, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        for secret in ["horse", "example.com"] {
            assert!(!text.contains(secret), "{secret} stands in {what}: {text}");
        }
    }
    scene.expect_nothing_shown(&run);
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn clerk_says_whether_the_password_is_right() {
    let scene = new().await;
    let users = scene.simulator.users();
    // No database, no query: nothing but Clerk.
    let program = Program::with_clerk(&scene.simulator);
    for (email, line, code, word, told) in [
        ("u1@example.com", "correct horse\n", 0, "right", "the password is right"),
        (" U1@example.com ", "correct horse\r\n", 0, "right", "the password is right"),
        ("u2@example.com", "correct horse", 0, "right", "the password is right"),
        ("u1@example.com", "wrong horse\n", 1, "wrong", "the password is wrong"),
        ("u1@example.com", "correct horse \n", 1, "wrong", "the password is wrong"),
        ("u3@example.com", "correct horse\n", 1, "noPassword", "has no password"),
        ("nobody@example.com", "correct horse\n", 1, "noUser", "no such user"),
    ] {
        let run = sign_in(&scene, &program, &["-vv"], email, line).await;
        run.expect_code(code);
        assert!(run.stdout.contains(told), "{email}: {}", run.stdout);
        let run = sign_in(&scene, &program, &["--json"], email, line).await;
        assert_eq!((run.code, run.json()), (code, json!({ "signIn": word })), "{email}");
    }
    sign_in(&scene, &program, &[], "u1@example.com", "\n").await.expect_code(2).expect_told("no password was given");
    let without_hashes =
        |users: Vec<Value>| users.into_iter().map(|user| user["updated_at"].clone()).collect::<Vec<_>>();
    assert_eq!(without_hashes(scene.simulator.users()), without_hashes(users), "nobody was changed");
}

/// On a terminal of its own, made by `script`: the password is asked for and not shown, and whatever ends the asking, the
/// terminal shows again what is typed.
#[cfg(target_os = "linux")]
mod on_a_terminal {
    use std::io::{Read, Write};
    use std::process::{ChildStdin, Command, Stdio};

    use crate::scene::Scene;
    use crate::verify::new;

    const PROMPT: &str = "Password (it is not shown): ";

    /// Runs the command on a terminal, types something at the prompt, and returns everything that was to be seen.
    fn at_the_prompt(scene: &Scene, typed: impl FnOnce(&mut ChildStdin)) -> String {
        let line = "trap : INT; \"$PROGRAM\" verify --sign-in u1@example.com; echo \"code $?\"; stty -a";
        let own = scene.program.command(&[]);
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--flush", "--command", line, "/dev/null"])
            .current_dir(scene.program.folder());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("SHELL", "/bin/sh");
        command.env("PROGRAM", own.get_program());
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`script` starts");
        let (mut stdin, mut stdout) = (child.stdin.take().expect("stdin"), child.stdout.take().expect("stdout"));
        let mut seen = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&seen).contains(PROMPT) {
            assert_eq!(stdout.read(&mut byte).expect("output"), 1, "no prompt: {}", String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
        typed(&mut stdin);
        stdout.read_to_end(&mut seen).expect("output");
        child.wait().expect("an end");
        String::from_utf8_lossy(&seen).into_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_typed_is_not_shown() {
        let scene = new().await;
        let seen = tokio::task::block_in_place(|| {
            at_the_prompt(&scene, |terminal| terminal.write_all(b"correct horse\n").expect("typed"))
        });
        assert!(seen.contains("the password is right") && seen.contains("code 0"), "{seen}");
        assert!(!seen.contains("horse") && !seen.contains("-echo "), "{seen}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ctrl_c_leaves_a_terminal_that_shows_what_is_typed() {
        let scene = new().await;
        let seen = tokio::task::block_in_place(|| {
            at_the_prompt(&scene, |terminal| terminal.write_all(b"half a pass\x03").expect("typed"))
        });
        assert!(seen.contains("code 130") && seen.contains("interrupted"), "{seen}");
        assert!(seen.contains(" echo ") && !seen.contains("-echo ") && !seen.contains("half"), "{seen}");
    }
}
