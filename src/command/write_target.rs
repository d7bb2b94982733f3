//! Where Clerk IDs are written: found in the catalog, the column added if asked, everything said before.

use anyhow::{Context as _, Result, anyhow, bail};

use super::Context;
use crate::args::TargetArgs;
use crate::database::{
    Access, Database, DatabaseUrl, LEGACY_COLUMN, OldIds, TableName, Target, WriteError, column_name,
};
use crate::engine::Engine;
use crate::exit::{Failure, OrRefuse};
use crate::kill_point::{self, Point};
use crate::ledger::ReplacedIds;
use crate::output::{count, number};
use crate::query_file::QueryFile;

/// A table ready to take Clerk IDs, or to get the column for them.
#[derive(Debug)]
pub(super) struct WriteTarget {
    /// The database.
    pub database: Database,
    /// Table, key and column.
    pub target: Target,
    /// Whether the users' IDs have been replaced by Clerk IDs, so that those we know them by stand in a column of their own.
    pub ids_are_replaced: bool,
    /// Where the database is.
    url: DatabaseUrl,
    /// Whether to add the column and its index, whichever is missing.
    add_column: bool,
}

/// The table, key and column asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The table.
    pub table: TableName,
    /// The table's name as it was written, quotes and all: what to say to name it again.
    pub table_as_given: String,
    /// The key column, perhaps quoted.
    pub key: String,
    /// The column for Clerk IDs, perhaps quoted.
    pub column: String,
    add_column: bool,
}

/// Returns where IDs go, from the flags, the settings and the query file's header; `None` if nobody names a table.
///
/// # Errors
/// If a name is none.
pub(super) fn place(flags: TargetArgs, query: Option<&QueryFile>, context: &Context) -> Result<Option<Place>> {
    let args = context.config.target(flags);
    let Some(table) = args.table.or_else(|| query.and_then(|query| query.table.clone())) else { return Ok(None) };
    let Some(key) = args.key.or_else(|| query.and_then(|query| query.key.clone())) else {
        bail!(
            "nothing says by which column of `{table}` a user ID finds its row\n\
             hint: say `--key COLUMN`, or write `-- key: COLUMN` at the head of the query file"
        )
    };
    Ok(Some(Place {
        table: TableName::parse(&table)?,
        table_as_given: table,
        key,
        column: args.column.unwrap_or_else(|| DEFAULT_COLUMN.to_owned()),
        add_column: args.add_column == Some(true),
    }))
}

/// The column for Clerk IDs, where nobody names another.
pub(super) const DEFAULT_COLUMN: &str = "clerk_id";

/// Returns the error for a write-back without a table.
#[must_use]
pub(super) fn no_table() -> anyhow::Error {
    anyhow!(
        "nothing says which table gets the Clerk IDs\n\
         hint: say `--table NAME` (and `--key COLUMN`, if the user ID does not stand in `id`), or write `-- table: NAME` at the \
         head of the query file"
    )
}

/// Returns whether the users' IDs have been replaced by Clerk IDs: by the rows, for anybody may have run the script, or by what the
/// ledger knows, if the old ones are still kept.
///
/// # Errors
/// A refusal, if that was begun and is not finished; a failure, if the table cannot be read.
pub(super) async fn ids_are_replaced(
    database: &Database,
    table: &TableName,
    key: &str,
    known: Option<&ReplacedIds>,
) -> Result<bool, Failure> {
    let old_ids = database.old_ids(table).await?;
    if old_ids == OldIds::Unfinished {
        return Err(anyhow!(
            "the IDs of `{table}` are being replaced by Clerk IDs, and that is not finished\n\
             hint: run `db2clerk backfill --replace-ids --apply` again, which goes on where it stopped, or the script that it wrote; or the \
             way back"
        ))
        .or_refuse();
    }
    let is_known = known.is_some_and(|known| known.is_finished && known.source.table == Some(table.to_string()));
    Ok(old_ids == OldIds::Kept && (is_known && key != LEGACY_COLUMN || database.ids_are_replaced(table, key).await?))
}

/// Connects to the database for writing and looks the place up in the catalog. Nothing is changed yet. `replaced` is what the ledger
/// knows of a replacement of IDs.
///
/// # Errors
/// A refusal, if the place cannot take Clerk IDs; a failure, if the database cannot be reached.
pub(super) async fn open(
    url: &DatabaseUrl,
    place: Place,
    replaced: Option<&ReplacedIds>,
) -> Result<WriteTarget, Failure> {
    let database = Database::connect(url, Access::Write).await?;
    let mut place = place;
    if ids_are_replaced(&database, &place.table, &column_name(&place.key).or_refuse()?, replaced).await? {
        // The users' own IDs are Clerk IDs by now; those that we know them by are kept there.
        LEGACY_COLUMN.clone_into(&mut place.key);
    }
    let target = database
        .inspect(&place.table, &place.key, &place.column)
        .await
        .with_context(|| format!("failed to find where in {url} Clerk IDs go"))
        .or_refuse()?;
    if target.column_missing() && !place.add_column {
        return Err(column_missing(&target)).or_refuse();
    }
    if !target.column_missing() {
        let rehearsed = database.rehearse_write(&target).await;
        rehearsed.with_context(|| format!("no Clerk ID can be written to `{}` in {url}", target.table)).or_refuse()?;
    }
    // A preset names the old IDs' column itself, once it is there.
    let ids_are_replaced = target.key == LEGACY_COLUMN && database.old_ids(&target.table).await? == OldIds::Kept;
    Ok(WriteTarget { database, target, ids_are_replaced, url: url.clone(), add_column: place.add_column })
}

fn column_missing(target: &Target) -> anyhow::Error {
    anyhow!(
        "the table `{}` has no column `{}`\n\
         hint: add it with your own migrations, or say `--add-column`, which runs\n\n{}\n\n{}",
        target.table,
        target.column,
        Database::add_column_sql(target),
        schema_lines(target)
    )
}

/// What to add to an ORM's schema, whose next push would drop a column it does not know.
fn schema_lines(target: &Target) -> String {
    let column = &target.column;
    let (drizzle, typeorm) = match target.engine {
        Engine::Postgres | Engine::Sqlite => (format!("text(\"{column}\").unique()"), "type: \"text\""),
        Engine::MySql => {
            (format!("varchar(\"{column}\", {{ length: 191 }}).unique()"), "type: \"varchar\", length: 191")
        }
    };
    format!(
        "then tell your ORM, or its next push drops the column:\n  \
         Prisma:   clerkId String? @unique @map(\"{column}\")\n  \
         Drizzle:  clerkId: {drizzle},\n  \
         TypeORM:  @Column({{ {typeorm}, name: \"{column}\", nullable: true, unique: true }}) clerkId!: string | null\n\
         TypeORM with `synchronize` on drops an unknown column at the application's next start, with everything in it: add the \
         line before the application starts again"
    )
}

impl WriteTarget {
    /// Returns the lines that say where IDs go.
    #[must_use]
    pub(super) fn describe(&self) -> Vec<String> {
        let target = &self.target;
        let mut lines = vec![format!(
            "Database: {}, table `{}` ({}), column `{}` found by `{}`",
            self.url,
            target.table,
            count(target.rows, "row"),
            target.column,
            target.key
        )];
        if target.column_missing() {
            lines.push(format!("          the column `{}` is added first, by", target.column));
            lines.extend(Database::add_column_sql(target).lines().map(|line| format!("            {line}")));
            lines.extend(schema_lines(target).lines().map(|line| format!("          {line}")));
            return lines;
        }
        if target.filled > 0 {
            lines.push(format!("          {} of its rows bear an ID already", number(target.filled)));
        }
        if target.index_missing() {
            lines.extend(self.describe_index());
        }
        lines
    }

    fn describe_index(&self) -> Vec<String> {
        let target = &self.target;
        let lacks = format!("          the column `{}` has no unique index", target.column);
        if !target.is_incomplete() {
            return vec![format!(
                "{lacks}, and its type `{}` takes none",
                target.column_type.as_deref().unwrap_or("?")
            )];
        }
        if !self.add_column {
            return vec![format!("{lacks}: look-ups by Clerk ID read the whole table; `--add-column` adds one")];
        }
        let sql = Database::add_column_sql(target);
        let first = format!("{lacks}; it is added first, by");
        std::iter::once(first).chain(sql.lines().map(|line| format!("            {line}"))).collect()
    }

    /// Adds the column and its index, whichever is missing, if that was asked for, and looks again.
    ///
    /// # Errors
    /// A refusal, if the database user may not do that or may not write then; a failure, if the database is busy or gone.
    pub(super) async fn prepare(&mut self) -> Result<(), Failure> {
        if !self.target.is_incomplete() || !self.add_column {
            return Ok(());
        }
        kill_point::reach(Point::ColumnToAdd);
        let what = if self.target.column_missing() { "add the column" } else { "add a unique index on the column" };
        let target = &self.target;
        let added = self.database.add_column(target).await;
        let not_allowed = matches!(added, Err(WriteError::NotAllowed { .. } | WriteError::ReadOnly(_)));
        let added = added.with_context(|| format!("failed to {what} `{}` of `{}`", target.column, target.table));
        if not_allowed {
            return added.or_refuse();
        }
        added?;
        kill_point::reach(Point::ColumnAdded);
        self.target = self.database.inspect(&target.table, &target.key, &target.column).await?;
        if self.target.column_missing() {
            return Err(anyhow!("the column `{}` is still missing after it was added", self.target.column).into());
        }
        self.database.rehearse_write(&self.target).await.or_refuse()
    }
}
