//! Settings of ingestion.

pub mod sftp;
pub mod source;

use std::path::PathBuf;

use runtime::Secret;
use serde::{Deserialize, Serialize};

use crate::domain::entry::SettlementRule;
use crate::payu::Algorithm;
pub use sftp::{After, Sftp};
pub use source::{MapSetting, Source};

/// Settings of ingestion. Every one has a default; without merchants no webhook is open.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest statement file, in bytes; larger ones get 413.
    pub statement_limit_bytes: u64,
    /// Files up to this size are proved while the sender waits, so that a refusal is told at once.
    pub prove_inline_bytes: u64,
    /// Largest webhook body, in bytes.
    pub webhook_limit_bytes: usize,
    /// Entries that one transaction books.
    pub chunk_entries: usize,
    /// How often an item is tried before it is quarantined.
    pub max_attempts: i32,
    /// Folders that are watched for statement files.
    pub folders: Vec<Folder>,
    /// Directories on banks' servers from which statement files are pulled.
    pub sftp: Vec<Sftp>,
    /// How the files of a bank account, or of a report, are read.
    pub sources: Vec<Source>,
    /// PayU LatAm merchants whose confirmations are taken.
    pub payu_latam: Vec<PayuMerchant>,
    /// How to know a provider's netted payout in a bank statement.
    pub settlement: Settlement,
    /// Key of the keyed hash under which payers' accounts are remembered. Empty: no payer is remembered.
    pub payer_key: Secret,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            statement_limit_bytes: crate::formats::MAX_FILE,
            prove_inline_bytes: 16 * 1024 * 1024,
            webhook_limit_bytes: 64 * 1024,
            chunk_entries: 2_000,
            max_attempts: 5,
            folders: Vec::new(),
            sftp: Vec::new(),
            sources: Vec::new(),
            payu_latam: Vec::new(),
            settlement: Settlement::default(),
            payer_key: Secret::default(),
        }
    }
}

/// A folder that is watched. What was read moves to `done/` below it, what was refused to `refused/` with the reason beside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Where files appear, by atomic rename or by growing; names that begin with a dot or end in `.part`, `.tmp` or
    /// `.filepart` are passed over.
    pub path: PathBuf,
    /// How often it is looked at; a file is taken when its size and time stand still between two looks.
    #[serde(default = "default_poll_millis")]
    pub poll_millis: u64,
    /// Name of the source whose files appear there; without it, the content tells.
    #[serde(default)]
    pub source: Option<String>,
}

const fn default_poll_millis() -> u64 {
    2_000
}

/// A merchant of PayU LatAm.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayuMerchant {
    /// As PayU writes it, also the last part of the webhook's path.
    pub merchant_id: String,
    /// How confirmations are signed; as set in PayU's panel, never the sender's choice.
    pub algorithm: Algorithm,
    /// The API key, first part of what is signed.
    pub api_key: Secret,
    /// The secret key, for `hmac-sha256` alone.
    #[serde(default)]
    pub hmac_secret: Secret,
    /// Whether transactions of PayU's test mode are booked. They are no money.
    #[serde(default)]
    pub books_test_transactions: bool,
}

/// How to know a provider's payout of money that was counted when each payment was confirmed. Case and separators do not
/// count.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settlement {
    /// Parts of the payer's name.
    pub payer_names: Vec<String>,
    /// Accounts of the payer.
    pub payer_accounts: Vec<String>,
    /// Parts of the remittance text.
    pub texts: Vec<String>,
}

impl Default for Settlement {
    fn default() -> Self {
        Self {
            payer_names: vec!["PAYU".to_owned()],
            payer_accounts: Vec::new(),
            texts: Vec::new(),
        }
    }
}

impl Config {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// A sentence per contradiction; an empty secret among them: a webhook with one would accept anybody's signature.
    pub fn check(&self) -> anyhow::Result<()> {
        for merchant in &self.payu_latam {
            let id = &merchant.merchant_id;
            anyhow::ensure!(!id.is_empty(), "payu_latam: a merchant has no merchant_id");
            anyhow::ensure!(!merchant.api_key.is_empty(), "payu_latam {id}: api_key is empty");
            let needs_secret = merchant.algorithm == Algorithm::HmacSha256;
            anyhow::ensure!(
                !needs_secret || !merchant.hmac_secret.is_empty(),
                "payu_latam {id}: hmac_secret is empty"
            );
            let same = self.payu_latam.iter().filter(|other| other.merchant_id == *id).count();
            anyhow::ensure!(same == 1, "payu_latam {id} is there {same} times");
        }
        self.check_sources()?;
        self.check_pulls()?;
        anyhow::ensure!(self.chunk_entries > 0, "chunk_entries must be at least 1");
        anyhow::ensure!(self.max_attempts > 0, "max_attempts must be at least 1");
        Ok(())
    }

    fn check_sources(&self) -> anyhow::Result<()> {
        for source in &self.sources {
            let name = &source.name;
            if let Err(faults) = source.settings() {
                anyhow::bail!("sources {name:?}: {}", faults.join("; "));
            }
            let same = self.sources.iter().filter(|other| other.name == *name).count();
            anyhow::ensure!(same == 1, "sources {name:?} is there {same} times");
            // Several tables may tell of one account; of what names it itself there can be one rule.
            let of_account = |other: &&Source| other.map.is_none() && other.is_of(&source.account);
            let same = self.sources.iter().filter(of_account).count();
            anyhow::ensure!(
                source.map.is_some() || same <= 1,
                "sources {name:?}: {same} sources without a map are of its account"
            );
        }
        for folder in &self.folders {
            let known = |name: &String| self.sources.iter().any(|source| source.name == *name);
            let path = folder.path.display();
            anyhow::ensure!(
                folder.source.as_ref().is_none_or(known),
                "folders {path}: its source is not one of the sources"
            );
        }
        Ok(())
    }

    fn check_pulls(&self) -> anyhow::Result<()> {
        for pull in &self.sftp {
            let name = &pull.name;
            let faults = pull.faults();
            anyhow::ensure!(faults.is_empty(), "sftp {name:?}: {}", faults.join("; "));
            let same = self.sftp.iter().filter(|other| other.name == *name).count();
            anyhow::ensure!(same == 1, "sftp {name:?} is there {same} times");
            anyhow::ensure!(
                pull.source
                    .as_deref()
                    .is_none_or(|source| self.source(source).is_some()),
                "sftp {name:?}: its source is not one of the sources"
            );
        }
        Ok(())
    }

    /// The source with this name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The merchant with this id.
    #[must_use]
    pub fn payu_merchant(&self, merchant_id: &str) -> Option<&PayuMerchant> {
        self.payu_latam
            .iter()
            .find(|merchant| merchant.merchant_id == merchant_id)
    }

    /// The rule for payouts.
    #[must_use]
    pub fn settlement_rule(&self) -> SettlementRule {
        let Settlement {
            payer_names,
            payer_accounts,
            texts,
        } = &self.settlement;
        SettlementRule::new(payer_names, payer_accounts, texts)
    }
}
