//! The OpenAPI 3.1 document.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

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
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags((name = "accounts", description = "What is owed, and what waits"), (name = "allocations", description = "Where money went")),
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
pub(crate) fn document() -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(Document::openapi())
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
