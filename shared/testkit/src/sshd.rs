//! A real OpenSSH server for a test: its own keys and settings in a temporary folder, a port that the system chose.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where distributions keep the program that speaks SFTP.
const SFTP_SERVER: [&str; 3] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
];

/// A server that lets the user of this process in by a key. Each connection is a process `sshd -i` of its own; all end with the
/// value.
pub struct Sshd {
    folder: TempDir,
    port: u16,
    user: String,
    listening: JoinHandle<()>,
    connections: Arc<AtomicU64>,
}

impl Sshd {
    /// A server; `None` where there is no OpenSSH here, which is said on standard error: the test is skipped.
    ///
    /// # Panics
    /// OpenSSH is there and does not work.
    pub async fn start() -> Option<Self> {
        let program = match stack::sshd(&stack::Options::new("test")).await {
            Ok(program) => program,
            Err(error) => {
                eprintln!("SKIPPED, nothing of SFTP is tested: {error:#}");
                return None;
            }
        };
        let server = Self::with(&program).await;
        Some(server.unwrap_or_else(|error| panic!("no sshd: {error:#}")))
    }

    async fn with(program: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        for (kind, name) in [
            ("ed25519", "host"),
            ("ed25519", "host-new"),
            ("rsa", "host-rsa"),
            ("ed25519", "user"),
        ] {
            make_key(kind, &path(name))?;
        }
        fs::copy(path("user.pub"), path("authorized_keys"))?;
        fs::create_dir(path("files"))?;
        let user = output(Command::new("id").arg("-un"))?;
        // OpenSSH asks for it where it starts as root.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o755).create("/run/sshd");
        for (settings, host) in [("settings", "host"), ("settings-new", "host-new")] {
            fs::write(path(settings), settings_of(folder.path(), host))?;
        }
        fs::copy(path("settings"), path("settings-now"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let connections = Arc::new(AtomicU64::new(0));
        let listening = tokio::spawn(accept(
            listener,
            program.to_owned(),
            folder.path().to_owned(),
            Arc::clone(&connections),
        ));
        Ok(Self {
            folder,
            port,
            user,
            listening,
            connections,
        })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who may log in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The private key that it lets in.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("user")
    }

    /// The folder that a test pulls from.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// A public key of the server: `host`, `host-rsa`, or `host-new`, which it takes in place of `host` after [`Sshd::change_key`].
    ///
    /// # Panics
    /// There is no such key.
    #[must_use]
    pub fn host_key(&self, name: &str) -> String {
        let path = self.folder.path().join(format!("{name}.pub"));
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// From now on the server has another Ed25519 key.
    ///
    /// # Panics
    /// The disk is full.
    pub fn change_key(&self) {
        let path = |name: &str| self.folder.path().join(name);
        let changed = fs::copy(path("settings-new"), path("settings-now"));
        assert!(changed.is_ok(), "{changed:?}");
    }

    /// Connections until now.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// What the server wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn settings_of(folder: &Path, host: &str) -> String {
    let folder = folder.display();
    let sftp = SFTP_SERVER.into_iter().find(|path| Path::new(path).is_file());
    let sftp = sftp.unwrap_or("internal-sftp");
    format!(
        "HostKey {folder}/{host}\nHostKey {folder}/host-rsa\nAuthorizedKeysFile {folder}/authorized_keys\nPidFile none\n\
         StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         LogLevel VERBOSE\nSubsystem sftp {sftp}\n"
    )
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn make_key(kind: &str, path: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", kind, "-N", "", "-C", "a test", "-f"])
        .arg(path);
    output(&mut command).context("ssh-keygen")?;
    Ok(())
}

async fn accept(listener: TcpListener, program: PathBuf, folder: PathBuf, connections: Arc<AtomicU64>) {
    while let Ok((client, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = serve(client, &program, &folder) {
            eprintln!("sshd: {error:#}");
        }
    }
}

/// One connection, as inetd would hand it over. The process ends with its connection.
fn serve(client: TcpStream, program: &Path, folder: &Path) -> anyhow::Result<()> {
    let client = client.into_std()?;
    client.set_nonblocking(false)?;
    let mut command = tokio::process::Command::new(program);
    command
        .args(["-i", "-f"])
        .arg(folder.join("settings-now"))
        .arg("-E")
        .arg(folder.join("log"))
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(client.try_clone()?)))
        .stdout(Stdio::from(std::os::fd::OwnedFd::from(client)))
        .stderr(Stdio::null());
    let mut process = command.spawn()?;
    tokio::spawn(async move { process.wait().await });
    Ok(())
}

/// A line to a server that breaks after so many bytes of what the server sends, until it is mended.
pub struct Cutter {
    port: u16,
    left: Arc<AtomicI64>,
    passed: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
    listening: JoinHandle<()>,
}

impl Cutter {
    /// A line to this port on 127.0.0.1, which passes `bytes` of the server's.
    ///
    /// # Panics
    /// No port is free.
    pub async fn new(to: u16, bytes: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("no line: {error}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let (left, passed, cuts) = (Arc::new(AtomicI64::new(bytes)), Arc::default(), Arc::default());
        let listening = {
            let (left, passed, cuts) = (Arc::clone(&left), Arc::clone(&passed), Arc::clone(&cuts));
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (left, passed, cuts) = (Arc::clone(&left), Arc::clone(&passed), Arc::clone(&cuts));
                    tokio::spawn(async move { carry(client, to, &left, &passed, &cuts).await });
                }
            })
        };
        Self {
            port,
            left,
            passed,
            cuts,
            listening,
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often it broke.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Bytes of the server's that it passed.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// So many bytes more may pass.
    pub fn mend(&self, bytes: i64) {
        self.left.store(bytes, Ordering::Relaxed);
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn carry(client: TcpStream, to: u16, left: &AtomicI64, passed: &AtomicU64, cuts: &AtomicU64) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(|_| ()) };
    let down = async {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let read = from_server.read(&mut piece).await?;
            let bytes = piece.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return std::io::Result::Ok(());
            }
            if left.fetch_sub(i64::try_from(read).unwrap_or(i64::MAX), Ordering::Relaxed) <= 0 {
                cuts.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            passed.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
            to_client.write_all(bytes).await?;
        }
    };
    // Whichever ends first ends both: the sockets close.
    let _ = tokio::select! { ended = up => ended, ended = down => ended };
}
