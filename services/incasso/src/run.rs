//! `incasso run`: every service in one process, each with its own settings, database and address.

use std::path::PathBuf;
use std::process::ExitCode;

use allocation::Allocation;
use billing::Billing;
use ingestion::Ingestion;
use runtime::config::{ConfigError, Sources};
use runtime::{Overrides, Running, RuntimeConfig, Service, Settings, start, telemetry};
use serde_json::json;

use crate::cli::{FAILED, WRONG_SETTINGS, wait_for};

/// Every service in one process against a given Kafka and PostgreSQL; missing databases are created where the user may.
///
/// Exit code 0: ended as asked (SIGTERM, Ctrl-C). 1: failed. 2: wrong settings.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  incasso run --config incasso.toml --check\n  INCASSO__KAFKA__BOOTSTRAP=broker:9092 incasso run --config incasso.toml\n\nAn example of the file is services/incasso/incasso.example.toml."
)]
pub struct RunArgs {
    /// Settings as TOML; the environment (`INCASSO__SECTION__NAME`) goes over them.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Checks the settings, prints those in effect (secrets masked), and ends.
    #[arg(long)]
    pub check: bool,
    /// With --check: one JSON document. Without: log lines as JSON, whatever the settings say.
    #[arg(long)]
    pub json: bool,
}

/// The settings of every service.
pub struct All {
    /// Billing's.
    pub billing: Settings<billing::Config>,
    /// Ingestion's.
    pub ingestion: Settings<ingestion::Config>,
    /// Allocation's.
    pub allocation: Settings<allocation::Config>,
}

impl All {
    /// Reads and checks them; every service is defined once, so that what only it knows is checked, too.
    ///
    /// # Errors
    /// All problems of all services, each once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let billing = Settings::load_for(sources, Billing::NAME);
        let ingestion = Settings::load_for(sources, Ingestion::NAME);
        let allocation = Settings::load_for(sources, Allocation::NAME);
        let mut problems: Vec<String> = Vec::new();
        let lists = [
            define::<Billing>(&billing),
            define::<Ingestion>(&ingestion),
            define::<Allocation>(&allocation),
        ];
        for problem in lists.into_iter().flatten() {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        match (billing, ingestion, allocation) {
            (Ok(billing), Ok(ingestion), Ok(allocation)) if problems.is_empty() => {
                let all = Self {
                    billing,
                    ingestion,
                    allocation,
                };
                match all.clash() {
                    Some(problem) => Err(ConfigError {
                        problems: vec![problem],
                    }),
                    None => Ok(all),
                }
            }
            _ => Err(ConfigError { problems }),
        }
    }

    fn runtimes(&self) -> [(&'static str, &RuntimeConfig); 3] {
        [
            (Billing::NAME, &self.billing.runtime),
            (Ingestion::NAME, &self.ingestion.runtime),
            (Allocation::NAME, &self.allocation.runtime),
        ]
    }

    /// Services that would share a database or an address.
    fn clash(&self) -> Option<String> {
        let all = self.runtimes();
        for (at, (one, settings)) in all.iter().enumerate() {
            for (other, others) in all.iter().skip(at.saturating_add(1)) {
                if settings.database.url == others.database.url {
                    return Some(format!(
                        "{one} and {other} have the same database: put {{service}} into database.url"
                    ));
                }
                if settings.http.listen == others.http.listen && settings.http.listen.port() != 0 {
                    return Some(format!(
                        "{one} and {other} listen on {}: set [{other}.http] listen",
                        settings.http.listen
                    ));
                }
            }
        }
        None
    }

    /// What is in effect, secrets masked.
    #[must_use]
    pub fn describe(&self) -> [(&'static str, String); 3] {
        [
            (Billing::NAME, self.billing.describe(Billing::NAME)),
            (Ingestion::NAME, self.ingestion.describe(Ingestion::NAME)),
            (Allocation::NAME, self.allocation.describe(Allocation::NAME)),
        ]
    }

    /// Creates databases that are not there. Where that is not allowed, starting the service will say what is missing.
    pub async fn create_databases(&self) {
        for (service, settings) in self.runtimes() {
            let url = settings.database.url.expose();
            if let Some((admin, name)) = admin_of(url)
                && let Err(error) = stack::create_database(&admin, &name).await
            {
                tracing::debug!(service, error = format!("{error:#}"), "its database was not created");
            }
        }
    }
}

/// What is wrong with a service's settings, its own check included.
fn define<S: Service>(settings: &Result<Settings<S::Config>, ConfigError>) -> Vec<String> {
    match settings {
        Err(error) => error.problems.clone(),
        Ok(settings) => match S::define(settings.service.clone()) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("{}: {error:#}", S::NAME)],
        },
    }
}

/// The URL of PostgreSQL's own database on the same server, and the name of the service's.
pub(crate) fn admin_of(url: &str) -> Option<(String, String)> {
    let (base, query) = url.split_once('?').map_or((url, ""), |(base, query)| (base, query));
    let (server, name) = base.rsplit_once('/')?;
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{query}")
    };
    (server.contains("//") && !name.is_empty()).then(|| (format!("{server}/postgres{query}"), name.to_owned()))
}

/// All services, running.
pub struct Services {
    /// Billing.
    pub billing: Running,
    /// Ingestion.
    pub ingestion: Running,
    /// Allocation.
    pub allocation: Running,
}

impl Services {
    /// Starts them one after the other, each on its own migrations and topics.
    ///
    /// # Errors
    /// The first one that does not start; those before it are stopped.
    pub async fn start(all: All, overrides: &Overrides) -> anyhow::Result<Self> {
        let billing = start::<Billing>(all.billing, overrides.clone())
            .await
            .map_err(|error| error.context(Billing::NAME))?;
        let ingestion = match start::<Ingestion>(all.ingestion, overrides.clone()).await {
            Ok(ingestion) => ingestion,
            Err(error) => {
                let _ = billing.stop().await;
                return Err(error.context(Ingestion::NAME));
            }
        };
        match start::<Allocation>(all.allocation, overrides.clone()).await {
            Ok(allocation) => Ok(Self {
                billing,
                ingestion,
                allocation,
            }),
            Err(error) => {
                let _ = tokio::join!(billing.stop(), ingestion.stop());
                Err(error.context(Allocation::NAME))
            }
        }
    }

    /// Waits until one ends by itself: a task that ends takes the process down (crash-only).
    ///
    /// # Errors
    /// Why it ended.
    pub async fn wait(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            ended = self.billing.wait() => ended.map_err(|error| error.context(Billing::NAME)),
            ended = self.ingestion.wait() => ended.map_err(|error| error.context(Ingestion::NAME)),
            ended = self.allocation.wait() => ended.map_err(|error| error.context(Allocation::NAME)),
        }
    }

    /// Drains and stops all; leases are given back.
    ///
    /// # Errors
    /// The first failure while stopping.
    pub async fn stop(self) -> anyhow::Result<()> {
        let (billing, ingestion, allocation) =
            tokio::join!(self.billing.stop(), self.ingestion.stop(), self.allocation.stop());
        billing.and(ingestion).and(allocation)
    }
}

/// Runs the command.
#[must_use]
pub fn command(args: &RunArgs) -> ExitCode {
    let loaded = Sources::read(args.config.as_deref()).and_then(|sources| {
        let sources = if args.json {
            sources.with("log.format", "json")
        } else {
            sources
        };
        All::load(&sources)
    });
    match loaded {
        Err(error) => {
            if args.check && args.json {
                println!("{:#}", json!({ "ok": false, "problems": error.problems }));
            } else {
                eprintln!("incasso: wrong settings\n{error}");
            }
            ExitCode::from(WRONG_SETTINGS)
        }
        Ok(all) if args.check => {
            print_settings(&all, args.json);
            ExitCode::SUCCESS
        }
        Ok(all) => wait_for(serve(all)),
    }
}

fn print_settings(all: &All, json: bool) {
    if json {
        let settings: serde_json::Map<String, serde_json::Value> = all
            .describe()
            .into_iter()
            .map(|(service, text)| (service.to_owned(), text.into()))
            .collect();
        println!("{:#}", json!({ "ok": true, "settings_toml": settings }));
        return;
    }
    for (service, text) in all.describe() {
        println!("# {service}: settings in effect\n{text}");
    }
}

async fn serve(all: All) -> ExitCode {
    let ended = async {
        telemetry::init(&all.billing.runtime.log)?;
        let stop = runtime::shutdown::on_signals()?;
        all.create_databases().await;
        let overrides = Overrides::default();
        let mut services = tokio::select! {
            services = Services::start(all, &overrides) => services?,
            () = stop.cancelled() => return Ok(()),
        };
        let ended = tokio::select! {
            ended = services.wait() => Some(ended),
            () = stop.cancelled() => None,
        };
        let stopped = services.stop().await;
        ended.unwrap_or(Ok(())).and(stopped)
    };
    let ended: anyhow::Result<()> = ended.await;
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ended");
            eprintln!("incasso: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../incasso.example.toml");

    fn example(environment: &[(&str, &str)]) -> Result<All, ConfigError> {
        let pairs = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Sources::parse("incasso.example.toml", EXAMPLE, pairs).and_then(|sources| All::load(&sources))
    }

    #[test]
    fn the_shipped_example_loads_and_shows_no_secret() {
        let all = example(&[]).unwrap();
        assert_eq!(
            all.billing.runtime.database.url.expose(),
            "postgres://incasso:change-me@127.0.0.1:5432/incasso_billing"
        );
        let shown: String = all.describe().into_iter().map(|(_, text)| text).collect();
        assert!(!shown.contains("change-me"), "{shown}");
        assert!(shown.contains("***"));
    }

    #[test]
    fn the_environment_goes_over_the_file_and_problems_are_named_once() {
        let all = example(&[("INCASSO__KAFKA__BOOTSTRAP", "elsewhere:9092")]).unwrap();
        assert_eq!(all.allocation.runtime.kafka.bootstrap, "elsewhere:9092");
        let wrong = example(&[
            ("INCASSO__KAFKA__BOOTSTRAP", "nowhere"),
            ("INCASSO__BILLING__BATCH_LINES_MAX", "0"),
        ]);
        let problems = wrong.err().unwrap().problems;
        assert_eq!(
            problems
                .iter()
                .filter(|problem| problem.contains("kafka.bootstrap"))
                .count(),
            1,
            "{problems:?}"
        );
    }

    #[test]
    fn services_do_not_share_a_database_or_an_address() {
        let same = example(&[("INCASSO__DATABASE__URL", "postgres://incasso@localhost/one")]);
        assert!(same.err().unwrap().problems.concat().contains("same database"));
        let port = example(&[
            ("INCASSO__BILLING__HTTP__LISTEN", "127.0.0.1:9"),
            ("INCASSO__INGESTION__HTTP__LISTEN", "127.0.0.1:9"),
        ]);
        assert!(port.err().unwrap().problems.concat().contains("listen"));
    }

    #[test]
    fn the_servers_own_database_is_where_others_are_created() {
        let found = admin_of("postgres://u:p@h:1/incasso_billing?sslmode=require").unwrap();
        assert_eq!(
            found,
            (
                "postgres://u:p@h:1/postgres?sslmode=require".to_owned(),
                "incasso_billing".to_owned()
            )
        );
        assert_eq!(admin_of("postgres://h"), None);
    }
}
