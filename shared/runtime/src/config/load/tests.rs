//! One file and the environment, as services read them.

use std::net::SocketAddr;

use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Toy {
    pause_ms: u64,
    folders: Vec<String>,
    api_key: Secret,
    start_on: Option<String>,
}

impl Default for Toy {
    fn default() -> Self {
        Self {
            pause_ms: 5,
            folders: vec!["in".to_owned()],
            api_key: Secret::default(),
            start_on: None,
        }
    }
}

const FILE: &str = r#"
    [kafka]
    bootstrap = "broker:9092"
    topic_prefix = "t."
    [kafka.options]
    "security.protocol" = "SASL_PLAINTEXT"
    [database]
    url = "postgres://u:CANARY-1@db/{service}"
    max_connections = 8
    [toy]
    pause_ms = 7
    api_key = "CANARY-2"
    [toy.http]
    listen = "127.0.0.1:8083"
    [billing]
    what_the_toy_does_not_know = true
"#;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings<Toy>, ConfigError> {
    let pairs = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load_for(&Sources::parse("incasso.toml", file, pairs)?, "toy")
}

fn problems(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    load(file, environment).unwrap_err().problems
}

#[test]
fn one_file_suits_all_services() {
    let settings = load(FILE, &[]).unwrap();
    assert_eq!(settings.runtime.kafka.topic("a.b.v1"), "t.a.b.v1");
    assert_eq!(settings.runtime.kafka.options["security.protocol"], "SASL_PLAINTEXT");
    assert_eq!(settings.runtime.database.url.expose(), "postgres://u:CANARY-1@db/toy");
    assert_eq!(
        settings.runtime.http.listen,
        "127.0.0.1:8083".parse::<SocketAddr>().unwrap()
    );
    let toy = Toy {
        pause_ms: 7,
        api_key: Secret::new("CANARY-2"),
        ..Toy::default()
    };
    assert_eq!(settings.service, toy);
}

#[test]
fn the_environment_goes_over_the_file_and_a_services_section_over_the_shared_one() {
    let environment = [
        ("INCASSO__KAFKA__BOOTSTRAP", "other:1"),
        ("INCASSO__KAFKA__PARTITIONS", "2"),
        ("INCASSO__KAFKA__OPTIONS__CLIENT_RACK", "007"),
        ("INCASSO__HTTP__LISTEN", "127.0.0.1:1"),
        ("INCASSO__HTTP__BODY_MAX_BYTES", "9"),
        ("INCASSO__TOY__PAUSE_MS", "9"),
        ("INCASSO__TOY__API_KEY", "0042"),
        ("INCASSO__TOY__FOLDERS", "[\"a\", \"b\"]"),
        ("INCASSO__TOY__DATABASE__MAX_CONNECTIONS", "4"),
        ("KAFKA_HOME", "/opt/kafka"),
    ];
    let settings = load(FILE, &environment).unwrap();
    let Settings { runtime, service } = settings;
    assert_eq!(
        (runtime.kafka.bootstrap.as_str(), runtime.kafka.partitions),
        ("other:1", 2)
    );
    assert!(
        runtime
            .kafka
            .client_options()
            .any(|option| option == ("client.rack".to_owned(), "007"))
    );
    assert_eq!(runtime.http.listen, "127.0.0.1:8083".parse::<SocketAddr>().unwrap());
    assert_eq!(runtime.http.body_max_bytes, 9);
    assert_eq!(runtime.database.max_connections, 4);
    assert_eq!(runtime.database.url.expose(), "postgres://u:CANARY-1@db/toy");
    assert_eq!((service.pause_ms, service.api_key.expose()), (9, "0042"));
    assert_eq!(service.folders, ["a", "b"]);
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://u:CANARY-3@db/x\n").unwrap();
    let path = file.to_str().unwrap();
    let settings = load(FILE, &[("INCASSO__DATABASE__URL__FILE", path)]).unwrap();
    assert_eq!(settings.runtime.database.url.expose(), "postgres://u:CANARY-3@db/x");
    let shown = settings.describe("toy");
    assert!(
        !shown.contains("CANARY") && !format!("{settings:?}").contains("CANARY"),
        "{shown}"
    );
    for line in [
        "[kafka]",
        "url = \"***\"",
        "listen = \"127.0.0.1:8083\"",
        "[toy]",
        "pause_ms = 7",
        "api_key = \"***\"",
    ] {
        assert!(shown.lines().any(|got| got == line), "{line} is not in\n{shown}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let spoilt = |from: &str, to: &str| problems(&FILE.replace(from, to), &[]);
    assert_eq!(
        spoilt("max_connections", "max_conections"),
        [
            "database.max_conections: no such setting; there are url, max_connections, acquire_timeout_ms, \
             lock_timeout_ms, idle_in_transaction_timeout_ms, statement_timeout_ms (in incasso.toml)"
        ]
    );
    assert_eq!(
        spoilt("pause_ms = 7", "pause_ms = \"x\""),
        ["toy.pause_ms: invalid type: found string \"x\", expected u64 (in incasso.toml)"]
    );
    assert_eq!(
        spoilt("[billing]", "[alocation]"),
        ["alocation: no such section; there are kafka, database, http, blobs, tokens, worker, log and the services"]
    );
    assert_eq!(
        problems(
            FILE,
            &[("INCASSO__TOY__PAUZE_MS", "1"), ("INCASSO__KAFKA__PARTITIONS", "many")]
        )
        .len(),
        2,
        "all at once"
    );
    assert_eq!(
        problems(FILE, &[("INCASSO__KAFKA__PARTITIONS", "many")]),
        ["kafka.partitions: invalid type: found string \"many\", expected u32 (in the environment)"]
    );
    assert_eq!(
        problems(FILE, &[("INCASSO__KAFKA", "x"), ("INCASSO__KAFKA__PARTITIONS", "1")]),
        ["INCASSO__KAFKA__PARTITIONS is both a value and a section"]
    );
    assert!(problems("", &[])[0].starts_with("kafka.bootstrap is missing"));
}

#[test]
fn a_broken_file_is_placed_without_quoting_the_line() {
    let error = problems("[database]\nurl = \"postgres://u:CANARY@db\n", &[]).remove(0);
    assert!(error.starts_with("incasso.toml, line 2: "), "{error}");
    assert!(!error.contains("CANARY"), "{error}");
    let missing = Sources::read(Some(Path::new("/nowhere/incasso.toml")))
        .unwrap_err()
        .to_string();
    assert_eq!(
        missing,
        "cannot read /nowhere/incasso.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn a_program_lays_its_choice_over_all() {
    let sources = Sources::parse("incasso.toml", FILE, [])
        .unwrap()
        .with("kafka.bootstrap", "mine:1");
    let settings = Settings::<Toy>::load_for(&sources.with("toy.http.listen", "127.0.0.1:9"), "toy").unwrap();
    assert_eq!(settings.runtime.kafka.bootstrap, "mine:1");
    assert_eq!(settings.runtime.http.listen.port(), 9);
    assert_eq!(settings.runtime.kafka.topic_prefix, "t.");
}
