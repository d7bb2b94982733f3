//! A database as the source of users: connected, the query chosen, passwords not left behind unseen.

use anyhow::{Context as _, Result, anyhow, bail};

use super::Context;
use super::write_target::ids_are_replaced;
use crate::args::{DatabaseArgs, MappingArgs, QueryArgs, SelectionArgs};
use crate::database::{Access, Database, DatabaseUrl, LEGACY_COLUMN, TableName, column_name};
use crate::engine::Engine;
use crate::exit::{Failure, OrRefuse};
use crate::ledger::ReplacedIds;
use crate::mapping::{Mapping, Options, check_hasher_word};
use crate::query_file::{self, QueryFile};
use crate::stage::source::{Origin, Selection, Source};

/// An open database, and what to ask it.
pub(super) struct DatabaseSource {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// What it is asked, and where its rows stand.
    pub query: QueryFile,
    /// The database itself, open for reading.
    pub database: Database,
    options: Options,
    selection: Selection,
}

/// Connects to the database, read-only, and chooses the query. `replaced` is what the ledger knows of a replacement of IDs. Without `selection` all users are wanted, whatever the settings
/// say.
///
/// # Errors
/// A refusal, if a setting is wrong; a failure, if the database cannot be reached.
pub(super) async fn open(
    database: DatabaseArgs,
    query: QueryArgs,
    mapping: MappingArgs,
    selection: Option<SelectionArgs>,
    replaced: Option<&ReplacedIds>,
    context: &Context,
) -> Result<DatabaseSource, Failure> {
    let from_flag = database.database_url.is_some();
    let url = url(database, context).or_refuse()?;
    let query = context.config.query(query);
    if query.query.is_none() && query.preset.is_none() {
        return Err(no_query(url.engine())).or_refuse();
    }
    if let Some(name) = &query.preset {
        query_file::preset(name, url.engine()).or_refuse()?;
    }
    let options = options(context.config.mapping(mapping)).or_refuse()?;
    let selection = selection.map(|flags| selected(context, flags)).transpose().or_refuse()?.unwrap_or_default();
    let database = context.or_interrupted(Database::connect(&url, Access::Read)).await??;
    let query = context.or_interrupted(choose(&database, query, replaced)).await??;
    let origin = context.config.origin("DATABASE_URL").filter(|_| !from_flag);
    let origin = origin.map_or(String::new(), |origin| format!(" (`DATABASE_URL` from {origin})"));
    context.console.note(format!("Source:   {url}{origin}, query `{}`", query.name));
    Ok(DatabaseSource { url, query, database, options, selection })
}

impl DatabaseSource {
    /// Starts the query. Dropping the users ends it.
    ///
    /// # Errors
    /// A refusal, if the database does not take the query, or its columns cannot be taken as they are.
    pub(super) async fn start(&self) -> Result<Source, Failure> {
        let name = &self.query.name;
        let rows = self.database.rows(&self.query.sql).await;
        let rows = rows.with_context(|| format!("failed to run the query `{name}`")).or_refuse()?;
        let mapping = Mapping::of_columns(&rows.columns, self.options.clone())
            .with_context(|| format!("the query `{name}` cannot be taken as it is"))
            .or_refuse()?;
        Ok(Source::new(Origin::Rows { rows, mapping: mapping.into() }, self.selection.clone()))
    }
}

/// Returns the URL of the database.
///
/// # Errors
/// If there is none, or it is none.
pub(super) fn url(flags: DatabaseArgs, context: &Context) -> Result<DatabaseUrl> {
    let Some(text) = context.config.database(flags).database_url else {
        bail!(
            "there is no database URL\n\
             hint: say `--database-url postgres://...`, or set `DATABASE_URL` in the environment or in `.env`"
        )
    };
    let url = DatabaseUrl::parse(&text)?;
    if url.is_remote_without_tls() {
        context.console.warn(format!(
            "the connection to {url} may not be encrypted, and people's data passes over it; add `sslmode=require` (MySQL: \
             `ssl-mode=required`) to the URL"
        ));
    }
    Ok(url)
}

fn no_query(engine: Engine) -> anyhow::Error {
    let presets: Vec<String> = query_file::presets()
        .filter(|preset| preset.engine == engine)
        .map(|preset| format!("  {:<24} {}", preset.name, preset.describe()))
        .collect();
    anyhow!(
        "neither `--preset` nor `--query` says what to ask the database\n\
         presets for {engine}:\n{}\n\
         hint: a query of your own is a file with one SELECT, such as `SELECT id AS userId, email, name FROM users`",
        presets.join("\n")
    )
}

/// Returns how values are mapped.
///
/// # Errors
/// If a word is not one of those it can be.
pub(super) fn options(args: MappingArgs) -> Result<Options> {
    let defaults = Options::default();
    if let Some(hasher) = &args.password_hasher {
        check_hasher_word(hasher)?;
    }
    let timezone = match &args.timezone {
        Some(zone) => zone.parse().map_err(|_| {
            anyhow!("`{zone}` is no time zone\nhint: `--timezone` takes names such as `UTC` or `Europe/Berlin`")
        })?,
        None => defaults.timezone,
    };
    Ok(Options {
        unverified: args.unverified,
        trusted_providers: args.trusted_providers.unwrap_or(defaults.trusted_providers),
        timezone,
        password_hasher: args.password_hasher,
        unusable_passwords: args.unusable_passwords.unwrap_or_default(),
        experimental_rewrites: args.experimental_rewrites.unwrap_or_default(),
        extra_columns: args.extra_columns.unwrap_or_default(),
        extended_usernames: args.extended_usernames.unwrap_or_default(),
    })
}

/// Returns which users are wanted, and says so where the environment decides it.
///
/// # Errors
/// If a variable is not a number.
pub(super) fn selected(context: &Context, flags: SelectionArgs) -> Result<Selection> {
    let from_flag = flags.offset.is_some();
    let settings = context.config.selection(flags)?;
    let selection = Selection {
        offset: settings.offset.unwrap_or(0),
        limit: settings.limit,
        users: settings.user.unwrap_or_default().into_iter().collect(),
    };
    if selection.limit == Some(0) {
        bail!("a limit of 0 takes nobody");
    }
    if let Some(origin) = context.config.origin("OFFSET").filter(|_| selection.offset > 0 && !from_flag) {
        context
            .console
            .say(format!("Skipping the first {} users of the source (`OFFSET` from {origin})", selection.offset));
    }
    Ok(selection)
}

async fn choose(database: &Database, args: QueryArgs, replaced: Option<&ReplacedIds>) -> Result<QueryFile, Failure> {
    if let Some(path) = args.query {
        if args.password_column.is_some() {
            return Err(anyhow!(
                "`--password-column` belongs to presets; a query of your own selects the column `AS password`"
            ))
            .or_refuse();
        }
        let query = QueryFile::read(&path).or_refuse()?;
        refuse_clerk_ids(database, &query, replaced).await?;
        return Ok(query);
    }
    let name = args.preset.unwrap_or_default();
    let preset = query_file::preset(&name, database.engine()).or_refuse()?;
    let table = TableName::parse(preset.table()).or_refuse()?;
    let columns = database.columns_of(&table).await?;
    if columns.is_empty() {
        return Err(anyhow!(
            "there is no table `{table}`, where the preset `{name}` looks for users\n\
             hint: choose another preset (a wrong name lists them), or write the query yourself (`--query FILE`)"
        ))
        .or_refuse();
    }
    let password = if let Some(text) = args.password_column {
        Some(password_column(&text, &columns, &table).or_refuse()?)
    } else {
        refuse_unseen_passwords(&columns, &table, args.no_passwords == Some(true)).or_refuse()?;
        None
    };
    let quoted = password.map(|column| database.quoted(&column));
    let query = preset.query(&columns, quoted.as_deref());
    let is_replaced = ids_are_replaced(database, &table, preset.key(), replaced).await?;
    Ok(if is_replaced { query.by_old_id(LEGACY_COLUMN) } else { query })
}

/// Refuses a query that would give Clerk IDs as user IDs, because they have taken their place: everybody would be a stranger.
async fn refuse_clerk_ids(
    database: &Database,
    query: &QueryFile,
    replaced: Option<&ReplacedIds>,
) -> Result<(), Failure> {
    // A query that does not say where its users stand reads those that the ledger knows.
    let table = match (&query.table, replaced.and_then(|known| known.source.table.as_ref())) {
        (Some(table), _) => TableName::parse(table).or_refuse()?,
        (None, Some(known)) => TableName::parse(known).or_refuse()?,
        (None, None) => return Ok(()),
    };
    let key = query.key.as_deref().map_or(Ok(String::new()), column_name).or_refuse()?;
    if !ids_are_replaced(database, &table, &key, replaced).await? || query.sql.contains(LEGACY_COLUMN) {
        return Ok(());
    }
    Err(anyhow!(
        "the IDs of `{table}` have been replaced by Clerk IDs, and `{}` gives those as user IDs: a user ID is the old one, which \
         `{LEGACY_COLUMN}` keeps\n\
         hint: select `{LEGACY_COLUMN} AS userId` where it is not NULL, and write `-- key: {LEGACY_COLUMN}` at the head of the file",
        query.name
    ))
    .or_refuse()
}

fn password_column(text: &str, columns: &[String], table: &TableName) -> Result<String> {
    let name = column_name(text)?;
    if columns.contains(&name) {
        return Ok(name);
    }
    let nearest = columns.iter().max_by(|a, b| strsim::jaro(&name, a).total_cmp(&strsim::jaro(&name, b)));
    bail!("the table `{table}` has no column `{name}`\nhint: did you mean `{}`?", nearest.map_or("", String::as_str))
}

fn refuse_unseen_passwords(columns: &[String], table: &TableName, left_behind: bool) -> Result<()> {
    match query_file::password_like(columns) {
        Some(column) if !left_behind => bail!(
            "the table `{table}` has a column `{column}`, and the preset does not read it: whoever signs in with a password could not \
             any more\n\
             hint: say `--password-column {column}`, or `--no-passwords` to leave the passwords behind"
        ),
        _ => Ok(()),
    }
}
