//! A network that notes what it is asked for and connects to a server of the test, or to nothing.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::provider::http::{Network, Opening};

/// What a name resolves to: one list of addresses a look-up, the last one for ever.
type Answers = Vec<Vec<IpAddr>>;

#[derive(Debug, Default)]
pub(crate) struct Recorder {
    names: Mutex<HashMap<String, Answers>>,
    looked_up: Mutex<Vec<String>>,
    dialled: Mutex<Vec<Vec<SocketAddr>>>,
    /// Where every connection ends, whatever it was for.
    end: Option<SocketAddr>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Recorder {
    /// Connections end at `end`.
    pub(crate) fn ending_at(end: SocketAddr) -> Self {
        Self {
            end: Some(end),
            ..Self::default()
        }
    }

    /// `name` resolves to each of `answers` in turn, and to the last one from then on.
    pub(crate) fn name(self, name: &str, answers: &[&[&str]]) -> Self {
        let answer = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        let answers = answers.iter().map(answer).collect();
        lock(&self.names).insert(name.to_owned(), answers);
        self
    }

    pub(crate) fn looked_up(&self) -> Vec<String> {
        lock(&self.looked_up).clone()
    }

    /// Every connection that was asked for, with all addresses that were allowed for it.
    pub(crate) fn dialled(&self) -> Vec<Vec<String>> {
        let text = |list: &Vec<SocketAddr>| list.iter().map(ToString::to_string).collect();
        lock(&self.dialled).iter().map(text).collect()
    }
}

impl Network for Recorder {
    fn resolve(&self, name: &str) -> Opening<Vec<IpAddr>> {
        lock(&self.looked_up).push(name.to_owned());
        let mut names = lock(&self.names);
        let answer = match names.get_mut(name) {
            None => Err(io::Error::other("no such name")),
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
        };
        Box::pin(async move { answer })
    }

    fn dial(&self, addresses: Vec<SocketAddr>, _: Duration) -> Opening<TcpStream> {
        lock(&self.dialled).push(addresses);
        let end = self.end;
        Box::pin(async move {
            match end {
                Some(end) => TcpStream::connect(end).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}
