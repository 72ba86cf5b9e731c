use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{TARGETS, run};

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name)
}

fn inputs(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(corpus(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn what_the_fuzzers_found_is_replayed() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(inputs.len() >= 3, "{name} has a corpus of {}", inputs.len());
        for input in &inputs {
            target(input);
        }
    }
}

#[test]
fn every_target_is_built_and_has_the_name_of_its_corpus() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
    let built = manifest.matches("[[bin]]").count();
    assert_eq!(built, TARGETS.len());
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(corpus(name).is_dir(), "{name}");
    }
}

/// One of the corpus with a piece cut out, doubled or replaced.
fn changed() -> impl Strategy<Value = (usize, usize, usize, usize, Vec<u8>)> {
    let number = any::<usize>;
    (
        number(),
        number(),
        number(),
        0_usize..24,
        prop::collection::vec(any::<u8>(), 0..8),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn every_target_holds_for_inputs_near_the_corpus((target, number, at, length, bytes) in changed()) {
        thread_local! {
            static ALL: Vec<(&'static str, Vec<Vec<u8>>)> =
                TARGETS.iter().map(|(name, _)| (*name, inputs(name))).collect();
        }
        ALL.with(|all| {
            let (name, inputs) = &all[target % all.len()];
            let mut input = inputs[number % inputs.len()].clone();
            let from = at % (input.len() + 1);
            let to = (from + length).min(input.len());
            input.splice(from..to, bytes);
            run(name, &input);
        });
    }

    #[test]
    fn every_target_holds_for_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), target in any::<usize>()) {
        TARGETS[target % TARGETS.len()].1(&bytes);
    }
}
