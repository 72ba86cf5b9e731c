//! The walls between the modules: read from the sources as syntax, from Cargo's own view of the dependencies, and
//! each of them shown to see a breach.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod breaches;
mod dependencies;
mod sources;
mod walls;

use sources::{Source, product};

/// Files with more lines of code than [`LINES_MAX`], with what they may have. The list may only get shorter.
const LONG_FILES: &[(&str, usize)] = &[];

/// Lines of code in a file: without comments, blank lines and tests.
const LINES_MAX: usize = 400;

/// Fails with one line for each breach.
fn hold(wall: fn(&Source) -> Vec<String>) {
    let breaches: Vec<String> = product().iter().flat_map(wall).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_core_names_no_clock_no_randomness_no_io_and_is_not_async() {
    hold(walls::core);
}

#[test]
fn providers_know_nothing_of_kubernetes_and_nobody_above_them() {
    hold(walls::provider);
}

#[test]
fn controllers_know_no_http_client_no_wire_format_and_no_command_line() {
    hold(walls::controller);
}

#[test]
fn the_plugin_runs_nothing_of_the_operator_and_nobody_knows_it() {
    hold(walls::plugin);
}

#[test]
fn the_contract_knows_none_of_the_other_modules() {
    hold(walls::api);
}

#[test]
fn only_the_entry_points_print_and_nobody_starts_programs() {
    hold(walls::process);
}

#[test]
fn files_stay_short_enough_to_be_read_at_once() {
    let mut wrong = Vec::new();
    for source in product() {
        let lines = source.lines_of_code();
        let most = LONG_FILES.iter().find(|(path, _)| *path == source.path);
        match most {
            None if lines > LINES_MAX => {
                wrong.push(format!(
                    "{}: {lines} lines of code, at most {LINES_MAX}",
                    source.path
                ));
            }
            Some((_, most)) if lines > *most => {
                wrong.push(format!(
                    "{}: {lines} lines of code, and it may only shrink from {most}",
                    source.path
                ));
            }
            Some(_) if lines <= LINES_MAX => {
                wrong.push(format!("{}: short enough now; take it off the list", source.path));
            }
            None | Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn all_modules_of_the_picture_were_read() {
    let sources = product();
    for folder in [
        "src/api/",
        "src/controller/",
        "src/core/",
        "src/plugin/",
        "src/provider/dixa/",
    ] {
        assert!(
            sources.iter().any(|source| source.path.starts_with(folder)),
            "nothing was read below {folder}"
        );
    }
    assert!(sources.len() > 60, "only {} files were read", sources.len());
}
