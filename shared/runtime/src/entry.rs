//! What a service's binary does.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::auth::Tokens;
use crate::config::{Settings, Sources};
use crate::terminal::{complain, say};
use crate::{Overrides, Service, shutdown, start, telemetry};

/// Exit code for wrong arguments or settings; 1 is a failure while running.
const WRONG_SETTINGS: u8 = 2;

/// Runs a service's binary: `fn main() -> ExitCode { runtime::main::<Allocation>() }`.
///
/// Exit codes: 0 ended as asked, 1 failed while running (or at start), 2 wrong arguments or settings.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    main_with::<S>(std::env::args().skip(1))
}

/// The same with the arguments given: of a program that is several services (`bench serve billing --config FILE`).
#[must_use]
pub fn main_with<S: Service>(args: impl IntoIterator<Item = String>) -> ExitCode {
    match parse(args) {
        Ok(Command::Help) => {
            say(help(S::NAME).trim_end());
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            say(format!("{} {}", S::NAME, env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        Ok(Command::Check(file)) => check::<S>(file),
        Ok(Command::Run(file)) => match load::<S>(file) {
            Ok(settings) => run::<S>(settings),
            Err(code) => code,
        },
        Err(problem) => {
            complain(format!("{problem}\n\n{}", help(S::NAME)));
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Version,
    Check(Option<PathBuf>),
    Run(Option<PathBuf>),
}

fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let (mut file, mut check) = (None, false);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" | "-V" => return Ok(Command::Version),
            "--check" => check = true,
            "--config" => file = Some(args.next().ok_or("--config needs a file")?.into()),
            other => match other.strip_prefix("--config=") {
                Some(path) => file = Some(path.into()),
                None => return Err(format!("unknown argument {other}")),
            },
        }
    }
    Ok(if check {
        Command::Check(file)
    } else {
        Command::Run(file)
    })
}

fn help(service: &str) -> String {
    let (upper, binary) = (service.to_uppercase(), service);
    format!(
        "Runs Incasso's {service} service against a given Kafka and PostgreSQL.

Usage: {binary} [--config FILE] [--check]

  --config FILE   settings as TOML; the environment goes over it
  --check         check the settings, print those in effect (secrets masked), and end
  --version       print the version
  --help          print this

Example:
  INCASSO__KAFKA__BOOTSTRAP=broker:9092 \\
  INCASSO__DATABASE__URL__FILE=/run/secrets/{service}-database \\
  INCASSO__{upper}__HTTP__LISTEN=0.0.0.0:8080 \\
  {binary} --config incasso.toml

Exit codes: 0 ended as asked, 1 failed, 2 wrong arguments or settings.
"
    )
}

fn load<S: Service>(file: Option<PathBuf>) -> Result<Settings<S::Config>, ExitCode> {
    let loaded = Sources::read(file.as_deref()).and_then(|sources| Settings::load_for(&sources, S::NAME));
    loaded.map_err(|error| {
        complain(format!("{}: wrong settings\n{error}", S::NAME));
        ExitCode::from(WRONG_SETTINGS)
    })
}

fn check<S: Service>(file: Option<PathBuf>) -> ExitCode {
    let settings = match load::<S>(file) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    say(settings.describe(S::NAME).trim_end());
    let tokens = Tokens::open(&settings.runtime.tokens);
    match tokens
        .map_err(anyhow::Error::from)
        .and_then(|tokens| S::define(settings.service).map(|_| tokens))
    {
        Ok(tokens) => {
            if tokens.count() == 0 {
                complain(format!(
                    "{}: there are no tokens: nobody may call a route that needs one",
                    S::NAME
                ));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(format!("{}: wrong settings\n{error:#}", S::NAME));
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

fn run<S: Service>(settings: Settings<S::Config>) -> ExitCode {
    let ended = telemetry::init(&settings.runtime.log).and_then(|()| {
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        tokio.block_on(serve::<S>(settings))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(service = S::NAME, error = format!("{error:#}"), "ended");
            complain(format!("{}: {error:#}", S::NAME));
            ExitCode::FAILURE
        }
    }
}

async fn serve<S: Service>(settings: Settings<S::Config>) -> anyhow::Result<()> {
    let stop = shutdown::on_signals()?;
    let mut running = tokio::select! {
        running = start::<S>(settings, Overrides::default()) => running?,
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!(service = S::NAME, address = %running.http(), "running");
    tokio::select! {
        ended = running.wait() => ended,
        () = stop.cancelled() => running.stop().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments() {
        for (line, expected) in [
            ("", Ok(Command::Run(None))),
            ("--config a.toml", Ok(Command::Run(Some("a.toml".into())))),
            ("--config=a.toml --check", Ok(Command::Check(Some("a.toml".into())))),
            ("--check", Ok(Command::Check(None))),
            ("--check -h", Ok(Command::Help)),
            ("--version", Ok(Command::Version)),
            ("--config", Err("--config needs a file".to_owned())),
            ("run", Err("unknown argument run".to_owned())),
        ] {
            assert_eq!(parsed(line), expected, "{line}");
        }
    }

    #[test]
    fn help_shows_an_example_and_names_the_service() {
        let help = help("allocation");
        assert!(
            help.contains("INCASSO__ALLOCATION__HTTP__LISTEN=0.0.0.0:8080"),
            "{help}"
        );
        assert!(help.contains("--check"), "{help}");
    }

    struct Toy;

    #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct ToyConfig {
        pause_ms: u64,
    }

    impl Service for Toy {
        const NAME: &'static str = "toy";
        type Config = ToyConfig;

        fn define(config: ToyConfig) -> anyhow::Result<crate::Definition> {
            anyhow::ensure!(
                config.pause_ms < 100,
                "toy.pause_ms is {}: must be 0 to 99",
                config.pause_ms
            );
            Ok(crate::Definition {
                migrations: &[],
                handlers: crate::Handlers::new(),
                close: crate::Close::None,
                routes: axum::Router::new(),
                public_routes: axum::Router::new(),
                openapi: serde_json::Value::Null,
                tasks: Vec::new(),
            })
        }
    }

    #[test]
    fn check_ends_with_2_for_whatever_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("incasso.toml");
        let needed = "kafka.bootstrap = \"b:1\"\ndatabase.url = \"postgres://d/{service}\"\n";
        let tokens = folder.path().join("tokens.toml");
        std::fs::write(&tokens, "[[token]]").unwrap();
        let wrong_tokens = format!("{needed}tokens.file = {tokens:?}\n");
        for (text, code) in [
            (needed, ExitCode::SUCCESS),
            ("", ExitCode::from(WRONG_SETTINGS)),
            (&format!("{needed}toy.pause_ms = 100\n"), ExitCode::from(WRONG_SETTINGS)),
            (&wrong_tokens, ExitCode::from(WRONG_SETTINGS)),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(
                format!("{:?}", check::<Toy>(Some(file.clone()))),
                format!("{code:?}"),
                "{text}"
            );
        }
    }
}
