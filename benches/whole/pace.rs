//! At Clerk's limit: 1,000 requests in 10 seconds, look-ups included.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use db2clerk::engine::Engine;
use futures_util::future::join_all;

use crate::clerk::Clerk;
use crate::data::Users;
use crate::rig::Rig;
use crate::sheet::{Row, Samples, Sheet, caught, float, thousands};

/// Clerk's limit for a production instance.
pub(crate) const LIMIT: &str = "1000/10";

/// Milliseconds until an answer, and how many more at most.
const WAYS: [(u64, u64); 8] = [(20, 0), (50, 0), (100, 0), (200, 0), (300, 0), (1000, 0), (20, 100), (100, 100)];

/// What several runs of one kind came to.
#[derive(Default)]
struct Came {
    seconds: Samples,
    estimates: Samples,
    refused: u64,
    lost: u64,
    requests: u64,
}

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = format!(
        "`migrate` of {} users (SQLite) into a simulator with Clerk's production limit of {LIMIT} s, from the \
         start of the program to its end. All of these ran side by side, each with a simulator of its own: they \
         mostly wait. Refused: requests answered with 429. Beside it: what the program said before that it would \
         take. Two programs: another one sends {} requests a second, in turns of ten seconds.",
        thousands(rig.few()),
        OTHERS.map(|rate| rate.to_string()).join(", ")
    );
    sheet.section("Pace", note);
    let users = match caught(rig.users(Engine::Sqlite, rig.few())).await {
        Ok(users) => users,
        Err(error) => return sheet.add("data", Err(error)),
    };
    let alone = join_all(WAYS.map(|way| caught(several(rig, &users, way))));
    let (alone, together) = tokio::join!(alone, caught(several_beside_another(rig, &users)));
    for ((latency, jitter), came) in WAYS.into_iter().zip(alone) {
        let jitter = if jitter > 0 { format!(" and up to {jitter} ms more") } else { String::new() };
        let what = format!("an answer in {latency} ms{jitter}");
        sheet.add(&what, came.map(|came| vec![came.row(&what, users.rows)]));
    }
    sheet.add("two programs on one limit", together);
}

async fn several(rig: &Rig, users: &Users, way: (u64, u64)) -> Result<Came> {
    let mut came = Came::default();
    for _ in 0..rig.runs {
        let mut clerk = limited(way).await?;
        came.run(rig, users, &mut clerk).await?;
        came.refused += clerk.seen().await?.rate_limited;
    }
    Ok(came)
}

async fn limited((latency, jitter): (u64, u64)) -> Result<Clerk> {
    let flags = ["--rate-limit", LIMIT, "--latency", &latency.to_string(), "--jitter", &jitter.to_string()];
    Clerk::with(&flags).await
}

impl Came {
    /// Runs once more, and returns how many of our requests were refused.
    async fn run(&mut self, rig: &Rig, users: &Users, clerk: &mut Clerk) -> Result<u64> {
        let room = rig.room()?;
        let run = room.migrate(&rig.program, users, clerk)?.end().await?;
        ensure!(matches!(run.code, Some(0 | 1)), "ended with {:?}:\n{}", run.code, run.stderr);
        self.seconds.push(run.seconds);
        if let Some(estimate) = estimate(&run.stderr) {
            self.estimates.push(estimate);
        }
        let seen = clerk.seen().await?;
        ensure!(seen.repeated_creates == 0, "{} users were sent twice", seen.repeated_creates);
        self.lost += users.rows - seen.creates;
        self.requests += run.number("requests")?;
        run.number("rateLimited")
    }

    fn row(self, what: &str, users: u64) -> Row {
        // The limit alone: a look-up for every hundred users.
        let target = 102.0 * float(users) / 10_000.0;
        let ours = format!("{}; {} refused, {} lost", self.seconds.seconds(), self.refused, self.lost);
        let met = self.seconds.median() <= target && self.refused + self.lost == 0;
        let row = Row::new(what, ours).target(format!("≤ {target:.0} s, none refused, none lost"), met);
        if self.estimates.median().is_nan() {
            return row.beside("it does not say");
        }
        row.beside(format!("{} said", self.estimates.seconds())).ratio(self.seconds.median() / self.estimates.median())
    }
}

/// Requests a second of the other program, ten seconds long each, and then from the beginning.
const OTHERS: [u32; 4] = [20, 50, 0, 35];

/// Another program takes a changing part of the limit.
async fn several_beside_another(rig: &Rig, users: &Users) -> Result<Vec<Row>> {
    let (mut came, mut ours_refused) = (Came::default(), 0);
    let (sent, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    for _ in 0..rig.runs {
        let mut clerk = limited((100, 0)).await?;
        let url = clerk.url.clone();
        ours_refused += tokio::select! {
            came = came.run(rig, users, &mut clerk) => came?,
            failed = another(&url, &sent, &refused) => return Err(failed.context("the other program failed")?),
        };
    }
    let share = 100.0 * float(ours_refused) / float(came.requests);
    let (sent, refused) = (sent.into_inner(), refused.into_inner());
    let others = 100.0 * float(refused) / float(sent.max(1));
    let seconds = came.seconds.seconds();
    let ours = format!("{seconds}; {share:.2} % refused, {} lost", came.lost);
    let row = Row::new("two programs on one limit, an answer in 100 ms", ours);
    Ok(vec![row.beside(format!("{others:.2} % of the other one's refused"))])
}

/// Asks how many users there are, again and again. Never ends well.
async fn another(url: &str, sent: &AtomicU64, refused: &AtomicU64) -> Result<anyhow::Error> {
    // In vain if it is installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    loop {
        for rate in OTHERS {
            let turn_ends = tokio::time::Instant::now() + Duration::from_secs(10);
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
            while tokio::time::timeout_at(turn_ends, ticks.tick()).await.is_ok() {
                if rate == 0 {
                    continue;
                }
                let request = client.get(format!("{url}/v1/users/count")).bearer_auth("sk_live_another");
                let answer = request.header("user-agent", "another").send().await?;
                sent.fetch_add(1, Ordering::Relaxed);
                if answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS {
                    refused.fetch_add(1, Ordering::Relaxed);
                    let wait = answer.headers().get("retry-after").context("a 429 says how long")?.to_str()?.parse()?;
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                }
            }
        }
    }
}

/// The seconds that the program says it will take, if it says so: `about 1 h 2 min 3 s`, or parts of that.
fn estimate(stderr: &str) -> Option<f64> {
    let words: Vec<&str> = stderr.split_once("about ")?.1.split_whitespace().take(6).collect();
    let mut seconds = 0.0;
    for pair in words.chunks(2) {
        let [number, unit] = pair else { break };
        let Ok(number) = number.parse::<f64>() else { break };
        let unit = unit.trim_end_matches(|c: char| !c.is_alphabetic());
        seconds += number
            * match unit {
                "h" => 3600.0,
                "min" => 60.0,
                "s" => 1.0,
                _ => break,
            };
    }
    (seconds > 0.0).then_some(seconds)
}
