//! Kills at chosen requests.

use crate::stage::Stage;

/// Where a request is when the operator dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// On its way; it never arrives.
    Lost,
    /// On its way; it is carried out after the kill, before the next start.
    Before,
    /// On its way; it is carried out when the next operator has already looked.
    Late,
    /// Carried out, not answered.
    Applied,
    /// Answered; whether the operator still came to write that down is left to chance.
    Answered,
}

impl Point {
    const ALL: [Self; 5] = [
        Self::Applied,
        Self::Before,
        Self::Answered,
        Self::Late,
        Self::Lost,
    ];

    /// Where the simulator holds such a request.
    pub fn held(self) -> Option<&'static str> {
        match self {
            Self::Lost | Self::Before | Self::Late => Some("before"),
            Self::Applied => Some("applied"),
            Self::Answered => None,
        }
    }
}

/// A series of kills at requests of one operation.
pub struct Crashes<'a> {
    stage: &'a mut Stage,
    operation: &'static str,
    /// A request that is still on its way.
    late: Option<u64>,
    /// Objects that a kill left behind with the provider's side done and ours not.
    open: usize,
}

impl<'a> Crashes<'a> {
    pub fn new(stage: &'a mut Stage, operation: &'static str) -> Self {
        Self {
            stage,
            operation,
            late: None,
            open: 0,
        }
    }

    /// Starts an operator and kills it. The kills are spread over what is left to do.
    pub fn one(&mut self, turn: usize, of: usize, left: impl Fn(&Stage) -> usize) {
        let point = Point::ALL[turn % Point::ALL.len()];
        let left = left(self.stage);
        assert!(left > 0, "nothing left to do at kill {turn} of {of}");
        let nth = (left / (of - turn + 1)).max(1);
        let since = self.stage.newest_request();
        self.stage.hold(self.operation, nth, point);
        // A request that is carried out late must be so within the settle time, which begins with the start.
        let settle_time = if self.late.is_some() { "20s" } else { "2s" };
        self.stage.start(settle_time);
        if let Some(late) = self.late.take() {
            self.stage.wait("list", "answered", 1, since);
            self.stage.release(late, "continue");
        }
        let seq = match point.held() {
            Some(_) => self.stage.wait(self.operation, "held", 1, since),
            None => self.stage.wait(self.operation, "answered", nth, since),
        };
        self.stage.end();
        self.stage.clear_faults();

        let open = match self.operation {
            "create" => self.stage.created_and_not_stored(),
            _ => self.stage.deleted_and_not_released(),
        };
        if point == Point::Applied {
            assert!(
                open > 0,
                "a held request was carried out and is accounted for all the same"
            );
        }
        self.open += open;
        match point {
            Point::Lost => self.stage.release(seq, "drop"),
            Point::Before | Point::Applied => self.stage.release(seq, "continue"),
            Point::Late => self.late = Some(seq),
            Point::Answered => {}
        }
    }

    /// Lets go what is still on its way; returns how many objects were caught between the two sides.
    pub fn finish(self) -> usize {
        if let Some(late) = self.late {
            self.stage.release(late, "continue");
        }
        self.open
    }
}
