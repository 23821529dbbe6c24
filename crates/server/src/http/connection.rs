//! The accept loop: HTTP/1.1, plain or over TLS, with limits on time and number, and a stop that loses nothing.
//!
//! hyper by itself waits as long as a client likes. Here each connection notes when it last got further, and one check a
//! second ends it when that is too long ago; a busy connection pays for two atomic stores.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use super::limits::{Peer, host};
use crate::tls::Tls;

/// Limits of connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the first byte of a request to the end of its head; also the time that a TLS handshake has.
    pub head: Duration,
    /// Without a byte in either direction while no request is being handled.
    pub idle: Duration,
    /// Connections at a time.
    pub total: usize,
    /// Connections at a time from one address; proxies of ours are exempt.
    pub per_address: usize,
    pub proxies: Vec<IpNet>,
    /// How long a stop waits for requests under way.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            total: 4096,
            per_address: 256,
            proxies: Vec::new(),
            stop: Duration::from_secs(15),
        }
    }
}

/// Where connections come in.
pub struct Door {
    pub listener: TcpListener,
    /// Plain HTTP without it.
    pub tls: Option<Arc<Tls>>,
}

impl From<TcpListener> for Door {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

/// Serves until `stop` is ready, then answers what has begun.
pub async fn serve(door: impl Into<Door>, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let Door { listener, tls } = door.into();
    let limits = Arc::new(limits);
    let graceful = GracefulShutdown::new();
    let open = Arc::new(Open::default());
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(place) = open.enter(peer.ip(), &limits) {
                    start(stream, tls.as_ref(), peer, place, &router, &limits, &graceful);
                }
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "a connection could not be taken");
                // Out of file descriptors, most likely: give the open ones time to end.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way at the end of the time to stop");
    }
}

#[allow(clippy::too_many_arguments, reason = "all that a connection is made of, in one place")]
fn start(
    stream: TcpStream,
    tls: Option<&Arc<Tls>>,
    peer: SocketAddr,
    place: Place,
    router: &Router,
    limits: &Arc<Limits>,
    graceful: &GracefulShutdown,
) {
    let _ = stream.set_nodelay(true);
    let (router, limits, watcher) = (router.clone(), Arc::clone(limits), graceful.watcher());
    let acceptor = tls.map(|tls| tls.acceptor());
    tokio::spawn(async move {
        let _place = place;
        match acceptor {
            None => run(stream, false, peer, router, &limits, watcher).await,
            Some(acceptor) => {
                // A client that can't or won't is its own business.
                if let Ok(Ok(stream)) = tokio::time::timeout(limits.head, acceptor.accept(stream)).await {
                    run(stream, true, peer, router, &limits, watcher).await;
                }
            }
        }
    });
}

async fn run(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    secure: bool,
    peer: SocketAddr,
    router: Router,
    limits: &Limits,
    watcher: Watcher,
) {
    let progress = Arc::new(Progress::new());
    let io = Watched { stream: TokioIo::new(stream), progress: Arc::clone(&progress) };
    let noted = Arc::clone(&progress);
    let service = service_fn(move |request: Request<Incoming>| {
        noted.enter(BUSY);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answer = router.clone().call(request);
        let noted = Arc::clone(&noted);
        async move {
            let mut answer = answer.await;
            if let (true, Ok(answer)) = (secure, &mut answer) {
                // S6: whoever was here over TLS does not come back without.
                answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
            }
            noted.enter(IDLE);
            answer
        }
    });
    let connection = http1::Builder::new()
        // Timed here, from the first byte; hyper would time the pause between two requests with it.
        .header_read_timeout(None)
        .max_headers(64)
        .max_buf_size(16 * 1024)
        .serve_connection(io, service);
    tokio::select! {
        // What a broken connection says is its own business.
        _ = watcher.watch(connection) => {}
        () = progress.overdue(limits) => {}
    }
}

/// A year, for this host alone.
const HSTS: &str = "max-age=31536000";

/// Nothing has come of the next request, or the answer is being sent.
const IDLE: u8 = 0;
/// The head has begun.
const HEAD: u8 = 1;
/// A handler has the request, and its own limits.
const BUSY: u8 = 2;

/// How far a connection has got, and when it last did.
struct Progress {
    start: Instant,
    phase: AtomicU8,
    /// Milliseconds after `start`.
    since: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self { start: Instant::now(), phase: AtomicU8::new(IDLE), since: AtomicU64::new(0) }
    }

    fn enter(&self, phase: u8) {
        self.since.store(self.elapsed(), Relaxed);
        self.phase.store(phase, Relaxed);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Ready when the connection has taken too long.
    async fn overdue(&self, limits: &Limits) {
        let check = limits.head.min(limits.idle).min(Duration::from_secs(4)) / 4;
        loop {
            tokio::time::sleep(check).await;
            let phase = self.phase.load(Relaxed);
            let waited = Duration::from_millis(self.elapsed().saturating_sub(self.since.load(Relaxed)));
            if (phase == HEAD && waited > limits.head) || (phase == IDLE && waited > limits.idle) {
                return;
            }
        }
    }
}

/// A stream that notes its progress.
struct Watched<S> {
    stream: TokioIo<S>,
    progress: Arc<Progress>,
}

impl<S: AsyncRead + Unpin> Read for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() && self.progress.phase.load(Relaxed) == IDLE {
            self.progress.enter(HEAD);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Write for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(polled.is_ready());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(polled.is_ready());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> Watched<S> {
    fn note(&self, wrote: bool) {
        if wrote && self.progress.phase.load(Relaxed) == IDLE {
            self.progress.enter(IDLE);
        }
    }
}

/// The open connections. An address is known only as long as it has one.
#[derive(Default)]
struct Open {
    by_address: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// A connection's place among them, given back at its end.
struct Place {
    open: Arc<Open>,
    address: IpAddr,
}

impl Open {
    fn enter(self: &Arc<Self>, peer: IpAddr, limits: &Limits) -> Option<Place> {
        let address = host(peer);
        let exempt = limits.proxies.iter().any(|net| net.contains(&peer.to_canonical()));
        let mut open = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.1.get(&address).copied().unwrap_or(0);
        if open.0 >= limits.total || (!exempt && here >= limits.per_address) {
            return None;
        }
        open.0 += 1;
        open.1.insert(address, here + 1);
        Some(Place { open: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 = open.0.saturating_sub(1);
        if let Some(here) = open.1.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.1.remove(&self.address);
            }
        }
    }
}
