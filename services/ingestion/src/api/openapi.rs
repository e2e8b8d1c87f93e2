//! The OpenAPI 3.1 document, made of what the routes say of themselves.

use runtime::openapi::{Link, link};
use utoipa::OpenApi;

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
        super::expectations::list,
        super::deposits::list,
        super::deposits::assign,
        super::quarantine::list,
        super::quarantine::replay,
        super::feeds::list,
        super::feeds::release,
        super::tasks::list,
        super::tasks::decide,
        super::webhook::payu_latam
    ),
    security(("bearer" = []))
)]
struct Document;

/// How to get from one answer to the next question.
const LINKS: &[Link] = &[
    Link {
        from: "upload_statement",
        to: "show_raw",
        parameters: &[("id", "$response.body#/raw_id")],
        body: &[],
    },
    Link {
        from: "list_expectations",
        to: "show_raw",
        parameters: &[("id", "$response.body#/expectations/0/raw_id")],
        body: &[],
    },
    Link {
        from: "list_deposits",
        to: "assign_deposit",
        parameters: &[("id", "$response.body#/deposits/0/deposit_id")],
        body: &[],
    },
    Link {
        from: "list_deposits",
        to: "show_payment",
        parameters: &[("id", "$response.body#/deposits/0/deposit_id")],
        body: &[],
    },
    Link {
        from: "list_deposits",
        to: "list_deposits",
        parameters: &[("cursor", "$response.body#/next")],
        body: &[],
    },
    Link {
        from: "assign_deposit",
        to: "show_payment",
        parameters: &[("id", "$response.body#/deposit_id")],
        body: &[],
    },
    Link {
        from: "show_payment",
        to: "show_raw",
        parameters: &[("id", "$response.body#/raw_id")],
        body: &[],
    },
    Link {
        from: "list_quarantine",
        to: "replay_quarantined",
        parameters: &[("id", "$response.body#/items/0/id")],
        body: &[],
    },
    Link {
        from: "list_quarantine",
        to: "list_quarantine",
        parameters: &[("cursor", "$response.body#/next")],
        body: &[],
    },
    Link {
        from: "list_tasks",
        to: "decide_task",
        parameters: &[("id", "$response.body#/tasks/0/task_id")],
        body: &[],
    },
    Link {
        from: "list_tasks",
        to: "list_tasks",
        parameters: &[("cursor", "$response.body#/next")],
        body: &[],
    },
    Link {
        from: "list_feeds",
        to: "release_feed",
        parameters: &[("collector", "$response.body#/feeds/0/collector")],
        body: &[("day", "$response.body#/feeds/0/open_on")],
    },
    Link {
        from: "replay_quarantined",
        to: "show_raw",
        parameters: &[("id", "$response.body#/raw_id")],
        body: &[],
    },
];

/// The document.
///
/// # Errors
/// When it cannot be written as JSON, which a test rules out.
pub fn document() -> anyhow::Result<serde_json::Value> {
    let mut document = serde_json::to_value(Document::openapi())?;
    link(&mut document, LINKS);
    Ok(document)
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
                "/v1/accounts/{id}/expectations",
                "/v1/deposits",
                "/v1/deposits/{id}/assignments",
                "/v1/feeds",
                "/v1/feeds/{collector}/releases",
                "/v1/payments/{id}",
                "/v1/quarantine",
                "/v1/quarantine/{id}/replay",
                "/v1/raw/{id}",
                "/v1/statements",
                "/v1/tasks",
                "/v1/tasks/{id}/decision",
                "/v1/webhooks/payu-latam/{merchant}",
            ]
        );
        let webhook = &document["paths"]["/v1/webhooks/payu-latam/{merchant}"]["post"];
        assert!(webhook["responses"]["503"].is_object());
    }
}
