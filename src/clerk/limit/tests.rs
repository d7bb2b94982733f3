use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::clerk::environment::Environment;
use crate::clerk::pace::{MOST_AT_ONCE, Pace, Rate};

const TEN_SECONDS: Duration = Duration::from_secs(10);

fn production() -> Window {
    Pace::of_instance(Environment::Production).windows[0]
}

fn development() -> Window {
    Pace::of_instance(Environment::Development).windows[0]
}

/// How a server counts the requests of a window.
#[derive(Debug, Clone, Copy)]
enum Counting {
    /// Those of the time just past.
    Sliding,
    /// Those of a piece of time; the pieces begin at this offset.
    Fixed(Duration),
}

/// A server that refuses what goes beyond its window, until that has room again, as Clerk does.
struct Server {
    window: Window,
    counting: Counting,
    let_in: VecDeque<Duration>,
    closed_until: Duration,
}

impl Server {
    /// Takes a request, or says how long to wait.
    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        if now < self.closed_until {
            return Err(self.closed_until.saturating_sub(now));
        }
        let begin = match self.counting {
            Counting::Sliding => now.checked_sub(self.window.per),
            Counting::Fixed(offset) => {
                let into = (now + offset).as_nanos() % self.window.per.as_nanos();
                now.checked_sub(Duration::from_nanos_u128(into))
                    .and_then(|begin| begin.checked_sub(Duration::from_nanos(1)))
            }
        };
        while self.let_in.pop_front_if(|at| begin.is_some_and(|begin| *at <= begin)).is_some() {}
        if self.let_in.len() < self.window.requests as usize {
            self.let_in.push_back(now);
            return Ok(());
        }
        let first = self.let_in.front().copied().unwrap_or(now);
        let wait = Duration::from_secs((first + self.window.per).saturating_sub(now).as_secs() + 1);
        self.closed_until = now + wait;
        Err(wait)
    }
}

/// The way to the server and back.
#[derive(Debug, Clone, Copy)]
struct Way {
    latency: Duration,
    /// Drawn anew for each request and direction, half of it for each.
    jitter: Duration,
}

fn way(latency: u64, jitter: u64) -> Way {
    Way { latency: Duration::from_millis(latency), jitter: Duration::from_millis(jitter) }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ask,
    Arrival(u64),
    Answer(u64, Option<Duration>),
    Other,
}

/// What came of so much time.
#[derive(Debug, Default)]
struct Outcome {
    sent: u64,
    refused: u64,
    let_in: u64,
    others: u64,
    others_refused: u64,
    /// When the last answer came.
    ended: Duration,
}

/// A client that always has something to send, a server, and others who use it; time passes from event to event.
struct World {
    limiter: Limiter,
    server: Server,
    way: Box<dyn Fn(Duration) -> Way>,
    /// The most requests that are ever sent.
    most: u64,
    /// So many requests read, and only when they are answered do others follow.
    opening: u64,
    /// How long a connection takes to come about; each request on its way needs one of its own, which is kept.
    connecting: Duration,
    others_per_second: fn(Duration) -> f64,
    random: fastrand::Rng,
}

impl World {
    fn new(windows: &[Window], server: Window, counting: Counting, way: Way) -> Self {
        let server = Server { window: server, counting, let_in: VecDeque::new(), closed_until: Duration::ZERO };
        let limiter = Limiter::new(windows);
        let random = fastrand::Rng::with_seed(7);
        let way = Box::new(move |_| way);
        let connecting = Duration::ZERO;
        Self { limiter, server, way, most: u64::MAX, opening: 0, connecting, others_per_second: |_| 0.0, random }
    }

    fn half_way(&mut self, now: Duration) -> Duration {
        let way = (self.way)(now);
        (way.latency + way.jitter.mul_f64(self.random.f64())) / 2
    }

    fn run(&mut self, length: Duration) -> Outcome {
        let start = Instant::now();
        let (mut result, mut events, mut under_way) =
            (Outcome::default(), BinaryHeap::new(), std::collections::HashMap::new());
        let mut connections = 0;
        let mut asks_at = None;
        events.push(Reverse((Duration::ZERO, Event::Ask)));
        events.push(Reverse((Duration::ZERO, Event::Other)));
        while let Some(Reverse((now, event))) = events.pop() {
            if now > length {
                break;
            }
            let mut ask = false;
            match event {
                Event::Ask => ask = asks_at.is_none_or(|at| at <= now),
                Event::Arrival(request) => {
                    let refusal = self.server.take(now).err();
                    result.refused += u64::from(refusal.is_some());
                    result.let_in += u64::from(refusal.is_none());
                    events.push(Reverse((now + self.half_way(now), Event::Answer(request, refusal))));
                }
                Event::Answer(request, refusal) => {
                    let passage = under_way.remove(&request).expect("it is under way");
                    result.ended = now;
                    let load = if request <= self.opening { Load::Read } else { Load::Write };
                    match refusal {
                        None => self.limiter.answered(passage, load, start + now),
                        Some(pause) => _ = self.limiter.refused(passage, pause, start + now),
                    }
                    ask = true;
                }
                Event::Other => {
                    let rate = (self.others_per_second)(now);
                    if rate > 0.0 {
                        let refused = self.server.take(now).is_err();
                        result.others += u64::from(!refused);
                        result.others_refused += u64::from(refused);
                    }
                    let gap = Duration::from_secs_f64(1.0 / rate.max(1.0));
                    events.push(Reverse((now + gap, Event::Other)));
                }
            }
            while ask && under_way.len() < MOST_AT_ONCE && result.sent < self.most {
                let opened = result.sent >= self.opening && under_way.keys().all(|request| *request > self.opening);
                if !opened && result.sent >= self.opening {
                    break;
                }
                match self.limiter.next(start + now) {
                    Ok(passage) => {
                        result.sent += 1;
                        under_way.insert(result.sent, passage);
                        let connecting = if under_way.len() > connections { self.connecting } else { Duration::ZERO };
                        connections = connections.max(under_way.len());
                        let arrival = now + connecting + self.half_way(now);
                        events.push(Reverse((arrival, Event::Arrival(result.sent))));
                    }
                    Err(at) => {
                        let at = at - start;
                        assert!(at > now, "a wait must lie ahead");
                        asks_at = Some(at);
                        events.push(Reverse((at, Event::Ask)));
                        ask = false;
                    }
                }
            }
        }
        result
    }
}

/// The part of what the window allows that was sent in so much time.
fn share(requests: u64, window: Window, length: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "is a few millions")]
    let requests = requests as f64;
    requests / (f64::from(window.requests) * length.as_secs_f64() / window.per.as_secs_f64())
}

#[test]
fn hours_of_sending_never_pass_the_limit_and_keep_it_full() {
    let countings = [Counting::Sliding, Counting::Fixed(Duration::ZERO), Counting::Fixed(Duration::from_millis(3_333))];
    let ways = [way(20, 0), way(300, 0), way(1000, 0), way(20, 100), way(300, 100), way(1000, 100)];
    let check = |window, counting, way, length| {
        let result = World::new(&[window], window, counting, way).run(length);
        assert_eq!(result.refused, 0, "{counting:?} {way:?}");
        let share = share(result.sent, window, length);
        assert!(share >= 0.99, "{counting:?} {way:?}: {share}");
    };
    for (counting, way) in countings.into_iter().flat_map(|counting| ways.map(|way| (counting, way))) {
        check(development(), counting, way, Duration::from_hours(2));
    }
    for (counting, way) in [(countings[0], ways[0]), (countings[0], ways[4]), (countings[2], ways[5])] {
        check(production(), counting, way, Duration::from_mins(20));
    }
}

#[test]
fn ten_thousand_users_and_their_look_ups_take_little_more_than_a_hundred_seconds() {
    for way in [way(20, 0), way(1000, 0), way(20, 100), way(1000, 100)] {
        let seconds = Duration::from_millis(100_700);
        let result = World::new(&[production()], production(), Counting::Sliding, way).run(seconds);
        assert!(result.sent >= 10_101, "{way:?}: {}", result.sent);
    }
}

#[test]
fn the_requests_that_open_an_instance_leave_room_again_when_they_should() {
    for (latency, end) in [(20, 100_400), (300, 100_900), (1000, 101_400)] {
        let mut world = World::new(&[production()], production(), Counting::Sliding, way(latency, 0));
        (world.opening, world.most) = (2, 10_002);
        let result = world.run(Duration::from_mins(3));
        assert_eq!((result.let_in, result.refused), (10_002, 0), "{latency} ms");
        assert!(result.ended <= Duration::from_millis(end), "{latency} ms: {:?}", result.ended);
    }
}

#[test]
fn connections_that_take_their_time_cost_no_refusal() {
    for (latency, connecting) in [(20, 50), (100, 300), (100, 1_000), (1000, 2_000)] {
        let mut world = World::new(&[production()], production(), Counting::Sliding, way(latency, 0));
        (world.opening, world.connecting) = (2, Duration::from_millis(connecting));
        let length = Duration::from_mins(5);
        let result = world.run(length);
        assert_eq!(result.refused, 0, "{latency} ms, connected in {connecting} ms");
        let share = share(result.sent, production(), length);
        assert!(share >= 0.98, "{latency} ms, connected in {connecting} ms: {share}");
    }
}

#[test]
fn a_way_that_is_anything_but_even_costs_a_refusal_in_a_thousand_at_most() {
    for way in [way(20, 1_000), way(500, 2_000), way(50, 3_000)] {
        let result = World::new(&[production()], production(), Counting::Sliding, way).run(Duration::from_mins(30));
        assert!(result.refused * 1000 <= result.sent, "{way:?}: {result:?}");
        let share = share(result.sent, production(), Duration::from_mins(30));
        assert!(share >= 0.8, "{way:?}: {share}");
    }
}

#[test]
fn a_latency_that_changes_is_followed() {
    let mut world = World::new(&[production()], production(), Counting::Sliding, way(0, 0));
    // For ten minutes each.
    let latency = |now: Duration| [50, 800, 300, 50, 1000][(now.as_secs() / 600 % 5) as usize];
    world.way = Box::new(move |now| way(latency(now), 20));
    let length = Duration::from_mins(50);
    let result = world.run(length);
    assert!(result.refused * 1000 <= result.sent, "{result:?}");
    let share = share(result.sent, production(), length);
    assert!(share >= 0.98, "{share}");
}

#[test]
fn a_part_of_the_limit_leaves_the_rest_to_others_without_a_refusal() {
    let windows = Pace::of_instance(Environment::Production).at(Rate::Share(0.5)).windows;
    let mut world = World::new(&windows, production(), Counting::Sliding, way(100, 50));
    world.others_per_second = |_| 49.0;
    let result = world.run(Duration::from_mins(30));
    assert_eq!((result.refused, result.others_refused), (0, 0));
    assert!(share(result.sent, production(), Duration::from_mins(30)) >= 0.495, "{result:?}");
}

#[test]
fn two_on_one_budget_get_along_and_what_the_other_no_longer_needs_is_taken_again() {
    let mut world = World::new(&[production()], production(), Counting::Sliding, way(100, 20));
    // Nothing, then a third of the limit, then more, then nothing again: by turns of ten minutes.
    world.others_per_second = |now| [0.0, 33.0, 60.0, 0.0][(now.as_secs() / 600 % 4) as usize];
    let result = world.run(Duration::from_mins(40));
    let all = share(result.let_in + result.others, production(), Duration::from_mins(40));
    assert!(all >= 0.85, "together they use most of what there is: {all} {result:?}");
    assert!(result.refused * 50 <= result.sent, "{result:?}");
    let mut after = Limiter::new(&[production()]);
    let (start, passage) = (Instant::now(), Passage { at: Instant::now() });
    after.refused(passage, Duration::from_secs(1), start);
    assert!(after.logs[0].allowance.at(start) <= 500);
    assert_eq!(after.logs[0].allowance.at(start + Duration::from_secs(1) + TEN_SECONDS * 6), 1000, "within a minute");
}

#[test]
fn a_limit_below_what_was_told_is_found() {
    let less = Window { requests: 600, ..production() };
    let result = World::new(&[production()], less, Counting::Sliding, way(100, 20)).run(Duration::from_hours(1));
    assert!(share(result.let_in, less, Duration::from_hours(1)) >= 0.8, "{result:?}");
    assert!(result.refused * 50 <= result.sent, "{result:?}");
}

#[test]
fn the_slowest_of_several_limits_wins() {
    let pace =
        Pace::of_instance(Environment::Production).at(Rate::PerSecond(50.0)).with_delay(Duration::from_millis(100));
    let result = World::new(&pace.windows, production(), Counting::Sliding, way(40, 0)).run(Duration::from_mins(10));
    assert!((5_850..=6_000).contains(&result.sent), "{result:?}");
}

#[test]
fn requests_without_an_answer_leave_their_window_too() {
    let (start, mut limiter) = (Instant::now(), Limiter::new(&[production()]));
    assert!((0..1000).all(|_| limiter.next(start).is_ok()));
    let at = limiter.next(start).expect_err("the window is full");
    assert_eq!(at, start + TEN_SECONDS + Duration::from_millis(3010));
    assert!(limiter.next(at).is_ok());
}

#[test]
fn nothing_passes_during_a_pause_and_a_shorter_one_does_not_end_it() {
    let (start, mut limiter) = (Instant::now(), Limiter::new(&[]));
    let passage = limiter.next(start).expect("there is no limit");
    assert!(limiter.refused(passage, TEN_SECONDS, start));
    assert!(!limiter.refused(passage, Duration::from_secs(1), start));
    assert_eq!(limiter.next(start), Err(start + TEN_SECONDS));
    assert_eq!(limiter.pause_left(start), Some(TEN_SECONDS));
    assert!(limiter.next(start + TEN_SECONDS).is_ok());
    assert_eq!(limiter.pause_left(start + TEN_SECONDS), None);
}
