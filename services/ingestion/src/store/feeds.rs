//! How far the feed of each bank account reaches, and the days that people released.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, CreditorId, HolidayCalendar, Jurisdiction};
use runtime::{Day, Failure};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::coverage;

/// The feed of one bank account.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Capitals and digits of the number.
    pub number_key: String,
    /// The number as registered.
    pub number: String,
    /// Its creditor.
    pub creditor_id: CreditorId,
    /// The creditor's code.
    pub creditor: String,
    /// The creditor's calendar, whose days close.
    pub calendar: String,
    /// The account's currency.
    pub currency: String,
    /// The first day that must be covered.
    pub first_on: BusinessDate,
    /// The calendar that says which days are banking days.
    pub banking: HolidayCalendar,
    /// Its name.
    pub banking_calendar: String,
    /// Banking days by which statements may lag behind.
    pub lag_days: u32,
    /// The last day without a gap before it.
    pub through_on: Option<BusinessDate>,
    /// Covered days after that.
    pub beyond: BTreeSet<BusinessDate>,
    /// The last day that was closed.
    pub closed_on: Option<BusinessDate>,
    /// Through which day it had to be covered then.
    pub due_on: Option<BusinessDate>,
}

#[derive(sqlx::FromRow)]
struct FeedRow {
    number_key: String,
    number: String,
    creditor_id: Uuid,
    code: String,
    calendar: String,
    currency: String,
    first_on: NaiveDate,
    banking_calendar: String,
    lag_days: i32,
    through_on: Option<NaiveDate>,
    closed_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    days: Vec<NaiveDate>,
}

/// Which feeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// Of creditors of this calendar.
    pub calendar: Option<&'a str>,
    /// Of these creditors, by code.
    pub creditors: Option<&'a [String]>,
    /// Of this bank account.
    pub number_key: Option<&'a str>,
}

fn date(naive: NaiveDate) -> Result<BusinessDate, Failure> {
    BusinessDate::from_naive(naive).map_err(|error| Failure::new(anyhow::Error::new(error)))
}

impl FeedRow {
    fn read(self) -> Result<Feed, Failure> {
        let wrong = |error| Failure::new(anyhow::Error::new(error));
        let jurisdiction =
            Jurisdiction::parse(&self.banking_calendar).map_err(|error| Failure::new(anyhow::Error::new(error)))?;
        let banking = HolidayCalendar::of(jurisdiction, None).map_err(wrong)?;
        let days = self
            .days
            .iter()
            .map(|day| date(*day))
            .collect::<Result<BTreeSet<_>, _>>()?;
        let first_on = date(self.first_on)?;
        let through_on = coverage::through(first_on, self.through_on.map(date).transpose()?, &days, &banking);
        let beyond = days
            .into_iter()
            .filter(|day| through_on.is_none_or(|through| *day > through));
        Ok(Feed {
            number_key: self.number_key,
            number: self.number,
            creditor_id: CreditorId::from_uuid(self.creditor_id),
            creditor: self.code,
            calendar: self.calendar,
            currency: self.currency,
            first_on,
            beyond: beyond.collect(),
            banking,
            banking_calendar: self.banking_calendar,
            lag_days: u32::try_from(self.lag_days).unwrap_or(0),
            through_on,
            closed_on: self.closed_on.map(date).transpose()?,
            due_on: self.due_on.map(date).transpose()?,
        })
    }
}

impl Feed {
    /// Through which day it must be covered when `closed_on` closes.
    #[must_use]
    pub fn due_at(&self, closed_on: BusinessDate) -> Option<BusinessDate> {
        coverage::due(self.first_on, closed_on, self.lag_days, &self.banking)
    }

    /// Banking days by which it is behind what the last marker asked; 0 when it is not late.
    #[must_use]
    pub fn days_behind(&self) -> u32 {
        coverage::days_behind(self.first_on, self.through_on, self.due_on, &self.banking)
    }
}

/// Feeds, in order of their numbers, as far as they reach now.
///
/// # Errors
/// When the database does not answer, or a banking calendar is unknown.
pub async fn load(conn: &mut PgConnection, which: Which<'_>) -> Result<Vec<Feed>, Failure> {
    let rows: Vec<FeedRow> = sqlx::query_as(
        "SELECT b.number_key, b.number, b.creditor_id, c.code, c.calendar, b.currency, b.first_on, b.banking_calendar, b.lag_days,
                b.through_on, b.closed_on, b.due_on,
                ARRAY(SELECT d.day_on FROM bank_day d WHERE d.bank_account = b.number_key
                      AND d.day_on > COALESCE(b.through_on, b.first_on - 1)) AS days
         FROM bank_account b JOIN creditor c USING (creditor_id)
         WHERE ($1::text IS NULL OR c.calendar = $1) AND ($2::text[] IS NULL OR c.code = ANY($2))
           AND ($3::text IS NULL OR b.number_key = $3)
         ORDER BY b.number_key",
    )
    .bind(which.calendar)
    .bind(which.creditors)
    .bind(which.number_key)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(FeedRow::read).collect()
}

/// Notes what a marker says: how far feeds reach, so that the next need not look at old days again, and what was due.
///
/// # Errors
/// When the database does not answer.
pub async fn note_marked(
    conn: &mut PgConnection,
    closed_on: BusinessDate,
    feeds: &[(&Feed, Option<BusinessDate>)],
) -> Result<(), sqlx::Error> {
    let keys: Vec<&str> = feeds.iter().map(|(feed, _)| feed.number_key.as_str()).collect();
    let through: Vec<Option<NaiveDate>> = feeds
        .iter()
        .map(|(feed, _)| feed.through_on.map(|on| on.naive()))
        .collect();
    let due: Vec<Option<NaiveDate>> = feeds.iter().map(|(_, due)| due.map(|on| on.naive())).collect();
    sqlx::query(
        "UPDATE bank_account b SET through_on = u.t, due_on = u.d, closed_on = $1
         FROM UNNEST($2::text[], $3::date[], $4::date[]) AS u(k, t, d) WHERE b.number_key = u.k",
    )
    .bind(closed_on.naive())
    .bind(keys)
    .bind(through)
    .bind(due)
    .execute(conn)
    .await?;
    Ok(())
}

/// A person let a day pass although an account is not covered.
#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Release {
    /// Its id.
    pub release_id: Uuid,
    /// The bank account.
    pub number_key: String,
    /// The day.
    pub day_on: NaiveDate,
    /// Why.
    pub reason: String,
    /// Subject of the person's token.
    pub released_by: String,
    /// When.
    pub released_at: DateTime<Utc>,
}

const RELEASE: &str = "release_id, number_key, day_on, reason, released_by, released_at";

/// Keeps a release; `false` where the same person has released the same with the same words since the last marker.
///
/// # Errors
/// When the database does not answer.
pub async fn add_release(
    conn: &mut PgConnection,
    release: &Release,
    calendar: &str,
    segment: i64,
) -> Result<bool, sqlx::Error> {
    let added = sqlx::query(
        "INSERT INTO feed_release (release_id, number_key, calendar, segment, day_on, reason, released_by, released_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(release.release_id)
    .bind(&release.number_key)
    .bind(calendar)
    .bind(segment)
    .bind(release.day_on)
    .bind(&release.reason)
    .bind(&release.released_by)
    .bind(release.released_at)
    .execute(conn)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// A release by its id.
///
/// # Errors
/// When the database does not answer.
pub async fn release(conn: &mut PgConnection, release_id: Uuid) -> Result<Option<Release>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {RELEASE} FROM feed_release WHERE release_id = $1"
    )))
    .bind(release_id)
    .fetch_optional(conn)
    .await
}

/// The releases that travel with a day's marker, the latest of each account first: those of the day itself, and those of an
/// earlier day that were made since the marker before.
///
/// # Errors
/// When the database does not answer.
pub async fn releases_at(conn: &mut PgConnection, day: &Day) -> Result<Vec<Release>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {RELEASE} FROM feed_release
         WHERE calendar = $1 AND segment < $4 AND (day_on = $2 OR (day_on < $2 AND segment >= $3))
         ORDER BY number_key, released_at DESC, day_on DESC, release_id"
    )))
    .bind(&day.calendar)
    .bind(day.closed_on.naive())
    .bind(day.previous)
    .bind(day.sequence)
    .fetch_all(conn)
    .await
}

/// The latest releases of these bank accounts, at most a hundred of each.
///
/// # Errors
/// When the database does not answer.
pub async fn releases_of(conn: &mut PgConnection, number_keys: &[String]) -> Result<Vec<Release>, sqlx::Error> {
    sqlx::query_as(
        "SELECT r.release_id, r.number_key, r.day_on, r.reason, r.released_by, r.released_at
         FROM UNNEST($1::text[]) AS k(number_key) CROSS JOIN LATERAL (
             SELECT * FROM feed_release f WHERE f.number_key = k.number_key ORDER BY f.released_at DESC, f.day_on DESC, f.release_id LIMIT 100) r
         ORDER BY r.number_key, r.released_at DESC, r.day_on DESC, r.release_id",
    )
    .bind(number_keys)
    .fetch_all(conn)
    .await
}

/// Open tasks about the late feeds of these bank accounts: id, account, the day that was due.
///
/// # Errors
/// When the database does not answer.
pub async fn open_tasks(
    conn: &mut PgConnection,
    number_keys: &[String],
) -> Result<Vec<(Uuid, String, NaiveDate)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT task_id, matter->>'bank_account', (matter->>'due_on')::date FROM task
         WHERE kind = 'feed-late' AND closed_at IS NULL AND matter->>'bank_account' = ANY($1)",
    )
    .bind(number_keys)
    .fetch_all(conn)
    .await
}
