//! Sockets and certificates.

pub(crate) mod certificate;
pub(crate) mod connection;
pub(crate) mod listener;
