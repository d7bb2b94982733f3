//! `export`: database to `users.json`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Map, json};

use super::Context;
use super::database_source;
use crate::args::{DatabaseArgs, MappingArgs, QueryArgs, SelectionArgs};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::Problem;
use crate::output::{Bar, Phase, count, duration, number, table, write_log};
use crate::record::{Reason, UserId};
use crate::scratch::{self, Cursor};
use crate::stage::Progress;
use crate::stage::export::{Exported, Files, export};
use crate::users_file::Form;

/// Writes the users of a database to a file that `db2clerk import` and Clerk's own tools read. Needs no Clerk account, and
/// reads the database only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk export --preset authjs-drizzle --output users.json")]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    mapping: MappingArgs,
    /// The file to write; `-` writes to stdout.
    #[arg(long, short, value_name = "FILE", default_value = "users.json")]
    output: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
    /// Write only what Clerk's old script reads: `userId`, `email`, `firstName`, `lastName`, `password`, `passwordHasher`, of
    /// users with a verified address.
    #[arg(long)]
    basic: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed; the output file is then as it was before.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    let started = Instant::now();
    let to_stdout = args.output.as_os_str() == "-";
    if !to_stdout && args.output.exists() && !args.force {
        return Err(anyhow!(
            "`{}` is there already\nhint: `--force` replaces it, `--output` names another file",
            args.output.display()
        ))
        .or_refuse();
    }
    let database =
        database_source::open(args.database, args.query, args.mapping, Some(args.selection), None, &context).await?;
    let mut source = database.start().await?;
    let folder = match args.output.parent() {
        _ if to_stdout => std::env::temp_dir(),
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let temporary = || {
        let file = scratch::file(&folder);
        file.with_context(|| format!("failed to make a temporary file in `{}`", folder.display())).or_refuse()
    };
    let files = Files {
        seats: temporary()?,
        claims: temporary()?,
        rivals: temporary()?,
        losers: temporary()?,
        refused: temporary()?,
    };
    let form = if args.basic { Form::Basic } else { Form::Full };
    let progress = Arc::new(Progress::default());
    let bar = Bar::start(context.console, Phase::Reading, &progress);
    let shutdown = context.shutdown.clone();
    let exported = if to_stdout {
        let exported = export(&mut source, temporary()?, files, form, &progress, shutdown).await?;
        copy_to_stdout(&exported.file)
            .context("failed to write all users to stdout: what reads it may have gone away")?;
        exported
    } else {
        let (part, file) = create_beside(&args.output)?;
        match export(&mut source, file, files, form, &progress, shutdown).await {
            Ok(exported) => {
                keep(&exported.file, &part, &args.output, args.force)?;
                exported
            }
            Err(error) => {
                // Best effort: the error that matters is the one above.
                let _ = fs::remove_file(&part);
                return Err(error.into());
            }
        }
    };
    drop(bar);
    tell(exported, to_stdout, &args.output, started, &context).await
}

/// The new file stands beside the old one under another name until it is whole.
fn create_beside(output: &Path) -> Result<(PathBuf, File)> {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = output.with_file_name(name);
    let file = new_file(&part).with_context(|| format!("failed to make `{}`", part.display()))?;
    Ok((part, file))
}

/// Makes a file, which nobody but its owner may read, where none is.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn copy_to_stdout(file: &Arc<File>) -> io::Result<()> {
    let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    io::copy(&mut Cursor::new(file, 0), &mut stdout)?;
    stdout.flush()
}

fn keep(file: &File, part: &Path, path: &Path, force: bool) -> Result<()> {
    file.sync_all().with_context(|| format!("failed to write `{}`", part.display()))?;
    // Unlike a rename, a link never replaces a file that has come to be there meanwhile.
    let placed = if force { fs::rename(part, path) } else { place(part, path, |part, path| fs::hard_link(part, path)) };
    placed.with_context(|| {
        format!(
            "failed to put `{}` in place\nhint: all users stand in `{}`, which is kept",
            path.display(),
            part.display()
        )
    })
}

/// Puts the whole file in its place, where nothing may be. Some file systems (exFAT, shared folders) know no links: there it
/// is copied.
fn place(part: &Path, path: &Path, link: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    match link(part, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => copy(part, path)?,
        linked => linked?,
    }
    // Best effort: the users are where they belong.
    let _ = fs::remove_file(part);
    Ok(())
}

fn copy(part: &Path, path: &Path) -> io::Result<()> {
    let mut from = File::open(part)?;
    let mut to = new_file(path)?;
    let copied = io::copy(&mut from, &mut to).and_then(|_| to.sync_all());
    if copied.is_err() {
        // Half a file is not left behind; the error that matters is the one above.
        drop(to);
        let _ = fs::remove_file(path);
    }
    copied
}

async fn tell(
    exported: Exported,
    to_stdout: bool,
    output: &Path,
    started: Instant,
    context: &Context,
) -> Result<Exit, Failure> {
    let invalid = exported.refused.count();
    let mut refused = exported.refused.read()?;
    let page = async |_| refused.by_ref().take(PAGE).map(|user| user.map(problem)).collect();
    let log = context.console.or_warn(write_log(&context.folder, page).await);
    let mut rows: Vec<_> =
        exported.coverage.rows().into_iter().map(|(what, users)| (what, users, String::new())).collect();
    for (what, users) in [
        ("left out: invalid", invalid),
        ("left out: on request", exported.skipped),
        ("left out: no verified e-mail address, which `--basic` needs", exported.without_verified_email),
    ] {
        if users > 0 {
            rows.push((what.to_owned(), users, String::new()));
        }
    }
    let place = if to_stdout { "stdout".to_owned() } else { format!("`{}`", output.display()) };
    let mut text = vec![format!(
        "{} of {} written to {place} in {}\n\n{}",
        number(exported.written),
        count(exported.users, "user"),
        duration(started.elapsed()),
        table::counts(&rows)
    )];
    if let Some(log) = &log {
        text.push(format!("\n\nEvery user that was left out, with the reasons: {}", log.display()));
    }
    let coverage: Map<String, serde_json::Value> =
        exported.coverage.rows().into_iter().map(|(what, users)| (what, users.into())).collect();
    let json = json!({
        "pulled": exported.users,
        "written": exported.written,
        "invalid": invalid,
        "skipped": exported.skipped,
        "withoutVerifiedEmail": exported.without_verified_email,
        "coverage": coverage,
    });
    let text = text.concat();
    if to_stdout {
        context.console.result_beside(text, &json);
    } else {
        context.console.result(text, &json);
    }
    for user_id in &exported.missing {
        context.console.warn(format!("the source has no user `{user_id}`"));
    }
    let complete = invalid == 0 && exported.without_verified_email == 0 && exported.missing.is_empty();
    Ok(if complete { Exit::Done } else { Exit::Problems })
}

/// How many refused users are logged at once.
const PAGE: usize = 500;

fn problem((user_id, reasons): (Option<UserId>, Vec<Reason>)) -> Problem {
    Problem {
        id: 0,
        user_id: user_id.map(|user_id| user_id.to_string()),
        state: "invalid".to_owned(),
        reasons,
        trace_id: None,
        attempts: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_into_its_place_with_or_without_links_and_never_replaces_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let (part, path) = (folder.path().join("users.part"), folder.path().join("users.json"));
        let no_links = |_: &Path, _: &Path| Err(io::Error::from(io::ErrorKind::PermissionDenied));
        for links in [true, false] {
            let place =
                || if links { place(&part, &path, |a, b| fs::hard_link(a, b)) } else { place(&part, &path, no_links) };
            fs::write(&part, "new").expect("written");
            fs::write(&path, "of somebody else").expect("written");
            assert_eq!(place().expect_err("something is there").kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&path).expect("it is there"), "of somebody else");
            assert!(part.exists(), "the users are kept");
            fs::remove_file(&path).expect("removed");
            place().expect("nothing is there");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), "new");
            assert!(!part.exists());
            fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn a_file_that_cannot_be_put_in_place_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.json");
        for force in [true, false] {
            let (part, file) = create_beside(&path).expect("made");
            // A folder that is not empty can be replaced by nothing.
            fs::create_dir_all(path.join("inside")).expect("made");
            let error = keep(&file, &part, &path, force).expect_err("the place is taken").to_string();
            assert!(error.contains(&part.display().to_string()) && part.exists(), "{error}");
            fs::remove_file(&part).expect("removed");
        }
    }
}
