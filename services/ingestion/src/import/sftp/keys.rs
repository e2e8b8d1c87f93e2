//! Keys: those that a server may have, and the one that the user has.

use std::path::Path;

use russh::keys::ssh_key::Fingerprint;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};

/// The largest file that is read as a secret.
const SECRET_MAX: u64 = 64 * 1024;

/// A key that a server may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Pin {
    /// The key itself.
    Key(Box<PublicKey>),
    /// Its fingerprint.
    Fingerprint(Fingerprint),
}

impl Pin {
    /// Reads `ssh-ed25519 AAAA…` (a host's name before it, as `ssh-keyscan` writes, is passed over) or `SHA256:…`.
    ///
    /// # Errors
    /// A sentence that begins with the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let pin = match *words.as_slice() {
            [fingerprint] if fingerprint.starts_with("SHA256:") => fingerprint.parse().ok().map(Self::Fingerprint),
            [kind, key] => public(kind, key),
            [first, second, third, ..] => public(first, second).or_else(|| public(second, third)),
            _ => None,
        };
        pin.ok_or_else(|| {
            format!(
                "host_keys: {text:?} is neither a public key (\"ssh-ed25519 AAAA…\") nor a fingerprint (\"SHA256:…\")"
            )
        })
    }

    /// Whether this is the key.
    #[must_use]
    pub fn is(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(pinned) => pinned.key_data() == key.key_data(),
            Self::Fingerprint(pinned) => key.fingerprint(pinned.algorithm()) == *pinned,
        }
    }

    /// The algorithms under which a server may show it; `None` where a fingerprint does not tell.
    #[must_use]
    pub fn algorithms(&self) -> Option<Vec<Algorithm>> {
        match self {
            Self::Key(pinned) if pinned.algorithm().is_rsa() => Some(RSA.to_vec()),
            Self::Key(pinned) => Some(vec![pinned.algorithm()]),
            Self::Fingerprint(_) => None,
        }
    }
}

/// RSA without SHA-1.
pub const RSA: [Algorithm; 2] = [
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

fn public(kind: &str, key: &str) -> Option<Pin> {
    let key = PublicKey::from_openssh(&format!("{kind} {key}")).ok()?;
    Some(Pin::Key(Box::new(key)))
}

/// A key as a person compares it: its kind, its fingerprint, and itself for the setting.
#[must_use]
pub fn shown(key: &PublicKey) -> String {
    let plain = PublicKey::from(key.key_data().clone());
    let itself = plain.to_openssh().unwrap_or_default();
    format!("{} ({itself})", plain.fingerprint(HashAlg::Sha256))
}

/// The text in a file, without the line break at its end.
///
/// # Errors
/// A sentence that begins with the setting's name; never the content.
pub fn load_secret(setting: &str, path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    if size.as_ref().is_ok_and(|size| *size > SECRET_MAX) {
        return Err(format!("{setting}: {shown} is larger than any secret"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{setting}: {shown}: {error}"))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(format!("{setting}: {shown} is empty"));
    }
    Ok(text.to_owned())
}

/// The private key in a file.
///
/// # Errors
/// A sentence that begins with `key_file` or `key_passphrase_file`.
pub fn load_key(path: &Path, passphrase: Option<&Path>) -> Result<PrivateKey, String> {
    let text = load_secret("key_file", path)?;
    let passphrase = passphrase
        .map(|path| load_secret("key_passphrase_file", path))
        .transpose()?;
    // The library's words may quote what it read.
    russh::keys::decode_secret_key(&format!("{text}\n"), passphrase.as_deref()).map_err(|_| {
        let how = match passphrase {
            Some(_) => "or not with this pass phrase",
            None => "or only with a pass phrase (key_passphrase_file)",
        };
        format!("key_file: {} is no private key that can be read, {how}", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK2pr+Bfus1hvPof4Wb/plZCzSbqadHH0u+/f4ODtKnE";

    #[test]
    fn a_pin_is_its_key_and_no_other() {
        let (key, other) = (
            PublicKey::from_openssh(KEY).unwrap(),
            PublicKey::from_openssh(OTHER).unwrap(),
        );
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        for text in [
            KEY,
            &format!("{KEY} of the bank, 2026"),
            &format!("[sftp.example]:2222 {KEY}"),
            &format!("  {fingerprint} "),
        ] {
            let pin = Pin::parse(text).unwrap();
            assert!(pin.is(&key) && !pin.is(&other), "{text}");
        }
        for text in [
            "",
            "SHA256:",
            "SHA256:AAAA",
            "MD5:aa:bb",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "AAAA BBBB CCCC",
        ] {
            assert!(Pin::parse(text).unwrap_err().starts_with("host_keys: "), "{text}");
        }
        let told = shown(&key);
        assert!(told.starts_with(&fingerprint) && told.contains(KEY), "{told}");
    }
}
