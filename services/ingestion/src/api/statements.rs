//! Statement files come in.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use runtime::{Caller, Context, FieldError, Problem, PutError, Scope};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{id, require_one_of};
use crate::config::Config;
use crate::import::{self, STATEMENT, WAKE_STATEMENTS};
use crate::store::raw::{self, INLINE_BYTES, NewRaw, Raw};
use crate::store::read::{self, RawView, StatementView};

/// How an upload is answered.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct UploadQuery {
    /// Seconds to wait for the booking, at most 60; 0 answers as soon as the bytes are safe and the file is proved.
    #[serde(default)]
    wait: u64,
    /// Name of the source that the file is of (`[[ingestion.sources]]`); without it, the content tells.
    source: Option<String>,
}

/// A stored file and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RawStatus {
    /// The raw item.
    #[serde(flatten)]
    pub raw: RawView,
    /// Its statements, once the file is proved.
    pub statements: Vec<StatementView>,
}

/// A file that is stored.
#[derive(Debug)]
pub struct Stored {
    /// The raw item.
    pub item: Raw,
    /// Whether these bytes came for the first time.
    pub new: bool,
}

/// Why a file was not stored.
#[derive(Debug)]
pub enum StoreError {
    /// Larger than this many bytes.
    TooLarge(u64),
    /// The sender broke off.
    Source(std::io::Error),
    /// Ours.
    Failure(runtime::Failure),
}

impl<E: Into<runtime::Failure>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge(limit) => Self::too_large(limit),
            StoreError::Source(error) => Self::bad_request(format!("the body could not be read: {error}")),
            StoreError::Failure(failure) => failure.into(),
        }
    }
}

/// Stores a file: in the table, or above 64 KiB in the blob store, before anything else is done with it.
///
/// # Errors
/// [`StoreError`].
pub async fn store(
    ctx: &Context,
    mut source: impl AsyncRead + Send + Unpin,
    acts_for: &[String],
    origin: &str,
) -> Result<Stored, StoreError> {
    let limit = ctx.config::<Config>().statement_limit_bytes;
    let mut first = Vec::new();
    let room = u64::try_from(INLINE_BYTES).unwrap_or(u64::MAX);
    (&mut source)
        .take(room + 1)
        .read_to_end(&mut first)
        .await
        .map_err(StoreError::Source)?;
    let inline = first.len() <= INLINE_BYTES;
    let (sha256, size) = if inline {
        (
            hex::encode(Sha256::digest(&first)),
            u64::try_from(first.len()).unwrap_or(u64::MAX),
        )
    } else {
        let whole = std::io::Cursor::new(first.clone()).chain(source);
        let (digest, size) = ctx
            .blobs()
            .put_stream(whole, limit)
            .await
            .map_err(|error| match error {
                PutError::TooLarge { limit_bytes } => StoreError::TooLarge(limit_bytes),
                PutError::Source(error) => StoreError::Source(error),
                other => StoreError::Failure(runtime::Failure::new(anyhow::Error::new(other))),
            })?;
        (digest.to_string(), size)
    };
    if size > limit {
        return Err(StoreError::TooLarge(limit));
    }
    let raw_id = raw::raw_id(STATEMENT, &sha256);
    let mut tx = ctx.begin(Scope::Service).await?;
    let new = raw::store(
        tx.conn(),
        &NewRaw {
            raw_id,
            source: STATEMENT,
            origin,
            sha256: &sha256,
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            body: inline.then_some(first.as_slice()),
            acts_for,
            received_at: ctx.now().utc(),
            refused: None,
        },
    )
    .await?;
    if new {
        // The one who stored it proves it first; the task takes over when this instance dies.
        raw::renew(tx.conn(), raw_id).await?;
    } else {
        raw::reopen_forbidden(tx.conn(), raw_id).await?;
    }
    let item = raw::find(tx.conn(), raw_id)
        .await?
        .ok_or_else(|| anyhow::anyhow!("a raw item that was stored is not there"))?;
    tx.commit().await?;
    Ok(Stored { item, new })
}

/// Hands a proved file on to the task that books it.
///
/// # Errors
/// When the database does not answer.
pub async fn hand_on(ctx: &Context, raw_id: Uuid) -> Result<(), runtime::Failure> {
    let mut conn = ctx.pool().acquire().await?;
    raw::release(&mut conn, raw_id, 0).await?;
    ctx.wake(WAKE_STATEMENTS).notify_one();
    Ok(())
}

/// Takes a statement file (camt.053, up to 4 GiB). The body is the file itself.
#[utoipa::path(post, path = "/v1/statements", params(UploadQuery), tag = "statements",
    request_body(content = Vec<u8>, content_type = "application/xml", description = "the file as the bank made it"),
    responses(
        (status = 202, description = "stored; booked in the background", body = RawStatus),
        (status = 200, description = "stored and finished, or these bytes came before", body = RawStatus),
        (status = 413, description = "larger than 4 GiB"),
        (status = 422, description = "refused: no camt.053 that can be read; errors say where and why"),
        (status = 503, description = "could not be stored; send it again")))]
pub async fn upload(
    State(ctx): State<Context>,
    caller: Caller,
    Query(query): Query<UploadQuery>,
    body: Body,
) -> Result<Response, Problem> {
    require_one_of(&caller, &["integration", "admin"])?;
    let config = ctx.config::<Config>();
    if let Some(name) = query.source.as_deref().filter(|name| config.source(name).is_none()) {
        return Err(Problem::bad_request(format!(
            "no source is configured under the name {name:?}"
        )));
    }
    let origin = import::source::origin("http", query.source.as_deref());
    let source = StreamReader::new(Box::pin(body.into_data_stream().map_err(std::io::Error::other)));
    let Stored { item, new } = store(&ctx, source, &caller.creditors, &origin).await?;
    let small = u64::try_from(item.size_bytes).is_ok_and(|size| size <= config.prove_inline_bytes);
    if item.state == "received" && small {
        import::prove(&ctx, &item).await?;
    }
    if matches!(item.state.as_str(), "received" | "proved") {
        hand_on(&ctx, item.raw_id).await?;
    }
    let status = wait(&ctx, item.raw_id, query.wait.min(60)).await?;
    if status.raw.state == "refused" {
        return Err(refused(&status.raw));
    }
    let finished = matches!(status.raw.state.as_str(), "done" | "quarantined");
    let code = if finished && (!new || query.wait > 0) {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let location = [(header::LOCATION, format!("/v1/raw/{}", item.raw_id))];
    Ok((code, location, Json(status)).into_response())
}

fn refused(raw: &RawView) -> Problem {
    let text = |problem: &serde_json::Value, name: &str| {
        problem
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let errors = raw.problems.as_array().into_iter().flatten();
    let errors = errors
        .map(|problem| {
            let detail = format!("{}. {}", text(problem, "what"), text(problem, "remedy"));
            FieldError::new(text(problem, "where"), raw.reason.clone().unwrap_or_default(), detail)
        })
        .collect();
    Problem::unprocessable(errors)
        .with_kind("statement-refused")
        .with_detail("the file is refused: nothing of it is booked, its bytes are kept")
        .with("raw_id", raw.raw_id.to_string())
}

async fn wait(ctx: &Context, raw_id: Uuid, seconds: u64) -> Result<RawStatus, Problem> {
    let started = std::time::Instant::now();
    loop {
        let status = status(ctx, raw_id)
            .await?
            .ok_or_else(|| Problem::not_found("there is no raw item with this id"))?;
        let open = matches!(status.raw.state.as_str(), "received" | "proved");
        if !open || started.elapsed() >= Duration::from_secs(seconds) {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn status(ctx: &Context, raw_id: Uuid) -> Result<Option<RawStatus>, Problem> {
    let mut conn = ctx.pool().acquire().await?;
    let Some(raw) = read::raw(&mut conn, raw_id).await? else {
        return Ok(None);
    };
    let statements = read::statements(&mut conn, raw_id).await?;
    Ok(Some(RawStatus { raw, statements }))
}

/// What became of something that was sent.
#[utoipa::path(get, path = "/v1/raw/{id}", params(("id" = Uuid, Path, description = "as answered when it was sent")), tag = "statements",
    responses((status = 200, body = RawStatus), (status = 404, description = "unknown, or another sender's")))]
pub async fn show(
    State(ctx): State<Context>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<RawStatus>, Problem> {
    let raw_id = id(&text)?;
    let unknown = || Problem::not_found("there is no raw item with this id");
    let status = status(&ctx, raw_id).await?.ok_or_else(unknown)?;
    let mut conn = ctx.pool().acquire().await?;
    let acts_for = read::raw_acts_for(&mut conn, raw_id).await?;
    if !acts_for.iter().any(|code| caller.may_act_for(code)) {
        return Err(unknown());
    }
    Ok(Json(status))
}
