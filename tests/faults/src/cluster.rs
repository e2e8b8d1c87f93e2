//! The services as processes: two instances of each, started again whenever they end, until they are no longer wanted.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sha2::{Digest as _, Sha256};
use stack::Stack;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::plan;
use crate::proxy::Proxies;

/// The services, in the order of the day.
pub const SERVICES: [&str; 3] = ["billing", "ingestion", "allocation"];
/// The bearer token of the harness.
pub const TOKEN: &str = "incasso-faults";
/// Partitions of all topics.
pub const PARTITIONS: i32 = 2;
/// A partition's lease; a process that is stopped for longer is a zombie.
pub const LEASE: Duration = Duration::from_secs(5);

/// What the log lines of all processes told.
#[derive(Debug, Default)]
pub struct Told {
    /// Transactions refused because another instance owned the partition.
    pub fenced: AtomicU64,
    /// Processes that ended by themselves.
    pub ended: AtomicU64,
    /// Panics.
    pub panics: AtomicU64,
}

/// Where one world's processes live: settings, logs, databases, topics.
#[derive(Clone)]
pub struct Place {
    /// Its folder.
    pub folder: PathBuf,
    /// Before every topic's name.
    pub prefix: String,
    /// Folder of the services' programs.
    pub programs: PathBuf,
    /// The preloaded clock, where there is one.
    pub clock: Option<PathBuf>,
}

impl Place {
    /// The folder that ingestion watches.
    pub fn watched(&self) -> PathBuf {
        self.folder.join("statements")
    }

    /// Makes folder, databases and settings. `database` gives the database's port for an instance.
    pub async fn prepare(&self, stack: &Stack, kafka: &str, name: &str) -> anyhow::Result<()> {
        fs::create_dir_all(self.watched())?;
        let mut databases = String::new();
        for service in SERVICES {
            let database = format!("{name}_{service}");
            stack::drop_database(stack.postgres(), &database).await?;
            let url = stack::create_database(stack.postgres(), &database).await?;
            databases.push_str(&format!("[{service}.database]\nurl = {}\n", quoted(&url)));
        }
        let digest = hex(&Sha256::digest(TOKEN.as_bytes()));
        fs::write(
            self.folder.join("tokens.toml"),
            format!(
                "[[token]]\nsha256 = \"{digest}\"\nsubject = \"faults\"\nname = \"Faults\"\nroles = [\"*\"]\ncreditors = [\"*\"]\n"
            ),
        )?;
        let merchants: String = plan::MERCHANTS
            .iter()
            .map(|merchant| {
                format!(
                    "[[ingestion.payu_latam]]\nmerchant_id = {}\nalgorithm = \"sha256\"\napi_key = {}\n",
                    quoted(merchant),
                    quoted(plan::API_KEY)
                )
            })
            .collect();
        let text = format!(
            "[kafka]\nbootstrap = {}\ntopic_prefix = {}\npartitions = {PARTITIONS}\n\
             [blobs]\nfolder = {}\n[tokens]\nfile = {}\n[log]\nformat = \"json\"\n[worker]\nlease_seconds = {}\n\
             [billing]\nclock = \"manual\"\n[ingestion]\npayer_key = \"faults\"\nchunk_entries = 100\n{databases}{merchants}\
             [[ingestion.folders]]\npath = {}\npoll_millis = 300\n",
            quoted(kafka),
            quoted(&self.prefix),
            quoted(&self.folder.join("blobs").display().to_string()),
            quoted(&self.folder.join("tokens.toml").display().to_string()),
            LEASE.as_secs(),
            quoted(&self.watched().display().to_string()),
        );
        fs::write(self.settings(), text)?;
        Ok(())
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("incasso.toml")
    }

    /// The database's address in the settings with another port.
    fn database(&self, service: &str, port: u16) -> anyhow::Result<String> {
        let text = fs::read_to_string(self.settings())?;
        let section = format!("[{service}.database]\nurl = \"");
        let (_, rest) = text.split_once(&section).context("the settings name no database")?;
        let (url, _) = rest.split_once('"').context("the settings name no database")?;
        let (before, after) = url.rsplit_once('@').context("the database's address has no user")?;
        let (_, name) = after.split_once('/').context("the database's address has no name")?;
        Ok(format!("{before}@127.0.0.1:{port}/{name}"))
    }
}

/// A TOML string; TOML's basic strings are JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is known of one process.
#[derive(Debug, Default)]
struct State {
    pid: Option<u32>,
    wanted: bool,
    stopped: bool,
}

/// One instance: a process that comes back.
pub struct Instance {
    /// `ingestion-1`.
    pub name: String,
    /// `ingestion`.
    pub service: &'static str,
    state: Mutex<State>,
    address: watch::Sender<Option<SocketAddr>>,
    wanted: watch::Sender<bool>,
}

impl Instance {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its routes listen, while it runs.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.lock().pid
    }

    /// Signals its process; `false` where there is none.
    pub fn signal(&self, signal: Signal) -> bool {
        let mut state = self.lock();
        match signal {
            Signal::SIGSTOP => state.stopped = true,
            Signal::SIGCONT => state.stopped = false,
            _ => {}
        }
        let Some(pid) = state.pid.and_then(|pid| i32::try_from(pid).ok()) else {
            return false;
        };
        kill(Pid::from_raw(pid), signal).is_ok()
    }

    fn note(&self, pid: Option<u32>) {
        let mut state = self.lock();
        state.pid = pid;
        if pid.is_none() {
            state.stopped = false;
            self.address.send_replace(None);
        }
    }
}

/// All processes of one world. Dropping it kills them.
pub struct Cluster {
    place: Place,
    proxies: Proxies,
    told: Arc<Told>,
    instances: Mutex<Vec<(Arc<Instance>, JoinHandle<()>)>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for instance in self.all() {
            instance.signal(Signal::SIGKILL);
        }
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, keeper) in instances.drain(..) {
            // Its child dies with it.
            keeper.abort();
        }
    }
}

impl Cluster {
    /// Starts so many instances of each service.
    pub fn start(place: Place, proxies: Proxies, each: usize) -> Self {
        let cluster = Self {
            place,
            proxies,
            told: Arc::default(),
            instances: Mutex::default(),
        };
        for service in SERVICES {
            for _ in 0..each {
                cluster.add(service);
            }
        }
        cluster
    }

    /// What the logs told.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Its place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// One more instance.
    pub fn add(&self, service: &'static str) -> Arc<Instance> {
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let number = instances.iter().filter(|(known, _)| known.service == service).count() + 1;
        let instance = Arc::new(Instance {
            name: format!("{service}-{number}"),
            service,
            state: Mutex::new(State {
                wanted: true,
                ..State::default()
            }),
            address: watch::Sender::new(None),
            wanted: watch::Sender::new(true),
        });
        let keeper = Keeper {
            instance: Arc::clone(&instance),
            place: self.place.clone(),
            proxies: self.proxies.clone(),
            told: Arc::clone(&self.told),
        };
        instances.push((Arc::clone(&instance), tokio::spawn(keeper.keep())));
        instance
    }

    /// All instances.
    pub fn all(&self) -> Vec<Arc<Instance>> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.iter().map(|(instance, _)| Arc::clone(instance)).collect()
    }

    /// Wanted instances of a service.
    pub fn of(&self, service: &str) -> Vec<Arc<Instance>> {
        let mut all = self.all();
        all.retain(|instance| instance.service == service && instance.lock().wanted);
        all
    }

    /// Where a service's wanted instances listen, those that run.
    pub fn addresses(&self, service: &str) -> Vec<SocketAddr> {
        let running = self.of(service).into_iter().filter(|instance| !instance.lock().stopped);
        running.filter_map(|instance| instance.address()).collect()
    }

    /// Asks an instance to end, and waits; it is killed when it takes longer than its own limit for a stop.
    pub async fn remove(&self, instance: &Instance) -> anyhow::Result<()> {
        instance.lock().wanted = false;
        instance.wanted.send_replace(false);
        instance.signal(Signal::SIGCONT);
        instance.signal(Signal::SIGTERM);
        for _ in 0..500 {
            if instance.pid().is_none() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        instance.signal(Signal::SIGKILL);
        bail!("{} did not end within 25 s of SIGTERM", instance.name)
    }

    /// Ends all instances in good order.
    pub async fn stop(&self) -> Vec<String> {
        let all = self.all();
        let ends = futures::future::join_all(all.iter().map(|instance| self.remove(instance))).await;
        ends.into_iter()
            .filter_map(Result::err)
            .map(|error| error.to_string())
            .collect()
    }
}

/// Keeps one instance's process running.
struct Keeper {
    instance: Arc<Instance>,
    place: Place,
    proxies: Proxies,
    told: Arc<Told>,
}

impl Keeper {
    async fn keep(self) {
        let mut wanted = self.instance.wanted.subscribe();
        while *wanted.borrow_and_update() {
            match self.run().await {
                Ok(ended) if ended => {
                    self.told.ended.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => {}
                Err(error) => eprintln!("faults: {}: {error:#}", self.instance.name),
            }
            self.instance.note(None);
            tokio::select! {
                _ = wanted.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(300)) => {}
            }
        }
    }

    /// Runs the process until it ends; true where it was not killed and not asked to.
    async fn run(&self) -> anyhow::Result<bool> {
        let mut child = self.spawn()?;
        self.instance.note(child.id());
        let lines = child.stderr.take().context("no log of the process")?;
        self.listen(BufReader::new(lines)).await?;
        let status = child.wait().await?;
        Ok(status.code().is_some() && *self.instance.wanted.borrow())
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let instance = &self.instance;
        let upper = instance.service.to_uppercase();
        let port = self
            .proxies
            .of(&format!("postgres/{}", instance.name))
            .first()
            .map(|proxy| proxy.port());
        let port = port.or_else(|| self.proxies.of("postgres/any").first().map(|proxy| proxy.port()));
        // Dies with the harness, however that ends; a file that grows too large is an error and no signal.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "env", "--ignore-signal=XFSZ"])
            .arg(self.place.programs.join(instance.service))
            .arg("--config")
            .arg(self.place.settings())
            .current_dir(&self.place.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(port) = port {
            let url = self.place.database(instance.service, port)?;
            command.env(format!("INCASSO__{upper}__DATABASE__URL"), url);
        }
        if let Some(clock) = &self.place.clock {
            let file = clock_file(&self.place.folder, &instance.name);
            if !file.exists() {
                fs::write(&file, 0_i64.to_le_bytes())?;
            }
            command.env("LD_PRELOAD", clock).env("FAULTS_CLOCK", file);
        }
        command
            .spawn()
            .with_context(|| format!("cannot start {}", instance.service))
    }

    /// Copies the log to a file and takes from it what the harness wants to know.
    async fn listen(&self, mut lines: impl AsyncBufRead + Unpin) -> anyhow::Result<()> {
        let path = self.place.folder.join(format!("{}.log", self.instance.name));
        let mut log = tokio::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .await?;
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line).await? == 0 {
                log.flush().await?;
                return Ok(());
            }
            log.write_all(&line).await?;
            self.hear(&line);
        }
    }

    fn hear(&self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(line) else {
            return;
        };
        let text = |name: &str| line.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        match text("message") {
            "fenced" => {
                self.told.fenced.fetch_add(1, Ordering::Relaxed);
            }
            "panic" => {
                self.told.panics.fetch_add(1, Ordering::Relaxed);
            }
            "running" => {
                self.instance.address.send_replace(text("address").parse().ok());
            }
            _ => {}
        }
    }
}

/// The file that holds an instance's offset from the machine's time.
fn clock_file(folder: &Path, instance: &str) -> PathBuf {
    folder.join(format!("{instance}.clock"))
}

impl Place {
    /// Lets the clock of an instance stand so many seconds before or after the machine's.
    pub fn set_clock(&self, instance: &str, seconds: i64) -> anyhow::Result<()> {
        use std::io::Write as _;
        let path = clock_file(&self.folder, instance);
        // In place: the process has it mapped.
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        file.write_all(&seconds.to_le_bytes())?;
        Ok(())
    }
}

/// Builds the preloaded clock; `None`, said aloud, where that is not possible.
pub async fn build_clock(folder: &Path) -> Option<PathBuf> {
    let source = folder.join("clock.c");
    let library = folder.join("libclock.so");
    fs::write(&source, include_str!("clock.c")).ok()?;
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .stdin(Stdio::null())
        .output()
        .await;
    match built {
        Ok(built) if built.status.success() => Some(library),
        _ => {
            eprintln!("faults: no C compiler builds the preloaded clock: clocks do not jump in this run");
            None
        }
    }
}
