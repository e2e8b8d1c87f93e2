//! Services that share a process.

use std::collections::HashMap;
use std::hash::Hash;

use super::RuntimeConfig;

/// What must differ between services that run in one process and does not: databases, and ports that are not 0. Brokers,
/// topic prefixes and partitions must be the same for all. Empty: all is well.
#[must_use]
pub fn clashes(services: &[(&str, &RuntimeConfig)]) -> Vec<String> {
    let databases = services
        .iter()
        .map(|(name, config)| (*name, config.database.url.expose()));
    let listens = services.iter().map(|(name, config)| (*name, config.http.listen));
    let mut problems = shared(databases, "database.url", "put {service} into the address");
    problems.extend(shared(
        listens.filter(|(_, listen)| listen.port() != 0),
        "http.listen",
        "give each its own port",
    ));
    if let Some((first, rest)) = services.split_first() {
        let kafka = |config: &RuntimeConfig| {
            (
                config.kafka.bootstrap.clone(),
                config.kafka.topic_prefix.clone(),
                config.kafka.partitions,
            )
        };
        for (name, config) in rest {
            if kafka(config) != kafka(first.1) {
                problems.push(format!(
                    "{} and {name} have different brokers, topic prefixes or partitions",
                    first.0
                ));
            }
        }
    }
    problems
}

fn shared<'a, T: Eq + Hash>(settings: impl Iterator<Item = (&'a str, T)>, setting: &str, remedy: &str) -> Vec<String> {
    let mut owners: HashMap<T, &str> = HashMap::new();
    let mut problems = Vec::new();
    for (name, value) in settings {
        if let Some(other) = owners.get(&value) {
            problems.push(format!("{other} and {name} have the same {setting}: {remedy}"));
        }
        owners.entry(value).or_insert(name);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn neighbours_keep_apart() {
        let config = |url: &str, listen: &str| {
            let mut config = RuntimeConfig::default();
            config.database.url = Secret::new(url);
            config.http.listen = listen.parse().unwrap();
            config
        };
        let (a, b) = (
            config("postgres://a", "127.0.0.1:0"),
            config("postgres://b", "127.0.0.1:0"),
        );
        assert_eq!(clashes(&[("a", &a), ("b", &b)]), Vec::<String>::new());
        assert_eq!(clashes(&[]), Vec::<String>::new());
        let mut wrong = config("postgres://a", "127.0.0.1:8080");
        wrong.kafka.partitions = 2;
        let twin = config("postgres://c", "127.0.0.1:8080");
        assert_eq!(
            clashes(&[("a", &a), ("b", &wrong), ("c", &twin)]),
            [
                "a and b have the same database.url: put {service} into the address",
                "b and c have the same http.listen: give each its own port",
                "a and b have different brokers, topic prefixes or partitions",
            ]
        );
    }
}
