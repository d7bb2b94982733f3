//! Tests of the local Clerk, through HTTP as a client sees it.

mod changes;
mod command;
mod contacts;
mod faults;
mod lists;
mod passwords;
mod users;

use std::sync::Once;

use db2clerk::simulator::{Settings, Simulator, start};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

const KEY: &str = "sk_test_simulator";

/// A simulator and a client that talks to it.
struct Local {
    simulator: Simulator,
    client: Client,
}

impl Local {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let simulator = start(settings).await.expect("a free port is there");
        Self { simulator, client: client() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/v1{path}", self.simulator.url())).bearer_auth(KEY)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request(Method::GET, path).send().await.expect("an answer")).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(Method::POST, path).json(body).send().await.expect("an answer")).await
    }

    async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(Method::PATCH, path).json(body).send().await.expect("an answer")).await
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(Method::PUT, path).json(body).send().await.expect("an answer")).await
    }

    async fn delete(&self, path: &str) -> (u16, Value) {
        read(self.request(Method::DELETE, path).send().await.expect("an answer")).await
    }

    /// Creates a user without a password from these fields, and returns it.
    async fn create(&self, fields: &Value) -> Value {
        let (status, user) = self.post("/users", &with_waiver(fields)).await;
        assert_eq!(status, 200, "{user}");
        user
    }

    /// Creates a user with this external ID and an e-mail address of its own.
    async fn create_numbered(&self, external_id: &str) -> Value {
        let email = format!("{}@example.com", external_id.replace(['+', '-', ' '], "x"));
        self.create(&json!({ "external_id": external_id, "email_address": [email] })).await
    }
}

fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another test of this binary may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().user_agent("tests").no_proxy().build().expect("a client")
}

fn with_waiver(fields: &Value) -> Value {
    let mut body = fields.clone();
    body["skip_password_requirement"] = json!(true);
    body
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// Checks an error answer: its status, and the code and the field of its first entry.
#[track_caller]
fn check_error(answer: &(u16, Value), status: u16, code: &str, field: Option<&str>) {
    let (given, body) = answer;
    let first = &body["errors"][0];
    assert_eq!((*given, first["code"].as_str()), (status, Some(code)), "{body}");
    assert_eq!(first["meta"]["param_name"].as_str(), field, "{body}");
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(is_text(&first["message"]) && is_text(&first["long_message"]), "{body}");
    assert_eq!(body["clerk_trace_id"].as_str().map(str::len), Some(32), "{body}");
}
