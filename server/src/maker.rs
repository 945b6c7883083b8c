//! The maker: the thread on which rooms are made, one after another.
//!
//! A game may take its time to make a world. Beside the shards this costs no tick, and the memory of one room is known
//! before the next one is begun. The thread gives way to shards.

use crate::chronicle::Chronicle;
use crate::game_panic;
use crate::games::{MadeRoom, OfferedGame, RoomPlan};
use crate::journal::JournalWriter;
use crate::limits::SLOW_LANE_NICENESS;
use crate::lobby::Place;
use crate::mailbox::{Command, ShardLink, Undelivered};
use crate::memory::resident_bytes;
use crate::threads::{ThreadHealth, give_way};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use thiserror::Error;
use tokio::sync::oneshot;

/// The reason for which a room was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotMade {
    /// The server uses as much memory as it may.
    #[error("the server has no memory left for another room")]
    NoMemory,
    /// The game could not make the room: it panicked, or refused its options.
    #[error("the game could not make the room")]
    Failed,
    /// Too many rooms are waiting to be made, or the shard has too much to do.
    #[error("the server has too much to do to make another room")]
    Busy,
    /// The server ends.
    #[error("the server is going away")]
    Gone,
}

/// Everything that a room is made from.
pub(crate) struct Making {
    pub(crate) game: OfferedGame,
    pub(crate) plan: RoomPlan,
    pub(crate) chronicle: Option<Chronicle>,
    /// The bytes that the journal keeps of the room besides its ticks; `None` without a journal.
    pub(crate) header: Option<Arc<[u8]>>,
}

/// A room that is to be made, and the place to which the answer goes.
pub(crate) struct Order {
    pub(crate) place: Place,
    pub(crate) making: Making,
    pub(crate) answer: oneshot::Sender<Result<(), NotMade>>,
}

/// The sender of orders.
pub(crate) struct Orders(SyncSender<Order>);

impl Orders {
    pub(crate) const fn new(sender: SyncSender<Order>) -> Self {
        Self(sender)
    }

    /// Has a room made. When the answer is `Ok`, the shard has the room before any later command for it.
    ///
    /// # Errors
    /// When the room is not made.
    pub(crate) async fn make(&self, place: Place, making: Making) -> Result<(), NotMade> {
        let (answer, made) = oneshot::channel();
        match self.0.try_send(Order { place, making, answer }) {
            Ok(()) => made.await.unwrap_or(Err(NotMade::Gone)),
            Err(TrySendError::Full(_)) => Err(NotMade::Busy),
            Err(TrySendError::Disconnected(_)) => Err(NotMade::Gone),
        }
    }
}

/// The thread's state.
pub(crate) struct Maker {
    pub(crate) orders: Receiver<Order>,
    pub(crate) shards: Vec<ShardLink>,
    /// Bytes of memory that the process may use before no room is made any more.
    pub(crate) memory_bytes_max: u64,
    pub(crate) health: Arc<ThreadHealth>,
    /// The log of the rooms that are opened, if a journal is kept.
    pub(crate) journal: Option<JournalWriter>,
}

impl Maker {
    /// Makes rooms until nobody can order any more.
    pub(crate) fn run(mut self) {
        give_way(SLOW_LANE_NICENESS);
        while let Ok(order) = self.health.rests(|| self.orders.recv()) {
            let Order { place, making, answer } = order;
            // The receiver may have gone with its connection. The room ends by itself when nobody enters.
            let _ = answer.send(self.make(place, making));
        }
    }

    fn make(&mut self, place: Place, making: Making) -> Result<(), NotMade> {
        let Making { game, plan, mut chronicle, header } = making;
        if resident_bytes() >= self.memory_bytes_max {
            return Err(NotMade::NoMemory);
        }
        let room = match game_panic::catch(|| (game.make)(&plan)) {
            Ok(Ok(room)) => room,
            Ok(Err(fault)) => {
                tracing::error!("no room of the game `{}` could be made: {fault}", game.rules.name);
                return Err(NotMade::Failed);
            }
            Err(panic) => {
                let name = game.rules.name;
                tracing::error!("the game `{name}` has panicked in `new`, so no room was made of it: {panic}");
                return Err(NotMade::Failed);
            }
        };
        // A player that hears of the room may rely on it.
        if let (Some(journal), Some(header)) = (&mut self.journal, &header) {
            chronicle.as_mut().into_iter().for_each(|chronicle| chronicle.write(journal));
            journal.opened(place.room, header);
        }
        let made = MadeRoom { rate_hz: game.rules.tick_rate_hz, room, chronicle, header };
        self.shards[place.shard].send(Command::Open { room: place.room, made: Box::new(made) }).map_err(|error| {
            self.journal.iter_mut().for_each(|journal| journal.never_opened(place.room));
            match error {
                Undelivered::Full => NotMade::Busy,
                Undelivered::Gone => NotMade::Gone,
            }
        })
    }
}
