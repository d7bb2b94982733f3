//! The local Clerk: the Backend API that an import needs, served on loopback, strict, with faults to be scripted.
//!
//! It follows version 2026-05-12 of the API (<https://github.com/clerk/openapi-specs>), and shares no type with our own
//! client: a misreading of the API would have to be made twice to stay hidden. Every `sk_test_` and `sk_live_` key is
//! accepted, unless one is given. Everything is kept in memory and gone when it stops.
//!
//! Left out: organizations, social accounts, sessions, profile images, allow and block lists, and lists of hacked passwords.
//! Two hashers whose digests are documented nowhere are accepted, and a password check on them is answered with 403
//! `feature_not_implemented`.

mod contact;
mod create;
mod digest;
mod error;
mod faults;
mod fields;
mod gate;
mod hold;
mod id;
mod limit;
mod line;
mod log;
mod password;
mod query;
mod routes;
mod rules;
mod shared;
mod state;
mod suffer;
mod update;
mod user;
mod verify;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use self::faults::{Fault, Faults, Rule, Storm};
pub use self::hold::Hold;
pub use self::limit::RateLimit;
use self::line::{Line, Lines};
pub use self::log::{Counts, RequestRecord};
use self::shared::Shared;

/// How long a stop waits for requests under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a wait for requests goes on while none comes.
const QUIET: Duration = Duration::from_mins(1);

/// How the simulator behaves. The default is quick, unlimited and without faults.
#[derive(Clone)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// How long each answer takes at least.
    pub latency: Duration,
    /// What is added at most, drawn anew for each answer.
    pub jitter: Duration,
    /// Requests in any window of time; `None`: no limit.
    pub rate_limit: Option<RateLimit>,
    /// Changes of one user, by `PATCH` of it or its metadata, in any window of time; `None`: no limit. Clerk's is 10 in 10 s.
    pub user_rate_limit: Option<RateLimit>,
    /// How many users the instance takes; `None`: any number.
    pub max_users: Option<u64>,
    /// Faults by chance or by number.
    pub faults: Faults,
    /// Where the draws of the faults begin.
    pub seed: u64,
    /// The only key accepted; `None`: any key that starts with `sk_test_` or `sk_live_`.
    pub secret_key: Option<String>,
    /// The ID that `GET /instance` tells; for a `sk_test_` key, with `Dev` behind it.
    pub instance_id: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            rate_limit: None,
            user_rate_limit: None,
            max_users: None,
            faults: Faults::default(),
            seed: 0,
            secret_key: None,
            instance_id: "ins_2Simulator00000000000000000".to_owned(),
        }
    }
}

/// A running simulator. Dropped, it stops too, without waiting.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
    server: JoinHandle<()>,
}

/// Starts a simulator on 127.0.0.1.
///
/// # Errors
///
/// When the port is taken, or the shares of faults make no sense.
pub async fn start(settings: Settings) -> anyhow::Result<Simulator> {
    settings.faults.check()?;
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    let listener = TcpListener::bind(wanted)
        .await
        .with_context(|| format!("cannot listen on `{wanted}`; another port, or none, may be given"))?;
    let address = listener.local_addr().context("cannot tell the port that was given")?;
    // Whether it is asked to stop or forgotten, this end is dropped, and the other one hears of it.
    let (stop, running) = watch::channel(());
    let shared = Arc::new(Shared::new(settings, running));
    let service = routes::router(&shared).into_make_service_with_connect_info::<Line>();
    let hears = shared.clone();
    let server = tokio::spawn(async move {
        let stopped = async move { hears.stopped().await };
        if let Err(error) = axum::serve(Lines(listener), service).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the simulator failed");
        }
    });
    Ok(Simulator { address, shared, stop, server })
}

impl Simulator {
    /// Returns where it is: `http://127.0.0.1:PORT`, what `CLERK_API_URL` takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a scripted fault. Rules count requests from now on; where several strike at once, the first added wins.
    pub fn script(&self, rule: Rule) {
        self.shared.traffic().rules.push(rule);
    }

    /// Returns the last 10,000 requests, in the order in which they were answered.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.traffic().log.recent()
    }

    /// Returns the counts since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = self.shared.traffic().log.counts();
        let users = self.shared.users();
        Counts { creates: users.created(), repeated_creates: users.repeated(), ..counts }
    }

    /// Returns the counts as soon as they are as wanted; they are looked at again after each request.
    ///
    /// # Errors
    ///
    /// When they are not, and no further request comes for a minute.
    pub async fn reached(&self, wanted: impl Fn(&Counts) -> bool) -> anyhow::Result<Counts> {
        let mut news = self.shared.news.subscribe();
        loop {
            news.mark_unchanged();
            let counts = self.counts();
            if wanted(&counts) {
                return Ok(counts);
            }
            if timeout(QUIET, news.changed()).await.is_err() {
                bail!("no request for {} seconds, and the counts stand at {counts:?}", QUIET.as_secs());
            }
        }
    }

    /// Returns all users, oldest first, as the API shows them, and with an object `simulator` that holds what it never
    /// shows: `password_hasher`, `password_digest`, `totp_secret`, `backup_codes`.
    #[must_use]
    pub fn users(&self) -> Vec<serde_json::Value> {
        let users = self.shared.users();
        let all = users.order().iter().filter_map(|place| users.at(place.1));
        all.map(|user| view::with_secrets(user)).collect()
    }

    /// Signs a user in, as far as the Backend API tells: `last_sign_in_at` becomes now, `last_active_at` today.
    ///
    /// # Errors
    ///
    /// When there is no such user.
    pub fn sign_in(&self, clerk_id: &str) -> anyhow::Result<()> {
        let now = Utc::now().timestamp_millis();
        let changed = self.shared.users().change(clerk_id, |user| {
            user.sign_in(now);
            Ok(())
        });
        match changed {
            Ok(_) => Ok(()),
            Err(_) => bail!("there is no user `{clerk_id}`"),
        }
    }

    /// Stops: no new connections, and two seconds at most for requests under way. The port is free afterwards.
    pub async fn stop(mut self) {
        drop(self.stop);
        if timeout(PATIENCE, &mut self.server).await.is_err() {
            self.server.abort();
            let _ = self.server.await;
        }
    }
}
