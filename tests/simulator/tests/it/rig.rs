//! A running simulator with a client.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use provider_simulator::{Config, Simulator, TlsListeners};
use serde_json::{Value, json};
use std::{
    sync::Once,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How long a test waits for something that has to happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub fn client() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn data(&self) -> Value {
        self.json()["data"].clone()
    }
}

/// The whole answer to a request.
pub async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer {
        status,
        headers,
        body: response.bytes().await?,
    })
}

pub struct Rig {
    pub simulator: Simulator,
    pub client: reqwest::Client,
    pub token: String,
}

impl Rig {
    /// Without TLS and rate limit; everything else is as by default.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(switches: &[(&str, &str)]) -> Self {
        let mut config = Config {
            tls: TlsListeners::None,
            ..Config::default()
        }
        .with_switch("dixa.rateLimit", "off");
        for (name, value) in switches {
            config = config.with_switch(name, value);
        }
        let simulator = Simulator::start(config).await.unwrap();
        Self {
            simulator,
            client: client().build().unwrap(),
            token: Config::DIXA_TOKEN.to_owned(),
        }
    }

    /// Every switch of the provider is named in the source of its tests.
    pub async fn assert_all_named(&self, provider: &str, source: &str) {
        let all = self.admin(Method::GET, "/admin/switches", None).await.json();
        let names = all.as_object().unwrap().keys();
        let own: Vec<_> = names.filter(|name| name.starts_with(provider)).collect();
        assert!(own.len() > 20, "{own:?}");
        for name in own {
            assert!(source.contains(&format!("\"{name}\"")), "no test for {name}");
        }
    }

    /// Answers take as long as these two switches say, the fixed part and the random one.
    pub async fn assert_latency(&self, (fixed, jitter): (&str, &str), path: &str) {
        let taken = async || {
            let start = Instant::now();
            self.get(path).await;
            start.elapsed()
        };
        self.switch(fixed, "60");
        assert!(taken().await >= Duration::from_millis(60));
        self.switch(fixed, "0");
        self.switch(jitter, "40");
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(taken().await);
        }
        let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(most.saturating_sub(*least) >= Duration::from_millis(5), "{all:?}");
    }

    pub fn switch(&self, name: &str, value: &str) {
        self.simulator.set_switch(name, value).unwrap();
    }

    pub fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.simulator.http_url());
        let request = self
            .client
            .request(method, url)
            .header("Authorization", &self.token);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// An answer, or the error of a connection that broke before it was complete.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        answer(self.request(method, path, body)).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, body: &Value) -> Answer {
        self.send(Method::POST, "/v1/webhooks", Some(body)).await
    }

    pub async fn patch(&self, id: Uuid, body: &Value) -> Answer {
        self.send(Method::PATCH, &format!("/v1/webhooks/{id}"), Some(body))
            .await
    }

    /// Creates a subscription and returns its id.
    pub async fn create(&self, name: &str) -> Uuid {
        let answer = self.post(&body(name)).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        serde_json::from_value(answer.data()["id"].clone()).unwrap()
    }

    /// Names in the list, in its order.
    pub async fn listed(&self) -> Vec<String> {
        let data = self.get("/v1/webhooks").await.data();
        data.as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A request to the admin side.
    pub async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.simulator.admin_url()));
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await.unwrap()
    }
}

/// A create body that is right.
pub fn body(name: &str) -> Value {
    json!({
        "name": name,
        "url": "https://hooks.example.com/dixa",
        "authorization": {"_type": "NoAuth"},
        "customHeaders": {},
        "events": ["ConversationCreated"],
    })
}
