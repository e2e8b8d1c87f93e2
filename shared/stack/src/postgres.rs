//! PostgreSQL: a private cluster on loopback with the durability of production and little memory.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::unistd::{Uid, User};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tokio::process::Command;

use crate::Options;
use crate::install;
use crate::shared::{self, Ending, Place, Running, Share};

/// The oldest release that is used.
const OLDEST: u32 = 14;
/// A path of a Unix socket holds 107 bytes.
const LONGEST_SOCKET_FOLDER: usize = 85;

/// Joins the cluster of `dir`, or starts it.
pub(crate) async fn share(options: &Options, dir: &Path) -> anyhow::Result<Share> {
    let place = Place::new(dir, "postgres")?;
    place
        .join_or_start(options.say, async |place| start(options, place).await)
        .await
}

async fn start(options: &Options, place: &Place) -> anyhow::Result<Running> {
    let server = server(options).await?;
    let cluster = Cluster::create(place, server).await?;
    let port = place.with_free_port(async || cluster.start(place).await).await?;
    Ok(Running {
        url: cluster.url(port),
        socket: format!("127.0.0.1:{port}").parse()?,
        words: format!(
            "PostgreSQL {} ({}) started on 127.0.0.1:{port}",
            cluster.server.version,
            cluster.server.bin.display()
        ),
        behind: None,
    })
}

/// A cluster that is made and not yet started.
struct Cluster {
    server: Server,
    /// Who runs it: PostgreSQL refuses root.
    user: Option<User>,
    /// Holds `data` and the socket. Below the state, or under `/tmp` where the user cannot reach the state.
    home: PathBuf,
    /// `home`, when it must be removed on its own.
    extra: Option<PathBuf>,
    password: String,
}

impl Cluster {
    async fn create(place: &Place, server: Server) -> anyhow::Result<Self> {
        let user = if Uid::effective().is_root() {
            Some(unprivileged()?)
        } else {
            None
        };
        let (home, extra) = home(place, user.as_ref()).await?;
        let password = crate::random_bytes::<24>()?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let cluster = Self {
            server,
            user,
            home,
            extra,
            password,
        };
        let password_file = cluster.home.join("password");
        fs::write(&password_file, &cluster.password)?;
        cluster.own(&password_file)?;
        let mut command = cluster.command("initdb");
        command.args([
            "--auth=password",
            "--username=postgres",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        command
            .arg("--pwfile")
            .arg(&password_file)
            .arg("-D")
            .arg(cluster.data());
        let output = command.output().await?;
        fs::remove_file(&password_file)?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::write(cluster.home.join("settings"), cluster.settings())?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{port}/postgres", self.password)
    }

    /// A program of the server, run by its user.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(self.identity())
            .arg("--")
            .arg(self.server.bin.join(program));
        command.current_dir("/").stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Options of setpriv that turn into the server's user. It runs the program itself, where `runuser` would stay as
    /// its parent and ask PAM, which a bare container may not have set up.
    fn identity(&self) -> Vec<String> {
        let Some(user) = &self.user else { return Vec::new() };
        vec![
            format!("--reuid={}", user.uid),
            format!("--regid={}", user.gid),
            "--clear-groups".to_owned(),
        ]
    }

    fn own(&self, path: &Path) -> anyhow::Result<()> {
        let Some(user) = &self.user else { return Ok(()) };
        nix::unistd::chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("cannot hand {} to {}", path.display(), user.name))
    }

    /// Durable as in production, for what is tested is what a crash leaves; small, for it shares a laptop.
    fn settings(&self) -> Vec<u8> {
        let socket = if self.home.as_os_str().len() > LONGEST_SOCKET_FOLDER {
            String::new()
        } else {
            self.home.display().to_string()
        };
        format!(
            "listen_addresses = '127.0.0.1'
unix_socket_directories = '{}'
fsync = on
synchronous_commit = on
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
max_connections = 300
work_mem = 4MB
maintenance_work_mem = 64MB
max_worker_processes = 4
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
",
            socket.replace('\'', "''")
        )
        .into_bytes()
    }

    async fn start(&self, place: &Place) -> anyhow::Result<u16> {
        let (port, _, _) = crate::free_ports()?;
        let mut settings = fs::read(self.home.join("settings"))?;
        settings.extend_from_slice(format!("port = {port}\n").as_bytes());
        let conf = self.data().join("postgresql.auto.conf");
        fs::write(&conf, settings)?;
        self.own(&conf)?;
        let mut command = self.identity();
        command.extend(["--".to_owned(), self.server.bin.join("postgres").display().to_string()]);
        command.extend(["-D".to_owned(), self.data().display().to_string()]);
        // INT is PostgreSQL's fast shutdown.
        place
            .launch(
                &command,
                &[("LC_ALL", "C.UTF-8")],
                &Ending {
                    signal: "INT",
                    extra: self.extra.as_deref(),
                },
            )
            .await?;
        let url = self.url(port);
        let options: PgConnectOptions = url.parse()?;
        place
            .until(Duration::from_secs(60), async || options.connect().await.is_ok())
            .await?;
        Ok(port)
    }
}

/// Does the server take connections?
pub(crate) async fn answers(url: &str) -> bool {
    match url.parse::<PgConnectOptions>() {
        Ok(options) => options.connect().await.is_ok(),
        Err(_) => false,
    }
}

/// The user that runs the server when we are root.
fn unprivileged() -> anyhow::Result<User> {
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(user);
        }
    }
    bail!("PostgreSQL does not run as root and there is no user postgres. Run: useradd --system postgres")
}

/// Where the cluster lives: its user must be able to reach it, and the target folder may be below `/root` or in a
/// temporary folder of mode 700.
async fn home(place: &Place, user: Option<&User>) -> anyhow::Result<(PathBuf, Option<PathBuf>)> {
    let below = place.state().join("cluster");
    let Some(user) = user else {
        fs::DirBuilder::new().mode(0o700).create(&below)?;
        return Ok((below, None));
    };
    let reached = Command::new("setpriv")
        .args([
            format!("--reuid={}", user.uid),
            format!("--regid={}", user.gid),
            "--clear-groups".to_owned(),
        ])
        .args(["--", "test", "-x"])
        .arg(place.state())
        .stdin(Stdio::null())
        .status()
        .await
        .context("cannot run setpriv (package util-linux)")?;
    let apart = !reached.success();
    let folder = if apart {
        std::env::temp_dir().join(format!("incasso-{:016x}", fingerprint(&place.state())))
    } else {
        below
    };
    if apart {
        // Anybody may have made this folder before us: only what is ours is removed, and nothing foreign is used.
        if let Ok(found) = fs::symlink_metadata(&folder) {
            if !found.is_dir() || ![0, user.uid.as_raw()].contains(&found.uid()) {
                bail!("{} is not ours. Run: rm -r {}", folder.display(), folder.display());
            }
            shared::remove(&folder)?;
        }
        fs::write(place.state().join("extra"), folder.as_os_str().as_encoded_bytes())?;
    }
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    nix::unistd::chown(&folder, Some(user.uid), Some(user.gid))?;
    Ok((folder.clone(), apart.then_some(folder)))
}

/// FNV-1a: the same folder has the same name in every process and every build.
fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The programs of a PostgreSQL server.
#[derive(Clone, Debug)]
struct Server {
    bin: PathBuf,
    version: String,
    major: u32,
}

/// The newest server on this machine; else installed where we may.
async fn server(options: &Options) -> anyhow::Result<Server> {
    if let Some(server) = newest().await {
        return Ok(server);
    }
    install::packages(&["postgresql"], options).await?;
    newest()
        .await
        .with_context(|| format!("needs PostgreSQL {OLDEST} or newer. Run: {}", install::how_to_get()))
}

async fn newest() -> Option<Server> {
    let in_path = crate::in_path("postgres")
        .into_iter()
        .filter_map(|path| Some(fs::canonicalize(path).ok()?.parent()?.to_owned()));
    let mut folders: Vec<PathBuf> = in_path.collect();
    for root in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local"] {
        let below = fs::read_dir(root).into_iter().flatten().flatten();
        folders.extend(below.map(|entry| entry.path().join("bin")));
    }
    let mut best: Option<Server> = None;
    for bin in folders {
        if !bin.join("initdb").exists() {
            continue;
        }
        let Some(server) = version_of(bin).await else { continue };
        if server.major >= OLDEST && best.as_ref().is_none_or(|best| best.major < server.major) {
            best = Some(server);
        }
    }
    best
}

async fn version_of(bin: PathBuf) -> Option<Server> {
    let output = Command::new(bin.join("postgres"))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    let (version, major) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Server { bin, version, major })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15.18.
fn parse_version(told: &str) -> Option<(String, u32)> {
    let version = told
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let major = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((version.to_owned(), major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_servers_version() {
        let parsed = parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n");
        assert_eq!(parsed, Some(("15.18".to_owned(), 15)));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 18beta1"),
            Some(("18beta1".to_owned(), 18))
        );
        assert_eq!(parse_version("not found"), None);
    }

    #[test]
    fn a_folder_keeps_its_name_and_two_folders_differ() {
        assert_eq!(fingerprint(Path::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(Path::new("a")), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint(Path::new("/a/target")), fingerprint(Path::new("/b/target")));
    }
}
