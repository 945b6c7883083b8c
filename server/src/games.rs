//! The one place where games of different types meet: a room behind a trait object. Inside the room nothing is dynamic.

use crate::chronicle::Chronicle;
use crate::game_panic::GamePanic;
use crate::room::{
    Attendance, Autopsy, Counters, Entered, Entrant, Frozen, GameCall, GameSchemas, Kept, MemberId, NotDone,
    OperatorOrder, ReviveError, Revived, Room, RoomChanges, RoomFailure, RoomSetup, RosterChange, SeatFigures,
    SnapshotPoll, Summary, Survived,
};
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::panic::catch_unwind;
use std::sync::Arc;
use thiserror::Error;
use tickwire::determinism::behaviour::behaviour_hash;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, ResumeToken, fingerprint, game_fingerprint};
use tickwire::message::topics::PlayerId;
use tickwire::recording::describe::GameDescription;
use tickwire::{Game, Leave, MatchResult, OptionsError, Publication, Rules, Scene, Seat, Stage, Tick};

/// [`Room`] without the type of its game; each method is that of the room.
///
/// A room can move to another thread, with everything in it: to the slow lane and back.
pub(crate) trait DynRoom: Send {
    fn has_token(&self, token: ResumeToken) -> bool;
    fn enter_from(&mut self, hello: &Hello, token: ResumeToken, entrant: Entrant) -> Result<Entered, CloseCode>;
    fn poll_dismissed(&mut self) -> Option<(MemberId, CloseCode)>;
    fn expel(&mut self, player: PlayerId);
    fn receive(&mut self, member: MemberId, message: &[u8]) -> Result<(), CloseCode>;
    fn lost(&mut self, member: MemberId);
    fn tick(&mut self);
    fn poll_message(&mut self, member: MemberId) -> Option<Vec<u8>>;
    fn poll_snapshot(&mut self, member: MemberId) -> SnapshotPoll<'_>;
    fn poll_autopsy(&mut self) -> Option<Autopsy>;
    fn publications(&mut self) -> Vec<Publication>;
    fn hear(&mut self, topic: &str, body: &str) -> bool;
    fn record(&self) -> (&[RosterChange], &[MatchResult]);
    fn untold(&self) -> (&[(Seat, Leave)], &[RosterChange]);
    fn take_counters(&mut self) -> Counters;
    fn summary(&self) -> Summary;
    fn has_people(&self) -> bool;
    fn at_work(&self) -> (&'static str, Tick, Option<GameCall>);
    fn poll_survived(&mut self) -> Option<Survived>;
    fn start_over(&mut self) -> bool;
    fn fail(&mut self, panic: &GamePanic);
    fn has_failed(&self) -> bool;
    fn poll_failure(&mut self) -> Option<Box<RoomFailure>>;
    fn attendance(&self) -> Attendance;
    fn seat_figures(&self) -> Vec<SeatFigures>;
    fn draw(&self, scene: &mut Scene) -> Option<Tick>;
    fn carry_out(&mut self, order: OperatorOrder) -> Result<Option<String>, NotDone>;
    fn begin_records(&mut self);
    fn put_record(&mut self, out: &mut Vec<u8>);
    fn freeze(&mut self, memory: Option<Box<dyn DynFrozen>>) -> Box<dyn DynFrozen>;
    fn full_hash(&mut self) -> u32;
    fn missing(&self) -> usize;
    fn skip_inputs(&mut self);
}

/// [`Frozen`] without the type of its game.
pub(crate) trait DynFrozen: Any + Send {
    fn encode(&mut self, out: &mut Vec<u8>);
}

impl<G: Game> DynFrozen for Frozen<G> {
    fn encode(&mut self, out: &mut Vec<u8>) {
        Self::encode(self, out);
    }
}

impl<G: Game> DynRoom for Room<G> {
    fn has_token(&self, token: ResumeToken) -> bool {
        Self::has_token(self, token)
    }

    fn enter_from(&mut self, hello: &Hello, token: ResumeToken, entrant: Entrant) -> Result<Entered, CloseCode> {
        Self::enter_from(self, hello, token, entrant)
    }

    fn poll_dismissed(&mut self) -> Option<(MemberId, CloseCode)> {
        Self::poll_dismissed(self)
    }

    fn expel(&mut self, player: PlayerId) {
        Self::expel(self, player);
    }

    fn receive(&mut self, member: MemberId, message: &[u8]) -> Result<(), CloseCode> {
        Self::receive(self, member, message)
    }

    fn lost(&mut self, member: MemberId) {
        Self::lost(self, member);
    }

    fn tick(&mut self) {
        Self::tick(self);
    }

    fn poll_message(&mut self, member: MemberId) -> Option<Vec<u8>> {
        Self::poll_message(self, member)
    }

    fn poll_snapshot(&mut self, member: MemberId) -> SnapshotPoll<'_> {
        Self::poll_snapshot(self, member)
    }

    fn poll_autopsy(&mut self) -> Option<Autopsy> {
        Self::poll_autopsy(self)
    }

    fn publications(&mut self) -> Vec<Publication> {
        Self::publications(self)
    }

    fn hear(&mut self, topic: &str, body: &str) -> bool {
        Self::hear(self, topic, body)
    }

    fn record(&self) -> (&[RosterChange], &[MatchResult]) {
        Self::record(self)
    }

    fn untold(&self) -> (&[(Seat, Leave)], &[RosterChange]) {
        Self::untold(self)
    }

    fn take_counters(&mut self) -> Counters {
        Self::take_counters(self)
    }

    fn summary(&self) -> Summary {
        Self::summary(self)
    }

    fn has_people(&self) -> bool {
        Self::has_people(self)
    }

    fn at_work(&self) -> (&'static str, Tick, Option<GameCall>) {
        Self::at_work(self)
    }

    fn poll_survived(&mut self) -> Option<Survived> {
        Self::poll_survived(self)
    }

    fn start_over(&mut self) -> bool {
        Self::start_over(self)
    }

    fn fail(&mut self, panic: &GamePanic) {
        Self::fail(self, panic);
    }

    fn has_failed(&self) -> bool {
        Self::has_failed(self)
    }

    fn poll_failure(&mut self) -> Option<Box<RoomFailure>> {
        Self::poll_failure(self)
    }

    fn attendance(&self) -> Attendance {
        Self::attendance(self)
    }

    fn seat_figures(&self) -> Vec<SeatFigures> {
        Self::seat_figures(self)
    }

    fn draw(&self, scene: &mut Scene) -> Option<Tick> {
        Self::draw(self, scene)
    }

    fn carry_out(&mut self, order: OperatorOrder) -> Result<Option<String>, NotDone> {
        Self::carry_out(self, order)
    }

    fn begin_records(&mut self) {
        Self::begin_records(self);
    }

    fn put_record(&mut self, out: &mut Vec<u8>) {
        Self::put_record(self, out);
    }

    fn freeze(&mut self, memory: Option<Box<dyn DynFrozen>>) -> Box<dyn DynFrozen> {
        let memory: Option<Box<dyn Any>> = memory.map(|memory| memory as Box<dyn Any>);
        match memory.and_then(|memory| memory.downcast::<Frozen<G>>().ok()) {
            Some(mut frozen) => {
                self.freeze_into(&mut frozen);
                frozen
            }
            // The memory is that of another game's room.
            None => Box::new(Self::freeze(self)),
        }
    }

    fn full_hash(&mut self) -> u32 {
        Self::full_hash(self)
    }

    fn missing(&self) -> usize {
        Self::missing(self)
    }

    fn skip_inputs(&mut self) {
        Self::skip_inputs(self);
    }
}

/// A room that was made, on its way to its shard.
pub(crate) struct MadeRoom {
    pub(crate) rate_hz: u32,
    pub(crate) room: Box<dyn DynRoom>,
    pub(crate) chronicle: Option<Chronicle>,
    /// The bytes that a journal keeps of the room besides its ticks; `None` without a journal.
    pub(crate) header: Option<Arc<[u8]>>,
}

/// The plan by which a room is made.
#[derive(Debug)]
pub(crate) struct RoomPlan {
    pub(crate) setup: RoomSetup,
    /// The game's options as JSON; `null` for the default ones.
    pub(crate) options: Value,
}

/// A room that was made again from the bytes that were kept of it.
pub(crate) struct RevivedRoom {
    pub(crate) room: Box<dyn DynRoom>,
    pub(crate) replayed: u32,
    pub(crate) differs_at: Option<Tick>,
    /// The changes of the room, if the game has other fields now.
    pub(crate) changes: Option<RoomChanges>,
}

/// The reason for which a room cannot be made again.
#[derive(Debug, Error)]
pub(crate) enum ReviveFault {
    /// The game does not take the room's options any more.
    #[error("the game does not take its options: {0}")]
    Options(#[from] OptionsFault),
    /// The bytes that were kept of it cannot be used.
    #[error(transparent)]
    Kept(#[from] ReviveError),
}

/// Makes a room again; with the shape that the game had then, if it is another one now.
type ReviveRoom =
    Arc<dyn Fn(&RoomPlan, Kept<'_>, Option<&GameDescription>) -> Result<RevivedRoom, ReviveFault> + Send + Sync>;
type MakeRoom = Arc<dyn Fn(&RoomPlan) -> Result<Box<dyn DynRoom>, OptionsFault> + Send + Sync>;
type CheckOptions = fn(&Value) -> Result<(), OptionsFault>;

/// The reason for which a room cannot have these options.
#[derive(Debug, Error)]
pub(crate) enum OptionsFault {
    /// The JSON is not the options of the game.
    #[error(transparent)]
    Layout(#[from] serde_json::Error),
    /// The game refuses a value.
    #[error(transparent)]
    Bounds(#[from] OptionsError),
    /// The game has failed on them.
    #[error("the game could not judge them")]
    Panic,
}

/// A game that the server offers.
#[derive(Clone)]
pub(crate) struct OfferedGame {
    pub(crate) rules: Rules,
    /// The fingerprint that a client of the game has to have.
    pub(crate) fingerprint: u64,
    /// The part of it that the bytes of a kept room depend on.
    pub(crate) kept_fingerprint: u64,
    /// The hash of a short match by which other rules are known; 0 while it is not.
    pub(crate) behaviour: u64,
    /// The fields of its worlds and inputs.
    pub(crate) shape: Arc<GameDescription>,
    /// Makes a room. The closure holds the schemas that the room shares with other rooms of the
    /// game.
    pub(crate) make: MakeRoom,
    /// Makes a room again.
    pub(crate) revive: ReviveRoom,
    /// Checks whether a JSON value is options of the game, before anything is made.
    pub(crate) check: CheckOptions,
    /// Plays the short match and gives its hash.
    pub(crate) play: fn() -> u64,
}

impl fmt::Debug for OfferedGame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OfferedGame").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl OfferedGame {
    pub(crate) fn of<G: Game>() -> Self {
        Self::with(GameSchemas::<G>::new())
    }

    /// A game whose worlds operators see as its own stage draws them.
    pub(crate) fn drawn<G: Stage>() -> Self {
        Self::with(GameSchemas::<G>::new().drawn())
    }

    fn with<G: Game>(schemas: GameSchemas<G>) -> Self {
        let (fingerprint, kept_fingerprint) = (fingerprint::<G>(), game_fingerprint::<G>());
        let shared = schemas.clone();
        let revive: ReviveRoom = Arc::new(move |plan, kept, was| revive_room::<G>(&shared, plan, kept, was));
        let make: MakeRoom = Arc::new(move |plan| make_room::<G>(&schemas, plan));
        let shape = Arc::new(GameDescription::of::<G>());
        let (check, play): (CheckOptions, _) = (check_options::<G>, behaviour_hash::<G>);
        Self { rules: G::RULES, fingerprint, kept_fingerprint, behaviour: 0, shape, make, revive, check, play }
    }
}

fn make_room<G: Game>(schemas: &GameSchemas<G>, plan: &RoomPlan) -> Result<Box<dyn DynRoom>, OptionsFault> {
    let options = read_options::<G>(&plan.options)?;
    Ok(Box::new(Room::with_schemas(schemas, plan.setup.clone(), &options)))
}

fn revive_room<G: Game>(
    schemas: &GameSchemas<G>,
    plan: &RoomPlan,
    kept: Kept<'_>,
    was: Option<&GameDescription>,
) -> Result<RevivedRoom, ReviveFault> {
    let (options, setup) = (read_options::<G>(&plan.options)?, plan.setup.clone());
    if let Some(was) = was {
        let (room, changes) = Room::revive_by_names(schemas, setup, &options, kept, was)?;
        return Ok(RevivedRoom { room: Box::new(room), replayed: 0, differs_at: None, changes: Some(changes) });
    }
    let Revived { room, replayed, differs_at } = Room::revive(schemas, setup, &options, kept)?;
    Ok(RevivedRoom { room: Box::new(room), replayed, differs_at, changes: None })
}

/// Reads the options and asks the game whether it takes them. A fault of the game ends in a refusal: this runs on the
/// net thread, which serves everyone.
fn check_options<G: Game>(options: &Value) -> Result<(), OptionsFault> {
    catch_unwind(|| read_options::<G>(options).map(drop)).unwrap_or(Err(OptionsFault::Panic))
}

fn read_options<G: Game>(options: &Value) -> Result<G::Options, OptionsFault> {
    let options = match options {
        Value::Null => G::Options::default(),
        value => serde::Deserialize::deserialize(value)?,
    };
    G::check(&options)?;
    Ok(options)
}
