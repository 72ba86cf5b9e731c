//! The examples are what a user applies: they must say only what the schema knows.

use std::collections::BTreeSet;
use std::fs;

use kube::core::cel::Validator;
use serde_json::Value;
use webhook_operator::api;

use crate::walk::kinds;
use crate::{in_checkout, read_and_written};

/// One folder for each type of provider.
const FOLDERS: [(&str, &str); 3] = [("dixa", "Dixa"), ("babel", "Babel"), ("bird", "Bird")];

/// All documents, with the file that each is in.
fn documents() -> Vec<(String, Value)> {
    FOLDERS
        .iter()
        .flat_map(|(folder, _)| documents_of(folder))
        .collect()
}

fn documents_of(folder: &str) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(in_checkout("examples").join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
        let parsed: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        documents.extend(parsed.into_iter().map(|document| (name.clone(), document)));
    }
    documents
}

#[test]
fn there_is_a_folder_of_examples_for_each_type_of_provider() {
    let known: BTreeSet<String> = fs::read_dir(in_checkout("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(known, FOLDERS.map(|(folder, _)| folder.to_owned()).into());
    for (folder, type_) in FOLDERS {
        for (file, document) in documents_of(folder) {
            let given = &document["spec"]["type"];
            assert!(given.is_null() || given == type_, "{file}: {given}");
        }
    }
}

#[test]
fn the_examples_use_only_fields_of_the_contract_and_break_none_of_its_rules() {
    for (folder, _) in FOLDERS {
        check_contract(folder);
    }
}

fn check_contract(folder: &str) {
    let ours = format!("{}/{}", api::GROUP, api::VERSION);
    let mut seen = BTreeSet::new();
    for (file, document) in documents_of(folder)
        .iter()
        .filter(|(_, document)| document["apiVersion"] == ours.as_str())
    {
        let name = document["kind"].as_str().unwrap();
        seen.insert(name.to_owned());
        let kind = kinds().into_iter().find(|kind| kind.name == name).unwrap();
        // What the types do not know is lost on the way.
        assert_eq!(&read_and_written(name, document.clone()), document, "{file}");
        let verdict = Validator::new().validate(kind.schema(), document, None);
        assert!(verdict.is_ok(), "{file}: {verdict:?}");
    }
    let all: BTreeSet<_> = kinds().into_iter().map(|kind| kind.name).collect();
    assert_eq!(seen, all, "{folder}");
}

#[test]
fn the_examples_send_nothing_over_plain_http() {
    for (file, document) in documents() {
        assert!(!document.to_string().contains("http://"), "{file}");
    }
}

#[test]
fn every_secret_of_the_examples_says_what_it_may_be_used_for() {
    let uses = [
        api::names::SecretUse::Credentials,
        api::names::SecretUse::Delivery,
        api::names::SecretUse::Signing,
    ];
    let mut secrets = 0;
    for (file, document) in documents()
        .iter()
        .filter(|(_, document)| document["kind"] == "Secret")
    {
        let label = document["metadata"]["labels"][api::names::LABEL_USE].as_str();
        assert!(
            uses.iter().any(|known| Some(known.as_str()) == label),
            "{file}: {label:?}"
        );
        secrets += 1;
    }
    assert!(secrets > 0);
}
