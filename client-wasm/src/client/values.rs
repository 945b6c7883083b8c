//! The calls of a page that knows the game by its schema: the shown world, inputs and events as numbers in the module's
//! memory.

use crate::client::Client;
use crate::player::PageEvent;
use crate::report::link_word;
use tickwire::Seat;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Client {
    /// Puts the world as it is to be seen now into columns: own rows as predicted, others as they were a moment ago, as
    /// [`Client::draw`] shows them. False while there is none; the columns are then those of the view before.
    pub fn view(&mut self, now: f64) -> bool {
        self.arrive(now);
        self.settle();
        self.player.view(self.now_us)
    }

    /// Address of the directory of the last [`Client::view`] in the module's memory: [`Client::columns_len`] words of 32
    /// bits, eight for each table. The world's own row comes first, then the tables in the order of the schema.
    ///
    /// | word | meaning |
    /// | --- | --- |
    /// | 0 | rows that the table has |
    /// | 1 | capacity: rows that it has room for |
    /// | 2 | address of the rows' ids, sorted by their slots (the lower 16 bits), then by the upper 16 bits |
    /// | 3, 4 | number and address of the ids that came since the view before |
    /// | 5, 6 | number and address of the ids that went since the view before |
    /// | 7 | address of the columns |
    ///
    /// The column of leaf `k`, in the order of the schema, is at `columns + 4 * capacity * k`. It has a word per row:
    /// `f32` for floats, angles in radians and the x, y, z, w of a rotation, else the lowest 32 bits of the number. They
    /// are to be read as `i32` if the leaf's range fits into it, and as `u32` if not, as for row ids and the halves of
    /// 64-bit integers. A field that this player may not see has the value of wire integer 0.
    ///
    /// Addresses change only in a view in which a table grows beyond its capacity.
    ///
    /// A row that the client predicts to be new has an id of its own (its slot is above 32,767), and keeps it here when
    /// the server has confirmed it. Fields name the row by the server's id from then on: the column after the last leaf
    /// has the ids by which fields name the rows. It differs from the row's id only where that one's slot is above
    /// 32,767.
    #[must_use]
    pub fn columns_ptr(&self) -> *const u32 {
        self.player.columns().directory().as_ptr()
    }

    /// Number of the directory's words.
    #[must_use]
    pub fn columns_len(&self) -> usize {
        self.player.columns().directory().len()
    }

    /// The moment at which the last view showed others, in ticks; in lockstep, that of the whole view.
    #[must_use]
    pub fn tick_shown(&self) -> f64 {
        self.player.shown().0
    }

    /// The tick at which the last view showed own rows, or the one before that moment.
    #[must_use]
    pub fn own_tick(&self) -> u32 {
        self.player.columns().tick().0
    }

    /// Address of the input's numbers: one `f64` per leaf, in the game's own unit, to be written before
    /// [`Client::set_input`]. At first all are 0; the game's script has those of the neutral input. The address
    /// never changes.
    #[must_use]
    pub fn input_ptr(&mut self) -> *mut f64 {
        self.input.as_mut_ptr()
    }

    /// Number of the input's numbers.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.input.len()
    }

    /// The player's input from now on, in place of [`Client::set_pad`]: the one that is nearest to the numbers.
    ///
    /// Numbers outside of their range saturate, angles go around, and NaN counts as 0. A command (a field with
    /// `#[input(once)]`) is executed in one tick and neutral again; it waits for that tick, even if another call makes it
    /// neutral, for 200 ms or two ticks.
    pub fn set_input(&mut self) {
        self.pad = None;
        self.player.handle(PageEvent::Values(&self.input), self.now_us);
    }

    /// The next event of the game: `[id, happened, values of its leaves]`. `happened` is 1, or 0 when the event of that
    /// id was predicted and did not happen. At most 256 events wait; of more, the oldest are lost.
    pub fn poll_event(&mut self) -> Option<Vec<f64>> {
        self.player.poll_event()
    }

    /// The state of the connection: `connecting`, `fine`, `quiet`, `silent`, `offline`, `reconnecting` or `over`.
    #[must_use]
    pub fn state(&self) -> String {
        link_word(self.player.link(self.now_us)).into()
    }

    /// The player's seat, from the first welcome on; a spectator has none.
    #[must_use]
    pub fn seat(&self) -> Option<u8> {
        self.player.seat().map(Seat::number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;
    use crate::module::register;
    use tickwire::message::control::{ClientControl, Hello};
    use tickwire::world::snapshot::Snapshot;
    use tickwire_server::room::{MemberId, Room, SnapshotPoll};

    const TICK_MS: u32 = 20;

    /// A room with a page in it, over a perfect link.
    struct Played {
        room: Room<Dot>,
        client: Client,
        member: Option<MemberId>,
        now_ms: u32,
    }

    impl Played {
        fn new(more: &str) -> Self {
            register::<Dot>();
            let client = Client::open(&format!("code=C4FK9T&name=Ada&seed=7{more}"), 0).unwrap();
            Self { room: Room::new(7, &(), false), client, member: None, now_ms: 0 }
        }

        /// Plays so many ticks, with a frame of the page after every `frame_ticks` of them.
        fn run(&mut self, ticks: u32, frame_ticks: u32) {
            for tick in 1..=ticks {
                self.now_ms += TICK_MS;
                self.room.tick();
                self.receive();
                if tick % frame_ticks == 0 {
                    self.frame();
                }
            }
        }

        fn frame(&mut self) {
            let now = f64::from(self.now_ms);
            if self.client.poll_dial(now) {
                self.client.opened(now);
            }
            self.client.advance(now);
            while let Some(message) = self.client.poll_transmit() {
                if let Some(member) = self.member {
                    self.room.receive(member, &message).unwrap();
                } else {
                    let entered = self.room.enter(&Hello::decode(&message).unwrap(), [1; 16]).unwrap();
                    self.member = Some(entered.member);
                    self.client.receive(entered.welcome, now);
                }
            }
        }

        fn receive(&mut self) {
            let (Some(member), now) = (self.member, f64::from(self.now_ms)) else { return };
            while let Some(message) = self.room.poll_message(member) {
                self.client.receive(message, now);
            }
            if let SnapshotPoll::Frame(frame) = self.room.poll_snapshot(member) {
                let bytes = [frame.head, frame.shared, frame.own].concat();
                self.client.receive(bytes, now);
            }
        }

        /// Ada's place and jumps in the room.
        fn dot(&self) -> (f32, u32) {
            let newest: &Snapshot = self.room.newest();
            let row = newest.tables[0].row(0);
            (row[1] as f32 / 8.0 - 100.0, row[3])
        }

        fn set(&mut self, x: f64, jump: f64) {
            self.client.input.copy_from_slice(&[x, jump]);
            self.client.set_input();
        }
    }

    #[test]
    fn a_page_plays_by_numbers_alone() {
        let mut played = Played::new("");
        assert!(!played.client.view(0.0), "no world before the first snapshot");
        assert_eq!((played.client.state().as_str(), played.client.seat()), ("connecting", None));
        played.run(30, 1);
        assert_eq!((played.client.state().as_str(), played.client.seat()), ("fine", Some(0)));
        assert_eq!(played.client.input_len(), 2);
        played.set(1.0, 0.0);
        played.run(30, 1);
        let (x, jumps) = played.dot();
        assert!(x > 15.0 && jumps == 0, "{x}");
        assert!(played.client.view(played.now_ms.into()));
        let directory = played.client.player.columns().directory();
        assert_eq!((directory.len(), directory[0]), (played.client.columns_len(), 1));
        let (own, shown, room) =
            (played.client.own_tick(), played.client.tick_shown(), f64::from(played.room.newest().tick.0));
        assert!(f64::from(own) >= room && shown < room, "own rows at {own}, others at {shown}, the room at {room}");
    }

    #[test]
    fn a_command_is_executed_once_even_if_many_ticks_are_due() {
        let mut played = Played::new("");
        played.run(30, 1);
        for jumps in 1..=5 {
            played.set(0.0, 1.0);
            played.set(0.0, 0.0);
            played.run(12, 3);
            assert_eq!(played.dot().1, jumps);
        }
        let events: Vec<Vec<f64>> = std::iter::from_fn(|| played.client.poll_event()).collect();
        assert_eq!(events.len(), 5, "{events:?}");
        assert!(events.iter().all(|event| event[1..] == [1.0, 0.0]), "each happened: {events:?}");
    }

    #[test]
    fn keys_count_again_from_the_next_set_pad_on() {
        let mut played = Played::new("");
        played.run(30, 1);
        played.set(-1.0, 0.0);
        played.run(20, 1);
        let left = played.dot().0;
        assert!(left < -10.0, "{left}");
        played.client.set_pad(1.0, 0.0, 0.0, 0.0, false, 0);
        played.run(40, 1);
        assert!(played.dot().0 > left + 20.0, "a step to the right in each tick");
    }

    #[test]
    fn a_game_draws_the_names_of_the_room_s_players() {
        let mut played = Played::new("");
        played.run(30, 1);
        let drawn = |played: &mut Played| {
            played.client.draw(played.now_ms.into());
            played.client.texts()
        };
        assert_eq!(drawn(&mut played), ["Ada"]);
        let eve = played.room.enter(&Hello::of::<Dot>("C4FK9T", "Eve"), [2; 16]).unwrap().member;
        played.run(30, 1);
        assert_eq!(drawn(&mut played), ["Ada", "Eve"]);
        played.room.receive(eve, &ClientControl::Leave.encode()).unwrap_err();
        played.run(30, 1);
        assert_eq!(drawn(&mut played), ["Ada"]);
    }

    #[test]
    fn a_spectator_has_a_view_and_no_seat() {
        let mut played = Played::new("&watch=true");
        played.run(30, 1);
        assert!(played.client.view(played.now_ms.into()));
        assert_eq!(played.client.seat(), None);
        assert_eq!(played.client.player.columns().directory()[0], 1);
    }
}
