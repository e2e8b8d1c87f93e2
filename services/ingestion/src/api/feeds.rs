//! Bank feeds: how far each reaches, and days that people let pass although one is late.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use kernel::{BusinessDate, CalendarId};
use runtime::http::Json as Body;
use runtime::openapi::{BodyRefusals, ReadRefusals};
use runtime::{Caller, Context, Failure, FieldError, Problem, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{creditors_of, require_one_of};
use crate::config::Config;
use crate::domain::coverage::{complete, gaps};
use crate::domain::tokens::normalise;
use crate::store::derived_id;
use crate::store::feeds::{self as store, Feed, Release, Which};
use crate::store::sftp;

/// Characters of a reason.
const REASON_MAX: usize = 500;
/// How far ahead a day may be released.
const AHEAD_DAYS: i64 = 31;

/// All feeds that the token may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedList {
    /// Bank accounts, in order of their numbers.
    pub feeds: Vec<FeedView>,
    /// Pulls by SFTP; only a token for all creditors sees them.
    pub pulls: Vec<PullView>,
}

/// The feed of one bank account.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedView {
    /// The account's number, as registered with its creditor.
    pub collector: String,
    /// The creditor's code.
    pub creditor: String,
    /// ISO 4217.
    pub currency: String,
    /// The first day that must be covered.
    pub first_on: NaiveDate,
    /// The calendar that says which days are banking days.
    pub banking_calendar: String,
    /// Banking days by which statements may lag behind the day that closes.
    pub lag_days: u32,
    /// The last day up to which statements cover the account without a gap; null when none has come.
    pub covered_through_on: Option<NaiveDate>,
    /// The last day that was closed; null before the first.
    pub closed_on: Option<NaiveDate>,
    /// The day through which the account had to be covered at that close; null where none was due.
    pub due_through_on: Option<NaiveDate>,
    /// Whether it is behind what that close asked. Harsher steps wait.
    pub late: bool,
    /// By how many banking days.
    pub days_behind: u32,
    /// The day that closes next.
    pub open_on: NaiveDate,
    /// The day through which the account must be covered then.
    pub next_due_through_on: Option<NaiveDate>,
    /// Banking days that no statement covers, up to the last covered one or the next that is due; at most a hundred.
    pub gaps: Vec<GapView>,
    /// Days that people released, the latest first; at most a hundred.
    pub releases: Vec<ReleaseView>,
}

/// Banking days in a row that no statement covers.
#[derive(Debug, Serialize, ToSchema)]
pub struct GapView {
    /// The first.
    pub from_on: NaiveDate,
    /// The last.
    pub through_on: NaiveDate,
}

/// A day that a person let pass.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReleaseView {
    /// The day, as its calendar closes it.
    pub day: NaiveDate,
    /// Why, in the person's words.
    pub reason: String,
    /// Subject of the person's token.
    pub released_by: String,
    /// When.
    pub released_at: DateTime<Utc>,
}

/// How a pull by SFTP stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct PullView {
    /// Its name in the settings.
    pub name: String,
    /// When it last saw its directory; null before the first time.
    pub looked_at: Option<DateTime<Utc>>,
    /// Failures in a row; 0 while all is well.
    pub failures: i32,
    /// What failed, as in metrics: `unreachable`, `host-key`, `login`, `directory`, `transfer`, `after`, `storage`.
    pub reason: Option<String>,
    /// What failed and what to do, in words.
    pub problem: Option<String>,
}

impl From<&Release> for ReleaseView {
    fn from(release: &Release) -> Self {
        Self {
            day: release.day_on,
            reason: release.reason.clone(),
            released_by: release.released_by.clone(),
            released_at: release.released_at,
        }
    }
}

fn naive(on: Option<BusinessDate>) -> Option<NaiveDate> {
    on.map(|on| on.naive())
}

/// The day that closes next: after the last closed one; before the first close, the calendar's own.
fn open_day(ctx: &Context, feed: &Feed) -> Result<BusinessDate, Failure> {
    match feed.closed_on {
        Some(closed) => Ok(closed.succ()),
        None => {
            let calendar = CalendarId::parse(&feed.calendar).map_err(anyhow::Error::new)?;
            Ok(calendar.day_of(ctx.now()))
        }
    }
}

fn view(ctx: &Context, feed: &Feed, releases: &[Release]) -> Result<FeedView, Failure> {
    let open_on = open_day(ctx, feed)?;
    let next_due = feed.due_at(open_on);
    let gaps = gaps(feed.first_on, feed.through_on, &feed.beyond, next_due, &feed.banking);
    let gaps = gaps.into_iter().map(|(from, through)| GapView {
        from_on: from.naive(),
        through_on: through.naive(),
    });
    Ok(FeedView {
        collector: feed.number.clone(),
        creditor: feed.creditor.clone(),
        currency: feed.currency.clone(),
        first_on: feed.first_on.naive(),
        banking_calendar: feed.banking_calendar.clone(),
        lag_days: feed.lag_days,
        covered_through_on: naive(feed.through_on),
        closed_on: naive(feed.closed_on),
        due_through_on: naive(feed.due_on),
        late: !complete(feed.through_on, feed.due_on),
        days_behind: feed.days_behind(),
        open_on: open_on.naive(),
        next_due_through_on: naive(next_due),
        gaps: gaps.collect(),
        releases: releases.iter().map(ReleaseView::from).collect(),
    })
}

/// How far the feed of each bank account reaches, what is missing, which days were released; and how pulls by SFTP stand.
#[utoipa::path(get, path = "/v1/feeds", operation_id = "list_feeds", tag = "feeds",
    responses((status = 200, description = "The bank accounts of the creditors that the token acts for", body = FeedList)))]
pub async fn list(State(ctx): State<Context>, caller: Caller) -> Result<Json<FeedList>, Problem> {
    let mut conn = ctx.pool().acquire().await?;
    let which = Which {
        creditors: creditors_of(&caller),
        ..Which::default()
    };
    let feeds = store::load(&mut conn, which).await?;
    let keys: Vec<String> = feeds.iter().map(|feed| feed.number_key.clone()).collect();
    let mut releases: BTreeMap<String, Vec<Release>> = BTreeMap::new();
    for release in store::releases_of(&mut conn, &keys).await? {
        releases.entry(release.number_key.clone()).or_default().push(release);
    }
    let of = |feed: &Feed| releases.get(&feed.number_key).map(Vec::as_slice).unwrap_or_default();
    let views: Result<Vec<FeedView>, Failure> = feeds.iter().map(|feed| view(&ctx, feed, of(feed))).collect();
    let mut pulls = Vec::new();
    if caller.may_act_for_all() {
        let names: Vec<String> = ctx
            .config::<Config>()
            .sftp
            .iter()
            .map(|pull| pull.name.clone())
            .collect();
        pulls = sftp::standing(&mut conn, &names).await?;
    }
    let pulls = pulls.into_iter().map(|pull| PullView {
        name: pull.name,
        looked_at: pull.looked_at,
        failures: pull.failures,
        reason: pull.reason,
        problem: pull.problem,
    });
    Ok(Json(FeedList {
        feeds: views?,
        pulls: pulls.collect(),
    }))
}

/// A day to let pass.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The day, as its calendar closes it.
    pub day: NaiveDate,
    /// Why, in the person's words: one line, not blank.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// A release that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReleaseAnswer {
    /// The account's number, as registered with its creditor.
    pub collector: String,
    /// The release.
    #[serde(flatten)]
    pub release: ReleaseView,
    /// The day whose marker carries it: the day itself, or the next one where its marker has gone out.
    pub counts_from_on: NaiveDate,
}

/// Lets a day pass although the account's statements are late: steps that wait for them need not wait on that day. It is told
/// with the day's marker and certificate, with who and why; the account stays uncovered, and its task open.
#[utoipa::path(post, path = "/v1/feeds/{collector}/releases", operation_id = "release_feed", tag = "feeds",
    params(("collector" = String, Path, description = "the bank account's number, as registered or as banks write it")),
    request_body = ReleaseRequest,
    responses(
        (status = 201, description = "Released", body = ReleaseAnswer),
        (status = 200, description = "The same person released this day with these words before", body = ReleaseAnswer),
        (status = 403, description = "This needs the role lead or admin"),
        (status = 409, description = "The account is covered as that day asks: there is nothing to release"),
        ReadRefusals, BodyRefusals))]
pub async fn release(
    State(ctx): State<Context>,
    caller: Caller,
    Path(collector): Path<String>,
    Body(request): Body<ReleaseRequest>,
) -> Result<(StatusCode, Json<ReleaseAnswer>), Problem> {
    require_one_of(&caller, &["lead", "admin"])?;
    let key = normalise(&collector);
    let mut tx = ctx.begin(Scope::Service).await?;
    let which = Which {
        creditors: creditors_of(&caller),
        number_key: Some(&key),
        ..Which::default()
    };
    let feeds = store::load(tx.conn(), which).await?;
    let feed = feeds
        .first()
        .ok_or_else(|| Problem::not_found("there is no bank account with this number"))?;
    let open_on = open_day(&ctx, feed)?;
    let day = check(&request, feed, open_on)?;
    let due = feed.due_at(day);
    if day <= open_on && complete(feed.through_on, due) {
        return Err(
            Problem::conflict("statements cover the account as this day asks: there is nothing to release")
                .with_kind("feed-not-late")
                .with("due_through_on", due.map(|on| on.to_string())),
        );
    }
    let segment = tx.segment();
    let day_text = day.to_string();
    let parts = [
        key.as_str(),
        &day_text,
        &segment.to_string(),
        &caller.subject,
        &request.reason,
    ];
    let new = Release {
        release_id: derived_id("feed-release", &parts),
        number_key: key.clone(),
        day_on: day.naive(),
        reason: request.reason.clone(),
        released_by: caller.subject.clone(),
        released_at: ctx.now().utc(),
    };
    let added = store::add_release(tx.conn(), &new, &feed.calendar, segment).await?;
    let kept = store::release(tx.conn(), new.release_id).await?.unwrap_or(new);
    tx.commit().await?;
    if added {
        tracing::warn!(
            creditor = feed.creditor,
            day = day_text,
            by = caller.subject,
            "a day is released although a feed is late"
        );
    }
    let answer = ReleaseAnswer {
        collector: feed.number.clone(),
        release: ReleaseView::from(&kept),
        counts_from_on: day.max(open_on).naive(),
    };
    let code = if added { StatusCode::CREATED } else { StatusCode::OK };
    Ok((code, Json(answer)))
}

/// What does not depend on what is covered; gives the day.
fn check(request: &ReleaseRequest, feed: &Feed, open_on: BusinessDate) -> Result<BusinessDate, Problem> {
    let mut errors = Vec::new();
    let mut broken = |pointer: &str, rule: &str, detail: String| errors.push(FieldError::new(pointer, rule, detail));
    if request.reason.trim().is_empty() {
        broken("/reason", "required", "say why".to_owned());
    }
    if request.reason.chars().count() > REASON_MAX {
        broken("/reason", "max-length", "at most 500 characters".to_owned());
    }
    if request.reason.chars().any(char::is_control) {
        broken(
            "/reason",
            "control-characters",
            "one line, without control characters".to_owned(),
        );
    }
    let last = open_on.plus_days(AHEAD_DAYS);
    let day = BusinessDate::from_naive(request.day)
        .ok()
        .filter(|day| (feed.first_on..=last).contains(day));
    if day.is_none() {
        let detail = format!("from {}, the account's first day, to {last}", feed.first_on);
        broken("/day", "range", detail);
    }
    match day {
        Some(day) if errors.is_empty() => Ok(day),
        _ => Err(Problem::unprocessable(errors)),
    }
}
