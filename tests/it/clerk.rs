//! The Clerk client against small servers that answer by script, byte for byte.

#[cfg(target_os = "linux")]
mod http2;
#[cfg(target_os = "linux")]
mod proxy;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use db2clerk::clerk::{ApiUrl, CertificateDer, Client, Environment, Error, Kind, SecretKey, Settings, Taken};
use db2clerk::record::{Identifier, IdentifierKind, ImportUser, UserId};
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const KEY: &str = "sk_test_visible";

#[tokio::test]
async fn a_look_up_sends_its_ids_percent_encoded_behind_a_plus() {
    let server = Server::start([json_answer(200, &json!([user("user_1", "-2")]))]).await;
    let ids = ["1", "-2", "+3", "ü&limit=9"].map(|id| UserId::new(id).expect("is an ID"));
    let users = server.client().users_by_external_id(&ids).await.expect("finds users");
    assert_eq!(users.len(), 1);
    assert_eq!((users[0].id.as_str(), users[0].external_id.as_deref()), ("user_1", Some("-2")));
    assert_eq!(
        server.only_request().line,
        "GET /v1/users?external_id=%2B1&external_id=%2B-2&external_id=%2B%2B3&external_id=%2B%C3%BC%26limit%3D9&limit=100 \
         HTTP/1.1"
    );
}

#[tokio::test]
async fn long_ids_are_looked_up_in_urls_that_servers_take() {
    let ids: Vec<UserId> =
        (0..30).map(|n| UserId::new(format!("{n:02}{}", "ü".repeat(127))).expect("is an ID")).collect();
    let page = |id: &str| json_answer(200, &json!([user(id, id)]));
    let server = Server::start([page("user_1"), page("user_2"), page("user_3"), page("user_4")]).await;
    let users = server.client().users_by_external_id(&ids).await.expect("finds users");
    assert_eq!(users.len(), 4, "the answers are joined");
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.line.len() < 8_000));
    assert_eq!(seen.iter().map(|request| request.line.matches("external_id=").count()).sum::<usize>(), 30);
}

#[tokio::test]
async fn every_request_bears_the_key_the_version_and_a_name() {
    let server = Server::start([json_answer(200, &json!({"object": "total_count", "total_count": 7}))]).await;
    assert_eq!(server.client().count_users().await, Ok(7));
    let request = server.only_request();
    assert_eq!(request.line, "GET /v1/users/count HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer sk_test_visible"));
    assert_eq!(request.header("clerk-api-version"), Some("2026-05-12"));
    assert_eq!(request.header("user-agent"), Some(concat!("db2clerk/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_user_is_created_by_exactly_this_body() {
    let server = Server::start([json_answer(200, &user("user_1", "7"))]).await;
    let mut import = import_user("7");
    import.key = Some("row".into());
    import.email = Some("ada@x.com".into());
    import.unverified_email_addresses = vec!["lovelace@x.com".into()];
    let client = server.client();
    let created = client.create_user(client.turn().await, &import).await.expect("is created");
    assert_eq!(created.id.as_str(), "user_1");
    let request = server.only_request();
    assert_eq!(request.line, "POST /v1/users HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.body,
        r#"{"external_id":"7","email_address":["ada@x.com","lovelace@x.com"],"email_address_identification_status":["verified","reserved"],"skip_password_requirement":true}"#
    );
}

#[tokio::test]
async fn an_instance_tells_what_it_is_for() {
    let answer =
        json!({"object": "instance", "id": "ins_1", "environment_type": "production", "allowed_origins": null});
    let server = Server::start([json_answer(200, &answer)]).await;
    let instance = server.client().instance().await.expect("is read");
    assert_eq!((instance.id.as_str(), instance.environment), ("ins_1", Environment::Production));
}

#[tokio::test]
async fn a_user_who_does_not_hold_the_identifier_is_not_the_one_looked_for() {
    let holder = json!({"id": "user_2", "external_id": null, "email_addresses": [{"email_address": "Ada@x.com"}]});
    let server = Server::start([
        json_answer(200, &json!([user("user_1", "1")])),
        json_answer(200, &json!([user("user_1", "1"), holder])),
    ])
    .await;
    let (client, ada) = (server.client(), Identifier::new(IdentifierKind::Email, "ada@x.com"));
    assert_eq!(client.user_by_identifier(&ada).await, Ok(None));
    let found = client.user_by_identifier(&ada).await.expect("is read").expect("is found");
    assert_eq!(found.id.as_str(), "user_2");
    assert_eq!(server.seen()[0].line, "GET /v1/users?email_address=ada%40x.com&limit=10 HTTP/1.1");
}

#[tokio::test]
async fn a_walk_asks_for_what_follows_the_last_user() {
    let server = Server::start([json_answer(200, &json!([user("user_1", "1")])), json_answer(200, &json!([]))]).await;
    let client = server.client();
    let page = client.list_users(None).await.expect("is read");
    assert_eq!(client.list_users(Some(&page[0].id)).await, Ok(Vec::new()));
    let lines: Vec<String> = server.seen().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /v1/users?limit=500 HTTP/1.1", "GET /v1/users?limit=500&starting_after=user_1 HTTP/1.1"]);
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirect() {
    let elsewhere = Server::start([json_answer(200, &json!([]))]).await;
    let location = format!("Location: http://{}/v1/instance", elsewhere.address);
    let server = Server::start([answer("302 Found", &[&location], "")]).await;
    let error = server.client().instance().await.expect_err("is no answer");
    assert_eq!((error.kind, error.status), (Kind::StopsRun, Some(302)));
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_rate_limit_without_a_wait_pauses_all_for_the_configured_delay() {
    let count = json!({"object": "total_count", "total_count": 7});
    let server = Server::start([answer("429 Too Many Requests", &[], ""), json_answer(200, &count)]).await;
    let mut settings = server.settings();
    settings.pace.retry_delay = Duration::from_millis(60);
    let client = Client::new(settings).expect("is a client");
    assert_eq!(client.count_users().await, Ok(7));
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(60), "{:?}", seen[1].at - seen[0].at);
    assert_eq!((client.stats().requests, client.stats().rate_limited), (2, 1));
    assert!(client.latency() > Duration::ZERO);
}

#[tokio::test]
async fn a_rate_limit_with_a_wait_pauses_every_clone_for_that_long() {
    let refusal = json!({"errors": [{"code": "too_many_requests", "message": "", "long_message": ""}]});
    let server = Server::start([answer("429 Too Many Requests", &["Retry-After: 1800"], &refusal.to_string())]).await;
    let client = server.client();
    let error = client.create_user(client.turn().await, &import_user("1")).await.expect_err("is refused");
    assert_eq!((error.kind, error.in_doubt, error.is_rate_limit()), (Kind::Passing, false, true));
    assert_eq!(error.retry_after, Some(Duration::from_mins(30)));
    assert!(client.clone().pause_left().is_some_and(|left| left > Duration::from_mins(29)));
}

#[tokio::test]
async fn reading_is_repeated_while_failures_may_pass() {
    let server = Server::start([
        answer("500 Internal Server Error", &[], "<html>"),
        "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"object\":".to_owned(),
        String::new(),
        json_answer(200, &json!({"object": "total_count", "total_count": 7})),
    ])
    .await;
    assert_eq!(server.client().count_users().await, Ok(7));
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_create_is_sent_once_and_a_failure_tells_whether_it_may_have_worked() {
    let cut = || "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\":\"user_1\",".to_owned();
    let table = [
        (cut(), "answer_unreadable", Kind::Passing, true),
        (String::new(), "connection_lost", Kind::Passing, true),
        (answer("502 Bad Gateway", &[], "<html>"), "http_502", Kind::Passing, true),
        (json_answer(200, &user("user_1", "somebody else")), "answer_mixed_up", Kind::Passing, true),
        (answer("200 OK", &[], "<html>Sign in to the hotel</html>"), "not_clerk", Kind::StopsRun, true),
        (json_answer(422, &refusal("form_param_unknown", "phone_number")), "form_param_unknown", Kind::Rejected, false),
        (
            json_answer(422, &refusal("form_identifier_exists", "email_address")),
            "form_identifier_exists",
            Kind::IdentifierExists { param: Taken::Identifier(IdentifierKind::Email) },
            false,
        ),
    ];
    for (script, code, kind, in_doubt) in table {
        let server = Server::start([script, json_answer(200, &user("user_1", "1"))]).await;
        let error = server
            .client()
            .create_user(server.client().turn().await, &import_user("1"))
            .await
            .expect_err("is a failure");
        assert_eq!((error.code.as_str(), error.kind, error.in_doubt), (code, kind, in_doubt), "{error}");
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_create_that_never_reached_clerk_leaves_no_doubt() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = free.local_addr().expect("is bound");
    drop(free);
    let error = create_at(&format!("http://{address}")).await;
    assert_eq!((error.code.as_str(), error.kind, error.in_doubt), ("connect", Kind::Passing, false));
    assert!(error.message.contains(&address.to_string()) && error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_create_without_an_answer_in_time_leaves_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("is bound");
    let mut settings = settings(&format!("http://{address}"));
    settings.timeout = Duration::from_millis(50);
    let client = Client::new(settings).expect("is a client");
    let error = client.create_user(client.turn().await, &import_user("1")).await.expect_err("is a failure");
    assert_eq!((error.code.as_str(), error.kind, error.in_doubt), ("timeout", Kind::Passing, true));
}

#[tokio::test]
async fn an_address_that_is_not_clerks_is_named_at_once() {
    let refusal = json!({"errors": [{"code": "resource_not_found", "message": "", "long_message": ""}]});
    for script in [
        answer("200 OK", &["Content-Type: text/html"], "<!doctype html>"),
        answer("404 Not Found", &[], "nothing here"),
        json_answer(404, &refusal),
        json_answer(200, &json!({"status": "ok"})),
    ] {
        let server = Server::start([script.clone()]).await;
        let error = server.client().instance().await.expect_err("is not Clerk");
        assert_eq!(error.kind, Kind::StopsRun, "{script}");
        assert!(error.message.contains("`CLERK_API_URL`"), "{error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn tls_is_spoken_with_a_server_whose_authority_is_trusted() {
    let authority = Authority::new();
    let server =
        authority.serve("localhost", [json_answer(200, &json!({"object": "total_count", "total_count": 7}))]).await;
    let mut settings = settings(&format!("https://localhost:{}", server.address.port()));
    settings.extra_root = Some(authority.certificate());
    let client = Client::new(settings).expect("is a client");
    assert_eq!(client.count_users().await, Ok(7));
    assert_eq!(server.only_request().header("authorization"), Some("Bearer sk_test_visible"));
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_gets_nothing_and_no_error_shows_key_or_address() {
    let server = Authority::new().serve("localhost", [json_answer(200, &json!([]))]).await;
    let mut settings = settings(&format!("https://localhost:{}", server.address.port()));
    // Another authority than the server's: a system without any could make no client at all.
    settings.extra_root = Some(Authority::new().certificate());
    let client = Client::new(settings).expect("is a client");
    let error = client.user_by_identifier(&Identifier::new(IdentifierKind::Email, "ada@x.com")).await;
    let error = error.expect_err("is not trusted");
    assert_eq!((error.kind, error.code.as_str(), error.in_doubt), (Kind::StopsRun, "tls", false));
    assert!(server.seen().is_empty());
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("ada") && !shown.contains("visible"), "{shown}");
}

#[tokio::test]
async fn a_compressed_answer_is_asked_for_where_it_may_be_long_and_read() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(json!([user("user_1", "1")]).to_string().as_bytes()).expect("writes into memory");
    let packed = packed.finish().expect("ends");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    let server = Server::start([[head.as_bytes(), &packed].concat()]).await;
    let users = server.client().list_users(None).await.expect("is read");
    assert_eq!(users.len(), 1);
    assert_eq!(server.only_request().header("accept-encoding"), Some("gzip"));
}

/// A server on this machine that gives its answers in turn, one a connection, and remembers what it was asked.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: Vec<String>,
    body: String,
    at: Instant,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.headers.iter().filter_map(|line| line.split_once(": "));
        pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Server {
    async fn start(answers: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self::listen(answers, None).await
    }

    async fn listen(answers: impl IntoIterator<Item = impl Into<Vec<u8>>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("is bound");
        let (seen, answers) =
            (Arc::new(Mutex::new(Vec::new())), answers.into_iter().map(Into::into).collect::<Vec<Vec<u8>>>());
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.expect("accepts");
                match &tls {
                    None => serve(stream, &answer, &log).await,
                    Some(tls) => {
                        // A client that does not trust us hangs up; that is its business.
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &answer, &log).await;
                        }
                    }
                }
            }
        });
        Self { address, seen }
    }

    fn settings(&self) -> Settings {
        settings(&format!("http://{}", self.address))
    }

    fn client(&self) -> Client {
        Client::new(self.settings()).expect("is a client")
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("is whole").clone()
    }

    fn only_request(&self) -> Request {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }
}

/// Reads one request, gives the answer as it is, and hangs up.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8], log: &Mutex<Vec<Request>>) {
    let mut bytes = Vec::new();
    let request = loop {
        let read = stream.read_buf(&mut bytes).await.expect("reads");
        assert!(read > 0, "the request broke off");
        if let Some(request) = parse(&String::from_utf8_lossy(&bytes)) {
            break request;
        }
    };
    log.lock().expect("is whole").push(request);
    stream.write_all(answer).await.expect("writes");
    stream.shutdown().await.expect("hangs up");
}

/// Returns the request, once it is whole.
fn parse(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines().map(str::to_owned);
    let line = lines.next()?;
    let request = Request { line, headers: lines.collect(), body: body.to_owned(), at: Instant::now() };
    let length = request.header("content-length").map_or(0, |length| length.parse().expect("is a number"));
    (request.body.len() == length).then_some(request)
}

fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let length = format!("Content-Length: {}", body.len());
    let lines = [&[length.as_str(), "Connection: close"], headers].concat().join("\r\n");
    format!("HTTP/1.1 {status}\r\n{lines}\r\n\r\n{body}")
}

fn json_answer(status: u16, body: &Json) -> String {
    answer(&format!("{status} -"), &["Content-Type: application/json"], &body.to_string())
}

fn user(id: &str, external_id: &str) -> Json {
    json!({"id": id, "object": "user", "external_id": external_id, "username": null, "email_addresses": []})
}

fn refusal(code: &str, param: &str) -> Json {
    json!({"errors": [{"code": code, "message": "", "long_message": "", "meta": {"param_name": param}}]})
}

fn import_user(id: &str) -> ImportUser {
    ImportUser::new(UserId::new(id).expect("is an ID"))
}

fn settings(url: &str) -> Settings {
    Settings::new(ApiUrl::parse(url).expect("is a URL"), SecretKey::parse(KEY).expect("is a key"))
}

async fn create_at(url: &str) -> Error {
    let client = Client::new(settings(url)).expect("is a client");
    client.create_user(client.turn().await, &import_user("1")).await.expect_err("is a failure")
}

/// A certificate authority that nobody knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("has no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("makes a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("signs itself"))
    }

    fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Serves answers in the name of a host, with a certificate of this authority.
    async fn serve(&self, host: &str, answers: impl IntoIterator<Item = String>) -> Server {
        Server::listen(answers, Some(TlsAcceptor::from(Arc::new(self.server(host))))).await
    }

    /// How a server of that name speaks TLS.
    fn server(&self, host: &str) -> ServerConfig {
        let key = KeyPair::generate().expect("makes a key");
        let params = CertificateParams::new([host.to_owned()]).expect("is a name");
        let certificate = params.signed_by(&key, &self.0).expect("signs");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("is a key");
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("are versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("fits")
    }
}
