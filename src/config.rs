//! Settings: a flag, else the environment or a `.env` file, else `db2clerk.toml`. The only place that reads the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::args::{
    ClerkArgs, DatabaseArgs, LedgerArgs, MappingArgs, QueryArgs, ReferencesArgs, SelectionArgs, TargetArgs,
    WriteBackArgs,
};
use crate::clerk::{Rate, RateError};

/// The layers below the flags.
#[derive(Debug, Default)]
pub struct Config {
    file: FileLayer,
    /// The configuration file, if there is one.
    path: Option<PathBuf>,
    environment: BTreeMap<&'static str, Variable>,
}

/// A setting from the environment, and where exactly it stood.
#[derive(Clone)]
struct Variable {
    value: String,
    origin: String,
}

impl std::fmt::Debug for Variable {
    /// Shows the origin only: among the values are a key and a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[from {}]", self.origin)
    }
}

#[derive(Debug, Default)]
struct FileLayer {
    database: DatabaseArgs,
    query: QueryArgs,
    selection: SelectionArgs,
    mapping: MappingArgs,
    clerk: ClerkArgs,
    target: TargetArgs,
    write_back: WriteBackArgs,
    references: ReferencesArgs,
    ledger: LedgerArgs,
}

/// The variables that are read: the names users of Clerk's own scripts know.
const VARIABLES: [&str; 9] = [
    "DATABASE_URL",
    "CLERK_SECRET_KEY",
    "CLERK_API_URL",
    "DELAY_MS",
    "RETRY_DELAY_MS",
    "OFFSET",
    "IMPORT_TO_DEV_INSTANCE",
    "RATE_LIMIT",
    "CONCURRENCY_LIMIT",
];

/// The configuration file looked for in the working folder.
const FILE: &str = "db2clerk.toml";

impl Config {
    /// Reads the environment, then `env_file` or else `.env.local` and `.env`, then `file` or else `db2clerk.toml`.
    ///
    /// # Errors
    /// If a file that was named is not there, or one cannot be read.
    pub fn load(file: Option<&Path>, env_file: Option<&Path>) -> Result<Self> {
        let mut environment = BTreeMap::new();
        for name in VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                let value = value.into_string().ok().with_context(|| format!("`{name}` is not valid UTF-8"))?;
                keep(&mut environment, name, &value, "the environment");
            }
        }
        match env_file {
            Some(path) => read_env_file(&mut environment, path)?,
            None => {
                for path in [".env.local", ".env"].map(Path::new).into_iter().filter(|path| path.exists()) {
                    read_env_file(&mut environment, path)?;
                }
            }
        }
        let path = file.map(Path::to_owned).or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.exists()));
        let read = path.as_deref().map(FileLayer::read).transpose()?.unwrap_or_default();
        Ok(Self { file: read, path, environment })
    }

    /// Makes a configuration of one variable, as if it stood in `origin`.
    #[must_use]
    pub fn of(variable: &'static str, value: &str, origin: &str) -> Self {
        let mut environment = BTreeMap::new();
        keep(&mut environment, variable, value, origin);
        Self { environment, ..Self::default() }
    }

    /// Lays the flags over the other layers.
    #[must_use]
    pub fn database(&self, flags: DatabaseArgs) -> DatabaseArgs {
        flags.or(DatabaseArgs { database_url: self.text("DATABASE_URL") }).or(self.file.database.clone())
    }

    /// Lays the flags over the other layers. A query or preset on the command line puts both of the file aside.
    #[must_use]
    pub fn query(&self, flags: QueryArgs) -> QueryArgs {
        let mut lower = self.file.query.clone();
        if flags.query.is_some() || flags.preset.is_some() {
            lower.query = None;
            lower.preset = None;
        }
        if flags.password_column.is_some() || flags.no_passwords.is_some() {
            lower.password_column = None;
            lower.no_passwords = None;
        }
        flags.or(lower)
    }

    /// Lays the flags over the other layers.
    ///
    /// # Errors
    /// If `OFFSET` is not a number.
    pub fn selection(&self, flags: SelectionArgs) -> Result<SelectionArgs> {
        let environment = SelectionArgs { offset: self.number("OFFSET")?, ..SelectionArgs::default() };
        Ok(flags.or(environment).or(self.file.selection.clone()))
    }

    /// Lays the flags over the other layers.
    #[must_use]
    pub fn mapping(&self, flags: MappingArgs) -> MappingArgs {
        flags.or(self.file.mapping.clone())
    }

    /// Lays the flags over the other layers.
    ///
    /// # Errors
    /// If a variable is not what it should be.
    pub fn clerk(&self, flags: ClerkArgs) -> Result<ClerkArgs> {
        let environment = ClerkArgs {
            clerk_api_url: self.text("CLERK_API_URL"),
            clerk_secret_key: self.text("CLERK_SECRET_KEY"),
            rate: self.rate()?,
            concurrency_limit: self.number("CONCURRENCY_LIMIT")?,
            delay_ms: self.number("DELAY_MS")?,
            retry_delay_ms: self.number("RETRY_DELAY_MS")?,
            import_to_dev_instance: self.flag("IMPORT_TO_DEV_INSTANCE")?,
        };
        Ok(flags.or(environment).or(self.file.clerk.clone()))
    }

    /// Lays the flags over the other layers.
    #[must_use]
    pub fn target(&self, flags: TargetArgs) -> TargetArgs {
        flags.or(self.file.target.clone())
    }

    /// Lays the flags over the other layers.
    #[must_use]
    pub fn write_back(&self, flags: WriteBackArgs) -> WriteBackArgs {
        flags.or(self.file.write_back.clone())
    }

    /// Lays the flags over the other layers.
    #[must_use]
    pub fn references(&self, flags: ReferencesArgs) -> ReferencesArgs {
        flags.or(self.file.references.clone())
    }

    /// Lays the flags over the other layers.
    #[must_use]
    pub fn ledger(&self, flags: LedgerArgs) -> LedgerArgs {
        flags.or(self.file.ledger.clone())
    }

    /// Returns the configuration file that was read, if there was one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns where a variable stood, if it was set: `the environment`, `.env`...
    #[must_use]
    pub fn origin(&self, variable: &str) -> Option<&str> {
        self.environment.get(variable).map(|variable| variable.origin.as_str())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(|variable| variable.value.clone())
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>> {
        let Some(variable) = self.environment.get(name) else { return Ok(None) };
        match variable.value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => bail!("`{name}` from {} is not a number it can be set to: `{}`", variable.origin, variable.value),
        }
    }

    fn rate(&self) -> Result<Option<Rate>> {
        let Some(variable) = self.environment.get("RATE_LIMIT") else { return Ok(None) };
        let read = variable.value.parse().map(Some);
        read.map_err(|error: RateError| anyhow!("`RATE_LIMIT` from {} {error}: `{}`", variable.origin, variable.value))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        let Some(variable) = self.environment.get(name) else { return Ok(None) };
        match variable.value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => bail!("`{name}` from {} is neither `true` nor `false`: `{}`", variable.origin, variable.value),
        }
    }
}

/// The first to set a variable wins; an empty value sets nothing.
fn keep(environment: &mut BTreeMap<&'static str, Variable>, name: &'static str, value: &str, origin: &str) {
    let value = value.trim();
    if !value.is_empty() {
        environment.entry(name).or_insert_with(|| Variable { value: value.to_owned(), origin: origin.to_owned() });
    }
}

/// Reads the variables that are ours. Other programs' lines may be written for other readers: what cannot be read of them is
/// none of our business, unless it hides one of ours.
fn read_env_file(environment: &mut BTreeMap<&'static str, Variable>, path: &Path) -> Result<()> {
    let failed = || format!("failed to read `{}`", path.display());
    let mut read = Vec::new();
    let mut unreadable = false;
    for variable in dotenvy::from_path_iter(path).with_context(failed)? {
        match variable {
            Ok((name, value)) => {
                if let Some(name) = VARIABLES.into_iter().find(|known| *known == name) {
                    keep(environment, name, &value, &format!("`{}`", path.display()));
                    read.push(name);
                }
            }
            // The line is not shown: it may be a secret's.
            Err(dotenvy::Error::LineParse(..)) => unreadable = true,
            Err(error) => return Err(error).with_context(failed),
        }
    }
    let text = if unreadable { std::fs::read_to_string(path).with_context(failed)? } else { String::new() };
    let hidden = VARIABLES.into_iter().find(|name| !read.contains(name) && text.lines().any(|line| sets(line, name)));
    if let Some(name) = hidden {
        bail!(
            "`{}` sets `{name}` in a way that cannot be read\nhint: put its value in quotes, and those of the lines above",
            path.display()
        );
    }
    Ok(())
}

fn sets(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    // What follows may be a slip: `:`, or nothing but a space.
    line.strip_prefix(name)
        .is_some_and(|rest| rest.starts_with(|next: char| next.is_whitespace() || "=:".contains(next)))
}

impl FileLayer {
    fn read(path: &Path) -> Result<Self> {
        let failed = || format!("failed to read `{}`", path.display());
        let text = std::fs::read_to_string(path).with_context(failed)?;
        let table: toml::Table =
            toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}", error.message())).with_context(failed)?;
        let known: Vec<String> = known_keys();
        if let Some(key) = table.keys().find(|key| !known.contains(key)) {
            let nearest = known.iter().max_by(|a, b| strsim::jaro(key, a).total_cmp(&strsim::jaro(key, b)));
            let hint = match key.as_str() {
                "clerk-secret-key" => "keep the key in CLERK_SECRET_KEY, in the environment or in `.env`".to_owned(),
                _ => format!("did you mean `{}`?", nearest.map_or("", String::as_str)),
            };
            bail!("`{}` has the setting `{key}`, which there is not\nhint: {hint}", path.display());
        }
        Ok(Self {
            database: group(&table).with_context(failed)?,
            query: group(&table).with_context(failed)?,
            selection: group(&table).with_context(failed)?,
            mapping: group(&table).with_context(failed)?,
            clerk: group(&table).with_context(failed)?,
            target: group(&table).with_context(failed)?,
            write_back: group(&table).with_context(failed)?,
            references: group(&table).with_context(failed)?,
            ledger: group(&table).with_context(failed)?,
        })
    }
}

fn group<G: serde::de::DeserializeOwned>(table: &toml::Table) -> Result<G> {
    table.clone().try_into().map_err(|error: toml::de::Error| anyhow::anyhow!("{}", error.message()))
}

/// Every setting of the file, named like its flag.
fn known_keys() -> Vec<String> {
    let groups = [
        DatabaseArgs::FIELDS,
        QueryArgs::FIELDS,
        SelectionArgs::FIELDS,
        MappingArgs::FIELDS,
        ClerkArgs::FIELDS,
        TargetArgs::FIELDS,
        WriteBackArgs::FIELDS,
        ReferencesArgs::FIELDS,
        LedgerArgs::FIELDS,
    ];
    groups
        .concat()
        .into_iter()
        .filter(|field| *field != "clerk_secret_key")
        .map(|field| field.replace('_', "-"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, env: &str) -> Result<Config> {
        let folder = tempfile::tempdir()?;
        let (toml, dotenv) = (folder.path().join("db2clerk.toml"), folder.path().join("env"));
        std::fs::write(&toml, file)?;
        std::fs::write(&dotenv, env)?;
        Config::load(Some(&toml), Some(&dotenv))
    }

    #[test]
    fn a_flag_beats_the_environment_and_the_environment_beats_the_file() {
        let config = config("rate = 5.0\nconcurrency-limit = 7\ndelay-ms = 9", "RATE_LIMIT=3\nCONCURRENCY_LIMIT=4")
            .expect("a configuration");
        let flags = ClerkArgs { rate: Some(Rate::PerSecond(1.0)), ..ClerkArgs::default() };
        let settings = config.clerk(flags).expect("settings");
        assert_eq!(settings.rate, Some(Rate::PerSecond(1.0)));
        assert_eq!(settings.concurrency_limit, Some(4));
        assert_eq!(settings.delay_ms, Some(9));
    }

    #[test]
    fn a_query_flag_puts_the_files_preset_aside() {
        let config = config("preset = \"authjs-pg\"", "").expect("a configuration");
        let settings = config.query(QueryArgs { query: Some("users.sql".into()), ..QueryArgs::default() });
        assert_eq!((settings.preset, settings.query), (None, Some(PathBuf::from("users.sql"))));
    }

    #[test]
    fn wrong_settings_are_named_and_secrets_are_not_shown() {
        for (file, env, told) in [
            ("databse-url = \"x\"", "", "did you mean `database-url`?"),
            ("clerk-secret-key = \"sk_live_x\"", "", "keep the key in CLERK_SECRET_KEY"),
            ("limit = \"many\"", "", "failed to read"),
            ("", "CLERK_SECRET_KEY=sk_live_x y", "sets `CLERK_SECRET_KEY`"),
            ("", "CLERK_SECRET_KEY sk_live_x", "sets `CLERK_SECRET_KEY`"),
            ("", "export CLERK_SECRET_KEY: sk_live_x", "sets `CLERK_SECRET_KEY`"),
        ] {
            let error = format!("{:#}", config(file, env).expect_err("a wrong setting"));
            assert!(error.contains(told), "{error}");
            assert!(!error.contains("sk_live_x"), "{error}");
        }
        let config_of_others =
            config("", "APP_NAME=My App\nRATE_LIMIT=7\nTITLE=it's").expect("other programs' lines are theirs");
        assert_eq!(config_of_others.clerk(ClerkArgs::default()).expect("settings").rate, Some(Rate::PerSecond(7.0)));
        let config = config("", "OFFSET=ten").expect("a configuration");
        let error = config.selection(SelectionArgs::default()).expect_err("not a number").to_string();
        assert!(error.contains("`OFFSET`") && error.contains("`ten`"), "{error}");
    }
}
