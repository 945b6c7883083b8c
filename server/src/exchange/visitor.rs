//! A visitor: a connection that hears topics and is in no room.

use super::{Position, Shared, Stall};
use crate::gate::Visit;
use crate::limits::{
    CLOSE_DRAIN, DISCARDED_BYTES_MAX, VISITOR_PING_INTERVAL, VISITOR_SILENCE_MAX, VISITOR_WRITE_BYTES_MAX,
    WRITE_STALL_MAX,
};
use crate::mailbox::{Form, NewVisitor, VisitorHello};
use crate::matchmaking::{RATING_UNKNOWN, Seeker};
use crate::metrics::Side;
use crate::names::clean_name;
use crate::operators::{Operator, Role};
use crate::room::Origin;
use crate::socket::Stream;
use crate::topics::json::{self, Ask, JsonFault, JsonMessage, JsonOperator, JsonRequest, News, NotQueued};
use crate::topics::{ClientId, Delivery, Farewell, Flood, Identity, Intake, LaneItem};
use crate::websocket::address::{AddressClass, AddressKey};
use crate::websocket::frame::{
    FrameReader, Incoming, put_close, put_close_answer, put_message, put_ping, put_pong, put_text,
};
use std::rc::Rc;
use std::sync::Arc;
use tickwire::message::close::CloseCode;
use tickwire::message::control::SecretText;
use tickwire::message::topics::{ClientTopic, ServerTopic, TopicRefusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, interval_at, timeout};

/// The name of a visitor who gives none.
const NAMELESS: &str = "guest";

/// Milliseconds after which an operator that asks for too much may ask again.
const RETRY_MS: u32 = 1_000;

/// The reason for which a visitor's connection ends.
enum End {
    /// The socket is closed or broken.
    Lost,
    Close(CloseCode),
    ClosedByClient(Option<u16>),
}

/// A visitor, before and after the hub knows it.
struct Visitor {
    exchange: Rc<Shared>,
    form: Form,
    /// Whether it came to the listener of operators.
    is_operator: bool,
    /// The things that it may do there, once it has said a token or none.
    operator: Option<OperatorHere>,
    origin: Origin,
    /// The address for the log; `None` for one that limits exempt.
    address: Option<AddressKey>,
    stall: Rc<Stall>,
    /// `None` until the hello has come, or the first message without one.
    client: Option<ClientId>,
    /// The player as one who may wait for a match; `None` for one that nobody could find again.
    seeker: Option<Seeker>,
    flood: Flood,
    /// Frames that answer the visitor's own and are no message: pongs, and the words before a close.
    frames: Vec<u8>,
}

/// An operator with the token by which it was let in, because the file of operators may change.
struct OperatorHere {
    operator: Operator,
    token: Option<SecretText>,
    /// The number of the reading of the file.
    reading: u64,
}

/// Serves a visitor until its connection ends.
pub(super) async fn serve(exchange: Rc<Shared>, new: NewVisitor) {
    let NewVisitor { socket, mut reader, form, hello, is_operator, origin, counted } = new;
    let Ok(mut stream) = socket.into_stream() else { return };
    let stall = Rc::new(Stall::default());
    let is_full = {
        let mut all = exchange.get();
        all.visitors += 1;
        all.metrics.visitors.increment(1.0);
        all.visitors > all.visitors_max
    };
    let mut visitor = Visitor {
        exchange: Rc::clone(&exchange),
        form,
        is_operator,
        operator: None,
        origin,
        address: counted.address,
        stall,
        client: None,
        seeker: None,
        flood: Flood::default(),
        frames: Vec::new(),
    };
    let entered = hello.map_or(Ok(()), |hello| visitor.enter(hello).map(drop));
    let end = match entered {
        _ if is_full => End::Close(CloseCode::Overloaded),
        Err(end) => end,
        Ok(()) => visitor.run(&mut stream, &mut reader).await,
    };
    visitor.leave(&end);
    drop(counted);
    say_goodbye(&mut stream, &end, &visitor).await;
}

/// Writes the last frame and waits for the peer to close, for a moment.
async fn say_goodbye(stream: &mut Stream, end: &End, visitor: &Visitor) {
    let mut last = visitor.frames.clone();
    let metrics = Arc::clone(&visitor.exchange.get().metrics);
    match end {
        End::Lost => return metrics.connections_lost.increment(1),
        End::Close(code) => {
            let from = AddressClass::of(visitor.address);
            tracing::debug!(%from, code = code.number(), reason = code.reason(), "a visitor was closed");
            put_close(&mut last, *code);
            match visitor.client {
                Some(_) => metrics.closed(Some(code.number()), Side::Server),
                // It was not let in.
                None => metrics.refused_hello(*code),
            }
        }
        End::ClosedByClient(code) => {
            put_close_answer(&mut last, *code);
            metrics.closed(*code, Side::Client);
        }
    }
    let goodbye = async {
        stream.write_all(&last).await?;
        stream.shutdown().await?;
        stream.drain(DISCARDED_BYTES_MAX).await
    };
    let _ = timeout(CLOSE_DRAIN, goodbye).await;
}

impl Visitor {
    async fn run(&mut self, stream: &mut Stream, reader: &mut FrameReader) -> End {
        let mut stop = self.exchange.get().stop.subscribe();
        let mut pings = interval_at(Instant::now() + VISITOR_PING_INTERVAL, VISITOR_PING_INTERVAL);
        let mut heard_at = Instant::now();
        let stall = Rc::clone(&self.stall);
        loop {
            if stall.is_expelled.get() || !self.is_still_let_in() {
                return End::Close(CloseCode::Auth);
            }
            if let Err(end) = self.take_in(reader) {
                return end;
            }
            if let Err(end) = self.write(stream).await {
                return end;
            }
            tokio::select! {
                biased;
                code = stop.wait_for(Option::is_some) => {
                    return End::Close(code.ok().and_then(|code| *code).unwrap_or(CloseCode::Away));
                }
                _ = pings.tick() => {
                    if heard_at.elapsed() > VISITOR_SILENCE_MAX {
                        return End::Close(CloseCode::Silent);
                    }
                    put_ping(&mut self.frames);
                }
                read = stream.read(reader.space()) => match read {
                    Ok(0) | Err(_) => return End::Lost,
                    Ok(count) => {
                        reader.filled(count);
                        heard_at = Instant::now();
                    }
                },
                () = stall.bell.notified() => {}
            }
        }
    }

    /// Takes in the messages that have arrived.
    fn take_in(&mut self, reader: &mut FrameReader) -> Result<(), End> {
        loop {
            let now_us = self.exchange.get().clock.now_us();
            let incoming = reader.poll(now_us).map_err(End::Close)?;
            let is_message = matches!(incoming, Some(Incoming::Message(_) | Incoming::Text(_)));
            if is_message && !self.flood.count(now_us) {
                return Err(End::Close(CloseCode::Rate));
            }
            match (incoming, self.form) {
                (None, _) => return Ok(()),
                (Some(Incoming::Message(message)), Form::Binary) => {
                    let message = ClientTopic::decode(message).map_err(|_| End::Close(CloseCode::Malformed))?;
                    self.hear(message)?;
                }
                (Some(Incoming::Text(text)), Form::Json) => match JsonRequest::parse(text) {
                    Ok(request) => self.hear_json(request)?,
                    Err(fault) => return Err(self.explain(&fault)),
                },
                (Some(Incoming::Message(_) | Incoming::Text(_)), _) => return Err(End::Close(CloseCode::Malformed)),
                (Some(Incoming::Ping(payload)), _) => put_pong(&mut self.frames, payload),
                (Some(Incoming::Pong), _) => {}
                (Some(Incoming::Close { code }), _) => return Err(End::ClosedByClient(code)),
            }
        }
    }

    /// Says what is wrong with a message, before the connection is closed for it.
    fn explain(&mut self, fault: &JsonFault) -> End {
        self.say_error(&fault.to_string(), fault.help())
    }

    fn say_error(&mut self, what: &str, help: &str) -> End {
        put_text(&mut self.frames, &JsonMessage::Error { what, help }.to_text());
        End::Close(CloseCode::Malformed)
    }

    fn enter(&mut self, hello: VisitorHello) -> Result<ClientId, End> {
        if let Some(client) = self.client {
            return Ok(client);
        }
        let VisitorHello { name, key, ticket, token } = hello;
        self.let_in(token)?;
        let gate = Arc::clone(&self.exchange.get().gate);
        let Visit { player, name: vouched, may_return, is_guest, rating } =
            gate.visit(key, ticket.as_ref()).map_err(End::Close)?;
        let name = vouched.unwrap_or(name);
        let name = if name.is_empty() { NAMELESS.into() } else { clean_name(&name) };
        let (is_operator, origin) = (self.is_operator, self.origin);
        let reads_json = self.form == Form::Json;
        // The listener of operators is for those who run the server: nobody has to vouch for them.
        let is_guest = is_guest && !is_operator;
        let identity = Identity { player, may_return, is_guest, name: name.clone(), room: None, reads_json, origin };
        let mut exchange = self.exchange.get();
        let now_ms = exchange.now_ms();
        let client = exchange.hub.enter(identity, now_ms);
        exchange.places.insert(client, Position::Visit(Rc::clone(&self.stall)));
        if may_return && reads_json {
            let seeker = Seeker { client, player, name, rating: rating.unwrap_or(RATING_UNKNOWN) };
            exchange.matchmaking.here(&seeker, now_ms);
            self.seeker = Some(seeker);
        }
        exchange.deliver();
        self.client = Some(client);
        Ok(client)
    }

    fn leave(&self, end: &End) {
        let mut exchange = self.exchange.get();
        exchange.visitors -= 1;
        exchange.metrics.visitors.decrement(1.0);
        exchange.metrics.topic_messages_lost.increment(self.stall.lane.borrow_mut().take_lost());
        if let Some(client) = self.client {
            let how = if matches!(end, End::Lost) { Farewell::Lost } else { Farewell::Left };
            let now_ms = exchange.now_ms();
            exchange.gone(client, how, now_ms);
            exchange.deliver();
        }
    }

    fn hear_json(&mut self, request: JsonRequest) -> Result<(), End> {
        let number_of = |visitor: &Self, topic: &str| {
            let exchange = visitor.exchange.get();
            visitor.client.and_then(|client| exchange.hub.number_of(client, topic))
        };
        let message = match request {
            JsonRequest::Hello { name, key, ticket, token } => {
                // A hello that comes later changes nothing: others know the player by then.
                let name = name.unwrap_or_default();
                return self.enter(VisitorHello { name, key, ticket, token }).map(drop);
            }
            JsonRequest::Match(ask) => return self.want_match(ask),
            JsonRequest::Subscribe { topic, .. } if self.is_of_operators(&topic) => return self.want_briefing(&topic),
            JsonRequest::Leave { topic } if self.is_of_operators(&topic) => {
                let ended = self.client.and_then(|client| self.exchange.get().end_briefing(client, &topic));
                ended.into_iter().for_each(|text| put_text(&mut self.frames, &text));
                return Ok(());
            }
            JsonRequest::Subscribe { topic, after } => ClientTopic::Subscribe { topic, after },
            JsonRequest::Publish { topic, seq, body } => ClientTopic::Publish { topic, seq, body },
            JsonRequest::Block { player, blocked } => ClientTopic::Block { player, blocked },
            JsonRequest::Leave { topic } => match number_of(self, &topic) {
                Some(number) => ClientTopic::Leave { number },
                None => return Ok(()),
            },
            JsonRequest::Mark { topic, id, read } => match number_of(self, &topic) {
                Some(number) => ClientTopic::Mark { number, id, read },
                None => return Ok(()),
            },
        };
        self.hear(message)
    }

    /// Judges the token of somebody who has come to the listener of operators; elsewhere nobody has one.
    fn let_in(&mut self, token: Option<SecretText>) -> Result<(), End> {
        if !self.is_operator {
            return match token {
                None => Ok(()),
                Some(_) => Err(self.say_error("a token is for the operators' port", "leave it out here")),
            };
        }
        let (found, reading) = {
            let access = &self.exchange.get().console.access;
            // In this order: a file that is read in between is noticed with the next message.
            let reading = access.reading();
            (access.of_token(token.as_ref().map(|token| token.0.as_bytes())), reading)
        };
        match found {
            Ok(operator) => {
                self.operator = Some(OperatorHere { operator, token, reading });
                Ok(())
            }
            Err(denied) => {
                self.say_error(&denied.to_string(), denied.help());
                Err(End::Close(CloseCode::Auth))
            }
        }
    }

    /// Whether the file of operators still has the one who was let in, with the same role.
    fn is_still_let_in(&mut self) -> bool {
        let Some(here) = &mut self.operator else { return true };
        let exchange = self.exchange.get();
        let access = &exchange.console.access;
        if here.reading == access.reading() {
            return true;
        }
        here.reading = access.reading();
        access.of_token(here.token.as_ref().map(|token| token.0.as_bytes())).as_ref() == Ok(&here.operator)
    }

    /// Whether a topic is one of the dashboard, and the visitor may ask for it.
    fn is_of_operators(&self, topic: &str) -> bool {
        self.is_operator && topic.starts_with("admin/")
    }

    fn want_briefing(&mut self, topic: &str) -> Result<(), End> {
        let client = self.enter(VisitorHello::default())?;
        let now_us = self.exchange.get().clock.now_us();
        let text = if self.flood.take(now_us) {
            self.exchange.get().brief(client, topic)
        } else {
            JsonMessage::Refused { topic, why: TopicRefusal::Rate, wait_ms: RETRY_MS }.to_text()
        };
        put_text(&mut self.frames, &text);
        Ok(())
    }

    fn want_match(&mut self, ask: Ask) -> Result<(), End> {
        self.enter(VisitorHello::default())?;
        let mut exchange = self.exchange.get();
        let (now_us, now_ms) = (exchange.clock.now_us(), exchange.now_ms());
        let refused = match &self.seeker {
            None => NotQueued::Nobody,
            Some(_) if !self.flood.take(now_us) => NotQueued::Rate,
            Some(seeker) => {
                exchange.matchmaking.ask(seeker.clone(), ask, now_ms);
                exchange.deliver();
                return Ok(());
            }
        };
        self.stall.news.borrow_mut().put(&News::NotQueued { why: refused });
        Ok(())
    }

    fn hear(&mut self, message: ClientTopic) -> Result<(), End> {
        let client = self.enter(VisitorHello::default())?;
        let now_us = self.exchange.get().clock.now_us();
        match self.flood.judge(&message, now_us) {
            Intake::Pass => {
                let mut exchange = self.exchange.get();
                let now_ms = exchange.now_ms();
                exchange.hub.handle(client, message, now_ms);
                exchange.deliver();
            }
            Intake::Answer(answer) => self.stall.lane.borrow_mut().push(&Arc::new(Delivery::answer(answer))),
            Intake::Ignore => {}
        }
        Ok(())
    }

    /// The bytes that wait, up to the limit of one write.
    fn waiting(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.frames);
        let mut lane = self.stall.lane.borrow_mut();
        while bytes.len() < VISITOR_WRITE_BYTES_MAX
            && let Some(item) = lane.poll()
        {
            put_item(&item, self.form, self.operator.as_ref().map(|here| &here.operator), &mut bytes);
        }
        let mut briefs = self.stall.briefs.borrow_mut();
        while bytes.len() < VISITOR_WRITE_BYTES_MAX
            && let Some(text) = briefs.take()
        {
            put_text(&mut bytes, &text);
        }
        let mut news = self.stall.news.borrow_mut();
        while let Some(text) = news.take() {
            put_text(&mut bytes, &text);
        }
        bytes
    }

    /// Writes what waits: until nothing does, or the peer does not take it.
    async fn write(&mut self, stream: &mut Stream) -> Result<(), End> {
        loop {
            let bytes = self.waiting();
            if bytes.is_empty() {
                return Ok(());
            }
            let written = async {
                stream.write_all(&bytes).await?;
                stream.flush().await
            };
            match timeout(WRITE_STALL_MAX, written).await {
                Err(_) => return Err(End::Close(CloseCode::TooSlow)),
                Ok(Err(_)) => return Err(End::Lost),
                Ok(Ok(())) => {}
            }
        }
    }
}

/// Appends the frame of a message in the form of the connection.
fn put_item(item: &LaneItem, form: Form, operator: Option<&Operator>, out: &mut Vec<u8>) {
    match (form, item) {
        (Form::Json, LaneItem::Delivery(delivery, _)) if operator.is_some() => {
            let text = match (&delivery.message, operator) {
                (ServerTopic::You { player, name }, Some(Operator { name: own, role })) => {
                    let role = if *role == Role::Act { "act" } else { "look" };
                    let operator = Some(JsonOperator { name: own, role });
                    JsonMessage::You { player: *player, name, operator }.to_text()
                }
                _ => delivery.json().into_owned(),
            };
            put_text(out, &text);
        }
        (Form::Binary, item) => {
            let mut payload = Vec::new();
            item.put(&mut payload);
            put_message(out, &payload);
        }
        (Form::Json, LaneItem::Delivery(delivery, _)) => put_text(out, &delivery.json()),
        (Form::Json, LaneItem::Gap { name, number, from, to }) => {
            put_text(out, &json::write(name, &ServerTopic::Gap { number: *number, from: *from, to: *to }));
        }
    }
}
