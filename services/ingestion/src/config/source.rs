//! Sources: how the files of one bank account, or one report, are read.

use std::path::PathBuf;
use std::sync::Arc;

use kernel::{Currency, Iban};
use serde::{Deserialize, Serialize};

use crate::domain::tokens::normalise;
use crate::formats::{
    CbiSettings, Charset, ConceptLayout, FileEnd, Map, Pattern, RecordSettings, Reversals, Settings, Slice, Totals,
};

/// Characters of Asobancaria's user reference.
const REFERENCE: usize = 48;

/// One source (`[[ingestion.sources]]`). Files of its account are read by it without being told; tables by the map that
/// fits them. Folders and uploads may name it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// Its name: small letters, digits, hyphens.
    pub name: String,
    /// IBAN or number of the creditor's bank account, as registered with the creditor.
    pub account: String,
    /// The account as its files write it, where that is not `account`: it is put in its place.
    pub written_as: Option<String>,
    /// Name of the dialect to take, instead of the one that the content suggests (camt, MT940).
    pub dialect: Option<String>,
    /// Sign rule: what the direction of an entry marked as a reversal is.
    pub reversals: Reversals,
    /// Patterns of the creditor's own references in free texts: `#` is a digit, `@` a letter, `*` either.
    pub reference_patterns: Vec<String>,
    /// Encoding of lines that are not UTF-8: `windows-1252`, `cp850`, `windows-1250`, …
    /// Without it, whichever of Western Europe makes more letters of them.
    pub encoding: Option<String>,
    /// Whether a Norma 43 file without its record 88, or a CBI file without EF, may be booked.
    pub file_end: FileEnd,
    /// Currency of formats that name none (Asobancaria: COP).
    pub currency: Option<String>,
    /// Norma 43: what the records 23 hold. Banks mix both ways, so that it is never guessed.
    pub concepts: ConceptLayout,
    /// Asobancaria: what returned collections add to totals. UNVERIFIED: the association's text could not be had.
    pub totals: Totals,
    /// Asobancaria: means of payment that are money only once they are cleared; `02`, a cheque, unless set.
    pub conditional_means: Option<Vec<String>>,
    /// Asobancaria: the parts of the 48 characters of the user's reference, by agreement (service code).
    pub slices: Vec<Slice>,
    /// CBI RH: what is not sure of its positions.
    pub cbi: CbiSettings,
    /// The column map of its tables: a TOML file, or the map itself.
    pub map: Option<MapSetting>,
}

/// A column map, or where it lies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MapSetting {
    /// A TOML file, read when it is needed.
    File(PathBuf),
    /// Written in its place.
    Inline(Box<Map>),
}

impl MapSetting {
    /// The map, checked.
    ///
    /// # Errors
    /// One sentence per fault.
    pub fn load(&self) -> Result<Map, Vec<String>> {
        let map = match self {
            Self::Inline(map) => (**map).clone(),
            Self::File(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{shown}: {error}")])?;
                let mut map: Map = toml::from_str(&text)
                    .map_err(|error| vec![format!("{shown}: {}", error.to_string().trim_end())])?;
                if map.name.is_empty() {
                    map.name = path
                        .file_stem()
                        .map(|stem| stem.to_string_lossy().into_owned())
                        .unwrap_or_default();
                }
                map
            }
        };
        let faults = map.faults();
        if faults.is_empty() { Ok(map) } else { Err(faults) }
    }
}

impl Source {
    /// How its files are read.
    ///
    /// # Errors
    /// One sentence per wrong setting, beginning with its name.
    pub fn settings(&self) -> Result<Settings, Vec<String>> {
        let mut faults = self.faults();
        let map = match self.map.as_ref().map(MapSetting::load).transpose() {
            Ok(map) => map.map(|map| Arc::new(self.complete(map))),
            Err(of_map) => {
                faults.extend(of_map.into_iter().map(|fault| format!("map: {fault}")));
                None
            }
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        let defaults = RecordSettings::default();
        let currency = self.currency.as_deref().and_then(|code| Currency::parse(code).ok());
        Ok(Settings {
            dialect: self.dialect.clone(),
            reversals: self.reversals,
            records: RecordSettings {
                charset: self.encoding.as_deref().and_then(Charset::named),
                file_end: self.file_end,
                account: self.written_as.as_ref().map(|_| self.account.clone()),
                currency,
                concepts: self.concepts,
                totals: self.totals,
                conditional_means: self.conditional_means.clone().unwrap_or(defaults.conditional_means),
                slices: self.slices.clone(),
                cbi: self.cbi.clone(),
            },
            map,
            patterns: self
                .reference_patterns
                .iter()
                .filter_map(|text| Pattern::parse(text))
                .collect(),
        })
    }

    /// A map without name or account has the source's.
    fn complete(&self, mut map: Map) -> Map {
        if map.name.is_empty() {
            map.name.clone_from(&self.name);
        }
        map
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ensure = |holds: bool, what: String| {
            if !holds {
                faults.push(what);
            }
        };
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        ensure(
            !self.name.is_empty() && self.name.chars().all(plain),
            "name: small letters, digits and hyphens".to_owned(),
        );
        let looks_like_iban = {
            let mut letters = self.account.chars();
            letters.by_ref().take(2).all(|letter| letter.is_ascii_alphabetic())
                && letters.take(2).all(|letter| letter.is_ascii_digit())
                && self.account.len() > 14
        };
        ensure(!normalise(&self.account).is_empty(), "account: it is empty".to_owned());
        ensure(
            !looks_like_iban || Iban::parse(&self.account).is_ok(),
            format!("account: {:?} looks like an IBAN and is none", self.account),
        );
        ensure(
            self.encoding
                .as_deref()
                .is_none_or(|name| Charset::named(name).is_some()),
            format!("encoding: {}", Charset::NAMES),
        );
        ensure(
            self.currency
                .as_deref()
                .is_none_or(|code| Currency::parse(code).is_ok()),
            "currency: three capitals of ISO 4217".to_owned(),
        );
        for pattern in &self.reference_patterns {
            ensure(
                Pattern::parse(pattern).is_some(),
                format!("reference_patterns: {pattern:?} needs at least four of #, @ and *"),
            );
        }
        for means in self.conditional_means.iter().flatten() {
            ensure(
                means.len() == 2 && means.bytes().all(|byte| byte.is_ascii_digit()),
                format!("conditional_means: {means:?} is no code of two digits"),
            );
        }
        for slice in &self.slices {
            ensure(
                !slice.name.is_empty() && (1..=slice.to).contains(&slice.from) && slice.to <= REFERENCE,
                format!("slices: {:?} needs a name and 1 ≤ from ≤ to ≤ {REFERENCE}", slice.name),
            );
        }
        ensure(
            (41..=60).contains(&self.cbi.reference_at),
            "cbi.reference_at: from 41 to 60".to_owned(),
        );
        faults
    }

    /// Whether files that write this account are its own.
    #[must_use]
    pub fn is_of(&self, account: &str) -> bool {
        let own = self.written_as.as_deref().unwrap_or(&self.account);
        normalise(own) == normalise(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Source {
        Source {
            name: "bbva-es".into(),
            account: "ES60 0049 1500 0512 3456 7892".into(),
            ..Source::default()
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn wrong_settings_are_named() {
        assert!(good().settings().is_ok());
        let slice = Slice {
            name: "contract".into(),
            from: 5,
            to: 49,
            keep_zeros: false,
            agreement: None,
        };
        let cases: [(Source, &str); 9] = [
            (
                Source {
                    name: "BBVA".into(),
                    ..good()
                },
                "name",
            ),
            (
                Source {
                    account: String::new(),
                    ..good()
                },
                "account",
            ),
            (
                Source {
                    account: "ES61 0049 1500 0512 3456 7892".into(),
                    ..good()
                },
                "account",
            ),
            (
                Source {
                    encoding: Some("EBCDIC".into()),
                    ..good()
                },
                "encoding",
            ),
            (
                Source {
                    currency: Some("pesos".into()),
                    ..good()
                },
                "currency",
            ),
            (
                Source {
                    reference_patterns: vec!["F-#".into()],
                    ..good()
                },
                "reference_patterns",
            ),
            (
                Source {
                    conditional_means: Some(vec!["2".into()]),
                    ..good()
                },
                "conditional_means",
            ),
            (
                Source {
                    slices: vec![slice],
                    ..good()
                },
                "slices",
            ),
            (
                Source {
                    map: Some(MapSetting::File("/no/such/map.toml".into())),
                    ..good()
                },
                "map",
            ),
        ];
        for (source, setting) in cases {
            let faults = source.settings().unwrap_err();
            assert!(
                faults.len() == 1 && faults[0].starts_with(setting),
                "{setting}: {faults:?}"
            );
        }
        // A misspelt setting is named by the reader of the TOML.
        let misspelt = toml::from_str::<Source>("name = \"a\"\nacount = \"1\"\n").unwrap_err();
        assert!(misspelt.to_string().contains("acount"));
        assert!(good().is_of("ES6000491500051234567892") && !good().is_of("ES60"));
    }
}
