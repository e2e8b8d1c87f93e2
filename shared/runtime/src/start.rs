//! One instance of a service: database, topics, workers, relay, routes.

use std::net::SocketAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use contracts::catalogue::Topic;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::Tokens;
use crate::clock::{SharedClock, SystemClock};
use crate::config::DatabaseConfig;
use crate::context::Inner;
use crate::faults::SharedFaults;
use crate::lease::{self, Leases};
use crate::reader::Reader;
use crate::worker::Parts;
use crate::{
    Blobs, Close, Context, Definition, Health, Metrics, Service, Settings, close_whole, http, migrate, outbox, relay,
    start_check, topics,
};

/// What tests, the demo and simulations put in place of the real thing.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The clock of all edges; the machine's by default.
    pub clock: Option<SharedClock>,
    /// Crash points.
    pub faults: Option<SharedFaults>,
    /// Start in spite of every loss that the check at start finds: simulations that give an empty database to topics which
    /// earlier runs have filled. Elsewhere a person accepts one loss by its name (`worker.accepted_losses`).
    pub accept_losses: bool,
}

/// A running instance.
pub struct Running {
    ctx: Context,
    http: SocketAddr,
    stop: CancellationToken,
    /// Cancelled when only the relay is left: what it finds then is all that there is to publish.
    alone: CancellationToken,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Running {
    /// What its parts share.
    pub fn ctx(&self) -> &Context {
        &self.ctx
    }

    /// Where its routes listen.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Cancelling it drains and stops the instance.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the instance has stopped: asked to, or because a task ended (then with an error: crash-only).
    ///
    /// # Errors
    /// When a background task ended by itself, or a crash point was reached.
    pub async fn wait(&mut self) -> anyhow::Result<()> {
        let crashed = self.ctx.0.crashed.clone();
        let mut first: Option<anyhow::Error> = None;
        loop {
            let ended = tokio::select! {
                () = crashed.cancelled() => {
                    self.tasks.shutdown().await;
                    self.ctx.pool().close().await;
                    anyhow::bail!("crashed at a crash point");
                }
                ended = self.tasks.join_next() => ended,
            };
            let Some(ended) = ended else { break };
            if self.tasks.len() <= 1 {
                self.alone.cancel();
            }
            let error = match ended {
                Ok((_, Ok(()))) if self.stop.is_cancelled() => None,
                Ok((name, Ok(()))) => Some(anyhow::anyhow!("{name} ended by itself")),
                Ok((name, Err(error))) => Some(error.context(name)),
                Err(error) => Some(anyhow::anyhow!("a task panicked: {error}")),
            };
            if let Some(error) = error {
                tracing::error!(error = format!("{error:#}"), "a background task ended: stopping");
                self.ctx.health().died(format!("{error:#}"));
                self.stop.cancel();
                first.get_or_insert(error);
            }
        }
        self.ctx.pool().close().await;
        first.map_or(Ok(()), Err)
    }

    /// Drains and stops: leases are given back.
    ///
    /// # Errors
    /// As [`Running::wait`].
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.ctx.health().stopping();
        self.stop.cancel();
        self.wait().await
    }

    /// Ends at once, as a crash would: nothing is drained, no lease given back.
    pub async fn crash(mut self) {
        self.ctx.0.crashed.cancel();
        let _ = self.wait().await;
    }
}

/// A pool whose sessions cannot hold locks for long (DESIGN section 4).
pub(crate) async fn connect(config: &DatabaseConfig, service: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(config.url.expose())
        .map_err(|_| anyhow::anyhow!("database.url is no PostgreSQL address (postgres://user@host/database)"))?
        .application_name(&format!("incasso-{service}"))
        .options([
            ("lock_timeout", config.lock_timeout_ms.to_string()),
            (
                "idle_in_transaction_session_timeout",
                config.idle_in_transaction_timeout_ms.to_string(),
            ),
            ("statement_timeout", config.statement_timeout_ms.to_string()),
            // A plan made while a table was empty is kept: it must use the indexes all the same.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
            ("enable_seqscan", "off".to_owned()),
            // The same plan must not join whole tables either: batches are small beside what they are joined with.
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            ("jit", "off".to_owned()),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
        .test_before_acquire(false)
        .connect_with(options)
        .await?)
}

/// Starts an instance of `S`.
///
/// # Errors
/// When database or broker do not answer, a migration fails, the address is taken, or database and Kafka have lost something
/// of each other: the text says what, and what to do.
pub async fn start<S: Service>(settings: Settings<S::Config>, overrides: Overrides) -> anyhow::Result<Running> {
    let definition = S::define(settings.service.clone())?;
    let runtime = settings.runtime;
    migrate::run(runtime.database.url.expose(), definition.migrations).await?;
    let pool = connect(&runtime.database, S::NAME).await?;
    topics::ensure(&runtime).await?;
    let blobs = Blobs::open(&runtime.blobs)?;
    let metrics = Metrics::new(S::NAME);
    let tokens = Tokens::open(&runtime.tokens)?;
    let ctx = Context(Arc::new(Inner {
        service: S::NAME,
        settings: runtime,
        pool,
        clock: overrides.clock.unwrap_or_else(|| Arc::new(SystemClock)),
        blobs,
        tokens,
        metrics,
        health: Health::default(),
        config: Arc::new(settings.service),
        faults: overrides.faults,
        crashed: CancellationToken::new(),
        wakes: std::sync::Mutex::default(),
    }));
    run(ctx, definition, overrides.accept_losses).await
}

async fn run(ctx: Context, definition: Definition, accept_losses: bool) -> anyhow::Result<Running> {
    let Definition {
        handlers,
        close,
        routes,
        public_routes,
        openapi,
        tasks: own,
        ..
    } = definition;
    let (stop, alone) = (CancellationToken::new(), CancellationToken::new());
    #[expect(
        clippy::disallowed_methods,
        reason = "an instance's name must be new each time; nothing is derived from it"
    )]
    let instance = Uuid::new_v4();
    let mut tasks = JoinSet::new();
    let parts = Arc::new(parts(ctx.service(), handlers, close));
    start_check::run(&ctx, &parts.inputs, accept_losses).await?;
    if !parts.inputs.is_empty() {
        ctx.health().expect("leases");
        let inputs: Vec<String> = parts.inputs.iter().map(|topic| topic.name.to_owned()).collect();
        lease::prepare(&ctx, &inputs).await?;
        let reader = Reader::new(&ctx, parts.inputs.clone())?;
        let leases = Leases::new(ctx.clone(), Arc::clone(&parts), reader.clone(), instance);
        spawn(&mut tasks, "reader", reader.run(stop.clone()));
        spawn(&mut tasks, "leases", leases.run(stop.clone()));
    }
    if let Close::Whole(close) = &parts.close {
        spawn(
            &mut tasks,
            "close",
            close_whole::run(ctx.clone(), Arc::clone(&parts), Arc::clone(close), stop.clone()),
        );
    }
    let relayed = relay::run(ctx.clone(), instance, stop.clone(), alone.clone());
    spawn(&mut tasks, "relay", relayed);
    callers(&mut tasks, &ctx, &stop);
    spawn(
        &mut tasks,
        "housekeeping",
        housekeeping(ctx.clone(), parts.inputs.clone(), stop.clone()),
    );
    for task in own {
        spawn(&mut tasks, task.name, (task.run)(ctx.clone(), stop.clone()));
    }
    let routes = routes.merge(crate::operator::routes());
    ctx.health()
        .probe("database", crate::health::database(ctx.pool().clone()));
    let router = http::router(
        ctx.clone(),
        &ctx.settings().http,
        http::Routes {
            own: routes,
            public: public_routes,
            openapi: crate::openapi::complete(openapi)?,
        },
    );
    let server = http::Server::start(&ctx.settings().http, router, stop.clone()).await?;
    let address = server.address();
    spawn(&mut tasks, "http", server.stopped());
    tracing::info!(service = ctx.service(), %address, "started");
    Ok(Running {
        ctx,
        http: address,
        stop,
        alone,
        tasks,
    })
}

/// What tells relays of each other's messages.
fn callers(tasks: &mut JoinSet<(&'static str, anyhow::Result<()>)>, ctx: &Context, stop: &CancellationToken) {
    spawn(tasks, "notify", relay::notify(ctx.clone(), stop.clone()));
    spawn(tasks, "listen", relay::listen(ctx.clone(), stop.clone()));
}

pub(crate) fn parts(service: &str, handlers: crate::Handlers, close: Close) -> Parts {
    let inputs: Vec<_> = contracts::catalogue::inputs(service)
        .filter(|input| input.waited || handlers.topics().iter().any(|topic| std::ptr::eq(*topic, input.topic)))
        .collect();
    let waited = inputs
        .iter()
        .filter(|input| input.waited)
        .map(|input| input.topic.name)
        .collect();
    Parts {
        handlers,
        close,
        inputs: inputs.iter().map(|input| input.topic).collect(),
        waited,
        alone: tokio::sync::Mutex::default(),
    }
}

fn spawn(
    tasks: &mut JoinSet<(&'static str, anyhow::Result<()>)>,
    name: &'static str,
    task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) {
    tasks.spawn(async move { (name, task.await) });
}

/// Prunes the inbox, folds marker counts, and looks at what piles up.
async fn housekeeping(ctx: Context, inputs: Vec<&'static Topic>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut turns = 0_u64;
    let woken = ctx.wake("housekeeping");
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = woken.notified() => turns = 0,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
        if let Err(failure) = keep_house(&ctx, &inputs, turns).await {
            tracing::debug!(%failure, "housekeeping");
        }
        turns = turns.wrapping_add(1);
    }
}

async fn keep_house(ctx: &Context, inputs: &[&'static Topic], turns: u64) -> Result<(), crate::Failure> {
    let (rows, oldest, emitted, parked, waiting): (i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM (SELECT FROM rt_outbox LIMIT 100000) o),
                (SELECT coalesce(extract(epoch FROM now() - created_at), 0)::bigint FROM
                   (SELECT coalesce((SELECT created_at FROM rt_outbox ORDER BY id LIMIT 1), now()) AS created_at) f),
                (SELECT count(*) FROM (SELECT FROM rt_emitted LIMIT 100000) e),
                (SELECT count(*) FROM rt_parked_key),
                (SELECT count(*) FROM (SELECT FROM rt_waiting LIMIT 100000) w)",
    )
    .fetch_one(ctx.pool())
    .await?;
    ctx.metrics().outbox(rows, oldest);
    ctx.metrics().parked_keys(parked);
    ctx.metrics().waiting(waiting);
    if emitted > 2000 {
        outbox::compact_counts(ctx).await?;
    }
    if turns.is_multiple_of(720) {
        crate::memory::keep(ctx, inputs).await?;
    }
    Ok(())
}
