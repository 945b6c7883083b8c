//! The part of a load test's report about the corruptions that the test planted itself.

use serde::Serialize;

/// The fates of damaged fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Corruptions {
    /// Fields that were damaged.
    pub planted: u64,
    /// Damaged fields that a client noticed; the others were overwritten before any client compared them.
    pub noticed: u64,
    /// Noticed corruptions that were healed without a keyframe.
    pub healed: u64,
}

impl Corruptions {
    pub(super) fn broken_promises(self) -> Vec<String> {
        let Self { planted, noticed, healed } = self;
        let mut broken = Vec::new();
        if planted == 0 || noticed == 0 {
            broken.push(format!("of {planted} planted corruptions {noticed} were noticed"));
        }
        if healed < noticed {
            broken.push(format!("of {noticed} corruptions that were noticed {healed} were healed"));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noticed_corruption_must_be_healed() {
        let broken = |planted, noticed, healed| Corruptions { planted, noticed, healed }.broken_promises().len();
        assert_eq!(broken(10, 8, 8), 0);
        assert_eq!(broken(10, 8, 7), 1);
        assert_eq!(broken(10, 0, 0), 1);
        assert_eq!(broken(0, 0, 0), 1);
    }
}
