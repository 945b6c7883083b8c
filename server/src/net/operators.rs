//! The actions of operators, each with a line in the audit log: those that are done, and those that are refused.
//!
//! A request carries the token of an operator who may act. Without a file of operators nobody may.

use super::Net;
use super::answer::{Answer, Refusal, bare, json, json_text};
use super::api::read_json;
use super::drain::stopping;
use super::handshake::check_origin;
use super::moves::move_all;
use super::operation::Task;
use super::problem::Problem;
use super::request_id::RequestId;
use crate::clock::unix_ms;
use crate::limits::{ACTION_MAX, ROOM_RETRY_SECONDS};
use crate::lobby::{Code, Place};
use crate::mailbox::{Command, Publication, RoomWork, TopicsOrder, Undelivered};
use crate::operators::{Action, AdminTopic, AuditLine, Denied, FILE_HELP, Operator, Outcome, Role};
use crate::readiness::Reason;
use crate::room::{NotDone, OperatorOrder};
use crate::topics::policy;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::rc::Rc;
use tickwire::Seat;
use tickwire::message::topics::{Receipt, TopicRefusal};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// Characters of an announcement that the audit log repeats.
const DETAIL_CHARS_MAX: usize = 200;

/// Bytes of a code of a room that the audit log repeats: a request may name anything.
const CODE_SHOWN_BYTES_MAX: usize = 16;

const TOKEN_HELP: &str = "send the header Authorization: Bearer TOKEN, with a token in the file of operators_file";

const ROLE_HELP: &str = "an operator whose line in the file begins with act may do this";

const DRAIN_HELP: &str = "no room and no match begins any more, and /readyz says so; rooms that are there go on, and move \
                          to other nodes that take them. End the process with SIGTERM when admin/overview shows no players";

/// Body of `POST /admin/announce`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Announce {
    text: String,
}

/// Body of a request about a seat.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSeat {
    seat: u8,
}

/// Body of `POST /admin/rooms/{code}/lock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    locked: bool,
}

/// A body without anything in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// An attempt, as far as it is known: it becomes a line of the audit log.
struct Attempt {
    action: Action,
    operator: String,
    room: Option<String>,
    seat: Option<u8>,
    name: Option<String>,
    detail: String,
}

/// The action of an operation; `None` for an operation that is none.
const fn action_of(task: Task) -> Option<Action> {
    Some(match task {
        Task::Announce => Action::Announce,
        Task::KickPlayer => Action::Kick,
        Task::BanPlayer => Action::Ban,
        Task::LockRoom => Action::Lock,
        Task::CloseRoom => Action::Close,
        Task::DrainServer => Action::Drain,
        _ => return None,
    })
}

/// `GET /admin/audit`: the last actions, the newest first.
pub(super) fn audit(net: &Net, headers: &HeaderMap) -> Result<Answer, Refusal> {
    check_origin(net, headers)?;
    operator(net, headers)?;
    let audit = net.setup.console.audit.lock();
    let lines: Vec<&str> = audit.lines().rev().map(|line| &**line).collect();
    Ok(json_text(StatusCode::OK, format!("{{\"actions\":[{}]}}", lines.join(","))))
}

/// An action. `parameter` is the code of the room in its path.
pub(super) async fn act(
    net: &Rc<Net>,
    task: Task,
    parameter: &str,
    id: &RequestId,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let action = action_of(task).expect("the router sends actions alone here");
    let (net, parameter, id) = (Rc::clone(net), parameter.to_owned(), id.clone());
    // A task of its own: when the operator hangs up, the action has its line in the audit log all the same.
    let acting = spawn_local(async move { attempt(&net, action, &parameter, &id, request).await });
    acting.await.unwrap_or_else(|_| Err(stopping()))
}

async fn attempt(
    net: &Rc<Net>,
    action: Action,
    parameter: &str,
    id: &RequestId,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let shown = &parameter[..parameter.floor_char_boundary(CODE_SHOWN_BYTES_MAX)];
    let room = (!parameter.is_empty()).then(|| shown.to_owned());
    let mut attempt = Attempt { action, operator: String::new(), room, seat: None, name: None, detail: String::new() };
    let done = net.carry_out(parameter, request, &mut attempt).await;
    if let Err(refusal) = &done {
        attempt.detail = format!("{}{}", refusal.problem.slug(), with_colon(&attempt.detail));
    }
    net.write_down(attempt, done.is_ok(), id);
    done
}

fn with_colon(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// The operator whose token a request carries.
fn operator(net: &Net, headers: &HeaderMap) -> Result<Operator, Refusal> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let first = given.next().map(|value| value.as_bytes());
    // Two headers are none: another program on the way may look at the other one.
    let found = if given.next().is_some() { Err(Denied::Token) } else { net.setup.console.access.of_header(first) };
    found.map_err(|denied| match denied {
        Denied::Token if net.setup.console.access.has_file() => {
            Refusal::new(Problem::NoOperator, denied.to_string(), TOKEN_HELP)
        }
        Denied::Token | Denied::NoFile => no_file(),
    })
}

fn no_file() -> Refusal {
    Refusal::new(Problem::NoOperators, "this server has no file of operators", FILE_HELP)
}

fn no_room() -> Refusal {
    Refusal::new(Problem::NoRoom, "no such room", "admin/rooms has the codes of all rooms")
}

fn busy() -> Refusal {
    Refusal::later(Problem::Busy, "the shard of the room has too much to do", ROOM_RETRY_SECONDS)
}

impl Net {
    async fn carry_out(
        self: &Rc<Self>,
        parameter: &str,
        request: Request<Incoming>,
        attempt: &mut Attempt,
    ) -> Result<Answer, Refusal> {
        check_origin(self, request.headers())?;
        let operator = operator(self, request.headers())?;
        attempt.operator.clone_from(&operator.name);
        if operator.role != Role::Act {
            let error = "this operator may only look";
            let looks_only = || Refusal::new(Problem::LooksOnly, error, ROLE_HELP);
            return Err(if self.setup.console.access.has_file() { looks_only() } else { no_file() });
        }
        match attempt.action {
            Action::Announce => {
                let Announce { text } =
                    read_json(self, request, "send JSON such as {\"text\":\"Back at noon\"}").await?;
                attempt.detail = text.chars().take(DETAIL_CHARS_MAX).collect();
                self.announce(text).await?;
            }
            Action::Kick | Action::Ban => {
                let OfSeat { seat } = read_json(self, request, "send JSON such as {\"seat\":3}").await?;
                attempt.seat = Some(seat);
                let seat = Seat::new(seat).ok_or_else(no_seat)?;
                let is_kick = attempt.action == Action::Kick;
                let order = if is_kick { OperatorOrder::Kick(seat) } else { OperatorOrder::Ban(seat) };
                attempt.name = self.order(parameter, RoomWork::Order(order)).await?;
            }
            Action::Lock => {
                let Lock { locked } = read_json(self, request, "send JSON such as {\"locked\":true}").await?;
                attempt.detail = if locked { "locked" } else { "unlocked" }.into();
                self.order(parameter, RoomWork::Order(OperatorOrder::Lock(locked))).await?;
            }
            Action::Close => {
                let Nothing {} = read_json(self, request, "send {}").await?;
                self.order(parameter, RoomWork::Close).await?;
            }
            Action::Drain => {
                let Nothing {} = read_json(self, request, "send {}").await?;
                return self.begin_draining();
            }
        }
        Ok(bare(StatusCode::NO_CONTENT))
    }

    async fn announce(&self, text: String) -> Result<(), Refusal> {
        let publication = Publication { topic: "announce".into(), by: policy::Role::Operator, body: text };
        match self.setup.topics.publish(publication).await {
            Some(Ok(Receipt::Taken { .. })) => Ok(()),
            None => Err(stopping()),
            Some(Err(TopicRefusal::Text) | Ok(Receipt::Refused { refusal: TopicRefusal::Text, .. })) => {
                let error = "the text is too long, or shows nothing";
                Err(Refusal::new(Problem::BadText, error, "send a shorter text with visible characters"))
            }
            Some(_) => Err(busy()),
        }
    }

    /// Has a room carry out an order; gives the name of the player that it was about.
    async fn order(&self, code: &str, work: RoomWork) -> Result<Option<String>, Refusal> {
        let place = self.place_of(code).ok_or_else(no_room)?;
        let (answer, mut carried) = oneshot::channel();
        let command = Command::Work { room: place.room, work, answer, detours: 0 };
        self.command(place, command).map_err(|error| match error {
            Undelivered::Full => busy(),
            Undelivered::Gone => stopping(),
        })?;
        let carried = match timeout(ACTION_MAX, &mut carried).await {
            Ok(carried) => carried.ok(),
            Err(_) => {
                // From now on the shard leaves it alone, unless it has done it in this very moment.
                carried.close();
                Some(carried.try_recv().map_err(|_| busy())?)
            }
        };
        match carried.flatten() {
            None => Err(no_room()),
            Some(Ok(name)) => Ok(name),
            Some(Err(NotDone::FreeSeat)) => Err(no_seat()),
            Some(Err(fault @ NotDone::NoChange)) => Err(nothing_to_do(&fault.to_string())),
        }
    }

    fn place_of(&self, code: &str) -> Option<Place> {
        self.take_in_reports();
        self.directory.borrow().find(Code::parse(code)?).map(|entry| entry.place)
    }

    /// No room begins from now on, and those that are there move to other nodes. The process ends when its supervisor ends
    /// it.
    fn begin_draining(self: &Rc<Self>) -> Result<Answer, Refusal> {
        if self.is_draining.replace(true) {
            return Err(nothing_to_do("the server drains already"));
        }
        self.setup.readiness.hold(Reason::Draining, true);
        let net = Rc::clone(self);
        drop(spawn_local(async move { move_all(&net).await }));
        let (rooms, players, _) = self.directory.borrow().totals();
        let body: Value = json!({ "help": DRAIN_HELP, "rooms": rooms, "players": players });
        Ok(json(StatusCode::OK, &body))
    }

    fn write_down(&self, attempt: Attempt, is_done: bool, id: &RequestId) {
        let Attempt { action, operator, room, seat, name, detail } = attempt;
        let outcome = if is_done { Outcome::Done } else { Outcome::Refused };
        let request_id = id.as_str().to_owned();
        let room_number = room.as_deref().and_then(|code| Some(self.place_of(code)?.room.0));
        let number = 0;
        let line = AuditLine {
            number,
            at_ms: unix_ms(),
            operator,
            action,
            room,
            room_number,
            seat,
            name,
            detail,
            outcome,
            request_id,
        };
        let written = self.setup.console.audit.lock().note(line, self.setup.clock.now_us());
        if let Some(body) = written {
            self.setup.topics.order(TopicsOrder::Brief { topic: AdminTopic::Audit, body });
        }
    }
}

fn no_seat() -> Refusal {
    Refusal::new(Problem::NoSeat, "nobody is in this seat", "admin/room/CODE shows who is in which seat")
}

fn nothing_to_do(error: &str) -> Refusal {
    Refusal::new(Problem::NothingToDo, error, "there is nothing to do")
}
