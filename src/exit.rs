//! The four ways a run ends.

use std::process::ExitCode;

/// How a run ended; the exit codes of Clerk's own command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All users are done.
    Done,
    /// Some users or rows are not, or the run failed.
    Problems,
    /// The command line was wrong, or the run was refused before anything was written.
    Refused,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// Returns the process's exit code: 0, 1, 2 or 130.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Problems => 1,
            Self::Refused => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a run came to no result.
#[derive(Debug)]
pub enum Failure {
    /// It was refused before anything was written.
    Refused(anyhow::Error),
    /// It failed on the way.
    Failed(anyhow::Error),
}

impl Failure {
    /// Returns how the run ended.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::Refused,
            Self::Failed(error) if error.is::<crate::stage::Interrupted>() => Exit::Interrupted,
            Self::Failed(_) => Exit::Problems,
        }
    }

    /// Returns the error.
    #[must_use]
    pub fn error(&self) -> &anyhow::Error {
        match self {
            Self::Refused(error) | Self::Failed(error) => error,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Marks an error as a refusal: nothing was written, and the command can be mended and run again.
pub trait OrRefuse<T> {
    /// Turns the error into [`Failure::Refused`].
    ///
    /// # Errors
    /// The error, marked.
    fn or_refuse(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrRefuse<T> for Result<T, E> {
    fn or_refuse(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Refused(error.into()))
    }
}
