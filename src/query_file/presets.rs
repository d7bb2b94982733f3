//! The presets: one SQL file for each adapter of Auth.js and each engine it serves, compiled into the binary.

use std::fmt;

use super::{QueryFile, header::Header, template, text};
use crate::engine::Engine::{self, MySql, Postgres, Sqlite};

/// A query file of ours.
#[derive(Debug)]
pub struct Preset {
    /// The name that `--preset` takes.
    pub name: &'static str,
    /// The engine whose SQL it is.
    pub engine: Engine,
    /// The file, whole.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal: $($engine:ident $word:literal),+;)+) => {
        &[$($(Preset {
            name: $name,
            engine: $engine,
            text: include_str!(concat!("../../queries/", $name, "/", $word, ".sql")),
        }),+),+]
    };
}

static PRESETS: &[Preset] = presets! {
    "authjs-prisma": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-prisma-mapped": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-drizzle": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-pg": Postgres "postgres";
    "authjs-typeorm": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-typeorm-snake": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-kysely": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-kysely-snake": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-sequelize": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-mikro-orm": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
    "authjs-d1": Sqlite "sqlite";
    "authjs-supabase": Postgres "postgres";
    "authjs-hasura": Postgres "postgres";
    "authjs-v3": Postgres "postgres", MySql "mysql", Sqlite "sqlite";
};

/// Returns all presets, those of one name side by side.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    PRESETS.iter()
}

/// Finds a preset for an engine.
///
/// # Errors
///
/// If there is none; the error lists what there is.
pub fn preset(name: &str, engine: Engine) -> Result<&'static Preset, UnknownPreset> {
    let found = presets().find(|preset| preset.name == name && preset.engine == engine);
    found.ok_or_else(|| UnknownPreset { name: name.to_owned(), engine })
}

impl Preset {
    /// Returns what it is for, in a line.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches('-').trim()
    }

    /// Returns the users table, quoted as the engine wants it.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.header().table.unwrap_or_default()
    }

    /// Returns the key column of the users table.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.header().key.unwrap_or_default()
    }

    /// Returns the query for a users table with these columns. `password_column` comes quoted for the engine.
    #[must_use]
    pub fn query(&self, table_columns: &[String], password_column: Option<&str>) -> QueryFile {
        let filled = template::fill(self.text, table_columns, password_column);
        QueryFile {
            name: format!("preset {}, {}", self.name, self.engine),
            sql: text::statement(&filled).to_owned(),
            table: Some(self.table().to_owned()),
            key: Some(self.key().to_owned()),
        }
    }

    fn header(&self) -> Header<'static> {
        Header::parse(self.text).unwrap_or_default()
    }
}

/// No preset has this name for this engine. Its text lists those there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPreset {
    /// The name that was asked for.
    pub name: String,
    /// The engine of the database.
    pub engine: Engine,
}

impl std::error::Error for UnknownPreset {}

impl fmt::Display for UnknownPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no preset `{}` for {}", self.name, self.engine)?;
        if let Some(near) = nearest(&self.name, self.engine) {
            write!(f, "; did you mean `{near}`?")?;
        }
        write!(f, "\nthere are:")?;
        let width = presets().map(|preset| preset.name.len()).max().unwrap_or_default();
        for of_one_name in PRESETS.chunk_by(|a, b| a.name == b.name) {
            let engines: Vec<&str> = of_one_name.iter().map(|preset| preset.engine.word()).collect();
            let first = &of_one_name[0];
            write!(f, "\n  {:width$}  {} ({})", first.name, first.describe(), engines.join(", "))?;
        }
        Ok(())
    }
}

/// Returns the preset of this engine that was probably meant: the same name without `authjs-`, or one with few letters changed.
fn nearest(name: &str, engine: Engine) -> Option<&'static str> {
    const ALIKE: f64 = 0.85;
    let wanted = name.to_lowercase().replace('_', "-");
    let short = |name: &'static str| name.strip_prefix("authjs-").unwrap_or(name);
    let near = |preset: &Preset| {
        let alike = strsim::jaro_winkler(preset.name, &wanted).max(strsim::jaro_winkler(short(preset.name), &wanted));
        (alike >= ALIKE && preset.name != name).then_some((alike, preset.name))
    };
    let candidates = presets().filter(|preset| preset.engine == engine).filter_map(near);
    candidates.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_under_queries_is_a_preset() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
        let mut files = BTreeSet::new();
        for folder in std::fs::read_dir(&root).expect("queries") {
            let folder = folder.expect("an entry").path();
            for file in std::fs::read_dir(&folder).expect("a folder of a preset") {
                let file = file.expect("an entry").path();
                files.insert(file.strip_prefix(&root).expect("inside").display().to_string());
            }
        }
        let named = presets().map(|preset| format!("{}/{}.sql", preset.name, preset.engine)).collect();
        assert_eq!(files, named);
    }

    #[test]
    fn every_preset_can_give_the_old_ids_of_users_who_have_one() {
        for preset in presets() {
            let query = preset.query(&[], None).by_old_id("legacy_id");
            assert!(query.sql.contains("\n  u.legacy_id AS "), "{}: {}", preset.name, query.sql);
            assert!(
                query.sql.contains("\nWHERE u.legacy_id IS NOT NULL\nORDER BY u.id"),
                "{}: {}",
                preset.name,
                query.sql
            );
            assert_eq!(query.key.as_deref(), Some("legacy_id"));
        }
    }

    #[test]
    fn every_preset_is_a_good_query_file_that_says_where_to_write_back() {
        for preset in presets() {
            let file = QueryFile::parse(preset.name, preset.text).expect(preset.name);
            assert_eq!(file.table.as_deref(), Some(preset.table()), "{preset:?}");
            assert_eq!(file.key.as_deref(), Some("id"), "{preset:?}");
            assert!(preset.describe().ends_with(['.', ':']), "{preset:?}");
            assert!(!preset.text.contains('\t'), "{preset:?}");
        }
    }

    #[test]
    fn every_preset_takes_created_and_password_columns() {
        let columns = ["id", "created_at"].map(str::to_owned);
        for preset in presets() {
            let plain = preset.query(&[], None);
            assert!(!plain.sql.contains("u.created"), "{}", plain.sql);
            assert!(!plain.sql.contains("u.password"), "{}", plain.sql);
            let full = preset.query(&columns, Some("pwd"));
            assert!(full.sql.contains("\n  u.created_at AS "), "{}", full.sql);
            assert!(full.sql.contains("\n  u.pwd AS "), "{}", full.sql);
            assert!(full.sql.ends_with("ORDER BY u.id"), "{}", full.sql);
        }
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_list_and_the_nearest_name() {
        let check = |name: &str, engine, expected: &str| {
            let error = preset(name, engine).expect_err(name).to_string();
            assert_eq!(error.lines().next(), Some(expected));
            assert!(error.contains("\n  authjs-supabase       Auth.js with the Supabase adapter"), "{error}");
            assert!(error.contains("(postgres, mysql, sqlite)"), "{error}");
        };
        check("authjs-prism", Postgres, "no preset `authjs-prism` for postgres; did you mean `authjs-prisma`?");
        check("prisma", Sqlite, "no preset `prisma` for sqlite; did you mean `authjs-prisma`?");
        check("drizzle", MySql, "no preset `drizzle` for mysql; did you mean `authjs-drizzle`?");
        check("authjs_mikroorm", MySql, "no preset `authjs_mikroorm` for mysql; did you mean `authjs-mikro-orm`?");
        check("rails", MySql, "no preset `rails` for mysql");
        check("", MySql, "no preset `` for mysql");
    }

    #[test]
    fn a_preset_of_another_engine_is_not_taken_for_the_asked_one() {
        assert_eq!(preset("authjs-v3", MySql).expect("there is one").engine, MySql);
        let error = preset("authjs-supabase", MySql).expect_err("Postgres only").to_string();
        assert!(error.contains("authjs-supabase` for mysql"), "{error}");
        assert!(!error.contains("did you mean `authjs-supabase`"), "{error}");
    }
}
