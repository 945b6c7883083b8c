//! The replica: a client's copy of the world, section by section.

use super::SectionHead;
use super::coder::{Reader as Decider, Scratch};
use super::decode::{Memory, Span};
use super::plan::Plan;
use super::priors::Priors;
use crate::state::Schema;
use crate::tick::Tick;
use crate::wire::{Chance, DecodeError, RangeDecoder, Reader};
use crate::world::snapshot::{Snapshot, Topic};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A client's copy of each topic: the newest snapshot, to which the next delta is applied.
#[derive(Debug, Clone)]
pub struct Replica {
    room: Received,
    own: Received,
    plan: Arc<Plan>,
    priors: Priors,
    chances: Vec<Chance>,
    memory: Memory,
    /// Whether any field is ever for the own seat alone; only then `merged` is kept.
    has_own: bool,
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
    /// Sections that were read of the message that is being applied.
    next_sections: u32,
}

impl Received {
    fn empty(schema: &Schema) -> Self {
        let now = Snapshot::empty(schema);
        Self { next: now.clone(), now, known: false, hash: 0, next_hash: 0, next_sections: 0 }
    }
}

impl Replica {
    /// A replica that has received nothing yet.
    #[must_use]
    pub fn empty(schema: &Schema) -> Self {
        Self::with_plan(schema, Arc::new(Plan::of(schema)))
    }

    /// The same with a plan of that schema, which other encoders and replicas share.
    #[must_use]
    pub fn with_plan(schema: &Schema, plan: Arc<Plan>) -> Self {
        let scratch = Scratch::for_rows_of(schema);
        Self {
            room: Received::empty(schema),
            own: Received::empty(schema),
            priors: Priors::untrained(&plan),
            chances: plan.untrained.clone(),
            plan,
            memory: Memory::new(scratch),
            has_own: schema.has_private,
            merged: Snapshot::empty(schema),
        }
    }

    /// Takes over priors that the room has published: the sections of this message and later ones were coded with them.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the replica is unchanged then.
    pub fn set_priors(&mut self, published: &[u8]) -> Result<(), DecodeError> {
        self.exchange_priors(published).map(drop)
    }

    /// The same, and gives the priors that were known before.
    pub(crate) fn exchange_priors(&mut self, published: &[u8]) -> Result<Priors, DecodeError> {
        let priors = Priors::decode(&self.plan, published)?;
        Ok(core::mem::replace(&mut self.priors, priors))
    }

    /// Puts back the priors that were known before: the message that came with the last ones could not be used.
    pub(crate) fn put_back_priors(&mut self, priors: Priors) {
        self.priors = priors;
    }

    /// Applies all sections of one snapshot message, and gives the number of sections, each of which had its hash
    /// compared.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the replica is unchanged then.
    pub fn apply(&mut self, schema: &Schema, tick: Tick, sections: &[u8]) -> Result<u32, DecodeError> {
        for received in [&mut self.room, &mut self.own] {
            (received.next_sections, received.next_hash) = (0, 0);
        }
        let mut reader = Reader::new(sections);
        // A message that was cut between two sections lacks the section that reaches to its end.
        while !self.apply_section(schema, tick, &mut reader)? {}
        for received in [&mut self.room, &mut self.own] {
            if received.next_sections > 0 {
                received.next.tick = tick;
                core::mem::swap(&mut received.now, &mut received.next);
                received.hash = received.next_hash;
                received.known = true;
            }
        }
        if schema.has_private {
            self.merge(schema, tick);
        }
        Ok(self.room.next_sections + self.own.next_sections)
    }

    /// Applies one section to the copies, and gives whether it was the last.
    fn apply_section(&mut self, schema: &Schema, tick: Tick, reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
        let SectionHead { topic, index, age, rows_hash, to_end, body } = SectionHead::decode(reader)?;
        let received = if topic == Topic::Room { &mut self.room } else { &mut self.own };
        let has_base = age == 0 || (received.known && tick.since(received.now.tick) == i64::from(age));
        if !has_base || index != received.next_sections {
            return Err(DecodeError::BaselineMismatch);
        }
        if index == 0 {
            received.next.clear();
        }
        let contexts = self.plan.contexts(topic);
        self.chances[contexts.clone()].copy_from_slice(&self.priors.chances[contexts]);
        let mut decider = Decider { coder: RangeDecoder::new(body)?, chances: &mut self.chances };
        let mut found = 0_u32;
        for plan in self.plan.of_topic(topic) {
            let span = Span { plan, table: &schema.tables[plan.number], index, ticks: age };
            let base = (age > 0).then(|| &received.now.tables[plan.number]);
            let out = &mut received.next.tables[plan.number];
            found = found.wrapping_add(span.take(base, &mut decider, &mut self.memory, out)?);
        }
        decider.coder.finish()?;
        if found != rows_hash {
            return Err(DecodeError::HashMismatch { expected: rows_hash, found });
        }
        received.next_hash = received.next_hash.wrapping_add(found);
        received.next_sections += 1;
        Ok(to_end)
    }

    /// The newest world, as far as this client may see it.
    #[must_use]
    pub const fn world(&self) -> &Snapshot {
        if self.has_own { &self.merged } else { &self.room.now }
    }

    /// Sets one leaf of a row that is here; false when there is no such leaf. The hashes stay: the leaf is set to the
    /// value that it should have had, or damaged on purpose.
    pub(crate) fn set_leaf(&mut self, schema: &Schema, table: usize, slot: u16, leaf: usize, value: u32) -> bool {
        let Some(shape) = schema.tables.get(table) else { return false };
        let is_own = shape.private.contains(&leaf);
        let received = if is_own { &mut self.own } else { &mut self.room };
        let tick = received.now.tick;
        let rows = &mut received.now.tables[table];
        let Ok(index) = rows.ids.binary_search_by_key(&slot, |id| id.slot) else { return false };
        if !is_own && !shape.public.contains(&leaf) || value > shape.leaves[leaf].max {
            return false;
        }
        rows.wire[index * rows.width + leaf] = value;
        if schema.has_private {
            self.merge(schema, tick);
        }
        true
    }

    /// The hash of the room's topic, for the server to compare.
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
