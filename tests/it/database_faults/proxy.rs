//! A TCP proxy that a test can hold, switch off and on again, and set traps in: at a byte or a word, never at a time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running proxy; it ends when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    url: url::Url,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What springs once, when its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trap {
    /// Holds everything after so many bytes of all clients together.
    HoldAfterRequests(usize),
    /// Holds everything after so many bytes of answers on one connection.
    HoldAfterAnswers(usize),
    /// Cuts a connection after exactly so many bytes of answers on it.
    CutAfterAnswers(usize),
    /// Cuts a connection as soon as the answer to this word comes; nobody gets to see the answer.
    LoseAnswerTo(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Held,
    Off,
}

struct Shared {
    line: watch::Sender<Line>,
    /// Connections turned away while it was off.
    refused: watch::Sender<u32>,
    trap: Mutex<Option<Trap>>,
    /// Bytes of all clients together.
    requests: Mutex<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// What becomes of bytes on their way.
enum Verdict {
    Pass,
    /// So many of them pass, then the connection is cut.
    Cut(usize),
}

/// One connection's own memory.
#[derive(Default)]
struct Memory {
    answers: usize,
    /// The next answer is to be lost.
    loses_answer: bool,
}

impl Proxy {
    /// Starts a proxy before the server of a URL.
    pub(crate) async fn before(url: &str) -> Self {
        let url = url::Url::parse(url).expect("the test's URL");
        let port = url.port_or_known_default().expect("a port");
        let upstream = format!("{}:{port}", url.host_str().expect("a host"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            line: watch::channel(Line::Open).0,
            refused: watch::channel(0).0,
            trap: Mutex::new(None),
            requests: Mutex::new(0),
        });
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&shared)));
        Self { address, url, shared, accepting }
    }

    /// The same URL, by way of the proxy.
    pub(crate) fn url(&self) -> String {
        let mut url = self.url.clone();
        url.set_host(Some("127.0.0.1")).expect("a URL with a host");
        url.set_port(Some(self.address.port())).expect("a URL with a port");
        url.to_string().trim_end_matches('/').to_owned()
    }

    /// Lets everything pass; what was held goes on.
    pub(crate) fn open(&self) {
        self.shared.line.send_replace(Line::Open);
    }

    /// Cuts all connections, and turns new ones away.
    pub(crate) fn switch_off(&self) {
        self.shared.line.send_replace(Line::Off);
    }

    /// Sets a trap, in place of one that has not sprung.
    pub(crate) fn set(&self, trap: Trap) {
        *self.shared.trap.lock().expect("no thread panicked here") = Some(trap);
    }

    /// Returns whether the last trap has sprung.
    pub(crate) fn has_sprung(&self) -> bool {
        self.shared.trap.lock().expect("no thread panicked here").is_none()
    }

    /// Waits until a trap holds everything.
    pub(crate) async fn until_held(&self) {
        let mut line = self.shared.line.subscribe();
        line.wait_for(|line| *line == Line::Held).await.expect("the proxy is running");
    }

    /// Waits until so many connections were turned away.
    pub(crate) async fn until_refused(&self, connections: u32) {
        let mut refused = self.shared.refused.subscribe();
        refused.wait_for(|refused| *refused >= connections).await.expect("the proxy is running");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.line.send_replace(Line::Off);
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: String, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        if *shared.line.borrow() == Line::Off {
            shared.refused.send_modify(|refused| *refused += 1);
            continue;
        }
        let server = TcpStream::connect(&upstream).await.expect("the server behind the proxy");
        tokio::spawn(carry(client, server, Arc::clone(&shared)));
    }
}

/// Carries bytes both ways until one side ends; then both are closed.
async fn carry(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let memory = Mutex::default();
    tokio::select! {
        () = pump(from_client, to_server, Side::Request, &memory, &shared) => {}
        () = pump(from_server, to_client, Side::Answer, &memory, &shared) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, side: Side, memory: &Mutex<Memory>, shared: &Shared) {
    let mut line = shared.line.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            _ = line.wait_for(|line| *line == Line::Off) => return,
            read = from.read(&mut buffer) => read,
        };
        let Ok(length @ 1..) = read else { return };
        let verdict = shared.judge(&buffer[..length], side, &mut memory.lock().expect("no thread panicked here"));
        if line.wait_for(|line| *line != Line::Held).await.is_ok_and(|line| *line == Line::Off) {
            return;
        }
        let (passing, cut) = match verdict {
            Verdict::Pass => (length, false),
            Verdict::Cut(passing) => (passing, true),
        };
        if to.write_all(&buffer[..passing]).await.is_err() || cut {
            return;
        }
    }
}

impl Shared {
    /// Counts bytes that come, and springs the trap if it is its time.
    fn judge(&self, bytes: &[u8], side: Side, memory: &mut Memory) -> Verdict {
        let mut requests = self.requests.lock().expect("no thread panicked here");
        let answers_before = memory.answers;
        match side {
            Side::Request => *requests += bytes.len(),
            Side::Answer => memory.answers += bytes.len(),
        }
        if side == Side::Answer && memory.loses_answer {
            return Verdict::Cut(0);
        }
        let mut trap = self.trap.lock().expect("no thread panicked here");
        let verdict = match &*trap {
            Some(Trap::HoldAfterRequests(most)) if *requests > *most => self.hold(),
            Some(Trap::HoldAfterAnswers(most)) if memory.answers > *most => self.hold(),
            Some(Trap::CutAfterAnswers(most)) if memory.answers > *most => {
                Verdict::Cut(most.saturating_sub(answers_before))
            }
            Some(Trap::LoseAnswerTo(word)) if side == Side::Request && contains(bytes, word) => {
                memory.loses_answer = true;
                Verdict::Pass
            }
            _ => return Verdict::Pass,
        };
        *trap = None;
        verdict
    }

    fn hold(&self) -> Verdict {
        self.line.send_replace(Line::Held);
        Verdict::Pass
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}
