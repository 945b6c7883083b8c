//! The kinds of refusals: the problem types of RFC 9457, each with its status and its title.
//!
//! A client tells refusals apart by the type, which stays the same; the words of a refusal may change. The description
//! of the API names for each request the problems that it may meet, see [`super::operation`].

use hyper::StatusCode;

/// The beginning of every problem type.
const TYPE_PREFIX: &str = "urn:tickwire:problem:";

/// A kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    BadHost,
    BadHeader,
    BadQuery,
    BadBody,
    BadOptions,
    BadHandshake,
    BadProxyHeader,
    BadText,
    NoTls,
    NoTicket,
    NoToken,
    NoOperator,
    ForeignPage,
    NoServices,
    NoOperators,
    LooksOnly,
    TopicRefused,
    NoPath,
    NoRoom,
    NoGame,
    NoTopic,
    NoPlayer,
    WrongMethod,
    SlowBody,
    TicketsOff,
    NoSeat,
    NothingToDo,
    LargeBody,
    WrongHost,
    WebSocketVersion,
    TooManyRooms,
    TooManyMatches,
    TooManyCodes,
    TooManyMessages,
    Full,
    Busy,
    Stopping,
    TooManyConnections,
}

impl Problem {
    /// Every kind, in the order of the statuses.
    pub(super) const ALL: [Self; 38] = [
        Self::BadHost,
        Self::BadHeader,
        Self::BadQuery,
        Self::BadBody,
        Self::BadOptions,
        Self::BadHandshake,
        Self::BadProxyHeader,
        Self::BadText,
        Self::NoTls,
        Self::NoTicket,
        Self::NoToken,
        Self::NoOperator,
        Self::ForeignPage,
        Self::NoServices,
        Self::NoOperators,
        Self::LooksOnly,
        Self::TopicRefused,
        Self::NoPath,
        Self::NoRoom,
        Self::NoGame,
        Self::NoTopic,
        Self::NoPlayer,
        Self::WrongMethod,
        Self::SlowBody,
        Self::TicketsOff,
        Self::NoSeat,
        Self::NothingToDo,
        Self::LargeBody,
        Self::WrongHost,
        Self::WebSocketVersion,
        Self::TooManyRooms,
        Self::TooManyMatches,
        Self::TooManyCodes,
        Self::TooManyMessages,
        Self::Full,
        Self::Busy,
        Self::Stopping,
        Self::TooManyConnections,
    ];

    /// The last part of the type, the status, and the title.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadHost => ("bad-host", StatusCode::BAD_REQUEST, "The request does not name one valid host"),
            Self::BadHeader => ("bad-header", StatusCode::BAD_REQUEST, "A header of the request cannot be used"),
            Self::BadQuery => ("bad-query", StatusCode::BAD_REQUEST, "The query is not one that this path knows"),
            Self::BadBody => ("bad-body", StatusCode::BAD_REQUEST, "The body is not what the request needs"),
            Self::BadOptions => ("bad-options", StatusCode::BAD_REQUEST, "The game does not take these options"),
            Self::BadHandshake => ("bad-handshake", StatusCode::BAD_REQUEST, "The handshake opens no WebSocket"),
            Self::BadProxyHeader => {
                ("bad-proxy-header", StatusCode::BAD_REQUEST, "The connection does not begin with its proxy's header")
            }
            Self::BadText => ("bad-text", StatusCode::BAD_REQUEST, "The topic does not take this text"),
            Self::NoTls => ("no-tls", StatusCode::BAD_REQUEST, "The port speaks TLS only"),
            Self::NoTicket => ("no-ticket", StatusCode::UNAUTHORIZED, "The ticket is missing or not good"),
            Self::NoToken => ("no-token", StatusCode::UNAUTHORIZED, "The token of services is missing or wrong"),
            Self::NoOperator => {
                ("no-operator", StatusCode::UNAUTHORIZED, "The token of an operator is missing or wrong")
            }
            Self::ForeignPage => {
                ("foreign-page", StatusCode::FORBIDDEN, "The page is of an origin that is not allowed")
            }
            Self::NoServices => ("no-services", StatusCode::FORBIDDEN, "The server has no token for services"),
            Self::NoOperators => ("no-operators", StatusCode::FORBIDDEN, "The server has no file of operators"),
            Self::LooksOnly => ("looks-only", StatusCode::FORBIDDEN, "The operator may look and not act"),
            Self::TopicRefused => ("topic-refused", StatusCode::FORBIDDEN, "The topic refuses the message"),
            Self::NoPath => ("no-path", StatusCode::NOT_FOUND, "Nothing is at this path"),
            Self::NoRoom => ("no-room", StatusCode::NOT_FOUND, "There is no such room"),
            Self::NoGame => ("no-game", StatusCode::NOT_FOUND, "The server does not offer this game"),
            Self::NoTopic => ("no-topic", StatusCode::NOT_FOUND, "There is no such topic"),
            Self::NoPlayer => ("no-player", StatusCode::NOT_FOUND, "This is not the id of a player"),
            Self::WrongMethod => ("wrong-method", StatusCode::METHOD_NOT_ALLOWED, "The path has no such method"),
            Self::SlowBody => ("slow-body", StatusCode::REQUEST_TIMEOUT, "The body took too long"),
            Self::TicketsOff => ("tickets-off", StatusCode::CONFLICT, "The server asks nobody for a ticket"),
            Self::NoSeat => ("no-seat", StatusCode::CONFLICT, "Nobody is in the seat"),
            Self::NothingToDo => ("nothing-to-do", StatusCode::CONFLICT, "It is so already"),
            Self::LargeBody => ("large-body", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::WrongHost => ("wrong-host", StatusCode::MISDIRECTED_REQUEST, "The server has no such name"),
            Self::WebSocketVersion => {
                ("websocket-version", StatusCode::UPGRADE_REQUIRED, "The version of WebSocket is not supported")
            }
            Self::TooManyRooms => {
                ("too-many-rooms", StatusCode::TOO_MANY_REQUESTS, "The address has created too many rooms")
            }
            Self::TooManyMatches => {
                ("too-many-matches", StatusCode::TOO_MANY_REQUESTS, "The address has asked for too many matches")
            }
            Self::TooManyCodes => {
                ("too-many-codes", StatusCode::TOO_MANY_REQUESTS, "Too many codes or secrets were tried in vain")
            }
            Self::TooManyMessages => {
                ("too-many-messages", StatusCode::TOO_MANY_REQUESTS, "Services say too much in this topic")
            }
            Self::Full => ("full", StatusCode::SERVICE_UNAVAILABLE, "The server takes in no further room"),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "The server has too much to do"),
            Self::Stopping => ("stopping", StatusCode::SERVICE_UNAVAILABLE, "The server is stopping"),
            Self::TooManyConnections => {
                ("too-many-connections", StatusCode::SERVICE_UNAVAILABLE, "The server has too many open connections")
            }
        }
    }

    /// The part of the type that tells it from the others, such as `no-room`.
    pub(super) const fn slug(self) -> &'static str {
        self.row().0
    }

    /// The type, as answers and the description of the API have it. It leads nowhere: the description is one document.
    pub(super) fn uri(self) -> String {
        format!("{TYPE_PREFIX}{}", self.slug())
    }

    /// The status of every answer with this problem.
    pub(super) const fn status(self) -> StatusCode {
        self.row().1
    }

    /// The problem in words, the same ones each time.
    pub(super) const fn title(self) -> &'static str {
        self.row().2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_problem_has_a_type_of_its_own_and_the_status_of_a_refusal() {
        let types: BTreeSet<String> = Problem::ALL.map(Problem::uri).into();
        assert_eq!(types.len(), Problem::ALL.len());
        assert!(Problem::ALL.is_sorted_by_key(|problem| *problem as u8), "none is missing in the middle");
        assert_eq!(Problem::TooManyConnections as usize + 1, Problem::ALL.len(), "and none at the end");
        for problem in Problem::ALL {
            let status = problem.status();
            assert!(status.is_client_error() || status.is_server_error(), "{}", problem.slug());
            assert!(problem.title().starts_with(|first: char| first.is_uppercase()), "{}", problem.title());
        }
    }
}
