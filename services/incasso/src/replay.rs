//! `incasso replay`: recorded days run again from the topics, and compared byte for byte with what was published.

use std::path::PathBuf;
use std::process::ExitCode;

use allocation::Allocation;
use kernel::BusinessDate;
use runtime::config::Sources;
use runtime::replay::{Report, Request, replay};
use runtime::{Secret, Service as _, Settings};

/// Exit code: it cannot be run again, or not be compared.
const CANNOT: u8 = 2;

/// Runs allocation's recorded days through the given one again, from the topics into an empty database, and compares
/// everything that this says with what was published. Read-only for the installation; the services may run meanwhile.
///
/// Billing and ingestion take in work by HTTP and files, which the topics do not have: their days are proven by
/// `incasso proof`.
///
/// Exit code 0: the same, byte for byte. 1: something differs, and is listed. 2: it cannot be run again.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  incasso replay --config incasso.toml --calendar RO --day 2026-01-05\n  \
                        incasso replay --config incasso.toml --calendar RO --day 2026-01-05 --json | jq .differences"
)]
pub struct ReplayArgs {
    /// Settings as for `incasso run`; the environment goes over them.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The calendar: its full id, or what stands before the first @ where that is enough.
    #[arg(long, value_name = "CALENDAR")]
    pub calendar: String,
    /// The last day to run; all before it are run as well.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub day: BusinessDate,
    /// An empty database that is kept; absent: one is created beside allocation's and dropped afterwards.
    #[arg(long, value_name = "URL")]
    pub scratch: Option<String>,
    /// Prints one JSON document.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command and prints what it found.
pub async fn command(args: ReplayArgs) -> ExitCode {
    let settings = Sources::read(args.config.as_deref())
        .map_err(anyhow::Error::from)
        .and_then(|sources| Ok(Settings::load_for(&sources, Allocation::NAME)?));
    let found = match settings {
        Ok(settings) => run(&args, &settings).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(report) => {
            if args.json {
                println!("{:#}", serde_json::json!(report));
            } else {
                println!("{}", words(&report));
            }
            ExitCode::from(u8::from(!report.same))
        }
        Err(error) => {
            if args.json {
                println!(
                    "{:#}",
                    serde_json::json!({ "same": null, "error": format!("{error:#}") })
                );
            } else {
                eprintln!("cannot be run again: {error:#}");
            }
            ExitCode::from(CANNOT)
        }
    }
}

/// Runs the days in a database of their own.
///
/// # Errors
/// As [`replay`]; or the database cannot be created.
pub async fn run(args: &ReplayArgs, settings: &Settings<allocation::Config>) -> anyhow::Result<Report> {
    let request = |url: String| Request {
        scratch: Secret::new(url),
        calendar: args.calendar.clone(),
        day: args.day,
    };
    if let Some(url) = &args.scratch {
        return replay::<Allocation>(settings, &request(url.clone())).await;
    }
    let (admin, name) = crate::run::admin_of(settings.runtime.database.url.expose())
        .ok_or_else(|| anyhow::anyhow!("database.url names no database: give an empty one with --scratch"))?;
    let name = format!("{name}_replay_{}", std::process::id());
    let url = stack::create_database(&admin, &name).await.map_err(|error| {
        error.context(format!(
            "database {name} cannot be created: give an empty one with --scratch"
        ))
    })?;
    let report = replay::<Allocation>(settings, &request(url)).await;
    if let Err(error) = stack::drop_database(&admin, &name).await {
        eprintln!("database {name} was not dropped: {error:#}");
    }
    report
}

/// The report for people.
fn words(report: &Report) -> String {
    let mut text = format!(
        "{} ran again through {} of {} (day {}): {} transactions on {} records, {} messages compared\n",
        report.service,
        report.day,
        report.calendar,
        report.sequence,
        report.transactions,
        report.records,
        report.messages
    );
    for day in report.days.iter().filter(|day| !day.same()) {
        let again = day.hash_again.as_deref().unwrap_or("none");
        text.push_str(&format!(
            "the certificate of {} {} differs: published {}, run again {again}\n",
            day.calendar, day.day_on, day.hash
        ));
    }
    for difference in &report.differences {
        text.push_str(&format!(
            "{}/{} key {} message {}: {}\n",
            difference.topic, difference.partition, difference.key, difference.message_id, difference.what
        ));
    }
    let listed = u64::try_from(report.differences.len()).unwrap_or(u64::MAX);
    if report.differing > listed {
        text.push_str(&format!("and {} more\n", report.differing.saturating_sub(listed)));
    }
    text.push_str(if report.same {
        "The same, byte for byte."
    } else {
        "Not the same."
    });
    text
}

#[cfg(test)]
mod tests {
    use runtime::replay::{Certified, Difference};

    use super::*;

    fn report() -> Report {
        Report {
            same: true,
            service: "allocation",
            calendar: "RO@17:00@Europe/Bucharest".to_owned(),
            day: BusinessDate::parse("2026-01-05").unwrap(),
            sequence: 3,
            steps: 10,
            transactions: 12,
            records: 200,
            messages: 300,
            days: vec![Certified {
                calendar: "RO@17:00@Europe/Bucharest".to_owned(),
                day_on: "2026-01-05".to_owned(),
                sequence: 3,
                hash: "aa".to_owned(),
                hash_again: Some("aa".to_owned()),
            }],
            differing: 0,
            differences: Vec::new(),
        }
    }

    #[test]
    fn the_same_is_said_in_one_line_and_differences_are_named() {
        let same = words(&report());
        assert!(same.contains("12 transactions on 200 records, 300 messages"), "{same}");
        assert!(same.ends_with("The same, byte for byte."), "{same}");
        let mut other = report();
        other.same = false;
        other.days[0].hash_again = None;
        other.differing = 25;
        other.differences.push(Difference {
            topic: "allocation.account.v1".to_owned(),
            partition: 1,
            key: "k".to_owned(),
            message_id: "m".to_owned(),
            what: "its bytes are others".to_owned(),
        });
        let told = words(&other);
        for part in [
            "published aa, run again none",
            "allocation.account.v1/1 key k message m: its bytes",
            "and 24 more",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }
}
