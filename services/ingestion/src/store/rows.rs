//! Append-only money rows. Each is inserted once and has a canonical text: table and columns, joined by `|`, on which the
//! day's digest is built. Personal columns are not in it, so that they can be erased.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::Bulk;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// A column's value as text of the digest; one spelling per value.
pub trait Canonical {
    /// Appends it.
    fn write(&self, text: &mut String);
}

macro_rules! canonical_display {
    ($($kind:ty),*) => {$(
        impl Canonical for $kind {
            fn write(&self, text: &mut String) {
                use std::fmt::Write as _;
                // Writing to a String cannot fail.
                let _ = write!(text, "{self}");
            }
        }
    )*};
}

canonical_display!(Uuid, String, i32, i64, bool, NaiveDate);

impl Canonical for DateTime<Utc> {
    fn write(&self, text: &mut String) {
        self.timestamp_micros().write(text);
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn write(&self, text: &mut String) {
        match self {
            Some(value) => value.write(text),
            None => text.push('~'),
        }
    }
}

/// A column's value as it is bound: texts are lent, not copied.
trait Lent {
    /// What PostgreSQL takes.
    type As<'a>
    where
        Self: 'a;

    /// Lends it.
    fn lend(&self) -> Self::As<'_>;
}

macro_rules! lent_copies {
    ($($kind:ty),*) => {$(
        impl Lent for $kind {
            type As<'a> = $kind;

            fn lend(&self) -> $kind {
                *self
            }
        }
    )*};
}

lent_copies!(Uuid, i32, i64, bool, NaiveDate, DateTime<Utc>);

impl Lent for String {
    type As<'a> = &'a str;

    fn lend(&self) -> &str {
        self
    }
}

impl<T: Lent> Lent for Option<T> {
    type As<'a>
        = Option<T::As<'a>>
    where
        T: 'a;

    fn lend(&self) -> Option<T::As<'_>> {
        self.as_ref().map(T::lend)
    }
}

/// A money row.
pub trait Row: Sized {
    /// Its table.
    const TABLE: &'static str;

    /// The text that the digest is built on.
    fn canonical(&self) -> String;
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident in $table:literal {
        $($field:ident: $kind:ty as $pg:literal,)*
        $(; personal $($private:ident: $private_kind:ty as $private_pg:literal,)*)?
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
        #[expect(missing_docs, reason = "columns are described in migrations/0003_money.sql")]
        pub struct $name {
            $(pub $field: $kind,)*
            $($(pub $private: $private_kind,)*)?
        }

        impl Row for $name {
            const TABLE: &'static str = $table;

            fn canonical(&self) -> String {
                let mut text = String::with_capacity(320);
                text.push_str($table);
                $(
                    text.push('|');
                    self.$field.write(&mut text);
                )*
                text
            }
        }

        impl $name {
            /// The statement that inserts arrays of columns.
            fn insert_sql(suffix: &str) -> String {
                let names = [$(stringify!($field),)* $($(stringify!($private),)*)?];
                let kinds = [$($pg,)* $($($private_pg,)*)?];
                let places: Vec<String> = kinds.iter().enumerate().map(|(n, kind)| format!("${}::{kind}[]", n + 1)).collect();
                format!("INSERT INTO {} ({}) SELECT * FROM UNNEST({}) {suffix}", $table, names.join(", "), places.join(", "))
            }

            /// Inserts all rows with the rest of the bulk.
            pub fn insert(bulk: &mut Bulk, rows: &[Self]) {
                static SQL: LazyLock<String> = LazyLock::new(|| $name::insert_sql(""));
                if !rows.is_empty() {
                    bulk.add(SQL.as_str())
                        $(.bind(rows.iter().map(|row| row.$field.lend()).collect::<Vec<_>>()))*
                        $($(.bind(rows.iter().map(|row| row.$private.lend()).collect::<Vec<_>>()))*)?;
                }
            }

            /// Inserts this row at once: what is asked next must see it.
            ///
            /// # Errors
            /// When the database does not answer, or the row breaks a constraint.
            pub async fn insert_now(&self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
                let mut bulk = Bulk::default();
                Self::insert(&mut bulk, std::slice::from_ref(self));
                bulk.run(conn).await
            }

            /// Inserts the rows that are new by their primary key; gives the keys of those, by the first column.
            ///
            /// # Errors
            /// When the database does not answer, or a row breaks a constraint.
            pub async fn insert_new(conn: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, sqlx::Error> {
                static SQL: LazyLock<String> = LazyLock::new(|| {
                    let key = [$(stringify!($field),)*].first().copied().unwrap_or_default();
                    $name::insert_sql(&format!("ON CONFLICT DO NOTHING RETURNING {key}"))
                });
                if rows.is_empty() {
                    return Ok(Vec::new());
                }
                sqlx::query_scalar(AssertSqlSafe(SQL.as_str()))
                    $(.bind(rows.iter().map(|row| row.$field.lend()).collect::<Vec<_>>()))*
                    $($(.bind(rows.iter().map(|row| row.$private.lend()).collect::<Vec<_>>()))*)?
                    .fetch_all(conn)
                    .await
            }
        }
    )*};
}

rows! {
    /// Money that came in.
    PaymentRow in "payment" {
        payment_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        channel: String as "text",
        collector: String as "text",
        kind: String as "text",
        currency: String as "text",
        amount_minor: i64 as "bigint",
        booked_on: Option<NaiveDate> as "date",
        value_on: NaiveDate as "date",
        received_at: DateTime<Utc> as "timestamptz",
        refs: String as "text",
        payer_key: Option<String> as "text",
        raw_id: Uuid as "uuid",
        raw_sha256: String as "text",
    }

    /// One look at money in one document.
    SightingRow in "sighting" {
        statement_id: Uuid as "uuid",
        entry_no: i64 as "bigint",
        sighting_id: Uuid as "uuid",
        payment_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        channel: String as "text",
        collector: String as "text",
        class: String as "text",
        status: String as "text",
        first: bool as "boolean",
        currency: String as "text",
        amount_minor: i64 as "bigint",
        booked_on: Option<NaiveDate> as "date",
        value_on: Option<NaiveDate> as "date",
        entry_key: Uuid as "uuid",
        occurrence: i32 as "integer",
        refs: String as "text",
        raw_id: Uuid as "uuid",
        place: String as "text",
        sighted_at: DateTime<Utc> as "timestamptz",
        ; personal
        payer_name: Option<String> as "text",
        payer_iban: Option<String> as "text",
        remittance: Option<String> as "text",
    }

    /// A part of a payment for one account.
    FundsRow in "funds" {
        payment_id: Uuid as "uuid",
        account_id: Uuid as "uuid",
        n: i32 as "integer",
        funds_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        collector: String as "text",
        partition_no: i32 as "integer",
        currency: String as "text",
        amount_minor: i64 as "bigint",
        invoice_ids: String as "text",
        evidence: String as "text",
        decided_by: Option<String> as "text",
        decided_reason: Option<String> as "text",
        assigned_at: DateTime<Utc> as "timestamptz",
    }

    /// Funds taken away from an account.
    WithdrawalRow in "withdrawal" {
        withdrawal_id: Uuid as "uuid",
        funds_id: Uuid as "uuid",
        payment_id: Uuid as "uuid",
        account_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        collector: String as "text",
        partition_no: i32 as "integer",
        currency: String as "text",
        amount_minor: i64 as "bigint",
        reason: String as "text",
        withdrawn_at: DateTime<Utc> as "timestamptz",
    }

    /// A payment taken back.
    ReversalRow in "reversal" {
        reversal_id: Uuid as "uuid",
        payment_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        collector: String as "text",
        currency: String as "text",
        amount_minor: i64 as "bigint",
        value_on: NaiveDate as "date",
        reason: Option<String> as "text",
        raw_id: Uuid as "uuid",
        reversed_at: DateTime<Utc> as "timestamptz",
    }

    /// A debit that took nothing back, or (negative) the undoing of one.
    OutgoingRow in "outgoing" {
        outgoing_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        collector: String as "text",
        currency: String as "text",
        amount_minor: i64 as "bigint",
        value_on: NaiveDate as "date",
        raw_id: Uuid as "uuid",
        booked_at: DateTime<Utc> as "timestamptz",
    }

    /// A change of what is unidentified.
    DepositMoveRow in "deposit_move" {
        move_id: Uuid as "uuid",
        payment_id: Uuid as "uuid",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        collector: String as "text",
        currency: String as "text",
        delta_minor: i64 as "bigint",
        cause: String as "text",
        moved_at: DateTime<Utc> as "timestamptz",
    }

    /// One line of a journal entry.
    LineRow in "journal_line" {
        transaction_id: Uuid as "uuid",
        line_no: i32 as "integer",
        creditor_id: Uuid as "uuid",
        calendar: String as "text",
        segment: i64 as "bigint",
        scope: String as "text",
        ledger_account: String as "text",
        currency: String as "text",
        debit_minor: i64 as "bigint",
        credit_minor: i64 as "bigint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_and_statement() {
        let row = LineRow {
            transaction_id: Uuid::nil(),
            line_no: 1,
            creditor_id: Uuid::nil(),
            calendar: "RO@17:00@Europe/Bucharest".into(),
            segment: 7,
            scope: "RO49AAAA1B31007593840000".into(),
            ledger_account: "bank".into(),
            currency: "RON".into(),
            debit_minor: 5,
            credit_minor: 0,
        };
        let nil = Uuid::nil();
        assert_eq!(
            row.canonical(),
            format!("journal_line|{nil}|1|{nil}|RO@17:00@Europe/Bucharest|7|RO49AAAA1B31007593840000|bank|RON|5|0")
        );
        assert!(LineRow::insert_sql("").starts_with("INSERT INTO journal_line (transaction_id, line_no,"));
        assert!(LineRow::insert_sql("").contains("SELECT * FROM UNNEST($1::uuid[], $2::integer[], "));
        let mut text = String::new();
        None::<String>.write(&mut text);
        DateTime::<Utc>::from_timestamp_micros(1_500_000).write(&mut text);
        assert_eq!(text, "~1500000");
    }
}
