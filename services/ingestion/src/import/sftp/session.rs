//! One connection to a server: its key compared with the pins, the user let in, the directory read.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Disconnect, MethodKind, Preferred};
use russh_sftp::client::fs::{File, Metadata};
use russh_sftp::client::{Config as SftpConfig, SftpSession};
use russh_sftp::protocol::StatusCode;

use super::fault::{Fault, Reason};
use super::keys::{Pin, RSA, load_key, load_secret, shown};
use crate::config::Sftp;
use crate::domain::pull::Remote;

/// For each of: the connection with its keys, the login, a listing.
const PATIENCE: Duration = Duration::from_secs(30);
/// For one answer of the server.
const ANSWER_SECONDS: u64 = 30;
/// A connection over which nothing comes is asked whether it lives; after three times it is given up.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Pieces of a file that are asked for at a time, a quarter of a MiB each: what bounds the memory.
const PIECES: usize = 8;
/// Rounds of questions that a server may ask for a password.
const QUESTIONS: usize = 5;

/// A connection that may read the directory.
pub struct Session {
    handle: Handle<Guard>,
    sftp: SftpSession,
}

/// Lets only a pinned key pass, and remembers what else was offered.
struct Guard {
    pins: Arc<[Pin]>,
    offered: Arc<Mutex<Vec<String>>>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        // Certificates are not asked for: the key in one would have to be vouched for by a pinned authority.
        let PublicKeyOrCertificate::PublicKey { key, .. } = offered else {
            return Ok(false);
        };
        let passes = self.pins.iter().any(|pin| pin.is(key));
        if !passes {
            let mut others = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
            let told = shown(key);
            if !others.contains(&told) {
                others.push(told);
            }
        }
        Ok(passes)
    }
}

impl Session {
    /// Connects, and lets the user in.
    ///
    /// # Errors
    /// The server cannot be reached, shows another key, or refuses the user.
    pub async fn open(pull: &Sftp) -> Result<Self, Fault> {
        let mut handle = connect(pull).await?;
        let within = tokio::time::timeout(PATIENCE, log_in(&mut handle, pull)).await;
        within.unwrap_or_else(|_| {
            Err(Fault::new(
                Reason::Login,
                "the server does not answer the login within 30 s",
            ))
        })?;
        let opened = tokio::time::timeout(PATIENCE, subsystem(&handle)).await;
        let sftp = opened.unwrap_or_else(|_| Err(Fault::new(Reason::Unreachable, "SFTP is not opened within 30 s")))?;
        Ok(Self { handle, sftp })
    }

    /// The files in the pull's directory; links are followed.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub async fn list(&self, pull: &Sftp) -> Result<Vec<Remote>, Fault> {
        let of_directory = |error: russh_sftp::client::error::Error| {
            Fault::of_sftp(
                &error,
                Reason::Directory,
                &format!("the directory {:?} cannot be read", pull.directory),
            )
        };
        let listing = tokio::time::timeout(PATIENCE, self.sftp.read_dir(pull.directory.as_str())).await;
        let slow = || {
            Fault::new(
                Reason::Directory,
                format!("the directory {:?} is not listed within 30 s", pull.directory),
            )
        };
        let mut files = Vec::new();
        for entry in listing.map_err(|_| slow())?.map_err(of_directory)? {
            let name = entry.file_name();
            let mut metadata = entry.metadata();
            if metadata.is_symlink() {
                match self.sftp.metadata(pull.path(&name)).await {
                    Ok(target) => metadata = target,
                    Err(_) => continue,
                }
            }
            // Some servers tell no kind.
            if metadata.permissions.is_none() || metadata.is_regular() {
                files.push(remote(name, &metadata));
            }
        }
        Ok(files)
    }

    /// Opens a file for reading, from this offset on; gives what it looks like now as well.
    ///
    /// # Errors
    /// It cannot be opened; `None` where it is gone.
    pub async fn read_from(&self, path: &str, name: &str, offset: u64) -> Result<Option<(File, Remote)>, Fault> {
        let failed = |error: &russh_sftp::client::error::Error| {
            Fault::of_sftp(error, Reason::Transfer, &format!("{path:?} cannot be opened"))
        };
        let mut file = match self.sftp.open(path).await {
            Ok(file) => file,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let metadata = file.metadata().await.map_err(|error| failed(&error))?;
        let sought = tokio::io::AsyncSeekExt::seek(&mut file, std::io::SeekFrom::Start(offset)).await;
        sought.map_err(|error| Fault::new(Reason::Transfer, format!("{path:?}: {error}")))?;
        Ok(Some((file, remote(name.to_owned(), &metadata))))
    }

    /// What a file looks like now; `None` where it is gone.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn look_at(&self, path: &str, name: &str) -> Result<Option<Remote>, Fault> {
        match self.sftp.metadata(path).await {
            Ok(metadata) => Ok(Some(remote(name.to_owned(), &metadata))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Fault::of_sftp(
                &error,
                Reason::Transfer,
                &format!("{path:?} cannot be looked at"),
            )),
        }
    }

    /// Removes a file; one that is gone is removed.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn remove(&self, path: &str) -> Result<(), Fault> {
        match self.sftp.remove_file(path).await {
            Err(error) if !is_gone(&error) => Err(Fault::of_sftp(
                &error,
                Reason::After,
                &format!("{path:?} cannot be removed"),
            )),
            _ => Ok(()),
        }
    }

    /// Moves a file into a directory, made where it is missing. A name that is there already gets a number.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn move_to(&self, path: &str, directory: &str, name: &str) -> Result<(), Fault> {
        let refused = |error: &russh_sftp::client::error::Error| {
            Fault::of_sftp(
                error,
                Reason::After,
                &format!("{path:?} cannot be moved to {directory:?}"),
            )
        };
        if !self.sftp.try_exists(directory).await.map_err(|error| refused(&error))? {
            self.sftp.create_dir(directory).await.map_err(|error| refused(&error))?;
        }
        let mut target = format!("{}/{name}", directory.trim_end_matches('/'));
        let mut number = 1_u32;
        while self
            .sftp
            .try_exists(target.as_str())
            .await
            .map_err(|error| refused(&error))?
        {
            number = number.saturating_add(1);
            target = format!("{}/{name}.{number}", directory.trim_end_matches('/'));
        }
        self.sftp.rename(path, target).await.map_err(|error| refused(&error))
    }

    /// Says goodbye.
    pub async fn close(self) {
        // A server that does not listen any more is left as well.
        let _ = self.sftp.close().await;
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

fn remote(name: String, metadata: &Metadata) -> Remote {
    Remote {
        modified_at: metadata.mtime.map_or(0, i64::from),
        name,
        size_bytes: i64::try_from(metadata.size.unwrap_or(0)).unwrap_or(i64::MAX),
    }
}

fn is_gone(error: &russh_sftp::client::error::Error) -> bool {
    use russh_sftp::client::error::Error;
    matches!(error, Error::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

/// The algorithms of host keys to ask for, one list after the other: that of the pinned keys, then whatever the server has, so
/// that it can be named; a fingerprint does not say of which kind its key is.
fn asked_for(pins: &[Pin]) -> Vec<Vec<Algorithm>> {
    let ecdsa = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
    let ecdsa: Vec<Algorithm> = ecdsa.map(|curve| Algorithm::Ecdsa { curve }).into();
    let all = [vec![Algorithm::Ed25519], ecdsa.clone(), RSA.to_vec()].concat();
    let known: Option<Vec<Vec<Algorithm>>> = pins.iter().map(Pin::algorithms).collect();
    match known {
        Some(lists) => vec![lists.concat(), all],
        None => vec![all, ecdsa, RSA.to_vec()],
    }
}

async fn connect(pull: &Sftp) -> Result<Handle<Guard>, Fault> {
    let pins: Result<Vec<Pin>, String> = pull.host_keys.iter().map(|text| Pin::parse(text)).collect();
    let pins: Arc<[Pin]> = pins.map_err(|why| Fault::new(Reason::HostKey, why))?.into();
    let offered = Arc::new(Mutex::new(Vec::new()));
    let mut no_such_key = None;
    for algorithms in asked_for(&pins) {
        let guard = Guard {
            pins: Arc::clone(&pins),
            offered: Arc::clone(&offered),
        };
        let config = client::Config {
            preferred: Preferred {
                key: Cow::Owned(algorithms),
                ..Preferred::DEFAULT
            },
            keepalive_interval: Some(KEEPALIVE),
            nodelay: true,
            ..client::Config::default()
        };
        let connecting = client::connect(Arc::new(config), (pull.host.as_str(), pull.port), guard);
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(Ok(handle)) => return Ok(handle),
            Ok(Err(russh::Error::UnknownKey)) => {}
            Ok(Err(russh::Error::NoCommonAlgo {
                kind: AlgorithmKind::Key,
                theirs,
                ..
            })) => no_such_key = Some(theirs.join(", ")),
            Ok(Err(error)) => return Err(Fault::new(Reason::Unreachable, format!("no connection: {error}"))),
            Err(_) => return Err(Fault::new(Reason::Unreachable, "no connection within 30 s")),
        }
    }
    let mut offered = offered.lock().unwrap_or_else(PoisonError::into_inner).join(" and ");
    if offered.is_empty() {
        offered = format!("keys of the kinds {}", no_such_key.unwrap_or_default());
    }
    Err(wrong_key(pull, &offered))
}

fn wrong_key(pull: &Sftp, offered: &str) -> Fault {
    Fault::new(
        Reason::HostKey,
        format!(
            "the server {}:{} is not the one that is pinned: it offers {offered}. Nothing was read, no password was sent. Ask the \
             bank whether its key changed; if it says so, put the new key into host_keys of [[ingestion.sftp]] {:?}",
            pull.host, pull.port, pull.name
        ),
    )
}

async fn log_in(handle: &mut Handle<Guard>, pull: &Sftp) -> Result<(), Fault> {
    let lost = |error: russh::Error| {
        Fault::new(
            Reason::Unreachable,
            format!("the connection ended at the login: {error}"),
        )
    };
    let mut remaining = String::new();
    if let Some(file) = &pull.key_file {
        let answer = by_key(handle, pull, file).await?;
        match told(answer, &mut remaining) {
            true => return Ok(()),
            false if handle.is_closed() => return Err(closed()),
            false => {}
        }
    }
    if let Some(file) = &pull.password_file {
        let password = load_secret("password_file", file).map_err(|why| Fault::new(Reason::Login, why))?;
        let answer = handle
            .authenticate_password(pull.user.as_str(), password.as_str())
            .await
            .map_err(lost)?;
        let asks = matches!(&answer, AuthResult::Failure { remaining_methods, .. } if remaining_methods.contains(&MethodKind::KeyboardInteractive));
        if told(answer, &mut remaining) || (asks && by_questions(handle, &pull.user, &password).await.map_err(lost)?) {
            return Ok(());
        }
        if handle.is_closed() {
            return Err(closed());
        }
    }
    let with = match (&pull.key_file, &pull.password_file) {
        (Some(_), Some(_)) => "key_file and password_file",
        (Some(_), None) => "key_file",
        _ => "password_file",
    };
    Err(Fault::new(
        Reason::Login,
        format!(
            "the server refuses the user {:?} with {with}; it would take: {remaining}",
            pull.user
        ),
    ))
}

fn closed() -> Fault {
    Fault::new(Reason::Unreachable, "the server closed the connection at the login")
}

fn told(answer: AuthResult, remaining: &mut String) -> bool {
    match answer {
        AuthResult::Success => true,
        AuthResult::Failure { remaining_methods, .. } => {
            let methods: Vec<&str> = remaining_methods.iter().map(Into::into).collect();
            *remaining = methods.join(", ");
            false
        }
    }
}

async fn by_key(handle: &mut Handle<Guard>, pull: &Sftp, file: &Path) -> Result<AuthResult, Fault> {
    let key = load_key(file, pull.key_passphrase_file.as_deref()).map_err(|why| Fault::new(Reason::Login, why))?;
    let lost = |error: russh::Error| {
        Fault::new(
            Reason::Unreachable,
            format!("the connection ended at the login: {error}"),
        )
    };
    let hash = if key.algorithm().is_rsa() {
        let best = handle.best_supported_rsa_hash().await.map_err(lost)?;
        // A server that does not say takes SHA-2 since 2018; SHA-1 is not offered.
        best.flatten().or(Some(russh::keys::HashAlg::Sha256))
    } else {
        None
    };
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    handle
        .authenticate_publickey(pull.user.as_str(), key)
        .await
        .map_err(lost)
}

/// Servers that ask for the password as a question.
async fn by_questions(handle: &mut Handle<Guard>, user: &str, password: &str) -> Result<bool, russh::Error> {
    let mut answer = handle.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..QUESTIONS {
        match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|_| password.to_owned()).collect();
                answer = handle.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    Ok(matches!(answer, KeyboardInteractiveAuthResponse::Success))
}

async fn subsystem(handle: &Handle<Guard>) -> Result<SftpSession, Fault> {
    let refused = |error: russh::Error| Fault::new(Reason::Unreachable, format!("the server opens no SFTP: {error}"));
    let channel = handle.channel_open_session().await.map_err(refused)?;
    channel.request_subsystem(true, "sftp").await.map_err(refused)?;
    let config = SftpConfig {
        max_concurrent_reads: PIECES,
        request_timeout_secs: ANSWER_SECONDS,
        ..SftpConfig::default()
    };
    SftpSession::new_with_config(channel.into_stream(), config)
        .await
        .map_err(|error| Fault::new(Reason::Unreachable, format!("the server speaks no SFTP: {error}")))
}
