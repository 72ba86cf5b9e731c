//! The next step for each reason. Pure and total: a reason without one does not compile.

use operator_core::reason::Reason;

const TROUBLESHOOTING: &str =
    "https://github.com/webhook-operator/webhook-operator/blob/main/docs/troubleshooting.md";

/// The address of the page about a reason, which need not be one that this version knows.
pub fn page(reason: &str) -> String {
    let anchor: String = reason
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    format!("{TROUBLESHOOTING}#{anchor}")
}

/// What a person does next, in one or two sentences. Where nothing is to be done it says that.
#[expect(clippy::too_many_lines, reason = "one line a reason, as in a table")]
pub const fn next_step(reason: Reason) -> &'static str {
    use Reason::{
        AccountChanged, AdoptionNotAllowed, AdoptionWouldClear, AlreadyExists, AmbiguousMatch,
        AnswerTooLarge, CABundleInvalid, CannotClear, Connected, CreateOutcomeUnknown, Deleting,
        DeletionBlocked, DeletionUnconfirmed, DeletionsGuarded, DeliveriesFailing, DeliveriesSucceeding,
        DisabledByProvider, DriftDetected, DriftRepeats, EndpointNotAllowed, EventNotAllowed, Forbidden,
        ForeignMarker, Guarded, HostNotAllowed, IdenticalExists, InSync, InsecureURL, InvalidSpec,
        KeyNotShown, KeyPublished, MarkerMissing, MarkerNotPreserved, NamespaceNotAllowed, NoRecentDelivery,
        NotChecked, NotMonitored, NothingToAdopt, OwnedByOtherCluster, Progressing, ProgressingWithRetry,
        ProviderConflict, ProviderNotFound, ProviderNotReady, ProviderRedirects, ProviderTimeout,
        ProviderUnavailable, ProviderUnreachable, QuotaExceeded, RefusedByProvider, RemoteMissing,
        RemoteVanished, ReplacementRefused, Replacing, RequestNotSendable, SecretExists, SecretForbidden,
        SecretInvalid, SecretNotFound, SecretNotReleased, ShardConflict, ShardHandover, SuspendedBySpec,
        TLSInvalid, Throttled, TooManyIdentical, Unauthenticated, UnintelligibleAnswer, UnknownEvent,
        UnsupportedByProvider, Unverifiable, Valid, WaitingForBudget, WaitingForList,
    };
    match reason {
        InSync | Valid | Connected | KeyPublished | DeliveriesSucceeding => "Nothing is to be done.",
        Progressing | WaitingForList | WaitingForBudget | Replacing => {
            "Wait; it goes on by itself. If it does not for some minutes: kubectl webhooks doctor."
        }
        ProgressingWithRetry => {
            "Wait; it is tried again by itself. What failed stands in the message; its own reason is shown after five \
             minutes."
        }
        SuspendedBySpec => "When it is meant to work again: kubectl webhooks resume NAME.",
        Deleting => "Wait until the provider's side is gone.",
        DeletionBlocked => {
            "Mend what the message names, usually the provider object's credential. To let go of what is left at the \
             provider instead: kubectl annotate whsub NAME webhook-operator.io/force-orphan=true."
        }
        InvalidSpec => "Correct the field that the message names.",
        InsecureURL => {
            "Use an https URL. On a test cluster the operator can be started with --allow-insecure-http instead."
        }
        UnsupportedByProvider => {
            "Remove the field that the message names; this provider has nothing like it."
        }
        SecretNotFound => "Create the Secret, or the key in it, in the namespace that the message names.",
        SecretNotReleased => {
            "Run the kubectl label command in the message; it releases the Secret for this use."
        }
        SecretForbidden => {
            "Give the operator's ServiceAccount the right to get this Secret; kubectl webhooks doctor says which \
             rights are missing."
        }
        SecretInvalid => "Write the Secret anew: visible ASCII characters, at most one newline at the end.",
        CABundleInvalid => {
            "Put the certificates, in PEM, under the key ca.crt of the ConfigMap that the message names."
        }
        ProviderNotFound => "Create the provider object, or correct spec.providerRef in a new subscription.",
        ProviderNotReady => "Look at the provider object's own conditions: kubectl describe whprov,cwhprov.",
        NamespaceNotAllowed => {
            "Ask the owner of the ClusterWebhookProvider to add this namespace to spec.allowedNamespaces."
        }
        HostNotAllowed => {
            "Deliver to a host of spec.policy.allowedHosts of the ClusterWebhookProvider, or ask its owner to add yours."
        }
        EventNotAllowed => {
            "Leave out the events that the message names, or ask the owner of the ClusterWebhookProvider to add them to \
             spec.policy.allowedEvents."
        }
        AdoptionNotAllowed => {
            "Leave out spec.adoption and spec.mode, or ask the owner of the ClusterWebhookProvider to set \
             spec.policy.adoption to Allowed."
        }
        QuotaExceeded => {
            "Delete a subscription of this namespace at that provider, or ask its owner for a larger \
             spec.quota.perNamespace."
        }
        RefusedByProvider => {
            "Change the spec as the provider's message asks; nothing is repeated until then."
        }
        Unauthenticated => {
            "Put a credential that works into the Secret of the provider object; it is tried as soon as the Secret \
             changes."
        }
        Forbidden => "Give the credential, at the provider, the right to manage webhooks.",
        Throttled => {
            "Wait. If it stays: lower spec.rateLimit of the provider object, as something else uses the account too."
        }
        ProviderUnreachable | ProviderTimeout => {
            "Check the endpoint, DNS and the way out of the cluster; the provider's status page; kubectl webhooks \
             doctor. It is tried again by itself."
        }
        ProviderUnavailable => "Wait; the provider has trouble. Its status page may say more.",
        TLSInvalid => {
            "Correct the endpoint or its certificate; a private authority belongs into spec.caBundleRef of the provider \
             object."
        }
        EndpointNotAllowed => {
            "Correct spec.endpoint of the provider object, or start the operator with the flag that the message names."
        }
        UnintelligibleAnswer | AnswerTooLarge => {
            "Check whether spec.endpoint of the provider object leads to the provider itself, and not to a proxy's or \
             login page."
        }
        RequestNotSendable => "Correct the value that the message names.",
        ProviderConflict => {
            "Look at the provider for something of the same name or content; it is tried again."
        }
        RemoteVanished | RemoteMissing => {
            "Find out who deleted it at the provider; the operator makes it anew once a second look confirms it."
        }
        ProviderRedirects => "Set spec.endpoint of the provider object to the address that answers itself.",
        CreateOutcomeUnknown => "Wait; the operator looks for it and creates again only if it is not there.",
        OwnedByOtherCluster => {
            "If this cluster replaces the other one: start the operator with its --cluster-id, or name that in \
             --former-cluster-ids. If both live: delete one of the two objects."
        }
        ForeignMarker => {
            "Leave it: it belongs to another object. Name another id in spec.adoption.externalIDs."
        }
        MarkerMissing => {
            "Somebody renamed it at the provider. To take it over again: spec.adoption.policy ByID with its id. Else \
             delete it there."
        }
        MarkerNotPreserved => "Shorten spec.displayName; if it stays, report it with the provider's type.",
        AmbiguousMatch => {
            "Name the one that is meant: spec.adoption.policy ByID with spec.adoption.externalIDs."
        }
        AdoptionWouldClear => {
            "Put what the message names into the spec, or set spec.adoption.overwrite to true if it may be lost."
        }
        AlreadyExists => "Set spec.adoption.policy to IfOwned, or delete the one at the provider.",
        IdenticalExists => {
            "Take over the one that the message names with spec.adoption, change this object, or delete that one."
        }
        TooManyIdentical => {
            "Delete one of the subscriptions with the same event and filters, or change the filters."
        }
        ReplacementRefused => "Set spec.replacePolicy to CreateFirst or DeleteFirst, or undo the change.",
        DeletionUnconfirmed => "Wait; it is looked after and tried again.",
        UnknownEvent => "Use a name that the provider has; the message has the nearest ones.",
        NothingToAdopt => "Correct spec.adoption.externalIDs, or leave out spec.adoption to have it created.",
        DriftDetected => {
            "Put the difference into the spec, undo it at the provider, or set spec.driftPolicy to Correct."
        }
        DriftRepeats => {
            "Find out who else changes this subscription at the provider, and stop one of the two."
        }
        DisabledByProvider => {
            "Mend the receiver, then switch the subscription on at the provider, or set spec.enabled to false and take \
             that back. What the operator does by itself stands in the message."
        }
        CannotClear => "Empty the field that the message names at the provider, or set spec.replacePolicy.",
        Unverifiable => "Look at the provider whether the field is empty; nothing else is to be done.",
        Guarded | DeletionsGuarded => {
            "Find out why so much is missing or deleted. If it is meant so: annotate the provider object with \
             webhook-operator.io/guard-release and the token of its status.guard."
        }
        AccountChanged => {
            "Put the credential of the former account back. If the change is meant: delete these objects with the old \
             credential first, or make new ones."
        }
        DeliveriesFailing => {
            "Look at your receiver: its log, its address, its certificate. The status code is that of its answer."
        }
        NoRecentDelivery | NotMonitored => {
            "Nothing is to be done; kubectl webhooks test NAME tries it where the provider has tests."
        }
        SecretExists => "Choose another name for the Secret, or delete the one that is there.",
        KeyNotShown => {
            "Copy the key from the provider's console by hand, or leave out spec.signing.publishProviderKey."
        }
        ShardHandover => {
            "Wait; if it stays, start an operator with that --shard, or correct the label webhook-operator.io/shard."
        }
        ShardConflict => "Give both provider objects the same label webhook-operator.io/shard.",
        NotChecked => "Wait; if it stays: kubectl webhooks doctor.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_next_step_that_is_a_sentence_or_two() {
        for reason in Reason::ALL {
            let step = next_step(*reason);
            assert!(
                step.ends_with('.') && step.len() > 10 && step.len() < 260,
                "{reason}: {step}"
            );
            assert!(!step.contains("  ") && !step.contains('\n'), "{reason}: {step}");
        }
    }

    #[test]
    fn a_page_is_named_after_the_reason() {
        assert!(page("SecretNotReleased").ends_with("docs/troubleshooting.md#secretnotreleased"));
        assert!(page("odd\n reason").ends_with("#oddreason"));
    }
}
