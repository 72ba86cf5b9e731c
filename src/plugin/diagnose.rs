//! `doctor`: the operator's own, from where the person is.

use clap::Parser;

use super::args::DoctorArgs;
use super::error::{Exit, PluginError};
use super::screen::Screen;
use super::session::Session;
use crate::cli::{OutputFormat, RunArgs};
use crate::config::{self, Config, Environment};
use crate::doctor;

/// The flags of `run`, for their defaults.
#[derive(Debug, Parser)]
struct Defaults {
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(
    session: &Session,
    args: &DoctorArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let config = config(args)?;
    screen.note("looking at kinds, rights, providers and the leader");
    let report = doctor::examine(&config, &session.access).await?;
    let text = match args.output {
        OutputFormat::Text => report.text(),
        OutputFormat::Json => report.json()?,
    };
    screen.print(&text)?;
    Ok(if report.ok { Exit::Done } else { Exit::No })
}

/// The configuration of an operator that runs with these flags.
fn config(args: &DoctorArgs) -> Result<Config, PluginError> {
    // The environment may have twins of flags.
    let defaults = Defaults::try_parse_from(["doctor"]);
    let defaults = defaults.map_err(|error| PluginError::Unfit(error.to_string()))?;
    let run = RunArgs {
        private_endpoints: args.reach.private_endpoints,
        allow_insecure_http: args.reach.allow_insecure_http,
        provider_proxy: args.reach.provider_proxy.clone(),
        watch_namespace: args.watch_namespace.clone(),
        lease_name: args.lease_name.clone(),
        // Not looked at; an operator that watches some namespaces has one.
        cluster_id: Some("unknown".to_owned()),
        ..defaults.run
    };
    let environment = Environment {
        pod_namespace: Some(args.operator_namespace.clone()),
        provider_proxy: config::proxy_variable(),
        ..Environment::default()
    };
    Ok(Config::new(&run, environment)?)
}

#[cfg(test)]
mod tests {
    use super::super::args::{Cli, Verb};
    use super::*;

    #[test]
    fn the_operator_is_as_the_flags_say() {
        let line = [
            "kubectl-webhooks",
            "doctor",
            "--watch-namespace=b,a",
            "--operator-namespace=ops",
        ];
        let Verb::Doctor(args) = Cli::try_parse_from(line).unwrap().verb else {
            panic!("not the doctor");
        };
        let config = config(&args).unwrap();
        assert_eq!(config.watch_namespaces, ["a", "b"]);
        assert_eq!(config.operator_namespace, "ops");
        assert_eq!(config.election.unwrap().lease_name, "webhook-operator");
    }
}
