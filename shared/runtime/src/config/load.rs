//! From the file and the environment to checked settings.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use figment::error::Kind;
use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{RuntimeConfig, Secret};

#[cfg(test)]
mod tests;

const PREFIX: &str = "INCASSO__";

/// Sections that all services share.
const SHARED: [&str; 7] = ["kafka", "database", "http", "blobs", "tokens", "worker", "log"];

/// Shared sections that a service may set apart, under its own name.
const OWN: [&str; 5] = ["database", "http", "blobs", "tokens", "worker"];

/// The services of DESIGN 1, and the tool that runs them all: sections that a neighbour's binary skips.
const NEIGHBOURS: [&str; 11] = [
    "billing",
    "ingestion",
    "allocation",
    "dunning",
    "contact",
    "disconnection",
    "insolvency",
    "bureau",
    "recovery",
    "desk",
    "incasso",
];

/// What is wrong with the settings, all at once, one line each; never a secret's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Each names its setting and what to do.
    pub problems: Vec<String>,
}

impl ConfigError {
    fn one(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// The file and the environment, read but not yet understood: each service takes its part with [`Settings::load_for`].
#[derive(Debug, Clone)]
pub struct Sources(Figment);

/// One source: a dictionary and its name.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

impl Sources {
    /// The file, where one is named, and over it this process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read or is not TOML.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| ConfigError::one(format!("cannot read {}: {error}", path.display())))?,
            None => String::new(),
        };
        let name = file.map_or_else(String::new, |path| path.display().to_string());
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::parse(&name, &text, environment)
    }

    /// The same from text and pairs: tests, and programs that make up their own settings.
    ///
    /// # Errors
    /// [`ConfigError`] when the text is not TOML or a variable is both a value and a section.
    pub fn parse(
        name: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        // The usual message of a TOML error quotes the line, and with it perhaps a password.
        let values = toml::from_str::<Dict>(text).map_err(|error| {
            let upto = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            ConfigError::one(format!(
                "{name}, line {}: {}",
                upto.matches('\n').count() + 1,
                error.message()
            ))
        })?;
        let file = Layer {
            name: name.to_owned(),
            values,
        };
        let environment = Layer {
            name: "the environment".to_owned(),
            values: from_environment(environment)?,
        };
        Ok(Self(Figment::from(file).merge(environment)))
    }

    /// Lays `value` over everything read so far: a program's own choice, e.g. the demo's broker.
    #[must_use]
    pub fn with(self, setting: &str, value: impl Serialize) -> Self {
        Self(self.0.merge(Serialized::default(setting, value)))
    }

    fn section<T: DeserializeOwned + Default>(&self, service: &str, name: &str) -> Result<T, ConfigError> {
        let mut layers = vec![self.table(name)?];
        if OWN.contains(&name) {
            layers.push(self.table(&format!("{service}.{name}"))?);
        }
        // Later places first: an error is looked for where it was written last.
        self.extract(layers, &[&format!("{service}.{name}"), name])
    }

    fn service<C: DeserializeOwned + Serialize + Default>(&self, service: &str) -> Result<C, ConfigError> {
        let defaults = match Value::serialize(C::default()) {
            Ok(Value::Dict(_, defaults)) => defaults,
            _ => Dict::new(),
        };
        let mut own = self.table(service)?;
        own.retain(|name, _| !OWN.contains(&name.as_str()));
        self.extract(vec![defaults, own], &[service])
    }

    /// The section at `path`; empty where there is none.
    fn table(&self, path: &str) -> Result<Dict, ConfigError> {
        match self.0.find_value(path) {
            Ok(Value::Dict(_, table)) => Ok(table),
            Ok(_) => Err(ConfigError::one(format!("{path} must be a section, not a value"))),
            Err(_) => Ok(Dict::new()),
        }
    }

    /// Reads `T` from the layers, the later over the earlier; `places` are where the section may have been written.
    fn extract<T: DeserializeOwned>(&self, layers: Vec<Dict>, places: &[&str]) -> Result<T, ConfigError> {
        let merged = layers.into_iter().fold(Figment::new(), |merged, values| {
            merged.merge(Serialized::defaults(values))
        });
        merged.extract_lossy().map_err(|errors| {
            let explained = errors.into_iter().map(|error| self.explain(&error, places));
            ConfigError {
                problems: explained.collect(),
            }
        })
    }

    /// The error with its setting's name and where it was written.
    fn explain(&self, error: &figment::Error, places: &[&str]) -> String {
        let setting = |place: &&str| format!("{place}.{}", error.path.join("."));
        let written = places
            .iter()
            .map(setting)
            .find(|setting| self.0.contains(setting.trim_end_matches('.')));
        let name = written.or_else(|| places.last().map(setting)).unwrap_or_default();
        let name = name.trim_end_matches('.');
        let source = self
            .0
            .find_metadata(name)
            .map(|metadata| format!(" (in {})", metadata.name))
            .unwrap_or_default();
        match &error.kind {
            Kind::UnknownField(_, there) => format!("{name}: no such setting; there are {}{source}", there.join(", ")),
            kind => format!("{name}: {kind}{source}"),
        }
    }

    fn unknown_sections(&self, service: &str) -> Vec<String> {
        let names: BTreeSet<String> = self
            .0
            .data()
            .map(|profiles| profiles.into_values().flat_map(Dict::into_keys).collect())
            .unwrap_or_default();
        let known = |name: &str| SHARED.contains(&name) || NEIGHBOURS.contains(&name) || name == service;
        let unknown = names.into_iter().filter(|name| !known(name));
        unknown
            .map(|name| {
                format!(
                    "{name}: no such section; there are {} and the services",
                    SHARED.join(", ")
                )
            })
            .collect()
    }
}

/// `INCASSO__A__B=value` as `a.b = "value"`. Values stay text (numbers and booleans are read where they are wanted), but
/// lists and tables are read as TOML.
fn from_environment(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Dict, ConfigError> {
    let mut dict = Dict::new();
    let ours = pairs
        .into_iter()
        .filter_map(|(name, text)| Some((name.strip_prefix(PREFIX)?.to_lowercase(), text)));
    for (name, text) in ours.collect::<std::collections::BTreeMap<_, _>>() {
        let clash = || ConfigError::one(format!("{PREFIX}{} is both a value and a section", name.to_uppercase()));
        let path: Vec<&str> = name.split("__").collect();
        let Some((last, sections)) = path.split_last() else {
            continue;
        };
        if path.contains(&"") {
            return Err(ConfigError::one(format!(
                "{PREFIX}{}: an empty name between underscores",
                name.to_uppercase()
            )));
        }
        let mut place = &mut dict;
        for section in sections {
            let next = place
                .entry((*section).to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            let Value::Dict(_, inner) = next else {
                return Err(clash());
            };
            place = inner;
        }
        if place.insert((*last).to_owned(), environment_value(text)).is_some() {
            return Err(clash());
        }
    }
    Ok(dict)
}

fn environment_value(text: String) -> Value {
    if text.starts_with(['[', '{'])
        && let Ok(mut table) = toml::from_str::<Dict>(&format!("value = {text}"))
        && let Some(value) = table.remove("value")
    {
        return value;
    }
    Value::from(text)
}

/// What one service runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings<C> {
    /// The shared sections, with what the service sets apart.
    pub runtime: RuntimeConfig,
    /// The service's own.
    pub service: C,
}

impl<C: DeserializeOwned + Serialize + Default> Settings<C> {
    /// The settings of `service` (its `Service::NAME`), checked.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load_for(sources: &Sources, service: &str) -> Result<Self, ConfigError> {
        let mut problems = sources.unknown_sections(service);
        let mut config = RuntimeConfig::default();
        read(&mut config.kafka, sources.section(service, "kafka"), &mut problems);
        read(
            &mut config.database,
            sources.section(service, "database"),
            &mut problems,
        );
        read(&mut config.http, sources.section(service, "http"), &mut problems);
        read(&mut config.blobs, sources.section(service, "blobs"), &mut problems);
        read(&mut config.tokens, sources.section(service, "tokens"), &mut problems);
        read(&mut config.worker, sources.section(service, "worker"), &mut problems);
        read(&mut config.log, sources.section(service, "log"), &mut problems);
        let mut own = C::default();
        read(&mut own, sources.service(service), &mut problems);
        config.database.url = Secret::new(config.database.url.expose().replace("{service}", service));
        if problems.is_empty() {
            problems = config.problems();
        }
        if problems.is_empty() {
            Ok(Self {
                runtime: config,
                service: own,
            })
        } else {
            Err(ConfigError { problems })
        }
    }

    /// The settings in effect as TOML, secrets masked: what `--check` prints.
    #[must_use]
    pub fn describe(&self, service: &str) -> String {
        let shared = toml::to_string(&self.runtime).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"));
        let own = toml::Table::try_from(&self.service)
            .and_then(|table| toml::to_string(&toml::Table::from_iter([(service.to_owned(), table.into())])));
        let own = own.unwrap_or_else(|error| format!("# [{service}] cannot be shown: {error}\n"));
        format!("{shared}\n{own}")
    }
}

fn read<T>(into: &mut T, section: Result<T, ConfigError>, problems: &mut Vec<String>) {
    match section {
        Ok(value) => *into = value,
        Err(error) => problems.extend(error.problems),
    }
}
