//! One file fetched: where its first bytes are here already, it goes on behind them.

use std::path::{Path, PathBuf};

use runtime::Context;
use russh_sftp::client::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::Numbers;
use super::fault::{Fault, Reason};
use super::session::Session;
use crate::config::Sftp;
use crate::domain::pull::Remote;
use crate::store::{derived_id, sftp};

/// Bytes that are read and written at a time.
const PIECE: usize = 256 * 1024;
/// After so many bytes the disk is asked whether it has them.
const SAFE_EACH: u64 = 16 * 1024 * 1024;

/// Where the bytes of a file lie while it is fetched. The name is of the file's name, size and time: another file's bytes are
/// never taken for its own.
#[must_use]
pub fn partial(ctx: &Context, pull: &Sftp, file: &Remote) -> PathBuf {
    let parts = [
        pull.name.as_str(),
        file.name.as_str(),
        &file.size_bytes.to_string(),
        &file.modified_at.to_string(),
    ];
    let id = derived_id("sftp", &parts);
    ctx.settings().blobs.folder.join("pulling").join(id.to_string())
}

/// Fetches a file to `target`. `false` where it is gone or was changed meanwhile: then what is here of it is worth nothing.
///
/// # Errors
/// The connection is cut (what came is kept), the server refuses, or our disk does.
pub async fn fetch(
    ctx: &Context,
    session: &Session,
    pull: &Sftp,
    file: &Remote,
    target: &Path,
    numbers: &Numbers,
) -> Result<bool, Fault> {
    let disk = |error: std::io::Error| Fault::ours(format!("{}: {error}", target.display()));
    if let Some(folder) = target.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(disk)?;
    }
    let options = tokio::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .clone();
    let mut here = options.open(target).await.map_err(disk)?;
    let kept = kept(ctx, pull, file, &here).await?;
    here.set_len(kept).await.map_err(disk)?;
    here.seek(std::io::SeekFrom::End(0)).await.map_err(disk)?;
    let path = pull.path(&file.name);
    let Some((mut there, now)) = session.read_from(&path, &file.name, kept).await? else {
        return Ok(false);
    };
    if now != *file {
        return Ok(false);
    }
    if kept > 0 {
        tracing::info!(
            pull = pull.name,
            file = file.name,
            from = kept,
            "a file that was cut is fetched on"
        );
    }
    let mut copy = Copy {
        ctx,
        pull,
        file,
        here: &mut here,
        at: kept,
        safe: kept,
    };
    let copied = copy.run(&mut there, numbers).await;
    // Cut or not: what is here is kept for the next try.
    copy.make_safe().await?;
    copied?;
    let size = u64::try_from(file.size_bytes).unwrap_or(0);
    if copy.at < size {
        let text = format!("{path:?} ended after {} of {size} bytes", copy.at);
        return Err(Fault::new(Reason::Transfer, text));
    }
    Ok(copy.at == size && session.look_at(&path, &file.name).await?.as_ref() == Some(file))
}

/// Bytes that are here and safe: what a crash may have left behind them is not.
async fn kept(ctx: &Context, pull: &Sftp, file: &Remote, here: &tokio::fs::File) -> Result<u64, Fault> {
    let length = here.metadata().await.map_err(Fault::ours)?.len();
    let mut conn = ctx.pool().acquire().await?;
    let fetched = sftp::fetched(&mut conn, &pull.name, file).await?;
    Ok(length.min(u64::try_from(fetched).unwrap_or(0)))
}

struct Copy<'a> {
    ctx: &'a Context,
    pull: &'a Sftp,
    file: &'a Remote,
    here: &'a mut tokio::fs::File,
    at: u64,
    safe: u64,
}

impl Copy<'_> {
    async fn run(&mut self, there: &mut File, numbers: &Numbers) -> Result<(), Fault> {
        let size = u64::try_from(self.file.size_bytes).unwrap_or(0);
        let mut piece = vec![0; PIECE];
        // One byte more than is expected says that it grew.
        while self.at <= size {
            let read = there.read(&mut piece).await;
            let cut = |error: std::io::Error| {
                let text = format!(
                    "{:?} was cut after {} of {size} bytes: {error}",
                    self.file.name, self.at
                );
                Fault::new(Reason::Unreachable, text)
            };
            let read = read.map_err(cut)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            self.here.write_all(bytes).await.map_err(Fault::ours)?;
            let read = u64::try_from(read).unwrap_or(0);
            self.at = self.at.saturating_add(read);
            numbers.bytes.add(&[&self.pull.name], read);
            if self.at - self.safe >= SAFE_EACH {
                self.make_safe().await?;
            }
        }
        Ok(())
    }

    async fn make_safe(&mut self) -> Result<(), Fault> {
        self.here.flush().await.map_err(Fault::ours)?;
        self.here.sync_data().await.map_err(Fault::ours)?;
        let mut conn = self.ctx.pool().acquire().await?;
        let bytes = i64::try_from(self.at).unwrap_or(i64::MAX);
        sftp::set_fetched(&mut conn, &self.pull.name, self.file, bytes).await?;
        self.safe = self.at;
        Ok(())
    }
}
