//! Packages of Debian and Ubuntu, installed where we are root; elsewhere the one command to run is named.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use nix::unistd::Uid;
use tokio::process::Command;

use crate::Options;
use crate::shared;

/// Where Debian's packaging of PostgreSQL reads whether to create and start a cluster of its own. We want the
/// programs, not a server on port 5432 of somebody's machine.
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.d";

/// The package with a Java that is new enough: Ubuntu 22.04's default is 11.
pub(crate) fn java_package() -> &'static str {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if release.contains("jammy") {
        "openjdk-17-jre-headless"
    } else {
        "default-jre-headless"
    }
}

/// The one command that gets everything, and what can be set instead.
pub(crate) fn how_to_get() -> String {
    let java = java_package();
    format!(
        "sudo apt-get install -y {java} maven postgresql   # or set INCASSO_KAFKA=host:port and \
         DATABASE_URL=postgres://… to servers that run, KAFKA_HOME to a Kafka, JAVA_HOME to a Java"
    )
}

/// Installs packages, or fails with the one command that a person can run.
pub(crate) async fn packages(packages: &[&str], options: &Options) -> anyhow::Result<()> {
    packages_or(packages, &how_to_get(), options).await
}

/// Installs packages, or fails with this command for a person.
pub(crate) async fn packages_or(packages: &[&str], how_to_get: &str, options: &Options) -> anyhow::Result<()> {
    let Some(apt) = crate::in_path("apt-get").filter(|_| Uid::effective().is_root()) else {
        bail!("needs {}. Run: {how_to_get}", packages.join(" and "));
    };
    fs::create_dir_all(options.root.join("incasso-stack"))?;
    let lock = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(options.root.join("incasso-stack/install.lock"))?;
    shared::lock(|| lock.try_lock(), None).await?;
    (options.say)(&format!("installing {} with apt-get (once)", packages.join(", ")));
    let quiet = Path::new(CLUSTERS).join("incasso.conf");
    fs::create_dir_all(CLUSTERS)?;
    fs::write(&quiet, "create_main_cluster = false\n")?;
    // Lists that cannot be refreshed may still do.
    let _ = apt_get(&apt, &["update"]).await;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    let outcome = apt_get(&apt, &arguments).await;
    let _ = fs::remove_file(quiet);
    let _ = fs::remove_dir(CLUSTERS);
    outcome.with_context(|| format!("cannot install {}. Run: {how_to_get}", packages.join(" and ")))
}

async fn apt_get(apt: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(apt)
        .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = told.lines().filter(|line| line.starts_with("E:")).take(5).collect();
        bail!(
            "apt-get {}: {}",
            arguments.first().copied().unwrap_or_default(),
            last.join("; ")
        );
    }
    Ok(())
}
