//! Which words could come next on a command line that somebody is writing. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory, ValueHint};

use super::args::{Cli, Global};
use crate::wording::one_line;

/// A word and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) word: String,
    pub(super) meaning: String,
}

/// What could stand where the cursor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// One of these.
    Words(Vec<Candidate>),
    /// A subscription of the namespace that is not among these.
    Subscription(Vec<String>),
    /// A provider object.
    Provider,
    /// A namespace.
    Namespace,
    /// A context of the kubeconfig.
    Context,
    /// A file.
    File,
    /// Nobody knows.
    Unknown,
}

/// Where the cursor is.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) next: Next,
    /// What is written of the word so far.
    pub(super) begun: String,
    /// Which cluster the line speaks of, and as whom.
    pub(super) global: Global,
}

/// A line up to the word before the cursor.
struct Line<'a> {
    command: &'a Command,
    /// Values of flags, by the argument's id.
    values: BTreeMap<String, String>,
    /// A flag that waits for its value.
    open: Option<&'a Arg>,
    positionals: Vec<String>,
    /// After `--` nothing is a flag.
    plain: bool,
}

/// Where the cursor is after these words, of which the last is the one that is being written. Total.
pub(super) fn cursor(words: &[String], patience: Duration) -> Cursor {
    let mut root = Cli::command();
    root.build();
    let mut line = Line {
        command: &root,
        values: BTreeMap::new(),
        open: None,
        positionals: Vec::new(),
        plain: false,
    };
    let none = String::new();
    let (begun, before) = words.split_last().unwrap_or((&none, &[]));
    for word in before {
        line.take(word);
    }
    let (next, begun) = line.next(begun);
    let value = |id: &str| line.values.get(id).cloned();
    Cursor {
        next,
        begun: begun.to_owned(),
        global: Global {
            kubeconfig: value("kubeconfig").map(PathBuf::from),
            context: value("context"),
            namespace: value("namespace"),
            impersonate: value("impersonate"),
            timeout: patience,
        },
    }
}

impl<'a> Line<'a> {
    fn take(&mut self, word: &str) {
        if let Some(flag) = self.open.take() {
            self.set(flag, word);
        } else if self.plain || !word.starts_with('-') || word == "-" {
            match self.verb(word) {
                Some(verb) => self.command = verb,
                None => self.positionals.push(word.to_owned()),
            }
        } else if word == "--" {
            self.plain = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
            match (self.flag(|flag| flag.get_long() == Some(name)), value) {
                (Some(flag), Some(value)) => self.set(flag, value),
                (Some(flag), None) if takes_value(flag) => self.open = Some(flag),
                _ => {}
            }
        } else {
            self.short(word);
        }
    }

    /// `-A`, `-n support`, `-nsupport`, `-An=support`.
    fn short(&mut self, word: &str) {
        for (at, letter) in word.char_indices().skip(1) {
            let Some(flag) = self.flag(|flag| flag.get_short() == Some(letter)) else {
                return;
            };
            if takes_value(flag) {
                match word.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty()) {
                    Some(rest) => self.set(flag, rest.strip_prefix('=').unwrap_or(rest)),
                    None => self.open = Some(flag),
                }
                return;
            }
        }
    }

    fn set(&mut self, flag: &Arg, value: &str) {
        self.values.insert(flag.get_id().to_string(), value.to_owned());
    }

    /// The verb of that name, where one can stand.
    fn verb(&self, word: &str) -> Option<&'a Command> {
        let first = self.positionals.is_empty() && !self.plain;
        self.command.find_subcommand(word).filter(|_| first)
    }

    fn flag(&self, test: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        self.command
            .get_opts()
            .chain(self.flags())
            .find(|flag| test(flag))
    }

    /// Flags without a value.
    fn flags(&self) -> impl Iterator<Item = &'a Arg> {
        self.command
            .get_arguments()
            .filter(|flag| !flag.is_positional() && !takes_value(flag))
    }

    /// What could come next, and how much of it is written.
    fn next<'w>(&self, begun: &'w str) -> (Next, &'w str) {
        if let Some(flag) = self.open {
            return (self.value(flag), begun);
        }
        if !self.plain && begun.starts_with('-') {
            let Some((name, value)) = begun.split_once('=') else {
                return (Next::Words(self.all_flags(begun)), begun);
            };
            let long = name.strip_prefix("--");
            let flag = self.flag(|flag| long.is_some() && flag.get_long() == long);
            return (flag.map_or(Next::Unknown, |flag| self.value(flag)), value);
        }
        let verbs = self.command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let verbs: Vec<Candidate> = verbs
            .map(|verb| candidate(verb.get_name().to_owned(), verb.get_about()))
            .collect();
        if !verbs.is_empty() {
            return (Next::Words(verbs), begun);
        }
        let mut places = self.command.get_positionals();
        let place = places.nth(self.positionals.len()).or_else(|| {
            let last = self.command.get_positionals().last();
            last.filter(|place| place.get_num_args().is_some_and(|number| number.max_values() > 1))
        });
        (place.map_or(Next::Unknown, |place| self.value(place)), begun)
    }

    fn all_flags(&self, begun: &str) -> Vec<Candidate> {
        let all = self.command.get_arguments().filter(|flag| !flag.is_hide_set());
        all.flat_map(|flag| {
            let long = flag.get_long().map(|long| format!("--{long}"));
            let short = flag.get_short().filter(|_| begun == "-");
            let names = long.into_iter().chain(short.map(|letter| format!("-{letter}")));
            names
                .map(|name| candidate(name, flag.get_help()))
                .collect::<Vec<_>>()
        })
        .collect()
    }

    /// What the value of an argument could be.
    fn value(&self, argument: &Arg) -> Next {
        let possible = argument.get_possible_values();
        if !possible.is_empty() {
            let shown = possible.iter().filter(|value| !value.is_hide_set());
            let all = shown.map(|value| candidate(value.get_name().to_owned(), value.get_help()));
            return Next::Words(all.collect());
        }
        match argument.get_id().as_str() {
            "name" | "names" => Next::Subscription(self.positionals.clone()),
            "provider" => Next::Provider,
            "namespace" | "operator_namespace" | "watch_namespace" => Next::Namespace,
            "context" => Next::Context,
            _ if argument.get_value_hint() == ValueHint::FilePath => Next::File,
            _ => Next::Unknown,
        }
    }
}

fn takes_value(flag: &Arg) -> bool {
    flag.get_action().takes_values()
}

/// One line a candidate, and the first only: what follows a tab is shown beside it.
fn candidate(word: String, meaning: Option<&clap::builder::StyledStr>) -> Candidate {
    let meaning = meaning.map(ToString::to_string).unwrap_or_default();
    Candidate {
        word,
        meaning: one_line(meaning.lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(words: &[&str]) -> Cursor {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        cursor(&words, Duration::from_secs(1))
    }

    fn words(cursor: &Cursor) -> Vec<&str> {
        match &cursor.next {
            Next::Words(all) => all.iter().map(|one| one.word.as_str()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn verbs_come_first_and_each_has_a_meaning() {
        for line in [&[""][..], &["-n", "support", "st"], &["--context=a", ""]] {
            let cursor = at(line);
            assert!(words(&cursor).contains(&"status"), "{line:?}");
            let Next::Words(all) = cursor.next else { panic!() };
            assert!(all.iter().all(|one| !one.meaning.is_empty()));
        }
        assert_eq!(words(&at(&["orphans", ""])), ["list", "adopt", "delete", "help"]);
    }

    #[test]
    fn names_of_objects_stand_where_a_verb_takes_them_and_not_twice() {
        let none = Vec::<String>::new;
        for line in [
            &["status", ""][..],
            &["get", "-o", "json", "c"],
            &["deliveries", "--failed", ""],
            &["suspend", "--", "-c"],
        ] {
            assert_eq!(at(line).next, Next::Subscription(none()), "{line:?}");
        }
        let more = at(&["suspend", "crm", ""]).next;
        assert_eq!(more, Next::Subscription(vec!["crm".to_owned()]));
        assert_eq!(at(&["status", "crm", ""]).next, Next::Unknown, "it takes one");
        assert_eq!(at(&["import", "--provider", ""]).next, Next::Provider);
        let listed = at(&["orphans", "list", "--provider=ClusterW"]);
        assert_eq!(
            (&listed.next, listed.begun.as_str()),
            (&Next::Provider, "ClusterW")
        );
        assert_eq!(at(&["get", "-n", ""]).next, Next::Namespace);
        assert_eq!(at(&["--context", ""]).next, Next::Context);
        assert_eq!(at(&["diff", "-f", ""]).next, Next::File);
        assert_eq!(at(&["--kubeconfig", ""]).next, Next::File);
        assert_eq!(at(&["no-such-verb", "--no-such-flag=x", "-q"]).begun, "-q");
    }

    #[test]
    fn flags_and_their_values_are_known() {
        let long = at(&["get", "--"]);
        assert!(words(&long).contains(&"--all-namespaces") && words(&long).contains(&"--namespace"));
        assert!(!words(&long).contains(&"-A"));
        assert!(words(&at(&["get", "-"])).contains(&"-A"));
        assert_eq!(words(&at(&["get", "-o", ""])), ["json", "yaml", "name", "wide"]);
        assert_eq!(words(&at(&["status", "--output=j"])), ["json", "yaml"]);
        assert!(words(&at(&["completion", ""])).contains(&"bash"));
    }

    #[test]
    fn the_cluster_that_the_line_speaks_of_is_the_one_that_is_asked() {
        let lines = [
            &[
                "-n",
                "support",
                "--context",
                "c",
                "--as=me",
                "--kubeconfig",
                "f",
                "status",
                "",
            ][..],
            &[
                "status",
                "-nsupport",
                "--context=c",
                "--as",
                "me",
                "--kubeconfig=f",
                "",
            ],
            &[
                "get",
                "-An=support",
                "--context=c",
                "--as",
                "me",
                "--kubeconfig=f",
                "",
            ],
        ];
        for line in lines {
            let global = at(line).global;
            assert_eq!(global.namespace.as_deref(), Some("support"), "{line:?}");
            assert_eq!(global.context.as_deref(), Some("c"), "{line:?}");
            assert_eq!(global.impersonate.as_deref(), Some("me"), "{line:?}");
            assert_eq!(global.kubeconfig, Some(PathBuf::from("f")), "{line:?}");
        }
    }

    #[test]
    fn every_argument_that_names_a_thing_of_the_cluster_or_a_file_is_completed() {
        let mut open = vec![Cli::command()];
        while let Some(mut command) = open.pop() {
            command.build();
            let line = Line {
                command: &command,
                values: BTreeMap::new(),
                open: None,
                positionals: Vec::new(),
                plain: false,
            };
            for argument in command.get_arguments().filter(|argument| takes_value(argument)) {
                let name = argument.get_value_names().map(|names| names[0].to_string());
                let named = matches!(
                    name.as_deref(),
                    Some("NAME" | "NAMESPACE" | "FILE" | "FORMAT" | "SHELL")
                );
                if named && argument.get_id() != "lease_name" {
                    assert_ne!(line.value(argument), Next::Unknown, "{argument:?}");
                }
            }
            open.extend(
                command
                    .get_subcommands()
                    .filter(|verb| verb.get_name() != "help")
                    .cloned(),
            );
        }
    }

    proptest! {
        #[test]
        fn every_line_has_a_cursor(words in prop::collection::vec("(-{0,2}[a-zA-Zß=]{0,4}|get|status|orphans|list|-n)", 0..6)) {
            let cursor = cursor(&words, Duration::from_secs(1));
            prop_assert!(words.last().is_none_or(|last| last.ends_with(&cursor.begun)));
        }
    }
}
