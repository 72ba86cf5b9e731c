//! A token bucket for each credential.

use std::{collections::HashMap, time::Instant};

/// How many requests a credential may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RateLimit {
    /// Tokens that come back every second.
    pub per_second: f64,
    /// Tokens a full bucket holds.
    pub burst: f64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

/// The buckets of one provider.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    by_credential: HashMap<String, Bucket>,
}

impl Buckets {
    /// Takes one token. `false` means that the request is above the limit.
    pub(crate) fn take(&mut self, credential: &str, limit: RateLimit, now: Instant) -> bool {
        if !self.by_credential.contains_key(credential) {
            let full = Bucket {
                tokens: limit.burst,
                filled_at: now,
            };
            self.by_credential.insert(credential.to_owned(), full);
        }
        let Some(bucket) = self.by_credential.get_mut(credential) else {
            return true;
        };
        let gained = now.saturating_duration_since(bucket.filled_at).as_secs_f64() * limit.per_second;
        bucket.tokens = (bucket.tokens + gained).min(limit.burst);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Fills every bucket again, as after a change of the limit.
    pub(crate) fn clear(&mut self) {
        self.by_credential.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Buckets, RateLimit};
    use std::time::{Duration, Instant};

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_token_for_each_interval() {
        let limit = RateLimit {
            per_second: 10.0,
            burst: 4.0,
        };
        let mut buckets = Buckets::default();
        let start = Instant::now();
        let at_once = (0..10).filter(|_| buckets.take("a", limit, start)).count();
        assert_eq!(at_once, 4);
        assert!(!buckets.take("a", limit, start + Duration::from_millis(90)));
        assert!(buckets.take("a", limit, start + Duration::from_millis(110)));
        assert!(!buckets.take("a", limit, start + Duration::from_millis(120)));
    }

    #[test]
    fn credentials_do_not_share_a_bucket() {
        let limit = RateLimit {
            per_second: 1.0,
            burst: 1.0,
        };
        let mut buckets = Buckets::default();
        let now = Instant::now();
        assert!(buckets.take("a", limit, now));
        assert!(buckets.take("b", limit, now));
        assert!(!buckets.take("a", limit, now));
    }
}
