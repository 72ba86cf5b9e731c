//! A client of the simulated Bird.

use crate::rig::{Answer, Rig, answer};
use http::Method;
use provider_simulator::Config;
use serde_json::{Value, json};
use uuid::Uuid;

pub struct Bird {
    pub rig: Rig,
    pub key: String,
}

/// Path of the workspace's subscriptions, in the short form.
pub fn short(workspace: Uuid) -> String {
    format!("/workspaces/{workspace}/webhook-subscriptions")
}

/// The same with the organization.
pub fn long(organization: Uuid, workspace: Uuid) -> String {
    format!("/organizations/{organization}{}", short(workspace))
}

impl Bird {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(switches: &[(&str, &str)]) -> Self {
        Self {
            rig: Rig::with(switches).await,
            key: Config::BIRD_KEY.to_owned(),
        }
    }

    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.rig.simulator.http_url());
        let request = self.rig.client.request(method, url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        answer(request.header("Authorization", format!("AccessKey {}", self.key))).await
    }

    /// A request below the default workspace's subscriptions.
    pub async fn send(&self, method: Method, rest: &str, body: Option<&Value>) -> Answer {
        let path = format!("{}{rest}", short(Config::BIRD_WORKSPACE));
        self.try_send(method, &path, body).await.unwrap()
    }

    pub async fn get(&self, rest: &str) -> Answer {
        self.send(Method::GET, rest, None).await
    }

    pub async fn post(&self, body: &Value) -> Answer {
        self.send(Method::POST, "", Some(body)).await
    }

    pub async fn patch(&self, id: Uuid, body: &Value) -> Answer {
        self.send(Method::PATCH, &format!("/{id}"), Some(body)).await
    }

    pub async fn delete(&self, id: Uuid) -> Answer {
        self.send(Method::DELETE, &format!("/{id}"), None).await
    }

    /// Creates a subscription to this event and returns its id.
    pub async fn create(&self, event: &str) -> Uuid {
        let answer = self.post(&body(event)).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        serde_json::from_value(answer.json()["id"].clone()).unwrap()
    }

    /// Events in the list with this query, in its order.
    pub async fn listed(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("?{query}")).await.json();
        events(&list)
    }
}

/// Events of a page, in its order.
pub fn events(page: &Value) -> Vec<String> {
    let results = page["results"].as_array().unwrap().iter();
    results
        .map(|one| one["event"].as_str().unwrap().to_owned())
        .collect()
}

/// A create body that is right.
pub fn body(event: &str) -> Value {
    json!({
        "service": "channels",
        "event": event,
        "url": "https://hooks.example.com/bird",
        "eventFilters": [{"key": "channelId", "value": "c-1"}],
        "signingKey": "k3y",
    })
}

/// The same with another member.
pub fn with(member: &str, value: Value) -> Value {
    let mut body = body("sms.outbound");
    body[member] = value;
    body
}
