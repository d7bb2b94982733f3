//! The checks of a script for SQLite, which stop it even if errors are not heeded.

use super::super::text;

/// The checks of a script. Each leaves a row behind if it passed.
#[derive(Default)]
pub(super) struct Checks(Vec<String>);

impl Checks {
    /// Adds a check that fails if a condition holds.
    pub(super) fn add(&mut self, condition: &str, why: &str) -> String {
        self.0.push(why.to_owned());
        format!("INSERT INTO temp.db2clerk_checks SELECT {}, coalesce({condition}, 1)", self.0.len())
    }

    /// Makes what the checks need.
    pub(super) fn begin(&self) -> [String; 2] {
        let cases = self.0.iter().enumerate().map(|(at, why)| {
            let told = text(&format!("db2clerk: {why}; nothing was changed"));
            format!("  WHEN {} THEN RAISE(ABORT, {told})\n", at + 1)
        });
        let cases: String = cases.collect();
        [
            "CREATE TEMP TABLE db2clerk_checks (number INTEGER PRIMARY KEY, failed INTEGER NOT NULL CHECK (failed = 0))".to_owned(),
            format!(
                "CREATE TEMP TRIGGER db2clerk_stop BEFORE INSERT ON db2clerk_checks WHEN NEW.failed BEGIN\n  SELECT CASE NEW.number\n\
                 {cases}  ELSE RAISE(ROLLBACK, 'db2clerk: a check failed; nothing was changed')\n  END; END"
            ),
        ]
    }

    /// The last of them: all others passed.
    pub(super) fn end(&self) -> String {
        format!(
            "INSERT OR ROLLBACK INTO temp.db2clerk_checks SELECT 0, (SELECT count(*) FROM temp.db2clerk_checks) <> {}",
            self.0.len()
        )
    }
}
