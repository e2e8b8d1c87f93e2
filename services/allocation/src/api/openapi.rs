//! The OpenAPI 3.1 document.

use runtime::openapi::{Link, link};
use utoipa::OpenApi;

use super::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Incasso allocation",
        description = "Where every cent of a payment went, and why: as data and in words. Amounts are integers in minor units \
            of the currency beside them. Ids are UUIDs, all derived (UUIDv5) from the creditor's code and the ERP's own ids.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        routes::get_account, routes::get_account_allocations, routes::get_invoice_allocations,
        routes::get_payment_allocations,
    ),
    security(("bearer" = [])),
    tags((name = "accounts", description = "What is owed, and what waits"), (name = "allocations", description = "Where money went")),
)]
struct Document;

/// How to get from one answer to the next question.
const LINKS: &[Link] = &[
    Link {
        from: "get_account",
        to: "get_account_allocations",
        parameters: &[("id", "$response.body#/account_id")],
        body: &[],
    },
    Link {
        from: "get_account",
        to: "get_invoice_allocations",
        parameters: &[("id", "$response.body#/items/0/invoice_id")],
        body: &[],
    },
    Link {
        from: "get_account_allocations",
        to: "get_account_allocations",
        parameters: &[("id", "$request.path.id"), ("cursor", "$response.body#/next_cursor")],
        body: &[],
    },
    Link {
        from: "get_account_allocations",
        to: "get_invoice_allocations",
        parameters: &[("id", "$response.body#/allocations/0/invoice_id")],
        body: &[],
    },
    Link {
        from: "get_account_allocations",
        to: "get_payment_allocations",
        parameters: &[("id", "$response.body#/allocations/0/payment_id")],
        body: &[],
    },
    Link {
        from: "get_invoice_allocations",
        to: "get_account",
        parameters: &[("id", "$response.body#/allocations/0/account_id")],
        body: &[],
    },
    Link {
        from: "get_payment_allocations",
        to: "get_account",
        parameters: &[("id", "$response.body#/allocations/0/account_id")],
        body: &[],
    },
];

/// The document as JSON.
///
/// # Errors
/// Never; serde's error if it should.
pub(crate) fn document() -> serde_json::Result<serde_json::Value> {
    let mut document = serde_json::to_value(Document::openapi())?;
    link(&mut document, LINKS);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document = document().unwrap();
        assert_eq!(
            document["openapi"]
                .as_str()
                .unwrap()
                .split('.')
                .take(2)
                .collect::<Vec<_>>(),
            ["3", "1"]
        );
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(
            paths,
            [
                "/v1/accounts/{id}",
                "/v1/accounts/{id}/allocations",
                "/v1/invoices/{id}/allocations",
                "/v1/payments/{id}/allocations"
            ]
        );
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            for (field, property) in schema["properties"].as_object().unwrap() {
                let described = property.get("description").is_some() || property.get("$ref").is_some();
                assert!(
                    described || property.get("oneOf").is_some(),
                    "{name}.{field} has no description"
                );
            }
        }
    }
}
