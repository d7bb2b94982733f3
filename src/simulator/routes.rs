//! The endpoints.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use chrono::Utc;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::digest::Digest;
use super::error::Refusal;
use super::fields::Fields;
use super::gate;
use super::password::NewPassword;
use super::query::Query;
use super::shared::Shared;
use super::state::Users;
use super::update::Merge;
use super::user::{Identifier, Password, User};
use super::verify::{Verdict, verify};
use super::{contact, create, update, view};

/// The largest body that is read.
pub(super) const BODY_BYTES: usize = 1024 * 1024;

type Api = State<Arc<Shared>>;
type Answer = Result<Response, Refusal>;

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/users", get(list_users).post(create_user))
        .route("/v1/users/count", get(count_users))
        .route("/v1/users/{id}", get(read_user).patch(update_user).delete(delete_user))
        .route("/v1/users/{id}/metadata", patch(merge_metadata).put(replace_metadata))
        .route("/v1/users/{id}/verify_password", post(verify_password))
        .route("/v1/users/{id}/ban", post(async |api, id| mark(api, id, |user| user.banned = true)))
        .route("/v1/users/{id}/unban", post(async |api, id| mark(api, id, |user| user.banned = false)))
        .route("/v1/users/{id}/lock", post(async |api, id| mark(api, id, |user| user.locked = true)))
        .route("/v1/users/{id}/unlock", post(async |api, id| mark(api, id, |user| user.locked = false)))
        .route("/v1/users/{id}/email_address", put(replace_email))
        .merge(contacts("email_addresses", Identifier::Email))
        .merge(contacts("phone_numbers", Identifier::Phone))
        .route("/v1/instance", get(read_instance))
        .fallback(async || Refusal::no_such_endpoint())
        .method_not_allowed_fallback(async || Refusal::no_such_endpoint())
        .layer(from_fn_with_state(shared.clone(), gate::pass))
        .with_state(shared.clone())
}

/// The endpoints of one kind of contact.
fn contacts(name: &str, kind: Identifier) -> Router<Arc<Shared>> {
    let one = get(async move |api, id| read_contact(api, id, kind))
        .patch(async move |api, id, body| update_contact(api, id, body, kind))
        .delete(async move |api, id| delete_contact(api, id, kind));
    Router::new()
        .route(&format!("/v1/{name}"), post(async move |api, body| create_contact(api, body, kind)))
        .route(&format!("/v1/{name}/{{id}}"), one)
}

async fn list_users(State(api): Api, RawQuery(raw): RawQuery) -> Answer {
    let query = Query::parse(&raw.unwrap_or_default(), true)?;
    let users = query.page(&api.users())?;
    let texts: Vec<String> = users.iter().map(|user| view::text(user)).collect();
    Ok(json_text(format!("[{}]", texts.join(","))))
}

async fn count_users(State(api): Api, RawQuery(raw): RawQuery) -> Answer {
    let query = Query::parse(&raw.unwrap_or_default(), false)?;
    let count = query.count(&api.users());
    Ok(json_text(json!({ "object": "total_count", "total_count": count }).to_string()))
}

async fn create_user(State(api): Api, JsonBody(body): JsonBody) -> Answer {
    let now = now();
    let (mut user, password) = create::read(&body, now)?;
    user.password = store(password).await?;
    user.password_changed_at = user.password.is_some().then_some(now);
    let user = api.users().create(user)?;
    Ok(show(&user))
}

async fn read_user(State(api): Api, Path(id): Path<String>) -> Answer {
    let user = find(&api, &id)?;
    Ok(show(&user))
}

async fn update_user(State(api): Api, Path(id): Path<String>, JsonBody(body): JsonBody) -> Answer {
    find(&api, &id)?;
    let (change, password) = update::read(&body)?;
    let password = store(password).await?;
    let user = api.users().change(&id, |user| change.apply(user, password, now()))?;
    Ok(show(&user))
}

async fn merge_metadata(State(api): Api, Path(id): Path<String>, JsonBody(body): JsonBody) -> Answer {
    change_metadata(&api, &id, &body, Merge::Deep)
}

async fn replace_metadata(State(api): Api, Path(id): Path<String>, JsonBody(body): JsonBody) -> Answer {
    change_metadata(&api, &id, &body, Merge::Replace)
}

fn change_metadata(api: &Shared, id: &str, body: &[u8], merge: Merge) -> Answer {
    find(api, id)?;
    let metadata = update::read_metadata(body)?;
    let user = api.users().change(id, |user| metadata.apply(user, merge, now()))?;
    Ok(show(&user))
}

async fn delete_user(State(api): Api, Path(id): Path<String>) -> Answer {
    let user = api.users().delete(&id).ok_or_else(|| Refusal::no_such_user(&id))?;
    let mut deleted = json!({ "object": "user", "id": id, "deleted": true });
    if let Some(external_id) = &user.external_id {
        deleted["external_id"] = json!(external_id);
    }
    Ok(json_text(deleted.to_string()))
}

fn mark(State(api): Api, Path(id): Path<String>, mark: fn(&mut User)) -> Answer {
    let user = api.users().change(&id, |user| {
        mark(user);
        user.updated_at = now();
        Ok(())
    })?;
    Ok(show(&user))
}

async fn replace_email(State(api): Api, Path(id): Path<String>, JsonBody(body): JsonBody) -> Answer {
    find(&api, &id)?;
    let email = contact::read_replacement(&body, now())?;
    let user = api.users().change(&id, |user| {
        contact::replace_emails(email, user, now());
        Ok(())
    })?;
    show_last_contact(&user, Identifier::Email)
}

fn create_contact(State(api): Api, JsonBody(body): JsonBody, kind: Identifier) -> Answer {
    let new = contact::read_new(kind, &body)?;
    let user_id = new.user_id.clone();
    let user = api.users().change(&user_id, |user| new.apply(kind, user, now()))?;
    show_last_contact(&user, kind)
}

fn read_contact(State(api): Api, Path(id): Path<String>, kind: Identifier) -> Answer {
    let user = owner(&api.users(), kind, &id)?;
    show_contact(&user, kind, &id)
}

fn update_contact(State(api): Api, Path(id): Path<String>, JsonBody(body): JsonBody, kind: Identifier) -> Answer {
    let mut users = api.users();
    let owner = owner(&users, kind, &id)?;
    let change = contact::read_change(kind, &body)?;
    let user = users.change(&owner.id, |user| change.apply(kind, &id, user, now()))?;
    show_contact(&user, kind, &id)
}

fn delete_contact(State(api): Api, Path(id): Path<String>, kind: Identifier) -> Answer {
    let mut users = api.users();
    let owner = owner(&users, kind, &id)?;
    users.change(&owner.id, |user| contact::delete(kind, &id, user, now()))?;
    Ok(json_text(json!({ "object": kind.field(), "id": id, "deleted": true }).to_string()))
}

fn owner(users: &Users, kind: Identifier, id: &str) -> Result<Arc<User>, Refusal> {
    let owner = users.owner(id).filter(|user| user.contacts(kind).iter().any(|contact| contact.id == id));
    owner.cloned().ok_or_else(Refusal::no_such_contact)
}

fn show_contact(user: &User, kind: Identifier, id: &str) -> Answer {
    let contact = user.contacts(kind).iter().find(|contact| contact.id == id).ok_or_else(Refusal::no_such_contact)?;
    Ok(json_text(view::contact_text(kind, contact)))
}

/// Shows the contact that was just added.
fn show_last_contact(user: &User, kind: Identifier) -> Answer {
    let contact = user.contacts(kind).last().ok_or_else(Refusal::no_such_contact)?;
    Ok(json_text(view::contact_text(kind, contact)))
}

async fn verify_password(State(api): Api, Path(id): Path<String>, JsonBody(body): JsonBody) -> Answer {
    let user = find(&api, &id)?;
    let mut fields = Fields::parse(&body, &["password"])?;
    let password = fields.needed_text("password");
    fields.finish()?;
    let stored = user.password.clone().ok_or_else(Refusal::no_password)?;
    let digest = Digest::parse(&stored.hasher, &stored.digest).ok_or_else(Refusal::internal)?;
    let check = move || verify(&digest, &password);
    match spawn_blocking(check).await.map_err(|_| Refusal::internal())? {
        Verdict::Right => Ok(json_text(json!({ "verified": true }).to_string())),
        Verdict::Wrong => Err(Refusal::incorrect_password()),
        Verdict::Unknown => Err(Refusal::not_implemented(&stored.hasher)),
    }
}

async fn read_instance(State(api): Api, headers: HeaderMap) -> Answer {
    let is_live = gate::bearer(&headers).is_some_and(|key| key.starts_with(gate::LIVE));
    // One application has two instances, and a client that keeps state must not mix them up.
    let id = format!("{}{}", api.settings.instance_id, if is_live { "" } else { "Dev" });
    let instance = json!({
        "object": "instance",
        "id": id,
        "environment_type": if is_live { "production" } else { "development" },
        "allowed_origins": null,
        "workspace_id": null,
    });
    Ok(json_text(instance.to_string()))
}

fn find(api: &Shared, id: &str) -> Result<Arc<User>, Refusal> {
    api.users().get(id).cloned().ok_or_else(|| Refusal::no_such_user(id))
}

async fn store(password: Option<NewPassword>) -> Result<Option<Password>, Refusal> {
    match password {
        None => Ok(None),
        Some(NewPassword::Hashed(password)) => Ok(Some(password)),
        Some(plain) => spawn_blocking(|| plain.store()).await.map_err(|_| Refusal::internal()),
    }
}

fn show(user: &User) -> Response {
    json_text(view::text(user))
}

fn json_text(text: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

/// The bytes of a body that says that it is JSON.
struct JsonBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::content_type(kind));
        }
        let body = to_bytes(request.into_body(), BODY_BYTES).await;
        body.map(Self).map_err(|_| Refusal::body_too_large(BODY_BYTES))
    }
}
