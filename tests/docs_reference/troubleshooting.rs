//! The page of what goes wrong: every reason has its entry, and what an entry tells people to type exists.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use operator_core::reason::Reason;
use serde_json::Value;
use webhook_operator::api::names;
use webhook_operator::cli::Cli;
use webhook_operator::crd;

use crate::{in_checkout, read};

const PAGE: &str = "docs/troubleshooting.md";
/// What each entry of a reason says, in this order.
const PARTS: &[&str] = &["You see", "Why", "Look", "Do", "Meanwhile"];
/// Entries that are about no reason.
const OTHERS: &[&str] = &[
    "Nothing happens at all",
    "Deliveries do not arrive",
    "A deletion hangs",
    "Argo CD or Flux shows Progressing",
];
/// Kinds that commands name; ours by their short names.
const KINDS: &[&str] = &[
    "whsub",
    "whprov",
    "cwhprov",
    "configmap",
    "deployment",
    "events",
    "lease",
    "namespace",
    "networkpolicy",
    "pods",
    "secret",
    "secrets",
];
/// Flags of kubectl and Helm that commands use.
const FLAGS: &[&str] = &[
    "-A",
    "-l",
    "-n",
    "-o",
    "-p",
    "--as",
    "--field-selector",
    "--namespace",
    "--overwrite",
    "--show-labels",
    "--tail",
    "--type",
];
/// Everything that begins like a name of ours and may stand in a command or in the text.
const NAMES: &[&str] = &[
    names::FINALIZER_REMOTE,
    names::FINALIZER_IN_USE,
    names::ANNOTATION_RECONCILE_REQUESTED_AT,
    names::ANNOTATION_TEST_REQUESTED_AT,
    names::ANNOTATION_FORCE_ORPHAN,
    names::ANNOTATION_GUARD_RELEASE,
    names::ANNOTATION_SUBSCRIPTION,
    names::LABEL_USE,
    names::LABEL_SHARD,
];

/// The text below each heading of the third level.
fn entries(page: &str) -> Vec<(&str, String)> {
    let mut entries: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            entries.push((title, String::new()));
            inside = true;
        } else if line.starts_with("## ") {
            inside = false;
        } else if let Some((_, text)) = entries.last_mut().filter(|_| inside) {
            text.push_str(line);
            text.push('\n');
        }
    }
    entries
}

/// What is wrong with the entries: missing ones, further ones, and those that leave something out.
fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let entries = entries(page);
    for (title, text) in &entries {
        *count.entry(title).or_default() += 1;
        if OTHERS.contains(title) {
            continue;
        }
        if Reason::parse(title).is_none() {
            faults.push(format!("{title} is no reason"));
        }
        let parts: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("- **")?.split_once("** "))
            .filter(|(_, said)| said.len() > 3)
            .map(|(part, _)| part)
            .collect();
        if parts != PARTS {
            faults.push(format!("{title} has {parts:?}"));
        }
    }
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
    for title in reasons.chain(OTHERS.iter().copied()) {
        match count.get(title) {
            Some(1) => {}
            Some(times) => faults.push(format!("{title} is there {times} times")),
            None => faults.push(format!("{title} has no entry")),
        }
    }
    faults
}

/// What stands in backticks, across the ends of lines, and the lines of the fenced blocks.
fn code(page: &str) -> Vec<String> {
    let (mut fenced, mut prose, mut found) = (false, String::new(), Vec::new());
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.trim().to_owned());
        } else {
            prose.push_str(line.trim());
            prose.push(' ');
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    found
}

/// The words of a command; quotes hold them together and are left out.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in command.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The paths of all fields of our kinds, as `spec.providerRef.name`; lists are passed through.
fn fields() -> BTreeSet<String> {
    let mut found = BTreeSet::from(["spec".to_owned(), "status".to_owned()]);
    for definition in crd::definitions().unwrap() {
        let definition: Value = serde_json::to_value(definition).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        below("", schema, &mut found);
    }
    found
}

fn below(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    let schema = schema.get("items").unwrap_or(schema);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        below(&format!("{path}."), member, found);
        found.insert(path);
    }
}

/// Every path of a field in a text: it begins with `spec.` or `status.`; what is in brackets selects and is left out.
fn paths(text: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let member = |c: char| c.is_ascii_alphanumeric() || c == '.';
    plain
        .split(|c| !member(c))
        .map(|path| path.trim_matches('.'))
        .filter(|path| path.starts_with("spec.") || path.starts_with("status."))
        .map(str::to_owned)
        .collect()
}

/// Whether a command is about objects of ours alone.
fn is_ours(words: &[String]) -> bool {
    let kinds = words.get(2).map(String::as_str).unwrap_or_default();
    kinds.split(',').all(|kind| KINDS[..3].contains(&kind))
}

/// What a command names that does not exist.
fn unknown_in_command(command: &str) -> Vec<String> {
    let command = command.split(" | ").next().unwrap_or_default();
    let words = words(command);
    let mut unknown = Vec::new();
    for word in words.iter().filter(|word| word.starts_with('-')) {
        let flag = word.split('=').next().unwrap_or_default();
        if !FLAGS.contains(&flag) {
            unknown.push(format!("flag {flag} in {command}"));
        }
    }
    let verbs = ["get", "describe", "annotate", "patch", "label"];
    if words.get(1).is_some_and(|verb| verbs.contains(&verb.as_str())) {
        let kinds = words.get(2).map(String::as_str).unwrap_or_default();
        unknown.extend(
            kinds
                .split(',')
                .filter(|kind| !KINDS.contains(kind))
                .map(|kind| format!("kind {kind} in {command}")),
        );
    }
    if let Some(reason) = words.iter().find_map(|word| word.strip_prefix("reason="))
        && !said_by_the_operator(reason)
    {
        unknown.push(format!("Event {reason} in {command}"));
    }
    unknown
}

/// Whether the controllers tell of something by this name.
fn said_by_the_operator(reason: &str) -> bool {
    let quoted = format!("\"{reason}\"");
    let mut folders = vec![in_checkout("src/controller")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(path).unwrap().contains(&quoted) {
                return true;
            }
        }
    }
    false
}

/// What a page names that does not exist: fields, names, flags, metrics, and parts of commands.
fn unknown(page: &str) -> Vec<String> {
    let (fields, command) = (fields(), Cli::command());
    let run = command.find_subcommand("run").unwrap();
    let flags: BTreeSet<&str> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
    let metrics = read("docs/reference/metrics.md");
    let mut unknown = Vec::new();
    for text in code(page) {
        let is_command = text.starts_with("kubectl ") || text.starts_with("helm ");
        if is_command {
            unknown.extend(unknown_in_command(&text));
        }
        if !is_command || (text.starts_with("kubectl ") && is_ours(&words(&text))) {
            let missing = paths(&text).into_iter().filter(|path| !fields.contains(path));
            unknown.extend(missing.map(|path| format!("field {path} in {text}")));
        }
        let own = text
            .split([' ', '=', '"'])
            .filter(|word| word.starts_with(names::GROUP));
        unknown.extend(
            own.filter(|word| !NAMES.contains(word))
                .map(|word| format!("name {word} in {text}")),
        );
        if let Some(flag) = text.strip_prefix("--") {
            let flag = flag.split(['=', ' ']).next().unwrap_or_default();
            if !flags.contains(flag) {
                unknown.push(format!("flag {text}"));
            }
        }
        if text.starts_with("webhook_operator_") && !metrics.contains(&format!("| `{text}` |")) {
            unknown.push(format!("metric {text}"));
        }
    }
    unknown
}

#[test]
fn every_reason_has_one_whole_entry_and_no_entry_is_about_anything_else() {
    let faults = faults(&read(PAGE));
    assert!(faults.is_empty(), "{PAGE}: {faults:#?}");
}

#[test]
fn what_the_page_tells_people_to_type_exists() {
    let page = read(PAGE);
    let commands = code(&page)
        .iter()
        .filter(|text| text.starts_with("kubectl "))
        .count();
    assert!(commands > 50, "{commands} commands were found");
    let unknown = unknown(&page);
    assert!(unknown.is_empty(), "{PAGE}: {unknown:#?}");
}

#[test]
fn the_address_in_a_condition_leads_to_the_entry() {
    for reason in Reason::ALL {
        let address = reason.address();
        let (page, anchor) = address.split_once('#').unwrap();
        assert!(page.ends_with(&format!("/blob/main/{PAGE}")), "{address}");
        assert_eq!(anchor, reason.as_str().to_lowercase());
    }
}

#[test]
fn a_fault_of_the_page_is_found() {
    let page = read(PAGE);
    let found = |from: &str, to: &str| {
        assert!(page.contains(from), "{from}");
        let changed = page.replacen(from, to, 1);
        faults(&changed).len() + unknown(&changed).len()
    };
    assert_eq!(found("### InvalidSpec", "### InvalidSpec"), 0);
    assert_eq!(found("### InvalidSpec", "### InvalidSpecs"), 2);
    assert_eq!(found("### InvalidSpec", "### InsecureURL"), 2);
    assert_eq!(found("- **Meanwhile** ", "- **Later** "), 1);
    assert_eq!(found("`spec.suspend` is true", "`spec.suspended` is true"), 1);
    assert_eq!(found("{.spec.suspend}", "{.spec.paused}"), 1);
    assert_eq!(found("get whsub,whprov", "get whsubs,whprov"), 1);
    assert_eq!(found("--show-labels", "--all-labels"), 1);
    assert_eq!(
        found(
            "webhook-operator.io/use=delivery",
            "webhook-operator.io/used=delivery"
        ),
        1
    );
    assert_eq!(found("`--settle-time`", "`--settling-time`"), 1);
    assert_eq!(
        found(
            "`webhook_operator_list_age_seconds`",
            "`webhook_operator_list_age`"
        ),
        1
    );
    assert_eq!(found("reason=Vanished", "reason=Vanishes"), 1);
}
