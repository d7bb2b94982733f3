//! At Clerk's limit: 1,000 requests in 10 seconds, look-ups included.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use db2clerk::engine::Engine;
use futures_util::future::join_all;
use serde_json::json;

use crate::clerk::Clerk;
use crate::data::Users;
use crate::rig::Rig;
use crate::sheet::{Row, Samples, Sheet, caught, float, thousands};

/// Clerk's limit for a production instance.
pub(crate) const LIMIT: &str = "1000/10";

/// How answers come: in so many milliseconds, up to so many more, and from an instance that has users already or none.
#[derive(Clone, Copy)]
struct Way {
    latency: u64,
    jitter: u64,
    has_users: bool,
}

const WAYS: [Way; 10] = [
    Way::new(20, 0),
    Way::new(50, 0),
    Way::new(100, 0),
    Way::new(200, 0),
    Way::new(300, 0),
    Way::new(1000, 0),
    Way::new(20, 100),
    Way::new(100, 100),
    Way { has_users: true, ..Way::new(100, 0) },
    Way { has_users: true, ..Way::new(1000, 0) },
];

impl Way {
    const fn new(latency: u64, jitter: u64) -> Self {
        Self { latency, jitter, has_users: false }
    }

    fn in_words(self) -> String {
        let jitter = if self.jitter > 0 { format!(" and up to {} ms more", self.jitter) } else { String::new() };
        let users = if self.has_users { ", an instance with users" } else { "" };
        format!("an answer in {} ms{jitter}{users}", self.latency)
    }
}

/// What several runs of one kind came to.
#[derive(Default)]
struct Came {
    seconds: Samples,
    /// From the first look-up or user sent, to the last answer.
    sending: Samples,
    estimates: Samples,
    refused: u64,
    lost: u64,
    requests: u64,
}

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = format!(
        "`migrate` of {} users (SQLite) into a simulator with Clerk's production limit of {LIMIT} s, from the \
         start of the program to its end. All of these ran side by side, each with a simulator of its own: they \
         mostly wait. In an instance with users, all are looked up first, a hundred by a request; nobody can be \
         before the program is told that there are any, so the target is for what comes after that: the look-ups \
         and the users. Refused: requests answered with 429. Beside it: what the program said before that it would \
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
    for (way, came) in WAYS.into_iter().zip(alone) {
        let what = way.in_words();
        sheet.add(&what, came.map(|came| came.rows(&what, users.rows, way.has_users)));
    }
    sheet.add("two programs on one limit", together);
}

async fn several(rig: &Rig, users: &Users, way: Way) -> Result<Came> {
    let mut came = Came::default();
    for _ in 0..rig.runs {
        let mut clerk = limited(way).await?;
        if way.has_users {
            make_user(&clerk.url).await?;
        }
        let before = clerk.seen().await?.requests;
        came.run(rig, users, &mut clerk, u64::from(way.has_users)).await?;
        let seen = clerk.seen().await?;
        came.refused += seen.rate_limited;
        // Both ends are seen halfway between question and answer.
        came.sending.push(seen.seconds_from_request(before + 1 + QUESTIONS)? + float(way.latency) / 1000.0);
    }
    Ok(came)
}

/// What is asked before it is known whether anybody has to be looked up: which instance it is, and how many users it has. Both at
/// once, and nothing else can go out before they are answered.
const QUESTIONS: u64 = 2;

async fn limited(way: Way) -> Result<Clerk> {
    let flags = ["--rate-limit", LIMIT, "--latency", &way.latency.to_string(), "--jitter", &way.jitter.to_string()];
    Clerk::with(&flags).await
}

/// Makes a user who is none of ours.
async fn make_user(url: &str) -> Result<()> {
    let user =
        json!({"external_id": "another", "email_address": ["another@example.org"], "skip_password_requirement": true});
    let request = reqwest::Client::new().post(format!("{url}/v1/users")).bearer_auth("sk_live_another");
    request.header("user-agent", "another").json(&user).send().await?.error_for_status()?;
    // Until it counts no more against the limit.
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok(())
}

impl Came {
    /// Runs once more, with so many users in the instance before, and returns how many of our requests were refused.
    async fn run(&mut self, rig: &Rig, users: &Users, clerk: &mut Clerk, before: u64) -> Result<u64> {
        let room = rig.room()?;
        let run = room.migrate(&rig.program, users, clerk)?.end().await?;
        ensure!(matches!(run.code, Some(0 | 1)), "ended with {:?}:\n{}", run.code, run.stderr);
        self.seconds.push(run.seconds);
        if let Some(estimate) = estimate(&run.stderr) {
            self.estimates.push(estimate);
        }
        let seen = clerk.seen().await?;
        ensure!(seen.repeated_creates == 0, "{} users were sent twice", seen.repeated_creates);
        self.lost += before + users.rows - seen.creates;
        self.requests += run.number("requests")?;
        run.number("rateLimited")
    }

    fn rows(self, what: &str, users: u64, looked_up: bool) -> Vec<Row> {
        // The limit alone, a look-up for every hundred users included.
        let most = 102.0 * float(users) / 10_000.0;
        let target = format!("≤ {most:.0} s, none refused, none lost");
        let clean = self.refused + self.lost == 0;
        let ours = format!("{}; {} refused, {} lost", self.seconds.seconds(), self.refused, self.lost);
        let (row, said) = (Row::new(what, ours), self.estimates.median());
        let row = if said.is_nan() {
            row.beside("it does not say")
        } else {
            row.beside(format!("{} said", self.estimates.seconds())).ratio(self.seconds.median() / said)
        };
        if !looked_up {
            return vec![row.target(target, self.seconds.median() <= most && clean)];
        }
        let of_it = Row::new("of that, from the first look-up to the last answer", self.sending.seconds());
        vec![row, of_it.target(target, self.sending.median() <= most && clean)]
    }
}

/// Requests a second of the other program, ten seconds long each, and then from the beginning.
const OTHERS: [u32; 4] = [20, 50, 0, 35];

/// Another program takes a changing part of the limit.
async fn several_beside_another(rig: &Rig, users: &Users) -> Result<Vec<Row>> {
    let (mut came, mut ours_refused) = (Came::default(), 0);
    let (sent, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    for _ in 0..rig.runs {
        let mut clerk = limited(Way::new(100, 0)).await?;
        let url = clerk.url.clone();
        ours_refused += tokio::select! {
            came = came.run(rig, users, &mut clerk, 0) => came?,
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
