//! Tables as text, for comparing what two runs left.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, PgPool};

/// The rows of `tables` in an order that does not depend on how they came to be: every table in the order given, its
/// rows as JSON with sorted keys, sorted by their bytes. `ignore_columns` names columns that differ by right (a clock,
/// a sequence). Tables may be qualified (`schema.table`).
///
/// # Panics
/// The database is away or a table does not exist.
pub async fn dump(pool: &PgPool, tables: &[&str], ignore_columns: &[&str]) -> String {
    let mut text = String::new();
    for table in tables {
        let lines = format!("SELECT (to_jsonb(t) - $1::text[])::text AS line FROM {table} t");
        let sql = format!("SELECT line FROM ({lines}) AS lines ORDER BY line COLLATE \"C\"");
        let ignored: Vec<String> = ignore_columns.iter().map(|&column| column.to_owned()).collect();
        let read = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql))
            .bind(ignored)
            .fetch_all(pool)
            .await;
        let lines = read.unwrap_or_else(|error| panic!("cannot read {table}: {error}"));
        let _ = writeln!(text, "{table}: {} rows", lines.len());
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}
