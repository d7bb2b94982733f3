//! What was measured, as one table: on the screen, and in `benches/RESULTS.md`.

use std::fmt::Write as _;
use std::io::{Write as _, stderr, stdout};
use std::panic::AssertUnwindSafe;

use anyhow::{Result, anyhow};
use comfy_table::{Table, presets};
use futures_util::FutureExt;

/// The published table, seen from the folder of the project.
const RESULTS: &str = "benches/RESULTS.md";

/// All that was measured, in sections.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    sections: Vec<Section>,
    failures: usize,
}

#[derive(Debug)]
struct Section {
    title: &'static str,
    note: String,
    rows: Vec<Row>,
}

/// One line of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    what: String,
    ours: String,
    beside: String,
    ratio: String,
    target: String,
    met: Option<bool>,
}

/// The same thing, measured several times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Sheet {
    /// Begins a section.
    pub(crate) fn section(&mut self, title: &'static str, note: impl Into<String>) {
        say(&format!("== {title}"));
        self.sections.push(Section { title, note: note.into(), rows: Vec::new() });
    }

    /// Awaits a measurement and adds its rows; one that fails or panics is told as such, and the next one follows.
    pub(crate) async fn attempt(&mut self, what: &str, measuring: impl Future<Output = Result<Vec<Row>>>) {
        say(what);
        let measured = caught(measuring).await;
        self.add(what, measured);
    }

    /// Adds the rows of a measurement, or that it failed.
    pub(crate) fn add(&mut self, what: &str, measured: Result<Vec<Row>>) {
        let rows = measured.unwrap_or_else(|error| {
            // On the screen only: the table goes to others.
            say(&format!("{what} FAILED: {error:#}"));
            self.failures += 1;
            vec![Row { what: what.to_owned(), ours: "failed".to_owned(), met: Some(false), ..Row::default() }]
        });
        for row in &rows {
            say(&format!("  {}", row.cells().join(" | ")));
        }
        if let Some(section) = self.sections.last_mut() {
            section.rows.extend(rows);
        }
    }

    /// How many measurements failed.
    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    /// Prints everything as one table.
    pub(crate) fn print(&self, machine: &str, runs: u32) -> Result<()> {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEADER);
        for section in &self.sections {
            table.add_row([section.title.to_uppercase()]);
            for row in &section.rows {
                table.add_row(row.cells());
            }
        }
        writeln!(stdout(), "{}\n{machine}\n\n{table}", medians(runs))?;
        for section in &self.sections {
            writeln!(stdout(), "{}: {}", section.title, section.note)?;
        }
        Ok(())
    }

    /// Writes everything to `benches/RESULTS.md`, where sections of the same titles stood before, and leaves the others as they are.
    pub(crate) fn publish(&self, machine: &str, runs: u32) -> Result<()> {
        let before = std::fs::read_to_string(RESULTS).unwrap_or_default();
        let mut sections: Vec<String> = before.split("\n## ").skip(1).map(|text| text.trim_end().to_owned()).collect();
        for section in &self.sections {
            let text = section.markdown(machine, runs)?;
            match sections.iter_mut().find(|old| old.lines().next() == Some(section.title)) {
                Some(old) => *old = text,
                None => sections.push(text),
            }
        }
        let mut text =
            "# What was measured\n\nWritten by `scripts/benchmark`, a section by one run. What stands beside \
            ours was measured in the same run.\n"
                .to_owned();
        for section in sections {
            write!(text, "\n## {section}\n")?;
        }
        Ok(std::fs::write(RESULTS, text)?)
    }
}

impl Section {
    fn markdown(&self, machine: &str, runs: u32) -> Result<String> {
        let (title, note) = (self.title, &self.note);
        let mut text = format!("{title}\n\n{note}\n\n{} {machine}\n\n| {} |\n|", medians(runs), HEADER.join(" | "));
        text.push_str(&" --- |".repeat(HEADER.len()));
        for row in &self.rows {
            write!(text, "\n| {} |", row.cells().join(" | "))?;
        }
        Ok(text)
    }
}

/// Awaits what may panic, as servers for tests do where there is none: that is a failure like any other.
pub(crate) async fn caught<T>(measuring: impl Future<Output = Result<T>>) -> Result<T> {
    let measured = AssertUnwindSafe(measuring).catch_unwind().await;
    measured.unwrap_or_else(|_| Err(anyhow!("panicked; what it said stands above")))
}

const HEADER: [&str; 6] = ["measured", "db2clerk", "beside it", "ratio", "target", "met"];

fn medians(runs: u32) -> String {
    format!("Medians of {runs} runs, and from the least to the most.")
}

/// Tells whoever waits.
pub(crate) fn say(text: &str) {
    // Nobody listens: that changes no measurement.
    let _ = writeln!(stderr(), "{text}");
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, ours: impl Into<String>) -> Self {
        Self { what: what.into(), ours: ours.into(), ..Self::default() }
    }

    /// What another program took, or what else is to be said.
    pub(crate) fn beside(mut self, beside: impl Into<String>) -> Self {
        self.beside = beside.into();
        self
    }

    pub(crate) fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = format!("{ratio:.2}");
        self
    }

    pub(crate) fn target(mut self, target: impl Into<String>, met: bool) -> Self {
        self.target = target.into();
        self.met = Some(met);
        self
    }

    fn cells(&self) -> [&str; 6] {
        let met = self.met.map_or("", |met| if met { "yes" } else { "NO" });
        [&self.what, &self.ours, &self.beside, &self.ratio, &self.target, met]
    }
}

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn median(&self) -> f64 {
        let (below, above) = (self.0.len().saturating_sub(1) / 2, self.0.len() / 2);
        let at = |at: usize| self.0.get(at).copied().unwrap_or(f64::NAN);
        f64::midpoint(at(below), at(above))
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// `98.7 s (98.5 to 99.0)`.
    pub(crate) fn seconds(&self) -> String {
        let digits = if self.median() < 10.0 { 2 } else { 1 };
        self.told(" s", |sample| format!("{sample:.digits$}"))
    }

    /// `41 MiB (40 to 42)`, of bytes.
    pub(crate) fn mebibytes(&self) -> String {
        self.told(" MiB", |sample| format!("{:.1}", sample / MEBIBYTE))
    }

    /// `0.81 ms (0.80 to 0.84)`.
    pub(crate) fn milliseconds(&self) -> String {
        self.told(" ms", |sample| format!("{sample:.1}"))
    }

    /// `2.1 % of a core (2.0 to 2.2)`.
    pub(crate) fn percent(&self, of: &str) -> String {
        self.told(&format!(" % {of}"), |sample| format!("{sample:.1}"))
    }

    /// `4,800 users a second (4,700 to 4,900)`.
    pub(crate) fn a_second(&self, what: &str) -> String {
        self.told(&format!(" {what} a second"), |sample| thousands(whole(sample)))
    }

    fn told(&self, unit: &str, tell: impl Fn(f64) -> String) -> String {
        let spread = match (self.0.first(), self.0.last()) {
            (Some(least), Some(most)) if self.0.len() > 1 => format!(" ({} to {})", tell(*least), tell(*most)),
            _ => String::new(),
        };
        format!("{}{unit}{spread}", tell(self.median()))
    }
}

/// Bytes.
pub(crate) const MEBIBYTE: f64 = 1_048_576.0;

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// As a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "far below what a float counts exactly")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "told in words")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}
