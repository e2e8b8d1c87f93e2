//! Pulls: directories on banks' servers from which statement files are fetched by SFTP.

use std::path::PathBuf;

use chrono::NaiveTime;
use kernel::Tz;
use serde::{Deserialize, Serialize};

use crate::import::sftp::{Pin, load_key};

/// The longest time between two looks: a day.
const POLL_MAX: u64 = 86_400;

/// One pull (`[[ingestion.sftp]]`). Secrets are named by their files and read when they are used, so that they can be
/// changed while the service runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sftp {
    /// Its name: small letters, digits, hyphens. What was pulled is remembered under it: a new name pulls everything again
    /// (and finds by SHA-256 that it is there).
    pub name: String,
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The user there.
    pub user: String,
    /// File with the private key: OpenSSH, PKCS#8 or PEM. Ed25519, ECDSA or RSA.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// File with the pass phrase of the private key, where it has one.
    #[serde(default)]
    pub key_passphrase_file: Option<PathBuf>,
    /// File with the user's password, where the server wants one (instead of a key, or after it).
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The server's own keys, as the bank made them known: `ssh-ed25519 AAAA…` or `SHA256:…`. At least one; two while the bank
    /// changes its key. A server with another key is not read.
    pub host_keys: Vec<String>,
    /// The directory, from where the user lands.
    #[serde(default = "default_directory")]
    pub directory: String,
    /// Which files: `*` stands for any letters, `?` for one.
    #[serde(default = "default_pattern")]
    pub pattern: String,
    /// Seconds between two looks, where `at` names no times.
    #[serde(default = "default_poll_seconds")]
    pub poll_seconds: u64,
    /// Times of day at which to look, `HH:MM`, in `time_zone`; instead of every `poll_seconds`.
    #[serde(default)]
    pub at: Vec<String>,
    /// Time zone of `at`, such as `Europe/Bucharest`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Seconds until a second look at files that were new: one that looks the same then is finished.
    #[serde(default = "default_settle_seconds")]
    pub settle_seconds: u64,
    /// Name of the source whose files lie there; without it, the content tells.
    #[serde(default)]
    pub source: Option<String>,
    /// What becomes of a file on the server once its bytes are stored here.
    #[serde(default)]
    pub after: After,
}

/// What becomes of a file on the server: `"leave"`, `"delete"`, or `{ move = "directory" }`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// It stays.
    #[default]
    Leave,
    /// It is removed.
    Delete,
    /// It moves to this directory, below the pull's own unless it begins with `/`; made where it is missing.
    Move(String),
}

const fn default_port() -> u16 {
    22
}

fn default_directory() -> String {
    ".".to_owned()
}

fn default_pattern() -> String {
    "*".to_owned()
}

const fn default_poll_seconds() -> u64 {
    300
}

const fn default_settle_seconds() -> u64 {
    30
}

impl Sftp {
    /// The times of `at`.
    #[must_use]
    pub fn times(&self) -> Vec<NaiveTime> {
        self.at.iter().filter_map(|text| time(text)).collect()
    }

    /// The zone of `at`.
    #[must_use]
    pub fn zone(&self) -> Tz {
        let named = self.time_zone.as_deref().and_then(|name| name.parse().ok());
        named.unwrap_or(Tz::UTC)
    }

    /// When it looks, in words: another wording makes it look at once.
    #[must_use]
    pub fn schedule(&self) -> String {
        if self.at.is_empty() {
            format!("every {} s", self.poll_seconds)
        } else {
            format!("at {} {}", self.at.join(", "), self.zone())
        }
    }

    /// A path in the directory.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory.trim_end_matches('/'))
    }

    /// One sentence per wrong setting, beginning with its name. The files of secrets are looked at, their content is never in
    /// a sentence.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ensure = |holds: bool, what: &str| {
            if !holds {
                faults.push(what.to_owned());
            }
        };
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        ensure(
            !self.name.is_empty() && self.name.len() <= 64 && self.name.chars().all(plain),
            "name: small letters, digits and hyphens, at most 64",
        );
        let printable = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        ensure(printable(&self.host), "host: it is empty");
        ensure(self.port != 0, "port: from 1 to 65535");
        ensure(printable(&self.user), "user: it is empty");
        ensure(
            printable(&self.directory),
            "directory: it is empty; \".\" is where the user lands",
        );
        ensure(printable(&self.pattern), "pattern: it is empty; \"*\" is every file");
        ensure(
            (1..=POLL_MAX).contains(&self.poll_seconds),
            "poll_seconds: from 1 to 86400",
        );
        ensure(
            (1..=POLL_MAX).contains(&self.settle_seconds),
            "settle_seconds: from 1 to 86400",
        );
        for text in &self.at {
            ensure(time(text).is_some(), &format!("at: {text:?} is no time of day, HH:MM"));
        }
        ensure(
            self.at.is_empty() || self.time_zone.is_some(),
            "time_zone: the times of `at` need one, such as \"Europe/Bucharest\"",
        );
        if let Some(name) = &self.time_zone {
            ensure(name.parse::<Tz>().is_ok(), &format!("time_zone: {name:?} is none"));
        }
        if let After::Move(directory) = &self.after {
            ensure(printable(directory), "after: the directory to move to is empty");
        }
        faults.extend(self.faults_of_keys());
        faults
    }

    fn faults_of_keys(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.host_keys.is_empty() {
            faults.push(
                "host_keys: none is pinned; ask the bank for its server's key or fingerprint (ssh-keyscan shows what is offered, \
                 which proves nothing by itself)"
                    .to_owned(),
            );
        }
        faults.extend(self.host_keys.iter().filter_map(|text| Pin::parse(text).err()));
        if self.key_file.is_none() && self.password_file.is_none() {
            faults.push("key_file: neither a key nor a password_file is named".to_owned());
        }
        if let Some(file) = &self.key_file
            && let Err(why) = load_key(file, self.key_passphrase_file.as_deref())
        {
            faults.push(why);
        }
        if let Some(file) = &self.password_file
            && let Err(why) = crate::import::sftp::load_secret("password_file", file)
        {
            faults.push(why);
        }
        faults
    }
}

fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn of(more: &str) -> Sftp {
        let base =
            format!("name = \"bcr\"\nhost = \"sftp.example\"\nuser = \"incasso\"\nhost_keys = [\"{KEY}\"]\n{more}");
        toml::from_str(&base).unwrap()
    }

    #[test]
    fn defaults_and_ways_to_say_what_becomes_of_files() {
        let pull = of("");
        let told = (
            pull.port,
            pull.directory.as_str(),
            pull.pattern.as_str(),
            pull.poll_seconds,
            &pull.after,
        );
        assert_eq!(told, (22, ".", "*", 300, &After::Leave));
        assert_eq!(of("after = \"delete\"").after, After::Delete);
        assert_eq!(of("after = { move = \"done\" }").after, After::Move("done".into()));
        assert_eq!(of("directory = \"out/\"").path("a.xml"), "out/a.xml");
        // What is printed can be read again.
        let shown = toml::to_string(&of("after = { move = \"done\" }")).unwrap();
        assert_eq!(
            toml::from_str::<Sftp>(&shown).unwrap().after,
            After::Move("done".into()),
            "{shown}"
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("password");
        std::fs::write(&secret, "CANARY\n").unwrap();
        let password = format!("password_file = {secret:?}\n");
        assert_eq!(of(&password).faults(), Vec::<String>::new());
        for (more, setting) in [
            ("poll_seconds = 0\n", "poll_seconds"),
            ("settle_seconds = 0\n", "settle_seconds"),
            ("at = [\"25:00\"]\ntime_zone = \"Europe/Bucharest\"\n", "at"),
            ("at = [\"07:30\"]\n", "time_zone"),
            ("time_zone = \"Mars\"\n", "time_zone"),
            ("port = 0\n", "port"),
            ("directory = \"\"\n", "directory"),
            ("after = { move = \"\" }\n", "after"),
            ("key_file = \"/no/such/key\"\n", "key_file"),
        ] {
            let faults = of(&format!("{more}{password}")).faults();
            assert!(
                faults.len() == 1 && faults[0].starts_with(setting),
                "{setting}: {faults:?}"
            );
        }
        assert!(of("").faults()[0].starts_with("key_file"));
        // A password where a key is wanted is not quoted.
        let faults = of(&format!("key_file = {secret:?}\n")).faults();
        assert!(faults.len() == 1 && !faults[0].contains("CANARY"), "{faults:?}");
        for (keys, what) in [
            ("[]", "none is pinned"),
            ("[\"ssh-ed25519 AAAA\"]", "host_keys"),
            ("[\"MD5:aa:bb\"]", "host_keys"),
        ] {
            let mut pull = of(&password);
            let list: std::collections::BTreeMap<String, Vec<String>> =
                toml::from_str(&format!("keys = {keys}")).unwrap();
            pull.host_keys = list["keys"].clone();
            assert!(pull.faults()[0].contains(what), "{keys}: {:?}", pull.faults());
        }
    }
}
