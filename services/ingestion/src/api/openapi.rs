//! The OpenAPI 3.1 document, made of what the routes say of themselves.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Incasso ingestion",
        description = "Money comes in: bank statements, PayU confirmations; unidentified money finds its accounts. Errors are \
                       application/problem+json (RFC 9457)."
    ),
    paths(
        super::statements::upload,
        super::statements::show,
        super::payments::show,
        super::deposits::list,
        super::deposits::assign,
        super::quarantine::list,
        super::quarantine::replay,
        super::webhook::payu_latam
    ),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", bearer);
    }
}

/// The document.
///
/// # Errors
/// When it cannot be written as JSON, which a test rules out.
pub fn document() -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::to_value(Document::openapi())?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_route_is_in_it() {
        let document = super::document().unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(
            paths,
            [
                "/v1/deposits",
                "/v1/deposits/{id}/assignments",
                "/v1/payments/{id}",
                "/v1/quarantine",
                "/v1/quarantine/{id}/replay",
                "/v1/raw/{id}",
                "/v1/statements",
                "/v1/webhooks/payu-latam/{merchant}",
            ]
        );
        let webhook = &document["paths"]["/v1/webhooks/payu-latam/{merchant}"]["post"];
        assert!(webhook["responses"]["503"].is_object());
    }
}
