//! Watched folders: files that stand still are stored like uploads, proved, and moved to `done/` or `refused/`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use runtime::{CancellationToken, Context, Failure};

use super::{Outcome, prove, source};
use crate::api::statements::{self, Stored};
use crate::config::{Config, Folder};
use crate::domain::pull::finished_name;

/// What a file looked like at the last look.
type Look = (u64, Option<SystemTime>);

/// Watches all configured folders until cancelled.
pub fn watch(ctx: Context, stop: CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let folders = ctx.config::<Config>().folders.clone();
        if folders.is_empty() {
            stop.cancelled().await;
            return Ok(());
        }
        let watches = folders
            .into_iter()
            .map(|folder| watch_one(ctx.clone(), stop.clone(), folder));
        futures::future::join_all(watches).await;
        Ok(())
    })
}

async fn watch_one(ctx: Context, stop: CancellationToken, folder: Folder) {
    let mut looks: HashMap<PathBuf, Look> = HashMap::new();
    while !stop.is_cancelled() {
        if let Err(failure) = look(&ctx, &folder, &mut looks).await {
            tracing::warn!(folder = %folder.path.display(), %failure, "a watched folder could not be read, trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(folder.poll_millis)) => {}
        }
    }
}

async fn look(ctx: &Context, folder: &Folder, looks: &mut HashMap<PathBuf, Look>) -> Result<(), Failure> {
    let mut seen: HashMap<PathBuf, Look> = HashMap::new();
    let mut listing = tokio::fs::read_dir(&folder.path).await?;
    while let Some(found) = listing.next_entry().await? {
        let metadata = found.metadata().await?;
        if metadata.is_file() && is_wanted(&found.file_name().to_string_lossy()) {
            seen.insert(found.path(), (metadata.len(), metadata.modified().ok()));
        }
    }
    let mut still: Vec<PathBuf> = seen
        .iter()
        .filter(|(path, look)| looks.get(*path) == Some(look))
        .map(|(path, _)| path.clone())
        .collect();
    still.sort();
    *looks = seen;
    for path in still {
        take(ctx, folder, &path).await?;
        looks.remove(&path);
    }
    Ok(())
}

fn is_wanted(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !lower.starts_with('.') && finished_name(name).is_none() && !lower.ends_with(".problem.json")
}

async fn take(ctx: &Context, watched: &Folder, path: &Path) -> Result<(), Failure> {
    let folder = watched.path.as_path();
    let origin = source::origin("folder", watched.source.as_deref());
    let file = tokio::fs::File::open(path).await?;
    let stored = match statements::store(ctx, file, &["*".to_owned()], &origin).await {
        Ok(stored) => stored,
        Err(statements::StoreError::TooLarge(limit)) => {
            let problem = serde_json::json!([{"where": "", "what": format!("larger than {limit} bytes"), "remedy": "Ask the bank for smaller files."}]);
            return set_aside(folder, path, "refused", Some(&problem)).await;
        }
        Err(statements::StoreError::Source(error)) => return Err(error.into()),
        Err(statements::StoreError::Failure(failure)) => return Err(failure),
    };
    match take_in(ctx, stored).await? {
        Some(problems) => set_aside(folder, path, "refused", Some(&problems)).await,
        None => set_aside(folder, path, "done", None).await,
    }
}

/// Proves a file that was stored and hands it on to be booked; gives the problems of one that is refused.
///
/// # Errors
/// When the database or the store does not answer; the bytes are kept, and the task tries again.
pub async fn take_in(ctx: &Context, stored: Stored) -> Result<Option<serde_json::Value>, Failure> {
    let Stored { item, new } = stored;
    let outcome = if new || item.state == "received" {
        prove(ctx, &item).await?
    } else {
        Outcome::Nothing
    };
    statements::hand_on(ctx, item.raw_id).await?;
    let mut conn = ctx.pool().acquire().await?;
    let problems = crate::store::read::refusal(&mut conn, item.raw_id).await?;
    Ok(problems.filter(|_| matches!(outcome, Outcome::Refused | Outcome::Nothing)))
}

/// Moves a file below the folder; a name that is there already gets a number.
async fn set_aside(
    folder: &Path,
    path: &Path,
    room: &str,
    problems: Option<&serde_json::Value>,
) -> Result<(), Failure> {
    let room = folder.join(room);
    tokio::fs::create_dir_all(&room).await?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut target = room.join(&name);
    let mut number = 1_u32;
    while tokio::fs::try_exists(&target).await? {
        number = number.saturating_add(1);
        target = room.join(format!("{name}.{number}"));
    }
    if let Some(problems) = problems {
        let mut beside = target.clone().into_os_string();
        beside.push(".problem.json");
        tokio::fs::write(beside, serde_json::to_vec_pretty(problems)?).await?;
    }
    tokio::fs::rename(path, target).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_wanted;

    #[test]
    fn unfinished_files_are_passed_over() {
        for (name, wanted) in [
            ("camt.xml", true),
            ("CAMT053", true),
            (".hidden.xml", false),
            ("camt.xml.part", false),
            ("camt.TMP", false),
            ("camt.xml.filepart", false),
            ("camt.xml.problem.json", false),
        ] {
            assert_eq!(is_wanted(name), wanted, "{name}");
        }
    }
}
