//! The day's clock: what can be seen of it, and the hand that moves it where the settings allow.

use axum::Json;
use axum::extract::{Request, State};
use kernel::{BusinessDate, CalendarId, Timestamp};
use runtime::openapi::{BodyRefusals, ReadRefusals};
use runtime::{Caller, Context, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{json, unprocessable};
use crate::clock;
use crate::config::{ClockMode, Config};
use crate::domain::FieldError;
use crate::store::calendars;

/// Days that one call may close.
const DAYS_MAX: i64 = 400;

/// A calendar and its open day.
#[derive(Serialize, ToSchema)]
pub struct CalendarShown {
    /// The calendar: jurisdiction, cut-off and time zone.
    pub calendar: String,
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    pub first_on: BusinessDate,
    /// The day that is open.
    #[schema(value_type = String, format = Date)]
    pub open_on: BusinessDate,
    /// When the open day ends.
    #[schema(value_type = String, format = DateTime)]
    pub cut_off_at: Timestamp,
    /// Number of its last closed day over all calendars.
    pub last_sequence: Option<i64>,
}

/// Shows all calendars.
#[utoipa::path(get, path = "/v1/calendars", tag = "clock",
    responses((status = 200, description = "In order of their names", body = Vec<CalendarShown>)))]
pub async fn get_calendars(State(ctx): State<Context>, _caller: Caller) -> Result<Json<Vec<CalendarShown>>, Problem> {
    let rows = calendars::all(ctx.pool()).await?;
    let shown = rows.into_iter().map(|row| CalendarShown {
        cut_off_at: row.calendar.cut_off_at(row.open_on),
        calendar: row.calendar.to_string(),
        first_on: row.first_on,
        open_on: row.open_on,
        last_sequence: row.last_sequence,
    });
    Ok(Json(shown.collect()))
}

/// Which days to close.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBody {
    /// The calendar.
    #[schema(value_type = String, pattern = "^[A-Z]{2}@[0-9]{2}:[0-9]{2}@[A-Za-z0-9_+/-]+$")]
    pub calendar: CalendarId,
    /// The last day to close; nothing happens where it is closed already.
    #[schema(value_type = String, format = Date)]
    pub through: BusinessDate,
}

/// What was closed.
#[derive(Serialize, ToSchema)]
pub struct CloseAnswer {
    /// The calendar.
    pub calendar: String,
    /// The days closed by this call, in order.
    pub closed: Vec<ClosedDayShown>,
}

/// A closed day.
#[derive(Serialize, ToSchema)]
pub struct ClosedDayShown {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub closed_on: BusinessDate,
    /// Its number over all calendars.
    pub sequence: i64,
}

/// Closes days by hand. Only where the setting `clock` is `manual`; else there is nothing here (404). At most 400 days a call.
#[utoipa::path(post, path = "/v1/clock/close", tag = "clock", request_body = CloseBody,
    responses((status = 200, description = "The days closed by this call", body = CloseAnswer), ReadRefusals, BodyRefusals))]
pub async fn post_close(
    State(ctx): State<Context>,
    caller: Caller,
    request: Request,
) -> Result<Json<CloseAnswer>, Problem> {
    if ctx.config::<Config>().clock != ClockMode::Manual {
        return Err(Problem::not_found(
            "the clock runs by itself; only with clock = \"manual\" it is moved by hand",
        ));
    }
    caller.require_role("admin")?;
    let body: CloseBody = json(request).await?;
    let mut conn = ctx.pool().acquire().await?;
    let open_on = calendars::open_day(&mut conn, &body.calendar)
        .await?
        .ok_or_else(unknown)?;
    drop(conn);
    // The last day that there is has no day after it to open.
    if open_on.days_until(body.through) >= DAYS_MAX || body.through == BusinessDate::MAX {
        let detail = format!("{open_on} is open; one call closes at most {DAYS_MAX} days");
        return Err(unprocessable(vec![FieldError {
            pointer: "/through".to_owned(),
            rule: "range",
            detail,
        }]));
    }
    let closed = clock::close_through(&ctx, &body.calendar, body.through)
        .await?
        .ok_or_else(unknown)?;
    let shown = closed.into_iter().map(|day| ClosedDayShown {
        closed_on: day.closed_on,
        sequence: day.sequence,
    });
    Ok(Json(CloseAnswer {
        calendar: body.calendar.to_string(),
        closed: shown.collect(),
    }))
}

fn unknown() -> Problem {
    Problem::not_found("no creditor has this calendar; GET /v1/calendars shows all")
}
