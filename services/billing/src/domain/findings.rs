//! What is wrong with a body, field by field.

/// One rule that one field breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the body: `/instalments/0/due_on`; empty for the body as a whole.
    pub pointer: String,
    /// The rule's stable name in kebab case: `sum`, `unknown-account`.
    pub rule: &'static str,
    /// What to change, for a person; never repeats personal data.
    pub detail: String,
}

/// All that is wrong with a body, in the order of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<FieldError>);

impl Findings {
    /// Adds a finding.
    pub fn add(&mut self, pointer: impl Into<String>, rule: &'static str, detail: impl Into<String>) {
        self.0.push(FieldError {
            pointer: pointer.into(),
            rule,
            detail: detail.into(),
        });
    }

    /// Adds a finding unless `holds`.
    pub fn require(&mut self, holds: bool, pointer: impl Into<String>, rule: &'static str, detail: impl Into<String>) {
        if !holds {
            self.add(pointer, rule, detail);
        }
    }

    /// Nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings.
    #[must_use]
    pub fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    /// Ends a check.
    ///
    /// # Errors
    /// The findings, when there are any.
    pub fn into_result(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
