//! The Clerk instance a command works on: opened, described, guarded.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tokio::task::JoinSet;

use super::Context;
use crate::args::ClerkArgs;
use crate::clerk::{ApiUrl, Client, Environment, Instance, SecretKey, Settings};
use crate::config::Config;
use crate::exit::{Failure, OrRefuse};
use crate::output::{Console, count, duration};

/// An open Clerk instance.
pub(super) struct ClerkTarget {
    /// The client.
    pub client: Client,
    /// The instance, as it describes itself.
    pub instance: Instance,
    /// How many users it had when it was opened.
    pub users: u64,
    opened_at: Instant,
    /// Whether `IMPORT_TO_DEV_INSTANCE` allows a development instance.
    pub dev_allowed: bool,
    /// Where the API is.
    pub api_url: ApiUrl,
    /// Where the key stood.
    key_origin: String,
    /// What else is set about the pace, and where.
    pace: Vec<String>,
    /// Whoever tells of long pauses; silent once the target is gone.
    _teller: JoinSet<()>,
}

/// Opens the Clerk instance that the settings name, and asks it who it is and how many users it has.
///
/// # Errors
/// A refusal, if there is no key or a setting is wrong; a failure, if Clerk cannot be reached or refuses the key.
pub(super) async fn open(flags: ClerkArgs, context: &Context) -> Result<ClerkTarget, Failure> {
    let from_flag = flags.clerk_secret_key.is_some();
    let given = flags.clone();
    let settings = context.config.clerk(flags).or_refuse()?;
    let key = settings.clerk_secret_key.as_deref().ok_or_else(|| {
        anyhow!(
            "there is no Clerk secret key\n\
             hint: put `CLERK_SECRET_KEY=sk_...` into `.env`, or set it in the environment; it stands in the Clerk Dashboard \
             under API keys"
        )
    });
    let key = key.or_refuse()?;
    let key_origin = if from_flag {
        context
            .console
            .warn("a key given as a flag shows in process lists; CLERK_SECRET_KEY in the environment does not");
        "--clerk-secret-key".to_owned()
    } else {
        context.config.origin("CLERK_SECRET_KEY").unwrap_or("the configuration").to_owned()
    };
    let key = SecretKey::parse(key)
        .with_context(|| format!("failed to read the Clerk secret key from {key_origin}"))
        .or_refuse()?;
    let api_url = match &settings.clerk_api_url {
        Some(text) => ApiUrl::parse(text)
            .with_context(|| {
                let origin = context.config.origin("CLERK_API_URL").filter(|_| given.clerk_api_url.is_none());
                let origin = origin.map(|origin| format!(", `CLERK_API_URL` from {origin}")).unwrap_or_default();
                format!("failed to read the address of the Clerk API{origin}")
            })
            .or_refuse()?,
        None => ApiUrl::default(),
    };
    let dev_allowed = settings.import_to_dev_instance == Some(true);
    if settings.concurrency_limit == Some(0) {
        return Err(anyhow!("a concurrency limit of 0 sends nobody\nhint: leave it out, or set 1 or more")).or_refuse();
    }
    let environment = key.kind();
    let mut client_settings = Settings::new(api_url.clone(), key);
    if let Some(rate) = settings.rate {
        client_settings.pace = client_settings.pace.at(rate);
    }
    if let Some(delay) = settings.delay_ms.filter(|delay| *delay > 0) {
        client_settings.pace = client_settings.pace.with_delay(Duration::from_millis(delay));
    }
    if let Some(delay) = settings.retry_delay_ms {
        client_settings.pace.retry_delay = Duration::from_millis(delay);
    }
    if let Some(most) = settings.concurrency_limit {
        client_settings.pace.most_at_once = most;
    }
    let client = Client::new(client_settings).or_refuse()?;
    let mut teller = JoinSet::new();
    teller.spawn(tell_of_long_pauses(client.clone(), context.console));
    let asked = Box::pin(async { tokio::try_join!(client.instance(), client.count_users()) });
    let (instance, users) =
        context.or_interrupted(told_if_silent(asked, &api_url, context.console)).await?.map_err(|error| {
            let hint = if error.status.is_none() {
                "\nhint: check `CLERK_API_URL`, the network, and `HTTPS_PROXY` if a proxy is on the way"
            } else {
                ""
            };
            let what =
                format!("failed to ask `{api_url}` which instance the key is of, and how many users it has{hint}");
            anyhow::Error::new(error).context(what)
        })?;
    if instance.environment != environment {
        return Err(anyhow!(
            "the key is of a {environment} instance, and `{api_url}` says that `{}` is a {} one\n\
             hint: check `CLERK_API_URL`",
            instance.id,
            instance.environment
        ))
        .or_refuse();
    }
    let pace = announcements(&settings, &given, &context.config);
    Ok(ClerkTarget {
        client,
        instance,
        users,
        opened_at: Instant::now(),
        dev_allowed,
        api_url,
        key_origin,
        pace,
        _teller: teller,
    })
}

/// Waits for the first answer, and says so if none comes: it is asked for again some times before that is an error.
async fn told_if_silent<T>(mut answer: impl Future<Output = T> + Unpin, api_url: &ApiUrl, console: Console) -> T {
    tokio::select! {
        answer = &mut answer => return answer,
        () = tokio::time::sleep(SILENCE) => console.say(format!("Waiting for an answer of `{api_url}`")),
    }
    answer.await
}

/// What came from the environment and changes how fast users are sent: the old script's users have it in their `.env`, and may
/// have forgotten.
fn announcements(settings: &ClerkArgs, flags: &ClerkArgs, config: &Config) -> Vec<String> {
    let told = |name: &str, from_flag: bool, text: Option<String>| {
        let origin = config.origin(name).filter(|_| !from_flag)?;
        Some(format!("{} (`{name}` from {origin})", text?))
    };
    [
        told(
            "DELAY_MS",
            flags.delay_ms.is_some(),
            settings.delay_ms.map(|delay| format!("one request every {delay} ms at most")),
        ),
        told("RATE_LIMIT", flags.rate.is_some(), settings.rate.map(|rate| rate.to_string())),
        told(
            "CONCURRENCY_LIMIT",
            flags.concurrency_limit.is_some(),
            settings.concurrency_limit.map(|limit| format!("{limit} requests at one time at most")),
        ),
        told(
            "RETRY_DELAY_MS",
            flags.retry_delay_ms.is_some(),
            settings.retry_delay_ms.map(|delay| format!("{delay} ms of waiting after a refusal for pace")),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl ClerkTarget {
    /// Returns the lines that say where users go.
    #[must_use]
    pub(super) fn describe(&self) -> Vec<String> {
        let at = if self.api_url.is_clerk() { String::new() } else { format!(" at {}", self.api_url) };
        let users = if self.users == 0 { "no users yet".to_owned() } else { count(self.users, "user") };
        let mut lines = vec![format!(
            "Clerk:    {} instance `{}`{at}, {users}, key from {}",
            self.instance.environment, self.instance.id, self.key_origin
        )];
        lines.extend(self.pace.iter().map(|pace| format!("          {pace}")));
        lines
    }

    /// Returns whether Clerk says that it has no users, now. If Clerk cannot say so, it may have some.
    pub(super) async fn has_no_users(&self) -> bool {
        let is_fresh = self.opened_at.elapsed() < FRESH;
        self.users == 0 && (is_fresh || self.client.count_users().await.is_ok_and(|users| users == 0))
    }

    /// Returns whether users in it are real.
    #[must_use]
    pub(super) fn is_production(&self) -> bool {
        self.instance.environment == Environment::Production
    }

    /// Refuses a development instance that nobody has allowed. Users in it cannot be moved to production later.
    ///
    /// # Errors
    /// A refusal.
    pub(super) fn guard(&self) -> Result<(), Failure> {
        if self.is_production() || self.dev_allowed {
            return Ok(());
        }
        Err(anyhow!(
            "the key is of the development instance `{}`, whose users cannot be moved to production later\n\
             hint: set `IMPORT_TO_DEV_INSTANCE=true` if that is what you want, or use a `sk_live_` key",
            self.instance.id
        ))
        .or_refuse()
    }
}

/// How old the number of users may be for it to count still: somebody may think the plan over for an hour.
const FRESH: Duration = Duration::from_mins(1);
/// After how long it is said that there is no answer yet.
const SILENCE: Duration = Duration::from_secs(3);
/// A pause that is worth a word: whoever looks at a bar that stands still should know why, and that they may stop.
const LONG_PAUSE: Duration = Duration::from_mins(1);
/// How often to look whether there is one.
const GLANCE: Duration = Duration::from_secs(1);

/// Says so whenever Clerk asks to wait for long. Never ends.
async fn tell_of_long_pauses(client: Client, console: Console) {
    loop {
        if let Some(left) = client.pause_left().filter(|left| *left >= LONG_PAUSE) {
            let until = (chrono::Utc::now() + left).format("%H:%M UTC");
            console.say(format!(
                "Clerk asks to wait for {} (until {until}): all requests wait, and go on by themselves. To stop instead, press \
                 Ctrl-C: nothing is lost, and the same command goes on later.",
                duration(left)
            ));
            tokio::time::sleep(left).await;
        }
        tokio::time::sleep(GLANCE).await;
    }
}
