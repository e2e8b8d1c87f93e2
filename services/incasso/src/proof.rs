//! `incasso proof`: whether the certificates hold, and whether the rows still say what was certified.
//!
//! | step | needs | what it checks |
//! |---|---|---|
//! | `chain` | topics | each certificate's hash, the chain from its first, no gap in the sequence or in a calendar's days, `holds`, the equations of DESIGN 2.5 computed again from the sums |
//! | `join` | topics | what `ingestion` says it assigned is what `allocation` says it got, per day, creditor, currency and partition |
//! | `rows` | databases | every sum, the row count and the digest of every day computed again from the rows by the service's own functions; the copies in `rt_certificate`; the open day; the tables of the current state |
//!
//! A certificate on Kafka cannot be taken back, so rows that no longer agree with it were changed after their day closed.

mod chain;
mod join;
mod published;
mod report;
mod rows;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use runtime::config::KafkaConfig;
use runtime::terminal::{complain, say};
use runtime::{Secret, Settings};

use published::Published;

pub use report::{Finding, Report, ServiceReport, Totals};

/// Checks that no cent was lost: certificates, their chain, and the rows behind them.
///
/// Exit code 0: all of it holds. 1: something does not, and the first such certificate is named. 2: it cannot be checked.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  incasso proof --config incasso.toml\n  incasso proof --config incasso.toml --topics-only --json"
)]
pub struct ProofArgs {
    /// Settings as for `incasso run`; the environment goes over them.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Reads only the certificate topics: for auditors without access to the databases.
    #[arg(long)]
    pub topics_only: bool,
    /// Prints one JSON document.
    #[arg(long)]
    pub json: bool,
}

/// What is to be checked.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Broker, topic prefix and client settings; the number of partitions is the topics' own.
    pub kafka: KafkaConfig,
    /// `ingestion`'s database; absent: its rows are not looked at.
    pub ingestion: Option<Secret>,
    /// `allocation`'s database; absent: its rows are not looked at.
    pub allocation: Option<Secret>,
}

/// Runs the command and prints what it found.
pub async fn command(args: ProofArgs) -> ExitCode {
    let checked = match subject(&args) {
        Ok(subject) => prove(&subject).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(report) => {
            let text = if args.json { report.json() } else { report.words() };
            say(text);
            if report.holds {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            }
        }
        Err(error) => {
            if args.json {
                let found = serde_json::json!({ "holds": null, "error": format!("{error:#}") });
                say(format!("{found:#}"));
            } else {
                complain(format!("cannot be checked: {error:#}"));
            }
            ExitCode::from(2)
        }
    }
}

/// The settings of both services: topics must be the same, databases are their own.
fn subject(args: &ProofArgs) -> anyhow::Result<Subject> {
    let mut sources = runtime::config::Sources::read(args.config.as_deref())?;
    if args.topics_only {
        sources = sources.with("database.url", "postgres://unused/{service}");
    }
    let ingestion: Settings<ingestion::Config> = Settings::load_for(&sources, "ingestion")?;
    let allocation: Settings<allocation::Config> = Settings::load_for(&sources, "allocation")?;
    let database = |url: Secret| (!args.topics_only).then_some(url);
    Ok(Subject {
        kafka: ingestion.runtime.kafka,
        ingestion: database(ingestion.runtime.database.url),
        allocation: database(allocation.runtime.database.url),
    })
}

/// How often it looks again because days were certified while it looked.
const LOOKS: u32 = 5;

/// Checks everything that `subject` gives access to. Read-only; the services may go on meanwhile.
///
/// # Errors
/// When it cannot be checked: Kafka or a database does not answer, or a topic is not there.
pub async fn prove(subject: &Subject) -> anyhow::Result<Report> {
    let mut published = topics(subject).await?;
    for _ in 1..LOOKS {
        let report = proved(subject, &published).await?;
        if report.holds {
            return Ok(report);
        }
        // A day that closed after the topics were read is in the database already: that is no contradiction.
        let now = topics(subject).await?;
        if now == published {
            return Ok(report);
        }
        published = now;
    }
    proved(subject, &published).await
}

/// `ingestion`'s certificates and `allocation`'s.
async fn topics(subject: &Subject) -> anyhow::Result<(Published, Published)> {
    tokio::try_join!(
        published::read(&subject.kafka, &contracts::catalogue::INGESTION_CERTIFICATES),
        published::read(&subject.kafka, &contracts::catalogue::ALLOCATION_CERTIFICATES),
    )
}

async fn proved(subject: &Subject, (ingestion, allocation): &(Published, Published)) -> anyhow::Result<Report> {
    let mut report = Report::new();
    for service in [ingestion, allocation] {
        report.add(chain::check(service));
        report.services.push(ServiceReport::of(service));
    }
    report.add(join::check(&ingestion.certificates, &allocation.certificates));
    report.joined_days = join::days(&ingestion.certificates, &allocation.certificates);
    report.totals = report::totals(&ingestion.certificates, &allocation.certificates);
    let services = [
        (ingestion, rows::Service::Ingestion, &subject.ingestion),
        (allocation, rows::Service::Allocation, &subject.allocation),
    ];
    for (published, service, url) in services {
        let Some(url) = url else {
            let name = service.name();
            report
                .notes
                .push(format!("{name}: its rows were not looked at, no database was given"));
            continue;
        };
        let pool = store::connect(url, service.name()).await?;
        let found = rows::check(&pool, service, published).await;
        pool.close().await;
        report.add(found?);
        report.rows_checked(service.name());
    }
    Ok(report.finished())
}
