//! Ledger to look-ups: the users that wait, asked for in Clerk some pages ahead, unless there is nobody to find, and handed on.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Result;

use super::{Note, Run, unsent};
use crate::clerk::Error;
use crate::record::UserId;
use crate::stage::look_up::{self, LookedUp, Told};
use crate::stage::permits::Permits;

/// Users that are read at one time, and that one look-up asks for; Clerk takes no more.
const PAGE: u32 = 100;
/// The most look-ups that are ahead of the create requests, and at most a tenth of what a window of Clerk's limit lets through: no
/// create request then waits for the answer to one, however long that takes.
const PAGES_AHEAD: u32 = 100;

/// Feeds push with users, and says when there are no more. In an empty instance there is nobody to look up.
pub(super) async fn feed(run: Arc<Run>, permits: Arc<Permits>, clerk_is_empty: bool) -> Result<()> {
    let fed = if clerk_is_empty { hand_on_all(&run).await } else { feed_pages(&run, &permits).await };
    run.note(Note::Fed).await;
    fed
}

/// Hands on everybody who waits in the ledger.
async fn hand_on_all(run: &Run) -> Result<()> {
    let mut after = 0;
    loop {
        let unknown = run.ledger.pending(after, PAGE).await?;
        let Some(last) = unknown.last() else { return Ok(()) };
        after = last.id;
        if !hand_on(run, LookedUp { unknown, ..LookedUp::default() }).await? {
            return Ok(());
        }
    }
}

/// Asks Clerk for the users that wait in the ledger, some pages ahead, and hands on those whom Clerk does not know.
async fn feed_pages(run: &Arc<Run>, permits: &Arc<Permits>) -> Result<()> {
    let most_ahead = run.client.burst().map_or(PAGES_AHEAD, |burst| (burst / 10).clamp(2, PAGES_AHEAD)) as usize;
    let key = run.ledger.hash_key();
    let (mut ahead, mut last_asked, mut after) = (VecDeque::new(), Some(0), 0);
    loop {
        while let Some(from) = last_asked.filter(|_| ahead.len() < most_ahead) {
            let page = run.ledger.pending_ids(from, PAGE).await?;
            last_asked = page.last().map(|(id, _)| *id);
            if let Some(last) = last_asked {
                let ids: Vec<UserId> = page.into_iter().map(|(_, user_id)| user_id).collect();
                ahead.push_back((last, ids.len(), tokio::spawn(ask(Arc::clone(run), Arc::clone(permits), ids))));
            }
        }
        let Some((last, users, told)) = ahead.pop_front() else { return Ok(()) };
        match told.await? {
            Some(Ok(told)) => {
                let entries = run.ledger.pending(after, u32::try_from(users)?).await?;
                if !hand_on(run, told.judge(entries, &key)).await? {
                    return Ok(());
                }
            }
            Some(Err(error)) => {
                run.brake.stop_for(&error);
                return Ok(());
            }
            None => return Ok(()),
        }
        after = last;
    }
}

/// Asks Clerk for users; `None` once nothing new is to be begun.
async fn ask(run: Arc<Run>, permits: Arc<Permits>, ids: Vec<UserId>) -> Option<Result<Told, Error>> {
    let told = async {
        let _permit = permits.acquire(&run.client).await;
        look_up::ask(&run.client, ids).await
    };
    run.brake.unless_on(told).await
}

/// Hands the users that are in Clerk to the ledger, and the others on, when there is room for them. Returns whether more may come.
async fn hand_on(run: &Run, looked_up: LookedUp) -> Result<bool> {
    for (entry, verdict) in looked_up.settled {
        run.answer(unsent(&entry, verdict)).await;
    }
    let seats = run.seats.acquire_many(u32::try_from(looked_up.unknown.len())?);
    let Some(seats) = run.brake.unless_on(seats).await else { return Ok(false) };
    seats?.forget();
    run.note(Note::ToSend(looked_up.unknown)).await;
    Ok(true)
}
