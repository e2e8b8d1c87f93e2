//! The file of hashed tokens.

use std::collections::HashSet;
use std::path::Path;

use kernel::{BusinessDate, Currency};
use serde::{Deserialize, Serialize};

use super::{Caller, Known};

/// The largest amount of one kind of decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// `refund`, `write_off` … as the service names the decision.
    pub kind: String,
    /// ISO 4217 code.
    pub currency: String,
    /// In minor units of the currency.
    pub amount_minor: i64,
}

/// What is wrong with the file of tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tokens file {file}: {problem}")]
pub struct TokenFileError {
    file: String,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sha256: String,
    subject: String,
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    creditors: Vec<String>,
    #[serde(default)]
    limits: Vec<Limit>,
    expires_on: Option<BusinessDate>,
}

pub(super) fn read(path: &Path) -> Result<Vec<Known>, TokenFileError> {
    let wrong = |problem: String| TokenFileError {
        file: path.display().to_string(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Vec<Known>, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let upto = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("line {}: {}", upto.matches('\n').count() + 1, error.message())
    })?;
    let mut hashes = HashSet::new();
    file.token.into_iter().map(|entry| entry.check(&mut hashes)).collect()
}

impl Entry {
    fn check(self, hashes: &mut HashSet<[u8; 32]>) -> Result<Known, String> {
        let subject = self.subject.trim().to_owned();
        if subject.is_empty() || subject == "system" {
            return Err(format!(
                "subject \"{subject}\": must be there and not be \"system\", which is Incasso itself"
            ));
        }
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&self.sha256, &mut sha256)
            .map_err(|_| format!("{subject}: sha256 must be 64 hexadecimal digits (printf %s TOKEN | sha256sum)"))?;
        if !hashes.insert(sha256) {
            return Err(format!("{subject}: the same token is there twice"));
        }
        for limit in &self.limits {
            Currency::parse(&limit.currency).map_err(|error| format!("{subject}: limit {}: {error}", limit.kind))?;
            if limit.amount_minor < 0 {
                return Err(format!("{subject}: limit {}: amount_minor is negative", limit.kind));
            }
        }
        let caller = Caller {
            subject,
            name: self.name,
            roles: self.roles,
            creditors: self.creditors,
            limits: self.limits,
        };
        Ok(Known {
            sha256,
            expires_on: self.expires_on,
            caller,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn entry(hash: &str, more: &str) -> String {
        format!("[[token]]\nsha256 = \"{hash}\"\nsubject = \"erp\"\nname = \"ERP\"\n{more}\n")
    }

    #[test]
    fn what_a_file_says() {
        let limits = "limits = [{ kind = \"refund\", currency = \"RON\", amount_minor = 50_000 }]";
        let more = format!("roles = [\"clerk\"]\ncreditors = [\"*\"]\nexpires_on = \"2027-06-30\"\n{limits}");
        let known = parse(&entry(HASH, &more)).unwrap().remove(0);
        assert_eq!(hex::encode(known.sha256), HASH);
        assert_eq!(known.expires_on, Some(BusinessDate::parse("2027-06-30").unwrap()));
        assert_eq!(known.caller.limit_minor("refund", "RON"), Some(50_000));
        assert_eq!(known.caller.limit_minor("refund", "EUR"), None);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn what_is_refused() {
        for (text, problem) in [
            (
                entry("abc", ""),
                "erp: sha256 must be 64 hexadecimal digits (printf %s TOKEN | sha256sum)",
            ),
            (entry(HASH, "") + &entry(HASH, ""), "erp: the same token is there twice"),
            (
                entry(HASH, "").replace("\"erp\"", "\"system\""),
                "subject \"system\": must be there and not be \"system\", which is Incasso itself",
            ),
            (
                entry(HASH, "role = [\"x\"]"),
                "line 5: unknown field `role`, expected one of `sha256`, `subject`, `name`, `roles`, `creditors`, `limits`, `expires_on`",
            ),
            (
                entry(
                    HASH,
                    "limits = [{ kind = \"refund\", currency = \"RON\", amount_minor = -1 }]",
                ),
                "erp: limit refund: amount_minor is negative",
            ),
        ] {
            assert_eq!(parse(&text).err().unwrap(), problem);
        }
        assert!(parse(&entry(HASH, "expires_on = \"2027-02-30\"")).is_err());
        assert!(
            parse(&entry(
                HASH,
                "limits = [{ kind = \"refund\", currency = \"XYZ1\", amount_minor = 1 }]"
            ))
            .is_err()
        );
    }
}
