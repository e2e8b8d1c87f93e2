//! The report of a batch: a line for each line, written to a temporary file while the batch comes in, sent after the last.

use std::io;

use axum::body::Body;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answers::shown_error;
use crate::bodies::Kind;
use crate::domain::{FieldError, Outcome, Refusal};
use crate::puts::outcome_word;

/// What became of one line.
#[derive(Serialize, ToSchema)]
pub struct ReportLine {
    /// The line's number in the batch, from 1.
    pub line: u64,
    /// What it is, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The ERP's own id, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Its id in all events, where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The HTTP status that a PUT of it would have got.
    pub status: u16,
    /// `created`, `updated`, `unchanged`, `superseded`; `conflict` (409), `invalid` (422), `too_large` (413), `unavailable` (503).
    pub outcome: &'static str,
    /// Fields that break rules; pointers are into the line: `/data/instalments/0/due_on`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<runtime::FieldError>,
}

impl ReportLine {
    /// A line that was not put.
    pub fn refused(line: u64, status: u16, outcome: &'static str, error: FieldError) -> Self {
        Self {
            line,
            kind: None,
            external_id: None,
            id: None,
            status,
            outcome,
            errors: vec![shown_error(error)],
        }
    }

    /// A line with the fields of `data` that break rules.
    pub fn invalid(line: u64, kind: Kind, external_id: &str, errors: Vec<FieldError>) -> Self {
        Self {
            line,
            kind: Some(kind),
            external_id: Some(external_id.to_owned()),
            id: None,
            status: 422,
            outcome: "invalid",
            errors: errors.into_iter().map(shown_error).collect(),
        }
    }

    /// A line that was decided.
    pub fn decided(line: u64, kind: Kind, external_id: String, result: Result<(Uuid, Outcome), Refusal>) -> Self {
        let outcome = outcome_word(&result);
        let (id, status, errors) = match result {
            Ok((id, outcome)) => (Some(id.to_string()), outcome.status(), Vec::new()),
            Err(Refusal::Conflict { version }) => {
                let detail =
                    format!("version {version} is stored with other content; send the change under a newer version");
                (
                    None,
                    409,
                    vec![FieldError {
                        pointer: "/data/version".to_owned(),
                        rule: "version-conflict",
                        detail,
                    }],
                )
            }
            Err(Refusal::Invalid(errors)) => (None, 422, errors.into_iter().map(in_data).collect()),
        };
        let errors = errors.into_iter().map(shown_error).collect();
        Self {
            line,
            kind: Some(kind),
            external_id: Some(external_id),
            id,
            status,
            outcome,
            errors,
        }
    }
}

/// A field of the line's `data`.
pub fn in_data(mut error: FieldError) -> FieldError {
    error.pointer.insert_str(0, "/data");
    error
}

/// The report while it is written.
pub struct Report {
    file: BufWriter<File>,
    buffer: Vec<u8>,
}

impl Report {
    /// An empty report in a file that nobody else sees and that goes with it.
    ///
    /// # Errors
    /// When there is no place for it.
    pub async fn new() -> io::Result<Self> {
        let file = tokio::task::spawn_blocking(tempfile::tempfile)
            .await
            .map_err(io::Error::other)??;
        Ok(Self {
            file: BufWriter::new(File::from_std(file)),
            buffer: Vec::new(),
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When the disk is full.
    pub async fn add(&mut self, line: &ReportLine) -> io::Result<()> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, line)?;
        self.buffer.push(b'\n');
        self.file.write_all(&self.buffer).await
    }

    /// The report as the answer's body.
    ///
    /// # Errors
    /// When the disk is full.
    pub async fn into_body(mut self) -> io::Result<Body> {
        self.file.flush().await?;
        let mut file = self.file.into_inner();
        file.rewind().await?;
        Ok(Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024)))
    }
}
