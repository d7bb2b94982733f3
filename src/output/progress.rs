//! How far it is: a bar on a terminal, a line now and then elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use super::Console;
use super::text::{count, duration, number};
use crate::stage::Progress;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading the source; how much there is, is not known.
    Reading,
    /// Looking at columns; how many there are, is not known.
    Measuring,
    /// Reading the users of Clerk; so many.
    Walking(u64),
    /// Sending users and writing IDs back.
    Sending,
    /// Writing IDs back only; so many.
    Writing(u64),
    /// Putting Clerk IDs beside columns that refer to users; so many rows.
    Filling(u64),
    /// Deleting users; so many.
    Undoing(u64),
}

/// Shows progress until it is dropped.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    ticking: JoinHandle<()>,
}

/// How often a terminal is redrawn, and how often a line is printed elsewhere.
const REDRAW: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(15);

impl Bar {
    /// Begins to show what happens in `progress`.
    #[must_use]
    pub fn start(console: Console, phase: Phase, progress: &Arc<Progress>) -> Self {
        let bar = if console.shows_progress() && console.is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(match phase {
            Phase::Reading | Phase::Measuring => "  {spinner} {msg}",
            Phase::Walking(_) | Phase::Sending | Phase::Writing(_) | Phase::Filling(_) | Phase::Undoing(_) => {
                "  {bar:30} {pos}/{len}  {msg}"
            }
        }) {
            bar.set_style(style);
        }
        let lines = console.shows_progress() && !console.is_terminal();
        let ticking = tokio::spawn(tick(bar.clone(), phase, Arc::clone(progress), lines.then_some(console)));
        Self { bar, ticking }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.ticking.abort();
        self.bar.finish_and_clear();
    }
}

async fn tick(bar: ProgressBar, phase: Phase, progress: Arc<Progress>, lines: Option<Console>) {
    let started = Instant::now();
    let mut next_line = started + LINE;
    loop {
        let (done, total) = match phase {
            Phase::Reading | Phase::Measuring => (progress.pulled.get(), 0),
            Phase::Walking(total) => (progress.pulled.get(), total),
            Phase::Sending => (progress.sent(), progress.to_send.get()),
            Phase::Writing(total) => (rows(&progress), total),
            Phase::Filling(total) => (progress.looked_at.get(), total),
            Phase::Undoing(total) => (progress.undone.get(), total),
        };
        let message = message(phase, &progress, done, total, started.elapsed());
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(message.clone());
        bar.tick();
        if let Some(console) = lines.filter(|_| Instant::now() >= next_line) {
            next_line += LINE;
            match phase {
                Phase::Reading | Phase::Measuring => console.note(message),
                Phase::Walking(_) | Phase::Sending | Phase::Writing(_) | Phase::Filling(_) | Phase::Undoing(_) => {
                    console.note(format!("{}/{}  {message}", number(done), number(total)));
                }
            }
        }
        tokio::time::sleep(REDRAW).await;
    }
}

fn rows(progress: &Progress) -> u64 {
    progress.written.get() + progress.already_right.get() + progress.not_written.get()
}

fn message(phase: Phase, progress: &Progress, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = per_second(done, elapsed);
    if phase == Phase::Measuring {
        return format!("{} looked at", count(done, "column"));
    }
    if phase == Phase::Reading {
        return format!("{} read, {rate:.0}/s", count(done, "user"));
    }
    let mut parts = vec![format!("{rate:.0}/s")];
    if rate > 0.0 && total > done {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = Duration::from_secs_f64(((total - done) as f64 / rate).min(1e9));
        parts.push(format!("{} left", duration(left)));
    }
    if matches!(phase, Phase::Filling(_)) {
        parts.push(format!("{} filled", count(progress.beside.get(), "row")));
        return parts.join("  ");
    }
    let problems = progress.conflicts.get() + progress.rejected.get();
    for (how_many, what) in [
        (problems, "not accepted"),
        (progress.put_off.get(), "put off"),
        (progress.written.get(), "written back"),
        (progress.not_written.get(), "rows left alone"),
    ] {
        if how_many > 0 {
            parts.push(format!("{} {what}", number(how_many)));
        }
    }
    parts.join("  ")
}

fn per_second(done: u64, elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with no digit after the point")]
    let done = done as f64;
    done / elapsed.as_secs_f64().max(0.001)
}
