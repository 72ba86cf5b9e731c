//! Simulator of webhook providers.
