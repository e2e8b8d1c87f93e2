//! One server that several processes share: found alive, or started, and ended seconds after its last client.
//!
//! A client holds a shared `flock` for as long as it lives. The kernel drops it when the process ends, however it
//! ends. `supervisor.sh`, a detached shell, starts the server and watches that lock; the server in turn dies with the
//! shell (`PR_SET_PDEATHSIG`). What a crash of everything leaves behind is cleaned up by the next start.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::sleep;

const SUPERVISOR: &str = include_str!("supervisor.sh");
/// Seconds between the last client's end and the server's.
const GRACE_SECONDS: u32 = 3;
/// The longest that a stopping supervisor takes (30 s until it kills), and some.
const STOPPING: Duration = Duration::from_secs(45);

/// What a client needs to know of a running server. Kept in a file that only its owner may read: it may hold a
/// password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// How clients reach it.
    pub url: String,
    /// `127.0.0.1:port`, to see whether it answers.
    pub socket: SocketAddr,
    /// What was started, for people.
    pub words: String,
    /// A listener for a proxy, `127.0.0.1:port`.
    #[serde(default)]
    pub behind: Option<String>,
}

/// A process's share in a running server: it ends with this value or with the process.
#[derive(Debug)]
pub(crate) struct Share {
    pub running: Running,
    place: Place,
    _clients: File,
}

impl Share {
    /// The server's process, while it lives.
    pub fn process(&self) -> Option<u32> {
        self.place.process("server.pid")?.as_raw().try_into().ok()
    }

    /// Signals the server.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        match self.place.terminate("server.pid", signal)? {
            true => Ok(()),
            false => bail!("{} does not run", self.place.kind()),
        }
    }

    /// Starts the server again on the state that it left; waits for the end of the supervisor that noticed its death.
    pub async fn relaunch(&self, ending: &Ending<'_>) -> anyhow::Result<()> {
        let place = &self.place;
        let supervisor = place.open("supervisor")?;
        lock(|| supervisor.try_lock(), Some(STOPPING))
            .await
            .with_context(|| format!("{} still runs", place.kind()))?;
        drop(supervisor);
        let extra = fs::read_to_string(place.state().join("extra")).ok().map(PathBuf::from);
        let ending = Ending {
            signal: ending.signal,
            extra: extra.as_deref(),
        };
        place.supervise(&ending).await
    }

    /// See [`Place::until`].
    pub async fn until(&self, patience: Duration, ready: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        self.place.until(patience, ready).await
    }
}

/// Where one server's state and locks are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    prefix: PathBuf,
}

/// How the supervisor ends a server, and what it removes afterwards besides the state.
#[derive(Clone, Debug)]
pub(crate) struct Ending<'a> {
    pub signal: &'a str,
    pub extra: Option<&'a Path>,
}

impl Place {
    /// The server `kind` below `dir`; creates the folder.
    pub fn new(dir: &Path, kind: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self { prefix: dir.join(kind) })
    }

    /// The folder of everything one run writes.
    pub fn state(&self) -> PathBuf {
        self.prefix.clone()
    }

    /// The log of the latest run; it stays when the state goes.
    pub fn log(&self) -> PathBuf {
        self.beside("log")
    }

    /// A file beside the state, `kind.extension`; it stays when the state goes.
    pub fn beside(&self, extension: &str) -> PathBuf {
        self.prefix.with_extension(extension)
    }

    fn kind(&self) -> Cow<'_, str> {
        self.prefix.file_name().unwrap_or_default().to_string_lossy()
    }

    fn open(&self, extension: &str) -> anyhow::Result<File> {
        let path = self.beside(extension);
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened.with_context(|| format!("cannot open {}", path.display()))
    }

    fn running(&self) -> Option<Running> {
        let text = fs::read_to_string(self.state().join("running.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Joins the running server, or starts it with `start`, which prepares the state and calls [`Place::launch`].
    /// Only one process at a time is in here.
    pub async fn join_or_start(
        &self,
        say: fn(&str),
        start: impl AsyncFnOnce(&Place) -> anyhow::Result<Running>,
    ) -> anyhow::Result<Share> {
        let turn = self.open("lock")?;
        if turn.try_lock().is_err() {
            say(&format!(
                "{}: waiting for another process that is starting or stopping it",
                self.kind()
            ));
            lock(|| turn.try_lock(), None).await?;
        }
        let clients = self.open("clients")?;
        lock(|| clients.try_lock_shared(), Some(STOPPING)).await?;
        for tool in ["flock", "setpriv", "setsid"] {
            crate::in_path(tool).with_context(|| format!("needs {tool}. Run: apt-get install -y util-linux"))?;
        }
        let supervisor = self.open("supervisor")?;
        if let Err(TryLockError::WouldBlock) = supervisor.try_lock() {
            if let Some(running) = self.running()
                && self.process("server.pid").is_some()
                && answers(running.socket).await
            {
                return Ok(Share {
                    running,
                    place: self.clone(),
                    _clients: clients,
                });
            }
            // It was starting when its starter died, or its server is gone: nobody can use it.
            self.terminate("supervisor.pid", Signal::SIGTERM)?;
            lock(|| supervisor.try_lock(), Some(STOPPING))
                .await
                .context("an earlier supervisor does not end")?;
        }
        self.clean().await?;
        drop(supervisor); // the new supervisor takes it over
        create_dir(&self.state())?;
        let started = start(self)
            .await
            .and_then(|running| self.record(&running).map(|()| running));
        if started.is_err() {
            self.terminate("supervisor.pid", Signal::SIGTERM)?;
        }
        let running = started.with_context(|| format!("cannot start {}", self.kind()))?;
        Ok(Share {
            running,
            place: self.clone(),
            _clients: clients,
        })
    }

    /// Starts again when, between our look at a free port and the server's, another process took it.
    pub async fn with_free_port<T>(&self, start: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut attempts = 3;
        loop {
            attempts -= 1;
            match start().await {
                Err(error) if attempts > 0 && self.has_ended() && error.to_string().contains("already in use") => {}
                outcome => return outcome,
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.state().join("exit").exists()
    }

    /// Starts the detached supervisor, and with it the server: `command` replaces a shell (quoted, one word each).
    pub async fn launch(
        &self,
        command: &[String],
        environment: &[(&str, &str)],
        ending: &Ending<'_>,
    ) -> anyhow::Result<()> {
        let mut script = String::from("cd /\n");
        for (name, value) in environment {
            script.push_str(&format!("export {name}={}\n", quoted(value)));
        }
        // The server dies with its supervisor, even when that is killed.
        script.push_str("exec setpriv --pdeathsig ");
        script.push_str(ending.signal);
        for word in command {
            script.push(' ');
            script.push_str(&quoted(word));
        }
        script.push('\n');
        fs::write(self.state().join("run"), script)?;
        self.supervise(ending).await
    }

    /// Starts the detached supervisor of what the state's script starts.
    async fn supervise(&self, ending: &Ending<'_>) -> anyhow::Result<()> {
        let state = self.state();
        let _ = fs::remove_file(state.join("exit"));
        let launched = Command::new("setsid")
            .args(["--fork", "/bin/sh", "-c", SUPERVISOR, "incasso-stack"])
            .args([state.as_os_str(), self.prefix.as_os_str()])
            .args([ending.signal, &GRACE_SECONDS.to_string()])
            .args(ending.extra)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .context("cannot run setsid (package util-linux)")?;
        if !launched.success() {
            bail!("the supervisor did not start");
        }
        Ok(())
    }

    /// Waits until `ready` says so. Fails with the end of the log when the server exits first or takes too long.
    pub async fn until(&self, patience: Duration, ready: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            if ready().await {
                return Ok(());
            }
            if let Ok(code) = fs::read_to_string(self.state().join("exit")) {
                bail!("it ended with code {} while starting; {}", code.trim(), self.log_tail());
            }
            if began.elapsed() > patience {
                bail!("it does not answer after {} s; {}", patience.as_secs(), self.log_tail());
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    fn log_tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.reverse();
        format!("the end of {}:\n{}", self.log().display(), lines.join("\n"))
    }

    fn record(&self, running: &Running) -> anyhow::Result<()> {
        let temporary = self.state().join("running.json.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(running)?)?;
        fs::rename(temporary, self.state().join("running.json"))?;
        Ok(())
    }

    /// Ends what a crashed run left and removes its state. The caller holds the supervisor's lock, so nothing watches.
    async fn clean(&self) -> anyhow::Result<()> {
        // Java ignores INT in the background; PostgreSQL waits for its clients on TERM.
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
            let began = Instant::now();
            while self.terminate("server.pid", signal)? && began.elapsed() < Duration::from_secs(3) {
                sleep(Duration::from_millis(100)).await;
            }
        }
        let state = self.state();
        if let Ok(extra) = fs::read_to_string(state.join("extra")) {
            remove(Path::new(&extra))?;
        }
        remove(&state)?;
        let _ = fs::remove_file(self.log());
        Ok(())
    }

    /// The process of a recorded pid, while it lives and is still ours: its command line must name our state (or the
    /// extra folder), for a pid may long be another's, and a process that has ended has none.
    fn process(&self, pid_file: &str) -> Option<Pid> {
        let state = self.state();
        let pid: i32 = fs::read_to_string(state.join(pid_file)).ok()?.trim().parse().ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line);
        let extra = fs::read_to_string(state.join("extra")).ok();
        let ours = line.contains(&*state.to_string_lossy()) || extra.is_some_and(|folder| line.contains(&folder));
        (pid > 1 && ours).then(|| Pid::from_raw(pid))
    }

    /// Signals the process of a recorded pid. True while it lives.
    fn terminate(&self, pid_file: &str, signal: Signal) -> anyhow::Result<bool> {
        let Some(pid) = self.process(pid_file) else {
            return Ok(false);
        };
        match kill(pid, signal) {
            Ok(()) => Ok(true),
            Err(nix::Error::ESRCH) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot end process {pid} of an earlier run")),
        }
    }
}

/// Waits for a lock; without a limit as long as it takes.
pub(crate) async fn lock(
    attempt: impl Fn() -> Result<(), TryLockError>,
    limit: Option<Duration>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock"),
            Err(TryLockError::WouldBlock) if limit.is_some_and(|limit| began.elapsed() > limit) => {
                bail!("a lock is not released");
            }
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answers(socket: SocketAddr) -> bool {
    let attempt = tokio::net::TcpStream::connect(socket);
    matches!(tokio::time::timeout(Duration::from_secs(2), attempt).await, Ok(Ok(_)))
}

/// A folder that others may pass through but not list.
fn create_dir(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o711))?;
    Ok(())
}

/// Removes a folder that may not exist.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A word as the shell reads it back unchanged.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_reads_a_quoted_word_back() {
        for word in ["plain", "two words", "it's", "$HOME `x` \"y\" \\", ""] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(word))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
