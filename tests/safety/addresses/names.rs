//! A server of names that nothing may be kept of (RFC 1035, with a TTL of 0).
//!
//! `10-99-0-1.ip.example` is 10.99.0.1, and so on; `mapped.example` has an IPv6 address with an IPv4 address inside;
//! `rebinding.example` is public when it is asked for the first time, and from then on where metadata are.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

const A: u16 = 1;
const AAAA: u16 = 28;

/// How often the IPv4 address of each name was asked for.
pub struct Names(Arc<Mutex<HashMap<String, usize>>>);

impl Names {
    /// On port 53 of loopback.
    pub fn serve() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let asked = Arc::<Mutex<HashMap<String, usize>>>::default();
        let shared = Arc::clone(&asked);
        thread::spawn(move || {
            let mut query = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut query).unwrap();
                if let Some((name, kind, end)) = question(&query[..length]) {
                    let mut asked = shared.lock().unwrap();
                    let before = asked.get(&name).copied().unwrap_or_default();
                    if kind == A {
                        asked.insert(name.clone(), before + 1);
                    }
                    let answer = answer(&query[..end], address(&name, kind, before).as_deref());
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self(asked)
    }

    pub fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

/// The name and type of a query, and where its question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = query.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, at + 4))
}

fn address(name: &str, kind: u16, before: usize) -> Option<Vec<u8>> {
    let v4 = |text: &str| {
        text.parse::<Ipv4Addr>()
            .ok()
            .map(|address| address.octets().to_vec())
    };
    match (name, kind) {
        ("mapped.example", AAAA) => Some(Ipv6Addr::from(0xffff_a9fe_a9fe_u128).octets().to_vec()),
        ("rebinding.example", A) if before == 0 => v4("1.1.1.1"),
        ("rebinding.example", A) => v4("169.254.169.254"),
        (name, A) => v4(&name.strip_suffix(".ip.example")?.replace('-', ".")),
        _ => None,
    }
}

/// The question again, with one answer or none.
fn answer(question: &[u8], address: Option<&[u8]>) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] = 0x81;
    answer[3] = 0x80;
    answer[6..12].copy_from_slice(&[0, u8::from(address.is_some()), 0, 0, 0, 0]);
    if let Some(address) = address {
        let kind = if address.len() == 4 { A } else { AAAA };
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 0, 0]);
        answer.push(u8::try_from(address.len()).unwrap());
        answer.extend(address);
    }
    answer
}
