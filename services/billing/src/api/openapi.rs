//! The OpenAPI 3.1 document.

use runtime::openapi::{Link, link};
use utoipa::OpenApi;

use super::{batch, clock, report, things};

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
    components(schemas(batch::BatchLineBody, report::ReportLine)),
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

/// How to get from one answer to the next question.
const LINKS: &[Link] = &[
    Link {
        from: "put_creditor",
        to: "get_creditor",
        parameters: &[("creditor", "$request.path.creditor")],
        body: &[],
    },
    Link {
        from: "put_creditor",
        to: "put_debtor",
        parameters: &[("creditor", "$request.path.creditor")],
        body: &[],
    },
    Link {
        from: "put_creditor",
        to: "post_batch",
        parameters: &[("creditor", "$request.path.creditor")],
        body: &[],
    },
    Link {
        from: "put_debtor",
        to: "get_debtor",
        parameters: &[
            ("creditor", "$request.path.creditor"),
            ("external_id", "$request.path.external_id"),
        ],
        body: &[],
    },
    Link {
        from: "put_debtor",
        to: "put_account",
        parameters: &[("creditor", "$request.path.creditor")],
        body: &[("debtor", "$request.path.external_id")],
    },
    Link {
        from: "put_account",
        to: "get_account",
        parameters: &[
            ("creditor", "$request.path.creditor"),
            ("external_id", "$request.path.external_id"),
        ],
        body: &[],
    },
    Link {
        from: "put_account",
        to: "put_place",
        parameters: &[("creditor", "$request.path.creditor")],
        body: &[("account", "$request.path.external_id")],
    },
    Link {
        from: "put_account",
        to: "put_invoice",
        parameters: &[("creditor", "$request.path.creditor")],
        body: &[("account", "$request.path.external_id")],
    },
    Link {
        from: "put_place",
        to: "get_place",
        parameters: &[
            ("creditor", "$request.path.creditor"),
            ("external_id", "$request.path.external_id"),
        ],
        body: &[],
    },
    Link {
        from: "put_invoice",
        to: "get_invoice",
        parameters: &[
            ("creditor", "$request.path.creditor"),
            ("external_id", "$request.path.external_id"),
        ],
        body: &[],
    },
    Link {
        from: "get_calendars",
        to: "post_close",
        parameters: &[],
        body: &[
            ("calendar", "$response.body#/0/calendar"),
            ("through", "$response.body#/0/open_on"),
        ],
    },
];

/// The document as JSON.
///
/// # Errors
/// Never; serde's error if it should.
pub fn document() -> serde_json::Result<serde_json::Value> {
    let mut document = serde_json::to_value(Document::openapi())?;
    link(&mut document, LINKS);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The document of the whole door, and of it the operations of billing's own: method, path, statuses.
    fn operations() -> (serde_json::Value, Vec<(String, String, BTreeSet<String>)>) {
        let own = document().unwrap();
        let whole = runtime::openapi::complete(own.clone()).unwrap();
        let mut operations = Vec::new();
        for path in own["paths"].as_object().unwrap().keys() {
            for (method, operation) in whole["paths"][path].as_object().unwrap() {
                let statuses = operation["responses"].as_object().unwrap().keys().cloned().collect();
                operations.push((method.clone(), path.clone(), statuses));
            }
        }
        (whole, operations)
    }

    #[test]
    fn every_answer_is_in_the_document() {
        let (document, operations) = operations();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(operations.len(), 13);
        for (method, path, statuses) in operations {
            let mut expected = vec!["200", "401", "500", "503"];
            if path != "/v1/calendars" {
                expected.extend(["403", "404"]);
            }
            if path.contains('{') || method != "get" {
                expected.push("400");
            }
            if method != "get" {
                expected.extend(["413", "415", "422"]);
            }
            if method == "put" {
                expected.extend(["201", "409"]);
            }
            let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(statuses, expected, "{method} {path}");
        }
    }

    #[test]
    fn bodies_refuse_unknown_fields_and_every_reference_resolves() {
        let (document, _) = operations();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let is_body = name.ends_with("Body") && !["ProblemBody", "BatchLineBody"].contains(&name.as_str());
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
