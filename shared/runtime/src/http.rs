//! The service's door: its routes behind bearer tokens, and beside them what needs none: `/livez`, `/readyz`, `/metrics`,
//! `/openapi.json` and the public routes (provider webhooks).
//!
//! Every error is `application/problem+json`, whoever made it. Every answer has `x-request-id`, the id of its trace. A
//! request has a time limit, its body a size limit and a limit between two pieces; routes that take files and batches
//! are wrapped in [`streaming`].

mod json;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::TryStreamExt;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::Instrument;

pub use json::{Json, parse_json};
pub use server::Server;

use crate::config::HttpConfig;
use crate::problem::RETRY_AFTER_SECONDS;
use crate::telemetry::{TraceContext, with_trace};
use crate::{Context, Problem, auth, health, metrics};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: &str = "traceparent";

/// Longest text of a foreign error that is handed on as a problem's detail.
const DETAIL_MAX: usize = 2_000;

/// What a service serves.
pub struct Routes {
    /// Behind a bearer token.
    pub own: Router<Context>,
    /// Without a token: provider webhooks, which prove themselves by signature.
    pub public: Router<Context>,
    /// The OpenAPI 3.1 document of the whole door ([`crate::openapi`]).
    pub openapi: serde_json::Value,
}

/// Routes that take a file or a batch, or answer with a stream: `stream_timeout_seconds` instead of `request_timeout_ms`, and
/// no general limit on the body; the route counts the bytes itself ([`crate::Blobs::put_stream`] does).
pub fn streaming<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .route_layer(from_fn(take_time))
        .route_layer(DefaultBodyLimit::disable())
}

/// A request's body as bytes to be read, for routes in [`streaming`].
pub fn reader(body: Body) -> impl AsyncRead + Send {
    StreamReader::new(body.into_data_stream().map_err(std::io::Error::other))
}

/// The whole door as one router.
pub fn router(ctx: Context, config: &HttpConfig, routes: Routes) -> Router {
    let Routes {
        mut own,
        public,
        openapi,
    } = routes;
    if own.has_routes() {
        own = own.route_layer(from_fn_with_state(ctx.clone(), gate));
    }
    let open = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(show_metrics))
        .route("/openapi.json", get(show_document))
        .layer(Extension(Document(Bytes::from(openapi.to_string()))));
    let limits = Limits {
        usual: Duration::from_millis(config.request_timeout_ms),
        streaming: Duration::from_secs(config.stream_timeout_seconds),
    };
    // The last layer is the outermost.
    own.merge(public)
        .merge(open)
        .layer(DefaultBodyLimit::max(config.body_max_bytes))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_millis(
            config.body_idle_timeout_ms,
        )))
        .layer(from_fn_with_state(limits, limit_time))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .layer(from_fn(speak_problem))
        .layer(from_fn_with_state(ctx.clone(), observe))
        .with_state(ctx)
}

fn report(report: &health::Report) -> Response {
    let status = if report.ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(report)).into_response()
}

/// Whether the process is alive: no background task has ended.
#[utoipa::path(get, path = "/livez", tag = "health", security(()),
    responses((status = 200, description = "Alive", body = health::Report),
        (status = 503, description = "To be restarted", body = health::Report)))]
pub(crate) async fn livez(State(ctx): State<Context>) -> Response {
    report(&ctx.health().live())
}

/// Whether the process is ready: the database answers, topics exist, loops turn, no stop.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "Ready", body = health::Report),
        (status = 503, description = "Not ready; the checks say why", body = health::Report)))]
pub(crate) async fn readyz(State(ctx): State<Context>) -> Response {
    report(&ctx.health().ready().await)
}

/// Numbers for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain")))]
pub(crate) async fn show_metrics(State(ctx): State<Context>) -> Response {
    ctx.metrics().tokens(ctx.tokens().count());
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], ctx.metrics().render()).into_response()
}

#[derive(Clone)]
pub(crate) struct Document(Bytes);

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn show_document(Extension(document): Extension<Document>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.0).into_response()
}

/// Lets nobody to a token route without a good token, whether the route asks for its caller or not.
async fn gate(State(ctx): State<Context>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match auth::authenticate(&parts, &ctx) {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

#[derive(Clone, Copy)]
struct Limits {
    usual: Duration,
    streaming: Duration,
}

/// Set by a route that needs more time than usual.
#[derive(Clone, Default)]
struct TakesTime(Arc<AtomicBool>);

async fn take_time(request: Request, next: Next) -> Response {
    if let Some(flag) = request.extensions().get::<TakesTime>() {
        flag.0.store(true, Ordering::Relaxed);
    }
    next.run(request).await
}

/// Cuts off a request whose answer does not begin in time.
async fn limit_time(State(limits): State<Limits>, mut request: Request, next: Next) -> Response {
    let flag = TakesTime::default();
    request.extensions_mut().insert(flag.clone());
    let late = async {
        tokio::time::sleep(limits.usual).await;
        if flag.0.load(Ordering::Relaxed) {
            tokio::time::sleep(limits.streaming.saturating_sub(limits.usual)).await;
        }
    };
    tokio::select! {
        response = next.run(request) => response,
        () = late => Problem::unavailable(RETRY_AFTER_SECONDS).with_detail("no answer in time; send the same again later").into_response(),
    }
}

/// Turns the plain errors of the framework (404, 405, 413, 415 …) into problems; its words become the detail.
async fn speak_problem(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, DETAIL_MAX).await.unwrap_or_default();
    let text = std::str::from_utf8(&text).unwrap_or_default().trim();
    let detail = match status {
        StatusCode::NOT_FOUND if text.is_empty() => "there is nothing at this path; /openapi.json lists what there is",
        StatusCode::METHOD_NOT_ALLOWED if text.is_empty() => "this path does not take this method; see Allow",
        status if status.is_server_error() => "the service failed; the log says why",
        _ => text,
    };
    let mut problem = Problem::new(status);
    if !detail.is_empty() {
        problem = problem.with_detail(detail);
    }
    let (spoken, body) = problem.into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(spoken.headers);
    Response::from_parts(parts, body)
}

fn is_plain(response: &Response) -> bool {
    let media_type = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    media_type.is_none_or(|media_type| media_type.starts_with("text/plain"))
}

/// Trace, log line and numbers of a request. The line has the route's pattern, never the path: paths hold ids.
async fn observe(State(ctx): State<Context>, route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = route.map_or_else(|| "unmatched".to_owned(), |route| route.as_str().to_owned());
    let asked = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let trace = asked
        .and_then(|text| TraceContext::parse(text).ok())
        .unwrap_or_else(TraceContext::root);
    let trace_id = trace.trace_id();
    let span = tracing::info_span!("request", service = ctx.service(), %method, route, trace_id);
    let mut response = with_trace(trace, next.run(request)).instrument(span.clone()).await;
    let (status, took) = (response.status(), began.elapsed());
    ctx.metrics().request(method.as_str(), &route, status.as_u16(), took);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| match status.as_u16() {
        500.. => tracing::warn!(status = status.as_u16(), took_ms, "answered"),
        400.. => tracing::info!(status = status.as_u16(), took_ms, "answered"),
        _ => tracing::debug!(status = status.as_u16(), took_ms, "answered"),
    });
    if let Ok(id) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
