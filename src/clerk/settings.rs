//! What the client must be told: where Clerk is, the key to it, and how fast to go. Checked here, once.

use std::fmt;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::InvalidUri;
use rustls::pki_types::CertificateDer;
use url::{Host, Url};

use super::environment::Environment;
use super::pace::Pace;
use crate::secret::Secret;

/// Everything a [`Client`](super::Client) needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the API is.
    pub api_url: ApiUrl,
    /// The key of the instance.
    pub secret_key: SecretKey,
    /// How fast requests may follow each other.
    pub pace: Pace,
    /// How long one request may take, answer included.
    pub timeout: Duration,
    /// A certificate authority to trust beside those of the system: a company's own, or a test's.
    pub extra_root: Option<CertificateDer<'static>>,
}

impl Settings {
    /// Returns the settings for an instance: its whole rate limit, 30 seconds a request, the system's authorities.
    #[must_use]
    pub fn new(api_url: ApiUrl, secret_key: SecretKey) -> Self {
        let pace = Pace::of_instance(secret_key.kind());
        Self { api_url, secret_key, pace, timeout: Duration::from_secs(30), extra_root: None }
    }
}

/// The most characters that the address may have; the rest of what a URI holds is for endpoints and queries.
const LONGEST_URL: usize = 2_000;

/// The address of the API, without `/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(Url);

/// Why a text cannot be the address of the API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiUrlError {
    /// Not a URL, or one without a host.
    #[error("is not a URL; it looks like `https://api.clerk.com`")]
    NotAUrl,
    /// `http://` to another machine.
    #[error("must start with `https://`: the secret key would travel readable (`http://` is for this machine alone)")]
    Insecure,
    /// A user name, password, query or fragment.
    #[error("must be scheme, host, port and path alone; the key goes into `CLERK_SECRET_KEY`")]
    Extras,
}

impl ApiUrl {
    /// Reads an address, as `CLERK_API_URL` holds it: with or without `/v1`, with or without a slash at the end.
    ///
    /// # Errors
    /// [`ApiUrlError`], if the text is not a URL, or the secret key would not be safe on its way there.
    pub fn parse(text: &str) -> Result<Self, ApiUrlError> {
        let text = text.trim().trim_end_matches('/');
        let text = text.strip_suffix("/v1").unwrap_or(text).trim_end_matches('/');
        let url = Url::parse(text).map_err(|_| ApiUrlError::NotAUrl)?;
        let host = url.host().ok_or(ApiUrlError::NotAUrl)?;
        if url.as_str().len() > LONGEST_URL || url.as_str().parse::<Uri>().is_err() {
            return Err(ApiUrlError::NotAUrl);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(ApiUrlError::Insecure),
            _ => return Err(ApiUrlError::NotAUrl),
        }
        let extras =
            !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some();
        if extras { Err(ApiUrlError::Extras) } else { Ok(Self(url)) }
    }

    /// Returns whether this is Clerk itself, and not a proxy, a simulator or a test.
    #[must_use]
    pub fn is_clerk(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether the address is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(|host| is_loopback(&host))
    }

    /// Returns whether requests go without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Returns the address itself.
    pub(super) fn base(&self) -> Uri {
        self.0.as_str().parse().expect("it was checked that it is a URI")
    }

    /// Returns where an endpoint is. Path and query must be percent-encoded.
    ///
    /// # Errors
    /// If they are too long.
    pub(super) fn endpoint(&self, path: &str, query: &str) -> Result<Uri, InvalidUri> {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/v1/{path}", url.path().trim_end_matches('/')));
        url.set_query((!query.is_empty()).then_some(query));
        url.as_str().parse()
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl Default for ApiUrl {
    /// Returns Clerk's own address.
    fn default() -> Self {
        Self(Url::parse("https://api.clerk.com").expect("the literal is a URL"))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// The secret key of an instance. It can be sent, and not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    kind: Environment,
    secret: Secret,
}

/// Why a text cannot be a secret key. None of the messages shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Nothing is there.
    #[error("is empty; copy the secret key from the Clerk Dashboard, under API keys")]
    Empty,
    /// The key made for browsers.
    #[error(
        "is a publishable key (`pk_...`); the secret key (`sk_...`) stands below it in the Clerk Dashboard, under API keys"
    )]
    Publishable,
    /// Anything else.
    #[error("is not a Clerk secret key; one starts with `sk_live_` or `sk_test_`")]
    Unknown,
    /// The start is right, and then comes what no key holds.
    #[error("holds a character that no Clerk secret key has; copy it again, whole and alone")]
    Character,
}

impl SecretKey {
    /// Reads a key, forgiving the spaces and quotes that copying brings along.
    ///
    /// # Errors
    /// [`SecretKeyError`], if the text is not a secret key.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let (kind, rest) = if let Some(rest) = text.strip_prefix("sk_live_") {
            (Environment::Production, rest)
        } else if let Some(rest) = text.strip_prefix("sk_test_") {
            (Environment::Development, rest)
        } else if text.is_empty() {
            return Err(SecretKeyError::Empty);
        } else if text.starts_with("pk_") {
            return Err(SecretKeyError::Publishable);
        } else {
            return Err(SecretKeyError::Unknown);
        };
        if rest.is_empty() {
            Err(SecretKeyError::Unknown)
        } else if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(SecretKeyError::Character)
        } else {
            Ok(Self { kind, secret: Secret::new(text) })
        }
    }

    /// Returns the kind of instance the key opens, told from its start.
    #[must_use]
    pub fn kind(&self) -> Environment {
        self.kind
    }

    /// Returns the key itself, for the `Authorization` header.
    pub(super) fn expose(&self) -> &str {
        self.secret.expose()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, [secret])", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_its_version_and_slashes() {
        let table = [
            ("https://api.clerk.com", "https://api.clerk.com"),
            (" https://api.clerk.com/v1/ ", "https://api.clerk.com"),
            ("https://proxy.example.com/clerk/v1", "https://proxy.example.com/clerk"),
            ("http://127.0.0.1:4000/", "http://127.0.0.1:4000"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:4000/v1", "http://[::1]:4000"),
            ("http://localhost:4000", "http://localhost:4000"),
        ];
        for (given, shown) in table {
            assert_eq!(ApiUrl::parse(given).map(|url| url.to_string()).as_deref(), Ok(shown), "{given}");
        }
        assert_eq!(
            ApiUrl::default().endpoint("users", "limit=1").expect("is short").to_string(),
            "https://api.clerk.com/v1/users?limit=1"
        );
    }

    #[test]
    fn an_address_that_would_show_the_key_is_refused() {
        let table = [
            ("http://api.clerk.com", ApiUrlError::Insecure),
            ("http://192.168.1.2", ApiUrlError::Insecure),
            ("http://localhost.example.com", ApiUrlError::Insecure),
            ("http://127.0.0.1.example.com", ApiUrlError::Insecure),
            ("http://0.0.0.0", ApiUrlError::Insecure),
            ("ftp://localhost", ApiUrlError::NotAUrl),
            ("api.clerk.com", ApiUrlError::NotAUrl),
            ("", ApiUrlError::NotAUrl),
            ("https://me:secret@api.clerk.com", ApiUrlError::Extras),
            ("https://api.clerk.com?x=1", ApiUrlError::Extras),
        ];
        for (given, error) in table {
            assert_eq!(ApiUrl::parse(given), Err(error), "{given}");
        }
    }

    #[test]
    fn a_key_tells_its_environment() {
        let kind = |text: &str| SecretKey::parse(text).map(|key| key.kind());
        assert_eq!(kind("sk_live_a1"), Ok(Environment::Production));
        assert_eq!(kind(" \"sk_test_a1\"\n"), Ok(Environment::Development));
        assert_eq!(kind("''"), Err(SecretKeyError::Empty));
        assert_eq!(kind("pk_test_a1"), Err(SecretKeyError::Publishable));
        assert_eq!(kind("whsec_a1"), Err(SecretKeyError::Unknown));
        assert_eq!(kind("sk_test_"), Err(SecretKeyError::Unknown));
        assert_eq!(kind("sk_test_a1 # mine"), Err(SecretKeyError::Character));
        assert_eq!(kind("sk_test_ä"), Err(SecretKeyError::Character));
    }

    #[test]
    fn neither_the_key_nor_settings_nor_errors_show_the_key() {
        let key = SecretKey::parse("sk_test_visible").expect("is a key");
        let settings = Settings::new(ApiUrl::default(), key.clone());
        let error = SecretKey::parse("visible").expect_err("is no key");
        for shown in [format!("{key:?}"), format!("{settings:?}"), format!("{error:?} {error}")] {
            assert!(!shown.contains("visible"), "{shown}");
        }
    }
}
