//! Whom a ledger belongs to: one Clerk instance, one source.

use sqlx::Row;

use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};

/// The Clerk instance and the source of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    /// Clerk's ID of the instance, `ins_...`.
    pub instance_id: String,
    /// Whether it is a production instance.
    pub production: bool,
    /// Where its users come from.
    pub source: Source,
}

/// A source, as a ledger remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The database (`postgres db.example.com:5432/app`), or [`Source::USERS_FILE`].
    pub name: String,
    /// The users table, if it is known.
    pub table: Option<String>,
}

impl Source {
    /// The name of every users file: which one it was does not matter, for they carry the users of one application.
    pub const USERS_FILE: &'static str = "a users file";

    /// Returns the source of users that come from a file.
    #[must_use]
    pub fn users_file() -> Self {
        Self { name: Self::USERS_FILE.to_owned(), table: None }
    }

    fn fits(&self, asked: &Self) -> bool {
        let tables_fit = match (&self.table, &asked.table) {
            (Some(own), Some(asked)) => own == asked,
            _ => true,
        };
        self.name == asked.name && tables_fit
    }

    /// Returns the source in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.table {
            Some(table) => format!("`{}`, table `{table}`", self.name),
            None if self.name == Self::USERS_FILE => self.name.clone(),
            None => format!("`{}`", self.name),
        }
    }
}

impl Ledger {
    /// Makes the ledger belong to this instance and source if it belongs to nobody yet, and else checks that it does.
    ///
    /// # Errors
    /// [`LedgerError::OtherInstance`] or [`LedgerError::OtherSource`], if it belongs elsewhere.
    pub async fn claim(&self, asked: &Belonging) -> Result<(), LedgerError> {
        let Some(own) = self.belonging().await? else {
            self.write_belonging(asked).await?;
            return self.note_in_use();
        };
        self.note_in_use()?;
        self.check_own_instance(&own, &asked.instance_id)?;
        self.check_source(&own.source, &asked.source)?;
        if own.source.table.is_none() && asked.source.table.is_some() {
            sqlx::query("UPDATE belonging SET source_table = ?")
                .bind(&asked.source.table)
                .execute(&mut *self.connection().await)
                .await
                .map_err(self.failed("write"))?;
        }
        Ok(())
    }

    /// Checks that the ledger belongs to this Clerk instance.
    ///
    /// # Errors
    /// [`LedgerError::OtherInstance`], if it belongs to another one.
    pub async fn check_instance(&self, instance_id: &str) -> Result<(), LedgerError> {
        match self.belonging().await? {
            Some(own) => self.check_own_instance(&own, instance_id),
            None => Ok(()),
        }
    }

    fn check_own_instance(&self, own: &Belonging, asked: &str) -> Result<(), LedgerError> {
        if own.instance_id == asked {
            return Ok(());
        }
        let path = self.path().to_owned();
        Err(LedgerError::OtherInstance { path, ledger: own.instance_id.clone(), key: asked.to_owned() })
    }

    fn check_source(&self, own: &Source, asked: &Source) -> Result<(), LedgerError> {
        if own.fits(asked) {
            return Ok(());
        }
        Err(LedgerError::OtherSource { path: self.path().to_owned(), ledger: own.describe(), asked: asked.describe() })
    }

    /// Checks that the users of this ledger may have come from this database: they did, or they came from a file.
    ///
    /// # Errors
    /// [`LedgerError::OtherSource`], if they came from another database or table.
    pub async fn check_database(&self, asked: &Source) -> Result<(), LedgerError> {
        match self.belonging().await? {
            Some(own) if own.source.name != Source::USERS_FILE => self.check_source(&own.source, asked),
            _ => Ok(()),
        }
    }

    /// Returns whom the ledger belongs to, if it has been claimed.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn belonging(&self) -> Result<Option<Belonging>, LedgerError> {
        let row = sqlx::query("SELECT instance_id, environment, source, source_table FROM belonging")
            .fetch_optional(&mut *self.connection().await)
            .await
            .map_err(self.failed("read"))?;
        Ok(row.map(|row| Belonging {
            instance_id: row.get(0),
            production: row.get::<String, _>(1) == "production",
            source: Source { name: row.get(2), table: row.get(3) },
        }))
    }

    async fn write_belonging(&self, belonging: &Belonging) -> Result<(), LedgerError> {
        sqlx::query(
            "INSERT INTO belonging (one, instance_id, environment, source, source_table, hash_key) VALUES (1, ?, ?, ?, ?, ?)",
        )
        .bind(&belonging.instance_id)
        .bind(if belonging.production { "production" } else { "development" })
        .bind(&belonging.source.name)
        .bind(&belonging.source.table)
        .bind(self.hash_key().bytes().as_slice())
        .execute(&mut *self.connection().await)
        .await
        .map_err(self.failed("write"))?;
        kill_point::reach(Point::LedgerClaimed);
        Ok(())
    }
}
