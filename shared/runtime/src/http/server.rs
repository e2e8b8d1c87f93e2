//! Accepting connections, and letting them end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::HttpConfig;
use crate::shutdown::within;

/// How long to wait when the system has no free file descriptor.
const BREATH: Duration = Duration::from_millis(100);

/// A door that is open.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens, and serves until `stop`: then no connection is taken any more, open requests get `stop_timeout_ms` to end.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(config: &HttpConfig, router: Router, stop: CancellationToken) -> anyhow::Result<Self> {
        let listen = config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("http.listen: cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, router, config.clone(), stop));
        Ok(Self { address, task })
    }

    /// Where it listens: the port that was taken for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends when the last connection has ended after a stop.
    ///
    /// # Errors
    /// When the accepting task panicked.
    pub async fn stopped(self) -> anyhow::Result<()> {
        self.task.await.context("the HTTP server ended by a panic")
    }
}

async fn serve(listener: TcpListener, router: Router, config: HttpConfig, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(config.connections_max));
    let (connections, kill) = (TaskTracker::new(), CancellationToken::new());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_timeout_ms));
    while let Some((stream, place)) = next(&listener, &places, &stop).await {
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let (stop, kill) = (stop.clone(), kill.clone());
        connections.spawn(async move {
            let mut connection = pin!(connection);
            // An error here is the peer's going away, or its slowness: nothing to do about it.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! { _ = connection => {}, () = kill.cancelled() => {} }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    within(
        "http",
        Duration::from_millis(config.stop_timeout_ms),
        connections.wait(),
    )
    .await;
    kill.cancel();
    connections.wait().await;
}

/// The next connection and its place among those that may be open; `None` at a stop.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let accepted = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Without it small answers wait for the peer's acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return Some((stream, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        accepted = accepted => accepted,
    }
}
