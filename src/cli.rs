//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

use crate::command::Command;

/// Moves the users of an Auth.js application into Clerk, straight from its database, and writes their Clerk IDs back.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true, max_term_width = 120, after_help = AFTER_HELP)]
pub struct Cli {
    /// Configuration file. [default: db2clerk.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// File of environment variables. [default: .env.local and .env, if there are any]
    #[arg(long, value_name = "FILE", global = true)]
    pub env_file: Option<PathBuf>,
    /// Print the result as one JSON object on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// Log what happens to stderr; twice: in every detail.
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Print no progress, only warnings and the result.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The command line as it was typed, without the program's name: to be shown when it is to be typed again.
    #[arg(skip)]
    pub typed: Vec<String>,
}

impl Cli {
    /// Returns the options that say which files to read, as they would be typed again; each after a space.
    #[must_use]
    pub fn options_in_words(&self) -> String {
        let files = [("--config", &self.config), ("--env-file", &self.env_file)];
        let given =
            files.into_iter().filter_map(|(flag, file)| Some(format!(" {flag} '{}'", file.as_ref()?.display())));
        given.collect()
    }
}

/// Flags whose values are secrets, or hold one, and what is shown in their place.
const SECRET_FLAGS: [(&str, &str); 2] = [("--clerk-secret-key", "KEY"), ("--database-url", "URL")];

/// Returns a command line to be typed again, quoted for a shell; secrets are left out.
#[must_use]
pub fn in_words(typed: &[String]) -> String {
    let mut words = vec!["db2clerk".to_owned()];
    let mut hidden = None;
    for word in typed {
        if let Some(shown) = hidden.take() {
            words.push(shown);
            continue;
        }
        let secret = SECRET_FLAGS
            .iter()
            .find(|(flag, _)| word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')));
        match secret {
            Some((flag, shown)) if word != flag => words.push(format!("{flag}={shown}")),
            Some((flag, shown)) => {
                words.push((*flag).to_owned());
                hidden = Some((*shown).to_owned());
            }
            None => words.push(quoted(word)),
        }
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

const AFTER_HELP: &str = "\
Try it first, with no account and no database: db2clerk demo

Exit codes:
  0    all users are done
  1    some users or rows are not, or the run failed
  2    wrong usage, or refused before anything was written
  130  interrupted";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn a_command_line_is_shown_as_it_was_typed_but_for_its_secrets() {
        let table: [(&[&str], &str); 4] = [
            (&["migrate", "--preset", "authjs-pg", "-y"], "db2clerk migrate --preset authjs-pg -y"),
            (
                &["migrate", "--database-url", "postgres://me:pw@h/db", "--clerk-secret-key=sk_live_x"],
                "db2clerk migrate --database-url URL --clerk-secret-key=KEY",
            ),
            (&["import", "my users.json"], "db2clerk import 'my users.json'"),
            (&["import", "it's", ""], r"db2clerk import 'it'\''s' ''"),
        ];
        for (typed, shown) in table {
            let typed: Vec<String> = typed.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(in_words(&typed), shown);
        }
    }

    #[test]
    fn the_definition_is_sound_and_every_option_has_help_and_every_command_an_example() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            assert!(subcommand.get_after_help().is_some(), "{} shows no example", subcommand.get_name());
            for argument in subcommand.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", subcommand.get_name(), argument.get_id());
            }
        }
    }
}
