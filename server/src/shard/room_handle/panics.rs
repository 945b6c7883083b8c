//! The panics of a room: which of them it survives, their lines in the log, and the remains of a room that ends.
//!
//! A panic in the making of a tick is undone within the room. A panic anywhere else is caught where a member's messages
//! are read or written, or around the whole turn: the connection stays, the rest of the turn goes on, and all members
//! start over from keyframes. A second one within a minute ends the room.

use super::RoomHandle;
use crate::chronicle::end;
use crate::game_panic::{self, GamePanic};
use crate::limits::START_OVER_SECONDS;
use crate::room::{Attempt, GameCall, RoomFailure, Survived};
use crate::shard::closing::Closing;
use crate::shard::connection::TickContext;
use crate::threads::ThreadHealth;
use tickwire::Tick;
use tickwire::message::close::CloseCode;

impl RoomHandle {
    /// Runs `work` on the room. If it panics outside of the work that the room itself undoes, members start over, or
    /// the room is over, and nothing else is.
    pub(in crate::shard) fn guarded<'a>(
        &mut self,
        context: &mut TickContext<'a>,
        closing: &mut Vec<Closing>,
        work: impl FnOnce(&mut Self, &mut TickContext<'a>, &mut Vec<Closing>),
    ) {
        if self.failed {
            return;
        }
        if let Err(panic) = game_panic::catch(|| work(self, context, closing)) {
            self.survive(&panic, context);
        }
        if self.failed {
            self.ends_with(end::FAILED);
            context.metrics.room_panics.increment(1);
            // The counts of the last second, and not those of a room that cannot even give them.
            if let Ok(counters) = game_panic::catch(|| self.room.take_counters()) {
                context.metrics.add_room(&counters);
            }
            self.close(CloseCode::RoomFailed, context, closing);
        }
    }

    /// Reads every socket. The messages behind one that panics are received all the same.
    pub(super) fn read_all(&mut self, context: &mut TickContext<'_>) {
        let (mut next, mut goes_on) = (0, false);
        while next < self.connections.len() && !self.failed {
            let (room, connections) = (&mut *self.room, &mut self.connections);
            let done = game_panic::catch(|| {
                while let Some(connection) = connections.get_mut(next) {
                    match std::mem::take(&mut goes_on) {
                        true => connection.read_on(room, context),
                        false => connection.read(room, context),
                    }
                    next += 1;
                }
            });
            if let Err(panic) = done {
                goes_on = true;
                self.survive(&panic, context);
            }
        }
    }

    /// Reads what the newest connection has sent in one write with its hello.
    pub(super) fn read_first(&mut self, context: &mut TickContext<'_>) {
        while !self.failed {
            let (room, connections) = (&mut *self.room, &mut self.connections);
            let newest = connections.last_mut();
            match game_panic::catch(|| newest.into_iter().for_each(|connection| connection.take_in(room, context))) {
                Ok(()) => return,
                Err(panic) => self.survive(&panic, context),
            }
        }
    }

    /// Writes every socket. A member whose messages panic is sent those before them, and the others in the next turn.
    pub(super) fn write_all(&mut self, context: &mut TickContext<'_>) {
        let mut next = 0;
        while next < self.connections.len() && !self.failed {
            let (room, connections) = (&mut *self.room, &mut self.connections);
            let done = game_panic::catch(|| {
                while let Some(connection) = connections.get_mut(next) {
                    connection.write(room, context);
                    next += 1;
                }
            });
            if let Err(panic) = done {
                self.connections[next].write_rest(context);
                next += 1;
                self.survive(&panic, context);
            }
        }
    }

    /// Makes the tick, and says what has panicked in it.
    pub(super) fn make_tick(&mut self, context: &TickContext<'_>, thread: &ThreadHealth) {
        let in_tick = thread.in_tick(self.id.0);
        if let Err(panic) = game_panic::catch(|| self.room.tick()) {
            self.survive(&panic, context);
        }
        drop(in_tick);
        if self.room.has_failed() && !self.failed {
            self.failed = true;
            self.failure = self.room.poll_failure();
        }
        if let Some(Survived { tick, call, made_from, panic, others }) = self.room.poll_survived() {
            let fate = if self.failed { CLOSED } else { fate_of(call, made_from) };
            let others = if others > 0 { format!(" ({others} more were survived before)") } else { String::new() };
            self.log(Some(call), tick, &format!("{fate}{others}"), &panic);
        }
    }

    /// Takes the report on the room, if it has failed.
    pub(in crate::shard) fn poll_failure(&mut self) -> Option<Box<RoomFailure>> {
        self.failure.take()
    }

    /// Goes on after a panic outside of the work that the room undoes, or ends the room.
    fn survive(&mut self, panic: &GamePanic, context: &TickContext<'_>) {
        let (_, tick, call) = self.room.at_work();
        let pause_us = self.started_over_us.map(|last_us| context.now_us.saturating_sub(last_us));
        let may_go_on = pause_us.is_none_or(|pause_us| pause_us > START_OVER_SECONDS * 1_000_000);
        if may_go_on && game_panic::catch(|| self.room.start_over()).unwrap_or(false) {
            self.started_over_us = Some(context.now_us);
            context.metrics.rooms_started_over.increment(1);
            return self.log(call, tick, STARTED_OVER, &panic.brief());
        }
        self.fail_in_record(panic);
    }

    /// Ends the room after a panic of the game while the record of a tick was made: the tick must not be sent then.
    pub(in crate::shard) fn fail_in_record(&mut self, panic: &GamePanic) {
        let (_, tick, call) = self.room.at_work();
        self.failed = true;
        self.room.fail(panic);
        self.failure = self.room.poll_failure();
        self.log(call, tick, CLOSED, &panic.to_string());
    }

    /// Says in the log what has panicked, the place, and the fate of the room: once, for the operator and for the
    /// author of the game.
    fn log(&self, call: Option<GameCall>, tick: Tick, fate: &str, panic: &str) {
        let (game, ..) = self.room.at_work();
        let place = call.map_or_else(|| "outside of the game's own code".to_owned(), |call| format!("in {call}"));
        // The room may go on, and its code would let a reader of the log in.
        let room = self.id.0;
        tracing::error!(room, "the game `{game}` has panicked {place}, in tick {tick} of room {room}. {fate}: {panic}");
    }
}

const CLOSED: &str = "The room is closed (1011), its players are told, and other rooms go on";
const STARTED_OVER: &str = "The room goes on, and its members start over from the newest world; another panic of this kind \
                            within a minute ends it";

/// The words for the measure against a panic in a tick.
const fn fate_of(call: GameCall, made_from: Attempt) -> &'static str {
    match made_from {
        Attempt::Everything if matches!(call, GameCall::Publish) => "The message is lost, and the room goes on",
        Attempt::Everything => "The bot does nothing in this tick, and the room goes on",
        Attempt::NeutralInputs => "The tick is made again with neutral inputs, and the room goes on",
        Attempt::NoNews => "The tick is made again without telling the game anything, and the room goes on",
        Attempt::Neither => {
            "The tick is made again with neutral inputs and without telling the game anything, and the room goes on"
        }
    }
}
