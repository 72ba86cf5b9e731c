//! The plugin as a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use test_harness::binary;

use crate::support::{World, leaks};

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) notes: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            notes: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// It ended with this status.
    #[track_caller]
    pub(crate) fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// Its result as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

pub(crate) fn plugin() -> PathBuf {
    binary("webhook-operator", "kubectl-webhooks").unwrap()
}

/// The plugin's command, away from the settings of whoever runs the tests.
pub(crate) fn command(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(plugin());
    command
        .args(args)
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null());
    command
}

impl World {
    /// Runs the plugin as the admin in the world's namespace. What it prints shows no secret.
    pub(crate) fn webhooks(&self, args: &[&str]) -> Said {
        let scoped = [args, &["--namespace", self.namespace.as_str()]].concat();
        self.webhooks_as(&self.cluster().kubeconfig(), &scoped)
    }

    /// Runs the plugin with another kubeconfig, and these arguments alone.
    pub(crate) fn webhooks_as(&self, kubeconfig: &Path, args: &[&str]) -> Said {
        let said = Said::of(&command(kubeconfig, args).output().unwrap());
        self.assert_discreet(&said);
        said
    }

    /// Nothing that was printed shows a secret.
    pub(crate) fn assert_discreet(&self, said: &Said) {
        let secrets = self.secrets();
        for text in [&said.out, &said.notes] {
            assert_eq!(leaks(text, &secrets), Vec::<String>::new(), "{said:#?}");
        }
    }
}
