//! A door in front of PostgreSQL that a test can close: the server is gone, for one service alone.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A way to a server through which connections pass while it is open. Closing cuts those that are there and refuses
/// new ones, as a server that crashed does. Ends when dropped.
///
/// Not for Kafka: clients follow the address that the broker names. Its process can be stopped and continued
/// ([`stack::Stack::broker`]).
pub struct Door {
    url: String,
    open: Arc<watch::Sender<bool>>,
    listening: JoinHandle<()>,
}

impl Door {
    /// An open door to the server of a PostgreSQL URL with host and port (`postgres://user:word@host:port/database`).
    ///
    /// # Panics
    /// The URL has no host and port, or no port is free.
    pub async fn new(url: &str) -> Self {
        Self::listen(url)
            .await
            .unwrap_or_else(|error| panic!("no door: {error:#}"))
    }

    async fn listen(url: &str) -> anyhow::Result<Self> {
        let (before, rest) = url.rsplit_once('@').context("the URL names no user")?;
        let (server, after) = rest.split_once('/').context("the URL names no database")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("{before}@{}/{after}", listener.local_addr()?);
        let open = Arc::new(watch::Sender::new(true));
        let listening = tokio::spawn(accept(listener, server.to_owned(), Arc::clone(&open)));
        Ok(Self { url, open, listening })
    }

    /// The URL through the door.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Cuts all connections and refuses new ones.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Lets new connections through.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
        self.listening.abort();
    }
}

async fn accept(listener: TcpListener, server: String, open: Arc<watch::Sender<bool>>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut state = open.subscribe();
        if *state.borrow() {
            let server = server.clone();
            tokio::spawn(async move {
                tokio::select! {
                    _ = state.wait_for(|open| !open) => {}
                    () = pass(client, &server) => {}
                }
            });
        }
    }
}

async fn pass(mut client: TcpStream, server: &str) {
    if let Ok(mut server) = TcpStream::connect(server).await {
        // Either side's end is the other's.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
