//! Apache Kafka: one broker that is its own controller, on loopback, small.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::bail;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};
use tokio::process::Command;

use crate::Options;
use crate::java::{self, Jars};
use crate::shared::{self, Ending, Place, Running, Share};

/// Small and quick to start rather than fast for hours: 195 MB resident after 200,000 messages.
const JVM: [&str; 5] = [
    "-Xmx256m",
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
];
const LOGGING: &str = include_str!("log4j2.xml");

/// Joins the broker of `dir`, or starts it.
pub(crate) async fn share(options: &Options, dir: &Path) -> anyhow::Result<Share> {
    let place = Place::new(dir, "kafka")?;
    place
        .join_or_start(options.say, async |place| start(options, place).await)
        .await
}

async fn start(options: &Options, place: &Place) -> anyhow::Result<Running> {
    let java = java::find(options).await?;
    let jars = java::jars(options).await?;
    let broker = Broker::prepare(options, place, java, jars).await?;
    let (port, behind) = place
        .with_free_port(async || broker.start(place, options.proxy).await)
        .await?;
    let url = format!("127.0.0.1:{port}");
    Ok(Running {
        socket: url.parse()?,
        words: format!("{} started on {url}", broker.jars.words),
        url,
        behind: behind.map(|port| format!("127.0.0.1:{port}")),
    })
}

/// A broker that can be started.
struct Broker {
    java: PathBuf,
    jars: Jars,
    /// The options of every Java that is run here: where it logs, and what it runs.
    common: Vec<String>,
    /// A log directory as Kafka formats it: the same for every run, so made once and copied.
    formatted: PathBuf,
    /// The classes as Java had them in memory when an earlier broker ended; halves the start.
    archive: String,
}

impl Broker {
    async fn prepare(options: &Options, place: &Place, java: PathBuf, jars: Jars) -> anyhow::Result<Self> {
        let logging = place.state().join("log4j2.xml");
        fs::write(&logging, LOGGING)?;
        let common = vec![
            format!("-Dlog4j2.configurationFile={}", logging.display()),
            format!("-Dincasso.log={}", place.log().display()),
            "-cp".to_owned(),
            jars.classpath.clone(),
        ];
        let folder = options.root.join("incasso-stack");
        let formatted = folder.join(format!("formatted-{}", jars.version));
        let broker = Self {
            archive: archive(&folder, place, &jars)?,
            java,
            jars,
            common,
            formatted,
        };
        let lock = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("formatted.lock"))?;
        shared::lock(|| lock.try_lock(), None).await?;
        if !broker.formatted.exists() {
            broker.format(place).await?;
        }
        Ok(broker)
    }

    async fn format(&self, place: &Place) -> anyhow::Result<()> {
        let unfinished = self.formatted.with_extension("unfinished");
        shared::remove(&unfinished)?;
        let properties = place.state().join("format.properties");
        // The ports are not written into the folder.
        fs::write(&properties, server_properties(1, 2, None, &unfinished))?;
        let formatted = Command::new(&self.java)
            .args(JVM)
            .args(&self.common)
            .args(["kafka.tools.StorageTool", "format", "-t", &cluster_id()?, "-c"])
            .arg(&properties)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        if !formatted.status.success() {
            bail!(
                "kafka.tools.StorageTool format failed: {}",
                String::from_utf8_lossy(&formatted.stderr)
            );
        }
        fs::rename(unfinished, &self.formatted)?;
        Ok(())
    }

    /// Its port, and that of the listener behind a proxy.
    async fn start(&self, place: &Place, proxy: Option<u16>) -> anyhow::Result<(u16, Option<u16>)> {
        let state = place.state();
        let (port, controller, behind) = crate::free_ports()?;
        let proxied = proxy.map(|proxy| (behind, proxy));
        let properties = state.join("server.properties");
        let data = state.join("data");
        shared::remove(&data)?;
        fs::create_dir(&data)?;
        for file in fs::read_dir(&self.formatted)? {
            let file = file?;
            fs::copy(file.path(), data.join(file.file_name()))?;
        }
        fs::write(&properties, server_properties(port, controller, proxied, &data))?;
        let mut command = vec!["--".to_owned(), self.java.display().to_string()];
        command.extend(JVM.map(str::to_owned));
        command.extend([
            self.archive.clone(),
            "-Xlog:disable".to_owned(),
            "-Xlog:all=error:stderr".to_owned(),
        ]);
        command.extend(self.common.iter().cloned());
        command.extend(["kafka.Kafka".to_owned(), properties.display().to_string()]);
        place
            .launch(
                &command,
                &[],
                &Ending {
                    signal: "TERM",
                    extra: None,
                },
            )
            .await?;
        let url = format!("127.0.0.1:{port}");
        place
            .until(Duration::from_secs(90), async || {
                tokio::net::TcpStream::connect(&url).await.is_ok()
            })
            .await?;
        place
            .until(Duration::from_secs(60), async || has_broker(&url).await)
            .await?;
        Ok((port, proxied.map(|(behind, _)| behind)))
    }
}

/// The option that uses the class archive of `folder`, or writes one for the next start beside `place` when this
/// broker ends. Java ignores an archive that is not complete or not its own.
fn archive(folder: &Path, place: &Place, jars: &Jars) -> anyhow::Result<String> {
    let shared = folder.join(format!("classes-{}.jsa", jars.version));
    let own = place.beside("jsa");
    // Java writes the head last: an archive that was cut short begins with zeros.
    let mut head = [0; 4];
    let read = fs::File::open(&own).and_then(|mut file| file.read_exact(&mut head));
    if !shared.exists() && read.is_ok() && head != [0; 4] {
        fs::rename(&own, &shared)?;
    }
    let (option, path) = if shared.exists() {
        ("SharedArchiveFile", shared)
    } else {
        ("ArchiveClassesAtExit", own)
    };
    Ok(format!("-XX:{option}={}", path.display()))
}

/// Does the broker count itself among the brokers? Its port opens a little earlier.
pub(crate) async fn has_broker(url: &str) -> bool {
    let url = url.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", url).set("log_level", "0");
        let producer: BaseProducer = config.create().ok()?;
        let metadata = producer.client().fetch_metadata(None, Duration::from_secs(2)).ok()?;
        Some(!metadata.brokers().is_empty())
    });
    matches!(asked.await, Ok(Some(true)))
}

/// 16 random bytes as Kafka writes a cluster's id.
fn cluster_id() -> anyhow::Result<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let random = crate::random_bytes::<22>()?;
    // 22 digits hold 132 bits: the last carries only two, and an id may not begin with a dash (it would look like an option).
    let digit = |index: usize, byte: u8| match index {
        0 => byte & 31,
        21 => (byte & 3) << 4,
        _ => byte & 63,
    };
    let digits = random
        .iter()
        .enumerate()
        .filter_map(|(index, byte)| DIGITS.get(usize::from(digit(index, *byte))));
    Ok(digits.map(|digit| char::from(*digit)).collect())
}

/// `proxied`: the port of a second listener, and the port of the proxy that clients of that one are told.
fn server_properties(port: u16, controller: u16, proxied: Option<(u16, u16)>, data: &Path) -> String {
    let (listener, advertised, protocol) = match proxied {
        None => Default::default(),
        Some((behind, proxy)) => (
            format!(",PROXIED://127.0.0.1:{behind}"),
            format!(",PROXIED://127.0.0.1:{proxy}"),
            ",PROXIED:PLAINTEXT",
        ),
    };
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocol}
log.dirs={}
auto.create.topics.enable=false
num.partitions=2
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576
log.segment.delete.delay.ms=1000
# Messages carry the time of what they tell, months ago or ahead: nothing may expire or be refused for it.
log.retention.ms=-1
log.message.timestamp.after.max.ms=9223372036854775807
",
        data.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_is_sixteen_bytes_in_base64() {
        let id = cluster_id().unwrap();
        assert_eq!(id.len(), 22);
        assert!(matches!(id.chars().last(), Some('A' | 'Q' | 'g' | 'w')));
        assert!(!id.starts_with('-'));
    }
}
