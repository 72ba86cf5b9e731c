//! `kubectl webhooks`: what people ask and do by hand.
//!
//! It acts as the person who runs it, with that person's rights, and through the same objects as anybody else: what it
//! changes in the cluster is a field or an annotation that could be set with `kubectl`. Nothing of the operator knows
//! it.
//!
//! What is printed comes from total functions of what was read ([`health`], [`findings`], [`table`], [`advice`]); the
//! verbs ([`get`], [`status`], [`request`], [`suspend`], [`diff`], [`deliveries`], [`import`], [`orphans`]) read, call them and print.
//! Those that ask a provider do it as the operator would ([`account`]): the same adapter, the same rules about addresses,
//! the credential that the provider object names. No verb shows a secret.

mod account;
mod advice;
mod args;
mod completion;
mod deliveries;
mod diagnose;
mod diff;
mod error;
mod findings;
mod get;
mod health;
mod import;
mod manifest;
mod object;
mod orphans;
mod others;
mod output;
mod rehearsal;
mod remotes;
mod request;
mod rotate;
mod screen;
mod session;
mod status;
mod suspend;
mod table;
mod wished;
mod words;

pub use advice::{next_step, page};
pub use args::{Cli, Verb};
pub use completion::{complete, words_to_complete};
pub use error::{Exit, PluginError};
pub use screen::Screen;

use session::Session;

/// Does what was asked for, and says how it ended.
///
/// # Errors
/// [`PluginError`], which has an exit status of its own.
pub async fn run(cli: &Cli, screen: &mut Screen<'_>) -> Result<Exit, PluginError> {
    if let Verb::Completion(args) = &cli.verb {
        return completion::run(args, screen);
    }
    let session = Session::open(&cli.global).await?;
    match &cli.verb {
        Verb::Get(args) => get::run(&session, args, screen).await,
        Verb::Status(args) => status::run(&session, args, screen).await,
        Verb::Reconcile(args) => request::reconcile(&session, args, screen).await,
        Verb::Test(args) => request::test(&session, args, screen).await,
        Verb::Rotate(args) => rotate::run(&session, args, screen).await,
        Verb::Suspend(args) => suspend::run(&session, args, true, screen).await,
        Verb::Resume(args) => suspend::run(&session, args, false, screen).await,
        Verb::Diff(args) => diff::run(&session, args, screen).await,
        Verb::Deliveries(args) => deliveries::run(&session, args, screen).await,
        Verb::Import(args) => import::run(&session, args, screen).await,
        Verb::Orphans(args) => orphans::run(&session, &args.action, screen).await,
        Verb::Doctor(args) => diagnose::run(&session, args, screen).await,
        Verb::Completion(args) => completion::run(args, screen),
    }
}
