//! `db2clerk simulator`: serves the local Clerk until it is told to stop.

use std::time::Duration;

use serde_json::json;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::shutdown::Urgency;
use crate::simulator::{self, Faults, RateLimit, Settings, Storm};

/// Serves a local Clerk, for trying a migration without an account.
///
/// It answers the Backend API on 127.0.0.1, checks every user as strictly as Clerk does, and forgets everything when it
/// stops. It accepts any key that starts with `sk_test_` or `sk_live_`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example: db2clerk simulator --latency 100 --rate-limit 1000/10")]
pub struct Args {
    /// Listens on this port. Default: a free one, which is printed.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub port: u16,

    /// Takes at least so many milliseconds for each answer. Default: 0.
    #[arg(long, value_name = "MS", default_value_t = 0, hide_default_value = true)]
    pub latency: u64,

    /// Adds up to so many milliseconds, drawn anew for each answer. Default: 0.
    #[arg(long, value_name = "MS", default_value_t = 0, hide_default_value = true)]
    pub jitter: u64,

    /// Refuses what goes beyond N requests in any window of so many seconds, with 429 and `Retry-After`. Clerk's own limits
    /// are 1000/10 in production and 100/10 in development. Default: no limit.
    #[arg(long, value_name = "N/SECONDS")]
    pub rate_limit: Option<RateLimit>,

    /// Refuses what goes beyond N changes of one and the same user in any window of so many seconds, with 429 and
    /// `Retry-After`. Clerk's own limit is 10/10. Default: no limit.
    #[arg(long, value_name = "N/SECONDS")]
    pub user_rate_limit: Option<RateLimit>,

    /// Refuses every user beyond this number, as a development instance does beyond 100. Default: takes any number.
    #[arg(long, value_name = "N")]
    pub max_users: Option<u64>,

    /// Answers this share of all requests, 0 to 1, with 500, and does nothing. Default: 0.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = share)]
    pub fail_share: f64,

    /// Makes the user, and then closes the connection without an answer, for this share of creates, 0 to 1. Default: 0.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = share)]
    pub lose_answer_share: f64,

    /// Closes the connection of this share of all requests, 0 to 1, and does nothing. Default: 0.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = share)]
    pub cut_share: f64,

    /// Does what is asked and breaks off in the middle of the answer, for this share of all requests, 0 to 1. Default: 0.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = share)]
    pub cut_answer_share: f64,

    /// Answers this share of all requests, 0 to 1, with an HTML page, as a broken proxy does. Default: 0.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, hide_default_value = true, value_parser = share)]
    pub html_share: f64,

    /// Refuses the requests of these numbers, counted from 1, with 429 and a `Retry-After` of one second. Default: none.
    #[arg(long, value_name = "FROM-TO")]
    pub storm: Option<Storm>,

    /// Refuses the key from this request on, counted from 1, as if it had been revoked. Default: never.
    #[arg(long, value_name = "N")]
    pub revoke_from: Option<u64>,

    /// Starts the draws of the shares from this number: the same number, the same requests fail. Default: 0.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub seed: u64,
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("a share is a number from 0 to 1")
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self {
            port: args.port,
            latency: Duration::from_millis(args.latency),
            jitter: Duration::from_millis(args.jitter),
            rate_limit: args.rate_limit,
            user_rate_limit: args.user_rate_limit,
            max_users: args.max_users,
            faults: Faults {
                fail_share: args.fail_share,
                lose_answer_share: args.lose_answer_share,
                cut_share: args.cut_share,
                cut_answer_share: args.cut_answer_share,
                html_share: args.html_share,
                storm: args.storm,
                revoked_from: args.revoke_from,
            },
            seed: args.seed,
            ..Self::default()
        }
    }
}

/// Serves until a stop is asked for.
///
/// # Errors
///
/// When the port is taken, or the shares make no sense.
pub(super) async fn run(args: Args, mut context: Context) -> Result<Exit, Failure> {
    let simulator = simulator::start(args.into()).await?;
    let url = simulator.url();
    let variables = [
        ("CLERK_API_URL", url.as_str()),
        ("CLERK_SECRET_KEY", "sk_test_simulator"),
        ("IMPORT_TO_DEV_INSTANCE", "true"),
    ];
    let in_words = variables.map(|(name, value)| format!("{name}={value}")).join(" ");
    let in_json = serde_json::Map::from_iter(variables.map(|(name, value)| (name.to_owned(), json!(value))));
    context
        .console
        .result(format!("listening on {url}\nuse it: {in_words}"), &json!({ "url": url, "variables": in_json }));
    context.shutdown.wait_for(Urgency::Graceful).await;
    simulator.stop().await;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn every_flag_reaches_the_settings() {
        let line = "simulator --port 4010 --latency 5 --jitter 6 --rate-limit 100/10 --user-rate-limit 10/5 \
                    --max-users 7 --fail-share 0.1 --lose-answer-share 0.2 --cut-share 0.3 --cut-answer-share 0.05 --html-share 0.01 --storm 2-9 \
                    --revoke-from 8 --seed 3";
        let settings = Settings::from(Cli::try_parse_from(line.split_whitespace()).expect("all flags are known").args);
        assert_eq!((settings.port, settings.max_users, settings.seed), (4010, Some(7), 3));
        assert_eq!((settings.latency.as_millis(), settings.jitter.as_millis()), (5, 6));
        assert_eq!(settings.rate_limit, Some(RateLimit { requests: 100, window: Duration::from_secs(10) }));
        assert_eq!(settings.user_rate_limit, Some(RateLimit { requests: 10, window: Duration::from_secs(5) }));
        let faults = settings.faults;
        let shares =
            [faults.fail_share, faults.lose_answer_share, faults.cut_share, faults.cut_answer_share, faults.html_share];
        assert_eq!(format!("{shares:?}"), "[0.1, 0.2, 0.3, 0.05, 0.01]");
        assert_eq!(faults.storm, Some(Storm { from: 2, to: 9, retry_after: Some(1) }));
        assert_eq!(faults.revoked_from, Some(8));
    }

    #[test]
    fn a_share_that_is_none_is_a_usage_error_that_names_its_flag() {
        for flag in ["--fail-share", "--lose-answer-share", "--cut-share", "--cut-answer-share", "--html-share"] {
            for share in ["1.01", "-0.1", "NaN", "inf", "half"] {
                let line = ["simulator", &format!("{flag}={share}")];
                let error = Cli::try_parse_from(line).expect_err("no share");
                let told = error.to_string();
                assert!(told.contains(flag) && told.contains("a number from 0 to 1"), "{told}");
                assert_eq!(error.exit_code(), 2);
            }
            assert!(Cli::try_parse_from(["simulator", flag, "1"]).is_ok());
        }
    }
}
