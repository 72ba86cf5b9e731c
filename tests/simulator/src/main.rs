//! `provider-simulator`: the simulator as a process of its own.

use clap::Parser;
use provider_simulator::{Config, Ports, Retention, Simulator, TlsListeners, Token, babel, bird};
use serde_json::{Value, json};
use std::{
    error::Error,
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use uuid::Uuid;

/// Simulates webhook providers: a stateful API with switches, faults and a request log.
///
/// When it is ready it prints one line of JSON with its addresses. `curl <admin>/admin` lists what the
/// admin side can do.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Port of the plain listener; 0 lets the system choose
    #[arg(long, default_value_t = 0)]
    http_port: u16,
    /// Port of the TLS listener
    #[arg(long, default_value_t = 0)]
    https_port: u16,
    /// Port of the admin side
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
    /// Port of the TLS listener with an expired certificate
    #[arg(long, default_value_t = 0)]
    https_expired_port: u16,
    /// Port of the TLS listener with a certificate for another name
    #[arg(long, default_value_t = 0)]
    https_wrong_name_port: u16,
    /// Port of the TLS listener with a certificate of an unknown authority
    #[arg(long, default_value_t = 0)]
    https_unknown_ca_port: u16,
    /// Address that all ports are on; 0.0.0.0 for clients on other machines. Nothing protects the admin side
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen_address: IpAddr,
    /// A further name in the good certificate; may be repeated
    #[arg(long = "tls-name", value_name = "NAME")]
    tls_names: Vec<String>,
    /// Sets a switch, for example dixa.echoCustomHeaders=yes; may be repeated
    #[arg(long = "switch", value_name = "NAME=VALUE", value_parser = pair)]
    switches: Vec<(String, String)>,
    /// A Dixa token and its organization, instead of dixa-token-example=example-org; may be repeated.
    /// Test tokens only: arguments can be seen by every user of the machine
    #[arg(long = "dixa-token", value_name = "TOKEN=ORGANIZATION", value_parser = pair)]
    dixa_tokens: Vec<(String, String)>,
    /// A Babel key and its installation, instead of the one of the README; may be repeated. Test keys only
    #[arg(long = "babel-key", value_name = "KEY=INSTALLATION", value_parser = pair)]
    babel_keys: Vec<(String, String)>,
    /// A Bird access key, its workspace and the workspace's organization (both UUIDs), instead of the one
    /// of the README; may be repeated. Test keys only
    #[arg(long = "bird-key", value_name = "KEY=WORKSPACE[/ORGANIZATION]", value_parser = bird_key)]
    bird_keys: Vec<(String, bird::Key)>,
    /// Keeps only counters, no request log
    #[arg(long)]
    counters_only: bool,
    /// Entries that the request log keeps; the oldest go first
    #[arg(long, default_value_t = 200_000)]
    log_entries: usize,
    /// Where to write the CA certificate; unset: a file in the temporary folder, removed at the end
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// Reads the state from this file at the start and writes it at the end and on POST /admin/snapshot
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// Ends when standard input is closed, so that it does not outlive the process that started it
    #[arg(long)]
    exit_on_stdin_close: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn bird_key(text: &str) -> Result<(String, bird::Key), String> {
    let (key, place) = text
        .rsplit_once('=')
        .ok_or("write it as KEY=WORKSPACE or KEY=WORKSPACE/ORGANIZATION")?;
    let uuid = |text: &str| Uuid::try_parse(text).map_err(|error| format!("{text:?}: {error}"));
    let (workspace, organization) = match place.split_once('/') {
        Some((workspace, organization)) => (uuid(workspace)?, uuid(organization)?),
        None => (uuid(place)?, Config::BIRD_ORGANIZATION),
    };
    Ok((key.to_owned(), bird::Key::of(workspace, organization)))
}

impl Flags {
    fn config(&self) -> Config {
        let mut config = Config {
            ports: Ports {
                http: self.http_port,
                https: self.https_port,
                admin: self.admin_port,
                https_expired: self.https_expired_port,
                https_wrong_name: self.https_wrong_name_port,
                https_unknown_ca: self.https_unknown_ca_port,
            },
            address: self.listen_address,
            tls: TlsListeners::All,
            tls_names: self.tls_names.clone(),
            switches: self.switches.clone(),
            retention: if self.counters_only {
                Retention::CountersOnly
            } else {
                Retention::Entries(self.log_entries)
            },
            state_file: self.state_file.clone(),
            ..Config::default()
        };
        if !self.dixa_tokens.is_empty() {
            let token = |(token, organization): &(String, String)| (token.clone(), Token::of(organization));
            config.dixa_tokens = self.dixa_tokens.iter().map(token).collect();
        }
        if !self.babel_keys.is_empty() {
            let key = |(key, installation): &(String, String)| (key.clone(), babel::Key::of(installation));
            config.babel_keys = self.babel_keys.iter().map(key).collect();
        }
        if !self.bird_keys.is_empty() {
            config.bird_keys.clone_from(&self.bird_keys);
        }
        config
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let simulator = Simulator::start(flags.config()).await?;
    let own_bundle = std::env::temp_dir().join(format!("provider-simulator-ca-{}.pem", std::process::id()));
    let bundle = flags.ca_bundle.as_ref().unwrap_or(&own_bundle);
    std::fs::write(bundle, simulator.ca_pem())?;
    announce(&ready_line(&simulator, bundle))?;
    wait_for_end(flags.exit_on_stdin_close).await?;
    if flags.state_file.is_some() {
        simulator.snapshot()?;
    }
    if flags.ca_bundle.is_none() {
        std::fs::remove_file(&own_bundle)?;
    }
    Ok(())
}

fn ready_line(simulator: &Simulator, bundle: &Path) -> Value {
    json!({
        "listening": {
            "http": simulator.http_url(),
            "https": simulator.https_url(),
            "admin": simulator.admin_url(),
            "httpsExpired": simulator.https_expired_url(),
            "httpsWrongName": simulator.https_wrong_name_url(),
            "httpsUnknownCa": simulator.https_unknown_ca_url(),
        },
        "caBundle": bundle,
        "caCertificate": simulator.ca_pem(),
    })
}

fn announce(line: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Returns on SIGINT, on SIGTERM and, if asked for, at the end of standard input.
async fn wait_for_end(stdin_too: bool) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let stdin_end = async {
        if stdin_too {
            // The sender is dropped when the thread has read everything.
            let _ = stdin_drained().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = stdin_end => Ok(()),
        _ = terminate.recv() => Ok(()),
        result = tokio::signal::ctrl_c() => result,
    }
}

/// Reads standard input to its end on a thread of its own, which does not keep the process alive.
fn stdin_drained() -> oneshot::Receiver<()> {
    let (done, drained) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = done.send(());
    });
    drained
}
