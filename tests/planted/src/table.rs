//! Which tests must fail for which bug.

use crate::Bug;

/// Where a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among the unit tests of the core.
    Core,
    /// Among the unit tests of the operator.
    Library,
    /// In a suite below `tests/`, which needs a control plane.
    Suite(&'static str),
}

/// A test that must fail while a bug is active, and pass otherwise. A bug may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The bug.
    pub bug: Bug,
    /// Where the test is.
    pub place: Place,
    /// Its full name there.
    pub test: &'static str,
}

const fn row(bug: Bug, place: Place, test: &'static str) -> Row {
    Row { bug, place, test }
}

use Bug as B;
use Place::{Core, Library, Suite};

/// Every bug with the tests that notice it.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(B::SkipWriteAhead, Core, "plan::tests::create::the_write_ahead_entry_comes_before_the_look"),
    row(B::ForgetWriteAhead, Library, "controller::subscription::status::tests::what_status_holds_comes_back_after_a_restart"),
    row(B::ForgetWriteAhead, Suite("safety"), "lost_create::a_create_that_takes_effect_after_its_sender_died_is_found_by_the_next_process"),
    row(B::FinalizerLate, Core, "plan::tests::create::the_finalizer_comes_before_everything"),
    row(B::FinalizerFirst, Core, "plan::tests::removal::what_is_marked_on_a_fresh_read_is_deleted"),
    row(B::FinalizerFirst, Suite("lifecycle"), "create::a_subscription_becomes_ready_and_is_gone_remotely_once_it_is_deleted"),
    row(B::TrustTheId, Core, "plan::tests::held::only_our_marker_authorises_a_change"),
    row(B::TrustTheId, Core, "plan::tests::removal::what_is_not_marked_is_left_alone"),
    row(B::AdoptForeignMarker, Core, "plan::tests::adoption::by_id_never_takes_what_belongs_to_others"),
    row(B::AdoptForeignMarker, Suite("adoption"), "owned::a_marker_of_another_cluster_is_never_taken_over_by_id"),
    row(B::IgnoreSettleTime, Core, "plan::tests::create::an_unknown_create_that_is_not_found_waits_for_the_settle_time"),
    row(B::IgnoreSettleTime, Suite("safety"), "lost_create::a_create_that_takes_effect_after_its_sender_died_is_found_by_the_next_process"),
    row(B::AnyListServesACreate, Core, "memory::tests::where_nothing_was_begun_a_list_counts_that_began_since_the_wish_is_known"),
    row(B::AnyListServesACreate, Core, "explore::one_object_that_is_taken_away_by_force"),
    row(B::ListIsProofOfAbsence, Core, "plan::tests::held::what_only_a_list_lacked_is_kept"),
    row(B::ListIsProofOfAbsence, Suite("safety"), "vanished::a_listing_that_lacks_it_once_is_no_deletion"),
    row(B::FailedListIsComplete, Library, "provider::account::tests::a_list_whose_second_page_fails_is_no_list"),
    row(B::StaleReadAuthorises, Core, "plan::tests::held::a_write_needs_a_fresh_read"),
    row(B::ServerErrorHadNoEffect, Library, "provider::error::tests::status_and_body_decide_reason_effect_and_disposition"),
    row(B::ServerErrorHadNoEffect, Suite("safety"), "lost_create::a_create_that_took_effect_and_answered_500_is_found_and_not_sent_again"),
    row(B::RetryCreateOn504, Suite("safety"), "lost_create::a_create_that_took_effect_behind_a_gateway_that_gave_up_is_found_and_not_sent_again"),
    row(B::RetryAfterUnbounded, Core, "retry::tests::retry_after_obeys_sense_and_ignores_nonsense"),
    row(B::NoBackoff, Core, "retry::tests::backoff_doubles_from_a_second_to_the_cap_and_its_upper_half_is_used_whole"),
    row(B::NoBackoff, Suite("safety"), "refusals::the_delay_between_tries_of_an_endless_outage_grows"),
    row(B::NoBreaker, Core, "plan::tests::held::after_many_repairs_in_a_row_drift_is_only_reported_for_a_while"),
    row(B::DriftIgnored, Suite("lifecycle"), "drift::drift_is_corrected_when_somebody_asks_and_with_only_what_differs"),
    row(B::PatchHiddenForEver, Suite("lifecycle"), "quiet::once_settled_nothing_is_written_and_nothing_is_sent"),
    row(B::DroppedKeyStays, Suite("providers"), "fan_out::an_event_that_comes_or_goes_touches_its_own_remote_subscription_only"),
    row(B::LostMarkerKept, Suite("lifecycle"), "create::a_name_whose_marker_the_provider_cuts_off_is_deleted_again_and_said"),
    row(B::StrayStays, Core, "plan::tests::removal::a_stray_with_our_marker_is_deleted_under_a_fresh_look"),
    row(B::StrayStays, Suite("safety"), "vanished::a_copy_made_by_hand_is_left_alone_while_its_object_lives_and_goes_with_it"),
    row(B::UnconfirmedDeletionIsDone, Core, "plan::tests::rendered::a_deletion_that_was_not_confirmed_is_confirmed_by_a_read"),
    row(B::VanishedGuardOff, Suite("safety"), "guard::many_that_vanish_at_once_are_not_made_anew_before_the_guard_is_released_with_its_token"),
    row(B::DeletionGuardOff, Suite("safety"), "guard::more_deletions_than_the_guard_allows_wait_for_its_release"),
    row(B::DefinitionGuardOff, Suite("safety"), "definitions::a_definition_that_is_deleted_takes_nothing_at_the_provider_along"),
    row(B::AccountNeverDoubted, Core, "plan::tests::held::what_was_seen_a_moment_ago_is_only_changed_in_an_account_whose_list_shows_it"),
    row(B::RedactNothing, Suite("safety"), "refusals::an_edit_that_the_provider_refuses_is_sent_once_and_its_words_are_shown_without_the_secret"),
    row(B::LogTheCredential, Suite("safety"), "secrets::no_secret_of_dixa_shows_in_logs_status_events_metrics_or_the_audit_log"),
    row(B::FollowRedirects, Library, "provider::dixa::tests::faults::a_redirect_is_an_error_and_nobody_else_sees_the_request"),
    row(B::AddressesUnjudged, Library, "provider::http::tests::guard::an_address_that_is_never_reached_is_not_dialled_however_it_is_spelt_and_whatever_is_allowed"),
    row(B::AddressesOfNamesUnjudged, Library, "provider::http::tests::guard::a_name_is_judged_by_what_it_resolves_to_and_only_allowed_addresses_are_dialled"),
    row(B::RawIdsInPaths, Library, "provider::http::tests::an_id_is_always_one_segment_that_means_itself"),
    row(B::SecretWithoutLabel, Suite("safety"), "secrets::a_secret_that_was_not_released_is_never_read_and_never_sent"),
    row(B::OverwriteForeignSecret, Suite("lifecycle"), "signing::a_secret_that_is_not_ours_is_left_alone"),
    row(B::OverwriteForeignSecret, Suite("providers"), "signing::a_generated_key_never_replaces_the_secret_of_somebody_else"),
    row(B::LendToAnybody, Library, "controller::provider::lent::tests::a_provider_is_lent_by_name_or_label_and_to_nobody_by_default"),
    row(B::PolicyIgnored, Suite("tenancy"), "policy::a_policy_limits_hosts_events_and_adoption_and_a_withdrawal_stops_all_but_the_deletion"),
    row(B::QuotaIgnored, Suite("tenancy"), "policy::a_namespace_has_no_more_than_its_quota_and_of_those_that_wait_the_older_comes_first"),
    row(B::ForeignStatusBelieved, Library, "controller::subscription::status::tests::an_identity_that_is_not_ours_brings_nothing"),
    row(B::SealUnchecked, Library, "controller::subscription::status::tests::where_nothing_can_be_marked_only_a_sealed_id_is_proven_to_be_ours"),
    row(B::SkipVersionGuard, Library, "controller::apiserver::tests::a_write_names_the_version_that_it_is_based_on_before_anything_else"),
    row(B::StatusEveryPass, Suite("lifecycle"), "quiet::once_settled_nothing_is_written_and_nothing_is_sent"),
    row(B::BudgetIgnored, Suite("safety"), "budget::the_budget_is_never_exceeded_and_an_edit_does_not_queue_behind_creates"),
    row(B::SuspendIgnored, Suite("lifecycle"), "suspend::nothing_is_sent_for_a_suspended_object_and_its_generation_is_still_observed"),
    row(B::OrphanPolicyIgnored, Suite("lifecycle"), "create::a_deletion_policy_of_orphan_leaves_the_remote_subscription"),
    row(B::GateIgnored, Library, "gate::tests::who_slept_past_the_end_does_not_go_on_even_if_the_request_could"),
    row(B::GateIgnored, Library, "leader::fence::tests::without_leadership_only_reads_reach_the_apiserver"),
    row(B::GateIgnored, Library, "provider::http::gated::tests::what_a_connection_was_given_before_the_gate_closed_is_not_written_after_it"),
    row(B::GateIgnored, Library, "provider::http::tests::behind_a_closed_gate_nothing_is_sent"),
    row(B::LeadershipNeverEnds, Core, "leadership::tests::the_time_to_write_counts_from_the_sending_and_ends_at_the_deadline"),
    row(B::LeadershipNeverEnds, Suite("leader"), "failover::a_leader_that_was_stopped_in_the_middle_of_its_work_writes_nothing_when_it_goes_on"),
    row(B::LeadershipNeverEnds, Suite("leader"), "partition::a_leader_that_loses_the_apiserver_ends_before_another_one_begins"),
    row(B::LeaseCountsFromTheAnswer, Core, "leadership::tests::the_time_to_write_counts_from_the_sending_and_ends_at_the_deadline"),
    row(B::LeaseCountsFromTheAnswer, Core, "leadership::tests::never_two_at_once_whatever_the_network_the_clocks_and_the_scheduler_do"),
    row(B::LeaseVersionIgnored, Suite("leader"), "lease::a_lease_with_a_made_up_holder_ends_the_leader_and_is_taken_within_twice_the_duration"),
    row(B::TakeOverAtOnce, Core, "leadership::tests::a_held_lease_is_taken_when_it_was_seen_unchanged_for_a_whole_duration"),
    row(B::TakeOverAtOnce, Suite("leader"), "failover::kill_after_kill_the_other_works_once_the_duration_is_over"),
    row(B::EmptiedLeaseIsFree, Core, "leadership::tests::who_has_seen_a_holder_waits_for_its_end_whatever_happens_to_the_record"),
    row(B::EmptiedLeaseIsFree, Core, "leadership::tests::never_two_at_once_whatever_is_done_to_the_lease_by_hand"),
    row(B::LeaseNotReleased, Library, "leader::candidate::tests::what_is_given_up_is_taken_at_once_and_what_is_only_left_is_not"),
    row(B::LeaseNotReleased, Suite("leader"), "failover::two_that_start_at_once_agree_and_an_update_in_the_middle_of_the_work_hands_over_at_once"),
    row(B::ShardTakesFromTheLiving, Core, "shard::tests::a_holder_gives_away_what_is_another_shards_when_nothing_is_on_its_way"),
    row(B::ShardTakesFromTheLiving, Core, "shard::tests::no_two_shards_speak_to_one_account_and_all_come_to_rest"),
    row(B::ShardsShareAnAccount, Core, "shard::tests::no_two_shards_speak_to_one_account_and_all_come_to_rest"),
    row(B::ShardsShareAnAccount, Suite("leader"), "shard::one_account_in_two_shards_is_served_for_the_older_object_only"),
];
