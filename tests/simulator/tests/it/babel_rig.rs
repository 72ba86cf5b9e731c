//! A client of the simulated Babel.

use crate::rig::{Answer, Rig, answer};
use http::Method;
use provider_simulator::Config;
use serde_json::{Value, json};

pub const PATH: &str = "/v1/webhooks/subscriptions";

pub struct Babel {
    pub rig: Rig,
    pub key: String,
}

impl Babel {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(switches: &[(&str, &str)]) -> Self {
        Self {
            rig: Rig::with(switches).await,
            key: Config::BABEL_KEY.to_owned(),
        }
    }

    pub fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.rig.simulator.http_url());
        let request = self.rig.client.request(method, url);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path, body).header("x-api-key", &self.key);
        answer(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, body: &Value) -> Answer {
        self.send(Method::POST, PATH, Some(body)).await
    }

    pub async fn put(&self, id: i32, body: &Value) -> Answer {
        self.send(Method::PUT, &format!("{PATH}/{id}"), Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Creates a subscription and returns its id.
    pub async fn create(&self, name: &str) -> i32 {
        let answer = self.post(&body(name)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        id_of(&answer)
    }

    /// The subscription as a GET shows it.
    pub async fn read(&self, id: i32) -> Value {
        self.get(&format!("{PATH}/{id}")).await.json()["subscription"].clone()
    }

    /// Names in the list with this query, in its order.
    pub async fn listed(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("{PATH}?{query}")).await.json();
        let names = list["subscriptions"].as_array().unwrap().iter();
        names
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub fn id_of(answer: &Answer) -> i32 {
    serde_json::from_value(answer.json()["subscription"]["id"].clone()).unwrap()
}

/// A create body that is right.
pub fn body(name: &str) -> Value {
    json!({"subscription": {
        "name": name,
        "eventType": "license.created",
        "url": "https://hooks.example.com/babel",
        "secret": "s3cret",
        "headers": {"X-Team": "orders"},
        "maxRetryCount": 3,
        "isActive": true,
    }})
}

/// The same with another member.
pub fn with(member: &str, value: Value) -> Value {
    let mut body = body("a");
    body["subscription"][member] = value;
    body
}
