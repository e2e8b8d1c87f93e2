//! NDJSON of debtors, accounts, places and invoices, in the order in which they are to be put.
//!
//! ```json
//! {"kind":"account","external_id":"A-1","data":{"version":1,"debtor":"D-1", …}}
//! ```
//!
//! Lines are read, put in chunks of one transaction each, and answered one by one in the report, which is sent after the
//! last. While a chunk is put, the next one is read: memory holds two. A bad line never stops the rest; a database that does
//! not answer does, so that nothing overtakes what was not put.

use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use runtime::openapi::{BodyRefusals, ReadRefusals};
use runtime::{Caller, Context, Failure, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{CreditorPath, media_type, path};
use super::lines::{Line, Lines};
use super::report::{Report, ReportLine, in_data};
use super::require_writer;
use super::things::unknown_creditor;
use crate::bodies::fields::ExternalId;
use crate::bodies::json::Json;
use crate::bodies::reading::{ReadError, read};
use crate::bodies::{AccountBody, Body, DebtorBody, InvoiceBody, Kind, PlaceBody};
use crate::config::Config;
use crate::domain::FieldError;
use crate::puts::{self, ChunkError, Incoming, Results};
use crate::store::creditors;

/// Media types of NDJSON; none is registered.
const MEDIA_TYPES: [&str; 4] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-lines",
];

/// Bytes of one chunk, so that long lines make short chunks.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// First pause before a chunk is tried again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// One line of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchLine {
    kind: Kind,
    external_id: ExternalId,
    data: Json,
}

/// The same with its body; read only to say which field of it is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "B: Body"))]
struct TypedLine<B> {
    #[serde(rename = "kind")]
    _kind: Kind,
    #[serde(rename = "external_id")]
    _external_id: ExternalId,
    data: B,
}

/// One line of a batch: `data` is the body that a PUT of that kind takes.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; BatchLine reads it")]
pub enum BatchLineBody {
    /// A debtor.
    Debtor {
        /// The ERP's own id.
        external_id: ExternalId,
        /// As in PUT.
        data: DebtorBody,
    },
    /// An account.
    Account {
        /// The ERP's own id.
        external_id: ExternalId,
        /// As in PUT.
        data: AccountBody,
    },
    /// A place.
    Place {
        /// The ERP's own id.
        external_id: ExternalId,
        /// As in PUT.
        data: PlaceBody,
    },
    /// An invoice or credit note.
    Invoice {
        /// The ERP's own id.
        external_id: ExternalId,
        /// As in PUT.
        data: InvoiceBody,
    },
}

/// Lines of one transaction: their numbers, and what is to be put or why not.
type Chunk = Vec<(u64, Result<Incoming, ReportLine>)>;

/// Puts many things. The body: a `BatchLineBody` per line, in the order in which they are to be put. The answer: a `ReportLine`
/// per line, after the last. Empty lines are passed over.
#[utoipa::path(post, path = "/v1/creditors/{creditor}/batch", tag = "batch", params(CreditorPath),
    request_body(content = String, content_type = "application/x-ndjson", description = "A BatchLineBody per line"),
    responses((status = 200, description = "A ReportLine per line", body = String, content_type = "application/x-ndjson"),
        ReadRefusals, BodyRefusals))]
pub async fn post_batch(
    State(ctx): State<Context>,
    caller: Caller,
    at: Result<Path<CreditorPath>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let code = path(at)?.creditor;
    require_writer(&caller, &code)?;
    if !media_type(&request).is_some_and(|media_type| MEDIA_TYPES.contains(&media_type.as_str())) {
        return Err(Problem::unsupported_media_type(
            "send application/x-ndjson: a JSON object per line",
        ));
    }
    let mut conn = ctx.pool().acquire().await?;
    creditors::find(&mut conn, &code).await?.ok_or_else(unknown_creditor)?;
    drop(conn);
    let config = ctx.config::<Config>();
    let reader = Reader::new(Lines::new(request.into_body(), config.batch_line_max_bytes), &config);
    let mut report = Report::new().await.map_err(Failure::from)?;
    let mut unavailable = false;
    let (mut reader, mut chunk) = read_next(reader).await?;
    while !chunk.is_empty() {
        // The next chunk is read on another thread while this one is put.
        let reading = tokio::spawn(read_next(reader));
        let (lines, gone) = decide(&ctx, &config, &code, chunk, unavailable).await;
        unavailable = gone;
        for line in lines {
            report.add(&line).await.map_err(Failure::from)?;
        }
        (reader, chunk) = reading.await.map_err(Failure::new)??;
    }
    let body = report.into_body().await.map_err(Failure::from)?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

async fn read_next(mut reader: Reader) -> Result<(Reader, Chunk), Problem> {
    let chunk = reader.chunk().await?;
    Ok((reader, chunk))
}

/// Cuts the body into chunks.
struct Reader {
    lines: Lines,
    number: u64,
    lines_max: u64,
    line_max_bytes: usize,
    chunk_lines: usize,
}

impl Reader {
    fn new(lines: Lines, config: &Config) -> Self {
        let Config {
            batch_lines_max,
            batch_line_max_bytes,
            batch_chunk_lines,
            ..
        } = *config;
        let (lines_max, line_max_bytes, chunk_lines) = (batch_lines_max, batch_line_max_bytes, batch_chunk_lines);
        Self {
            lines,
            number: 0,
            lines_max,
            line_max_bytes,
            chunk_lines,
        }
    }

    /// The next lines; none at the end.
    async fn chunk(&mut self) -> Result<Chunk, Problem> {
        let (mut chunk, mut bytes) = (Chunk::new(), 0_usize);
        while chunk.len() < self.chunk_lines && bytes < CHUNK_BYTES {
            let broken =
                |_| Problem::bad_request("the body broke off; what was complete before is put, send all again");
            let Some(line) = self.lines.next().await.map_err(broken)? else {
                break;
            };
            self.number = self.number.saturating_add(1);
            match line {
                Line::Text(text) if text.iter().all(u8::is_ascii_whitespace) => {}
                Line::Text(text) => {
                    bytes = bytes.saturating_add(text.len());
                    chunk.push((self.number, self.line(&text)));
                }
                Line::TooLong => {
                    let detail = format!("a line has at most {} bytes", self.line_max_bytes);
                    chunk.push((self.number, Err(too_large(self.number, "max-bytes", detail))));
                }
            }
        }
        Ok(chunk)
    }

    fn line(&self, text: &[u8]) -> Result<Incoming, ReportLine> {
        if self.number > self.lines_max {
            let detail = format!("a batch has at most {} lines", self.lines_max);
            return Err(too_large(self.number, "max-lines", detail));
        }
        let line: BatchLine = read(text).map_err(|error| {
            let error = match error {
                ReadError::Syntax(detail) => FieldError {
                    pointer: String::new(),
                    rule: "json",
                    detail,
                },
                ReadError::Shape(error) => error,
            };
            ReportLine::refused(self.number, 422, "invalid", error)
        })?;
        match line.kind {
            Kind::Debtor => self.incoming::<DebtorBody>(line, text),
            Kind::Account => self.incoming::<AccountBody>(line, text),
            Kind::Place => self.incoming::<PlaceBody>(line, text),
            Kind::Invoice => self.incoming::<InvoiceBody>(line, text),
        }
    }

    fn incoming<B: Body>(&self, line: BatchLine, text: &[u8]) -> Result<Incoming, ReportLine> {
        let BatchLine {
            kind,
            external_id,
            data,
        } = line;
        let invalid = |errors| ReportLine::invalid(self.number, kind, external_id.as_str(), errors);
        let body = B::deserialize(data)
            .or_else(|_| read::<TypedLine<B>>(text).map(|line| line.data))
            .map_err(|error| {
                invalid(vec![match error {
                    ReadError::Syntax(detail) => FieldError {
                        pointer: String::new(),
                        rule: "json",
                        detail,
                    },
                    ReadError::Shape(error) => error,
                }])
            })?;
        Incoming::new(external_id.clone(), body).map_err(|errors| invalid(errors.into_iter().map(in_data).collect()))
    }
}

fn too_large(line: u64, rule: &'static str, detail: String) -> ReportLine {
    ReportLine::refused(
        line,
        413,
        "too_large",
        FieldError {
            pointer: String::new(),
            rule,
            detail,
        },
    )
}

/// Puts a chunk and reports its lines; whether the database did not answer. Once it did not, nothing more is put.
async fn decide(
    ctx: &Context,
    config: &Config,
    code: &str,
    chunk: Chunk,
    unavailable: bool,
) -> (Vec<ReportLine>, bool) {
    let mut incoming = Vec::with_capacity(chunk.len());
    let mut numbers = Vec::with_capacity(chunk.len());
    for (number, line) in chunk {
        match line {
            Ok(line) => {
                incoming.push(line);
                numbers.push((number, None));
            }
            Err(refused) => numbers.push((number, Some(refused))),
        }
    }
    let results = match unavailable || incoming.is_empty() {
        true => Ok(Results::new()),
        false => put(ctx, config, code, &incoming).await,
    };
    let unavailable = unavailable || results.is_err();
    let mut decided = incoming.into_iter().zip(
        results
            .unwrap_or_default()
            .into_iter()
            .map(Some)
            .chain(std::iter::repeat_with(|| None)),
    );
    let report = numbers.into_iter().filter_map(|(number, refused)| {
        refused.or_else(|| {
            let (line, result) = decided.next()?;
            Some(match result {
                Some(result) => ReportLine::decided(number, line.kind, line.external_id, result),
                None => not_put(number, line),
            })
        })
    });
    (report.collect(), unavailable)
}

fn not_put(number: u64, line: Incoming) -> ReportLine {
    let detail = "the database did not answer, here or before; send the line again later".to_owned();
    let error = FieldError {
        pointer: String::new(),
        rule: "unavailable",
        detail,
    };
    let refused = ReportLine::refused(number, 503, "unavailable", error);
    ReportLine {
        kind: Some(line.kind),
        external_id: Some(line.external_id),
        ..refused
    }
}

/// Puts a chunk, again and again while the database does not answer. Safe: what was put before is `unchanged` now.
async fn put(ctx: &Context, config: &Config, code: &str, incoming: &[Incoming]) -> Result<Results, ChunkError> {
    let began = Instant::now();
    let patience = Duration::from_secs(config.batch_patience_seconds);
    let mut pause = FIRST_PAUSE;
    loop {
        match puts::put(ctx, code, incoming).await {
            Err(ChunkError::Failure(failure)) if began.elapsed().saturating_add(pause) < patience => {
                tracing::warn!(error = %failure, "a chunk of a batch will be put again");
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            Err(error) => {
                tracing::error!(%error, "a batch stops here");
                return Err(error);
            }
            Ok(results) => return Ok(results),
        }
    }
}
