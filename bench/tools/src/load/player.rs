//! A player: a client with its connection, its link, and the times that are measured of it.

use super::bot_client::{BotClient, Made};
use super::connection::{Ear, Heard, LOST, Mouth, open};
use super::lives::{Lives, ScoreOf, Witness};
use super::{Plan, Shared};
use crate::measure::Meter;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tickwire::link::{Link, LinkProfile};
use tickwire::wire::DecodeError;
use tickwire::{Game, Rng, Tick};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// A connection must be open after this time at the latest.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that could make no tick although one was due tries again after this time.
const IDLE_US: u64 = 4_000;

/// One client of the run.
pub(super) struct Player<G: Game> {
    pub(super) client: BotClient<G>,
    pub(super) dice: Rng,
    /// Joins are spread: the client does nothing before this time.
    starts_us: u64,
    mouth: Option<Mouth>,
    reader: Option<AbortHandle>,
    /// Down and up; `None` for a perfect link.
    links: Option<(Link, Link)>,
    leaving: bool,
    idle_until_us: u64,
    welcomed_us: u64,
    welcomes: u64,
    arrived_us: Option<u64>,
    /// Inputs whose tick has not arrived yet, and when they were due.
    waiting: VecDeque<(Tick, u64)>,
    /// Records the lives of the client, where a run asks for it.
    witness: Option<Box<Witness<G>>>,
}

impl<G: Game> Player<G> {
    pub(super) fn new(client: BotClient<G>, starts_us: u64, plan: &Plan, seed: u64) -> Self {
        Self {
            client,
            dice: Rng::new(seed),
            starts_us,
            mouth: None,
            reader: None,
            links: (plan.link != LinkProfile::default()).then(|| Link::pair(plan.link, seed)),
            leaving: false,
            idle_until_us: 0,
            welcomed_us: 0,
            welcomes: 0,
            arrived_us: None,
            waiting: VecDeque::new(),
            witness: None,
        }
    }

    /// Records the client's lives from now on, under this name.
    pub(super) fn watch(&mut self, name: &str, score_of: ScoreOf<G>, started: Instant) {
        self.witness = Some(Box::new(Witness::new(name.to_owned(), score_of, started)));
    }

    /// Whether the client has been told of a tick since this moment, over a connection that began after it.
    pub(super) fn plays_since(&self, moment: Instant) -> bool {
        self.witness.as_ref().is_some_and(|witness| witness.plays_since(moment))
    }

    /// The client's lives; `None` where nobody watches it.
    pub(super) fn lives(&mut self, now_us: u64) -> Option<Lives> {
        Some(self.witness.as_mut()?.tell(&mut self.client, now_us))
    }

    /// Whether the client is in its room and has a snapshot of it.
    pub(super) fn is_up(&self) -> bool {
        self.client.is_connected() && self.client.stats().snapshots > 0
    }

    /// Whether the client's connection is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.mouth.is_none()
    }

    /// Makes the client leave for good.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        self.client.leave();
    }

    /// Whether a connection is to be opened now.
    pub(super) fn wants_dial(&mut self, now_us: u64) -> bool {
        now_us >= self.starts_us && self.client.poll_dial(now_us)
    }

    /// Whether an input is due.
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        !self.leaving && self.is_up() && now_us >= self.idle_until_us && now_us >= self.client.due_us()
    }

    /// Decides on an input and makes the ticks that are due.
    pub(super) fn play(&mut self, now_us: u64, meter: &mut Meter) {
        let due_us = self.client.due_us();
        let Made { after, newest } = self.client.advance(now_us, &mut self.dice, meter);
        if let Some(witness) = &mut self.witness {
            witness.look(&mut self.client, now_us);
        }
        if newest == after {
            self.idle_until_us = now_us + IDLE_US;
            return;
        }
        if due_us >= self.welcomed_us && meter.window_us.contains(&due_us) {
            meter.lateness_us.record(now_us - due_us);
        }
        for tick in (1..=newest.0.saturating_sub(after.0)).map(|ahead| after + ahead) {
            let due_us = self.client.input_due_us(tick);
            // A client that has just joined also makes ticks that were due before; they are not measured.
            if due_us >= self.welcomed_us {
                self.waiting.push_back((tick, due_us));
            }
        }
    }

    /// Carries the messages that the links deliver, and those that the client sends.
    pub(super) fn carry(&mut self, now_us: u64, shared: &Shared) {
        while let Some(message) = self.links.as_mut().and_then(|(down, _)| down.poll(now_us)) {
            self.receive(&message, now_us, &mut shared.meter.borrow_mut());
        }
        while let Some(message) = self.client.poll_transmit() {
            match (&mut self.links, &mut self.mouth) {
                (Some((_, up)), _) => up.send(message, now_us),
                (None, Some(mouth)) => mouth.message(message),
                (None, None) => {}
            }
        }
        if let (Some((_, up)), Some(mouth)) = (&mut self.links, &mut self.mouth) {
            while let Some(message) = up.poll(now_us) {
                mouth.message(message);
            }
        }
        let on_its_way = self.links.as_ref().is_some_and(|(_, up)| up.next_arrival_us().is_some());
        if !(self.leaving && on_its_way)
            && let Some(code) = self.client.poll_close(now_us)
        {
            self.hang_up(code.number(), shared);
        } else if self.mouth.as_mut().is_some_and(|mouth| mouth.flush().is_err()) {
            self.hang_up(LOST, shared);
        }
    }

    /// Ends the connection from this side.
    fn hang_up(&mut self, code: u16, shared: &Shared) {
        let Some(mut mouth) = self.mouth.take() else { return };
        mouth.close(code);
        // The connection is given up: bytes that do not leave now never will.
        drop(mouth.flush());
        self.reader.take().inspect(AbortHandle::abort);
        self.closed(code, shared);
    }

    fn opened(&mut self, mouth: Mouth, now_us: u64) {
        self.mouth = Some(mouth);
        self.client.opened(now_us);
    }

    fn closed(&mut self, code: u16, shared: &Shared) {
        let now_us = shared.clock.now_us();
        if !self.leaving {
            let mut meter = shared.meter.borrow_mut();
            meter.disconnected(code);
            let at = now_us as f64 / 1e6;
            meter.fault(|| format!("a connection ended with code {code} at {at:.1} s"));
        }
        (self.mouth, self.arrived_us) = (None, None);
        self.waiting.clear();
        if let Some((down, up)) = &mut self.links {
            down.cut();
            up.cut();
        }
        if let Some(witness) = &mut self.witness {
            witness.closed(&mut self.client, now_us);
        }
        self.client.closed(code, now_us);
    }

    /// A message arrived over the socket.
    fn heard(&mut self, message: &[u8], shared: &Shared) {
        let now_us = shared.clock.now_us();
        match &mut self.links {
            Some((down, _)) => down.send(message.to_vec(), now_us),
            None => self.receive(message, now_us, &mut shared.meter.borrow_mut()),
        }
    }

    fn receive(&mut self, message: &[u8], now_us: u64, meter: &mut Meter) {
        let outcome = self.client.receive(message, now_us);
        if let (Some(witness), Ok(tick)) = (&mut self.witness, &outcome) {
            witness.heard(message, *tick, &self.client, now_us);
        }
        match outcome {
            Ok(Some(tick)) => self.snapshot_arrived(tick, now_us, meter),
            Ok(None) if self.client.stats().welcomes > self.welcomes => {
                (self.welcomes, self.welcomed_us) = (self.client.stats().welcomes, now_us);
            }
            Ok(None) => {}
            // The session counts hash mismatches itself.
            Err(error @ DecodeError::HashMismatch { .. }) => meter.fault(|| error.to_string()),
            Err(error) => {
                meter.decode_errors += 1;
                meter.fault(|| error.to_string());
            }
        }
    }

    fn snapshot_arrived(&mut self, tick: Tick, now_us: u64, meter: &mut Meter) {
        let gap_us = self.arrived_us.replace(now_us).map(|before_us| now_us - before_us);
        meter.snapshot(now_us, gap_us, self.client.stats().input_lead_ticks);
        while let Some((_, due_us)) = self.waiting.pop_front_if(|(input, _)| *input <= tick) {
            meter.input_seen(due_us, now_us);
        }
    }

    /// Counts snapshots and inputs that are missing at the end of the run as arriving now: leaving them out would hide
    /// a stall.
    pub(super) fn settle(&mut self, now_us: u64, meter: &mut Meter) {
        let end_us = meter.window_us.end;
        if let Some(gap_us) = self.arrived_us.and_then(|before_us| end_us.checked_sub(before_us)) {
            meter.intervals_us.record(gap_us);
        }
        self.waiting.drain(..).for_each(|(_, due_us)| meter.input_seen(due_us, now_us));
    }
}

/// Opens a connection for a player and reads it to its end.
pub(super) fn dial<G: Game>(player: &Rc<RefCell<Player<G>>>, shared: &Rc<Shared>) {
    let (mine, shared) = (player.clone(), shared.clone());
    let task = tokio::task::spawn_local(async move {
        let failure = match timeout(DIAL_TIMEOUT, open(shared.address)).await {
            Ok(Ok((ear, mouth))) => {
                mine.borrow_mut().opened(mouth, shared.clock.now_us());
                let code = listen(ear, &mine, &shared).await;
                return mine.borrow_mut().closed(code, &shared);
            }
            Ok(Err(error)) => format!("a connection attempt failed: {error:#}"),
            Err(_) => "a connection attempt got no answer".into(),
        };
        shared.meter.borrow_mut().fault(|| failure);
        mine.borrow_mut().closed(LOST, &shared);
    });
    player.borrow_mut().reader = Some(task.abort_handle());
}

/// Reads until the connection ends; gives the close code.
async fn listen<G: Game>(mut ear: Ear, player: &Rc<RefCell<Player<G>>>, shared: &Shared) -> u16 {
    loop {
        match ear.next().await {
            Heard::Message(message) => player.borrow_mut().heard(&message, shared),
            Heard::Ping(payload) => player.borrow_mut().mouth.iter_mut().for_each(|mouth| mouth.pong(&payload)),
            Heard::Pong => {}
            Heard::Closed(code) => return code,
        }
    }
}
