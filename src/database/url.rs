//! A database's address, in every spelling that Prisma, Drizzle and hosts write it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::engine::Engine;
use crate::secret::Secret;

/// Where a database is and how to get in, parsed once from what a `DATABASE_URL` holds. `Display` and `Debug` leave the
/// password out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Server(Box<Server>),
    File(File),
}

/// A server's address, with what of the parameters has a meaning to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) engine: Engine,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    pub(super) host: String,
    pub(super) port: u16,
    /// A Unix socket (MySQL) or the folder of one (Postgres), instead of host and port.
    pub(super) socket: Option<PathBuf>,
    pub(super) database: String,
    /// Prisma's `schema=`: unqualified names are looked up there first.
    pub(super) schema: Option<String>,
    pub(super) tls: Tls,
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_key: Option<PathBuf>,
    /// Postgres start-up options; Neon's `endpoint=` travels there.
    pub(super) options: Option<String>,
    pub(super) connect_timeout: Duration,
}

/// A database file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Whether it was written `file:`, as Prisma does, which counts from the folder of its schema.
    pub(super) prisma: bool,
    pub(super) read_only: bool,
}

/// How far a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Why a text is not the address of a database. No message quotes the text: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing is there.
    #[error("the database URL is empty")]
    Empty,
    /// It starts with nothing we know.
    #[error(
        "the database URL starts with `{0}`, which is no database db2clerk can read\nhint: it reads `postgres://`, `mysql://`, `sqlite:` and `file:` URLs"
    )]
    Scheme(String),
    /// It leads to a service in front of the database.
    #[error(
        "the database URL starts with `{0}`, which leads to a proxy that only Prisma understands\nhint: give the direct URL of the database itself, often called `DIRECT_URL`"
    )]
    Proxy(String),
    /// The text is no URL.
    #[error(
        "the database URL cannot be read: {0}\nhint: `/`, `?`, `#` and `@` in a user name or password must be percent-encoded"
    )]
    Invalid(String),
    /// A parameter we need has a value we do not understand.
    #[error("the parameter `{name}` of the database URL {why}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong with its value.
        why: &'static str,
    },
    /// An SQLite database that lives in another process's memory.
    #[error("the database URL names an in-memory database, which no other program can read")]
    Memory,
}

impl DatabaseUrl {
    /// Reads `postgres://`, `postgresql://`, `mysql://`, `mariadb://`, `sqlite:`, `file:` URLs, and the bare path of a `.db`,
    /// `.sqlite` or `.sqlite3` file. Parameters that only other programs know are dropped.
    ///
    /// # Errors
    /// [`UrlError`], if the text is none of these.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let place = match text.split_once(':') {
            _ if text.is_empty() => return Err(UrlError::Empty),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "postgres" | "postgresql" => Place::Server(Box::new(server(Engine::Postgres, rest)?)),
                "mysql" | "mariadb" => Place::Server(Box::new(server(Engine::MySql, rest)?)),
                "sqlite" | "sqlite3" => Place::File(file(rest, false)?),
                "file" => Place::File(file(rest, true)?),
                "prisma" | "prisma+postgres" => return Err(UrlError::Proxy(scheme.to_owned())),
                _ if looks_like_a_file(text) => Place::File(plain_file(text)),
                // Only a word is quoted back: anything else may be part of a password.
                word if word.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                    return Err(UrlError::Scheme(format!("{word}:")));
                }
                _ => return Err(UrlError::Invalid("it has no scheme such as `postgres://`".to_owned())),
            },
            None if looks_like_a_file(text) => Place::File(plain_file(text)),
            None => return Err(UrlError::Invalid("it has no scheme such as `postgres://`".to_owned())),
        };
        Ok(Self { place })
    }

    /// Returns the kind of database.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.place {
            Place::Server(server) => server.engine,
            Place::File(_) => Engine::Sqlite,
        }
    }

    /// Returns the server's host name; none for a file.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.place {
            Place::Server(server) => Some(&server.host),
            Place::File(_) => None,
        }
    }

    /// Returns the database's name; a file's path, as it was given.
    #[must_use]
    pub fn database(&self) -> String {
        match &self.place {
            Place::Server(server) => server.database.clone(),
            Place::File(file) => file.path.display().to_string(),
        }
    }

    /// Returns what tells this database from others, whoever connects: `postgres host:5432/name`, `sqlite /absolute/path`. Two
    /// schemas of one Postgres database are two sources, with tables and users of their own.
    #[must_use]
    pub fn identity(&self) -> String {
        match &self.place {
            Place::Server(server) => {
                let identity = format!("{} {}/{}", server.engine, server.address().to_lowercase(), server.database);
                match server.schema.as_deref() {
                    Some(schema) if server.engine == Engine::Postgres && schema != "public" => {
                        format!("{identity} schema {schema}")
                    }
                    _ => identity,
                }
            }
            Place::File(file) => {
                let path = file.resolved();
                let path = path.canonicalize().or_else(|_| std::path::absolute(&path)).unwrap_or(path);
                format!("{} {}", Engine::Sqlite, path.display())
            }
        }
    }

    /// Returns whether the connection leaves this machine without being bound to TLS.
    #[must_use]
    pub fn is_remote_without_tls(&self) -> bool {
        match &self.place {
            Place::Server(server) => {
                server.socket.is_none()
                    && !is_loopback(&server.host)
                    && matches!(server.tls, Tls::Disable | Tls::Prefer)
            }
            Place::File(_) => false,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Server(server) => {
                write!(f, "{}://{}@{}/{}", server.engine, server.user, server.address(), server.database)
            }
            Place::File(file) => write!(f, "sqlite:{}", file.path.display()),
        }
    }
}

impl Server {
    /// Returns `host:port`, or the socket's path.
    pub(super) fn address(&self) -> String {
        match &self.socket {
            Some(socket) => socket.display().to_string(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

impl File {
    /// Returns the file that is meant. Prisma counts `file:` from the folder its schema is in, mostly `prisma/`:
    /// <https://www.prisma.io/docs/orm/overview/databases/sqlite>.
    pub(super) fn resolved(&self) -> PathBuf {
        let below_prisma = Path::new("prisma").join(&self.path);
        if self.prisma && self.path.is_relative() && !self.path.exists() && below_prisma.exists() {
            below_prisma
        } else {
            self.path.clone()
        }
    }
}

fn looks_like_a_file(text: &str) -> bool {
    let path = Path::new(text);
    let known = ["db", "sqlite", "sqlite3"];
    !text.contains("://")
        && path.extension().is_some_and(|extension| known.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

fn plain_file(text: &str) -> File {
    File { path: PathBuf::from(text), prisma: false, read_only: false }
}

fn file(rest: &str, prisma: bool) -> Result<File, UrlError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = decoded(path)?;
    let parameter = |name: &str| parameters(query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let mode = parameter("mode");
    if path == ":memory:" || mode.as_deref() == Some("memory") {
        return Err(UrlError::Memory);
    }
    if path.is_empty() {
        return Err(UrlError::Invalid("it names no file".to_owned()));
    }
    Ok(File { path: PathBuf::from(path), prisma, read_only: mode.as_deref() == Some("ro") })
}

fn server(engine: Engine, rest: &str) -> Result<Server, UrlError> {
    // The scheme does not matter to the parser, as long as it is none that the URL standard treats specially.
    let url = url::Url::parse(&format!("db:{rest}")).map_err(|error| UrlError::Invalid(error.to_string()))?;
    let is_split = rest.contains('@') && (url.username().is_empty() || has_at_behind_its_host(&url));
    if url.fragment().is_some() || is_split {
        return Err(UrlError::Invalid("user name and password cannot be told from the rest".to_owned()));
    }
    if !rest.starts_with("//") {
        return Err(UrlError::Invalid("`//` is missing after the scheme".to_owned()));
    }
    let port = if engine == Engine::Postgres { 5432 } else { 3306 };
    let mut server = Server {
        engine,
        user: decoded(url.username())?,
        password: url.password().map(decoded).transpose()?.map(Secret::new),
        host: "localhost".to_owned(),
        port: url.port().unwrap_or(port),
        socket: None,
        database: decoded(url.path().trim_matches('/'))?,
        schema: None,
        tls: Tls::Prefer,
        root_certificate: None,
        client_certificate: None,
        client_key: None,
        options: None,
        connect_timeout: Duration::from_secs(15),
    };
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        server.set_host(&decoded(host)?);
    }
    for (name, value) in parameters(url.query().unwrap_or_default()) {
        server.set(&name, &value)?;
    }
    server.finish();
    Ok(server)
}

/// Returns whether an `@` stands where none belongs: then one in a password was taken for its end, and the rest of the password for
/// host and database, which are shown and asked for.
fn has_at_behind_its_host(url: &url::Url) -> bool {
    let names = url.query().into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split('=').next());
    std::iter::once(url.path()).chain(names).any(|part| part.contains('@'))
}

impl Server {
    fn set_host(&mut self, host: &str) {
        if host.starts_with('/') {
            self.socket = Some(PathBuf::from(host));
        } else {
            host.trim_start_matches('[').trim_end_matches(']').clone_into(&mut self.host);
        }
    }

    /// Takes one parameter, in libpq's, node-postgres', mysql2's, Prisma's or sqlx's spelling; others concern other programs.
    fn set(&mut self, name: &str, value: &str) -> Result<(), UrlError> {
        let wrong = |why| UrlError::Parameter { name: name.to_owned(), why };
        match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "sslmode" | "ssl-mode" => {
                self.tls =
                    tls_mode(value).ok_or(wrong("is none of disable, prefer, require, verify-ca, verify-full"))?;
            }
            "ssl" | "usessl" | "tls" => self.tls = tls_switch(value),
            // https://www.prisma.io/docs/orm/overview/databases/postgresql#configuring-an-ssl-connection
            "sslaccept" if value == "strict" => self.tls = Tls::VerifyFull,
            "sslaccept" if self.tls == Tls::Prefer => self.tls = Tls::Require,
            "sslrootcert" | "ssl-root-cert" | "sslca" | "ssl-ca" => self.root_certificate = Some(value.into()),
            "sslcert" | "ssl-cert" => self.client_certificate = Some(value.into()),
            "sslkey" | "ssl-key" => self.client_key = Some(value.into()),
            "host" | "hostaddr" => self.set_host(value),
            "socket" | "socketpath" => self.socket = Some(value.into()),
            "port" => self.port = value.parse().map_err(|_| wrong("is no port number"))?,
            "user" => value.clone_into(&mut self.user),
            "password" => self.password = Some(Secret::new(value)),
            "dbname" => value.clone_into(&mut self.database),
            "schema" | "search-path" | "currentschema" => {
                self.schema = Some(value.to_owned()).filter(|schema| !schema.is_empty());
            }
            "options" => self.options = Some(value.to_owned()),
            "connect-timeout" => {
                let seconds: u64 = value.parse().map_err(|_| wrong("is no number of seconds"))?;
                if seconds > 0 {
                    self.connect_timeout = Duration::from_secs(seconds);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) {
        if self.client_key.is_none() && self.root_certificate.is_none() {
            // Without a key it cannot be a client's: it is the server's, as Prisma means it.
            self.root_certificate = self.client_certificate.take();
        }
        if self.user.is_empty() {
            let usual = if self.engine == Engine::Postgres { "postgres" } else { "root" };
            usual.clone_into(&mut self.user);
        }
        if self.engine == Engine::Postgres && self.database.is_empty() {
            self.database.clone_from(&self.user);
        }
    }
}

fn tls_mode(value: &str) -> Option<Tls> {
    Some(match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => Tls::Disable,
        "allow" | "prefer" | "preferred" => Tls::Prefer,
        "require" | "required" | "no-verify" => Tls::Require,
        "verify-ca" => Tls::VerifyCa,
        "verify-full" | "verify-identity" => Tls::VerifyFull,
        _ => return None,
    })
}

/// Reads `ssl=true`, and the JSON that mysql2 takes: `ssl={"rejectUnauthorized":true}`.
fn tls_switch(value: &str) -> Tls {
    match value.to_ascii_lowercase().as_str() {
        "false" | "0" | "no" | "off" => Tls::Disable,
        json if json.starts_with('{') && !json.replace(' ', "").contains("\"rejectunauthorized\":false") => {
            Tls::VerifyFull
        }
        _ => Tls::Require,
    }
}

fn parameters(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn decoded(text: &str) -> Result<String, UrlError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| UrlError::Invalid("its percent-encoding is not UTF-8".to_owned()))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
