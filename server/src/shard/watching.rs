//! The things that operators look at on a shard: once a second its rooms in numbers, and of a few rooms the seats and
//! the world.
//!
//! It is done between ticks, and only while somebody looks. A report that the queue does not take now is left out: the
//! next one says the same.

use super::room_handle::RoomHandle;
use super::{PhaseGroup, Shard};
use crate::game_panic;
use crate::limits::{
    DETOURS_MAX, NUMBERS_INTERVAL_MS, SCENE_INTERVAL_MS, SCENE_NUMBERS_MAX, SCENE_TEXT_BYTES_MAX, SEATS_INTERVAL_MS,
};
use crate::lobby::RoomId;
use crate::mailbox::{Carried, Command, Drawn, Picture, Report, RoomWork, Watch};
use std::sync::Arc;
use tickwire::Scene;
use tickwire::message::close::CloseCode;
use tokio::sync::oneshot;

const MS_NS: u64 = 1_000_000;

/// The things that operators look at, and the time when they are told next.
#[derive(Debug, Default)]
pub(super) struct Watching {
    pub(super) watch: Arc<Watch>,
    numbers_ns: u64,
    seats_ns: u64,
    scenes_ns: u64,
    scene: Scene,
}

/// Whether something is due; then it is due again after the interval. A moment that was missed is not made up for.
const fn is_due(at_ns: &mut u64, now_ns: u64, interval_ms: u64) -> bool {
    let is_due = now_ns >= *at_ns;
    if is_due {
        *at_ns = now_ns + interval_ms * MS_NS;
    }
    is_due
}

/// The rooms that live.
fn rooms_of(groups: &mut [PhaseGroup]) -> impl Iterator<Item = &mut RoomHandle> {
    groups.iter_mut().flat_map(|group| &mut group.rooms).filter(|room| !room.failed)
}

impl Watching {
    pub(super) fn set(&mut self, watch: Arc<Watch>) {
        if watch.is_idle() {
            // The memory of the last picture is not needed any more.
            self.scene = Scene::default();
        }
        self.watch = watch;
    }
}

impl Shard {
    /// Looks at other rooms from now on, here and in the slow lane.
    pub(super) fn watch(&mut self, watch: &Arc<Watch>) {
        if let Some(lane) = &self.slow_lane {
            lane.send(Command::Watch(Arc::clone(watch)).into());
        }
        self.watching.set(Arc::clone(watch));
    }

    /// Reports what operators look at, as far as it is due.
    pub(super) fn report_watched(&mut self) {
        let Self { watching, groups, setup, .. } = self;
        if watching.watch.is_idle() {
            return;
        }
        let (now_ns, is_slow_lane) = (setup.clock.now_ns(), setup.is_slow_lane);
        let Watching { watch, numbers_ns, seats_ns, scenes_ns, scene } = watching;
        if watch.counts && is_due(numbers_ns, now_ns, NUMBERS_INTERVAL_MS) {
            let numbers = rooms_of(groups).map(|room| room.numbers(is_slow_lane)).collect();
            let _ = setup.reports.try_send(Report::Numbers(numbers));
        }
        if !watch.seats.is_empty() && is_due(seats_ns, now_ns, SEATS_INTERVAL_MS) {
            for room in rooms_of(groups).filter(|room| watch.seats.contains(&room.id)) {
                let _ = setup.reports.try_send(Report::Seats(Box::new(room.seats_seen(is_slow_lane))));
            }
        }
        if !watch.scenes.is_empty() && is_due(scenes_ns, now_ns, SCENE_INTERVAL_MS) {
            for room in rooms_of(groups).filter(|room| watch.scenes.contains(&room.id)) {
                let _ = setup.reports.try_send(Report::Picture(Box::new(room.picture(scene))));
            }
        }
    }

    /// Carries out what an operator wants done to a room, on whichever thread the room is.
    pub(super) fn work(&mut self, id: RoomId, work: RoomWork, answer: oneshot::Sender<Carried>, detours: u8) {
        if answer.is_closed() {
            // The operator was told that nothing was done.
            return;
        }
        self.revive_room(id);
        let Self { setup, closing, scratch, groups, gone, .. } = self;
        let context = &mut setup.context(setup.clock.now_ns(), scratch);
        for group in groups.iter_mut() {
            let Some(place) = group.rooms.iter().position(|room| room.id == id && !room.failed) else { continue };
            let carried = match work {
                RoomWork::Order(order) => {
                    let mut carried = None;
                    let room = &mut group.rooms[place];
                    room.guarded(context, closing, |room, _, _| carried = Some(room.carry_out(order)));
                    carried
                }
                RoomWork::Close => {
                    let mut room = group.rooms.swap_remove(place);
                    room.end_by_operator(context, closing);
                    gone.put(room);
                    Some(Ok(None))
                }
            };
            // Nobody waits for the answer any more when the request was given up.
            let _ = answer.send(carried);
            return;
        }
        if let Some(carried) = self.work_on_empty(id, work) {
            let _ = answer.send(carried);
            return;
        }
        // The room may be on the slow lane, or on its way back from there.
        let command = |detours| Command::Work { room: id, work, answer, detours }.into();
        match &self.slow_lane {
            _ if self.setup.is_slow_lane => drop(self.setup.home.send(command(detours))),
            Some(lane) if detours < DETOURS_MAX => lane.send(command(detours + 1)),
            // Without an answer the net thread learns that there is no such room.
            _ => {}
        }
    }

    /// The same for a room in which nobody is; `None` when there is no such room.
    fn work_on_empty(&mut self, id: RoomId, work: RoomWork) -> Option<Carried> {
        let mut room = self.empty_rooms.take(id)?;
        match work {
            RoomWork::Order(order) => {
                let carried = game_panic::catch(|| room.carry_out(order)).ok();
                if let Some(summary) = room.news()
                    && self.setup.reports.try_send(Report::Room { room: id, summary }).is_ok()
                {
                    room.reported = summary;
                }
                // It makes no tick in which the order would be written.
                if let Some(journal) = &mut self.journal {
                    room.keep(journal);
                }
                self.empty_rooms.put(room);
                Some(carried)
            }
            RoomWork::Close => {
                let Self { setup, closing, scratch, .. } = self;
                room.end_by_operator(&setup.context(setup.clock.now_ns(), scratch), closing);
                self.gone.put(room);
                Some(Some(Ok(None)))
            }
        }
    }
}

impl RoomHandle {
    /// The world as the game's stage draws it. A stage that panics draws no more; the room goes on, because drawing
    /// changes nothing in it.
    fn picture(&mut self, scene: &mut Scene) -> Picture {
        let drawn = if self.stage_failed { None } else { self.draw(scene) };
        let (tick, drawn) = match drawn {
            None => (self.attendance().tick, Drawn::None),
            Some(tick) => {
                let text_bytes: usize = scene.texts().iter().map(String::len).sum();
                let is_large = scene.commands().len() > SCENE_NUMBERS_MAX || text_bytes > SCENE_TEXT_BYTES_MAX;
                let copied = || Drawn::Scene(scene.commands().to_vec(), scene.texts().to_vec());
                (tick, if is_large { Drawn::TooLarge } else { copied() })
            }
        };
        Picture { room: self.id, tick, drawn }
    }
}

/// The code that players get whose room an operator has closed: clients do not come back to it.
pub(super) const CLOSED_BY_OPERATOR: CloseCode = CloseCode::NoRoom;
