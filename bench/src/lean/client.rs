//! One client of a lean load: a socket, the frames that arrive on it, and the messages that are due.

use super::talk::{Heard, Talk};
use super::tally::Tally;
use std::io::{ErrorKind, Read, Write};
use tickwire_tools::frame::{Frame, Kind, first_frame, put_masked};
use tickwire_tools::measure::Distribution;
use tickwire_tools::topic_ear::TopicEar;
use tickwire_tools::wire::Wire;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: Wire,
    talk: Talk,
    /// The start of a frame whose end has not arrived yet.
    rest: Vec<u8>,
    /// A message that is sent, before and after it is framed.
    message: Vec<u8>,
    framed: Vec<u8>,
    /// The time at which the last snapshot arrived.
    arrived_us: Option<u64>,
    snapshots: u64,
    end: Option<String>,
}

impl Client {
    pub(super) const fn new(stream: Wire, talk: Talk) -> Self {
        Self {
            stream,
            talk,
            rest: Vec::new(),
            message: Vec::new(),
            framed: Vec::new(),
            arrived_us: None,
            snapshots: 0,
            end: None,
        }
    }

    /// Whether the client has all that it came for: snapshots of its room, and its topic.
    pub(super) fn is_up(&self) -> bool {
        let plays = self.snapshots > 0 || !self.talk.has_room();
        plays && self.ear().is_none_or(TopicEar::is_granted) && self.end.is_none()
    }

    /// Subscribes to a topic, where the client is in a room.
    pub(super) fn listen(&mut self, topic: &str) {
        self.message.clear();
        if self.end.is_none() && self.talk.listen(topic, &mut self.message) {
            self.send(Kind::Binary);
        }
    }

    pub(super) fn ear(&self) -> Option<&TopicEar> {
        self.talk.ear()
    }

    pub(super) fn end(&self) -> Option<&str> {
        self.end.as_deref()
    }

    pub(super) const fn forget_arrival(&mut self) {
        self.arrived_us = None;
    }

    /// Sends the client's first message, if the protocol has the client speak first.
    pub(super) fn greet(&mut self) {
        self.message.clear();
        if self.talk.greet(&mut self.message) {
            self.send(Kind::Binary);
        }
    }

    /// Reads all bytes that have arrived.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        now_us: u64,
        tally: &mut Tally,
        mut intervals_us: Option<&mut Distribution>,
    ) {
        while self.end.is_none() {
            match self.stream.read(scratch) {
                Ok(0) => self.end = Some("the server hung up".into()),
                Ok(count) => {
                    self.take_in(&scratch[..count], now_us, tally, intervals_us.as_deref_mut());
                    // Bytes that arrive after a short read are reported as a new event; those of TLS may wait in the
                    // session.
                    if count < scratch.len() && matches!(self.stream, Wire::Plain(_)) {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.end = Some(error.to_string()),
            }
        }
    }

    /// Reads frames from bytes that arrived, and keeps the start of a frame that is cut off.
    pub(super) fn take_in(
        &mut self,
        bytes: &[u8],
        now_us: u64,
        tally: &mut Tally,
        intervals_us: Option<&mut Distribution>,
    ) {
        if self.rest.is_empty() {
            let read = self.hear_all(bytes, now_us, tally, intervals_us);
            self.rest.extend_from_slice(&bytes[read..]);
            return;
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let read = self.hear_all(&rest, now_us, tally, intervals_us);
        rest.drain(..read);
        self.rest = rest;
    }

    /// Reads the complete frames at the start of `bytes` and gives their length.
    fn hear_all(
        &mut self,
        bytes: &[u8],
        now_us: u64,
        tally: &mut Tally,
        mut intervals_us: Option<&mut Distribution>,
    ) -> usize {
        let mut read = 0;
        while self.end.is_none() {
            match first_frame(&bytes[read..]) {
                Ok(Some(frame)) => {
                    self.hear(frame, now_us, tally, intervals_us.as_deref_mut());
                    read += frame.len;
                }
                Ok(None) => break,
                Err(error) => self.end = Some(error.to_string()),
            }
        }
        read
    }

    fn hear(&mut self, frame: Frame<'_>, now_us: u64, tally: &mut Tally, intervals_us: Option<&mut Distribution>) {
        match frame.kind {
            Kind::Binary => {}
            Kind::Ping => {
                self.message.clear();
                self.message.extend_from_slice(frame.payload);
                return self.send(Kind::Pong);
            }
            Kind::Pong => return,
            Kind::Close => {
                let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                self.end = Some(format!("the server closed it with code {code}"));
                return;
            }
            Kind::Text => {
                self.end = Some("the server sent text".into());
                return;
            }
        }
        tally.wire_bytes_in += frame.len as u64;
        self.message.clear();
        let is_keyframe = match self.talk.hear(frame.payload, &mut self.message) {
            Ok(Heard::Snapshot { is_keyframe }) => is_keyframe,
            Ok(Heard::Other) => return,
            Ok(Heard::Answer) => return self.send(Kind::Binary),
            Err(error) => {
                self.end = Some(error.to_string());
                return;
            }
        };
        let (bytes, keyframes) = (frame.payload.len() as u64, u64::from(is_keyframe));
        tally.snapshots += 1;
        tally.keyframes += keyframes;
        tally.keyframe_bytes += bytes * keyframes;
        tally.delta_bytes += bytes * (1 - keyframes);
        self.snapshots += 1;
        if let (Some(intervals_us), Some(before_us)) = (intervals_us, self.arrived_us) {
            let gap_us = now_us.saturating_sub(before_us);
            intervals_us.record(gap_us);
            tally.gaps_us = (tally.gaps_us.0 + gap_us, tally.gaps_us.1 + 1);
        }
        self.arrived_us = Some(now_us);
    }

    /// Sends the input that is due, if the server has already sent all that an input needs.
    pub(super) fn play(&mut self, tally: &mut Tally) {
        self.message.clear();
        if self.end.is_none() && self.talk.input(&mut self.message) {
            self.send(Kind::Binary);
            tally.inputs += 1;
            tally.wire_bytes_out += self.framed.len() as u64;
        }
    }

    /// Writes the message. A socket that does not accept so few bytes at once counts as lost.
    fn send(&mut self, kind: Kind) {
        self.framed.clear();
        put_masked(&mut self.framed, kind, &self.message);
        match self.stream.write(&self.framed) {
            Ok(count) if count == self.framed.len() => {}
            Ok(count) => self.end = Some(format!("the socket accepted only {count} bytes of a message")),
            Err(error) => self.end = Some(error.to_string()),
        }
    }
}
