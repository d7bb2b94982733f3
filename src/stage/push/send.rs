//! Users to Clerk: as many requests on their way as there are permits, and every answer awaited.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::{Run, unsent};
use crate::clerk::{Error, Kind};
use crate::ledger::{Entry, Outcome};
use crate::shutdown::Urgency;
use crate::stage::brake::Brake;
use crate::stage::bring_in::bring_in;
use crate::stage::permits::Permits;

/// The most tasks that send: with a connection each, more than systems commonly allow a process in open files.
const MOST_SENDERS: usize = 1_000;
/// How long requests on their way are awaited after a stop was asked for.
const PATIENCE: Duration = Duration::from_secs(45);

/// Sends users, as many at one time as there are permits, and awaits all answers at the end.
pub(super) async fn send_all(run: Arc<Run>, permits: Arc<Permits>, entries: mpsc::UnboundedReceiver<Entry>) {
    let entries = Arc::new(Mutex::new(entries));
    // One each for as many as there may ever be at one time: a task for each user would cost as much as its request.
    let mut senders = JoinSet::new();
    for _ in 0..run.client.most_at_once().min(MOST_SENDERS) {
        senders.spawn(send_each(Arc::clone(&run), Arc::clone(&permits), Arc::clone(&entries)));
    }
    tokio::select! {
        () = ended(&mut senders, &run.brake) => {}
        () = run.brake.on() => {}
    }
    // Never sent: back to pending, so that the next run need not doubt.
    let mut left = entries.lock().await;
    left.close();
    while let Some(entry) = left.recv().await {
        run.answer(unsent(&entry, Outcome::Pending(None).into())).await;
    }
    drop(left);
    let insisted = async {
        run.brake.asked(Urgency::Graceful).await;
        tokio::select! {
            () = run.brake.asked(Urgency::Now) => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
    };
    tokio::select! {
        () = ended(&mut senders, &run.brake) => {}
        () = insisted => {}
    }
}

/// Resolves once all senders have ended. One that broke off ends the run: the user it held is settled by the next one.
async fn ended(senders: &mut JoinSet<()>, brake: &Brake) {
    while let Some(ended) = senders.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            brake.stop_for(&broken_off());
        }
    }
}

fn broken_off() -> Error {
    let message = "a fault of this program broke a request off, and the rest waits; run the same command again, and please report what it said";
    Error {
        kind: Kind::StopsRun,
        status: None,
        code: "broken_off".to_owned(),
        message: message.to_owned(),
        field: None,
        trace_id: None,
        retry_after: None,
        in_doubt: true,
    }
}

/// Sends one user after the other, until there are no more, or nothing new is to be begun.
async fn send_each(run: Arc<Run>, permits: Arc<Permits>, entries: Arc<Mutex<mpsc::UnboundedReceiver<Entry>>>) {
    let next = || run.brake.unless_on(async { entries.lock().await.recv().await });
    while let Some(Some(entry)) = next().await {
        let Some(permit) = run.brake.unless_on(permits.acquire(&run.client)).await else {
            run.answer(unsent(&entry, Outcome::Pending(None).into())).await;
            break;
        };
        run.seats.add_permits(1);
        let answer = bring_in(&run, &entry).await;
        tracing::trace!(user_id = %entry.user.user_id, requests = answer.requests, event = ?answer.outcome.event(), "user");
        run.answer(answer).await;
        drop(permit);
    }
}
