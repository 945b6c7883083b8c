//! The results as text for people.

use super::{Feel, PauseFeel};
use crate::table::grouped;
use std::fmt::Write as _;

/// Lays out the results in lines, one per profile and scene.
#[must_use]
pub fn render(feels: &[Feel]) -> String {
    let mut out = format!(
        "  {:<18}│{:>23} │{:>15} │{:>14} │{:>24} │{:>15}\n",
        "", "raw correction, units", "replayed ticks", "inputs", "others", "hashes"
    );
    out += &format!(
        "  {:<10} {:<7}│{:>7}{:>8}{:>8} │{:>5}{:>5}{:>5} │{:>6}{:>8} │{:>7}{:>8}{:>8} │{:>10}{:>5}\n",
        "profile",
        "scene",
        "p50",
        "p99",
        "max",
        "p50",
        "p99",
        "max",
        "lead",
        "starved",
        "view",
        "guessed",
        "still",
        "compared",
        "bad"
    );
    for feel in feels {
        let (units, ticks) = (&feel.correction_units, &feel.rollback_ticks);
        writeln!(
            out,
            "  {:<10} {:<7}│{:>7.2}{:>8.2}{:>8.2} │{:>5}{:>5}{:>5} │{:>6.1}{:>6.2} % │{:>4.0} ms{:>6.2} %{:>6.3} % │{:>10}{:>5}",
            feel.profile,
            feel.scene,
            units.p50,
            units.p99,
            units.max,
            ticks.p50,
            ticks.p99,
            ticks.max,
            feel.input_lead_ticks,
            feel.starved_percent,
            feel.view_delay_ms,
            feel.underrun_percent,
            feel.still_percent,
            grouped(feel.hashes_compared),
            feel.hash_mismatches
        )
        .expect("writing to a string cannot fail");
    }
    if feels.iter().any(|feel| !feel.pauses.is_empty()) {
        out += "\n";
        out += &pauses(feels.iter().flat_map(|feel| &feel.pauses));
    }
    out
}

/// Lays out the results of pauses in lines, one per pause and game.
fn pauses<'a>(feels: impl Iterator<Item = &'a PauseFeel>) -> String {
    let mut out = format!(
        "  {:<20}│{:>11} │{:>13} │{:>19} │{:>20} │{:>22} │{:>15}\n",
        "", "connection", "goes on, ms", "executed, ms", "moves, frames", "lead, ticks", "hashes"
    );
    out += &format!(
        "  {:<11} {:<8}│{:>11} │{:>7}{:>6} │{:>7}{:>6}{:>6} │{:>7}{:>6}{:>7} │{:>7}{:>7}{:>8} │{:>10}{:>5}\n",
        "pause",
        "game",
        "kept",
        "p50",
        "max",
        "before",
        "after",
        "max",
        "before",
        "after",
        "max",
        "before",
        "after",
        "off by",
        "compared",
        "bad"
    );
    for feel in feels {
        writeln!(
            out,
            "  {:<11} {:<8}│{:>11} │{:>7}{:>6} │{:>7}{:>6}{:>6} │{:>7}{:>6}{:>7} │{:>7.1}{:>7.1}{:>8} │{:>10}{:>5}",
            feel.pause,
            feel.game,
            format!("{} of {}", feel.connections_kept, feel.pauses),
            feel.goes_on_ms.p50,
            feel.goes_on_ms.max,
            feel.executed_before_ms.p50,
            feel.executed_after_ms.p50,
            feel.executed_after_ms.max,
            feel.frames_before.p50,
            feel.frames_after.p50,
            feel.frames_after.max,
            feel.lead_before_ticks,
            feel.lead_after_ticks,
            feel.lead_change_max_ticks,
            grouped(feel.hashes_compared),
            feel.hash_mismatches
        )
        .expect("writing to a string cannot fail");
    }
    out
}
