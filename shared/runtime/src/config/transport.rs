//! What this build can do about encryption on the way to Kafka and PostgreSQL, and what it says where it cannot.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use super::{DatabaseConfig, KafkaConfig};

/// SASL mechanisms and the features of librdkafka that they need.
const MECHANISMS: [(&str, &str); 4] = [
    ("PLAIN", "sasl_plain"),
    ("SCRAM-", "sasl_scram"),
    ("GSSAPI", "sasl_gssapi"),
    ("OAUTHBEARER", "sasl_oauthbearer"),
];

/// Every option that librdkafka, as it was built, does not take: unknown ones, values out of range, TLS without OpenSSL. Values
/// of secret options are not repeated.
pub(super) fn kafka(config: &KafkaConfig) -> Vec<String> {
    let features = features();
    let mut problems = Vec::new();
    for (name, value) in config.client_options() {
        if name == "security.protocol" && is_tls(value) && !has(&features, "ssl") {
            problems.push(format!(
                "kafka.options: security.protocol = {value} needs TLS, which this build of librdkafka does not have (its features: \
                 {features}): use a listener with PLAINTEXT or SASL_PLAINTEXT on a network of its own, or a TLS proxy beside Incasso"
            ));
        } else if matches!(name.as_str(), "sasl.mechanism" | "sasl.mechanisms") {
            problems.extend(mechanism(&name, value, &features));
        } else if let Some(why) = refused(&name, value) {
            let secret = config.secret_options.keys().any(|key| key.replace('_', ".") == name);
            let why = if secret {
                "its value is not taken".to_owned()
            } else {
                why
            };
            problems.push(format!("kafka.options: {name}: {why}"));
        }
    }
    problems
}

/// librdkafka's own list: `gzip,sasl,lz4,sasl_plain,…`; empty where it does not say.
fn features() -> String {
    let native = ClientConfig::new().create_native_config();
    native
        .and_then(|config| config.get("builtin.features"))
        .unwrap_or_default()
}

fn has(features: &str, wanted: &str) -> bool {
    features.split(',').any(|feature| feature.trim() == wanted)
}

fn is_tls(protocol: &str) -> bool {
    ["SSL", "SASL_SSL"].iter().any(|tls| protocol.eq_ignore_ascii_case(tls))
}

fn mechanism(name: &str, value: &str, features: &str) -> Option<String> {
    let upper = value.to_ascii_uppercase();
    let (_, needed) = MECHANISMS.iter().find(|(prefix, _)| upper.starts_with(prefix))?;
    (!has(features, needed)).then(|| {
        format!(
            "kafka.options: {name} = {value} needs {needed}, which this build of librdkafka does not have (its features: {features})"
        )
    })
}

fn refused(name: &str, value: &str) -> Option<String> {
    let mut one = ClientConfig::new();
    one.set(name, value);
    match one.create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, what, _, _)) => Some(what),
        Err(other) => Some(other.to_string()),
    }
}

/// Why this address cannot be used: `sslmode` asks for TLS, which sqlx was built without. `prefer` and `allow` do without.
pub(super) fn database(config: &DatabaseConfig) -> Option<String> {
    let (_, query) = config.url.expose().split_once('?')?;
    let mode = query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        matches!(name, "sslmode" | "ssl-mode").then_some(value)
    })?;
    let demands = ["require", "verify-ca", "verify-full"];
    demands.iter().any(|tls| mode.eq_ignore_ascii_case(tls)).then(|| {
        format!(
            "database.url: sslmode={mode} is not supported: this build has no TLS to PostgreSQL. Use sslmode=disable over a Unix socket, \
             loopback or a network of its own, or a TLS proxy beside Incasso (such as stunnel; no pooler that shares sessions)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn told(options: &[(&str, &str)], secrets: &[(&str, &str)]) -> Vec<String> {
        let mut config = KafkaConfig::default();
        for (name, value) in options {
            config.options.insert((*name).to_owned(), (*value).to_owned());
        }
        for (name, value) in secrets {
            config.secret_options.insert((*name).to_owned(), Secret::new(*value));
        }
        kafka(&config)
    }

    #[test]
    fn what_librdkafka_takes_is_no_problem() {
        let features = features();
        assert!(features.contains("sasl_plain"), "{features}");
        let plain = [
            ("security_protocol", "SASL_PLAINTEXT"),
            ("sasl_mechanisms", "PLAIN"),
            ("sasl.username", "u"),
        ];
        assert_eq!(told(&plain, &[("sasl.password", "pw")]), Vec::<String>::new());
    }

    #[test]
    fn what_this_build_cannot_is_said_precisely() {
        let has_tls = has(&features(), "ssl");
        for (options, word) in [
            (
                [("security.protocol", "SASL_SSL")],
                "security.protocol = SASL_SSL needs TLS",
            ),
            ([("security_protocol", "ssl")], "security.protocol = ssl needs TLS"),
            (
                [("sasl.mechanism", "SCRAM-SHA-512")],
                "sasl.mechanism = SCRAM-SHA-512 needs sasl_scram",
            ),
        ] {
            let found = told(&options, &[]);
            assert_eq!(found.len(), usize::from(!has_tls), "{found:?}");
            assert!(found.iter().all(|problem| problem.contains(word)), "{found:?}");
        }
        let unknown = told(&[("no.such.option", "1")], &[]);
        assert!(
            unknown.first().unwrap().starts_with("kafka.options: no.such.option: "),
            "{unknown:?}"
        );
        let range = told(&[("socket.timeout.ms", "-1")], &[]);
        assert!(range.first().unwrap().contains("socket.timeout.ms"), "{range:?}");
        let secret = told(&[], &[("no.such.secret", "hush")]);
        assert!(
            secret.len() == 1 && !secret.first().unwrap().contains("hush"),
            "{secret:?}"
        );
    }

    #[test]
    fn tls_to_the_database_is_refused_and_not_forgotten() {
        let of = |url: &str| {
            database(&DatabaseConfig {
                url: Secret::new(url),
                ..DatabaseConfig::default()
            })
        };
        for mode in ["require", "verify-ca", "VERIFY-FULL"] {
            let problem = of(&format!("postgres://u:pw@h/d?application_name=x&sslmode={mode}")).unwrap();
            assert!(
                problem.starts_with(&format!("database.url: sslmode={mode} is not supported")),
                "{problem}"
            );
            assert!(!problem.contains("pw@"), "{problem}");
        }
        for url in [
            "postgres://h/d",
            "postgres://h/d?sslmode=prefer",
            "postgres://h/d?sslmode=disable",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
