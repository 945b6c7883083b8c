//! `GET /api/rooms`: the public rooms in which somebody plays, page by page; all, or those of a game or with free seats.

use super::Net;
use super::answer::{Answer, Refusal, json};
use super::api::{RoomView, offered};
use super::problem::Problem;
use crate::config::BasePath;
use crate::limits::ROOMS_LISTED_MAX;
use crate::lobby::{Code, RoomEntry, RoomId};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LINK};
use std::cmp::Reverse;
use std::fmt;
use tickwire::limits::{ROOM_CODE_LEN, SEATS_MAX};

/// The header with the number of rooms on all pages together.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The rooms that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Selection<'a> {
    game: Option<&'a str>,
    /// Seats for people that a room has at least: a bot gives its seat up.
    free: u8,
    /// Rooms of a page; `None` for as many as there may be.
    limit: Option<usize>,
    start: Start,
}

/// The place in the list at which a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Top,
    /// Behind this room. A room that comes or goes meanwhile moves no other one to another page.
    After(Cursor),
    /// A page by its number, counted from 1.
    Page(usize),
}

/// A room's place in the order of the list, whether the room is still there or not: those with the most people come first,
/// and then the newest. Nodes number their rooms on their own, so that the code decides in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    players: u8,
    number: RoomId,
    code: Code,
}

/// A public room in which somebody plays, of this node or another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) players: u8,
    /// The number of the room at its node.
    pub(super) number: RoomId,
    pub(super) code: Code,
    /// Index of its game.
    pub(super) game: usize,
    pub(super) seats: u8,
}

impl Listed {
    const fn of(entry: &RoomEntry) -> Self {
        let RoomEntry { players, place, code, wanted, .. } = entry;
        Self { players: *players, number: place.room, code: *code, game: wanted.game, seats: wanted.seats }
    }

    const fn cursor(&self) -> Cursor {
        Cursor { players: self.players, number: self.number, code: self.code }
    }
}

impl Net {
    /// The rooms of the list that are at this node, in their order.
    pub(super) fn listed_here(&self) -> Vec<Listed> {
        let directory = self.directory.borrow();
        let mut rooms: Vec<Listed> = directory.public().filter(|entry| entry.players > 0).map(Listed::of).collect();
        rooms.sort_unstable_by_key(|room| Reverse(room.cursor()));
        rooms
    }

    /// The rooms of the list, of all nodes, in their order.
    pub(super) fn listed(&self) -> Vec<Listed> {
        let mut rooms = self.listed_here();
        let elsewhere = self.listed_elsewhere();
        // A room that has just come from another node may still be on its list.
        let directory = self.directory.borrow();
        rooms.extend(elsewhere.into_iter().filter(|room| directory.find(room.code).is_none()));
        rooms.sort_unstable_by_key(|room| Reverse(room.cursor()));
        rooms
    }

    /// A room of the list as the API shows it.
    pub(super) fn shown(&self, room: &Listed) -> RoomView<'_> {
        RoomView::new(room.code, self.setup.games[room.game].rules.name, room.players, room.seats)
    }
}

/// Lists rooms with people, the fullest and then the newest first. An empty room is of no use to a stranger: nobody is
/// in it, and it may never have been entered.
pub(super) fn list(net: &Net, query: Option<&str>) -> Result<Answer, Refusal> {
    let config = net.config();
    let pages_max = config.rooms_max;
    let selection = Selection::parse(query.unwrap_or_default(), pages_max).ok_or_else(bad_query)?;
    let game = selection.game.map(|name| offered(net, name).map(|(index, _)| index)).transpose()?;
    let is_wanted = |room: &Listed| {
        let free = room.seats.saturating_sub(room.players);
        game.is_none_or(|game| room.game == game) && free >= selection.free
    };
    let mut rooms = net.listed();
    rooms.retain(is_wanted);
    let limit = selection.limit.unwrap_or(ROOMS_LISTED_MAX);
    let before = match selection.start {
        Start::Top => 0,
        Start::After(cursor) => rooms.partition_point(|room| room.cursor() >= cursor),
        Start::Page(page) => page.saturating_sub(1).saturating_mul(limit),
    };
    let page: Vec<&Listed> = rooms.iter().skip(before).take(limit).collect();
    let mut answer = json(StatusCode::OK, &page.iter().map(|room| net.shown(room)).collect::<Vec<_>>());
    answer.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(rooms.len()));
    let has_more = rooms.len() > before.saturating_add(page.len());
    if let Some(last) = page.last().filter(|_| has_more)
        && let Ok(next) = HeaderValue::try_from(selection.next_link(&config.base_path, last.cursor()))
    {
        answer.headers_mut().insert(LINK, next);
    }
    Ok(answer)
}

impl Cursor {
    /// The cursor of a text as [`Cursor`] writes it: two hexadecimal digits for the people, the code, and hexadecimal digits
    /// for the number.
    fn parse(text: &str) -> Option<Self> {
        let (players, rest) = text.split_at_checked(2)?;
        let (code, number) = rest.split_at_checked(ROOM_CODE_LEN)?;
        let is_hex = [players, number].concat().bytes().all(|byte| byte.is_ascii_hexdigit());
        let (number, code) = (u64::from_str_radix(number, 16).ok().filter(|_| is_hex)?, Code::parse(code)?);
        Some(Self { players: u8::from_str_radix(players, 16).ok()?, number: RoomId(number), code })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02x}{}{:x}", self.players, self.code, self.number.0)
    }
}

impl<'a> Selection<'a> {
    /// The selection of a query such as `game=paddles&free=1&limit=20`; `None` when it has anything else in it.
    fn parse(query: &'a str, pages_max: usize) -> Option<Self> {
        let (mut game, mut free, mut limit, mut page, mut after) = (None, None, None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let place = match name {
                "game" => &mut game,
                "free" => &mut free,
                "limit" => &mut limit,
                "page" => &mut page,
                "after" => &mut after,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let start = match (page, after) {
            (None, None) => Start::Top,
            (Some(page), None) => Start::Page(number(page, pages_max)?),
            (None, Some(after)) => Start::After(Cursor::parse(after)?),
            (Some(_), Some(_)) => return None,
        };
        let limit = limit.map_or(Some(None), |limit| number(limit, ROOMS_LISTED_MAX).map(Some))?;
        let free = free.map_or(Some(0), |free| u8::try_from(number(free, SEATS_MAX.into())?).ok())?;
        Some(Self { game, free, limit, start })
    }

    /// The link to the page after this one, by RFC 8288; `last` is the last room of this one.
    fn next_link(&self, base: &BasePath, last: Cursor) -> String {
        let game = self.game.map(|game| format!("game={game}&"));
        let free = (self.free > 0).then(|| format!("free={}&", self.free));
        let limit = self.limit.map(|limit| format!("limit={limit}&"));
        let filter: String = [game, free, limit].into_iter().flatten().collect();
        let start = match self.start {
            Start::Page(page) => format!("page={}", page + 1),
            Start::Top | Start::After(_) => format!("after={last}"),
        };
        format!("<{base}/api/rooms?{filter}{start}>; rel=\"next\"")
    }
}

/// A number from 1 to `max` in digits alone.
fn number(text: &str, max: usize) -> Option<usize> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    Some(text).filter(|_| is_number)?.parse().ok().filter(|number| (1..=max).contains(number))
}

fn bad_query() -> Refusal {
    let error = "the query is not made of game, free, limit, and one of after and page, each once and in its range";
    let help = "ask for /api/rooms, and add some of game=NAME, free=1, limit=20, and after=CURSOR from the Link of the \
                page before, or page=2";
    Refusal::new(Problem::BadQuery, error, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(players: u8, number: u64) -> Cursor {
        Cursor { players, number: RoomId(number), code: Code::parse("C4FK9T").unwrap() }
    }

    fn parse(query: &str) -> Option<Selection<'_>> {
        Selection::parse(query, 41)
    }

    #[test]
    fn a_query_has_a_game_and_free_seats_and_a_limit_and_a_start_and_nothing_else() {
        let top = Selection { game: None, free: 0, limit: None, start: Start::Top };
        assert_eq!(parse(""), Some(top));
        assert_eq!(parse("game=paddles"), Some(Selection { game: Some("paddles"), ..top }));
        assert_eq!(parse("free=64&limit=100"), Some(Selection { free: 64, limit: Some(100), ..top }));
        let second = Selection { game: Some("arena"), start: Start::Page(2), ..top };
        assert_eq!(parse("page=2&game=arena"), Some(second));
        assert_eq!(parse("page=41"), Some(Selection { start: Start::Page(41), ..top }));
        let cursor = cursor(3, 0x2a);
        assert_eq!(parse("after=03C4FK9T2a&free=1"), Some(Selection { free: 1, start: Start::After(cursor), ..top }));
        for number in ["0", "", "-1", "+1", "1.5", "101", "99999999999999999999999", "x"] {
            for name in ["page", "limit", "free"] {
                assert_eq!(parse(&format!("{name}={number}")), None, "{name}={number}");
            }
        }
        for query in [
            "page=1&page=2",
            "game=a&game=a",
            "free=1&free=1",
            "page=1&after=03C4FK9T2a",
            "after=",
            "after=03",
            "after=03C4FK9T",
            "after=+3C4FK9T2a",
            "after=03C4FK9T2g",
            "after=03C4FK9T+2",
            "after=03C4FK9A2a",
            "after=03C4FK9Tffffffffffffffff0",
            "after=é3",
            "sort=name",
            "game",
            "page",
            "free",
        ] {
            assert_eq!(parse(query), None, "{query}");
        }
    }

    #[test]
    fn a_cursor_reads_back() {
        for (players, number) in [(0, 0), (1, 255), (64, u64::MAX)] {
            let cursor = cursor(players, number);
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
    }

    #[test]
    fn the_next_page_has_the_same_filter() {
        let base = BasePath::default();
        let last = cursor(2, 31);
        let link = |query| parse(query).map(|selection| selection.next_link(&base, last));
        assert_eq!(link("").as_deref(), Some("</api/rooms?after=02C4FK9T1f>; rel=\"next\""));
        assert_eq!(
            link("after=03C4FK9T40&limit=5").as_deref(),
            Some("</api/rooms?limit=5&after=02C4FK9T1f>; rel=\"next\"")
        );
        assert_eq!(link("game=arena&page=2").as_deref(), Some("</api/rooms?game=arena&page=3>; rel=\"next\""));
        assert_eq!(link("free=1").as_deref(), Some("</api/rooms?free=1&after=02C4FK9T1f>; rel=\"next\""));
    }
}
