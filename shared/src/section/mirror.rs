//! The mirror: what a client holds of the world, section by section.

use super::SectionHead;
use super::coder::{Reader as Decider, Scratch};
use super::decode::{Memory, Span};
use super::plan::Plan;
use super::priors::Priors;
use crate::Tick;
use crate::snapshot::{Rows, Snapshot, Topic};
use crate::state::Schema;
use crate::wire::{Chance, DecodeError, RangeDecoder, Reader};
use alloc::vec::Vec;

/// What a client holds of each topic: the newest snapshot, section by section.
#[derive(Debug, Clone)]
pub struct Mirror {
    room: Received,
    own: Received,
    plan: Plan,
    priors: Priors,
    chances: Vec<Chance>,
    memory: Memory,
    merged: Snapshot,
}

#[derive(Debug, Clone)]
struct Received {
    now: Snapshot,
    next: Snapshot,
    /// Whether `now` holds a snapshot at all.
    known: bool,
    /// Sum of the hashes of the topic's sections.
    hash: u32,
    next_hash: u32,
}

impl Received {
    fn empty(schema: &Schema) -> Self {
        let now = Snapshot::empty(schema);
        Self { next: now.clone(), now, known: false, hash: 0, next_hash: 0 }
    }
}

impl Mirror {
    /// Nothing received yet.
    #[must_use]
    pub fn empty(schema: &Schema) -> Self {
        let plan = Plan::of(schema);
        let scratch = Scratch::for_rows_of(schema);
        Self {
            room: Received::empty(schema),
            own: Received::empty(schema),
            priors: Priors::untrained(&plan),
            chances: plan.untrained.clone(),
            plan,
            memory: Memory { rows: Rows::default(), fresh: Rows::default(), scratch },
            merged: Snapshot::empty(schema),
        }
    }

    /// Takes over what the room has published: the sections of this message and later ones were coded with it.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the mirror is unchanged then.
    pub fn set_priors(&mut self, published: &[u8]) -> Result<(), DecodeError> {
        self.priors = Priors::decode(&self.plan, published)?;
        Ok(())
    }

    /// Applies all sections of one snapshot message and gives the number whose hash was compared.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the mirror is unchanged then.
    pub fn apply(&mut self, schema: &Schema, tick: Tick, sections: &[u8]) -> Result<u32, DecodeError> {
        for received in [&mut self.room, &mut self.own] {
            received.next.copy_from(&received.now);
            received.next.tick = tick;
            received.next_hash = 0;
        }
        let mut reader = Reader::new(sections);
        let (mut count, mut touched) = (0_u32, [false; 2]);
        while reader.remaining() > 0 {
            let own = self.apply_section(schema, tick, &mut reader)?;
            touched[usize::from(own)] = true;
            count += 1;
        }
        for (received, touched) in [&mut self.room, &mut self.own].into_iter().zip(touched) {
            if touched {
                core::mem::swap(&mut received.now, &mut received.next);
                received.hash = received.next_hash;
                received.known = true;
            }
        }
        self.merge(schema, tick);
        Ok(count)
    }

    /// Applies one section to the copies and says whether it was of the own topic.
    fn apply_section(&mut self, schema: &Schema, tick: Tick, reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
        let SectionHead { topic, index, age, rows_hash, body, .. } = SectionHead::decode(reader)?;
        let is_own = topic != Topic::Room;
        let received = if is_own { &mut self.own } else { &mut self.room };
        if age > 0 && !(received.known && tick.since(received.now.tick) == i64::from(age)) {
            return Err(DecodeError::BaselineMismatch);
        }
        if age == 0 && index == 0 {
            // A topic without a baseline comes as keyframes of all its sections: nothing older survives.
            received.next.clear();
        }
        let contexts = self.plan.contexts(topic);
        self.chances[contexts.clone()].copy_from_slice(&self.priors.chances[contexts]);
        let mut decider = Decider { coder: RangeDecoder::new(body)?, chances: &mut self.chances };
        let mut found = 0_u32;
        for plan in self.plan.of_topic(topic) {
            let span = Span { plan, table: &schema.tables[plan.number], index, ticks: age };
            let base = (age > 0).then(|| &received.now.tables[plan.number]);
            found = found.wrapping_add(span.take(base, &mut decider, &mut self.memory)?);
            replace(&mut received.next.tables[plan.number], &span, &self.memory.rows);
        }
        decider.coder.finish()?;
        if found != rows_hash {
            return Err(DecodeError::HashMismatch { expected: rows_hash, found });
        }
        received.next_hash = received.next_hash.wrapping_add(found);
        Ok(is_own)
    }

    /// The newest world as far as this client may see it.
    #[must_use]
    pub const fn world(&self) -> &Snapshot {
        &self.merged
    }

    /// The hash of what the room's topic shows, for the server to compare.
    #[must_use]
    pub const fn room_hash(&self) -> u32 {
        self.room.hash
    }

    fn merge(&mut self, schema: &Schema, tick: Tick) {
        self.merged.copy_from(&self.room.now);
        self.merged.tick = tick;
        for (number, table) in schema.tables.iter().enumerate().filter(|(_, table)| !table.private.is_empty()) {
            let own = &self.own.now.tables[number];
            let merged = &mut self.merged.tables[number];
            if table.public.is_empty() {
                merged.clone_from(own);
                continue;
            }
            for (index, id) in merged.ids.iter().enumerate() {
                if let Some(values) = own.find(*id) {
                    let row = &mut merged.wire[index * merged.width..(index + 1) * merged.width];
                    table.private.iter().for_each(|leaf| row[*leaf] = values[*leaf]);
                }
            }
        }
    }
}

/// Puts the rows of a section in place of those that were there.
fn replace(rows: &mut Rows, span: &Span<'_>, with: &Rows) {
    if span.is_empty() {
        return;
    }
    let old = rows.in_section(span.table, span.index);
    let width = rows.width;
    rows.wire.splice(old.start * width..old.end * width, with.wire.iter().copied());
    rows.ids.splice(old, with.ids.iter().copied());
}
