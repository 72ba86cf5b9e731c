//! Dixa's answers, for fuzz targets.

use std::sync::Arc;

use operator_core::hash::HashKey;

use super::list::{Deliveries, Log, Subscriptions};
use super::{acknowledged, one};
use crate::provider::error::ProviderError;
use crate::provider::fuzzing::{Outcome, SECRET};
use crate::provider::http::Fault;
use crate::provider::http::fuzzing::{answered, listed};

/// What an answer to one of the operations comes to.
pub(in crate::provider) fn read(operation: u8, status: u16, body: &[u8]) -> Result<Outcome, ProviderError> {
    let key = Arc::new(HashKey::new([3; 32]));
    let subscription = |documented: &[u16]| {
        answered(status, body, SECRET, |answer| {
            Ok(one(answer, documented)?.into_remote(&key)?)
        })
    };
    Ok(match operation % 7 {
        0 => {
            let list = listed(status, body, SECRET, Subscriptions::new(Arc::clone(&key)))?;
            Outcome::list(&list.remotes, list.next.as_deref())
        }
        1 => Outcome::Found(subscription(&[200])?),
        2 => Outcome::Found(subscription(&[201, 200])?),
        3 => {
            let done = |answer: &_| acknowledged(answer, &[204, 200]).map_err(Fault::Form);
            Outcome::told(&answered(status, body, SECRET, done)?)
        }
        4 => Outcome::told(&listed(status, body, SECRET, Deliveries::default())?.0),
        5 => Outcome::told(&listed(status, body, SECRET, Log::default())?.0),
        _ => {
            let shown = |answer: &_| Ok(one(answer, &[200])?.into_signing_key().is_some());
            Outcome::told(&answered(status, body, SECRET, shown)?)
        }
    })
}
