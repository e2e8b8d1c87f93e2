//! Where a demo runs: its folder, databases, topics, and the services in this process.

use std::fs;
use std::path::{Path, PathBuf};

use kernel::Timestamp;
use runtime::config::Sources;
use runtime::{ManualClock, Overrides};
use sha2::{Digest as _, Sha256};
use stack::Stack;

use super::model::Month;
use super::payu;
use crate::run::{All, Services};

/// The demo's bearer token: made-up money on this machine's own address.
pub const TOKEN: &str = "incasso-demo";

/// Generous: the demo shares a small machine with its own broker, database and compiler, and is built without optimisation.
const TIMEOUTS: &str = "\
lock_timeout_ms = 20000
idle_in_transaction_timeout_ms = 20000
statement_timeout_ms = 60000
acquire_timeout_ms = 30000
";

/// Earlier runs whose folders are kept.
const KEPT: usize = 2;

/// A run's own place.
pub struct Place {
    /// Its name: process id and start, `[a-z0-9]`.
    name: String,
    /// Its folder below the target folder.
    pub folder: PathBuf,
}

impl Place {
    /// A new folder; those of old runs go.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn new(now: Timestamp) -> anyhow::Result<Self> {
        let root = stack::target_dir().join("incasso-demo");
        fs::create_dir_all(&root)?;
        let mut old: Vec<PathBuf> = fs::read_dir(&root)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect();
        old.sort();
        for folder in old.iter().rev().skip(KEPT) {
            // Another user's, or in use: it stays.
            let _ = fs::remove_dir_all(folder);
        }
        let name = format!("{:015}p{}", now.micros() / 1_000, std::process::id());
        let folder = root.join(&name);
        fs::create_dir(&folder)?;
        Ok(Self { name, folder })
    }

    /// Generated files and requests.
    #[must_use]
    pub fn inputs(&self) -> PathBuf {
        self.folder.join("inputs")
    }

    /// The settings in use, also for `incasso proof --config`.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.folder.join("incasso.toml")
    }

    fn database(&self, service: &str) -> String {
        format!("demo_{}_{service}", self.name)
    }

    /// Creates the databases and writes settings and tokens.
    ///
    /// # Errors
    /// The server refuses, or the disk.
    pub async fn settings(&self, stack: &Stack, month: &Month) -> anyhow::Result<All> {
        let mut databases = String::new();
        for service in SERVICES {
            let url = stack::create_database(stack.postgres(), &self.database(service)).await?;
            databases.push_str(&format!("[{service}.database]\nurl = {}\n", quoted(&url)));
        }
        let tokens = self.folder.join("tokens.toml");
        fs::write(&tokens, token_file())?;
        let merchants: String = month
            .firms
            .iter()
            .filter_map(|firm| firm.merchant)
            .map(|merchant| {
                format!(
                    "[[ingestion.payu_latam]]\nmerchant_id = {}\nalgorithm = {}\napi_key = {}\n",
                    quoted(merchant),
                    quoted(payu::ALGORITHM),
                    quoted(payu::API_KEY)
                )
            })
            .collect();
        let text = format!(
            "# Settings of this demo run; while it serves: incasso proof --config {file}\n\
             [kafka]\nbootstrap = {kafka}\ntopic_prefix = {prefix}\npartitions = 2\n\
             [blobs]\nfolder = {blobs}\n[tokens]\nfile = {tokens}\n[log]\nformat = \"text\"\nfilter = \"error\"\n\
             [database]\n{TIMEOUTS}[worker]\nlease_seconds = 20\n\
             [billing]\nclock = \"manual\"\n[ingestion]\npayer_key = \"demo\"\nchunk_entries = 500\n{databases}{merchants}",
            file = self.settings_file().display(),
            kafka = quoted(stack.kafka()),
            prefix = quoted(&format!("demo-{}.", self.name)),
            blobs = quoted(&self.folder.join("blobs").display().to_string()),
            tokens = quoted(&tokens.display().to_string()),
        );
        private(&self.settings_file(), &text)?;
        let environment = std::env::vars()
            .filter(|(name, _)| name.starts_with("INCASSO__LOG__") || name.starts_with("INCASSO__WORKER__"));
        let sources = Sources::parse("the demo's settings", &text, environment)?;
        Ok(All::load(&sources)?)
    }

    /// Starts all services under one clock that is moved by hand.
    ///
    /// # Errors
    /// The first that does not start.
    pub async fn start(&self, all: All, clock: &ManualClock) -> anyhow::Result<Services> {
        let overrides = Overrides {
            clock: Some(clock.shared()),
            ..Overrides::default()
        };
        Services::start(all, &overrides).await
    }

    /// Drops databases and topics; what cannot be dropped is left to the stack, which ends with its last user.
    pub async fn clean(&self, stack: &Stack, settings: &runtime::RuntimeConfig) {
        for service in SERVICES {
            if let Err(error) = stack::drop_database(stack.postgres(), &self.database(service)).await {
                tracing::warn!(error = format!("{error:#}"), "a demo database was not dropped");
            }
        }
        if let Err(error) = runtime::topics::delete(settings).await {
            tracing::warn!(error = format!("{error:#}"), "the demo's topics were not deleted");
        }
        let _ = fs::remove_dir_all(self.folder.join("blobs"));
    }
}

const SERVICES: [&str; 3] = ["billing", "ingestion", "allocation"];

/// A TOML string; TOML's basic strings are JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A file that only its owner reads: it holds the databases' address.
fn private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn token_file() -> String {
    let digest: String = Sha256::digest(TOKEN.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "[[token]]\nsha256 = \"{digest}\"\nsubject = \"demo\"\nname = \"Demo\"\nroles = [\"*\"]\ncreditors = [\"*\"]\n"
    )
}
