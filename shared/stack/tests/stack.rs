//! The servers as processes meet them: shared by two, gone after the last, whatever kills it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::{Connection as _, PgConnection};

/// No other test's stack: this one is killed.
const NAME: &str = "selftest";

/// A process that holds the stack, and the addresses that it was given.
struct Holder {
    process: Child,
    kafka: String,
    postgres: String,
}

impl Holder {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_incasso-stack"));
        for found_elsewhere in ["INCASSO_KAFKA", "KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"] {
            command.env_remove(found_elsewhere);
        }
        let mut process = command.arg(NAME).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut value = |key: &str| lines.next().unwrap().unwrap().strip_prefix(key).unwrap().to_owned();
        Self {
            kafka: value("INCASSO_KAFKA="),
            postgres: value("DATABASE_URL="),
            process,
        }
    }
}

impl Drop for Holder {
    /// SIGKILL: nothing in the process gets to clean up.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder() -> PathBuf {
    stack::target_dir().join("incasso-stack").join(NAME)
}

/// The processes of our servers and their supervisors, by their command lines.
fn processes() -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(&format!("{}/", folder().display())) {
            found.push(pid);
        }
    }
    found
}

fn await_end() {
    let began = Instant::now();
    while !processes().is_empty() {
        // Seconds; a minute and a half where other builds take every core.
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "still there: {:?}",
            processes()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

async fn send_and_read(bootstrap: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", NAME);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let topic = NewTopic::new("greetings", 1, TopicReplication::Fixed(1));
    for outcome in admin.create_topics([&topic], &AdminOptions::new()).await.unwrap() {
        outcome.unwrap();
    }
    let producer: FutureProducer = config.clone().set("enable.idempotence", "true").create().unwrap();
    let record = FutureRecord::to("greetings").key("to").payload("hello");
    producer.send(record, Duration::from_secs(30)).await.unwrap();
    let consumer: BaseConsumer = config.create().unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset("greetings", 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&assignment).unwrap();
    let message = consumer.poll(Duration::from_secs(30)).unwrap().unwrap();
    assert_eq!(
        (message.key(), message.payload()),
        (Some(b"to".as_slice()), Some(b"hello".as_slice()))
    );
}

async fn create_and_drop(admin_url: &str) {
    let url = stack::create_database(admin_url, "ledger").await.unwrap();
    assert_eq!(
        url,
        stack::create_database(admin_url, "ledger").await.unwrap(),
        "creating twice is no error"
    );
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (setting, value) in [("current_database()", "ledger"), ("current_setting('fsync')", "on")] {
        let query = sqlx::AssertSqlSafe(format!("SELECT {setting}::text"));
        let found: String = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, value);
    }
    stack::drop_database(admin_url, "ledger").await.unwrap();
    stack::drop_database(admin_url, "ledger").await.unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
}

fn pid(part: &str, file: &str) -> i32 {
    let text = std::fs::read_to_string(folder().join(part).join(file)).unwrap();
    text.trim().parse().unwrap()
}

/// Kills a process and waits until the kernel has.
fn kill(pid: i32) {
    let signal = nix::sys::signal::Signal::SIGKILL;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    while processes().contains(&pid) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn two_processes_share_the_servers_and_all_ends_after_a_kill() {
    let (one, two) = (std::thread::spawn(Holder::start), std::thread::spawn(Holder::start));
    let (one, two) = (one.join().unwrap(), two.join().unwrap());
    assert_eq!((&one.kafka, &one.postgres), (&two.kafka, &two.postgres));
    send_and_read(&one.kafka).await;
    create_and_drop(&one.postgres).await;

    // The second holds on to what the first started.
    drop(one);
    std::thread::sleep(Duration::from_secs(6));
    create_and_drop(&two.postgres).await;
    drop(two);
    await_end();
    assert!(!folder().join("kafka").exists() && !folder().join("postgres").exists());

    // A killed supervisor takes its server along; the next start takes over what is left, and no foreign process.
    let left = Holder::start();
    let mut foreign = Command::new("sleep").arg("600").spawn().unwrap();
    kill(pid("kafka", "supervisor.pid"));
    kill(pid("postgres", "supervisor.pid"));
    await_end();
    std::fs::write(folder().join("kafka/server.pid"), foreign.id().to_string()).unwrap();
    let next = Holder::start();
    create_and_drop(&next.postgres).await;
    assert!(
        foreign.try_wait().unwrap().is_none(),
        "a process that is not ours was ended"
    );
    foreign.kill().unwrap();
    foreign.wait().unwrap();

    // A dead broker is not handed out.
    kill(pid("kafka", "server.pid"));
    let third = Holder::start();
    send_and_read(&third.kafka).await;
    drop((left, next, third));
    await_end();
}

#[test]
fn the_target_folder_is_the_one_that_holds_this_program() {
    assert!(std::env::current_exe().unwrap().starts_with(stack::target_dir()));
    assert!(stack::target_dir().join("CACHEDIR.TAG").exists());
    assert_ne!(stack::target_dir(), Path::new("/"));
}
