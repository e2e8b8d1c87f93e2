//! OpenSSH's server, for tests of what is pulled from banks: found, or installed where a build machine may.

use std::path::PathBuf;

use crate::{Options, in_path, install, variable};

/// The command for a person.
const HOW_TO_GET: &str = "sudo apt-get install -y openssh-server";

/// The program `sshd`. Where it is missing it is installed on build machines alone (`CI` is set, root, Debian or Ubuntu): it is
/// no program that a test may bring upon somebody's own machine.
///
/// # Errors
/// It is missing; the message names the command that gets it.
pub async fn sshd(options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(program) = in_path("sshd") {
        return Ok(program);
    }
    if variable("CI").is_some() {
        install::packages_or(&["openssh-server"], HOW_TO_GET, options).await?;
    }
    in_path("sshd").ok_or_else(|| anyhow::anyhow!("sshd is missing. Run: {HOW_TO_GET}"))
}
