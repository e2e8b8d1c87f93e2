//! What settings must be.

use super::{DatabaseConfig, KafkaConfig, RuntimeConfig, WorkerConfig};

/// Settings of librdkafka that the guarantees of DESIGN 4 rest on.
const OURS: [&str; 12] = [
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "isolation.level",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "transactional.id",
];

impl RuntimeConfig {
    /// Everything that is wrong, each with its setting's name. Empty: all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.kafka.problems();
        problems.extend(self.database.problems());
        problems.extend(self.worker.problems());
        let http = &self.http;
        for (name, value) in [
            ("http.request_timeout_ms", http.request_timeout_ms),
            ("http.stream_timeout_seconds", http.stream_timeout_seconds),
            ("http.body_idle_timeout_ms", http.body_idle_timeout_ms),
            ("http.header_timeout_ms", http.header_timeout_ms),
            (
                "http.body_max_bytes",
                http.body_max_bytes.try_into().unwrap_or(u64::MAX),
            ),
            (
                "http.connections_max",
                http.connections_max.try_into().unwrap_or(u64::MAX),
            ),
        ] {
            between(&mut problems, name, value, 1, u64::from(u32::MAX));
        }
        if self.blobs.folder.as_os_str().is_empty() {
            problems.push("blobs.folder is empty: name a folder on a disk that survives".to_owned());
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            problems.push(format!("log.filter: {error}"));
        }
        problems
    }
}

impl KafkaConfig {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.bootstrap.is_empty() {
            problems.push("kafka.bootstrap is missing: set it to host:port, or INCASSO__KAFKA__BOOTSTRAP".to_owned());
        }
        for server in self.bootstrap.split(',').filter(|_| !self.bootstrap.is_empty()) {
            let port = server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none_or(|port| port == 0) {
                problems.push(format!("kafka.bootstrap: \"{server}\" is not host:port"));
            }
        }
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        if !self.topic_prefix.chars().all(fits) || self.topic_prefix.len() > 64 {
            problems.push("kafka.topic_prefix: at most 64 of a-z, 0-9, dot and hyphen".to_owned());
        }
        between(&mut problems, "kafka.partitions", u64::from(self.partitions), 1, 1_000);
        if self.replication == Some(0) {
            problems.push("kafka.replication is 0: leave it out for the broker's default".to_owned());
        }
        for (name, _) in self.client_options().filter(|(name, _)| OURS.contains(&name.as_str())) {
            problems.push(format!(
                "kafka.options: {name} is set by Incasso; its guarantees rest on it"
            ));
        }
        for name in self
            .options
            .keys()
            .filter(|name| name.contains("password") || name.contains("pem"))
        {
            problems.push(format!(
                "kafka.options: {name} is a secret: put it under kafka.secret_options"
            ));
        }
        problems.extend(super::transport::kafka(self));
        problems
    }
}

impl DatabaseConfig {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let url = self.url.expose();
        if url.is_empty() {
            problems.push("database.url is missing: postgres://user@host/name, or INCASSO__DATABASE__URL".to_owned());
        } else if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            problems.push("database.url must start with postgres://".to_owned());
        }
        problems.extend(super::transport::database(self));
        between(
            &mut problems,
            "database.max_connections",
            u64::from(self.max_connections),
            4,
            1_000,
        );
        for (name, value) in [
            ("database.acquire_timeout_ms", self.acquire_timeout_ms),
            ("database.lock_timeout_ms", self.lock_timeout_ms),
            (
                "database.idle_in_transaction_timeout_ms",
                self.idle_in_transaction_timeout_ms,
            ),
            ("database.statement_timeout_ms", self.statement_timeout_ms),
        ] {
            // PostgreSQL reads 0 as "for ever": a zombie would hold its rows for ever.
            between(&mut problems, name, value, 100, 600_000);
        }
        problems
    }
}

impl WorkerConfig {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        between(&mut problems, "worker.batch_max", count(self.batch_max), 1, 10_000);
        between(
            &mut problems,
            "worker.lease_seconds",
            u64::from(self.lease_seconds),
            1,
            600,
        );
        between(
            &mut problems,
            "worker.renew_ms",
            self.renew_ms,
            10,
            u64::from(self.lease_seconds) * 1_000 / 3,
        );
        between(
            &mut problems,
            "worker.buffer_max",
            count(self.buffer_max),
            count(self.batch_max),
            1_000_000,
        );
        between(&mut problems, "worker.inbox_days", u64::from(self.inbox_days), 8, 3_660);
        between(
            &mut problems,
            "worker.retry_min_ms",
            self.retry_min_ms,
            1,
            self.retry_max_ms,
        );
        between(&mut problems, "worker.retry_max_ms", self.retry_max_ms, 1, 600_000);
        between(
            &mut problems,
            "worker.relay_batch_max",
            count(self.relay_batch_max),
            1,
            10_000,
        );
        between(&mut problems, "worker.gather_ms", self.gather_ms, 0, 1_000);
        between(&mut problems, "worker.relay_sleep_ms", self.relay_sleep_ms, 10, 60_000);
        between(
            &mut problems,
            "worker.stop_timeout_ms",
            self.stop_timeout_ms,
            100,
            600_000,
        );
        problems
    }
}

fn between(problems: &mut Vec<String>, name: &str, value: u64, least: u64, most: u64) {
    if value < least || value > most {
        problems.push(format!("{name} is {value}: must be {least} to {most}"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Secret;
    use super::*;

    fn good() -> RuntimeConfig {
        let mut config = RuntimeConfig::default();
        config.kafka.bootstrap = "a:9092,[::1]:9093".to_owned();
        config.database.url = Secret::new("postgres://x@y/z");
        config
    }

    #[test]
    fn defaults_need_only_a_broker_and_a_database() {
        assert_eq!(good().problems(), Vec::<String>::new());
        let missing = RuntimeConfig::default().problems();
        assert_eq!(missing.len(), 2);
        assert!(missing[0].starts_with("kafka.bootstrap is missing"));
        assert!(missing[1].starts_with("database.url is missing"));
    }

    #[test]
    fn each_problem_names_its_setting() {
        type Spoil = fn(&mut RuntimeConfig);
        let cases: [(Spoil, &str); 10] = [
            (
                |c| c.kafka.bootstrap = "broker".into(),
                "kafka.bootstrap: \"broker\" is not host:port",
            ),
            (
                |c| c.kafka.topic_prefix = "Demo_".into(),
                "kafka.topic_prefix: at most 64 of a-z, 0-9, dot and hyphen",
            ),
            (|c| c.kafka.partitions = 0, "kafka.partitions is 0: must be 1 to 1000"),
            (
                |c| drop(c.kafka.options.insert("enable_auto_commit".into(), "true".into())),
                "kafka.options: enable.auto.commit is set by Incasso; its guarantees rest on it",
            ),
            (
                |c| drop(c.kafka.options.insert("sasl.password".into(), "x".into())),
                "kafka.options: sasl.password is a secret: put it under kafka.secret_options",
            ),
            (
                |c| c.database.url = Secret::new("mysql://u:pw@h"),
                "database.url must start with postgres://",
            ),
            (
                |c| c.database.lock_timeout_ms = 0,
                "database.lock_timeout_ms is 0: must be 100 to 600000",
            ),
            (
                |c| c.worker.renew_ms = 2_000,
                "worker.renew_ms is 2000: must be 10 to 1666",
            ),
            (
                |c| c.http.request_timeout_ms = 0,
                "http.request_timeout_ms is 0: must be 1 to 4294967295",
            ),
            (
                |c| c.blobs.folder = PathBuf::new(),
                "blobs.folder is empty: name a folder on a disk that survives",
            ),
        ];
        for (spoil, expected) in cases {
            let mut config = good();
            spoil(&mut config);
            assert_eq!(config.problems(), [expected]);
        }
    }

    #[test]
    fn client_options_are_spelt_with_dots_and_include_secrets() {
        let mut kafka = KafkaConfig::default();
        kafka.options.insert("security_protocol".into(), "SASL_SSL".into());
        kafka.secret_options.insert("sasl.password".into(), Secret::new("pw"));
        let got: Vec<_> = kafka.client_options().collect();
        assert_eq!(
            got,
            [
                ("security.protocol".to_owned(), "SASL_SSL"),
                ("sasl.password".to_owned(), "pw")
            ]
        );
    }
}
