//! The simulator as its clients and its operators see it, over real sockets.

// What tests share does not count as a test for clippy, and may fail like one.
#![allow(clippy::unwrap_used, clippy::panic)]

mod admin;
mod babel_api;
mod babel_fixtures;
mod babel_rig;
mod babel_switches;
mod bird_api;
mod bird_fixtures;
mod bird_rig;
mod bird_switches;
mod dixa_api;
mod dixa_fixtures;
mod dixa_switches;
mod faults;
mod holds;
mod load;
mod others_admin;
mod process;
mod request_log;
mod rig;
mod tls;
