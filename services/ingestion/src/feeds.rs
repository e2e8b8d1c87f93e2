//! Feeds that are late by their own calendar: a task and an alarm at the close, until the statement is there.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use contracts::BankCoverage;
use futures::future::BoxFuture;
use kernel::{BusinessDate, Timestamp};
use runtime::{CancellationToken, Context, Day, Failure, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::coverage::{complete, days_behind};
use crate::domain::tasks::TaskKind;
use crate::store::feeds::{self, Feed, Release, Which};
use crate::store::statements;
use crate::tasks::{self, Task};

/// How often the alarm is set anew.
const TICK: Duration = Duration::from_secs(10);

/// What a marker says of each bank account of its calendar. A late feed that nobody was told of becomes a task; one that has
/// caught up closes its own.
///
/// # Errors
/// When the database does not answer, or a banking calendar is unknown.
pub async fn close(tx: &mut Tx, day: &Day) -> Result<Vec<BankCoverage>, Failure> {
    let which = Which {
        calendar: Some(&day.calendar),
        ..Which::default()
    };
    let feeds = feeds::load(tx.conn(), which).await?;
    let mut releases: BTreeMap<String, Release> = BTreeMap::new();
    for release in feeds::releases_at(tx.conn(), day).await? {
        // The latest of each account comes first.
        releases.entry(release.number_key.clone()).or_insert(release);
    }
    let due: Vec<(&Feed, Option<BusinessDate>)> = feeds.iter().map(|feed| (feed, feed.due_at(day.closed_on))).collect();
    feeds::note_marked(tx.conn(), day.closed_on, &due).await?;
    let mut late = BTreeMap::new();
    let mut told = Vec::with_capacity(feeds.len());
    for (feed, due_on) in &due {
        let complete = complete(feed.through_on, *due_on);
        let release = releases.get(&feed.number_key).filter(|_| !complete);
        if let Some(due_on) = due_on.filter(|_| !complete) {
            late.insert(feed.number_key.as_str(), task(feed, due_on, day.at));
            warn(feed, day, due_on, release);
        }
        told.push(coverage(feed, *due_on, complete, release)?);
    }
    settle(tx, &feeds, &late, day.at).await?;
    let late: Vec<Task> = late.into_values().collect();
    tasks::raise(tx, &late).await?;
    Ok(told)
}

fn coverage(
    feed: &Feed,
    due_on: Option<BusinessDate>,
    complete: bool,
    release: Option<&Release>,
) -> Result<BankCoverage, Failure> {
    let released_at = release
        .map(|release| Timestamp::from_utc(release.released_at))
        .transpose();
    Ok(BankCoverage {
        creditor_id: feed.creditor_id,
        bank_account: feed.number.clone(),
        through_on: feed.through_on,
        complete,
        due_on,
        released_at: released_at.map_err(|error| Failure::new(anyhow::Error::new(error)))?,
        released_by: release.map(|release| release.released_by.clone()),
        released_reason: release.map(|release| release.reason.clone()),
    })
}

fn through(feed: &Feed) -> String {
    feed.through_on.map_or_else(|| "none".to_owned(), |on| on.to_string())
}

/// One task as long as the feed stands still: it is raised once, whatever number of days close over it.
fn task(feed: &Feed, due_on: BusinessDate, at: Timestamp) -> Task {
    let through = through(feed);
    Task::new(TaskKind::FeedLate, &[&feed.number_key, &through], at)
        .of_creditor(feed.creditor_id)
        .with_matter(json!({"bank_account": feed.number_key, "due_on": due_on}))
        .told("bank_account", &feed.number)
        .told("covered_through_on", through)
        .told("due_through_on", due_on)
        .told("banking_calendar", &feed.banking_calendar)
        .told("lag_days", feed.lag_days)
}

fn warn(feed: &Feed, day: &Day, due_on: BusinessDate, release: Option<&Release>) {
    let (creditor, account, behind) = (
        feed.creditor.as_str(),
        ending(&feed.number_key),
        days_behind(feed.first_on, feed.through_on, Some(due_on), &feed.banking),
    );
    let through = feed.through_on.map(|on| on.to_string());
    tracing::warn!(
        creditor,
        account,
        day = %day.closed_on,
        covered_through = through,
        due_through = %due_on,
        banking_days_behind = behind,
        released = release.is_some(),
        "a bank account's feed is late: harsher steps wait for its statement or for a release"
    );
}

/// How an account is named where its number must not stand: by its last four characters.
fn ending(number: &str) -> &str {
    let from = number.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    number.get(from..).unwrap_or(number)
}

/// Closes open tasks of these feeds: done where the day that was due is covered; superseded where another is raised now, or
/// where the feed is on time by another calendar or lag than before.
async fn settle(tx: &mut Tx, of: &[Feed], late: &BTreeMap<&str, Task>, at: Timestamp) -> Result<(), Failure> {
    let keys: Vec<String> = of.iter().map(|feed| feed.number_key.clone()).collect();
    let open = feeds::open_tasks(tx.conn(), &keys).await?;
    let (mut done, mut superseded) = (Vec::new(), Vec::new());
    for (task_id, key, due_on) in open {
        let Some(feed) = of.iter().find(|feed| feed.number_key == key) else {
            continue;
        };
        let now = Task::id(TaskKind::FeedLate, &[&feed.number_key, &through(feed)]);
        if reaches(feed, due_on) {
            done.push(task_id);
        } else if !late.contains_key(key.as_str()) || now.as_uuid() != task_id {
            superseded.push(task_id);
        }
    }
    tasks::close(tx, &done, "done", None, at).await?;
    tasks::close(tx, &superseded, "superseded", None, at).await?;
    Ok(())
}

fn reaches(feed: &Feed, due_on: NaiveDate) -> bool {
    feed.through_on.is_some_and(|through| through.naive() >= due_on)
}

/// Notes the days that a booked statement covers. Where they reach what was due, the task is done.
///
/// # Errors
/// When the database does not answer, or a banking calendar is unknown.
pub async fn cover(tx: &mut Tx, bank_account: &str, days: &[NaiveDate], at: Timestamp) -> Result<(), Failure> {
    statements::cover(tx.conn(), bank_account, days).await?;
    let open = feeds::open_tasks(tx.conn(), &[bank_account.to_owned()]).await?;
    if open.is_empty() {
        return Ok(());
    }
    let which = Which {
        number_key: Some(bank_account),
        ..Which::default()
    };
    let feeds = feeds::load(tx.conn(), which).await?;
    let reached = |due_on: NaiveDate| feeds.first().is_some_and(|feed| reaches(feed, due_on));
    let done: Vec<Uuid> = open
        .iter()
        .filter(|(_, _, due_on)| reached(*due_on))
        .map(|(id, _, _)| *id)
        .collect();
    tasks::close(tx, &done, "done", None, at).await?;
    Ok(())
}

/// Keeps the alarm: by how many banking days each feed is behind what the last marker asked.
pub fn watch(ctx: Context, stop: CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let late = ctx.metrics().gauge(
            "incasso_feed_late_days",
            "Banking days by which a bank account's statements are behind what the last close asked; 0 when on time.",
            &["creditor", "account"],
        );
        while !stop.is_cancelled() {
            match standing(&ctx).await {
                Ok(standing) => {
                    for ((creditor, account), days) in standing {
                        late.set(&[&creditor, &account], days);
                    }
                }
                Err(failure) => tracing::warn!(%failure, "how far feeds reach cannot be told, trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
        Ok(())
    })
}

/// By creditor and ending of the account; of two accounts that end alike, the later one.
async fn standing(ctx: &Context) -> Result<BTreeMap<(String, String), i64>, Failure> {
    let mut conn = ctx.pool().acquire().await?;
    let mut standing = BTreeMap::new();
    for feed in feeds::load(&mut conn, Which::default()).await? {
        let key = (feed.creditor.clone(), ending(&feed.number_key).to_owned());
        let days: &mut i64 = standing.entry(key).or_default();
        *days = (*days).max(i64::from(feed.days_behind()));
    }
    Ok(standing)
}

#[cfg(test)]
mod tests {
    use super::ending;

    #[test]
    fn accounts_are_named_by_their_end() {
        for (number, expected) in [("RO49AAAA1B31007593840000", "0000"), ("123", "123"), ("", "")] {
            assert_eq!(ending(number), expected);
        }
    }
}
