//! Finds or starts Apache Kafka and PostgreSQL.
//!
//! | | found | else started from | else |
//! |---|---|---|---|
//! | Kafka | `INCASSO_KAFKA` or `KAFKA_BOOTSTRAP_SERVERS` | `KAFKA_HOME`, or Maven Central's jars, with Java 17 or newer | packages installed (root, Debian), or the one command named |
//! | PostgreSQL | `DATABASE_URL` | server programs, 14 or newer | the same |
//!
//! What is started listens on loopback and free ports, keeps its state below [`Options::root`], is shared by every
//! process that asks for the same root and name, and ends seconds after the last of them, however that ended.

mod database;
mod install;
mod java;
mod kafka;
mod openssh;
mod own;
mod postgres;
mod shared;

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::bail;

pub use database::{create_database, drop_database};
pub use openssh::sshd;
pub use own::Part;

/// What to find or start, and how to tell about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whoever asks for the same name below the same root shares: `test`, `demo`. `[a-z0-9-]`.
    pub name: String,
    /// The target folder, [`target_dir`].
    pub root: PathBuf,
    /// Told what takes time, in one line without an end of line.
    pub say: fn(&str),
    /// Whether to start servers of one's own whatever the environment names: for tests that kill them.
    pub own: bool,
    /// Port on loopback of a proxy before the broker: the broker names it to clients that come to [`Stack::kafka_behind`].
    pub proxy: Option<u16>,
}

impl Options {
    /// The options for `name` below this build's target folder, with progress on standard error.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            root: target_dir(),
            say: |line| eprintln!("stack: {line}"),
            own: false,
            proxy: None,
        }
    }
}

/// A process's hold on Kafka and PostgreSQL. What was started ends seconds after the last holder dropped it or ended.
#[derive(Debug)]
pub struct Stack {
    kafka: Server,
    postgres: Server,
}

#[derive(Debug)]
struct Server {
    url: String,
    words: String,
    behind: Option<String>,
    share: Option<shared::Share>,
}

impl From<shared::Share> for Server {
    fn from(share: shared::Share) -> Self {
        Self {
            url: share.running.url.clone(),
            words: share.running.words.clone(),
            behind: share.running.behind.clone(),
            share: Some(share),
        }
    }
}

impl Stack {
    /// Finds what the environment names, joins what runs, starts what is missing; both servers at the same time.
    ///
    /// # Errors
    /// Something is missing and cannot be installed: the message names the one command to run. Or a server does not
    /// start: the message ends with its log.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if options.name.is_empty() || !options.name.chars().all(fine) {
            bail!("{:?} is no name of a stack: a-z, 0-9 and -", options.name);
        }
        let root = std::path::absolute(&options.root)?;
        let options = Options { root, ..options };
        let dir = options.root.join("incasso-stack").join(&options.name);
        let (kafka, postgres) = tokio::try_join!(find_kafka(&options, &dir), find_postgres(&options, &dir))?;
        Ok(Self { kafka, postgres })
    }

    /// Kafka's bootstrap servers, `host:port[,host:port…]`.
    #[must_use]
    pub fn kafka(&self) -> &str {
        &self.kafka.url
    }

    /// The URL of an existing database, by a user that may create others ([`create_database`]). Holds a password: do
    /// not print it.
    #[must_use]
    pub fn postgres(&self) -> &str {
        &self.postgres.url
    }

    /// The broker's process, where it was started for this name: a test whose stack is its own may stop and continue
    /// it (SIGSTOP, SIGCONT), and Kafka is away for a while.
    #[must_use]
    pub fn broker(&self) -> Option<u32> {
        self.kafka.share.as_ref()?.process()
    }

    /// Where a proxy at [`Options::proxy`] leads: a listener of the broker that names the proxy's port to its clients.
    #[must_use]
    pub fn kafka_behind(&self) -> Option<&str> {
        self.kafka.behind.as_deref()
    }

    /// What was found or started, a line each, without secrets.
    #[must_use]
    pub fn started(&self) -> [&str; 2] {
        [&self.kafka.words, &self.postgres.words]
    }
}

async fn find_kafka(options: &Options, dir: &Path) -> anyhow::Result<Server> {
    for name in ["INCASSO_KAFKA", "KAFKA_BOOTSTRAP_SERVERS"] {
        if let Some(url) = variable(name).filter(|_| !options.own) {
            return Ok(Server {
                words: format!("Apache Kafka at {url} ({name})"),
                url,
                behind: None,
                share: None,
            });
        }
    }
    Ok(kafka::share(options, dir).await?.into())
}

async fn find_postgres(options: &Options, dir: &Path) -> anyhow::Result<Server> {
    if let Some(url) = variable("DATABASE_URL").filter(|_| !options.own) {
        return Ok(Server {
            words: "PostgreSQL of DATABASE_URL".to_owned(),
            url,
            behind: None,
            share: None,
        });
    }
    Ok(postgres::share(options, dir).await?.into())
}

/// The target folder of the build that this program belongs to: `CARGO_TARGET_DIR` where that is absolute, else the
/// one that holds the program, else `target` of the workspace around the current folder, else a folder of the user's
/// among the temporary ones.
#[must_use]
pub fn target_dir() -> PathBuf {
    let set = variable("CARGO_TARGET_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let program = || {
        std::env::current_exe()
            .ok()?
            .ancestors()
            .find(|path| path.join("CACHEDIR.TAG").is_file())
            .map(Path::to_owned)
    };
    let around = || {
        let current = std::env::current_dir().ok()?;
        let is_workspace = |path: &&Path| {
            fs::read_to_string(path.join("Cargo.toml"))
                .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
        };
        Some(current.ancestors().find(is_workspace)?.join("target"))
    };
    let elsewhere = || std::env::temp_dir().join(format!("incasso-of-{}", nix::unistd::Uid::effective()));
    set.or_else(program).or_else(around).unwrap_or_else(elsewhere)
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A program's path by `PATH`, and by the folders of system programs that a user's `PATH` may lack.
fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Three different free ports. Found by binding port 0, so another process may still be quicker: retry.
fn free_ports() -> anyhow::Result<(u16, u16, u16)> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (first, second, third) = (bind()?, bind()?, bind()?);
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok((port(&first)?, port(&second)?, port(&third)?))
}

/// Bytes that nobody can guess.
fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
