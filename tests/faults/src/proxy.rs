//! A TCP proxy on loopback that can be cut: like a network that delivers nothing for a while, or like a broken line.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Delivers.
    Open,
    /// Delivers nothing; both ends believe that they are connected. What was sent arrives when it is mended.
    Silent,
}

/// A listening proxy. Ends with this value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    target: watch::Sender<Option<SocketAddr>>,
    line: watch::Sender<Line>,
    /// Raised to break all connections of now.
    broken: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.broken.send_modify(|times| *times += 1);
    }
}

impl Proxy {
    /// Listens on a free port; connections wait until [`Proxy::lead_to`].
    pub async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (target, targets) = watch::channel(None);
        let (line, lines) = watch::channel(Line::Open);
        let (broken, breaks) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    continue;
                };
                let (targets, lines, mut breaks) = (targets.clone(), lines.clone(), breaks.clone());
                breaks.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = breaks.changed() => {}
                        _ = connect(client, targets, lines) => {}
                    }
                });
            }
        });
        Ok(Self {
            port,
            target,
            line,
            broken,
            accepting,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections lead there from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }

    /// Nothing is delivered any more.
    pub fn cut(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// Delivers again; with `reset` the connections of before are broken instead, and what they held is lost.
    pub fn mend(&self, reset: bool) {
        if reset {
            self.broken.send_modify(|times| *times += 1);
        }
        self.line.send_replace(Line::Open);
    }
}

async fn connect(
    client: TcpStream,
    mut targets: watch::Receiver<Option<SocketAddr>>,
    mut lines: watch::Receiver<Line>,
) -> std::io::Result<()> {
    let gone = |_| std::io::Error::other("the proxy is gone");
    lines.wait_for(|line| *line == Line::Open).await.map_err(gone)?;
    let target = *targets.wait_for(Option::is_some).await.map_err(gone)?;
    let Some(target) = target else { return Ok(()) };
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // An end that goes away ends both directions: that is what the servers' own shutdown looks like.
    tokio::select! {
        done = carry(client_reads, server_writes, lines.clone()) => done,
        done = carry(server_reads, client_writes, lines) => done,
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut lines: watch::Receiver<Line>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes).await?;
        lines
            .wait_for(|line| *line == Line::Open)
            .await
            .map_err(|_| std::io::Error::other("the proxy is gone"))?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Proxies by name, shared by whoever cuts them.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<Mutex<Vec<Named>>>);

type Named = (String, Arc<Proxy>);

impl Proxies {
    /// Adds one.
    pub fn add(&self, name: &str, proxy: Proxy) -> Arc<Proxy> {
        let proxy = Arc::new(proxy);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((name.to_owned(), Arc::clone(&proxy)));
        proxy
    }

    /// Those whose name begins so.
    pub fn of(&self, name: &str) -> Vec<Arc<Proxy>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = all.iter().filter(|(known, _)| known.starts_with(name));
        named.map(|(_, proxy)| Arc::clone(proxy)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_cut_line_delivers_later_and_a_reset_one_breaks() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::listen().await.unwrap();
        proxy.lead_to(server.local_addr().unwrap());
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap();
        client.write_all(b"a").await.unwrap();
        let (mut far, _) = server.accept().await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'a');
        proxy.cut();
        client.write_all(b"b").await.unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(100), far.read_u8()).await;
        assert!(silent.is_err(), "a silent line delivered");
        proxy.mend(false);
        assert_eq!(far.read_u8().await.unwrap(), b'b');
        proxy.cut();
        proxy.mend(true);
        assert!(far.read_u8().await.is_err(), "the connection outlived its reset");
    }
}
