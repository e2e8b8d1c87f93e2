//! A running door against its own OpenAPI document: nothing is there that is not described, and nothing opens without a token
//! but what must.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::http::{Method, StatusCode, header};
use reqwest::{Client, Response};
use runtime::Service;
use runtime::openapi::{METHODS, routes};
use serde_json::{Map, Value};

use crate::TOKEN;

/// What every door opens to anybody, besides the service's own public routes.
const OPEN: [&str; 4] = ["/livez", "/readyz", "/metrics", "/openapi.json"];

/// Walks every path and method of the document that the service behind `door` serves:
/// - every route of the service is described, by a name (`operationId`) of its own;
/// - without a token, every described operation but the open ones answers 401, as a problem;
/// - with one ([`TOKEN`]), every method that is not described answers 405, and `Allow` names those that are.
///
/// # Panics
/// Where one of these does not hold, or the door does not answer.
pub async fn every_route_is_described_and_closed<S: Service>(door: SocketAddr) {
    let definition = S::define(S::Config::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let public: BTreeSet<String> = routes(&definition.public_routes);
    let document = Walk::new(door).document().await;
    let described: BTreeSet<String> = document.keys().cloned().collect();
    for path in routes(&definition.routes).union(&public) {
        assert!(described.contains(path), "{path} is not in the document");
    }
    let mut names = BTreeSet::new();
    for (path, item) in &document {
        let item = item.as_object().unwrap_or_else(|| panic!("{path} has no operations"));
        let open = OPEN.contains(&path.as_str()) || public.contains(path);
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                Walk::new(door).is_refused(method, path, item).await;
                continue;
            };
            let name = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            assert!(
                names.insert(name.to_owned()),
                "{method} {path}: the operationId {name:?} is another's too"
            );
            Walk::new(door).is_closed(method, path, open, operation).await;
        }
    }
}

struct Walk {
    door: SocketAddr,
    client: Client,
}

impl Walk {
    fn new(door: SocketAddr) -> Self {
        Self {
            door,
            client: Client::new(),
        }
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Response {
        let verb: Method = method
            .to_ascii_uppercase()
            .parse()
            .unwrap_or_else(|error| panic!("{method}: {error}"));
        // Whatever a parameter is: it is looked at after the token.
        let filled: Vec<&str> = path
            .split('/')
            .map(|step| if step.starts_with('{') { "1" } else { step })
            .collect();
        let mut request = self
            .client
            .request(verb, format!("http://{}{}", self.door, filled.join("/")));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The paths of the document.
    async fn document(&self) -> Map<String, Value> {
        let answer = self.ask("get", "/openapi.json", None).await;
        let mut document: Value = answer
            .json()
            .await
            .unwrap_or_else(|error| panic!("/openapi.json: {error}"));
        match document.get_mut("paths").map(Value::take) {
            Some(Value::Object(paths)) => paths,
            other => panic!("paths: {other:?}"),
        }
    }

    async fn is_closed(&self, method: &str, path: &str, open: bool, operation: &Value) {
        let answer = self.ask(method, path, None).await;
        let status = answer.status();
        let responses = operation.get("responses").and_then(Value::as_object);
        let told = responses.is_some_and(|responses| responses.contains_key(status.as_str()));
        assert!(told, "{method} {path}: {status} is not in the document");
        if !open {
            assert_eq!(
                status,
                StatusCode::UNAUTHORIZED,
                "{method} {path} answers without a token"
            );
            assert!(
                answer.headers().contains_key(header::WWW_AUTHENTICATE),
                "{method} {path}"
            );
            is_problem(method, path, &answer);
        }
    }

    async fn is_refused(&self, method: &str, path: &str, item: &Map<String, Value>) {
        let answer = self.ask(method, path, Some(TOKEN)).await;
        let status = answer.status();
        assert_eq!(
            status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path} is not in the document and answers"
        );
        is_problem(method, path, &answer);
        let allow = answer
            .headers()
            .get(header::ALLOW)
            .and_then(|value| value.to_str().ok());
        let allowed: BTreeSet<String> = allow
            .unwrap_or_default()
            .split(',')
            .map(|method| method.trim().to_ascii_lowercase())
            .filter(|method| method != "head")
            .collect();
        let described = item.keys().filter(|method| METHODS.contains(&method.as_str()));
        assert_eq!(allowed, described.cloned().collect(), "{path}: Allow");
    }
}

fn is_problem(method: &str, path: &str, answer: &Response) {
    let media_type = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    assert_eq!(media_type, Some(runtime::problem::MEDIA_TYPE), "{method} {path}");
}
