//! HTTP: connections, TLS, proxies and compressed answers, put together of hyper's parts.
//!
//! Why not a client library above them: with no limit in the way, one took a fifth of the processor that a user costs in all, to read
//! the same address anew, twice, and to copy the same headers four times for every request.

use std::error::Error as StdError;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::timeout::Timeout;
use tower::util::{BoxCloneSyncService, MapErr};
use tower::{BoxError, ServiceExt as _};

use super::settings::{SecretKey, Settings};
use super::wire;

/// How long a connection may take to come about, TLS and a proxy's consent included.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: less than servers commonly do, so that no request meets a closed one.
const KEPT_IDLE: Duration = Duration::from_secs(30);
/// After how long the other end of a silent connection is asked whether it is there, and within how long it must answer. Requests of
/// HTTP/2 share one connection: a dead one would take them all with it.
const ASKED_AFTER: Duration = Duration::from_secs(15);
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// How often a request is sent again that the server says it has not touched.
const UNTOUCHED_AGAIN: u32 = 2;
/// The longest answer taken; a page of 500 users with all the metadata they may have is below it.
const LONGEST_ANSWER: usize = 64 << 20;
/// How much room is made for an answer before it comes, however long it says that it is.
const LONGEST_RESERVED: usize = 4 << 20;

type Tcp = HttpConnector<MapErr<GaiResolver, fn(io::Error) -> HostNotFound>>;
/// What opens connections over which HTTP is spoken with Clerk: TLS or none, over a connection to Clerk or, with TLS or none, to a proxy.
type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<MaybeHttpsStream<TokioIo<TcpStream>>>, BoxError>;

/// Sends requests over connections that are kept.
pub(super) struct Http {
    client: legacy::Client<Connector, Full<Bytes>>,
    /// Host and port of the proxy on the way.
    proxy: Option<String>,
    /// What every request bears.
    headers: HeaderMap,
    timeout: Duration,
}

/// An answer whose head has come.
pub(super) struct Answering {
    response: Response<Incoming>,
    deadline: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no answer came in time")]
    TookTooLong,
    #[error(transparent)]
    Failed(#[from] legacy::Error),
}

/// The system knows no address of a host.
#[derive(Debug, thiserror::Error)]
#[error("the host's name is not found")]
pub(super) struct HostNotFound(#[source] io::Error);

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system has no certificate authorities, or an unusable one was given.
    #[error(
        "could not prepare TLS; if this system has no certificate authorities, install the package `ca-certificates`, or set \
         `SSL_CERT_FILE`"
    )]
    Authorities(#[source] rustls::Error),
    /// The address of the API leaves no room for an endpoint behind it.
    #[error("the address of the API is too long")]
    Address(#[source] InvalidUri),
    /// The environment names a proxy of a kind that cannot be used.
    #[error(
        "cannot go through a `{0}` proxy\nhint: name an HTTP proxy in `HTTPS_PROXY`, or exempt Clerk's host by `NO_PROXY`"
    )]
    Proxy(String),
    /// A variable of the environment that names a proxy is not the address of one. It is not shown: it may hold a password.
    #[error(
        "`{0}` in the environment is not the address of a proxy\nhint: it looks like `http://proxy.example:3128`; unset, none is used"
    )]
    ProxyAddress(&'static str),
}

impl Http {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let tls = tls(settings).map_err(ClientError::Authorities)?;
        let proxy = proxy(settings)?;
        let transport = match &proxy {
            None => BoxCloneSyncService::new(tcp().map_response(MaybeHttpsStream::Http).map_err(BoxError::from)),
            Some(proxy) => {
                let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http().enable_http1();
                let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy.wrap_connector(tcp()));
                BoxCloneSyncService::new(
                    match proxy.basic_auth() {
                        Some(auth) => tunnel.with_auth(auth.clone()),
                        None => tunnel,
                    }
                    .map_err(BoxError::from),
                )
            }
        };
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls);
        let tls = if settings.api_url.is_plain() { tls.https_or_http() } else { tls.https_only() };
        let connector = Timeout::new(tls.enable_all_versions().wrap_connector(transport), CONNECTED_WITHIN);
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(ASKED_AFTER)
            .http2_keep_alive_timeout(ANSWERS_WITHIN)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_IDLE)
            .pool_max_idle_per_host(256)
            .build(BoxCloneSyncService::new(connector));
        let proxy = proxy.and_then(|proxy| host_and_port(proxy.uri()));
        Ok(Self { client, proxy, headers: headers(&settings.secret_key), timeout: settings.timeout })
    }

    /// Returns which way requests go, for messages: empty, or through which proxy.
    pub(super) fn way(&self) -> String {
        self.proxy.as_ref().map(|proxy| format!(" through the proxy `{proxy}`")).unwrap_or_default()
    }

    /// Sends a request, and returns once the head of its answer has come. Redirects are answers like others: the key stays with the
    /// host it was given for.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn send(&self, method: Method, uri: Uri, body: Option<Vec<u8>>) -> Result<Answering, NoAnswer> {
        let deadline = Instant::now() + self.timeout;
        let mut headers = self.headers.clone();
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if method == Method::GET {
            // A page of users is large; what changes something has a short answer.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let mut request = Request::new(body.map_or_else(Full::default, |body| Full::new(body.into())));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let mut again = UNTOUCHED_AGAIN;
        loop {
            match timeout_at(deadline, self.client.request(request.clone())).await {
                Ok(Ok(response)) => return Ok(Answering { response, deadline }),
                Ok(Err(error)) if again > 0 && is_untouched(&error) => again -= 1,
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(NoAnswer::TookTooLong),
            }
        }
    }
}

impl Answering {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads the body to its end; `None` if it breaks off, takes too long or is too large.
    pub(super) async fn read(mut self) -> Option<Vec<u8>> {
        let is_packed = self.header(&header::CONTENT_ENCODING).is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let incoming = self.response.body_mut();
        // A page of users is large: a body that grew piece by piece would take several times its memory.
        let length = incoming.size_hint().lower().try_into().unwrap_or(LONGEST_RESERVED);
        let mut body = Vec::with_capacity(length.min(LONGEST_RESERVED));
        while let Some(frame) = timeout_at(self.deadline, incoming.frame()).await.ok()? {
            // Trailers tell nothing.
            let Ok(data) = frame.ok()?.into_data() else { continue };
            if body.len() + data.len() > LONGEST_ANSWER {
                return None;
            }
            body.extend_from_slice(&data);
        }
        if is_packed { unpacked(&body) } else { Some(body) }
    }
}

/// Returns whether the server says that it has not touched a request of HTTP/2: when it closes a connection that has served its time,
/// or had no room for it.
pub(super) fn is_untouched(error: &legacy::Error) -> bool {
    cause::<h2::Error>(error).filter(|error| error.is_remote()).is_some_and(|error| {
        error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
            || error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
    })
}

/// Finds the cause of a type.
pub(super) fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Returns the causes of an error, also inside I/O errors, which hide theirs from `source`.
pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|error| error as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    // JSON shrinks to an eighth or so.
    let mut body = Vec::with_capacity((8 * packed.len()).min(LONGEST_RESERVED));
    let most = LONGEST_ANSWER as u64 + 1;
    let length = MultiGzDecoder::new(packed).take(most).read_to_end(&mut body).ok()?;
    (length <= LONGEST_ANSWER).then_some(body)
}

fn headers(key: &SecretKey) -> HeaderMap {
    let bearer = format!("Bearer {}", key.expose());
    let mut authorization = HeaderValue::from_str(&bearer).expect("a checked key is visible ASCII");
    authorization.set_sensitive(true);
    HeaderMap::from_iter([
        (header::AUTHORIZATION, authorization),
        (header::USER_AGENT, HeaderValue::from_static(concat!("db2clerk/", env!("CARGO_PKG_VERSION")))),
        (header::ACCEPT, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("clerk-api-version"), HeaderValue::from_static(wire::API_VERSION)),
    ])
}

fn tcp() -> Tcp {
    let resolver = GaiResolver::new().map_err(HostNotFound as fn(io::Error) -> HostNotFound);
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(ASKED_AFTER));
    tcp.set_keepalive_interval(Some(ANSWERS_WITHIN));
    tcp.set_keepalive_retries(Some(3));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(ASKED_AFTER + ANSWERS_WITHIN));
    tcp.set_connect_timeout(Some(CONNECTED_WITHIN));
    tcp
}

fn tls(settings: &Settings) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    if settings.api_url.is_plain() {
        // No TLS, so no certificates to load: a machine without any can still run the simulator.
        return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(settings.extra_root.clone(), provider)?;
    // Dangerous is what one could put here; this is the system's own verifier.
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Returns the proxy that the environment wants us to take (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`); none to this machine.
fn proxy(settings: &Settings) -> Result<Option<Intercept>, ClientError> {
    if settings.api_url.is_loopback() {
        return Ok(None);
    }
    let base = settings.api_url.base();
    // One that cannot be read is as good as none to the library, and requests would go past the proxy.
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let no_proxy = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    if let Some(name) = PROXY_VARIABLES.into_iter().find(set)
        && !is_exempt(&base, no_proxy)
        && !std::env::var(name).is_ok_and(|value| is_proxy(&value))
    {
        return Err(ClientError::ProxyAddress(name));
    }
    let Some(proxy) = Matcher::from_env().intercept(&base) else { return Ok(None) };
    match proxy.uri().scheme_str() {
        Some("http" | "https") => Ok(Some(proxy)),
        other => Err(ClientError::Proxy(other.unwrap_or_default().to_owned())),
    }
}

/// The variables that name the proxy for an address of TLS; the first that is set counts.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Returns whether `NO_PROXY` exempts an address from any proxy.
fn is_exempt(base: &Uri, no_proxy: String) -> bool {
    Matcher::builder().all("http://proxy.example").no(no_proxy).build().intercept(base).is_none()
}

/// Returns whether a text is the address of a proxy, of whatever kind.
fn is_proxy(text: &str) -> bool {
    let anywhere = Uri::from_static("https://clerk.example");
    let proxy = Matcher::builder().all(text.to_owned()).build().intercept(&anywhere);
    // A port that is none is passed over by the library, too.
    let authority = proxy.as_ref().and_then(|proxy| proxy.uri().authority());
    authority.is_some_and(|authority| authority.as_str() == authority.host() || authority.port().is_some())
}

/// Returns no more of an address than that: before them stands what is left of a password with a `@` in it.
fn host_and_port(uri: &Uri) -> Option<String> {
    let host = uri.host()?;
    Some(uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::clerk::error::Error;
    use crate::clerk::settings::ApiUrl;

    #[tokio::test]
    async fn a_host_without_an_address_is_told_as_that() {
        let api_url = ApiUrl::parse("http://localhost").expect("is a URL");
        let settings = Settings::new(api_url.clone(), SecretKey::parse("sk_test_visible").expect("is a key"));
        let http = Http::new(&settings).expect("is a client");
        // A name with so long a part is refused by the resolver itself: nobody is asked.
        let uri = format!("http://{}.example", "a".repeat(64)).parse().expect("is a URI");
        let Err(error) = http.send(Method::GET, uri, None).await else { panic!("there is no such host") };
        let error = Error::no_answer(&error, &api_url, "");
        assert_eq!((error.code.as_str(), error.in_doubt), ("connect", false));
        assert_eq!(error.message, "could not connect to `http://localhost`: the host's name is not found");
    }

    #[test]
    fn a_proxy_has_a_host_and_a_port_that_is_one_and_some_hosts_need_none() {
        for (text, expected) in [
            ("http://proxy.example:3128", true),
            ("proxy.example", true),
            ("https://me:a%40b@[::1]:3128", true),
            ("socks5://proxy.example", true),
            (":::", false),
            ("gopher://proxy.example", false),
            ("http://me:secret@proxy.example:99999", false),
        ] {
            assert_eq!(is_proxy(text), expected, "{text}");
        }
        let clerk = Uri::from_static("https://api.clerk.com");
        for (no_proxy, expected) in [("", false), ("localhost", false), ("localhost,.clerk.com", true), ("*", true)] {
            assert_eq!(is_exempt(&clerk, no_proxy.to_owned()), expected, "{no_proxy}");
        }
    }

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).expect("writes into memory");
        encoder.finish().expect("ends")
    }

    #[test]
    fn a_packed_answer_is_unpacked_and_a_bomb_is_not() {
        assert_eq!(unpacked(&packed(b"[]")).as_deref(), Some(b"[]".as_slice()));
        assert_eq!(unpacked(b"[]"), None, "it only says that it is packed");
        let whole = packed(b"[1, 2, 3]");
        assert_eq!(unpacked(&whole[..whole.len() - 9]), None, "it broke off");
        assert_eq!(unpacked(&packed(&vec![b' '; LONGEST_ANSWER])).map(|body| body.len()), Some(LONGEST_ANSWER));
        assert_eq!(unpacked(&packed(&vec![b' '; LONGEST_ANSWER + 1])), None);
    }
}
