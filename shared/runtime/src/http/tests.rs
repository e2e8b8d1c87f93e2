//! The door as callers see it: through a socket where that matters, else through the router.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use axum::body::to_bytes;
use axum::http::Method;
use axum::routing::{post, put};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::auth::{Caller, Tokens};
use crate::blobs::Sha256Hex;
use crate::config::{BlobConfig, RuntimeConfig, TokensConfig};
use crate::context::Inner;
use crate::{Blobs, Health, Metrics, SystemClock};

const TOKEN: &str = "t-1";

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    amount_minor: i64,
}

/// A context without a database behind it: no route here asks for one.
fn context() -> Context {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let sha256 = hex::encode(Sha256::digest(TOKEN));
    std::fs::write(
        &file,
        format!("[[token]]\nsha256 = \"{sha256}\"\nsubject = \"tester\"\nname = \"T\"\n"),
    )
    .unwrap();
    let tokens = Tokens::open(&TokensConfig { file: Some(file) }).unwrap();
    // Else the file's going away with its folder would be noticed.
    let folder = folder.keep();
    Context(Arc::new(Inner {
        service: "toy",
        settings: RuntimeConfig::default(),
        pool: sqlx::postgres::PgPoolOptions::new()
            .connect_lazy("postgres://nobody@127.0.0.1:1/none")
            .unwrap(),
        clock: Arc::new(SystemClock),
        blobs: Blobs::open(&BlobConfig { folder }).unwrap(),
        tokens,
        metrics: Metrics::new("toy"),
        health: Health::default(),
        config: Arc::new(()),
        faults: None,
        crashed: CancellationToken::new(),
        wakes: Mutex::new(HashMap::new()),
    }))
}

fn door(config: &HttpConfig) -> (Context, Router) {
    let ctx = context();
    let own = Router::new()
        .route(
            "/v1/echo/{id}",
            put(async |caller: Caller, Json(body): Json<Amount>| format!("{} {}", caller.subject, body.amount_minor)),
        )
        .route("/v1/text", post(async |text: String| text))
        .route("/v1/panic", get(async || -> &'static str { panic!("boom") }))
        .route(
            "/v1/slow",
            get(async || tokio::time::sleep(Duration::from_secs(600)).await),
        )
        .route(
            "/v1/down",
            get(async || -> Result<(), Problem> { Err(crate::Failure::from(anyhow::anyhow!("db")).into()) }),
        );
    let files = Router::new().route(
        "/v1/files",
        post(
            async |State(ctx): State<Context>, body: Body| -> Result<String, Problem> {
                tokio::time::sleep(Duration::from_millis(150)).await;
                let (digest, size) = ctx.blobs().put_stream(reader(body), 10_000).await?;
                Ok(format!("{size} {digest}"))
            },
        ),
    );
    let public = Router::new().route("/v1/webhooks/x", post(async || "taken"));
    let routes = Routes {
        own: own.merge(streaming(files)),
        public,
        openapi: json!({"openapi": "3.1.0"}),
    };
    (ctx.clone(), router(ctx, config, routes))
}

fn config() -> HttpConfig {
    HttpConfig {
        body_max_bytes: 64,
        request_timeout_ms: 100,
        ..HttpConfig::default()
    }
}

fn request(method: Method, path: &str, token: Option<&str>, body: &str) -> Request {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(body.to_owned().into()).unwrap()
}

async fn answer(router: &Router, request: Request) -> (u16, axum::http::HeaderMap, String) {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    if parts.status.as_u16() >= 400 && parts.headers["content-type"] != "application/json" {
        assert_eq!(parts.headers["content-type"], "application/problem+json", "{body}");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap()["status"],
            parts.status.as_u16(),
            "{body}"
        );
    }
    (parts.status.as_u16(), parts.headers, body)
}

#[tokio::test]
async fn token_routes_need_a_token_and_the_others_do_not() {
    let (_, router) = door(&config());
    let (status, _, body) = answer(
        &router,
        request(Method::PUT, "/v1/echo/7", Some(TOKEN), r#"{"amount_minor":5}"#),
    )
    .await;
    assert_eq!((status, body.as_str()), (200, "tester 5"));
    for token in [None, Some("wrong"), Some("")] {
        for path in ["/v1/echo/7", "/v1/down"] {
            let (status, headers, _) = answer(&router, request(Method::PUT, path, token, "{}")).await;
            assert_eq!(
                (status, &headers["www-authenticate"]),
                (401, &HeaderValue::from_static("Bearer")),
                "{path}"
            );
        }
    }
    for (method, path) in [
        (Method::GET, "/livez"),
        (Method::GET, "/readyz"),
        (Method::GET, "/metrics"),
        (Method::GET, "/openapi.json"),
        (Method::POST, "/v1/webhooks/x"),
    ] {
        assert_eq!(answer(&router, request(method, path, None, "")).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let (_, router) = door(&config());
    let long = format!("{{\"amount_minor\": {}}}", " ".repeat(100));
    for (method, path, body, status, detail) in [
        (
            Method::GET,
            "/v1/nothing",
            "",
            404,
            "there is nothing at this path; /openapi.json lists what there is",
        ),
        (
            Method::POST,
            "/v1/echo/7",
            "",
            405,
            "this path does not take this method; see Allow",
        ),
        (
            Method::PUT,
            "/v1/echo/7",
            "{",
            400,
            "not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            Method::PUT,
            "/v1/echo/7",
            long.as_str(),
            413,
            "the body is larger than this route takes",
        ),
        (
            Method::POST,
            "/v1/text",
            long.as_str(),
            413,
            "Failed to buffer the request body: length limit exceeded",
        ),
        (
            Method::GET,
            "/v1/panic",
            "",
            500,
            "the service failed; the log says why",
        ),
        (
            Method::GET,
            "/v1/down",
            "",
            503,
            "the service cannot do this now; send the same again later",
        ),
        (
            Method::GET,
            "/v1/slow",
            "",
            503,
            "no answer in time; send the same again later",
        ),
    ] {
        let (got, headers, answered) = answer(&router, request(method, path, Some(TOKEN), body)).await;
        let problem: Value = serde_json::from_str(&answered).unwrap();
        assert_eq!((got, problem["detail"].as_str()), (status, Some(detail)), "{path}");
        assert_eq!(headers.contains_key("retry-after"), status == 503, "{path}");
        assert_eq!(headers.contains_key("allow"), status == 405, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_names_the_field() {
    let (_, router) = door(&config());
    let (status, _, body) = answer(
        &router,
        request(Method::PUT, "/v1/echo/7", Some(TOKEN), "{\"amount\":1}"),
    )
    .await;
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, problem["errors"][0]["pointer"].as_str()),
        (422, Some("/amount"))
    );
    let mut plain = request(Method::PUT, "/v1/echo/7", Some(TOKEN), "{}");
    plain
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("text/plain"));
    assert_eq!(answer(&router, plain).await.0, 415);
}

#[tokio::test]
async fn streaming_routes_have_more_time_and_no_general_size() {
    let (_, router) = door(&config());
    let (status, _, body) = answer(
        &router,
        request(Method::POST, "/v1/files", Some(TOKEN), &"x".repeat(1_000)),
    )
    .await;
    let digest = Sha256Hex::of("x".repeat(1_000).as_bytes());
    assert_eq!((status, body), (200, format!("1000 {digest}")));
    let (status, _, _) = answer(
        &router,
        request(Method::POST, "/v1/files", Some(TOKEN), &"x".repeat(10_001)),
    )
    .await;
    assert_eq!(status, 413, "the route's own limit");
}

#[tokio::test]
async fn a_trace_goes_through_and_numbers_name_patterns_not_paths() {
    let (ctx, router) = door(&config());
    let mut traced = request(Method::PUT, "/v1/echo/CANARY", Some(TOKEN), r#"{"amount_minor":5}"#);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    traced
        .headers_mut()
        .insert("traceparent", HeaderValue::from_static(trace));
    let (_, headers, _) = answer(&router, traced).await;
    assert_eq!(headers["x-request-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let (_, headers, _) = answer(&router, request(Method::GET, "/CANARY", None, "")).await;
    assert_eq!(headers["x-request-id"].len(), 32);
    let text = ctx.metrics().render();
    assert!(!text.contains("CANARY"), "{text}");
    for line in [
        "incasso_http_requests_total{method=\"PUT\",route=\"/v1/echo/{id}\",status=\"200\",service=\"toy\"} 1",
        "incasso_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\",service=\"toy\"} 1",
    ] {
        assert!(text.lines().any(|got| got == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn health_is_told() {
    let (ctx, router) = door(&config());
    ctx.health()
        .note("topics", Some("billing.invoice.v1 is missing".to_owned()));
    let (status, _, body) = answer(&router, request(Method::GET, "/readyz", None, "")).await;
    assert_eq!(status, 503);
    let report: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        report["checks"][2],
        json!({"name": "topics", "ok": false, "detail": "billing.invoice.v1 is missing"})
    );
    assert_eq!(answer(&router, request(Method::GET, "/livez", None, "")).await.0, 200);
    ctx.health().died("relay");
    assert_eq!(answer(&router, request(Method::GET, "/livez", None, "")).await.0, 503);
}

async fn exchange(address: std::net::SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answered = String::new();
    let read = stream.read_to_string(&mut answered);
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .expect("the server hangs")
        .unwrap();
    answered
}

#[tokio::test]
async fn slow_heads_and_bodies_are_cut_off() {
    let config = HttpConfig {
        header_timeout_ms: 100,
        body_idle_timeout_ms: 100,
        request_timeout_ms: 20_000,
        ..config()
    };
    let (_, router) = door(&config);
    let stop = CancellationToken::new();
    let server = Server::start(&config, router, stop.clone()).await.unwrap();
    assert_eq!(
        exchange(server.address(), "GET /livez HTTP/1.1\r\nHost: x\r\n").await,
        ""
    );
    let head =
        format!("POST /v1/text HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\nabc");
    assert!(
        exchange(server.address(), &head).await.starts_with("HTTP/1.1 400 "),
        "a body that stops coming"
    );
    stop.cancel();
    server.stopped().await.unwrap();
}

#[tokio::test]
async fn a_stop_lets_open_requests_end_but_not_for_ever() {
    static ENDED: AtomicU32 = AtomicU32::new(0);
    let config = HttpConfig {
        request_timeout_ms: 60_000,
        stop_timeout_ms: 600,
        ..HttpConfig::default()
    };
    let slow = |millis| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        ENDED.fetch_add(1, Ordering::SeqCst);
        "ended"
    };
    let router = Router::new()
        .route("/short", get(move || slow(200)))
        .route("/long", get(move || slow(600_000)));
    let stop = CancellationToken::new();
    let server = Server::start(&config, router, stop.clone()).await.unwrap();
    let address = server.address();
    let short = tokio::spawn(exchange(address, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n"));
    let long = tokio::spawn(exchange(address, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    server.stopped().await.unwrap();
    assert!(short.await.unwrap().ends_with("ended"));
    assert_eq!(long.await.unwrap(), "");
    assert_eq!(ENDED.load(Ordering::SeqCst), 1);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
