//! Who calls: bearer tokens, kept as SHA-256 hashes in a file.
//!
//! ```toml
//! [[token]]
//! sha256 = "…"                     # printf %s "$TOKEN" | sha256sum
//! subject = "erp-1"                # who acted, in every record of a decision
//! name = "ERP interface"
//! roles = ["integration"]
//! creditors = ["RO-ENERGY"]        # codes; ["*"] is all
//! expires_on = "2027-06-30"        # last day (UTC); may be left out
//! limits = [{ kind = "refund", currency = "RON", amount_minor = 50_000 }]
//! ```
//!
//! Tokens are random and long (32 bytes from `openssl rand -hex 32`), so a plain hash cannot be guessed back. The file is
//! read again within [`RELOAD`] of a change. While it is missing or wrong, nobody may call: a token that was taken out must
//! not live on because of a mistake beside it.

mod file;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use kernel::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use file::{Limit, TokenFileError};

use crate::config::TokensConfig;
use crate::{Context, Problem};

/// How long a change of the file may go unnoticed.
pub const RELOAD: Duration = Duration::from_secs(2);

/// Who calls, and what that token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who acted: recorded with every decision.
    pub subject: String,
    /// For people.
    pub name: String,
    /// `integration`, `clerk`, `lead` …; `*` is every role.
    pub roles: Vec<String>,
    /// Codes of the creditors it acts for; `*` is all.
    pub creditors: Vec<String>,
    /// Largest amounts by kind of decision and currency.
    pub limits: Vec<Limit>,
}

impl Caller {
    /// Incasso itself: timers, the watched folder, the demo.
    #[must_use]
    pub fn system() -> Self {
        let all = vec!["*".to_owned()];
        Self {
            subject: "system".into(),
            name: "Incasso".into(),
            roles: all.clone(),
            creditors: all,
            limits: Vec::new(),
        }
    }

    /// Whether it acts for this creditor.
    #[must_use]
    pub fn may_act_for(&self, creditor_code: &str) -> bool {
        self.creditors.iter().any(|code| code == "*" || code == creditor_code)
    }

    /// Whether it acts for every creditor.
    #[must_use]
    pub fn may_act_for_all(&self) -> bool {
        self.creditors.iter().any(|code| code == "*")
    }

    /// Whether it has this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == "*" || own == role)
    }

    /// 403 unless it acts for this creditor.
    ///
    /// # Errors
    /// The [`Problem`] to answer.
    pub fn require_creditor(&self, creditor_code: &str) -> Result<(), Problem> {
        let refuse = || Problem::forbidden(format!("this token does not act for creditor {creditor_code}"));
        if self.may_act_for(creditor_code) {
            Ok(())
        } else {
            Err(refuse())
        }
    }

    /// 403 unless it has this role.
    ///
    /// # Errors
    /// The [`Problem`] to answer.
    pub fn require_role(&self, role: &str) -> Result<(), Problem> {
        let refuse = || Problem::forbidden(format!("this token does not have the role {role}"));
        if self.has_role(role) { Ok(()) } else { Err(refuse()) }
    }

    /// The largest amount that it may decide; `None` where the file names no limit for this kind and currency.
    #[must_use]
    pub fn limit_minor(&self, kind: &str, currency: &str) -> Option<i64> {
        let limits = self
            .limits
            .iter()
            .filter(|limit| limit.kind == kind && limit.currency == currency);
        limits.map(|limit| limit.amount_minor).min()
    }
}

struct Known {
    sha256: [u8; 32],
    /// The last day on which it is good, in UTC.
    expires_on: Option<kernel::BusinessDate>,
    caller: Caller,
}

/// What told one state of the file from another.
type Stamp = (SystemTime, u64, u64);

/// The file of tokens; cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    known: Arc<[Known]>,
    stamp: Option<Stamp>,
    looked_at: Instant,
}

impl Tokens {
    /// Reads the file. One that is missing is said in the log and lets nobody in, until it comes.
    ///
    /// # Errors
    /// [`TokenFileError`] when the file is there and wrong: better not to start.
    pub fn open(config: &TokensConfig) -> Result<Self, TokenFileError> {
        let (known, stamp) = match &config.file {
            None => {
                tracing::warn!("tokens.file is not set: nobody may call a route that needs a token");
                (Vec::new(), None)
            }
            Some(path) => match stamp(path) {
                None => {
                    tracing::warn!(file = %path.display(), "the file of tokens is missing: nobody may call until it is there");
                    (Vec::new(), None)
                }
                stamp => (file::read(path)?, stamp),
            },
        };
        let state = State {
            known: known.into(),
            stamp,
            looked_at: Instant::now(),
        };
        Ok(Self(Arc::new(Inner {
            file: config.file.clone(),
            state: Mutex::new(state),
        })))
    }

    /// Nobody may call: tests of services without routes.
    #[must_use]
    pub fn none() -> Self {
        let state = State {
            known: Arc::new([]),
            stamp: None,
            looked_at: Instant::now(),
        };
        Self(Arc::new(Inner {
            file: None,
            state: Mutex::new(state),
        }))
    }

    /// How many tokens the file has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.current().len()
    }

    /// The caller with this token at `now`, if there is one. All hashes are compared, each in constant time.
    #[must_use]
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let sha256: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = self.current();
        let mut found = None;
        for candidate in known.iter() {
            if bool::from(candidate.sha256.ct_eq(&sha256)) {
                found = Some(candidate);
            }
        }
        let today = now.date_in(kernel::Tz::UTC);
        let good = found.filter(|known| known.expires_on.is_none_or(|last| today <= last));
        good.map(|known| known.caller.clone())
    }

    /// The tokens of the file as it is now, or was [`RELOAD`] ago. Looking costs one `stat`, and nothing between.
    fn current(&self) -> Arc<[Known]> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.0.file
            && state.looked_at.elapsed() >= RELOAD
        {
            state.looked_at = Instant::now();
            let stamp = stamp(path);
            if stamp != state.stamp {
                state.known = match stamp.map(|_| file::read(path)) {
                    Some(Ok(known)) => {
                        tracing::info!(tokens = known.len(), "the file of tokens was read again");
                        known.into()
                    }
                    Some(Err(error)) => {
                        tracing::error!(%error, "the file of tokens is wrong: nobody may call until it is mended");
                        Arc::new([])
                    }
                    None => {
                        tracing::error!("the file of tokens is gone: nobody may call until it is back");
                        Arc::new([])
                    }
                };
                state.stamp = stamp;
            }
        }
        Arc::clone(&state.known)
    }
}

fn stamp(path: &std::path::Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

/// The caller of a request: from the gate before token routes, or, on a public route that asks, from the header.
impl FromRequestParts<Context> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ctx: &Context) -> Result<Self, Problem> {
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => authenticate(parts, ctx),
        }
    }
}

/// Reads `Authorization: Bearer …` (RFC 6750).
pub(crate) fn authenticate(parts: &Parts, ctx: &Context) -> Result<Caller, Problem> {
    let header = parts
        .headers
        .get(AUTHORIZATION)
        .ok_or_else(|| Problem::unauthorized("a bearer token is needed"))?;
    let header = header.to_str().unwrap_or_default();
    let token = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| Problem::unauthorized("the scheme must be Bearer"))?;
    let caller = ctx.tokens().find(token.trim(), ctx.now());
    // The same words for unknown and expired: a guesser learns nothing.
    caller.ok_or_else(|| Problem::unauthorized("this token is not known or no longer good"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: &str, subject: &str, more: &str) -> String {
        let sha256 = hex::encode(Sha256::digest(token.as_bytes()));
        format!("[[token]]\nsha256 = \"{sha256}\"\nsubject = \"{subject}\"\nname = \"n\"\n{more}\n")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn only_a_known_token_that_is_still_good_has_a_caller() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        std::fs::write(
            &file,
            entry("t-1", "one", "expires_on = \"2026-06-30\"") + &entry("t-2", "two", ""),
        )
        .unwrap();
        let tokens = Tokens::open(&TokensConfig { file: Some(file) }).unwrap();
        let subject = |token, now| tokens.find(token, at(now)).map(|caller| caller.subject);
        assert_eq!(subject("t-1", "2026-06-30T23:59:59Z").as_deref(), Some("one"));
        assert_eq!(subject("t-1", "2026-07-01T00:00:00Z"), None);
        assert_eq!(subject("t-2", "2026-07-01T00:00:00Z").as_deref(), Some("two"));
        for wrong in ["", "t", "t-3", "T-1"] {
            assert_eq!(subject(wrong, "2026-01-01T00:00:00Z"), None);
        }
    }

    #[test]
    fn without_a_good_file_nobody_may_call() {
        let now = at("2026-01-01T00:00:00Z");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let config = TokensConfig {
            file: Some(file.clone()),
        };
        assert_eq!(Tokens::open(&TokensConfig::default()).unwrap().count(), 0);
        std::fs::write(&file, "[[token]]").unwrap();
        assert!(
            Tokens::open(&config)
                .err()
                .unwrap()
                .to_string()
                .contains("tokens.toml: line 1: missing field")
        );
        std::fs::remove_file(&file).unwrap();
        let tokens = Tokens::open(&config).unwrap();
        assert_eq!(tokens.find("t", now), None);
        let noticed = |text: Option<&str>, subject: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&file, text).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            std::thread::sleep(RELOAD + Duration::from_millis(50));
            assert_eq!(
                tokens.find("t", now).map(|caller| caller.subject).as_deref(),
                subject,
                "{text:?}"
            );
        };
        noticed(Some(&entry("t", "late", "")), Some("late"));
        noticed(Some("[[token]]"), None);
        noticed(Some(&entry("t", "mended", "")), Some("mended"));
        noticed(None, None);
    }

    #[test]
    fn what_a_caller_may() {
        let caller = Caller {
            subject: "s".into(),
            name: "n".into(),
            roles: vec!["clerk".into()],
            creditors: vec!["RO-ENERGY".into()],
            limits: Vec::new(),
        };
        assert!(caller.may_act_for("RO-ENERGY") && caller.has_role("clerk"));
        assert!(caller.require_creditor("RO-ENERGY").is_ok() && caller.require_role("clerk").is_ok());
        assert_eq!(caller.require_creditor("CO-PRESS").unwrap_err().status(), 403);
        assert_eq!(caller.require_role("lead").unwrap_err().status(), 403);
        assert!(!caller.may_act_for_all());
        let system = Caller::system();
        assert!(system.may_act_for("CO-PRESS") && system.may_act_for_all() && system.has_role("lead"));
    }
}
