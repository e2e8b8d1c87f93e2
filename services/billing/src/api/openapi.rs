//! The OpenAPI 3.1 document.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{answers, batch, clock, report, things};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Incasso billing",
        description = "The ERP's door, and the day's clock. PUTs are idempotent by the source's version: the same version and \
            content is `unchanged`, the same version with other content a conflict (409), an older one `superseded`. \
            Amounts are integers in minor units of the currency beside them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        things::put_creditor, things::get_creditor,
        things::put_debtor, things::get_debtor,
        things::put_account, things::get_account,
        things::put_place, things::get_place,
        things::put_invoice, things::get_invoice,
        batch::post_batch, clock::get_calendars, clock::post_close,
    ),
    components(schemas(batch::BatchLineBody, report::ReportLine, answers::ProblemBody)),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "creditors", description = "Who is owed"),
        (name = "debtors", description = "Who owes"),
        (name = "accounts", description = "Contract accounts"),
        (name = "places", description = "Consumption places"),
        (name = "invoices", description = "Invoices and credit notes"),
        (name = "batch", description = "Many at once"),
        (name = "clock", description = "Business days"),
    ),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", scheme);
    }
}

/// The document as JSON.
///
/// # Errors
/// Never; serde's error if it should.
pub fn document() -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(Document::openapi())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every operation of the document: method, path, statuses.
    fn operations() -> Vec<(String, String, BTreeSet<String>)> {
        let document = document().unwrap();
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let statuses = operation["responses"].as_object().unwrap().keys().cloned().collect();
                operations.push((method.clone(), path.clone(), statuses));
            }
        }
        operations
    }

    #[test]
    fn every_answer_is_in_the_document() {
        let document = document().unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let always = ["400", "401", "403", "404", "500", "503"];
        let with_body = ["408", "413", "415", "422"];
        let operations = operations();
        assert_eq!(operations.len(), 13);
        for (method, path, statuses) in operations {
            let mut expected: BTreeSet<String> = always.into_iter().chain(["200"]).map(str::to_owned).collect();
            if method != "get" {
                expected.extend(with_body.map(str::to_owned));
            }
            if method == "put" {
                expected.extend(["201".to_owned(), "409".to_owned()]);
            }
            assert_eq!(statuses, expected, "{method} {path}");
        }
    }

    #[test]
    fn bodies_refuse_unknown_fields_and_every_reference_resolves() {
        let document = document().unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let is_body =
                name.ends_with("Body") && !["ProblemBody", "FieldErrorBody", "BatchLineBody"].contains(&name.as_str());
            if is_body {
                assert_eq!(schema["additionalProperties"], false, "{name}");
            }
        }
        let text = document.to_string();
        for reference in text
            .split("\"#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(schemas.contains_key(reference), "{reference}");
        }
    }
}
