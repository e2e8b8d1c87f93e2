//! Java and Kafka's jars: found, or fetched.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::Options;
use crate::install;
use crate::shared;

/// The release of `org.apache.kafka:kafka_2.13` that is fetched.
const VERSION: &str = "4.1.1";
/// Kafka 4 needs this Java.
const JAVA: u32 = 17;
const POM: &str = include_str!("pom.xml");

/// Kafka's classes.
pub(crate) struct Jars {
    /// As Java wants it.
    pub classpath: String,
    pub version: String,
    /// Where they are from, for people.
    pub words: String,
}

/// Kafka's jars: `KAFKA_HOME`, or fetched once by Maven into `<root>/incasso-stack/jars-<version>`.
pub(crate) async fn jars(options: &Options) -> anyhow::Result<Jars> {
    if let Some(home) = crate::variable("KAFKA_HOME") {
        return home_jars(Path::new(&home));
    }
    let folder = options.root.join("incasso-stack");
    let jars = folder.join(format!("jars-{VERSION}"));
    let classpath = format!("{}/*", jars.display());
    let words = format!("Apache Kafka {VERSION} (from Maven Central, in {})", jars.display());
    let lock = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("jars.lock"))?;
    shared::lock(|| lock.try_lock(), None).await?;
    if !jars.exists() {
        (options.say)(&format!(
            "fetching Apache Kafka {VERSION} from Maven Central (43 MB, once)"
        ));
        fetch(options, &folder, &jars).await?;
    }
    Ok(Jars {
        classpath,
        version: VERSION.to_owned(),
        words,
    })
}

fn home_jars(home: &Path) -> anyhow::Result<Jars> {
    let libs = home.join("libs");
    let names = fs::read_dir(&libs).with_context(|| format!("KAFKA_HOME has no folder {}", libs.display()))?;
    let names: Vec<String> = names
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let version = names
        .iter()
        .find_map(|name| name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar"));
    let version = version.filter(|version| version.starts_with(|first: char| ('4'..='9').contains(&first)));
    let Some(version) = version else {
        bail!("KAFKA_HOME={} is not Apache Kafka 4 or newer", home.display());
    };
    let words = format!("Apache Kafka {version} (KAFKA_HOME={})", home.display());
    Ok(Jars {
        classpath: format!("{}/*", libs.display()),
        version: version.to_owned(),
        words,
    })
}

async fn fetch(options: &Options, folder: &Path, jars: &Path) -> anyhow::Result<()> {
    let maven = maven(options).await?;
    let unfinished = folder.join(format!("jars-{VERSION}.unfinished"));
    shared::remove(&unfinished)?;
    let pom = folder.join("pom.xml");
    fs::write(&pom, POM.replace("VERSION", VERSION))?;
    let output = Command::new(maven)
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", unfinished.display()))
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stdout);
        let first: Vec<&str> = told.lines().filter(|line| line.contains("ERROR")).take(5).collect();
        bail!("Maven could not fetch Apache Kafka:\n{}", first.join("\n"));
    }
    fs::rename(unfinished, jars)?;
    Ok(())
}

/// A Java that is new enough: `JAVA_HOME`, `PATH`, `/usr/lib/jvm`; else installed where we may.
pub(crate) async fn find(options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(java) = find_java().await {
        return Ok(java);
    }
    // With what fetches the jars, for one is useless without the other.
    install::packages(&[install::java_package(), "maven"], options).await?;
    let found = find_java().await;
    found.with_context(|| format!("needs Java {JAVA} or newer. Run: {}", install::how_to_get()))
}

async fn maven(options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(maven) = crate::in_path("mvn") {
        return Ok(maven);
    }
    install::packages(&["maven"], options).await?;
    crate::in_path("mvn").with_context(|| format!("needs Maven. Run: {}", install::how_to_get()))
}

async fn find_java() -> Option<PathBuf> {
    let home = crate::variable("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let machines = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let machines = machines.map(|entry| entry.path().join("bin/java"));
    for java in home.into_iter().chain(crate::in_path("java")).chain(machines) {
        if java_version(java.as_os_str())
            .await
            .is_some_and(|version| version >= JAVA)
        {
            return Some(java);
        }
    }
    None
}

async fn java_version(java: &OsStr) -> Option<u32> {
    let output = Command::new(java)
        .arg("-version")
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    parse_java_version(&String::from_utf8_lossy(&output.stderr))
}

/// `openjdk version "17.0.15" 2025-04-15` is 17; the `1.8.0` of old is 1.
fn parse_java_version(told: &str) -> Option<u32> {
    let version = told.split('"').nth(1)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_javas_version() {
        assert_eq!(
            parse_java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"),
            Some(17)
        );
        assert_eq!(parse_java_version("java version \"1.8.0_412\""), Some(1));
        assert_eq!(parse_java_version("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(parse_java_version("sh: java: not found"), None);
    }
}
