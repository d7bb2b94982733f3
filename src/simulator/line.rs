//! Connections that can be cut on purpose: closed without an answer, or in the middle of one.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The handle of one connection: how many more bytes the client may get.
#[derive(Debug, Clone)]
pub(super) struct Line(Arc<AtomicUsize>);

const UNCUT: usize = usize::MAX;

impl Line {
    fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(UNCUT)))
    }

    /// Closes the connection once this many more bytes have gone out.
    pub(super) fn cut_after(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Release);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn sent(&self, bytes: usize) {
        let left = self.left();
        if left != UNCUT {
            self.0.store(left.saturating_sub(bytes), Ordering::Release);
        }
    }
}

/// The listening socket.
#[derive(Debug)]
pub(super) struct Lines(pub(super) TcpListener);

impl Listener for Lines {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        (Wire { stream, line: Line::new() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

/// One connection. It fails its own writes once it is cut, upon which the server drops it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.line.left().min(bytes.len());
        if allowed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]))?;
        self.line.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
