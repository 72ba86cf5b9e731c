//! A field or a value of an enum is in the CRD because something works: each names the test that shows it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::in_checkout;
use crate::walk::{kinds, properties, strings, walk};

/// What users can set, and the test that shows what it does. A path ends in `=value` for each value of an enum;
/// what both provider kinds share is listed once, under `WebhookProvider`.
const COVERED: &[(&str, &str)] = &[
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.names[]",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchExpressions[].key",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchExpressions[].operator=DoesNotExist",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchExpressions[].operator=Exists",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchExpressions[].operator=In",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchExpressions[].operator=NotIn",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchExpressions[].values[]",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.allowedNamespaces.selector.matchLabels{}",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "ClusterWebhookProvider.spec.caBundleRef.key",
        "a_cluster_provider_reads_its_bundle_in_the_operators_namespace_and_two_namespaces_share_its_lists",
    ),
    (
        "ClusterWebhookProvider.spec.caBundleRef.name",
        "a_cluster_provider_reads_its_bundle_in_the_operators_namespace_and_two_namespaces_share_its_lists",
    ),
    (
        "ClusterWebhookProvider.spec.credentials.secretRef.key",
        "a_cluster_provider_reads_its_bundle_in_the_operators_namespace_and_two_namespaces_share_its_lists",
    ),
    (
        "ClusterWebhookProvider.spec.credentials.secretRef.name",
        "a_cluster_provider_reads_its_bundle_in_the_operators_namespace_and_two_namespaces_share_its_lists",
    ),
    (
        "WebhookProvider.spec.babel.headerName",
        "the_key_goes_in_the_header_that_the_installation_has_or_as_a_bearer_token",
    ),
    (
        "WebhookProvider.spec.bird.organizationID",
        "the_organization_is_in_the_path_where_it_is_named_and_the_scheme_is_the_access_key",
    ),
    (
        "WebhookProvider.spec.bird.workspaceID",
        "a_workspace_that_is_not_the_keys_is_said_and_nothing_is_sent_besides",
    ),
    (
        "WebhookProvider.spec.caBundleRef.key",
        "a_bundle_may_be_under_another_key_and_come_later",
    ),
    (
        "WebhookProvider.spec.caBundleRef.name",
        "a_whole_life_over_https_with_a_bundle",
    ),
    (
        "WebhookProvider.spec.credentials.scheme=AccessKey",
        "the_organization_is_in_the_path_where_it_is_named_and_the_scheme_is_the_access_key",
    ),
    (
        "WebhookProvider.spec.credentials.scheme=ApiKey",
        "the_key_goes_in_the_header_that_the_installation_has_or_as_a_bearer_token",
    ),
    (
        "WebhookProvider.spec.credentials.scheme=Bearer",
        "both_versions_of_the_api_and_both_schemes_of_the_key_work",
    ),
    (
        "WebhookProvider.spec.credentials.scheme=Raw",
        "both_versions_of_the_api_and_both_schemes_of_the_key_work",
    ),
    (
        "WebhookProvider.spec.credentials.secretRef.key",
        "a_wrong_key_is_said_once_at_the_provider_and_a_new_one_heals",
    ),
    (
        "WebhookProvider.spec.credentials.secretRef.name",
        "a_wrong_key_is_said_once_at_the_provider_and_a_new_one_heals",
    ),
    (
        "WebhookProvider.spec.dixa.apiVersion=beta",
        "both_versions_of_the_api_and_both_schemes_of_the_key_work",
    ),
    (
        "WebhookProvider.spec.dixa.apiVersion=v1",
        "both_versions_of_the_api_and_both_schemes_of_the_key_work",
    ),
    (
        "WebhookProvider.spec.endpoint",
        "a_whole_life_over_https_with_a_bundle",
    ),
    (
        "WebhookProvider.spec.guard.maxDeletions",
        "deletions_are_limited_within_the_window_only",
    ),
    (
        "WebhookProvider.spec.guard.maxVanished",
        "more_that_vanished_than_the_guard_allows_waits_for_a_person",
    ),
    (
        "WebhookProvider.spec.guard.window",
        "deletions_are_limited_within_the_window_only",
    ),
    (
        "WebhookProvider.spec.interval",
        "drift_is_found_at_the_interval_of_the_subscription_or_else_of_its_provider",
    ),
    (
        "WebhookProvider.spec.rateLimit.burst",
        "requests_keep_to_the_rate_limit_of_the_provider",
    ),
    (
        "WebhookProvider.spec.rateLimit.requestsPerDay",
        "the_days_budget_ends_creates_before_it_is_used_up",
    ),
    (
        "WebhookProvider.spec.rateLimit.requestsPerMinute",
        "requests_keep_to_the_rate_limit_of_the_provider",
    ),
    ("WebhookProvider.spec.type=Babel", "a_life_at_babel_over_https"),
    ("WebhookProvider.spec.type=Bird", "a_life_at_bird_over_https"),
    (
        "WebhookProvider.spec.type=Dixa",
        "a_subscription_becomes_ready_and_is_gone_remotely_once_it_is_deleted",
    ),
    (
        "WebhookSubscription.spec.adoption.externalIDs[]",
        "a_subscription_is_imported_by_its_id_and_brought_to_the_spec",
    ),
    (
        "WebhookSubscription.spec.adoption.overwrite",
        "an_adoption_that_would_clear_something_is_refused_with_its_name_until_overwrite_is_set",
    ),
    (
        "WebhookSubscription.spec.adoption.policy=ByID",
        "a_subscription_is_imported_by_its_id_and_brought_to_the_spec",
    ),
    (
        "WebhookSubscription.spec.adoption.policy=IfMatches",
        "what_has_the_same_url_and_events_is_taken_over",
    ),
    (
        "WebhookSubscription.spec.adoption.policy=IfOwned",
        "what_carries_the_marker_is_taken_back_after_a_loss_of_status_and_nothing_is_created",
    ),
    (
        "WebhookSubscription.spec.adoption.policy=Never",
        "what_carries_the_marker_is_left_alone_with_policy_never",
    ),
    (
        "WebhookSubscription.spec.authorization.basic.secretRef.name",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.authorization.basic.secretRef.passwordKey",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.authorization.basic.secretRef.usernameKey",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.authorization.bearer.secretKeyRef.key",
        "a_bearer_token_and_filters_without_scope_and_match_mean_what_the_reference_says",
    ),
    (
        "WebhookSubscription.spec.authorization.bearer.secretKeyRef.name",
        "a_bearer_token_and_filters_without_scope_and_match_mean_what_the_reference_says",
    ),
    (
        "WebhookSubscription.spec.deletionGracePeriod",
        "a_deletion_that_cannot_be_done_lets_go_after_the_grace_period_once_a_person_allows_it",
    ),
    (
        "WebhookSubscription.spec.deletionPolicy=Delete",
        "a_subscription_becomes_ready_and_is_gone_remotely_once_it_is_deleted",
    ),
    (
        "WebhookSubscription.spec.deletionPolicy=Orphan",
        "a_deletion_policy_of_orphan_leaves_the_remote_subscription",
    ),
    (
        "WebhookSubscription.spec.delivery.failureThreshold",
        "deliveries_that_fail_as_often_as_the_threshold_says_are_told_and_told_healed",
    ),
    (
        "WebhookSubscription.spec.delivery.interval",
        "an_interval_of_zero_switches_monitoring_off",
    ),
    (
        "WebhookSubscription.spec.displayName",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.driftPolicy=Correct",
        "drift_is_corrected_when_somebody_asks_and_with_only_what_differs",
    ),
    (
        "WebhookSubscription.spec.driftPolicy=Report",
        "drift_is_only_reported_where_the_spec_says_so",
    ),
    (
        "WebhookSubscription.spec.enabled",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.events[]",
        "each_field_that_changes_is_patched_alone",
    ),
    (
        "WebhookSubscription.spec.filters[].conditions[].field",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.filters[].conditions[].operator=In",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.filters[].conditions[].operator=NotIn",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.filters[].conditions[].values[]",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.filters[].match=All",
        "each_field_that_changes_is_patched_alone",
    ),
    (
        "WebhookSubscription.spec.filters[].match=Any",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.filters[].scope",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.headers[].name",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.headers[].value",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.headers[].valueFrom.secretKeyRef.key",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.headers[].valueFrom.secretKeyRef.name",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.interval",
        "drift_is_found_at_the_interval_of_the_subscription_or_else_of_its_provider",
    ),
    (
        "WebhookSubscription.spec.mode=Manage",
        "an_observer_that_becomes_a_manager_takes_over_what_it_watched",
    ),
    (
        "WebhookSubscription.spec.mode=Observe",
        "an_observer_reports_and_never_writes_and_leaves_what_it_watched",
    ),
    (
        "WebhookSubscription.spec.options.babel.eventRetention",
        "delivered_events_are_deleted_at_babel_only_where_that_is_asked_for_and_only_old_ones",
    ),
    (
        "WebhookSubscription.spec.options.babel.maxRetryCount",
        "the_number_of_retries_is_kept_where_it_is_set_and_left_alone_where_it_is_not",
    ),
    (
        "WebhookSubscription.spec.options.bird.service=channels",
        "an_event_may_name_its_service_and_one_that_does_not_belongs_to_that_of_the_options",
    ),
    (
        "WebhookSubscription.spec.options.bird.service=conversations",
        "an_event_may_name_its_service_and_one_that_does_not_belongs_to_that_of_the_options",
    ),
    (
        "WebhookSubscription.spec.options.bird.service=numbers",
        "an_event_may_name_its_service_and_one_that_does_not_belongs_to_that_of_the_options",
    ),
    (
        "WebhookSubscription.spec.options.bird.service=payments",
        "an_event_may_name_its_service_and_one_that_does_not_belongs_to_that_of_the_options",
    ),
    (
        "WebhookSubscription.spec.providerRef.kind=ClusterWebhookProvider",
        "a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only",
    ),
    (
        "WebhookSubscription.spec.providerRef.kind=WebhookProvider",
        "a_subscription_becomes_ready_and_is_gone_remotely_once_it_is_deleted",
    ),
    (
        "WebhookSubscription.spec.providerRef.name",
        "a_provider_that_is_missing_is_waited_for",
    ),
    (
        "WebhookSubscription.spec.replacePolicy=CreateFirst",
        "an_event_is_exchanged_in_the_order_that_the_policy_says",
    ),
    (
        "WebhookSubscription.spec.replacePolicy=DeleteFirst",
        "an_event_is_exchanged_in_the_order_that_the_policy_says",
    ),
    (
        "WebhookSubscription.spec.replacePolicy=Never",
        "an_exchange_that_the_policy_forbids_is_refused_and_healed_by_another_policy",
    ),
    (
        "WebhookSubscription.spec.signing.generate.key",
        "a_generated_key_is_stored_before_the_first_create_and_stays_when_the_object_goes",
    ),
    (
        "WebhookSubscription.spec.signing.generate.secretName",
        "a_generated_key_is_stored_before_the_first_create_and_stays_when_the_object_goes",
    ),
    (
        "WebhookSubscription.spec.signing.publishProviderKey.key",
        "the_key_goes_under_the_name_that_the_spec_gives",
    ),
    (
        "WebhookSubscription.spec.signing.publishProviderKey.secretName",
        "the_key_is_published_labelled_and_goes_with_its_object",
    ),
    (
        "WebhookSubscription.spec.signing.secretKeyRef.key",
        "a_key_from_a_secret_signs_every_remote_subscription_and_follows_the_secret",
    ),
    (
        "WebhookSubscription.spec.signing.secretKeyRef.name",
        "a_key_from_a_secret_signs_every_remote_subscription_and_follows_the_secret",
    ),
    (
        "WebhookSubscription.spec.suspend",
        "nothing_is_sent_for_a_suspended_object_and_its_generation_is_still_observed",
    ),
    (
        "WebhookSubscription.spec.url",
        "each_field_that_changes_is_patched_alone",
    ),
    (
        "WebhookSubscription.spec.urlFrom.secretKeyRef.key",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
    (
        "WebhookSubscription.spec.urlFrom.secretKeyRef.name",
        "everything_that_a_spec_can_say_arrives_at_the_provider",
    ),
];

/// Fields whose test is still to be written.
const AWAITED: &[&str] = &[];

/// Every path that needs a test. What a `ClusterWebhookProvider` shares with a `WebhookProvider` is listed once, but
/// for its references, which it follows into another namespace.
fn settable() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for kind in kinds() {
        walk(
            &format!("{}.spec", kind.name),
            kind.part("spec"),
            &mut |path, schema| {
                let values = strings(&schema["enum"]);
                let below = schema.get("items").or(schema.get("additionalProperties"));
                if values.is_empty() && properties(schema).next().is_none() && below.is_none() {
                    paths.insert(path.to_owned());
                }
                paths.extend(values.iter().map(|value| format!("{path}={value}")));
            },
        );
    }
    let shared = |path: &String| {
        let twin = path.strip_prefix("Cluster");
        !path.contains("Ref.") && twin.is_some_and(|twin| paths.contains(twin))
    };
    paths.iter().filter(|path| !shared(path)).cloned().collect()
}

/// The text of all tests and sources.
fn sources(dir: &Path, text: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_field_and_value_names_the_test_that_shows_what_it_does() {
    let listed: Vec<String> = COVERED
        .iter()
        .map(|(path, _)| *path)
        .chain(AWAITED.iter().copied())
        .map(str::to_owned)
        .collect();
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a path is listed twice");
    let settable = settable();
    let missing: Vec<_> = settable.difference(&unique).collect();
    let stale: Vec<_> = unique.difference(&settable).collect();
    assert!(
        missing.is_empty(),
        "in the schema but not in the table: {missing:#?}"
    );
    assert!(stale.is_empty(), "in the table but not in the schema: {stale:#?}");
}

#[test]
fn the_named_tests_exist() {
    let mut text = String::new();
    sources(&in_checkout("src"), &mut text);
    sources(&in_checkout("tests"), &mut text);
    let lost: Vec<_> = COVERED
        .iter()
        .filter(|(_, test)| !text.contains(&format!("fn {test}(")))
        .collect();
    assert!(lost.is_empty(), "no such test: {lost:#?}");
}

#[test]
fn no_field_waits_for_its_test() {
    assert!(AWAITED.is_empty(), "{AWAITED:#?}");
}
