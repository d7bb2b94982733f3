//! What the faults do to a request, and to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use tokio::time::sleep;

use super::error::Refusal;
use super::faults::{Fault, draw};
use super::hold::Hold;
use super::routes::BODY_BYTES;
use super::shared::Shared;

/// What came of a request, and how much of it the client gets, and when.
pub(super) struct Outcome {
    pub(super) response: Response,
    /// The connection is closed once this many bytes of the answer have gone out.
    pub(super) cut_after: Option<usize>,
    pub(super) wait: Wait,
}

/// What the answer waits for.
pub(super) enum Wait {
    Nothing,
    Time(Duration),
    Release(Hold),
    ForEver,
}

impl Outcome {
    pub(super) fn answer(response: Response) -> Self {
        Self { response, cut_after: None, wait: Wait::Nothing }
    }

    fn later(response: Response, wait: Wait) -> Self {
        Self { response, cut_after: None, wait }
    }

    fn cut_after(bytes: usize, response: Response) -> Self {
        Self { response, cut_after: Some(bytes), wait: Wait::Nothing }
    }

    pub(super) fn cut() -> Self {
        Self::cut_after(0, Body::empty().into_response())
    }

    fn silence() -> Self {
        Self::later(Body::empty().into_response(), Wait::ForEver)
    }

    /// The status of the answer, if a whole one comes.
    pub(super) fn status(&self) -> Option<u16> {
        let is_whole = self.cut_after.is_none() && !matches!(self.wait, Wait::ForEver);
        is_whole.then(|| self.response.status().as_u16())
    }
}

impl Wait {
    /// Waits. A simulator that stops lets nobody wait any longer: then it returns false.
    pub(super) async fn over(self, shared: &Shared) -> bool {
        let over = async {
            match self {
                Self::Nothing => {}
                Self::Time(time) => sleep(time).await,
                Self::Release(hold) => hold.pass().await,
                Self::ForEver => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = over => true,
            () = shared.stopped() => false,
        }
    }
}

/// Makes the request of this number meet its fault.
pub(super) async fn suffer(fault: Fault, number: u64, shared: &Arc<Shared>, request: Request, next: Next) -> Outcome {
    match fault {
        Fault::ServerError => Outcome::answer(Refusal::internal().into_response()),
        Fault::ServerErrorAfter => {
            next.run(request).await;
            Outcome::answer(Refusal::internal().into_response())
        }
        Fault::LoseAnswer => {
            next.run(request).await;
            Outcome::cut()
        }
        Fault::CutAnswer => cut_in_half(next.run(request).await).await,
        Fault::Cut => Outcome::cut(),
        Fault::Silence => {
            next.run(request).await;
            Outcome::silence()
        }
        Fault::SilenceBefore => Outcome::silence(),
        Fault::DoLate(wait) => do_after(Wait::Time(wait), shared, request, next).await,
        Fault::DoOnRelease(hold) => do_after(Wait::Release(hold), shared, request, next).await,
        Fault::AnswerLate(wait) => Outcome::later(next.run(request).await, Wait::Time(wait)),
        Fault::AnswerWithin { least, most } => {
            let share = draw(shared.settings.seed, number);
            Outcome::later(next.run(request).await, Wait::Time(least + most.saturating_sub(least).mul_f64(share)))
        }
        Fault::HoldBefore(hold) => hold_before(hold, shared, request, next).await,
        Fault::HoldAfter(hold) => Outcome::later(next.run(request).await, Wait::Release(hold)),
        Fault::TooManyRequests { retry_after } => Outcome::answer(refuse_for(retry_after.map(u64::from))),
        Fault::HtmlPage => {
            let page = Html("<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>");
            Outcome::answer((StatusCode::BAD_GATEWAY, page).into_response())
        }
        Fault::Garbage => {
            next.run(request).await;
            let garbage = ([(header::CONTENT_TYPE, "application/json")], "{\"id\": \"user_");
            Outcome::answer(garbage.into_response())
        }
        Fault::KeyRevoked => Outcome::answer(Refusal::key_invalid().into_response()),
        Fault::Locked => Outcome::answer(Refusal::locked().into_response()),
        Fault::UsernameOff => Outcome::answer(Refusal::username_off().into_response()),
        Fault::QuotaExceeded => {
            let users = shared.users().len() as u64;
            Outcome::answer(Refusal::quota(shared.settings.max_users.unwrap_or(users)).into_response())
        }
    }
}

/// A refusal for pace, with the seconds to wait.
pub(super) fn refuse_for(seconds: Option<u64>) -> Response {
    let mut response = Refusal::too_many_requests().into_response();
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Takes the whole request now, and does what it asks for once it is released.
async fn hold_before(hold: Hold, shared: &Shared, request: Request, next: Next) -> Outcome {
    let Some(request) = whole(request).await else { return Outcome::cut() };
    if !Wait::Release(hold).over(shared).await {
        return Outcome::cut();
    }
    Outcome::answer(next.run(request).await)
}

/// Takes the whole request now, closes its connection, and does what it asks for when the wait is over.
async fn do_after(wait: Wait, shared: &Arc<Shared>, request: Request, next: Next) -> Outcome {
    if let Some(request) = whole(request).await {
        let shared = shared.clone();
        tokio::spawn(async move {
            if wait.over(&shared).await {
                next.run(request).await;
                shared.tell();
            }
        });
    }
    Outcome::cut()
}

/// Reads the whole body, so that the request outlives its connection. `None` if it never arrives.
async fn whole(request: Request) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES).await.ok()?;
    Some(Request::from_parts(head, Body::from(body)))
}

/// Lets the head of the answer and half of its body through.
async fn cut_in_half(response: Response) -> Outcome {
    /// The status line, and the date and the length that the server adds.
    const HEAD_BYTES: usize = 80;
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    Outcome::cut_after(HEAD_BYTES + headers + body.len() / 2, Response::from_parts(head, Body::from(body)))
}
