//! The queries that read the whole catalog, one set an engine. Every set gives the same columns in the same order, all of them
//! text, so that one reader serves all.

use super::TableName;
use crate::engine::Engine;

/// The queries of one engine.
pub(in crate::database) struct SchemaSql {
    /// The schema that a table without one is in; NULL, if every table needs one.
    pub(in crate::database) current: String,
    /// Schema, table, column, type, base type, most characters, nullable, generated, collation, character set, set at updates; and
    /// of the table, whether it is a partition (of which nothing is said that its parent does not say), is partitioned, and has
    /// no row numbers.
    pub(in crate::database) columns: String,
    /// Schema, table, column of every primary key, in the key's order.
    pub(in crate::database) primary_keys: String,
    /// Number, schema, table, column, other schema, other table, other column, name, ON DELETE, ON UPDATE; a row for each pair of
    /// columns, in the constraint's order.
    pub(in crate::database) foreign_keys: String,
    /// Kind, schema, table, name, column (NULL: the whole table), and what it is made of; a row for each column.
    pub(in crate::database) dependents: String,
}

/// Returns the queries for an engine. MySQL's keep to the schema of `around` and those whose keys lead there: a server may hold
/// the databases of many applications.
pub(in crate::database) fn schema(engine: Engine, around: &TableName) -> SchemaSql {
    match engine {
        Engine::Postgres => SchemaSql {
            current: "SELECT pg_catalog.current_schema()::text".to_owned(),
            columns: COLUMNS_POSTGRES.to_owned(),
            primary_keys: PRIMARY_KEYS_POSTGRES.to_owned(),
            foreign_keys: FOREIGN_KEYS_POSTGRES.to_owned(),
            dependents: DEPENDENTS_POSTGRES.to_owned(),
        },
        Engine::MySql => {
            let home = around.schema.as_ref().map_or("DATABASE()".to_owned(), |schema| mysql_text(schema));
            let fill_in = |text: &str| text.replace("{home}", &home);
            SchemaSql {
                current: "SELECT CAST(DATABASE() AS CHAR)".to_owned(),
                columns: fill_in(COLUMNS_MYSQL),
                primary_keys: fill_in(PRIMARY_KEYS_MYSQL),
                foreign_keys: fill_in(FOREIGN_KEYS_MYSQL),
                dependents: fill_in(DEPENDENTS_MYSQL),
            }
        }
        Engine::Sqlite => SchemaSql {
            current: "SELECT NULL".to_owned(),
            columns: COLUMNS_SQLITE.to_owned(),
            primary_keys: PRIMARY_KEYS_SQLITE.to_owned(),
            foreign_keys: FOREIGN_KEYS_SQLITE.to_owned(),
            dependents: DEPENDENTS_SQLITE.to_owned(),
        },
    }
}

/// Writes a text for MySQL as hexadecimal digits, which no setting of the server reads in another way.
pub(in crate::database) fn mysql_text(text: &str) -> String {
    format!("CONVERT(_utf8mb4 X'{}' USING utf8mb4)", hex::encode(text))
}

const COLUMNS_POSTGRES: &str = "\
WITH RECURSIVE base (type, base, modifier) AS (
  SELECT oid, oid, -1 FROM pg_catalog.pg_type WHERE typtype <> 'd'
  UNION ALL
  SELECT t.oid, b.base, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END
  FROM pg_catalog.pg_type AS t JOIN base AS b ON b.type = t.typbasetype WHERE t.typtype = 'd'
)
SELECT n.nspname::text, c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), bt.typname::text,
  CASE WHEN bt.typname IN ('varchar', 'bpchar') THEN
    NULLIF(CASE WHEN a.atttypmod = -1 THEN b.modifier ELSE a.atttypmod END, -1) - 4 END::text,
  (NOT a.attnotnull)::text, (a.attgenerated <> '')::text, NULL::text, NULL::text, NULL::text,
  c.relispartition::text, (c.relkind = 'p')::text, NULL::text
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN base AS b ON b.type = a.atttypid
JOIN pg_catalog.pg_type AS bt ON bt.oid = b.base
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, a.attnum";

const PRIMARY_KEYS_POSTGRES: &str = "\
SELECT n.nspname::text, c.relname::text, a.attname::text
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisprimary AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, k.place";

const FOREIGN_KEYS_POSTGRES: &str = "\
SELECT f.oid::text, n.nspname::text, c.relname::text, a.attname::text, tn.nspname::text, t.relname::text, ta.attname::text,
  f.conname::text,
  CASE f.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
    ELSE 'SET DEFAULT' END,
  CASE f.confupdtype WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
    ELSE 'SET DEFAULT' END
FROM pg_catalog.pg_constraint AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = f.confrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (own, other, place)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.own
JOIN pg_catalog.pg_attribute AS ta ON ta.attrelid = t.oid AND ta.attnum = k.other
WHERE f.contype = 'f' AND f.conparentid = 0
ORDER BY n.nspname, c.relname, f.conname, f.oid, k.place";

/// What a generated column depends on is noted for its default since version 15, and for the column itself before.
const DEPENDENTS_POSTGRES: &str = "\
SELECT CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind, n.nspname::text AS schema, t.relname::text AS name,
  (CASE WHEN pg_catalog.pg_table_is_visible(v.oid) THEN '' ELSE vn.nspname::text || '.' END) || v.relname::text AS dependent,
  a.attname::text AS about, NULL::text AS made_of
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_rewrite AS r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_catalog.pg_namespace AS vn ON vn.oid = v.relnamespace
JOIN pg_catalog.pg_class AS t ON d.refclassid = 'pg_catalog.pg_class'::regclass AND t.oid = d.refobjid AND t.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
UNION
SELECT 'generated column', n.nspname::text, t.relname::text, g.attname::text, a.attname::text, NULL
FROM pg_catalog.pg_attrdef AS e
JOIN pg_catalog.pg_class AS t ON t.oid = e.adrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_attribute AS g ON g.attrelid = t.oid AND g.attnum = e.adnum AND g.attgenerated <> ''
JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid > 0
  AND (d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = e.oid
    OR d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.objsubid = e.adnum)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid AND a.attnum <> g.attnum
UNION
SELECT CASE WHEN g.tgtype & 16 <> 0 THEN 'trigger' ELSE 'trigger, not on updates' END, n.nspname::text, t.relname::text,
  g.tgname::text, NULL, NULL
FROM pg_catalog.pg_trigger AS g
JOIN pg_catalog.pg_class AS t ON t.oid = g.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'
UNION
SELECT 'policy', n.nspname::text, t.relname::text, p.polname::text, NULL, NULL
FROM pg_catalog.pg_policy AS p
JOIN pg_catalog.pg_class AS t ON t.oid = p.polrelid AND t.relrowsecurity
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
UNION
SELECT 'rule', n.nspname::text, t.relname::text, r.rulename::text, NULL, NULL
FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_class AS t ON t.oid = r.ev_class AND t.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
UNION
SELECT 'check constraint', n.nspname::text, t.relname::text, c.conname::text, a.attname::text, NULL
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY (c.conkey)
WHERE c.contype = 'c'
ORDER BY 1, 2, 3, 4, 5";

const COLUMNS_MYSQL: &str = "\
SELECT CAST(NULLIF(c.TABLE_SCHEMA, DATABASE()) AS CHAR), CAST(c.TABLE_NAME AS CHAR), CAST(c.COLUMN_NAME AS CHAR),
  CAST(c.COLUMN_TYPE AS CHAR), LOWER(CAST(c.DATA_TYPE AS CHAR)), CAST(c.CHARACTER_MAXIMUM_LENGTH AS CHAR),
  IF(c.IS_NULLABLE = 'YES', 'true', 'false'), IF(c.GENERATION_EXPRESSION <> '', 'true', 'false'),
  CAST(c.COLLATION_NAME AS CHAR), CAST(c.CHARACTER_SET_NAME AS CHAR),
  IF(LOWER(CAST(c.EXTRA AS CHAR)) LIKE '%on update%', 'true', 'false'), 'false',
  IF(LOWER(CAST(t.CREATE_OPTIONS AS CHAR)) LIKE '%partitioned%', 'true', 'false'), 'false'
FROM information_schema.COLUMNS AS c
JOIN information_schema.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND (c.TABLE_SCHEMA = {home} OR c.TABLE_SCHEMA IN (
  SELECT r.CONSTRAINT_SCHEMA FROM information_schema.REFERENTIAL_CONSTRAINTS AS r WHERE r.UNIQUE_CONSTRAINT_SCHEMA = {home}))
ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION";

const PRIMARY_KEYS_MYSQL: &str = "\
SELECT CAST(NULLIF(s.TABLE_SCHEMA, DATABASE()) AS CHAR), CAST(s.TABLE_NAME AS CHAR), CAST(s.COLUMN_NAME AS CHAR)
FROM information_schema.STATISTICS AS s
WHERE s.INDEX_NAME = 'PRIMARY' AND (s.TABLE_SCHEMA = {home} OR s.TABLE_SCHEMA IN (
  SELECT r.CONSTRAINT_SCHEMA FROM information_schema.REFERENTIAL_CONSTRAINTS AS r WHERE r.UNIQUE_CONSTRAINT_SCHEMA = {home}))
ORDER BY s.TABLE_SCHEMA, s.TABLE_NAME, s.SEQ_IN_INDEX";

const FOREIGN_KEYS_MYSQL: &str = "\
SELECT CAST(CONCAT(k.CONSTRAINT_SCHEMA, '.', k.TABLE_NAME, '.', k.CONSTRAINT_NAME) AS CHAR),
  CAST(NULLIF(k.TABLE_SCHEMA, DATABASE()) AS CHAR), CAST(k.TABLE_NAME AS CHAR), CAST(k.COLUMN_NAME AS CHAR),
  CAST(NULLIF(k.REFERENCED_TABLE_SCHEMA, DATABASE()) AS CHAR), CAST(k.REFERENCED_TABLE_NAME AS CHAR),
  CAST(k.REFERENCED_COLUMN_NAME AS CHAR), CAST(k.CONSTRAINT_NAME AS CHAR), CAST(r.DELETE_RULE AS CHAR), CAST(r.UPDATE_RULE AS CHAR)
FROM information_schema.KEY_COLUMN_USAGE AS k
JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA
  AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND (k.REFERENCED_TABLE_SCHEMA = {home} OR k.TABLE_SCHEMA = {home})
ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";

/// No server of all that are in use says on which tables a view rests: its text does.
const DEPENDENTS_MYSQL: &str = "\
SELECT 'view', CAST(NULLIF(v.TABLE_SCHEMA, DATABASE()) AS CHAR), NULL, CAST(v.TABLE_NAME AS CHAR), NULL, CAST(v.VIEW_DEFINITION AS CHAR)
FROM information_schema.VIEWS AS v WHERE v.TABLE_SCHEMA = {home}
UNION ALL
SELECT 'generated column', CAST(NULLIF(c.TABLE_SCHEMA, DATABASE()) AS CHAR), CAST(c.TABLE_NAME AS CHAR), CAST(c.COLUMN_NAME AS CHAR),
  NULL, CAST(c.GENERATION_EXPRESSION AS CHAR)
FROM information_schema.COLUMNS AS c WHERE c.GENERATION_EXPRESSION <> '' AND (c.TABLE_SCHEMA = {home} OR c.TABLE_SCHEMA IN (
  SELECT r.CONSTRAINT_SCHEMA FROM information_schema.REFERENTIAL_CONSTRAINTS AS r WHERE r.UNIQUE_CONSTRAINT_SCHEMA = {home}))
UNION ALL
SELECT IF(g.EVENT_MANIPULATION = 'UPDATE', 'trigger', 'trigger, not on updates'),
  CAST(NULLIF(g.EVENT_OBJECT_SCHEMA, DATABASE()) AS CHAR), CAST(g.EVENT_OBJECT_TABLE AS CHAR), CAST(g.TRIGGER_NAME AS CHAR), NULL, NULL
FROM information_schema.TRIGGERS AS g WHERE g.EVENT_OBJECT_SCHEMA = {home} OR g.EVENT_OBJECT_SCHEMA IN (
  SELECT r.CONSTRAINT_SCHEMA FROM information_schema.REFERENTIAL_CONSTRAINTS AS r WHERE r.UNIQUE_CONSTRAINT_SCHEMA = {home})
ORDER BY 1, 2, 3, 4";

/// What this server's catalog tells of check constraints: nothing, if it is an old one.
pub(in crate::database) const CHECK_COLUMNS_MYSQL: &str = "\
SELECT UPPER(CAST(c.COLUMN_NAME AS CHAR)) FROM information_schema.COLUMNS AS c
WHERE LOWER(c.TABLE_SCHEMA) = 'information_schema' AND UPPER(c.TABLE_NAME) = 'CHECK_CONSTRAINTS'";

/// MariaDB's, where a name may come again in another table.
pub(in crate::database) const CHECKS_MARIADB: &str = "\
SELECT 'check constraint', CAST(NULLIF(k.CONSTRAINT_SCHEMA, DATABASE()) AS CHAR), CAST(k.TABLE_NAME AS CHAR),
  CAST(k.CONSTRAINT_NAME AS CHAR), NULL, CAST(k.CHECK_CLAUSE AS CHAR)
FROM information_schema.CHECK_CONSTRAINTS AS k";

/// MySQL's, that does not say of which table one is.
pub(in crate::database) const CHECKS_MYSQL: &str = "\
SELECT 'check constraint', CAST(NULLIF(k.CONSTRAINT_SCHEMA, DATABASE()) AS CHAR), CAST(t.TABLE_NAME AS CHAR),
  CAST(k.CONSTRAINT_NAME AS CHAR), NULL, CAST(k.CHECK_CLAUSE AS CHAR)
FROM information_schema.CHECK_CONSTRAINTS AS k JOIN information_schema.TABLE_CONSTRAINTS AS t
  ON t.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND t.CONSTRAINT_TYPE = 'CHECK'";

/// What SQLite makes of a column's type, its affinity, follows from the type's name: <https://www.sqlite.org/datatype3.html>.
const COLUMNS_SQLITE: &str = "\
SELECT NULL, m.name, c.name, c.type, lower(c.type), NULL,
  CASE WHEN c.\"notnull\" THEN 'false' ELSE 'true' END, CASE WHEN c.hidden IN (2, 3) THEN 'true' ELSE 'false' END, NULL, NULL,
  'false', 'false', 'false', (SELECT CASE WHEN l.wr THEN 'true' END FROM pragma_table_list(m.name) AS l WHERE l.schema = 'main')
FROM main.sqlite_schema AS m, pragma_table_xinfo(m.name, 'main') AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND c.hidden <> 1
ORDER BY m.name, c.cid";

const PRIMARY_KEYS_SQLITE: &str = "\
SELECT NULL, m.name, c.name FROM main.sqlite_schema AS m, pragma_table_info(m.name, 'main') AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND c.pk > 0
ORDER BY m.name, c.pk";

/// A constraint has no name that SQLite would tell; one that names no column leads to the primary key.
const FOREIGN_KEYS_SQLITE: &str = "\
SELECT m.name || '.' || f.id, NULL, m.name, f.\"from\", NULL, f.\"table\",
  coalesce(f.\"to\", (SELECT p.name FROM pragma_table_info(f.\"table\", 'main') AS p WHERE p.pk = f.seq + 1)),
  NULL, f.on_delete, f.on_update
FROM main.sqlite_schema AS m, pragma_foreign_key_list(m.name, 'main') AS f
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL%'
ORDER BY m.name, f.id, f.seq";

/// A trigger of SQLite's may stand anywhere and change any table: its text tells which.
const DEPENDENTS_SQLITE: &str = "\
SELECT m.type, NULL, NULL, m.name, NULL, m.sql FROM main.sqlite_schema AS m WHERE m.type IN ('view', 'trigger')
UNION ALL
SELECT 'generated column', NULL, m.name, c.name, NULL, NULL
FROM main.sqlite_schema AS m, pragma_table_xinfo(m.name, 'main') AS c
WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND c.hidden IN (2, 3)
ORDER BY 1, 2, 3, 4";
