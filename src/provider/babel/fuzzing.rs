//! Babel's answers, for fuzz targets.

use std::sync::Arc;

use operator_core::hash::HashKey;

use super::answer::Reply;
use super::list::{EventTypes, Progress, Subscriptions, unintelligible};
use super::log::{Log, Seek};
use crate::provider::End;
use crate::provider::error::ProviderError;
use crate::provider::fuzzing::{Outcome, SECRET};
use crate::provider::http::Fault;
use crate::provider::http::fuzzing::{answered, listed};

/// What an answer to one of the operations comes to.
pub(in crate::provider) fn read(operation: u8, status: u16, body: &[u8]) -> Result<Outcome, ProviderError> {
    let key = Arc::new(HashKey::new([3; 32]));
    Ok(match operation % 7 {
        0 => {
            let page = listed(status, body, SECRET, Subscriptions::new(Arc::clone(&key)))?;
            page.beside.check()?;
            let next = Progress::at(None)?.page(&page.ids, page.beside.total);
            let next = next.map_err(unintelligible)?;
            Outcome::list(&page.remotes, next.map(|cursor| cursor.0).as_deref())
        }
        1 => answered(status, body, SECRET, |answer| {
            match Reply::read(answer)?.into_subscription() {
                Ok(row) => Ok(Outcome::Found(row.into_remote(&key)?)),
                Err(Fault::Refused(_)) => Ok(Outcome::RefusedInSuccess),
                Err(fault) => Err(fault),
            }
        })?,
        2 => Outcome::Found(answered(status, body, SECRET, |answer| {
            Ok(Reply::read(answer)?.into_subscription()?.into_remote(&key)?)
        })?),
        3 => Outcome::told(&answered(status, body, SECRET, |answer| {
            Ok(Reply::read(answer)?.succeeded())
        })?),
        4 | 5 => {
            let log = listed(status, body, SECRET, Log::default())?;
            log.beside.check()?;
            let end = if operation % 7 == 4 {
                End::Newest
            } else {
                End::Oldest
            };
            Outcome::told(&log.conclude(end, Seek::at(None)?))
        }
        _ => {
            let types = listed(status, body, SECRET, EventTypes::default())?;
            types.beside.check()?;
            Outcome::told(&types.names)
        }
    })
}
