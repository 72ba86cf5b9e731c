//! The events that Dixa is known to have.

/// Names from the vendor's documents, sorted. The set is open: a name that is not in it gets a warning, and is
/// sent all the same.
pub const KNOWN_EVENTS: [&str; 33] = [
    "AgentBannedEnduser",
    "AgentBannedIp",
    "AgentUnbannedEnduser",
    "AgentUnbannedIp",
    "ConversationAbandoned",
    "ConversationAssigned",
    "ConversationClosed",
    "ConversationCreated",
    "ConversationCustomAttributeUpdated",
    "ConversationEndUserReplaced",
    "ConversationEnqueued",
    "ConversationMessageAdded",
    "ConversationMessageDeliveryDelivered",
    "ConversationMessageDeliveryFailed",
    "ConversationMessageDeliveryInfo",
    "ConversationMessageDeliverySeen",
    "ConversationMessageDeliverySent",
    "ConversationMessageDeliverySpamComplaint",
    "ConversationNoteAdded",
    "ConversationOpen",
    "ConversationPending",
    "ConversationPendingExpired",
    "ConversationRated",
    "ConversationTagAdded",
    "ConversationTagRemoved",
    "ConversationTranscriptionAdded",
    "ConversationTransferred",
    "ConversationUnassigned",
    "SLAEvaluationAchieved",
    "SLAEvaluationBreached",
    "SLAEvaluationPending",
    "SLAEvaluationVoided",
    "TypingStarted",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_events_are_sorted_so_that_they_can_be_searched() {
        assert!(KNOWN_EVENTS.is_sorted());
        assert!(KNOWN_EVENTS.binary_search(&"ConversationClosed").is_ok());
    }
}
