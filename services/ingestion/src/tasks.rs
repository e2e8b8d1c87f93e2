//! Work for people: kept, listed by the API, and told on `ingestion.task.v1`.
//!
//! ```text
//! tasks::raise(tx, &[Task::new(TaskKind::StatementGap, &["account", "17"], at).of_creditor(creditor).told("account", number)]).await?;
//! tasks::close(tx, &[task_id], "withdrawn", None, at).await?;
//! ```

use contracts::catalogue::INGESTION_TASKS;
use contracts::{Fact, TaskClosed, TaskRaised};
use kernel::{AccountId, BusinessDate, CreditorId, MessageId, TaskId, Timestamp};
use runtime::{Failure, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::tasks::TaskKind;
use crate::store::tasks::{self, Decided, NewTask};

/// Work for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    kind: TaskKind,
    task_id: TaskId,
    creditor_id: Option<CreditorId>,
    account_id: Option<AccountId>,
    matter: Value,
    evidence: Vec<Fact>,
    due_on: Option<BusinessDate>,
    raised_at: Timestamp,
}

impl Task {
    /// The id of the task about this matter.
    #[must_use]
    pub fn id(kind: TaskKind, matter: &[&str]) -> TaskId {
        let parts: Vec<&str> = ["ingestion", kind.word()]
            .into_iter()
            .chain(matter.iter().copied())
            .collect();
        TaskId::derive(&parts)
    }

    /// A task about this matter: the same kind and parts are the same task, raised once.
    #[must_use]
    pub fn new(kind: TaskKind, matter: &[&str], raised_at: Timestamp) -> Self {
        Self {
            kind,
            task_id: Self::id(kind, matter),
            creditor_id: None,
            account_id: None,
            matter: Value::Null,
            evidence: Vec::new(),
            due_on: None,
            raised_at,
        }
    }

    /// About this creditor's money.
    #[must_use]
    pub const fn of_creditor(mut self, creditor: CreditorId) -> Self {
        self.creditor_id = Some(creditor);
        self
    }

    /// About this account.
    #[must_use]
    pub const fn of_account(mut self, account: Option<AccountId>) -> Self {
        self.account_id = account;
        self
    }

    /// What the code that follows the decision needs.
    #[must_use]
    pub fn with_matter(mut self, matter: Value) -> Self {
        self.matter = matter;
        self
    }

    /// To be decided by then.
    #[must_use]
    pub const fn due(mut self, on: BusinessDate) -> Self {
        self.due_on = Some(on);
        self
    }

    /// A fact that the person needs; no personal data.
    #[must_use]
    pub fn told(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.evidence.push(Fact {
            name: name.to_owned(),
            value: value.to_string(),
        });
        self
    }

    /// Its id.
    #[must_use]
    pub const fn task_id(&self) -> Uuid {
        self.task_id.as_uuid()
    }

    fn row(&self) -> Result<NewTask, Failure> {
        Ok(NewTask {
            task_id: self.task_id.as_uuid(),
            kind: self.kind.word(),
            queue: self.kind.queue(),
            creditor_id: self.creditor_id.map(|creditor| creditor.as_uuid()),
            account_id: self.account_id.map(|account| account.as_uuid()),
            matter: self.matter.clone(),
            evidence: serde_json::to_value(&self.evidence)?,
            due_on: self.due_on.map(|on| on.naive()),
            raised_at: self.raised_at.utc(),
        })
    }

    fn event(&self) -> TaskRaised {
        TaskRaised {
            task_id: self.task_id,
            queue: self.kind.queue().to_owned(),
            account_id: self.account_id,
            creditor_id: self.creditor_id,
            kind: self.kind.word().to_owned(),
            due_on: self.due_on,
            evidence: self.evidence.clone(),
            raised_at: self.raised_at,
        }
    }
}

/// Raises those of these tasks that were never raised before; gives how many. One statement, whatever their number.
///
/// # Errors
/// When the database does not answer.
pub async fn raise(tx: &mut Tx, wanted: &[Task]) -> Result<usize, Failure> {
    let rows = wanted.iter().map(Task::row).collect::<Result<Vec<_>, _>>()?;
    let mut new = tasks::insert_new(tx.conn(), &rows).await?;
    let count = new.len();
    for task in wanted.iter().filter(|task| new.remove(&task.task_id.as_uuid())) {
        let id = MessageId::derive_text(&format!("TaskRaised/{}", task.task_id));
        tx.emit(&INGESTION_TASKS, &task.event(), id, task.raised_at)?;
    }
    Ok(count)
}

/// Closes those of these tasks that are open: `done` (then a person may have decided), `withdrawn` or `superseded`; gives how
/// many.
///
/// # Errors
/// When the database does not answer.
pub async fn close(
    tx: &mut Tx,
    ids: &[Uuid],
    reason: &'static str,
    decided: Option<&Decided<'_>>,
    at: Timestamp,
) -> Result<usize, Failure> {
    let closed = tasks::close(tx.conn(), ids, reason, decided, at.utc()).await?;
    for (task, account) in &closed {
        let event = TaskClosed {
            task_id: TaskId::from_uuid(*task),
            account_id: account.map(AccountId::from_uuid),
            reason: reason.to_owned(),
            closed_at: at,
        };
        let id = MessageId::derive_text(&format!("TaskClosed/{task}"));
        tx.emit(&INGESTION_TASKS, &event, id, at)?;
    }
    Ok(closed.len())
}
