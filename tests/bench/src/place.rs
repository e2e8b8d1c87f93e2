//! Where a measurement runs: a stack of its own, databases, topics, and each service as a process.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use stack::{Options, Stack};

use crate::cpu::Watched;

const TOKEN: &str = "bench";
/// The services, in the order in which they start.
pub const SERVICES: [&str; 3] = ["billing", "ingestion", "allocation"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A place, with everything running.
pub struct Place {
    /// Kafka and PostgreSQL.
    pub stack: Stack,
    /// Prefix of the topics.
    pub prefix: String,
    folder: PathBuf,
    name: String,
    ports: [u16; 3],
    children: Vec<Child>,
    /// For requests.
    pub http: Client,
}

impl Place {
    /// Starts everything; `more` goes into the settings.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn start(more: &str) -> anyhow::Result<Self> {
        let stack = Stack::start(Options::new("bench")).await?;
        let name = format!("bench{}", std::process::id());
        let folder = stack::target_dir().join("incasso-bench").join(&name);
        fs::create_dir_all(&folder)?;
        let mut place = Self {
            prefix: format!("{name}."),
            stack,
            folder,
            name,
            ports: free_ports()?,
            children: Vec::new(),
            http: Client::builder().no_proxy().build()?,
        };
        let settings = place.settings(more).await?;
        for service in SERVICES {
            let child = Command::new(std::env::current_exe()?)
                .args(["serve", service, "--", "--config"])
                .arg(&settings)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()?;
            place.children.push(child);
            place.ready(service).await?;
        }
        Ok(place)
    }

    async fn settings(&self, more: &str) -> anyhow::Result<PathBuf> {
        let mut text = String::new();
        for (service, port) in SERVICES.iter().zip(self.ports) {
            let url = stack::create_database(self.stack.postgres(), &self.database(service)).await?;
            text.push_str(&format!("[{service}.database]\nurl = {}\n", quoted(&url)));
            text.push_str(&format!("[{service}.http]\nlisten = \"127.0.0.1:{port}\"\n"));
        }
        let tokens = self.folder.join("tokens.toml");
        let digest = hex::encode(Sha256::digest(TOKEN.as_bytes()));
        fs::write(
            &tokens,
            format!(
                "[[token]]\nsha256 = \"{digest}\"\nsubject = \"bench\"\nname = \"Bench\"\nroles = [\"*\"]\ncreditors = [\"*\"]\n"
            ),
        )?;
        let text = format!(
            "[kafka]\nbootstrap = {kafka}\ntopic_prefix = {prefix}\npartitions = 2\n[blobs]\nfolder = {blobs}\n\
             [tokens]\nfile = {tokens}\n[log]\nformat = \"text\"\nfilter = \"warn,librdkafka=error,rdkafka=error,sqlx=error\"\n\
             [billing]\nclock = \"manual\"\n{text}{more}",
            kafka = quoted(self.stack.kafka()),
            prefix = quoted(&self.prefix),
            blobs = quoted(&self.folder.join("blobs").display().to_string()),
            tokens = quoted(&tokens.display().to_string()),
        );
        let file = self.folder.join("incasso.toml");
        fs::write(&file, text)?;
        Ok(file)
    }

    fn database(&self, service: &str) -> String {
        format!("{}_{service}", self.name)
    }

    /// A pool on a service's database, for looking from outside.
    ///
    /// # Errors
    /// PostgreSQL does not answer.
    pub async fn pool(&self, service: &str) -> anyhow::Result<PgPool> {
        let url = stack::create_database(self.stack.postgres(), &self.database(service)).await?;
        Ok(PgPool::connect(&url).await?)
    }

    async fn ready(&mut self, service: &str) -> anyhow::Result<()> {
        let url = self.url(service, "/readyz")?;
        let began = Instant::now();
        loop {
            if let Some(child) = self.children.last_mut()
                && let Some(status) = child.try_wait()?
            {
                bail!("{service} ended: {status}");
            }
            if let Ok(answer) = self.http.get(&url).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("{service} is not ready after {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A URL of a service.
    ///
    /// # Errors
    /// There is no such service.
    pub fn url(&self, service: &str, path: &str) -> anyhow::Result<String> {
        let at = SERVICES
            .iter()
            .position(|known| *known == service)
            .context("no such service")?;
        let port = self.ports.get(at).context("no such service")?;
        Ok(format!("http://127.0.0.1:{port}{path}"))
    }

    /// A request with the token, answered with 2xx.
    ///
    /// # Errors
    /// Another answer, or none.
    pub async fn good(&self, request: RequestBuilder) -> anyhow::Result<String> {
        let answer = request.bearer_auth(TOKEN).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }

    /// The same, as JSON.
    ///
    /// # Errors
    /// As [`Self::good`].
    pub async fn json(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.good(request).await?)?)
    }

    /// A metric of a service, summed over all series with this text in their labels.
    ///
    /// # Errors
    /// The service does not answer.
    pub async fn metric(&self, service: &str, name: &str, labels: &[&str]) -> anyhow::Result<u64> {
        let text = self
            .http
            .get(self.url(service, "/metrics")?)
            .send()
            .await?
            .text()
            .await?;
        let series = text.lines().filter(|line| line.starts_with(name));
        let series = series.filter(|line| labels.iter().all(|label| line.contains(label)));
        let values = series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        Ok(values.sum())
    }

    /// Waits until a service has handled so many messages of a topic.
    ///
    /// # Errors
    /// It does not within the patience of a measurement.
    pub async fn handled(&self, service: &str, topic: &str, count: u64, patience: Duration) -> anyhow::Result<()> {
        let topic_label = format!("topic=\"{topic}\"");
        let began = Instant::now();
        loop {
            let now = self
                .metric(
                    service,
                    "incasso_messages_handled_total",
                    &[&topic_label, "outcome=\"done\""],
                )
                .await?;
            if now >= count {
                return Ok(());
            }
            if began.elapsed() > patience {
                bail!("{service} handled {now} of {count} of {topic} within {patience:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The process of a service.
    ///
    /// # Errors
    /// There is no such service.
    pub fn process(&self, service: &str) -> anyhow::Result<u32> {
        let at = SERVICES
            .iter()
            .position(|known| *known == service)
            .context("no such service")?;
        Ok(self.children.get(at).context("it does not run")?.id())
    }

    /// All processes, to be asked for their CPU time.
    ///
    /// # Errors
    /// PostgreSQL does not answer.
    pub async fn watched(&self) -> anyhow::Result<Watched> {
        let own = SERVICES
            .iter()
            .map(|service| Ok(((*service).to_owned(), self.process(service)?)));
        Ok(Watched {
            own: own.collect::<anyhow::Result<_>>()?,
            kafka: self.stack.broker(),
            postgres: self.pool("allocation").await?,
        })
    }

    /// A folder for large files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Ends the services and removes what they left.
    pub async fn end(mut self) {
        self.kill();
        for service in SERVICES {
            if let Err(error) = stack::drop_database(self.stack.postgres(), &self.database(service)).await {
                eprintln!("bench: {error:#}");
            }
        }
    }

    fn kill(&mut self) {
        for child in &mut self.children {
            // One that ended by itself is what the measurement tells of.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Free until somebody else is quicker: a measurement that loses this race says so and is run again.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = [bind()?, bind()?, bind()?];
    let port = |listener: &TcpListener| Ok::<_, std::io::Error>(listener.local_addr()?.port());
    Ok([port(&held[0])?, port(&held[1])?, port(&held[2])?])
}
