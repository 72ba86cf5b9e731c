//! What a shell needs to complete the command line: scripts, and the candidates themselves.

use std::fmt::Write as _;
use std::time::Duration;

use clap::CommandFactory;
use clap_complete::Shell;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::config::Kubeconfig;
use kube::{Api, Resource};

use super::args::{Cli, CompletionArgs, Global, Script};
use super::error::{Exit, PluginError};
use super::screen::Screen;
use super::session::Session;
use super::words::{Candidate, Next, cursor};
use crate::api::v1alpha1::{ClusterWebhookProvider, WebhookProvider, WebhookSubscription};
use crate::wording::one_line;

/// How long somebody who pressed a key waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most names that are offered.
const NAMES_MAX: u32 = 500;
/// What kubectl looks for in `PATH` where it completes the plugin's arguments; it takes what cobra's programs print.
const FOR_KUBECTL: &str = "#!/bin/sh\nexec kubectl-webhooks __complete \"$@\"\n";
/// Cobra's directives: the shell completes files, or does nothing of its own.
const FILES: u8 = 0;
const NO_FILES: u8 = 4;

pub(super) fn run(args: &CompletionArgs, screen: &mut Screen<'_>) -> Result<Exit, PluginError> {
    let Some(shell) = shell(args.shell) else {
        screen.print(FOR_KUBECTL)?;
        return Ok(Exit::Done);
    };
    let mut script = Vec::new();
    // A completion function is named after the program that the shell starts.
    let mut command = Cli::command().bin_name("kubectl-webhooks");
    clap_complete::generate(shell, &mut command, "kubectl-webhooks", &mut script);
    screen.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

const fn shell(script: Script) -> Option<Shell> {
    match script {
        Script::Kubectl => None,
        Script::Bash => Some(Shell::Bash),
        Script::Elvish => Some(Shell::Elvish),
        Script::Fish => Some(Shell::Fish),
        Script::Powershell => Some(Shell::PowerShell),
        Script::Zsh => Some(Shell::Zsh),
    }
}

/// The words to complete, where the command line asks for that: `__complete`, which no help shows, as programs that
/// kubectl completes have it. What comes after it is no command line of its own.
pub fn words_to_complete(arguments: &[String]) -> Option<&[String]> {
    let (first, words) = arguments.split_first()?;
    (first == "__complete").then_some(words)
}

/// Prints what the last of the words could become: one candidate a line, its meaning after a tab, and a directive for the
/// shell at the end. A cluster that does not answer within three seconds, or refuses, has no names to offer, and nobody
/// who only pressed a key reads about it.
///
/// # Errors
/// [`PluginError::Output`].
pub async fn complete(words: &[String], screen: &mut Screen<'_>) -> Result<Exit, PluginError> {
    let cursor = cursor(words, PATIENCE);
    let files = cursor.next == Next::File;
    let known = tokio::time::timeout(PATIENCE, candidates(cursor.next, &cursor.global));
    let known = known.await.ok().flatten().unwrap_or_default();
    screen.print(&printed(&known, &cursor.begun, files))?;
    Ok(Exit::Done)
}

/// As cobra prints it. Total.
fn printed(known: &[Candidate], begun: &str, files: bool) -> String {
    let mut text = String::new();
    for one in known.iter().filter(|one| one.word.starts_with(begun)) {
        text.push_str(&one_line(&one.word));
        if !one.meaning.is_empty() {
            text.push('\t');
            text.push_str(&one.meaning);
        }
        text.push('\n');
    }
    let directive = if files { FILES } else { NO_FILES };
    let _ = writeln!(text, ":{directive}");
    text
}

async fn candidates(next: Next, global: &Global) -> Option<Vec<Candidate>> {
    let names = match next {
        Next::Words(words) => return Some(words),
        Next::File | Next::Unknown => return None,
        Next::Context => contexts(global)?,
        Next::Namespace => {
            let session = Session::open(global).await.ok()?;
            names::<Namespace>(&session, false).await?
        }
        Next::Subscription(taken) => {
            let session = Session::open(global).await.ok()?;
            let mut names = names::<WebhookSubscription>(&session, true).await?;
            names.retain(|name| !taken.contains(name));
            names
        }
        Next::Provider => {
            let session = Session::open(global).await.ok()?;
            let own = names::<WebhookProvider>(&session, true).await;
            let lent = names::<ClusterWebhookProvider>(&session, false).await;
            let lent = lent.unwrap_or_default().into_iter();
            let lent = lent.map(|name| format!("ClusterWebhookProvider/{name}"));
            own.unwrap_or_default().into_iter().chain(lent).collect()
        }
    };
    let bare = |word| Candidate {
        word,
        meaning: String::new(),
    };
    Some(names.into_iter().map(bare).collect())
}

/// The names of a kind, of the namespace or of the cluster.
async fn names<K: Resource<DynamicType = ()>>(session: &Session, namespaced: bool) -> Option<Vec<String>> {
    let kind = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = if namespaced {
        Api::namespaced_with(session.client.clone(), &session.namespace, &kind)
    } else {
        Api::all_with(session.client.clone(), &kind)
    };
    let found = api.list_metadata(&ListParams::default().limit(NAMES_MAX)).await;
    let found = found.ok()?.items.into_iter();
    Some(found.filter_map(|object| object.metadata.name).collect())
}

fn contexts(global: &Global) -> Option<Vec<String>> {
    let file = match &global.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    Some(
        file.ok()?
            .contexts
            .into_iter()
            .map(|context| context.name)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(words: &[(&str, &str)]) -> Vec<Candidate> {
        let one = |(word, meaning): &(&str, &str)| Candidate {
            word: (*word).to_owned(),
            meaning: (*meaning).to_owned(),
        };
        words.iter().map(one).collect()
    }

    #[test]
    fn candidates_are_printed_as_kubectl_reads_them() {
        let all = known(&[("get", "List them"), ("crm\n:1", ""), ("status", "Say why")]);
        assert_eq!(
            printed(&all, "", false),
            "get\tList them\ncrm :1\nstatus\tSay why\n:4\n"
        );
        assert_eq!(printed(&all, "st", false), "status\tSay why\n:4\n");
        assert_eq!(printed(&[], "", true), ":0\n");
    }

    #[test]
    fn only_the_first_word_asks_for_it_and_the_rest_is_as_it_was_written() {
        let line = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let asked = line(&["__complete", "--", "-n", ""]);
        assert_eq!(words_to_complete(&asked), Some(&asked[1..]));
        assert_eq!(words_to_complete(&line(&["get", "__complete"])), None);
        assert_eq!(words_to_complete(&[]), None);
    }
}
