//! How much of the accounts' request budgets is left, worked out when somebody asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::labels::ByProvider;
use crate::api::v1alpha1::ProviderType;

/// The share of an account's budget that is left, from 0 to 1; `None`: the account is gone.
pub type Left = Arc<dyn Fn() -> Option<f64> + Send + Sync>;

type Account = (ProviderType, u64);

#[derive(Default)]
pub(super) struct Budgets(Mutex<BTreeMap<Account, Left>>);

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budgets")
    }
}

impl Budgets {
    pub(super) fn opened(&self, account: Account, left: Left) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(account, left);
    }

    pub(super) fn forgotten(&self, account: Account) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&account);
    }

    /// The account of each type that has least.
    fn least(&self) -> BTreeMap<ProviderType, f64> {
        // Asked without the lock: an account may be forgotten by who holds its own.
        let accounts: Vec<(ProviderType, Left)> = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known
                .iter()
                .map(|((type_, _), left)| (*type_, Arc::clone(left)))
                .collect()
        };
        let mut least = BTreeMap::new();
        for (provider, left) in accounts {
            if let Some(left) = left() {
                let entry = least.entry(provider).or_insert(left);
                *entry = left.min(*entry);
            }
        }
        least
    }
}

impl Collector for Budgets {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let least = self.least();
        if least.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(
            "budget_left_ratio",
            "Share of the request budget that is left, of the account of a provider that has least; 0 while it is paused",
            None,
            MetricType::Gauge,
        )?;
        for (provider, left) in least {
            ConstGauge::new(left).encode(family.encode_family(&ByProvider { provider })?)?;
        }
        Ok(())
    }
}
