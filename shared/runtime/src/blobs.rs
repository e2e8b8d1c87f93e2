//! Bytes of documents (raw feeds, letters, court annexes): written once, named by their SHA-256 (DESIGN 3).
//!
//! `sha256/ab/abcd…` in a folder, through `object_store`, so that S3 can take the folder's place. A `put` that returns is on
//! the disk: the file is synced, renamed into place, and its directory synced. The same bytes twice are one file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use crate::clock::nonce;
use crate::config::BlobConfig;

/// One read from a stream.
const PIECE: usize = 256 * 1024;

/// One part of an upload: above the 5 MiB that S3 asks for.
const PART: usize = 8 * 1024 * 1024;

/// Files that a crashed upload left behind are removed when they are older than any upload may last.
const LEFTOVER: Duration = Duration::from_secs(24 * 3_600);

/// A SHA-256 digest; its text is 64 lower-case hexadecimal digits.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Hex([u8; 32]);

/// The text is not a SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the 64 lower-case hexadecimal digits of a SHA-256")]
pub struct Sha256HexError;

impl Sha256Hex {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Its bytes, as tables keep it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Sha256Hex {
    type Err = Sha256HexError;

    fn from_str(text: &str) -> Result<Self, Sha256HexError> {
        let mut digest = [0; 32];
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Sha256HexError);
        }
        hex::decode_to_slice(text, &mut digest).map_err(|_| Sha256HexError)?;
        Ok(Self(digest))
    }
}

impl TryFrom<String> for Sha256Hex {
    type Error = Sha256HexError;

    fn try_from(text: String) -> Result<Self, Sha256HexError> {
        text.parse()
    }
}

impl From<Sha256Hex> for String {
    fn from(digest: Sha256Hex) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why bytes were not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// More bytes came than are taken: HTTP 413.
    #[error("larger than the {limit_bytes} bytes that are taken")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The sender broke off or sent nonsense: HTTP 400.
    #[error("the bytes could not be read: {0}")]
    Source(std::io::Error),
    /// The disk or the store failed: HTTP 503.
    #[error("the bytes could not be stored: {0}")]
    Store(#[from] object_store::Error),
    /// The disk failed at syncing: HTTP 503.
    #[error("the bytes could not be stored: {0}")]
    Disk(std::io::Error),
}

/// Why bytes were not given back.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// They were never stored here.
    #[error("no document {0}")]
    NotFound(Sha256Hex),
    /// They are not what was stored.
    #[error("document {0} is damaged: its bytes have another SHA-256")]
    Damaged(Sha256Hex),
    /// The disk or the store failed.
    #[error("the document could not be read: {0}")]
    Store(object_store::Error),
}

/// The store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    folder: PathBuf,
}

impl Blobs {
    /// Opens the folder, makes it where it is missing, and clears what crashed uploads left behind.
    ///
    /// # Errors
    /// When the folder cannot be made or used.
    pub fn open(config: &BlobConfig) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let name = config.folder.display();
        std::fs::create_dir_all(config.folder.join("staging"))
            .with_context(|| format!("blobs.folder: cannot make {name}"))?;
        let folder = config
            .folder
            .canonicalize()
            .with_context(|| format!("blobs.folder: cannot use {name}"))?;
        clear_leftovers(&folder.join("staging"));
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            folder,
        })
    }

    /// Stores bytes that are in memory. They are durable when this returns.
    ///
    /// # Errors
    /// [`PutError::Store`], [`PutError::Disk`].
    pub async fn put(&self, bytes: Bytes) -> Result<Sha256Hex, PutError> {
        let digest = Sha256Hex::of(&bytes);
        if !self.holds(&digest, size(&bytes)).await? {
            self.store.put(&key(&digest), PutPayload::from(bytes)).await?;
        }
        Ok(digest)
    }

    /// Stores a stream of at most `limit_bytes` in bounded memory; gives its digest and size. Durable when this returns; when
    /// it fails, or is dropped, nothing is kept.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn put_stream(
        &self,
        source: impl AsyncRead + Send,
        limit_bytes: u64,
    ) -> Result<(Sha256Hex, u64), PutError> {
        let staged = Key::from(format!("staging/{}", nonce()));
        let mut upload = self.store.put_multipart(&staged).await?;
        let (digest, size) = match copy(source, upload.as_mut(), limit_bytes).await {
            Ok(copied) => copied,
            Err(error) => {
                // What the store cannot take back now is cleared at the next start.
                let _ = upload.abort().await;
                return Err(error);
            }
        };
        if self.holds(&digest, size).await? {
            let _ = upload.abort().await;
        } else {
            upload.complete().await?;
            self.store.rename(&staged, &key(&digest)).await?;
        }
        Ok((digest, size))
    }

    /// Whether the bytes are there already, whole and durable: another writer may have renamed them into place a moment ago
    /// and not have synced the directory yet.
    async fn holds(&self, digest: &Sha256Hex, size: u64) -> Result<bool, PutError> {
        match self.store.head(&key(digest)).await {
            Ok(there) if there.size == size => {}
            Ok(_) | Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let path = self.path(digest);
        let synced = tokio::task::spawn_blocking(move || sync_with_directories(&path)).await;
        synced
            .map_err(std::io::Error::other)
            .and_then(|synced| synced)
            .map_err(PutError::Disk)?;
        Ok(true)
    }

    /// The whole document, its digest checked.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, digest: &Sha256Hex) -> Result<Bytes, GetError> {
        let found = self
            .store
            .get(&key(digest))
            .await
            .map_err(|error| not_found(error, digest))?;
        let bytes = found.bytes().await.map_err(GetError::Store)?;
        if Sha256Hex::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(GetError::Damaged(*digest))
        }
    }

    /// The document as a stream, its digest not checked.
    ///
    /// # Errors
    /// [`GetError::NotFound`], [`GetError::Store`].
    pub async fn open_stream(&self, digest: &Sha256Hex) -> Result<Pin<Box<dyn AsyncRead + Send>>, GetError> {
        let found = self
            .store
            .get(&key(digest))
            .await
            .map_err(|error| not_found(error, digest))?;
        Ok(Box::pin(StreamReader::new(
            found.into_stream().map_err(std::io::Error::other),
        )))
    }

    /// A file with the document's bytes, for readers that block; read only, never change it.
    ///
    /// # Errors
    /// [`GetError::NotFound`], [`GetError::Store`].
    pub async fn local(&self, digest: &Sha256Hex) -> Result<PathBuf, GetError> {
        self.store
            .head(&key(digest))
            .await
            .map_err(|error| not_found(error, digest))?;
        Ok(self.path(digest))
    }

    fn path(&self, digest: &Sha256Hex) -> PathBuf {
        self.folder.join(key(digest).as_ref())
    }
}

fn key(digest: &Sha256Hex) -> Key {
    let text = digest.to_string();
    Key::from(format!("sha256/{}/{text}", text.get(..2).unwrap_or_default()))
}

fn size(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn not_found(error: object_store::Error, digest: &Sha256Hex) -> GetError {
    match error {
        object_store::Error::NotFound { .. } => GetError::NotFound(*digest),
        error => GetError::Store(error),
    }
}

async fn copy(
    source: impl AsyncRead + Send,
    upload: &mut dyn MultipartUpload,
    limit_bytes: u64,
) -> Result<(Sha256Hex, u64), PutError> {
    let mut source = std::pin::pin!(source);
    let (mut hash, mut total) = (Sha256::new(), 0_u64);
    loop {
        let mut part = BytesMut::with_capacity(PIECE);
        while part.len() < PART {
            if source.read_buf(&mut part).await.map_err(PutError::Source)? == 0 {
                break;
            }
        }
        let part = part.freeze();
        if part.is_empty() {
            return Ok((Sha256Hex(hash.finalize().into()), total));
        }
        total = total.saturating_add(size(&part));
        if total > limit_bytes {
            return Err(PutError::TooLarge { limit_bytes });
        }
        hash.update(&part);
        upload.put_part(PutPayload::from(part)).await?;
    }
}

/// Syncs a file and the directories that lead to it, up to the store's folder.
fn sync_with_directories(path: &Path) -> std::io::Result<()> {
    for place in path.ancestors().take(4) {
        std::fs::File::open(place)?.sync_all()?;
    }
    Ok(())
}

fn clear_leftovers(staging: &Path) {
    let Ok(entries) = std::fs::read_dir(staging) else {
        return;
    };
    for entry in entries.flatten() {
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        if changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > LEFTOVER)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn open() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&BlobConfig {
            folder: folder.path().join("blobs"),
        })
        .unwrap();
        (folder, blobs)
    }

    fn files(blobs: &Blobs) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![blobs.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&blobs.folder).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    #[tokio::test]
    async fn the_same_bytes_twice_are_one_file_by_either_way() {
        let (_folder, blobs) = open();
        let digest = blobs.put(Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(blobs.put(Bytes::from_static(b"abc")).await.unwrap(), digest);
        assert_eq!(blobs.put_stream(&b"abc"[..], 3).await.unwrap(), (digest, 3));
        assert_eq!(files(&blobs), [format!("sha256/ba/{ABC}")]);
        assert_eq!(blobs.get(&digest).await.unwrap(), "abc");
        assert_eq!(std::fs::read(blobs.local(&digest).await.unwrap()).unwrap(), b"abc");
        let mut text = String::new();
        blobs
            .open_stream(&digest)
            .await
            .unwrap()
            .read_to_string(&mut text)
            .await
            .unwrap();
        assert_eq!(text, "abc");
    }

    #[tokio::test]
    async fn large_streams_come_back_whole() {
        let (_folder, blobs) = open();
        let bytes: Vec<u8> = (0..PART * 2 + 12_345).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let (digest, size) = blobs.put_stream(&bytes[..], u64::MAX).await.unwrap();
        assert_eq!(
            (digest, size),
            (Sha256Hex::of(&bytes), u64::try_from(bytes.len()).unwrap())
        );
        assert_eq!(blobs.get(&digest).await.unwrap(), bytes);
        assert_eq!(blobs.put_stream(&b""[..], 0).await.unwrap(), (Sha256Hex::of(b""), 0));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_what_fails() {
        let (_folder, blobs) = open();
        let error = blobs.put_stream(&b"abcd"[..], 3).await.unwrap_err();
        assert!(matches!(error, PutError::TooLarge { limit_bytes: 3 }), "{error}");
        let broken = tokio_util::io::StreamReader::new(futures::stream::iter([
            Ok(Bytes::from_static(b"ab")),
            Err(std::io::Error::other("gone")),
        ]));
        assert!(matches!(
            blobs.put_stream(broken, 9).await.unwrap_err(),
            PutError::Source(_)
        ));
        assert_eq!(files(&blobs), Vec::<String>::new());
        let missing = Sha256Hex::of(b"abc");
        assert!(matches!(blobs.get(&missing).await.unwrap_err(), GetError::NotFound(_)));
        assert!(matches!(
            blobs.local(&missing).await.unwrap_err(),
            GetError::NotFound(_)
        ));
    }

    #[tokio::test]
    async fn a_damaged_file_is_noticed_and_a_cut_one_is_written_again() {
        let (_folder, blobs) = open();
        let digest = blobs.put(Bytes::from_static(b"abc")).await.unwrap();
        let path = blobs.local(&digest).await.unwrap();
        std::fs::write(&path, "abd").unwrap();
        assert!(matches!(blobs.get(&digest).await.unwrap_err(), GetError::Damaged(_)));
        std::fs::write(&path, "ab").unwrap();
        blobs.put(Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(blobs.get(&digest).await.unwrap(), "abc");
    }

    #[test]
    fn leftovers_of_a_crash_are_cleared_when_old() {
        let (_folder, blobs) = open();
        let staging = blobs.folder.join("staging");
        std::fs::write(staging.join("new#1"), "x").unwrap();
        let old = std::fs::File::create(staging.join("old#1")).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        Blobs::open(&BlobConfig {
            folder: blobs.folder.clone(),
        })
        .unwrap();
        assert_eq!(files(&blobs), ["staging/new#1"]);
    }

    #[test]
    fn digests_are_lower_case_hex() {
        assert_eq!(ABC.parse::<Sha256Hex>().unwrap(), Sha256Hex::of(b"abc"));
        assert_eq!(
            serde_json::to_string(&Sha256Hex::of(b"abc")).unwrap(),
            format!("\"{ABC}\"")
        );
        for wrong in ["", "ab", &ABC.to_uppercase(), &format!("{ABC}00")] {
            assert!(wrong.parse::<Sha256Hex>().is_err(), "{wrong}");
        }
    }
}
