//! HTTP/2, as Clerk speaks it: many requests share a connection, and must outlive it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use db2clerk::clerk::{Client, Error};
use db2clerk::simulator::{Simulator, start};
use h2::Reason;
use h2::server::SendResponse;
use hyper::body::Bytes;
use hyper::{Request, Response};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Authority, import_user, settings, user};
use crate::program::Program;

/// What a server says of a request that it has not touched, and of one that it may have.
const UNTOUCHED: Reason = Reason::REFUSED_STREAM;
const TOUCHED: Reason = Reason::INTERNAL_ERROR;

/// A server of one host that speaks nothing but HTTP/2.
struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Server {
    async fn new(authority: &Authority) -> Self {
        let mut config = authority.server("localhost");
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        Self { listener, tls: TlsAcceptor::from(Arc::new(config)) }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("is bound")
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address().port())
    }

    fn client(&self, authority: &Authority) -> Client {
        let mut settings = settings(&self.url());
        settings.extra_root = Some(authority.certificate());
        Client::new(settings).expect("is a client")
    }

    async fn accept(&self) -> tokio_rustls::server::TlsStream<tokio::net::TcpStream> {
        let (stream, _) = self.listener.accept().await.expect("accepts");
        self.tls.accept(stream).await.expect("is trusted")
    }

    /// Takes one connection, and answers each of its requests by a user, or as if that had gone wrong.
    async fn answer(&self, mut failures: Vec<Reason>) {
        let mut connection = h2::server::handshake(self.accept().await).await.expect("agrees");
        while let Some(request) = connection.accept().await {
            let Ok((_, mut respond)) = request else { return };
            match failures.pop() {
                Some(reason) => respond.send_reset(reason),
                None => send(&mut respond, 200, user("user_1", "1").to_string().into()),
            }
        }
    }
}

fn send(respond: &mut SendResponse<Bytes>, status: u16, body: Bytes) {
    let head = Response::builder().status(status).header("content-type", "application/json").body(());
    let stream = respond.send_response(head.expect("is a head"), false);
    // The other end may be gone, however that came.
    let _ = stream.and_then(|mut stream| stream.send_data(body, true));
}

/// Creates a user at a server that lets requests fail in these ways, the last first, and then answers.
async fn create(failures: Vec<Reason>) -> Result<(), Error> {
    let authority = Authority::new();
    let server = Server::new(&authority).await;
    let client = server.client(&authority);
    let serving = tokio::spawn(async move { server.answer(failures).await });
    let created = client.create_user(client.turn().await, &import_user("1")).await;
    serving.abort();
    created.map(|created| assert_eq!(created.id.as_str(), "user_1"))
}

#[tokio::test]
async fn a_request_that_the_server_has_not_touched_is_sent_again() {
    assert_eq!(create(vec![]).await, Ok(()));
    assert_eq!(create(vec![UNTOUCHED, UNTOUCHED]).await, Ok(()));
}

#[tokio::test]
async fn a_request_that_is_never_touched_is_given_up_and_leaves_no_doubt() {
    let error = create(vec![UNTOUCHED; 9]).await.expect_err("is never taken");
    assert!(!error.in_doubt, "{error:?}");
}

#[tokio::test]
async fn a_request_that_the_server_may_have_touched_is_in_doubt_and_not_sent_again() {
    let error = create(vec![TOUCHED]).await.expect_err("would succeed if it were sent again");
    assert!(error.in_doubt, "{error:?}");
}

/// Reads frames until one of this type has come; its number is in RFC 9113, section 6.
async fn read_until(kind: u8, stream: &mut (impl AsyncRead + Unpin)) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame comes");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.expect("the frame is whole");
        if head[3] == kind {
            return;
        }
    }
}

#[tokio::test]
async fn a_request_that_meets_a_connection_at_its_end_is_sent_over_another() {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // The last request taken is number 0, which there is not, and nothing went wrong.
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    let authority = Authority::new();
    let server = Server::new(&authority).await;
    let client = server.client(&authority);
    let serving = tokio::spawn(async move {
        let mut stream = server.accept().await;
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.expect("speaks HTTP/2");
        stream.write_all(&SETTINGS).await.expect("writes");
        read_until(HEADERS, &mut stream).await;
        stream.write_all(&GOAWAY).await.expect("writes");
        stream.shutdown().await.expect("hangs up");
        server.answer(vec![]).await;
    });
    let created = client.create_user(client.turn().await, &import_user("1")).await.expect("is created");
    assert_eq!(created.id.as_str(), "user_1");
    serving.abort();
}

/// Lets requests through to a simulator, of each connection so many, and refuses each fifth untouched.
async fn pass_on(server: Server, simulator: String, a_connection: usize, connections: Arc<AtomicUsize>) {
    loop {
        let stream = server.accept().await;
        let (simulator, connections) = (simulator.clone(), Arc::clone(&connections));
        tokio::spawn(async move {
            // A connection too many is given up by who made it, who cannot know in time that one is enough.
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            connections.fetch_add(1, Ordering::Relaxed);
            let clerk = reqwest::Client::new();
            let mut taken = 0;
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                taken += 1;
                if taken == a_connection {
                    connection.graceful_shutdown();
                }
                if taken % 5 == 0 {
                    respond.send_reset(UNTOUCHED);
                } else {
                    tokio::spawn(ask(clerk.clone(), simulator.clone(), request, respond));
                }
            }
        });
    }
}

async fn ask(clerk: reqwest::Client, url: String, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data.expect("comes whole");
        incoming.flow_control().release_capacity(data.len()).expect("was taken");
        body.extend_from_slice(&data);
    }
    let path = head.uri.path_and_query().expect("has a path");
    let asked = clerk.request(head.method, format!("{url}{path}")).headers(head.headers).body(body).send().await;
    let answer = asked.expect("an answer");
    let status = answer.status().as_u16();
    send(&mut respond, status, answer.bytes().await.expect("is whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_get_in_once_each_though_connections_come_to_their_end() {
    const USERS: usize = 300;
    let simulator: Simulator = start(db2clerk::simulator::Settings::default()).await.expect("a simulator");
    let authority = Authority::new();
    let server = Server::new(&authority).await;
    let program = Program::new()
        .variable("CLERK_API_URL", &server.url())
        .variable("CLERK_SECRET_KEY", "sk_live_secretkey")
        .variable("RETRY_DELAY_MS", "100");
    let users = (0..USERS).map(|n| json!({"userId": format!("u{n}"), "email": format!("u{n}@example.com")}));
    program.write("authority.pem", &authority.0.pem());
    program.write("users.json", &users.map(|user| user.to_string() + "\n").collect::<String>());
    let authority = program.path("authority.pem").display().to_string();
    let program = program.variable("SSL_CERT_FILE", &authority);
    let connections = Arc::new(AtomicUsize::new(0));
    let serving = tokio::spawn(pass_on(server, simulator.url(), 40, Arc::clone(&connections)));
    let run = program.run(&["import", "--yes", "--json"]).await;
    serving.abort();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["created"], USERS, "{}", run.stdout);
    let asked = simulator.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!((simulator.users().len(), asked), (USERS, USERS), "none was sent twice");
    assert!(connections.load(Ordering::Relaxed) >= USERS / 40, "connections came to their end");
    simulator.stop().await;
}
