//! A chunk of puts in one transaction: load → decide → save → emit. A single PUT is a chunk of one.

use std::collections::BTreeMap;

use contracts::Message;
use contracts::catalogue::{ACCOUNTS, DEBTORS, INVOICES, Topic};
use kernel::{CreditorId, MessageId, Timestamp};
use runtime::{Context, Failure, Scope, Tx};
use uuid::Uuid;

use crate::bodies::fields::{ExternalId, Version};
use crate::bodies::{Body, Kind, Owner, Sent, canonical};
use crate::domain::{Content, Event, FieldError, Movement, Outcome, Put, Refusal, Terms, World};
use crate::store::{self, Needs, Stamp, creditors};

/// A thing as it came in, well-formed.
pub struct Incoming {
    /// What it is.
    pub kind: Kind,
    /// The ERP's own id.
    pub external_id: String,
    /// Version and digest.
    pub content: Content,
    body: String,
    sent: Sent,
}

impl Incoming {
    /// Takes a body that was read.
    ///
    /// # Errors
    /// Fields that do not go together.
    pub fn new<B: Body>(external_id: ExternalId, mut body: B) -> Result<Self, Vec<FieldError>> {
        body.check()?;
        let version = std::mem::replace(body.version(), Version::ANY);
        let (text, content) = canonical(&body, version.get()).map_err(|error| {
            let detail = format!("cannot be written as JSON: {error}");
            vec![FieldError {
                pointer: String::new(),
                rule: "format",
                detail,
            }]
        })?;
        *body.version() = version;
        Ok(Self {
            kind: B::KIND,
            external_id: external_id.into(),
            content,
            body: text,
            sent: body.into(),
        })
    }
}

/// Why a chunk was not put.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The creditor was never registered.
    #[error("no such creditor is registered")]
    UnknownCreditor,
    /// To be tried again.
    #[error("{0}")]
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for ChunkError {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// What became of each put, in order, and its id.
pub type Results = Vec<Result<(Uuid, Outcome), Refusal>>;

/// Puts a chunk: all that is accepted commits together, what is refused changes nothing.
///
/// # Errors
/// [`ChunkError`]; then nothing was put.
pub async fn put(ctx: &Context, creditor_code: &str, chunk: &[Incoming]) -> Result<Results, ChunkError> {
    let creditor_id = CreditorId::derive(creditor_code);
    let mut tx = ctx.begin(Scope::Service).await?;
    store::creditor_shared(&mut tx, creditor_id).await?;
    let creditor = creditors::find(tx.conn(), creditor_code)
        .await?
        .ok_or(ChunkError::UnknownCreditor)?;
    let at = ctx.now();
    let today = at.date_in(creditor.calendar.tz());
    let owner = Owner {
        creditor_id,
        calendar: &creditor.calendar,
        currency: creditor.body.currency,
        today,
    };

    let mut needs = Needs::default();
    let puts: Vec<Put> = chunk
        .iter()
        .map(|line| line.sent.clone().put(&line.external_id, owner))
        .inspect(|put| needs.add(put))
        .collect();
    let mut world = store::load(&mut tx, owner, Terms { creditor_id, today }, needs).await?;
    let decided = decide(&mut world, creditor_code, chunk, puts);
    if !decided.saved.is_empty() {
        let stamp = Stamp {
            creditor_id,
            calendar: &creditor.calendar,
            at,
        };
        store::save(&mut tx, stamp, &world, &decided.saved).await?;
        store::movements(&mut tx, stamp, &decided.movements).await?;
        for (event, id) in &decided.events {
            emit(&mut tx, event, *id, at)?;
        }
    }
    tx.commit().await?;
    count(ctx, chunk, &decided.results);
    Ok(decided.results)
}

/// What a chunk comes to.
#[derive(Default)]
struct Decided<'a> {
    results: Results,
    saved: store::Saved<'a>,
    events: Vec<(Event, MessageId)>,
    movements: Vec<(Uuid, Movement)>,
}

fn decide<'a>(world: &mut World, creditor_code: &str, chunk: &'a [Incoming], puts: Vec<Put>) -> Decided<'a> {
    let mut decided = Decided::default();
    for (line, put) in chunk.iter().zip(puts) {
        let id = id_of(&put);
        match world.put(put, line.content) {
            Err(refusal) => decided.results.push(Err(refusal)),
            Ok(done) => {
                decided.results.push(Ok((id, done.outcome)));
                if done.stored {
                    decided.saved.insert(id, (&line.external_id, &line.body));
                }
                let cause = format!(
                    "billing/{creditor_code}/{}/{}/{}",
                    line.kind.word(),
                    line.external_id,
                    line.content.version
                );
                decided.events.extend(numbered(&cause, done.events));
                let moved = done.movements.into_iter().zip(0_u32..);
                let id = |n: u32| MessageId::derive_text(&format!("{cause}/movement/{n}")).as_uuid();
                decided.movements.extend(moved.map(|(movement, n)| (id(n), movement)));
            }
        }
    }
    decided
}

fn id_of(put: &Put) -> Uuid {
    match put {
        Put::Debtor(debtor) => debtor.0.debtor_id.as_uuid(),
        Put::Account(account) => account.state.account_id.as_uuid(),
        Put::Place(place) => place.state.place_id.as_uuid(),
        Put::Document(document) => document.id().as_uuid(),
    }
}

/// Ids of a put's events: of creditor, kind, external id, version, type, and how many of that type came before it.
fn numbered(cause: &str, events: Vec<Event>) -> Vec<(Event, MessageId)> {
    let mut before: BTreeMap<&'static str, u32> = BTreeMap::new();
    events
        .into_iter()
        .map(|event| {
            let n = before.entry(event.kind()).or_default();
            let id = MessageId::derive_text(&format!("{cause}/{}/{n}", event.kind()));
            *n = n.saturating_add(1);
            (event, id)
        })
        .collect()
}

/// The rows of the accounts and debtors concerned are locked: outbox order is commit order.
fn emit(tx: &mut Tx, event: &Event, id: MessageId, at: Timestamp) -> Result<(), Failure> {
    fn on<M: Message>(
        tx: &mut Tx,
        topic: &'static Topic,
        event: &M,
        id: MessageId,
        at: Timestamp,
    ) -> Result<(), Failure> {
        tx.emit(topic, event, id, at)
    }
    match event {
        Event::DebtorRegistered(event) => on(tx, &DEBTORS, event, id, at),
        Event::AccountOpened(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::AccountChanged(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::AccountClosed(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::PlaceTaken(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::PlaceLeft(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::ProtectionDeclared(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::ProtectionLifted(event) => on(tx, &ACCOUNTS, event, id, at),
        Event::InvoiceIssued(event) => on(tx, &INVOICES, event, id, at),
        Event::InvoiceCorrected(event) => on(tx, &INVOICES, event, id, at),
        Event::InvoiceCancelled(event) => on(tx, &INVOICES, event, id, at),
        Event::CreditNoteIssued(event) => on(tx, &INVOICES, event, id, at),
    }
}

fn count(ctx: &Context, chunk: &[Incoming], results: &Results) {
    let puts = ctx.metrics().counter(
        "incasso_billing_puts_total",
        "Things that the ERP put, by kind and what became of them.",
        &["kind", "outcome"],
    );
    for (line, result) in chunk.iter().zip(results) {
        puts.inc(&[line.kind.word(), outcome_word(result)]);
    }
}

/// The word for what became of a put.
#[must_use]
pub fn outcome_word(result: &Result<(Uuid, Outcome), Refusal>) -> &'static str {
    match result {
        Ok((_, outcome)) => outcome.word(),
        Err(Refusal::Conflict { .. }) => "conflict",
        Err(Refusal::Invalid(_)) => "invalid",
    }
}
