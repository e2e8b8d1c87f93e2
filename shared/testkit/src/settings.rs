//! Settings of a service under test: the test's broker prefix and database, one token that may do everything.

use std::path::PathBuf;

use runtime::config::{BlobConfig, KafkaConfig, TokensConfig, WorkerConfig};
use runtime::{RuntimeConfig, Secret, Settings};

use crate::Fixture;

/// The bearer token of [`Fixture::settings`]: all roles, all creditors.
pub const TOKEN: &str = "test-token-of-everything";
/// Another subject with the same rights: for what needs two people.
pub const OTHER_TOKEN: &str = "test-token-of-somebody-else";

const ROLES: &str = r#"["admin", "integration", "operator", "collector", "lead", "finance", "auditor"]"#;

impl Fixture {
    /// Settings of `service` with its own database; short leases, two partitions, port 0.
    ///
    /// # Panics
    /// The database or a file cannot be made.
    pub async fn settings<C: Default>(&self, service: &str) -> Settings<C> {
        let url = self.database(service).await;
        let folder = self.folder();
        let tokens = folder.join("tokens.toml");
        std::fs::write(&tokens, tokens_file()).unwrap_or_else(|error| panic!("{}: {error}", tokens.display()));
        let runtime = RuntimeConfig {
            kafka: KafkaConfig {
                bootstrap: self.kafka().to_owned(),
                topic_prefix: self.prefix().to_owned(),
                partitions: 2,
                replication: Some(1),
                ..KafkaConfig::default()
            },
            database: runtime::config::DatabaseConfig {
                url: Secret::new(url),
                ..runtime::config::DatabaseConfig::default()
            },
            blobs: BlobConfig {
                folder: folder.join("blobs"),
            },
            tokens: TokensConfig { file: Some(tokens) },
            worker: WorkerConfig {
                lease_seconds: 2,
                renew_ms: 200,
                retry_min_ms: 20,
                retry_max_ms: 500,
                ..WorkerConfig::default()
            },
            ..RuntimeConfig::default()
        };
        Settings {
            runtime,
            service: C::default(),
        }
    }

    /// A folder of this test; removed with it.
    ///
    /// # Panics
    /// It cannot be made.
    pub fn folder(&self) -> PathBuf {
        let folder = stack::target_dir()
            .join("test-folders")
            .join(self.prefix().trim_end_matches('.'));
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        folder
    }
}

fn tokens_file() -> String {
    let entry = |token: &str, subject: &str| {
        let sha256 = runtime::blobs::Sha256Hex::of(token.as_bytes());
        format!(
            "[[token]]\nsha256 = \"{sha256}\"\nsubject = \"{subject}\"\nname = \"Test\"\nroles = {ROLES}\ncreditors = [\"*\"]\n\n"
        )
    };
    entry(TOKEN, "tester") + &entry(OTHER_TOKEN, "second-tester")
}
