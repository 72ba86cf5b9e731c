//! A Kubernetes operator that manages webhook subscriptions at SaaS providers as custom resources.

pub mod api;
pub mod crd;
pub mod provider;
