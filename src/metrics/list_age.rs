//! How old the lists of the accounts are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::labels::ByProvider;
use crate::api::v1alpha1::ProviderType;

type Account = (ProviderType, u64);

/// When each account was last listed; the age is worked out when it is asked for.
#[derive(Debug, Default)]
pub(super) struct ListAges(Mutex<BTreeMap<Account, Instant>>);

impl ListAges {
    pub(super) fn completed(&self, account: Account, at: Instant) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(account, at);
    }

    pub(super) fn forgotten(&self, account: Account) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&account);
    }

    /// The age of the oldest list of each type.
    pub(super) fn oldest(&self, now: Instant) -> BTreeMap<ProviderType, Duration> {
        let mut oldest = BTreeMap::new();
        for (&(provider, _), &at) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let age = now.saturating_duration_since(at);
            let entry = oldest.entry(provider).or_insert(age);
            *entry = age.max(*entry);
        }
        oldest
    }
}

impl Collector for ListAges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let ages = self.oldest(Instant::now());
        if ages.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(
            "list_age_seconds",
            "Age of the oldest complete list among the accounts of a provider",
            None,
            MetricType::Gauge,
        )?;
        for (provider, age) in ages {
            let age = ConstGauge::new(age.as_secs_f64());
            age.encode(family.encode_family(&ByProvider { provider })?)?;
        }
        Ok(())
    }
}
