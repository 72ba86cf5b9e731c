//! A test event on request, sent once for each remote subscription.
//!
//! What is to be sent is in status before it is sent: a process that finds it there cannot know whether it was, and does
//! not send it again.

use std::time::Duration;

use operator_core::budget::Priority;
use operator_core::names::RemoteKey;

use crate::api::names::ANNOTATION_TEST_REQUESTED_AT;
use crate::api::v1alpha1::{TestReceipt, TestResult, TestStatus};
use crate::controller::events::Kind;
use crate::controller::provider::directory::Link;
use crate::controller::subscription::comparison::request;
use crate::controller::subscription::reconcile::{Pass, ReconcileError};
use crate::provider::{Logged, ProviderError};

/// How often the provider is asked for the result of a test, from when it was sent.
pub(in crate::controller) const RESULT_EVERY: Duration = Duration::from_secs(5);
/// How often it is asked before it is left to the regular look at deliveries.
pub(in crate::controller) const RESULT_LOOKS: u32 = 60;

impl Pass<'_> {
    /// Sends the test that the annotation asks for. `true` when it could not send all of it now: the object will be
    /// woken.
    pub(in crate::controller) async fn send_tests(
        &mut self,
        link: &Link,
        observe: bool,
    ) -> Result<bool, ReconcileError> {
        let Some(asked) = self.asked_test() else {
            return Ok(false);
        };
        if self
            .record
            .test
            .as_ref()
            .is_none_or(|test| test.requested_at != asked)
        {
            self.open_test(link, asked, observe).await?;
        }
        loop {
            let Some((key, at)) = self.unsent_test() else {
                return Ok(false);
            };
            let id = self
                .record
                .memory
                .entries
                .get(&key)
                .and_then(|entry| entry.id.clone());
            let Some(id) = id else {
                self.set_receipt(at, TestResult::Unknown, None);
                continue;
            };
            let Ok(permit) = self.turn(Priority::Edit) else {
                return Ok(true);
            };
            self.check_leadership()?;
            let sent = link.account.adapter().test(&id).await;
            permit.report(&sent);
            let (result, event) = outcome(sent);
            self.set_receipt(at, result, event);
            self.record.deliveries.expect_result(self.ctx.clock.now());
        }
    }

    /// The value of the annotation, where it was not answered yet.
    fn asked_test(&self) -> Option<String> {
        let annotations = self.object.metadata.annotations.as_ref()?;
        let value = annotations.get(ANNOTATION_TEST_REQUESTED_AT)?;
        let value = request(value);
        let open = |test: &TestStatus| {
            test.results
                .iter()
                .any(|receipt| receipt.result == TestResult::Requested)
        };
        let answered = self
            .record
            .test
            .as_ref()
            .is_some_and(|test| test.requested_at == value && !open(test));
        (!value.is_empty() && !answered).then_some(value)
    }

    /// Writes down what will be sent, before anything is.
    async fn open_test(&mut self, link: &Link, asked: String, observe: bool) -> Result<(), ReconcileError> {
        let able = link.account.adapter().capabilities().tests && !observe;
        let result = if able {
            TestResult::Requested
        } else {
            TestResult::Unsupported
        };
        let receipt = |key: &RemoteKey| TestReceipt {
            key: key.to_string(),
            result,
            event_id: None,
            response_code: None,
        };
        let wanted = self.record.resolved.iter().flat_map(|resolved| &resolved.wanted);
        self.record.test = Some(Box::new(TestStatus {
            requested_at: asked,
            results: wanted.map(|wish| receipt(&wish.key)).collect(),
        }));
        self.store_test().await?;
        if !able {
            let note = if observe {
                "no test was sent: an object with mode Observe sends nothing"
            } else {
                "no test was sent: this provider has no call for it"
            };
            self.tell(Kind::Warning, "TestUnsupported", "Test", note.to_owned());
        }
        Ok(())
    }

    fn unsent_test(&self) -> Option<(RemoteKey, usize)> {
        let receipts = self.record.test.iter().flat_map(|test| &test.results).enumerate();
        let mut open = receipts.filter(|(_, receipt)| receipt.result == TestResult::Requested);
        let (at, receipt) = open.next()?;
        Some((RemoteKey::parse(&receipt.key).ok()?, at))
    }

    fn set_receipt(&mut self, at: usize, result: TestResult, event_id: Option<String>) {
        if let Some(receipt) = self
            .record
            .test
            .as_mut()
            .and_then(|test| test.results.get_mut(at))
        {
            receipt.result = result;
            receipt.event_id = event_id;
        }
    }

    /// Whether a test is on its way.
    pub(in crate::controller) fn awaits_test(&self) -> bool {
        self.sent_tests().next().is_some()
    }

    /// Whether a test of this remote subscription is on its way.
    pub(in crate::controller) fn awaits_test_of(&self, key: &RemoteKey) -> bool {
        self.sent_tests().any(|receipt| receipt.key == key.as_str())
    }

    fn sent_tests(&self) -> impl Iterator<Item = &TestReceipt> {
        let receipts = self.record.test.iter().flat_map(|test| &test.results);
        receipts.filter(|receipt| receipt.result == TestResult::Sent)
    }

    /// Takes the results of tests from what the provider lists.
    pub(in crate::controller) fn note_test_results(&mut self, key: &RemoteKey, log: &[Logged]) {
        let receipts = self.record.test.iter_mut().flat_map(|test| &mut test.results);
        for receipt in receipts.filter(|receipt| receipt.result == TestResult::Sent) {
            let same = |logged: &&Logged| Some(&logged.id) == receipt.event_id.as_ref();
            let logged = log.iter().find(same).filter(|_| receipt.key == key.as_str());
            if let Some(result) = logged.and_then(|logged| logged.result.as_ref()) {
                receipt.response_code = result.code;
                receipt.result = if result.success {
                    TestResult::Succeeded
                } else {
                    TestResult::Failed
                };
            }
        }
    }
}

impl TestStatus {
    /// What another process makes of it: what may have been sent is not sent again.
    pub(in crate::controller) fn after_restart(mut self) -> Self {
        for receipt in &mut self.results {
            if receipt.result == TestResult::Requested {
                receipt.result = TestResult::Unknown;
            }
        }
        self
    }
}

fn outcome(sent: Result<Option<String>, ProviderError>) -> (TestResult, Option<String>) {
    match sent {
        Ok(event) => (TestResult::Sent, event),
        Err(error) if error.may_have_taken_effect() => (TestResult::Unknown, None),
        Err(_) => (TestResult::Refused, None),
    }
}
