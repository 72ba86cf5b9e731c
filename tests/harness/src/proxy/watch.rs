//! A watch, event by event: one JSON object a line.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::classify::Call;
use super::plan::WatchAction;
use super::switchboard::{Release, Switchboard};

/// Passes the events of a watch on until one of the two sides ends it.
pub(super) async fn relay(
    switchboard: Switchboard,
    request: u64,
    call: Call,
    mut events: Incoming,
    client: mpsc::Sender<Bytes>,
) {
    let mut relay = Relay {
        switchboard,
        request,
        call,
        client: client.clone(),
        late: VecDeque::new(),
    };
    let mut lines = Lines::default();
    loop {
        let frame = tokio::select! {
            () = client.closed() => return,
            frame = events.frame() => frame,
        };
        let Some(Ok(frame)) = frame else { return };
        lines.push(&frame.into_data().unwrap_or_default());
        while let Some(line) = lines.next() {
            match relay.event(line).await {
                Flow::On => {}
                Flow::End => return,
                Flow::Mute => return client.closed().await,
            }
        }
    }
}

enum Flow {
    On,
    End,
    Mute,
}

struct Relay {
    switchboard: Switchboard,
    request: u64,
    call: Call,
    client: mpsc::Sender<Bytes>,
    /// Events that come later, each with how many others go before it.
    late: VecDeque<(usize, Bytes)>,
}

impl Relay {
    async fn event(&mut self, line: Bytes) -> Flow {
        match self.switchboard.event(&self.call, &traits(&line)) {
            None => self.send(line).await,
            Some(WatchAction::Drop) => Flow::On,
            Some(WatchAction::End) => Flow::End,
            Some(WatchAction::Mute) => Flow::Mute,
            Some(WatchAction::Gone) => {
                let _ = self.client.send(gone()).await;
                Flow::End
            }
            Some(WatchAction::Late(others)) => {
                self.late.push_back((others, line));
                Flow::On
            }
            Some(WatchAction::Replay(times)) => {
                for _ in 0..times {
                    if self.client.send(line.clone()).await.is_err() {
                        return Flow::End;
                    }
                }
                self.send(line).await
            }
            Some(WatchAction::Hold) => {
                let released = self.switchboard.hold(self.request, &self.call);
                let release = tokio::select! {
                    () = self.client.closed() => return Flow::End,
                    release = released => release.unwrap_or(Release::Drop),
                };
                match release {
                    Release::Continue => self.send(line).await,
                    Release::Drop => Flow::On,
                }
            }
        }
    }

    async fn send(&mut self, line: Bytes) -> Flow {
        if self.client.send(line).await.is_err() {
            return Flow::End;
        }
        for (others, _) in &mut self.late {
            *others = others.saturating_sub(1);
        }
        while self.late.front().is_some_and(|(others, _)| *others == 0) {
            let Some((_, line)) = self.late.pop_front() else {
                break;
            };
            if self.client.send(line).await.is_err() {
                return Flow::End;
            }
        }
        Flow::On
    }
}

/// What an event of a watch is.
pub(super) struct Traits {
    pub kind: String,
    pub name: String,
    pub version: String,
}

fn traits(line: &[u8]) -> Traits {
    let event: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |pointer: &str| {
        let text = event.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Traits {
        kind: text("/type"),
        name: text("/object/metadata/name"),
        version: text("/object/metadata/resourceVersion"),
    }
}

fn gone() -> Bytes {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410});
    Bytes::from(format!("{}\n", json!({"type": "ERROR", "object": status})))
}

/// Whole lines out of pieces that end anywhere.
#[derive(Default)]
struct Lines {
    text: BytesMut,
}

impl Lines {
    fn push(&mut self, piece: &[u8]) {
        self.text.extend_from_slice(piece);
    }

    fn next(&mut self) -> Option<Bytes> {
        let end = self.text.iter().position(|byte| *byte == b'\n')?;
        Some(self.text.split_to(end + 1).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_the_pieces_end() {
        let mut lines = Lines::default();
        lines.push(b"{\"a\":1}\n{\"b\"");
        assert_eq!(lines.next().as_deref(), Some(b"{\"a\":1}\n".as_slice()));
        assert_eq!(lines.next(), None);
        lines.push(b":2}\n");
        assert_eq!(lines.next().as_deref(), Some(b"{\"b\":2}\n".as_slice()));
    }

    #[test]
    fn an_event_is_known_by_its_type_and_its_objects_name() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"name":"crm"}}}"#;
        let told = traits(line);
        assert_eq!((told.kind.as_str(), told.name.as_str()), ("ADDED", "crm"));
        assert_eq!(traits(b"not json").name, "");
    }
}
