//! The operations of the HTTP API: the one table of paths and methods from which requests are routed, `Allow` is
//! answered, budgets are told and the description of the API is completed.

use super::Net;
use super::problem::Problem;
use crate::websocket::rate::AddressQuota;
use hyper::Method;
use std::cell::RefCell;

/// The port that a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Players,
    Operators,
}

/// The work of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    ListRooms,
    CreateRoom,
    GetRoom,
    FindMatch,
    GetOpenApi,
    GetTopicsSchema,
    OpenSocket,
    CheckHealth,
    CheckReadiness,
    ReadMetrics,
    PublishMessage,
    MutePlayer,
    RevokeIdentity,
    Announce,
    KickPlayer,
    BanPlayer,
    LockRoom,
    CloseRoom,
    DrainServer,
    ReadAudit,
}

/// A budget of each address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    Rooms,
    Matches,
    Lookups,
}

/// A path with a method.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) task: Task,
    /// The name in the description of the API.
    pub(super) id: &'static str,
    ports: &'static [Port],
    pub(super) method: Method,
    /// The path below that of the server, with at most one part in braces that stands for any text.
    pub(super) path: &'static str,
    /// The problems that it may meet, besides those of every request.
    problems: &'static [Problem],
    pub(super) budgets: &'static [Budget],
}

/// The problems that every request may meet.
const ANYWHERE: &[Problem] = &[Problem::BadHost, Problem::WrongHost];

const PLAYERS: &[Port] = &[Port::Players];
const OPERATORS: &[Port] = &[Port::Operators];
const BOTH: &[Port] = &[Port::Players, Port::Operators];

/// Every operation of both ports. The files of the page are none: their names are the page's.
pub(super) static OPERATIONS: [Operation; 20] = [
    Operation {
        task: Task::ListRooms,
        id: "listRooms",
        ports: PLAYERS,
        method: Method::GET,
        path: "/api/rooms",
        problems: &[Problem::BadHeader, Problem::BadQuery, Problem::ForeignPage, Problem::NoGame],
        budgets: &[],
    },
    Operation {
        task: Task::CreateRoom,
        id: "createRoom",
        ports: PLAYERS,
        method: Method::POST,
        path: "/api/rooms",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::BadOptions,
            Problem::NoTicket,
            Problem::ForeignPage,
            Problem::NoGame,
            Problem::SlowBody,
            Problem::LargeBody,
            Problem::TooManyRooms,
            Problem::Full,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[Budget::Rooms],
    },
    Operation {
        task: Task::GetRoom,
        id: "getRoom",
        ports: PLAYERS,
        method: Method::GET,
        path: "/api/rooms/{code}",
        problems: &[Problem::BadHeader, Problem::ForeignPage, Problem::NoRoom, Problem::TooManyCodes, Problem::Busy],
        budgets: &[Budget::Lookups],
    },
    Operation {
        task: Task::FindMatch,
        id: "findMatch",
        ports: PLAYERS,
        method: Method::POST,
        path: "/api/match",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::NoTicket,
            Problem::ForeignPage,
            Problem::NoGame,
            Problem::SlowBody,
            Problem::LargeBody,
            Problem::TooManyMatches,
            Problem::TooManyRooms,
            Problem::Full,
            Problem::Stopping,
        ],
        budgets: &[Budget::Matches, Budget::Rooms],
    },
    Operation {
        task: Task::GetOpenApi,
        id: "getOpenApi",
        ports: PLAYERS,
        method: Method::GET,
        path: "/api/openapi.json",
        problems: &[Problem::BadHeader, Problem::ForeignPage],
        budgets: &[],
    },
    Operation {
        task: Task::GetTopicsSchema,
        id: "getTopicsSchema",
        ports: PLAYERS,
        method: Method::GET,
        path: "/api/topics.schema.json",
        problems: &[Problem::BadHeader, Problem::ForeignPage],
        budgets: &[],
    },
    Operation {
        task: Task::OpenSocket,
        id: "openSocket",
        ports: BOTH,
        method: Method::GET,
        path: "/ws",
        problems: &[Problem::BadHeader, Problem::BadHandshake, Problem::ForeignPage, Problem::WebSocketVersion],
        budgets: &[],
    },
    Operation {
        task: Task::CheckHealth,
        id: "checkHealth",
        ports: BOTH,
        method: Method::GET,
        path: "/healthz",
        problems: &[],
        budgets: &[],
    },
    Operation {
        task: Task::CheckReadiness,
        id: "checkReadiness",
        ports: BOTH,
        method: Method::GET,
        path: "/readyz",
        problems: &[],
        budgets: &[],
    },
    Operation {
        task: Task::ReadMetrics,
        id: "readMetrics",
        ports: OPERATORS,
        method: Method::GET,
        path: "/metrics",
        problems: &[],
        budgets: &[],
    },
    Operation {
        task: Task::PublishMessage,
        id: "publishMessage",
        ports: OPERATORS,
        method: Method::POST,
        path: "/topics/{topic}",
        problems: &[
            Problem::BadBody,
            Problem::BadText,
            Problem::NoToken,
            Problem::NoServices,
            Problem::TopicRefused,
            Problem::NoTopic,
            Problem::SlowBody,
            Problem::LargeBody,
            Problem::TooManyMessages,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::MutePlayer,
        id: "mutePlayer",
        ports: OPERATORS,
        method: Method::POST,
        path: "/players/{player}/mute",
        problems: &[
            Problem::BadBody,
            Problem::NoToken,
            Problem::NoServices,
            Problem::NoPlayer,
            Problem::SlowBody,
            Problem::LargeBody,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::RevokeIdentity,
        id: "revokeIdentity",
        ports: OPERATORS,
        method: Method::POST,
        path: "/identities/revoke",
        problems: &[
            Problem::BadBody,
            Problem::NoToken,
            Problem::NoServices,
            Problem::SlowBody,
            Problem::TicketsOff,
            Problem::LargeBody,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::Announce,
        id: "announce",
        ports: OPERATORS,
        method: Method::POST,
        path: "/admin/announce",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::BadText,
            Problem::NoOperator,
            Problem::ForeignPage,
            Problem::NoOperators,
            Problem::LooksOnly,
            Problem::SlowBody,
            Problem::LargeBody,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::KickPlayer,
        id: "kickPlayer",
        ports: OPERATORS,
        method: Method::POST,
        path: "/admin/rooms/{code}/kick",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::NoOperator,
            Problem::ForeignPage,
            Problem::NoOperators,
            Problem::LooksOnly,
            Problem::NoRoom,
            Problem::SlowBody,
            Problem::NoSeat,
            Problem::LargeBody,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::BanPlayer,
        id: "banPlayer",
        ports: OPERATORS,
        method: Method::POST,
        path: "/admin/rooms/{code}/ban",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::NoOperator,
            Problem::ForeignPage,
            Problem::NoOperators,
            Problem::LooksOnly,
            Problem::NoRoom,
            Problem::SlowBody,
            Problem::NoSeat,
            Problem::LargeBody,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::LockRoom,
        id: "lockRoom",
        ports: OPERATORS,
        method: Method::POST,
        path: "/admin/rooms/{code}/lock",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::NoOperator,
            Problem::ForeignPage,
            Problem::NoOperators,
            Problem::LooksOnly,
            Problem::NoRoom,
            Problem::SlowBody,
            Problem::NothingToDo,
            Problem::LargeBody,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::CloseRoom,
        id: "closeRoom",
        ports: OPERATORS,
        method: Method::POST,
        path: "/admin/rooms/{code}/close",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::NoOperator,
            Problem::ForeignPage,
            Problem::NoOperators,
            Problem::LooksOnly,
            Problem::NoRoom,
            Problem::SlowBody,
            Problem::LargeBody,
            Problem::Busy,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::DrainServer,
        id: "drainServer",
        ports: OPERATORS,
        method: Method::POST,
        path: "/admin/drain",
        problems: &[
            Problem::BadHeader,
            Problem::BadBody,
            Problem::NoOperator,
            Problem::ForeignPage,
            Problem::NoOperators,
            Problem::LooksOnly,
            Problem::SlowBody,
            Problem::NothingToDo,
            Problem::LargeBody,
            Problem::Stopping,
        ],
        budgets: &[],
    },
    Operation {
        task: Task::ReadAudit,
        id: "readAudit",
        ports: OPERATORS,
        method: Method::GET,
        path: "/admin/audit",
        problems: &[Problem::BadHeader, Problem::NoOperator, Problem::ForeignPage, Problem::NoOperators],
        budgets: &[],
    },
];

impl Operation {
    /// The problems that the operation may meet.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        ANYWHERE.iter().chain(self.problems).copied()
    }

    /// Whether a client may ask for the head of the answer alone. A switch to another protocol has none.
    fn has_head(&self) -> bool {
        self.method == Method::GET && self.task != Task::OpenSocket
    }
}

impl Budget {
    /// The name of the policy in the headers of an answer.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::Matches => "matches",
            Self::Lookups => "lookups",
        }
    }

    pub(super) const fn quota(self, net: &Net) -> &RefCell<AddressQuota> {
        match self {
            Self::Rooms => &net.room_quota,
            Self::Matches => &net.match_quota,
            Self::Lookups => &net.lookup_quota,
        }
    }
}

/// A path of the API that a request is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route<'a> {
    port: Port,
    path: &'static str,
    /// The text in the place of the braces.
    pub(super) parameter: &'a str,
}

impl<'a> Route<'a> {
    /// The route of a path below that of the server; `None` when no operation is there.
    pub(super) fn of(port: Port, path: &'a str) -> Option<Self> {
        let found = |operation: &Operation| Some((operation.path, parameter_of(operation.path, path)?));
        let (template, parameter) = OPERATIONS.iter().filter(|one| one.ports.contains(&port)).find_map(found)?;
        Some(Self { port, path: template, parameter })
    }

    fn operations(self) -> impl Iterator<Item = &'static Operation> {
        OPERATIONS.iter().filter(move |one| one.path == self.path && one.ports.contains(&self.port))
    }

    /// The operation of a method; `None` when the path does not have it.
    pub(super) fn operation(self, method: &Method) -> Option<&'static Operation> {
        self.operations().find(|one| one.method == *method || *method == Method::HEAD && one.has_head())
    }

    /// Whether the path is the same whatever the path of the server is, as for checks of health.
    pub(super) fn is_at_the_root(self) -> bool {
        self.operations().any(|one| matches!(one.task, Task::CheckHealth | Task::CheckReadiness))
    }

    /// The methods that the path has, for the header `Allow`.
    pub(super) fn allow(self) -> String {
        let names = self.operations().flat_map(|one| {
            let head = one.has_head().then_some("HEAD");
            [Some(one.method.as_str()), head].into_iter().flatten()
        });
        names.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }

    /// The methods that the path has, for pages of other origins: browsers ask about no others.
    pub(super) fn methods(self) -> String {
        self.operations().map(|one| one.method.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The text of a path that stands in the place of a template's braces: empty for a template without braces, `None` when
/// the path is not of the template.
fn parameter_of<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let Some((before, rest)) = template.split_once('{') else { return (template == path).then_some("") };
    let (_, after) = rest.split_once('}').expect("a brace that is opened is closed");
    path.strip_prefix(before)?.strip_suffix(after).filter(|parameter| !parameter.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_route_on_its_port() {
        let route = |port, path| Route::of(port, path).map(|route| (route.path, route.parameter));
        for (path, template, parameter) in [
            ("/api/rooms", "/api/rooms", ""),
            ("/api/rooms/C4FK9T", "/api/rooms/{code}", "C4FK9T"),
            ("/api/rooms/a/b", "/api/rooms/{code}", "a/b"),
        ] {
            assert_eq!(route(Port::Players, path), Some((template, parameter)));
            assert_eq!(route(Port::Operators, path), None, "{path}");
        }
        for (path, template, parameter) in [
            ("/topics/lobby/paddles/chat", "/topics/{topic}", "lobby/paddles/chat"),
            ("/players/0123456789abcdef/mute", "/players/{player}/mute", "0123456789abcdef"),
            ("/metrics", "/metrics", ""),
        ] {
            assert_eq!(route(Port::Operators, path), Some((template, parameter)));
            assert_eq!(route(Port::Players, path), None, "{path}");
        }
        let kick = route(Port::Operators, "/admin/rooms/C4FK9T/kick");
        assert_eq!(kick, Some(("/admin/rooms/{code}/kick", "C4FK9T")));
        for path in ["/admin/rooms//kick", "/topics/", "/players//mute", "/players/mute", "/metrics/x", "/", "", "/api"]
        {
            assert_eq!(route(Port::Operators, path), None, "{path}");
        }
    }

    #[test]
    fn a_route_allows_its_methods_and_the_head_of_what_may_be_read() {
        let allow = |port, path| Route::of(port, path).map(Route::allow);
        assert_eq!(allow(Port::Players, "/api/rooms").as_deref(), Some("GET, HEAD, POST, OPTIONS"));
        assert_eq!(allow(Port::Players, "/api/match").as_deref(), Some("POST, OPTIONS"));
        assert_eq!(allow(Port::Players, "/ws").as_deref(), Some("GET, OPTIONS"));
        assert_eq!(allow(Port::Operators, "/readyz").as_deref(), Some("GET, HEAD, OPTIONS"));
        let rooms = Route::of(Port::Players, "/api/rooms").unwrap();
        let task = |method| rooms.operation(&method).map(|operation| operation.task);
        assert_eq!(task(Method::HEAD), Some(Task::ListRooms));
        assert_eq!(task(Method::POST), Some(Task::CreateRoom));
        assert_eq!(task(Method::PUT), None);
        assert_eq!(rooms.methods(), "GET, POST");
        let socket = Route::of(Port::Players, "/ws").unwrap();
        assert!(socket.operation(&Method::HEAD).is_none());
    }
}
