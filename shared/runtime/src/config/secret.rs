//! Values that are never printed.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use subtle::ConstantTimeEq;

const MASK: &str = "***";

/// A password, key or connection string. `Debug` and `Serialize` show `***`.
///
/// In a file or the environment it is the text itself, or a file that holds it (one trailing line break is cut):
///
/// ```toml
/// url = "postgres://…"                       # INCASSO__DATABASE__URL
/// url = { file = "/run/secrets/database" }   # INCASSO__DATABASE__URL__FILE
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// A secret known to the program: tests, the demo's own database.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one call that needs it. Never log it, never put it into an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn from_file(path: &str) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("cannot read the secret file {path}: {error}"))?;
        let text = text
            .strip_suffix('\n')
            .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        if text.is_empty() {
            return Err(format!("the secret file {path} is empty"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "(none)" } else { MASK })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { MASK })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret text or { file = \"path\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        if text == MASK {
            return Err(E::custom("this is the mask of a printed secret, not the secret"));
        }
        Ok(Secret::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let mut secret = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "file" {
                return Err(de::Error::unknown_field(&key, &["file"]));
            }
            let path = map.next_value::<String>()?;
            secret = Some(Secret::from_file(&path).map_err(de::Error::custom)?);
        }
        secret.ok_or_else(|| de::Error::missing_field("file"))
    }

    // A number would be quoted in the usual error; a secret must not be.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(E::custom("expected a secret text: put it in quotes"))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(E::custom("expected a secret text: put it in quotes"))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Err(E::custom("expected a secret text: put it in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_json_shows_it() {
        let secret = Secret::new("CANARY-7f3");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(format!("{:?}", Secret::default()), "(none)");
        assert_eq!(secret, Secret::new("CANARY-7f3"));
        assert_ne!(secret, Secret::new("CANARY-7f4"));
    }

    #[test]
    fn a_file_gives_the_secret_without_its_line_break() {
        let path = std::env::temp_dir().join(format!("incasso-secret-{}", crate::clock::nonce()));
        std::fs::write(&path, "pa ss\r\n").unwrap();
        let json = serde_json::json!({ "file": path });
        assert_eq!(
            serde_json::from_value::<Secret>(json.clone()).unwrap().expose(),
            "pa ss"
        );
        std::fs::write(&path, "\n").unwrap();
        assert!(
            serde_json::from_value::<Secret>(json)
                .unwrap_err()
                .to_string()
                .ends_with("is empty")
        );
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn wrong_forms_are_refused_without_being_quoted() {
        for (json, error) in [
            ("12345", "expected a secret text: put it in quotes"),
            ("true", "expected a secret text: put it in quotes"),
            ("\"***\"", "this is the mask of a printed secret, not the secret"),
            ("{}", "missing field `file`"),
            ("{\"path\": \"x\"}", "unknown field `path`, expected `file`"),
            (
                "{\"file\": \"/nowhere/x\"}",
                "cannot read the secret file /nowhere/x: No such file or directory (os error 2)",
            ),
        ] {
            let got = serde_json::from_str::<Secret>(json).unwrap_err().to_string();
            assert!(got.starts_with(error), "{json}: {got}");
        }
    }
}
