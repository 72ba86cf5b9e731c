//! Entry point of the `webhook-operator` binary.
fn main() {}
