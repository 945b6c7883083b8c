//! The class that the page drives, and the imitated network between the two.
//!
//! Every call with a time first delivers the messages that are due on the imitated link, then does its own work, then
//! sorts the player's commands into the queues that the page polls. Without an imitated delay no message waits: it goes
//! through in the call that brought it.

mod values;

use crate::json::{Object, list};
use crate::module;
use crate::options::{Options, OptionsError, link_profile, token_hex};
use crate::player::{PageCommand, PageEvent, Play};
use crate::report::{Rate, Wire};
use crate::topics;
use std::collections::VecDeque;
use tickwire::link::{Link, LinkProfile, PROFILES};
use tickwire::math::vec2;
use tickwire::message::control::ClientControl;
use tickwire::{Pad, Scene, Seat, Tone, Wave};
use wasm_bindgen::prelude::*;

/// A player in a room. Times are `performance.now()`, in milliseconds.
#[wasm_bindgen]
pub struct Client {
    options: Options,
    game: &'static str,
    player: Box<dyn Play>,
    inbound: Link,
    outbound: Link,
    scene: Scene,
    /// The player's controls; `None` while the input is given by values.
    pad: Option<Pad>,
    /// The input that [`Client::set_input`] takes, a number per leaf.
    input: Vec<f64>,
    now_us: u64,
    dial: bool,
    close: Option<u16>,
    leaving: bool,
    /// Notices and news of topics, as JSON.
    notices: VecDeque<String>,
    sounds: VecDeque<(u32, Tone)>,
    silences: VecDeque<u32>,
    received: Rate,
    sent: Rate,
}

/// Notices that wait for the page at the most; further news of topics wait where they are bounded.
const NOTICES_MAX: usize = 256;

/// Whole numbers up to here are exact as `f32`.
const SOUND_ID_MAX: u32 = (1 << 24) - 1;

/// Milliseconds of a page's clock in microseconds; a negative time and NaN become 0.
pub(crate) const fn microseconds(now_ms: f64) -> u64 {
    (now_ms * 1_000.0) as u64
}

impl Client {
    fn open(form: &str, now_us: u64) -> Result<Self, OptionsError> {
        let options = Options::parse(form)?;
        let game = module::game().ok_or(OptionsError::NoGame)?;
        let Options { link, seed, .. } = options;
        let (inbound, outbound) = Link::pair(link, seed);
        let player = (game.play)(&options);
        Ok(Self {
            input: vec![0.0; player.input_len()],
            player,
            game: game.name(),
            inbound,
            outbound,
            options,
            scene: Scene::default(),
            pad: Some(Pad::default()),
            now_us,
            dial: false,
            close: None,
            leaving: false,
            notices: VecDeque::new(),
            sounds: VecDeque::new(),
            silences: VecDeque::new(),
            received: Rate::default(),
            sent: Rate::default(),
        })
    }

    /// Moves on to this time, and delivers the messages that the imitated link has let through by then.
    fn arrive(&mut self, now_ms: f64) {
        // If the clock went back, messages would arrive before they were sent.
        self.now_us = self.now_us.max(microseconds(now_ms));
        while let Some(arrival_us) = self.inbound.next_arrival_us().filter(|arrival_us| *arrival_us <= self.now_us) {
            // The message is handled at its arrival time, as if it had arrived between two frames of the page.
            let Some(message) = self.inbound.poll(arrival_us) else { break };
            self.player.handle(PageEvent::Message(&message), arrival_us);
        }
    }

    fn tell(&mut self, event: PageEvent<'_>) {
        self.player.handle(event, self.now_us);
        self.settle();
    }

    /// Sorts the player's commands into the queues that the page polls.
    fn settle(&mut self) {
        while let Some(wish) = self.player.poll(self.now_us) {
            match wish {
                PageCommand::Reconnect => self.dial = true,
                PageCommand::Transmit(message) => self.outbound.send(message, self.now_us),
                PageCommand::Close(code) => self.close = Some(code),
                PageCommand::Notice(notice) => self.notices.push_back(notice),
                PageCommand::Sound(id, tone) => self.sounds.push_back((id, tone)),
                PageCommand::Silence(id) => self.silences.push_back(id),
            }
        }
        while self.notices.len() < NOTICES_MAX
            && let Some(news) = self.player.topics().poll()
        {
            self.notices.push_back(topics::words(&news));
        }
    }

    fn cut(&mut self) {
        self.inbound.cut();
        self.outbound.cut();
    }
}

/// The networks that can be imitated by name, as a JSON list of `{name, latency_ms, jitter_ms, stall_percent}`.
#[must_use]
#[wasm_bindgen]
pub fn profiles() -> String {
    let profile = |(name, link): &(&str, LinkProfile)| {
        let mut json = Object::new();
        json.text("name", name);
        json.number("latency_ms", link.latency_ms.into());
        json.number("jitter_ms", link.jitter_ms.into());
        json.number("stall_percent", link.stall_percent.into());
        json.end()
    };
    list(PROFILES.iter().map(profile))
}

#[wasm_bindgen]
impl Client {
    /// A player who wants to join a room of this module's game. The options are the text of a form, as `URLSearchParams`
    /// writes it: `code`, `name`, and where they are known `resume` (an earlier [`Client::resume_token`]), `latency_ms`,
    /// `jitter_ms`, `stall_percent`, `profile`, `watch`, `seed`, `build`, `key`, `seq`, `ticket` and `secret`.
    ///
    /// # Errors
    /// When the options are not this form, or the module exports no game.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, now: f64) -> Result<Self, JsError> {
        Self::open(options, microseconds(now)).map_err(|error| JsError::new(error.words()))
    }

    /// True once for every WebSocket that is to be opened now, in place of any other.
    pub fn poll_dial(&mut self, now: f64) -> bool {
        self.arrive(now);
        self.settle();
        std::mem::take(&mut self.dial)
    }

    /// Reports that the WebSocket is open.
    pub fn opened(&mut self, now: f64) {
        self.arrive(now);
        self.cut();
        self.close = None;
        self.tell(PageEvent::Opened);
    }

    /// Takes a binary message of the WebSocket.
    pub fn receive(&mut self, message: Vec<u8>, now: f64) {
        self.arrive(now);
        self.received.add(message.len(), self.now_us);
        self.inbound.send(message, self.now_us);
        self.arrive(now);
        self.settle();
    }

    /// Reports that the WebSocket is closed, or failed to open, with this code, and with the server's reason if there
    /// is one.
    pub fn closed(&mut self, code: u16, now: f64, reason: Option<String>) {
        self.arrive(now);
        self.cut();
        self.close = None;
        self.tell(PageEvent::Closed(code, &reason.unwrap_or_default()));
    }

    /// Reports whether the device is online and the page visible; the client does not connect while it is not.
    pub fn set_reachable(&mut self, reachable: bool, now: f64) {
        self.arrive(now);
        self.tell(PageEvent::Reachable(reachable));
    }

    /// Reports whether the page is hidden: while it is, the client plays neutral inputs.
    pub fn set_hidden(&mut self, hidden: bool) {
        self.tell(PageEvent::Hidden(hidden));
    }

    /// The player's controls from now on, in place of any [`Client::set_input`]: see [`Pad`]. `aimed` tells whether
    /// there is a pointer.
    pub fn set_pad(&mut self, stick_x: f32, stick_y: f32, aim_x: f32, aim_y: f32, aimed: bool, buttons: u32) {
        let aim = aimed.then_some(vec2(aim_x, aim_y));
        // The page's pointer refers to the picture that was drawn last.
        let aim_in_view = aim.zip(self.scene.camera_center()).map(|(aim, center)| aim - center);
        let stick = vec2(stick_x, stick_y).clamp(vec2(-1.0, -1.0), vec2(1.0, 1.0));
        self.pad = Some(Pad { stick, aim, aim_in_view, buttons });
    }

    /// Makes the ticks that are due. Call in every animation frame, and ten times a second while hidden.
    pub fn advance(&mut self, now: f64) {
        self.arrive(now);
        let pad = self.pad;
        self.tell(PageEvent::Advance(pad.as_ref()));
    }

    /// The next message to send; call until there is none, after every other call.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        // A client that leaves sends its last messages without delay, because the socket closes right after.
        let until_us = if self.leaving { u64::MAX } else { self.now_us };
        let message = self.outbound.poll(until_us)?;
        self.sent.add(message.len(), self.now_us);
        Some(message)
    }

    /// Whether [`Client::poll_transmit`] has a message. Every poll that gives a list or a text makes an object in
    /// JavaScript, even for nothing: a page asks before it polls.
    #[must_use]
    pub fn has_message(&self) -> bool {
        self.outbound.next_arrival_us().is_some_and(|arrival_us| self.leaving || arrival_us <= self.now_us)
    }

    /// Whether a sound, a silence, a notice or an event waits to be polled.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !(self.sounds.is_empty() && self.silences.is_empty() && self.notices.is_empty()) || self.player.has_event()
    }

    /// The code to close the WebSocket with, if it is to be closed: 1000 or one of an application, because a browser
    /// closes with no other. [`Client::closed`] may follow at once, without waiting for the other side.
    pub fn poll_close(&mut self) -> Option<u16> {
        self.close.take()
    }

    /// Draws the world into the scene, to be read until the next call that draws.
    pub fn draw(&mut self, now: f64) {
        self.arrive(now);
        self.settle();
        self.player.draw(self.now_us, &mut self.scene);
    }

    /// Address of the scene's first number in the module's memory.
    #[must_use]
    pub fn scene_ptr(&self) -> *const f32 {
        self.scene.commands().as_ptr()
    }

    /// Number of the scene's numbers.
    #[must_use]
    pub fn scene_len(&self) -> usize {
        self.scene.commands().len()
    }

    /// The texts of the scene.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.scene.texts().to_vec()
    }

    /// All players in the room, by seat: `[{seat, name, color, score, me, bot, connected}]` in JSON.
    #[must_use]
    pub fn players(&mut self) -> String {
        self.player.report(self.now_us).players()
    }

    /// The numbers for the network overlay, in JSON.
    #[must_use]
    pub fn stats(&mut self) -> String {
        let wire = Wire {
            game: self.game,
            code: &self.options.code,
            bytes_in_per_s: self.received.per_s(self.now_us),
            bytes_out_per_s: self.sent.per_s(self.now_us),
        };
        self.player.report(self.now_us).stats(&wire, &self.player.corrected_fields())
    }

    /// The next notice for the player, as JSON `{kind, text, code}`. `kind` is `joined` (without a text: the player
    /// itself), `resumed`, `old_build` (with the id of the server's build), `returned`, `away`, `left`, `reconnecting`,
    /// `refused`, `reload` or `room` (with the seat of the owner as code, and `locked` or nothing as text). News of
    /// topics are messages of `tickwire.json.1` instead, with `op` in place of `kind`.
    pub fn poll_notice(&mut self) -> Option<String> {
        self.notices.pop_front()
    }

    /// The next sound: pitch in hertz, length in milliseconds, wave (0 sine, 1 square, 2 triangle, 3 saw,
    /// 4 noise), loudness 0 to 1, and a number that [`Client::poll_silence`] may name later.
    pub fn poll_sound(&mut self) -> Option<Vec<f32>> {
        let (id, Tone { hz, ms, wave, volume }) = self.sounds.pop_front()?;
        let wave = match wave {
            Wave::Sine => 0.0,
            Wave::Square => 1.0,
            Wave::Triangle => 2.0,
            Wave::Saw => 3.0,
            Wave::Noise => 4.0,
        };
        // Sounds are short: the page never has two whose numbers agree in 24 bits.
        Some(vec![hz, f32::from(ms), wave, volume, (id & SOUND_ID_MAX) as f32])
    }

    /// The number of a sound to stop: its event has turned out not to have happened.
    pub fn poll_silence(&mut self) -> Option<u32> {
        self.silences.pop_front().map(|id| id & SOUND_ID_MAX)
    }

    /// The token that gets the seat back after a reload; it changes with every connection.
    #[must_use]
    pub fn resume_token(&mut self) -> Option<String> {
        self.player.report(self.now_us).resume.as_ref().map(token_hex)
    }

    /// Imitates another network from now on: the one of this name (see [`profiles`]), or else one with these
    /// properties.
    pub fn set_link(&mut self, profile: &str, latency_ms: f64, jitter_ms: f64, stall_percent: f64, now: f64) {
        self.arrive(now);
        self.settle();
        let named = LinkProfile::named(profile);
        let profile = named.unwrap_or_else(|| link_profile(latency_ms, jitter_ms, stall_percent));
        self.inbound.set_profile(profile);
        self.outbound.set_profile(profile);
    }

    /// Hears and says something beside the game:
    ///
    /// | op | does | text | gives |
    /// | --- | --- | --- | --- |
    /// | 0 | subscribes to the topic | the id after which, or nothing | 0 |
    /// | 1 | leaves it | nothing | 0 |
    /// | 2 | publishes to it | the body | the number that the receipt names |
    /// | 3 | reports what the player has seen | the newest id | 0 |
    /// | 4 | blocks the player whose id is in place of the topic | nothing, to hear the player again | 1 if done |
    pub fn topic(&mut self, op: u8, topic: &str, text: &str) -> f64 {
        let result = topics::call(self.player.topics(), op, topic, text);
        self.settle();
        // Numbers of messages start below 2⁵³, and 1 is exact too.
        result as f64
    }

    /// Gives the room an order, which it obeys if this player owns it: 0 unlocks it, 1 locks it, and the player in a seat
    /// is 2 kicked, 3 banned or 4 made the owner.
    pub fn order(&mut self, op: u8, seat: u8) {
        let Some(seat) = Seat::new(seat) else { return };
        self.tell(PageEvent::Order(match op {
            0 | 1 => ClientControl::Lock(op == 1),
            2 => ClientControl::Kick(seat),
            3 => ClientControl::Ban(seat),
            4 => ClientControl::HandOver(seat),
            _ => return,
        }));
    }

    /// Starts a match anew with these options, as JSON, if this player owns the room; empty for the default ones.
    pub fn start_match(&mut self, options: &str) {
        self.tell(PageEvent::Order(ClientControl::Start(options.into())));
    }

    /// Leaves the room for good: the seat is free at once.
    pub fn leave(&mut self) {
        self.leaving = true;
        self.tell(PageEvent::Leave);
    }
}

#[cfg(feature = "test-hooks")]
#[wasm_bindgen]
impl Client {
    /// Damages a field of the world that this client holds, as broken memory would: to test that the damage is noticed
    /// and healed. False when there is no world yet.
    pub fn damage(&mut self, seed: u32) -> bool {
        self.player.damage(&mut tickwire::Rng::new(seed.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;
    use crate::module::register;
    use tickwire::Tick;
    use tickwire::message::close::version_reason;
    use tickwire::message::control::{Hello, Player, SecretText, ServerControl, Welcome, fingerprint};
    use tickwire::message::topics::{Author, ClientTopic, PlayerId, PlayerKey, Receipt, ServerTopic, TopicRefusal};

    fn client(link: &str) -> Client {
        register::<Dot>();
        Client::open(&format!("code=C4FK9T&name=Ada&seed=7{link}"), 0).unwrap()
    }

    fn welcome() -> Vec<u8> {
        let ada = Player { seat: Seat::default(), name: "Ada".into(), bot: false, away: false };
        Welcome {
            seat: Some(Seat::default()),
            tick: Tick(500),
            resume: [0xa5; 16],
            resumed: false,
            newest_input: None,
            players: vec![ada],
            build: 0x0b,
        }
        .encode()
    }

    const CHAT: &str = "room/C4FK9T";

    fn granted() -> Vec<u8> {
        let topic = CHAT.to_owned();
        ServerTopic::Granted { number: 3, topic, newest: 1 << 60, may_publish: true, bytes_max: 512 }.encode()
    }

    fn line(number: u64) -> Vec<u8> {
        let from = Some(Author { player: PlayerId([1; 10]), name: "Ada".into() });
        let (id, body) = ((1 << 60) + 1 + number, number.to_string());
        ServerTopic::Message { number: 3, id, key: String::new(), from, at_ms: 1 << 41, body }.encode()
    }

    /// The notices and news of topics that wait, as JSON.
    fn news(client: &mut Client) -> Vec<serde_json::Value> {
        std::iter::from_fn(|| client.poll_notice()).map(|json| serde_json::from_str(&json).unwrap()).collect()
    }

    fn notices(client: &mut Client) -> Vec<String> {
        let word = |notice: &serde_json::Value, name: &str| notice[name].as_str().unwrap_or_default().to_owned();
        let read = |notice: &serde_json::Value| match word(notice, "op") {
            op if op.is_empty() => format!("{} {}", word(notice, "kind"), word(notice, "text")),
            op => format!("{op} {}", word(notice, "body")),
        };
        news(client).iter().map(read).collect()
    }

    /// What the client sends now about topics.
    fn said(client: &mut Client) -> Vec<ClientTopic> {
        std::iter::from_fn(|| client.poll_transmit()).filter_map(|bytes| ClientTopic::decode(&bytes).ok()).collect()
    }

    /// A client that is welcomed, with a key, and has sent what it had to say by then.
    fn player_with_key() -> Client {
        let mut client = client("&key=000102030405060708090a0b0c0d0eff&seq=9007199254740000");
        assert!(client.poll_dial(0.0));
        client.opened(0.0);
        let hello = Hello::decode(&client.poll_transmit().unwrap()).unwrap();
        assert_eq!(hello.player, Some(PlayerKey([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255])));
        client.receive(welcome(), 0.0);
        assert!(said(&mut client).is_empty());
        news(&mut client);
        client
    }

    fn stats(client: &mut Client) -> serde_json::Value {
        serde_json::from_str(&client.stats()).unwrap()
    }

    #[test]
    fn options_that_are_no_options_open_nothing_nor_does_a_module_without_a_game() {
        assert_eq!(Client::open("", 0).err(), Some(OptionsError::Malformed));
        assert_eq!(Client::open("code=C4FK9T&name=Ada", 0).err(), Some(OptionsError::NoGame));
    }

    #[test]
    fn a_client_connects_sends_its_hello_and_is_welcomed_at_once_on_a_perfect_link() {
        let mut client = client("");
        assert!(client.poll_dial(10.0));
        assert!(!client.poll_dial(11.0), "once for every connection");
        client.opened(20.0);
        let hello = Hello::decode(&client.poll_transmit().unwrap()).unwrap();
        assert_eq!((hello.game.as_str(), hello.code.as_str(), hello.name.as_str()), ("dot", "C4FK9T", "Ada"));
        assert_eq!(client.poll_transmit(), None);
        assert_eq!(client.resume_token(), None);
        client.receive(welcome(), 30.0);
        assert_eq!(notices(&mut client), ["joined "]);
        assert_eq!(client.resume_token(), Some("a5".repeat(16)));
        let players: serde_json::Value = serde_json::from_str(&client.players()).unwrap();
        assert_eq!((&players[0]["name"], &players[0]["me"]), (&"Ada".into(), &true.into()));
        let stats = stats(&mut client);
        assert_eq!((&stats["connected"], &stats["seat"]), (&true.into(), &0.into()));
        assert!(stats["bytes_in_per_s"].as_u64() > Some(0) && stats["bytes_out_per_s"].as_u64() > Some(0));
    }

    #[test]
    fn the_imitated_link_delays_both_ways_and_keeps_order() {
        let mut client = client("&latency_ms=100&jitter_ms=40&stall_percent=5");
        assert!(client.poll_dial(0.0));
        client.opened(0.0);
        assert_eq!(client.poll_transmit(), None, "the hello is on its way");
        client.advance(1_000.0);
        assert!(client.poll_transmit().is_some());
        client.receive(welcome(), 1_000.0);
        assert_eq!(client.resume_token(), None, "the welcome is on its way");
        client.topic(0, CHAT, "");
        let mut heard = Vec::new();
        client.receive(granted(), 1_000.5);
        for step in 0..400_u32 {
            let now = 1_001.0 + f64::from(step) * 16.0;
            if step < 200 {
                client.receive(line(step.into()), now);
            }
            client.advance(now);
            heard.extend(notices(&mut client));
        }
        let expected = (0..200).map(|number| format!("message {number}"));
        assert!(heard.into_iter().eq(["joined ".to_string(), "granted ".to_string()].into_iter().chain(expected)));
    }

    #[test]
    fn a_page_subscribes_publishes_reads_and_blocks() {
        let mut client = player_with_key();
        let bob = PlayerId([2; 10]);
        client.topic(0, CHAT, "7");
        assert_eq!(client.topic(2, CHAT, "hi"), 9_007_199_254_740_000.0);
        assert_eq!(client.topic(4, &bob.to_string(), "1"), 1.0);
        assert_eq!(client.topic(4, "nobody", "1"), 0.0);
        let expected = [
            ClientTopic::Subscribe { topic: CHAT.into(), after: Some(7) },
            ClientTopic::Publish { topic: CHAT.into(), seq: 9_007_199_254_740_000, body: "hi".into() },
            ClientTopic::Block { player: bob, blocked: true },
        ];
        assert_eq!(said(&mut client), expected);
        client.receive(granted(), 1.0);
        client.receive(line(0), 1.0);
        client.topic(3, CHAT, &(1_u64 << 60).to_string());
        client.topic(3, CHAT, "no id");
        client.topic(4, &bob.to_string(), "");
        client.topic(1, CHAT, "");
        let expected = [ClientTopic::Block { player: bob, blocked: false }, ClientTopic::Leave { number: 3 }];
        let said = said(&mut client);
        assert!(matches!(said[0], ClientTopic::Mark { number: 3, id, read: false } if id == (1 << 60) + 1), "{said:?}");
        assert!(matches!(said[1], ClientTopic::Mark { number: 3, id, read: true } if id == 1 << 60), "{said:?}");
        assert_eq!(said[2..], expected);
    }

    #[test]
    fn a_page_hears_of_the_owner_and_gives_the_orders_of_one() {
        let mut client = player_with_key();
        client.receive(ServerControl::Room { owner: Seat::new(3), locked: true, matches: 0 }.encode(), 1.0);
        client.receive(ServerControl::Room { owner: None, locked: false, matches: 1 }.encode(), 1.0);
        client.receive(ServerControl::NotStarted { fault: "teams is 9".into() }.encode(), 1.0);
        let expected = serde_json::json!([
            {"kind": "room", "text": "locked", "code": 3},
            {"kind": "room", "text": "", "code": null},
            {"kind": "started", "text": "", "code": null},
            {"kind": "not_started", "text": "teams is 9", "code": null},
        ]);
        assert_eq!(serde_json::Value::from(news(&mut client)), expected);
        (0..6).for_each(|op| client.order(op, 2));
        client.order(2, 200);
        client.start_match(r#"{"teams":3}"#);
        let sent = std::iter::from_fn(|| client.poll_transmit()).filter_map(|bytes| ClientControl::decode(&bytes).ok());
        let seat = Seat::new(2).unwrap();
        let expected = [
            ClientControl::Lock(false),
            ClientControl::Lock(true),
            ClientControl::Kick(seat),
            ClientControl::Ban(seat),
            ClientControl::HandOver(seat),
            ClientControl::Start(r#"{"teams":3}"#.into()),
        ];
        assert_eq!(sent.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_secret_of_a_room_is_in_the_hello_of_every_connection() {
        let mut client = client("&secret=sesame");
        for now in [0.0, 10_000.0] {
            assert!(client.poll_dial(now));
            client.opened(now);
            let hello = Hello::decode(&client.poll_transmit().unwrap()).unwrap();
            assert_eq!(hello.secret, Some(SecretText("sesame".into())));
            client.closed(1012, now, None);
        }
    }

    #[test]
    fn news_of_topics_are_in_the_words_of_the_protocol() {
        let mut client = player_with_key();
        client.topic(0, CHAT, "");
        let (seq, player) = (client.topic(2, CHAT, "one") as u64, PlayerId([1; 10]));
        client.topic(2, CHAT, "two");
        let topic = || CHAT.to_owned();
        client.receive(granted(), 1.0);
        client.receive(line(0), 1.0);
        let list =
            ServerTopic::Message { number: 3, id: 1 << 61, key: "k".into(), from: None, at_ms: 7, body: "".into() };
        let taken = Receipt::Taken { id: 1 << 60, kept: false };
        let refused = Receipt::Refused { refusal: TopicRefusal::Muted, wait_ms: 9 };
        for message in [
            ServerTopic::You { player, name: "Ada".into() },
            list,
            ServerTopic::Gap { number: 3, from: (1 << 61) + 1, to: (1 << 61) + 2 },
            ServerTopic::Marked { number: 3, player, delivered: 1 << 60, read: 0 },
            ServerTopic::Receipt { seq, receipt: taken },
            ServerTopic::Receipt { seq: seq + 1, receipt: refused },
            ServerTopic::Ended { number: 3 },
        ] {
            client.receive(message.encode(), 1.0);
        }
        client.topic(0, CHAT, "");
        let refusal = TopicRefusal::TooMany;
        client.receive(ServerTopic::Refused { topic: topic(), refusal, wait_ms: 0 }.encode(), 1.0);
        let who = "040g2081040g2081";
        let expected = serde_json::json!([
            {"op": "granted", "topic": CHAT, "newest": "1152921504606846976", "may_publish": true, "bytes_max": 512},
            {"op": "message", "topic": CHAT, "id": "1152921504606846977", "from": {"player": who, "name": "Ada"},
             "at_ms": 2_199_023_255_552_u64, "body": "0"},
            {"op": "you", "player": who, "name": "Ada"},
            {"op": "message", "topic": CHAT, "id": "2305843009213693952", "key": "k", "at_ms": 7, "body": ""},
            {"op": "gap", "topic": CHAT, "from": "2305843009213693953", "to": "2305843009213693954"},
            {"op": "read", "topic": CHAT, "player": who, "delivered": "1152921504606846976", "read": "0"},
            {"op": "receipt", "seq": 9_007_199_254_740_000_u64, "id": "1152921504606846976", "kept": false},
            {"op": "receipt", "seq": 9_007_199_254_740_001_u64, "why": "muted", "wait_ms": 9},
            {"op": "ended", "topic": CHAT},
            {"op": "refused", "topic": CHAT, "why": "too_many", "wait_ms": 0},
        ]);
        assert_eq!(serde_json::Value::from(news(&mut client)), expected);
    }

    #[test]
    fn a_page_that_does_not_ask_for_news_leaves_them_where_they_are_bounded() {
        let mut client = player_with_key();
        client.topic(0, CHAT, "");
        client.receive(granted(), 1.0);
        (0..3_000).for_each(|number| client.receive(line(number), 2.0));
        assert_eq!(client.notices.len(), NOTICES_MAX);
        let mut heard = 0;
        while client.has_news() {
            heard += news(&mut client).len();
            client.advance(3.0);
        }
        assert!((1_000..1_500).contains(&heard), "{heard}");
        client.receive(line(3_000), 4.0);
        assert_eq!(notices(&mut client), ["gap ", "message 3000"]);
    }

    #[test]
    fn a_page_learns_with_each_welcome_that_the_server_is_of_another_build() {
        for (option, told) in [("", false), ("&build=000000000000000b", false), ("&build=0c", true)] {
            let mut client = client(option);
            for connection in 0..2 {
                let now = f64::from(connection) * 10_000.0;
                assert!(client.poll_dial(now));
                client.opened(now);
                client.receive(welcome(), now);
                let expected = ["joined ", "old_build 000000000000000b"];
                assert_eq!(notices(&mut client), expected[..1 + usize::from(told)], "{option}");
                client.closed(1012, now, None);
                assert_eq!(notices(&mut client), ["reconnecting "]);
            }
        }
    }

    #[test]
    fn a_closed_connection_loses_the_messages_on_their_way() {
        let mut client = client("&latency_ms=100");
        assert!(client.poll_dial(0.0));
        client.opened(0.0);
        client.receive(welcome(), 0.0);
        client.closed(1012, 10.0, None);
        client.advance(400.0);
        assert_eq!(client.poll_transmit(), None);
        assert_eq!(notices(&mut client), ["reconnecting "]);
        assert_eq!(client.resume_token(), None);
        assert!(client.poll_dial(600.0), "the first retry comes within half a second");
    }

    #[test]
    fn a_silent_connection_is_closed_and_opened_again() {
        let mut client = client("");
        assert!(client.poll_dial(0.0));
        client.opened(0.0);
        client.receive(welcome(), 0.0);
        client.advance(5_000.0);
        assert_eq!(client.poll_close(), None);
        client.advance(6_500.0);
        assert_eq!(client.poll_close(), Some(4008));
        client.closed(4008, 6_500.0, None);
        assert_eq!(client.poll_close(), None);
        assert!(client.poll_dial(7_100.0));
    }

    #[test]
    fn a_client_that_leaves_sends_its_goodbye_even_on_a_slow_link() {
        let mut client = client("&latency_ms=1000");
        assert!(client.poll_dial(0.0));
        client.opened(0.0);
        client.receive(welcome(), 0.0);
        client.advance(500.0);
        let before = std::iter::from_fn(|| client.poll_transmit()).count();
        assert_eq!(before, 1, "the hello");
        client.leave();
        assert!(client.poll_transmit().is_some());
        assert_eq!(client.poll_close(), Some(1000));
        client.closed(1000, 501.0, None);
        assert!(!client.poll_dial(9_000.0));
        assert_eq!(notices(&mut client), ["joined "], "a client that leaves gets no notice of it");
    }

    #[test]
    fn refusals_end_the_session_and_an_old_page_is_to_reload() {
        let ours = fingerprint::<Dot>();
        let version = version_reason(0x0b);
        for (code, reason, expected) in [
            (4003, "no such room", "refused no such room of `dot` on this server".to_owned()),
            (
                4009,
                version.as_str(),
                format!(
                    "reload the page's `dot` was built from another version of the game than the server's (fingerprint {ours:016x}, the server has 000000000000000b)"
                ),
            ),
            (4009, "", format!("reload the page's `dot` and the server do not fit (fingerprint {ours:016x}")),
        ] {
            let mut client = client("");
            assert!(client.poll_dial(0.0));
            client.closed(code, 10.0, Some(reason.to_owned()));
            let told = notices(&mut client);
            assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
            assert!(!client.poll_dial(60_000.0));
        }
    }

    #[test]
    fn a_scene_is_there_before_the_first_snapshot() {
        let mut client = client("");
        client.draw(0.0);
        assert_eq!(client.scene_len(), 5, "the camera on an empty field");
        client.draw(16.0);
        assert_eq!(client.scene_len(), 5);
    }

    #[test]
    fn a_page_s_clock_is_never_negative() {
        assert_eq!(microseconds(1_234.567_8), 1_234_567);
        assert_eq!((microseconds(-1.0), microseconds(f64::NAN)), (0, 0));
    }
}
