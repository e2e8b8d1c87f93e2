//! Work for people, and what they decide.

use axum::Json;
use axum::extract::{Path, Query, State};
use chrono::{DateTime, Utc};
use kernel::Timestamp;
use runtime::http::Json as Body;
use runtime::openapi::{BodyRefusals, ReadRefusals};
use runtime::{Caller, Context, FieldError, Problem, Scope, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{creditors_of, id, require_clerk, rows};
use crate::booking::Session;
use crate::booking::doubts::{self, Pair, Person};
use crate::domain::tasks::{Decision, TaskKind};
use crate::store::tasks::{self as store, Decided, TaskFilter, TaskView};
use crate::tasks;

/// Characters of a reason.
const REASON_MAX: usize = 500;

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `next` of the page before.
    #[param(
        nullable = false,
        pattern = "^[0-9]{1,16}_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    )]
    cursor: Option<String>,
    /// Rows, 1 to 500; 100 if left out.
    #[param(minimum = 1, maximum = 500, nullable = false)]
    limit: Option<i64>,
    /// Only these; all if left out.
    #[param(inline, nullable = false)]
    kind: Option<KindAsked>,
    /// Open ones if left out.
    #[param(inline, nullable = false)]
    state: Option<StateAsked>,
}

/// What a task is about.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KindAsked {
    /// Two sightings that may be the same money.
    DoubtfulPair,
    /// A bank account's statements do not follow one another.
    StatementGap,
    /// A bank account's statements are late by its own calendar.
    FeedLate,
}

impl KindAsked {
    const fn kind(self) -> TaskKind {
        match self {
            Self::DoubtfulPair => TaskKind::DoubtfulPair,
            Self::StatementGap => TaskKind::StatementGap,
            Self::FeedLate => TaskKind::FeedLate,
        }
    }
}

/// Whether a task waits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StateAsked {
    /// It waits for a person.
    Open,
    /// It is decided, or no longer needed.
    Closed,
}

/// One page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskPage {
    /// Oldest first.
    pub tasks: Vec<TaskView>,
    /// Cursor of the next page; null on the last.
    pub next: Option<String>,
}

/// A cursor is the last task's instant in microseconds and its id.
fn cursor(text: &str) -> Result<(DateTime<Utc>, Uuid), Problem> {
    let read = || {
        let (at, id) = text.split_once('_')?;
        let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
        // The database's calendar is shorter than the clock's.
        let plausible = (0..=253_402_300_799).contains(&at.timestamp());
        plausible.then_some((at, id.parse().ok()?))
    };
    read().ok_or_else(|| Problem::bad_request("cursor is not one that this route gave"))
}

/// Tasks about the creditors that the token acts for, the oldest first.
#[utoipa::path(get, path = "/v1/tasks", operation_id = "list_tasks", params(ListQuery), tag = "tasks",
    responses((status = 200, description = "A page, the oldest first", body = TaskPage)))]
pub async fn list(
    State(ctx): State<Context>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<TaskPage>, Problem> {
    let limit = rows(query.limit)?;
    let filter = TaskFilter {
        creditors: creditors_of(&caller),
        kind: query.kind.map(|kind| kind.kind().word()),
        open: query.state != Some(StateAsked::Closed),
        after: query.cursor.as_deref().map(cursor).transpose()?,
        limit,
    };
    let mut conn = ctx.pool().acquire().await?;
    let tasks = store::page(&mut conn, &filter).await?;
    let full = i64::try_from(tasks.len()).is_ok_and(|found| found >= limit);
    let next = tasks
        .last()
        .filter(|_| full)
        .map(|last| format!("{}_{}", last.raised_at.timestamp_micros(), last.task_id));
    Ok(Json(TaskPage { tasks, next }))
}

/// A person's decision about a task.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// What is true.
    pub decision: DecisionSaid,
    /// Why, in the person's words: one line, not blank.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// What a person says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionSaid {
    /// Of a `doubtful-pair`: both are the same money. The later one becomes a sighting of the earlier one.
    Same,
    /// Of a `doubtful-pair`: they are different money. Nothing changes.
    Different,
    /// Of a `statement-gap` or a `feed-late`: it stays as it is; nothing more will come. The feed stays late all the same; what
    /// lets a day pass is its release.
    Accepted,
}

impl DecisionSaid {
    const fn decision(self) -> Decision {
        match self {
            Self::Same => Decision::Same,
            Self::Different => Decision::Different,
            Self::Accepted => Decision::Accepted,
        }
    }
}

/// Decides a task. The same decision again, by the same person, gets the same answer.
#[utoipa::path(post, path = "/v1/tasks/{id}/decision", operation_id = "decide_task", tag = "tasks",
    params(("id" = Uuid, Path, description = "the task")),
    request_body = DecideRequest,
    responses(
        (status = 200, description = "Decided", body = TaskView),
        (status = 409, description = "It is closed already, or what it is about has changed meanwhile"),
        ReadRefusals, BodyRefusals))]
pub async fn decide(
    State(ctx): State<Context>,
    caller: Caller,
    Path(text): Path<String>,
    Body(request): Body<DecideRequest>,
) -> Result<Json<TaskView>, Problem> {
    require_clerk(&caller)?;
    let task_id = id(&text)?;
    check(&request)?;
    let unknown = || Problem::not_found("there is no task with this id");
    let mut tx = ctx.begin(Scope::Service).await?;
    let task = store::lock(tx.conn(), task_id).await?.ok_or_else(unknown)?;
    let sees = match &task.creditor {
        Some(code) => caller.may_act_for(code),
        None => caller.may_act_for_all(),
    };
    if !sees {
        return Err(unknown());
    }
    let decision = request.decision.decision();
    if task.closed_reason.is_some() {
        let again = task.decision.as_deref() == Some(decision.word())
            && task.decided_by.as_deref() == Some(&caller.subject)
            && task.decided_reason.as_deref() == Some(&request.reason);
        return if again {
            Ok(Json(task))
        } else {
            Err(Problem::conflict("the task is closed already").with_kind("task-closed"))
        };
    }
    allowed(&task, decision)?;
    let decided = Decided {
        decision: decision.word(),
        by: &caller.subject,
        reason: &request.reason,
    };
    tasks::close(&mut tx, &[task_id], "done", Some(&decided), ctx.now()).await?;
    follow(&mut tx, &task, decision, &decided, ctx.now()).await?;
    let task = store::lock(tx.conn(), task_id).await?.ok_or_else(unknown)?;
    tx.commit().await?;
    Ok(Json(task))
}

/// Does what follows from the decision.
async fn follow(
    tx: &mut Tx,
    task: &TaskView,
    decision: Decision,
    decided: &Decided<'_>,
    at: Timestamp,
) -> Result<(), Problem> {
    if TaskKind::of(&task.kind) != Some(TaskKind::DoubtfulPair) {
        return Ok(());
    }
    let pair: Pair = serde_json::from_value(task.matter.clone()).map_err(|_| Problem::internal())?;
    let person = Person {
        subject: decided.by,
        reason: decided.reason,
    };
    let mut session = Session::begin(tx);
    if let Err(why) = doubts::decide(tx, &mut session, &pair, decision, person, at).await? {
        return Err(Problem::conflict(why).with_kind("matter-has-changed"));
    }
    session.finish(tx).await?;
    Ok(())
}

/// Each kind has its own answers.
fn allowed(task: &TaskView, decision: Decision) -> Result<(), Problem> {
    let said = TaskKind::of(&task.kind).map(TaskKind::decisions).unwrap_or_default();
    if said.contains(&decision) {
        return Ok(());
    }
    let words: Vec<&str> = said.iter().map(|decision| decision.word()).collect();
    Err(Problem::unprocessable(vec![FieldError::new(
        "/decision",
        "of-this-kind",
        format!("a task of kind {} is decided by: {}", task.kind, words.join(", ")),
    )]))
}

fn check(request: &DecideRequest) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut broken = |rule: &str, detail: &str| errors.push(FieldError::new("/reason", rule, detail));
    if request.reason.trim().is_empty() {
        broken("required", "say why");
    }
    if request.reason.chars().count() > REASON_MAX {
        broken("max-length", "at most 500 characters");
    }
    if request.reason.chars().any(char::is_control) {
        broken("control-characters", "one line, without control characters");
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::unprocessable(errors))
    }
}
