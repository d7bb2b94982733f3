//! How far it is: a bar on a terminal, a line now and then elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use super::Console;
use super::text::{count, duration, number};
use crate::stage::{BesideStep, Progress};

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
                "  {bar:30} {human_pos}/{human_len}  {msg}"
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
        let (done, total) = done_of_total(phase, &progress);
        let message = message(phase, &progress, started.elapsed());
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(message.clone());
        bar.tick();
        if let Some(console) = lines.filter(|_| Instant::now() >= next_line) {
            next_line += LINE;
            console.note(line(phase, &progress, &message));
        }
        tokio::time::sleep(REDRAW).await;
    }
}

/// How much is done, and of how much; 0, if that is not known.
fn done_of_total(phase: Phase, progress: &Progress) -> (u64, u64) {
    match phase {
        Phase::Reading | Phase::Measuring => (progress.pulled.get(), 0),
        Phase::Walking(total) => (progress.pulled.get(), total),
        Phase::Sending => (progress.sent(), progress.to_send.get()),
        Phase::Writing(total) => (rows(progress), total),
        Phase::Filling(total) => (progress.looked_at.get(), total),
        Phase::Undoing(total) => (progress.undone.get(), total),
    }
}

/// What a line says where no bar can be drawn.
fn line(phase: Phase, progress: &Progress, message: &str) -> String {
    let (done, total) = done_of_total(phase, progress);
    match phase {
        Phase::Reading | Phase::Measuring => message.to_owned(),
        Phase::Walking(_) | Phase::Sending | Phase::Writing(_) | Phase::Filling(_) | Phase::Undoing(_) => {
            format!("{}/{}  {message}", number(done), number(total))
        }
    }
}

fn rows(progress: &Progress) -> u64 {
    progress.written.get() + progress.already_right.get() + progress.not_written.get()
}

fn message(phase: Phase, progress: &Progress, elapsed: Duration) -> String {
    let (done, total) = done_of_total(phase, progress);
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
        match progress.beside_step.get() {
            BesideStep::Filling => {}
            BesideStep::Counting => parts.push("counting what is left".to_owned()),
            BesideStep::Indexing => parts.push("building the index".to_owned()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_tells_how_much_is_done_of_how_much_how_fast_and_how_long_it_takes_yet() {
        let progress = Progress::default();
        let told = |seconds| {
            let phase = Phase::Filling(10_000_000);
            line(phase, &progress, &message(phase, &progress, Duration::from_secs(seconds)))
        };
        assert_eq!(told(3), "0/10,000,000  0/s  0 rows filled");
        progress.looked_at.add(2_500_000);
        progress.beside.add(2_400_000);
        assert_eq!(told(50), "2,500,000/10,000,000  50000/s  2 min 30 s left  2,400,000 rows filled");
        progress.looked_at.add(7_500_000);
        progress.beside_step.set(BesideStep::Indexing);
        assert_eq!(told(200), "10,000,000/10,000,000  50000/s  2,400,000 rows filled  building the index");
    }
}
