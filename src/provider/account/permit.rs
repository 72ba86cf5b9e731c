//! The right to send one request of an account.

use super::{Account, Party, Who};
use crate::provider::ProviderError;

/// The right to send one request. Its outcome must be reported; a permit that is dropped counts as used.
#[derive(Debug)]
pub struct Permit<'a, P: Party> {
    account: &'a Account<P>,
    who: Who<P>,
    reported: bool,
}

impl<'a, P: Party> Permit<'a, P> {
    /// For a request that the budget counts as sent: it counts until the permit is reported or dropped.
    pub(super) fn new(account: &'a Account<P>, who: Who<P>) -> Self {
        Self {
            account,
            who,
            reported: false,
        }
    }

    /// So many further requests were sent under this permit.
    pub fn charge(&self, further: u32) {
        let now = self.account.clock.now();
        let mut state = self.account.lock();
        (0..further).for_each(|_| state.budget.charge(now));
    }

    /// Reports how the request went.
    pub fn report<T>(mut self, result: &Result<T, ProviderError>) {
        self.reported = true;
        self.account.report(&self.who, result.as_ref().err());
    }
}

impl<P: Party> Drop for Permit<'_, P> {
    fn drop(&mut self) {
        let mut state = self.account.lock();
        state.budget.came_back();
        if !self.reported {
            state.budget.withdraw(&self.who);
        }
        drop(state);
        self.account.changed.notify_one();
    }
}
