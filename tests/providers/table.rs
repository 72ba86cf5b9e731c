//! The whole life, once for each position of each switch that stands for something a provider's documents leave open.

use provider_simulator::TlsListeners;
use serde_json::{Value, json};

use crate::life::{Circumstances, IN_SYNC, live, live_in};
use crate::support::{Setup, Side};

const UNVERIFIABLE: (&str, &str) = ("Unknown", "Unverifiable");
const CANNOT_CLEAR: (&str, &str) = ("False", "CannotClear");

const ORGANIZATION: &str = "11111111-0000-4000-8000-000000000001";

/// The circumstances that most lives have, with these switches.
fn usual(side: Side, switches: &'static [(&'static str, &'static str)]) -> Circumstances {
    let has = |name: &str, value: &str| switches.contains(&(name, value));
    Circumstances {
        provider: json!({}),
        switches,
        without_headers: match side {
            Side::Dixa if has("dixa.echoCustomHeaders", "yes") => IN_SYNC,
            Side::Babel if !has("babel.headersForm", "empty") => IN_SYNC,
            _ => UNVERIFIABLE,
        },
        without_filters: if has("dixa.clearFilters", "emptyObject") {
            IN_SYNC
        } else {
            CANNOT_CLEAR
        },
    }
}

macro_rules! lives {
    ($($name:ident: $side:ident, $provider:tt, [$($switch:literal = $value:literal),*];)+) => { $(
        #[test]
        fn $name() {
            let provider: Value = json!($provider);
            live(Side::$side, &Circumstances { provider, ..usual(Side::$side, &[$(($switch, $value)),*]) });
        }
    )+ };
}

lives! {
    a_life_at_dixa_that_hides_custom_headers: Dixa, {}, ["dixa.echoCustomHeaders" = "no"];
    a_life_at_dixa_that_shows_custom_headers: Dixa, {}, ["dixa.echoCustomHeaders" = "yes"];
    a_life_at_dixa_that_answers_400_to_a_change_of_what_is_gone: Dixa, {}, ["dixa.patchAbsent" = "400"];
    a_life_at_dixa_that_answers_404_to_a_change_of_what_is_gone: Dixa, {}, ["dixa.patchAbsent" = "404"];
    a_life_at_dixa_that_clears_filters_by_an_empty_object: Dixa, {}, ["dixa.clearFilters" = "emptyObject"];
    a_life_at_dixa_that_clears_filters_only_by_null: Dixa, {}, ["dixa.clearFilters" = "null"];
    a_life_at_dixa_that_never_clears_filters: Dixa, {}, ["dixa.clearFilters" = "never"];
    a_life_at_dixa_that_is_busy_and_says_for_how_long: Dixa, {},
        ["dixa.rateLimit" = "10/4", "dixa.retryAfter" = "1"];
    a_life_at_dixa_that_is_busy_and_does_not_say_for_how_long: Dixa, {},
        ["dixa.rateLimit" = "10/4", "dixa.retryAfter" = "none"];
    a_life_at_dixa_that_drops_the_answer_to_every_create: Dixa, {}, ["dixa.postDrops" = "yes"];
}

lives! {
    a_life_at_babel_that_leaves_defaults_out: Babel, {}, ["babel.omitDefaults" = "yes"];
    a_life_at_babel_that_shows_defaults: Babel, {}, ["babel.omitDefaults" = "no"];
    a_life_at_babel_that_shows_headers_as_json: Babel, {}, ["babel.headersForm" = "json"];
    a_life_at_babel_that_shows_headers_as_text: Babel, {}, ["babel.headersForm" = "text"];
    a_life_at_babel_that_hides_headers: Babel, {}, ["babel.headersForm" = "empty"];
    a_life_at_babel_that_fails_with_a_success: Babel, {}, ["babel.failureForm" = "success-false"];
    a_life_at_babel_that_fails_with_a_status: Babel, {}, ["babel.failureForm" = "status"];
    a_life_at_babel_that_answers_404_to_a_deletion_of_what_is_gone: Babel, {}, ["babel.deleteAbsent" = "404"];
    a_life_at_babel_that_fails_a_deletion_of_what_is_gone: Babel, {}, ["babel.deleteAbsent" = "success-false"];
    a_life_at_babel_that_answers_404_to_a_read_of_what_is_gone: Babel, {}, ["babel.getAbsent" = "404"];
    a_life_at_babel_that_fails_a_read_of_what_is_gone: Babel, {}, ["babel.getAbsent" = "success-false"];
    a_life_at_babel_with_long_pages: Babel, {}, ["babel.takeCap" = "off"];
    a_life_at_babel_with_pages_of_one: Babel, {}, ["babel.takeCap" = "1"];
    a_life_at_babel_with_pages_of_one_and_a_total: Babel, {}, ["babel.takeCap" = "1", "babel.total" = "present"];
    a_life_at_babel_with_a_total: Babel, {}, ["babel.total" = "present"];
    a_life_at_babel_that_calls_json_text: Babel, {}, ["babel.contentType" = "text"];
    a_life_at_babel_that_calls_json_json: Babel, {}, ["babel.contentType" = "json"];
    a_life_at_babel_that_locks_out: Babel, {}, ["babel.lockout" = "on"];
    a_life_at_babel_that_does_not_lock_out: Babel, {}, ["babel.lockout" = "off"];
    a_life_at_babel_that_shows_secrets: Babel, {}, ["babel.showSecret" = "yes"];
    a_life_at_babel_that_masks_secrets: Babel, {}, ["babel.showSecret" = "masked"];
    a_life_at_babel_that_hides_secrets: Babel, {}, ["babel.showSecret" = "no"];
    a_life_at_babel_that_names_the_zone_of_times: Babel, {}, ["babel.zone" = "with"];
    a_life_at_babel_that_does_not_name_the_zone_of_times: Babel, {}, ["babel.zone" = "without"];
    a_life_at_babel_that_lists_upwards: Babel, {}, ["babel.listOrder" = "ascending"];
    a_life_at_babel_that_lists_downwards: Babel, {}, ["babel.listOrder" = "descending"];
    a_life_at_babel_that_lists_in_no_order: Babel, {}, ["babel.listOrder" = "shuffled", "babel.takeCap" = "2"];
    a_life_at_babel_with_another_name_of_the_header: Babel, {"babel": {"headerName": "x-tenant-key"}},
        ["babel.headerName" = "x-tenant-key", "babel.keyForms" = "header"];
    a_life_at_babel_that_takes_only_a_bearer_token: Babel,
        {"credentials": {"scheme": "Bearer"}}, ["babel.keyForms" = "bearer"];
    a_life_at_babel_that_takes_only_the_header: Babel,
        {"credentials": {"scheme": "ApiKey"}}, ["babel.keyForms" = "header"];
    a_life_at_babel_that_drops_the_answer_to_every_create: Babel, {}, ["babel.postDrops" = "yes"];
    a_life_at_babel_that_says_something_with_every_success: Babel, {}, ["babel.messageOnSuccess" = "sentence"];
}

lives! {
    a_life_at_bird_with_the_organization_in_the_path: Bird,
        {"bird": {"workspaceID": "22222222-0000-4000-8000-000000000002", "organizationID": ORGANIZATION}},
        ["bird.path" = "with-organization"];
    a_life_at_bird_with_the_short_path: Bird, {}, ["bird.path" = "short"];
    a_life_at_bird_that_takes_both_paths: Bird, {}, ["bird.path" = "both"];
    a_life_at_bird_that_hides_signing_keys: Bird, {}, ["bird.signingKey" = "hidden"];
    a_life_at_bird_that_shows_signing_keys: Bird, {}, ["bird.signingKey" = "shown"];
    a_life_at_bird_with_an_empty_token_on_the_last_page: Bird, {}, ["bird.lastPage" = "empty"];
    a_life_at_bird_with_no_token_on_the_last_page: Bird, {}, ["bird.lastPage" = "absent"];
    a_life_at_bird_that_answers_200_to_a_deletion: Bird, {}, ["bird.deleteStatus" = "200"];
    a_life_at_bird_that_answers_202_to_a_deletion: Bird, {}, ["bird.deleteStatus" = "202"];
    a_life_at_bird_that_answers_204_to_a_deletion: Bird, {}, ["bird.deleteStatus" = "204"];
    a_life_at_bird_that_answers_404_to_a_deletion_of_what_is_gone: Bird, {}, ["bird.deleteAbsent" = "404"];
    a_life_at_bird_that_succeeds_in_a_deletion_of_what_is_gone: Bird, {}, ["bird.deleteAbsent" = "success"];
    a_life_at_bird_that_takes_filters_in_a_change: Bird, {}, ["bird.patchFilters" = "yes"];
    a_life_at_bird_that_takes_no_filters_in_a_change: Bird, {}, ["bird.patchFilters" = "no"];
    a_life_at_bird_that_never_clears_filters: Bird, {}, ["bird.clearFilters" = "never"];
    a_life_at_bird_that_clears_filters_by_null: Bird, {}, ["bird.clearFilters" = "null"];
    a_life_at_bird_that_clears_filters_by_an_empty_array: Bird, {}, ["bird.clearFilters" = "emptyArray"];
    a_life_at_bird_that_clears_filters_by_both: Bird, {}, ["bird.clearFilters" = "both"];
    a_life_at_bird_that_makes_it_and_answers_500: Bird, {}, ["bird.postApplyThen5xx" = "yes"];
    a_life_at_bird_that_drops_the_answer_to_every_create: Bird, {}, ["bird.postDrops" = "yes"];
    a_life_at_bird_with_long_pages: Bird, {}, ["bird.pageCap" = "off"];
    a_life_at_bird_with_pages_of_one: Bird, {}, ["bird.pageCap" = "1"];
    a_life_at_bird_that_lists_upwards: Bird, {}, ["bird.listOrder" = "ascending"];
    a_life_at_bird_that_lists_downwards: Bird, {}, ["bird.listOrder" = "descending"];
    a_life_at_bird_that_lists_in_no_order: Bird, {}, ["bird.listOrder" = "shuffled", "bird.pageCap" = "1"];
    a_life_at_bird_that_shows_no_filters_as_null: Bird, {}, ["bird.emptyFilters" = "null"];
    a_life_at_bird_that_leaves_no_filters_out: Bird, {}, ["bird.emptyFilters" = "omit"];
    a_life_at_bird_that_shows_no_filters_as_an_empty_array: Bird, {}, ["bird.emptyFilters" = "emptyArray"];
    a_life_at_bird_that_answers_400_to_a_change_of_what_is_gone: Bird, {}, ["bird.patchAbsent" = "400"];
    a_life_at_bird_that_answers_404_to_a_change_of_what_is_gone: Bird, {}, ["bird.patchAbsent" = "404"];
}

/// The same behind a certificate authority of one's own.
fn live_over_https(side: Side) {
    let world = Setup::new().https_only().tls(TlsListeners::Good).start();
    world.trust_simulator();
    let provider = json!({
        "endpoint": world.simulator.https_url(),
        "caBundleRef": {"name": "authority"},
    });
    live_in(
        world,
        side,
        &Circumstances {
            provider,
            ..usual(side, &[])
        },
    );
}

#[test]
fn a_life_at_dixa_over_https() {
    live_over_https(Side::Dixa);
}

#[test]
fn a_life_at_babel_over_https() {
    live_over_https(Side::Babel);
}

#[test]
fn a_life_at_bird_over_https() {
    live_over_https(Side::Bird);
}
