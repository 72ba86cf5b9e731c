//! Bird's answers, for fuzz targets.

use std::sync::Arc;

use operator_core::hash::HashKey;

use super::list::{Log, Subscriptions};
use super::{log, one};
use crate::provider::error::ProviderError;
use crate::provider::fuzzing::{Outcome, SECRET};
use crate::provider::http::Fault;
use crate::provider::http::fuzzing::{answered, listed};
use crate::provider::wire::acknowledged;

const WORKSPACE: &str = "22222222-0000-4000-8000-000000000002";
/// Milliseconds of Unix time.
const NOW: i64 = 1_767_225_600_000;

/// What an answer to one of the operations comes to.
pub(in crate::provider) fn read(operation: u8, status: u16, body: &[u8]) -> Result<Outcome, ProviderError> {
    let key = Arc::new(HashKey::new([3; 32]));
    Ok(match operation % 4 {
        0 => {
            let rows = Subscriptions::new(Arc::clone(&key), WORKSPACE.to_owned());
            let list = listed(status, body, SECRET, rows)?;
            Outcome::list(&list.remotes, list.next.as_deref())
        }
        1 => Outcome::Found(answered(status, body, SECRET, |answer| {
            Ok(one(answer, &[201, 200])?.into_remote(&key)?)
        })?),
        2 => {
            let done = |answer: &_| acknowledged(answer, &[204, 200, 202]).map_err(Fault::Form);
            Outcome::told(&answered(status, body, SECRET, done)?)
        }
        _ => {
            let page = listed(status, body, SECRET, Log::default())?;
            Outcome::told(&log::deliveries(page.entries, page.next, None, None, NOW))
        }
    })
}
