//! How the objects are, counted when somebody asks: nothing is kept up to date at each turn of an object.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use operator_core::reason::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::labels::{ByCondition, ByHealth, Kind, Truth};

/// Who knows the objects. Asked at each scrape, on the thread that answers it.
pub trait Census: Send + Sync {
    /// Counts every object once.
    fn count(&self, counts: &mut Counts);
}

/// The objects by what their conditions say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    ready: BTreeMap<(Kind, Truth, Option<Reason>), i64>,
    delivery: BTreeMap<Truth, i64>,
}

impl Counts {
    /// An object with its `Ready`: status and reason as they stand in the condition. `None`: it has none yet.
    pub fn object(&mut self, kind: Kind, ready: Option<(&str, &str)>) {
        let (truth, reason) = ready.unwrap_or(("", Reason::NotChecked.as_str()));
        // Whoever may write status can write any reason there: only those of the list become a label.
        let key = (kind, Truth::of(truth), Reason::parse(reason));
        *self.ready.entry(key).or_default() += 1;
    }

    /// A subscription's `DeliveryHealthy`, as it stands in the condition.
    pub fn delivery(&mut self, status: &str) {
        *self.delivery.entry(Truth::of(status)).or_default() += 1;
    }
}

/// Asks the census, as long as there is one.
#[derive(Default)]
pub(super) struct Objects(Mutex<Option<Arc<dyn Census>>>);

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objects")
    }
}

impl Objects {
    pub(super) fn ask(&self, census: Arc<dyn Census>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(census);
    }
}

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let census = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(census) = census else { return Ok(()) };
        let mut counts = Counts::default();
        census.count(&mut counts);
        if !counts.ready.is_empty() {
            let mut family = encoder.encode_descriptor(
                "objects",
                "Objects by kind, status and reason of their condition Ready; every replica counts those of its shard",
                None,
                MetricType::Gauge,
            )?;
            for ((kind, ready, reason), count) in counts.ready {
                let reason = reason.map_or("other", Reason::as_str);
                let labels = ByCondition { kind, ready, reason };
                ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        if !counts.delivery.is_empty() {
            let mut family = encoder.encode_descriptor(
                "deliveries",
                "Subscriptions by the status of their condition DeliveryHealthy; every replica counts those of its shard",
                None,
                MetricType::Gauge,
            )?;
            for (healthy, count) in counts.delivery {
                ConstGauge::new(count).encode(family.encode_family(&ByHealth { healthy })?)?;
            }
        }
        Ok(())
    }
}
