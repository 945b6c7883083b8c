//! One row of the walk: its name, the attack in words, the right answer, and the code that tries it.

use super::target::Walk;
use anyhow::Result;
use std::fmt::Display;
use tickwire_tools::load::{Bystander, Fared};

/// Wrong cases that the outcome of a row spells out; the others are counted.
const CASES_SHOWN: usize = 4;

/// The parts of the server that a row has to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The port for players.
    Socket,
    /// Also the metrics.
    Metrics,
    /// Also the server's program or its process, on this machine.
    Process,
}

/// The outcome of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) ok: bool,
    pub(super) came: String,
}

impl Outcome {
    pub(super) fn new(ok: bool, came: impl Into<String>) -> Self {
        Self { ok, came: came.into() }
    }
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The row's name in the lists of threats and faults.
    pub id: &'static str,
    /// The attack.
    pub tried: &'static str,
    /// The right answer.
    pub want: &'static str,
    /// The parts of the server that the row has to reach.
    pub needs: Needs,
    /// Whether the row mostly waits, so that it may run beside all others.
    pub waits: bool,
    /// Whether the row attacks a server of its own, and leaves the shared one alone.
    pub apart: bool,
    pub(super) run: fn(&Walk) -> Result<Outcome>,
}

impl Row {
    pub(super) const fn new(
        id: &'static str,
        tried: &'static str,
        want: &'static str,
        run: fn(&Walk) -> Result<Outcome>,
    ) -> Self {
        Self { id, tried, want, needs: Needs::Socket, waits: false, apart: false, run }
    }

    pub(super) const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// The same row against a server that it starts itself.
    pub(super) const fn apart(self) -> Self {
        Self { needs: Needs::Process, apart: true, ..self }
    }

    pub(super) const fn waits(self) -> Self {
        Self { waits: true, ..self }
    }
}

/// Many small attempts of one row.
#[derive(Debug, Default)]
pub(super) struct Cases {
    tried: usize,
    wrong: Vec<String>,
}

impl Cases {
    /// Notes an attempt and its outcome.
    pub(super) fn check(&mut self, case: impl Display, right: bool, came: impl Display) {
        self.tried += 1;
        if !right {
            self.wrong.push(format!("{case}: {came}"));
        }
    }

    /// Notes whether honest players of the attacked room noticed anything.
    pub(super) fn check_honest(&mut self, honest: &Bystander) -> Result<()> {
        let fared = honest.fared()?;
        self.check("honest members", is_unharmed(&fared), in_words(&fared));
        Ok(())
    }

    pub(super) fn outcome(self) -> Outcome {
        let Self { tried, wrong } = self;
        if wrong.is_empty() {
            return Outcome::new(true, format!("as wanted, {tried} of {tried}"));
        }
        let mut came = format!("{} of {tried} wrong: ", wrong.len());
        came += &wrong[..wrong.len().min(CASES_SHOWN)].join("; ");
        if wrong.len() > CASES_SHOWN {
            came += "; …";
        }
        Outcome::new(false, came)
    }
}

/// Whether all of these players still play, and never saw an error.
pub(super) fn is_unharmed(fared: &Fared) -> bool {
    fared.disconnects + fared.hash_mismatches + fared.decode_errors == 0
        && fared.hashes_compared > 0
        && fared.up == fared.players
}

/// How honest players fared.
pub(super) fn in_words(fared: &Fared) -> String {
    format!(
        "{} of {} play, {} disconnects, {} of {} hashes differ",
        fared.up, fared.players, fared.disconnects, fared.hash_mismatches, fared.hashes_compared
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_spells_out_the_first_wrong_cases_and_counts_all() {
        let mut cases = Cases::default();
        cases.check("a", true, 1);
        assert_eq!(cases.outcome(), Outcome::new(true, "as wanted, 1 of 1"));
        let mut cases = Cases::default();
        (0..6).for_each(|number| cases.check(format!("case {number}"), number == 0, number));
        let outcome = cases.outcome();
        assert!(!outcome.ok && outcome.came.starts_with("5 of 6 wrong: case 1: 1; "), "{}", outcome.came);
        assert!(outcome.came.ends_with("case 4: 4; …"), "{}", outcome.came);
    }

    #[test]
    fn players_that_compared_nothing_were_not_watched() {
        let fared = Fared { players: 2, up: 2, ..Fared::default() };
        assert!(!is_unharmed(&fared));
        assert!(is_unharmed(&Fared { hashes_compared: 1, ..fared.clone() }));
        assert!(!is_unharmed(&Fared { hashes_compared: 9, disconnects: 1, ..fared }));
    }
}
