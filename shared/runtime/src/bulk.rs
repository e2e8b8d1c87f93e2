//! Statements that need nothing of each other and give nothing back, sent as one: one way to the server and back for all of a
//! transaction's rows. On a small batch the ways cost more than the rows.

use std::fmt::Write as _;

use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe, Encode, PgConnection, Postgres, Type};

/// Statements to be sent as one. All see the tables as they were before, and each table may be written by one of them only.
#[derive(Default)]
pub struct Bulk {
    statements: Vec<String>,
    arguments: PgArguments,
    error: Option<BoxDynError>,
}

/// Binds the values of a statement that was added, `$1` first.
pub struct Bind<'a>(&'a mut Bulk);

impl Bind<'_> {
    /// The next value.
    pub fn bind<'t, T: Encode<'t, Postgres> + Type<Postgres>>(&mut self, value: T) -> &mut Self {
        if let Err(error) = self.0.arguments.add(value) {
            self.0.error.get_or_insert(error);
        }
        self
    }
}

impl Bulk {
    /// Adds an `INSERT`, `UPDATE` or `DELETE` without `RETURNING`; its places are `$1`, `$2` and so on, as if it stood alone.
    pub fn add(&mut self, sql: &str) -> Bind<'_> {
        let renumbered = renumbered(sql, self.arguments.len());
        self.statements.push(renumbered);
        Bind(self)
    }

    /// Sends them.
    ///
    /// # Errors
    /// When the database does not answer, a value cannot be sent, or a row breaks a constraint; then none of them happened.
    pub async fn run(mut self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Some(last) = self.statements.pop() else {
            return Ok(());
        };
        let mut sql = String::new();
        for (number, statement) in self.statements.iter().enumerate() {
            let before = if number == 0 { "WITH " } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(sql, "{before}part_{number} AS ({statement})");
        }
        sql.push(' ');
        sql.push_str(&last);
        if let Some(error) = self.error {
            return Err(sqlx::Error::Encode(error));
        }
        sqlx::query_with::<Postgres, _>(AssertSqlSafe(sql), self.arguments)
            .execute(conn)
            .await?;
        Ok(())
    }
}

/// The statement with every place moved on by `by`.
fn renumbered(sql: &str, by: usize) -> String {
    let mut pieces = sql.split('$');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = piece.strip_suffix(rest).unwrap_or_default();
        let _ = match digits.parse::<usize>() {
            Ok(number) => write!(out, "${}{rest}", number.saturating_add(by)),
            Err(_) => write!(out, "${piece}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_move_on() {
        for (sql, by, expected) in [
            (
                "INSERT INTO t SELECT * FROM UNNEST($1::int[], $12::text[])",
                0,
                "INSERT INTO t SELECT * FROM UNNEST($1::int[], $12::text[])",
            ),
            (
                "UPDATE t SET a = $2 WHERE b = $1",
                10,
                "UPDATE t SET a = $12 WHERE b = $11",
            ),
            ("no places", 3, "no places"),
            ("a dollar: '$'", 3, "a dollar: '$'"),
            ("$9", 1, "$10"),
        ] {
            assert_eq!(renumbered(sql, by), expected);
        }
    }
}
