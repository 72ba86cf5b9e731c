//! Kubernetes Events: news for people, written beside the work and never in its way.
//!
//! kube's `Recorder` keeps every Event of the last minutes in memory and walks over all of them for each new
//! one, and names an Event after its object without minding the length; a creation storm wants neither. Events
//! here report transitions, which do not repeat by themselves, so no series are needed.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::mpsc;

use crate::api::FIELD_MANAGER;
use crate::metrics::Metrics;

/// The longest note that the apiserver takes, in bytes.
const NOTE_MAX: usize = 1024;
const QUEUE: usize = 4096;
const WRITERS: usize = 4;

/// Whether an Event is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Warning,
}

/// One Event to be written.
#[derive(Debug)]
pub(super) struct News {
    pub(super) about: ObjectReference,
    pub(super) kind: Kind,
    pub(super) reason: &'static str,
    pub(super) action: &'static str,
    pub(super) note: String,
}

/// Where Events are dropped into. Never blocks: when the queue is full an Event is lost and counted.
#[derive(Debug, Clone)]
pub(super) struct EventSink {
    queue: mpsc::Sender<News>,
    metrics: Arc<Metrics>,
}

impl EventSink {
    /// A sink, and the future that writes what falls into it.
    pub(super) fn new(
        client: Client,
        instance: String,
        metrics: Arc<Metrics>,
    ) -> (Self, impl Future<Output = ()>) {
        let (queue, mut news) = mpsc::channel(QUEUE);
        let lost = Arc::clone(&metrics);
        let stream = futures::stream::poll_fn(move |cx| news.poll_recv(cx));
        let write = move |news: News| write(client.clone(), instance.clone(), Arc::clone(&lost), news);
        let drain = futures::StreamExt::for_each_concurrent(stream, WRITERS, write);
        (Self { queue, metrics }, drain)
    }

    /// Reports `news`.
    pub(super) fn publish(&self, news: News) {
        if self.queue.try_send(news).is_err() {
            self.metrics.event_dropped();
        }
    }
}

async fn write(client: Client, instance: String, metrics: Arc<Metrics>, news: News) {
    let namespace = news
        .about
        .namespace
        .clone()
        .unwrap_or_else(|| "default".to_owned());
    let event = event(&instance, &namespace, news);
    let api = Api::<KubeEvent>::namespaced(client, &namespace);
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    // A namespace that is being deleted takes no new Events: that is no fault of anybody.
    if let Err(error) = api.create(&params, &event).await {
        metrics.event_dropped();
        tracing::debug!(%namespace, reason = event.reason, %error, "an Event was not accepted");
    }
}

fn event(instance: &str, namespace: &str, news: News) -> KubeEvent {
    let now = Timestamp::now();
    let name = news.about.name.clone().unwrap_or_default();
    // An Event's name is a DNS subdomain like its object's, so the object's part is cut to leave room.
    let stem: String = name.chars().take(200).collect();
    let stem = stem.trim_end_matches(['.', '-']);
    let mut note = news.note;
    let mut end = note.len().min(NOTE_MAX);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note.truncate(end);
    KubeEvent {
        metadata: ObjectMeta {
            name: Some(format!("{stem}.{:x}", now.as_nanosecond())),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        action: Some(news.action.to_owned()),
        reason: Some(news.reason.to_owned()),
        regarding: Some(news.about),
        note: Some(note),
        type_: Some(
            match news.kind {
                Kind::Normal => "Normal",
                Kind::Warning => "Warning",
            }
            .to_owned(),
        ),
        ..KubeEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_and_notes_are_cut_to_what_the_apiserver_takes() {
        let about = ObjectReference {
            name: Some("n".repeat(253)),
            ..ObjectReference::default()
        };
        let news = News {
            about,
            kind: Kind::Normal,
            reason: "R",
            action: "A",
            note: "\u{e4}".repeat(1000),
        };
        let event = event("pod", "ns", news);
        assert!(event.metadata.name.unwrap().len() <= 253);
        assert_eq!(event.note.unwrap().len(), NOTE_MAX);
    }
}
