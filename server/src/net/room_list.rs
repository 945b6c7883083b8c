//! `GET /api/rooms`: the public rooms in which somebody plays, page by page; all, or those of a game or with free seats.

use super::Net;
use super::answer::{Answer, Refusal, json};
use super::api::{offered, view};
use super::live::by_people;
use super::problem::Problem;
use crate::config::BasePath;
use crate::limits::ROOMS_LISTED_MAX;
use crate::lobby::{RoomEntry, RoomId};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LINK};
use std::fmt;
use tickwire::limits::SEATS_MAX;

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

/// A room's place in the order of the list, whether the room is still there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    players: u8,
    room: RoomId,
}

/// Lists rooms with people, the fullest and then the newest first. An empty room is of no use to a stranger: nobody is
/// in it, and it may never have been entered.
pub(super) fn list(net: &Net, query: Option<&str>) -> Result<Answer, Refusal> {
    let config = net.config();
    let pages_max = config.rooms_max;
    let selection = Selection::parse(query.unwrap_or_default(), pages_max).ok_or_else(bad_query)?;
    let game = selection.game.map(|name| offered(net, name).map(|(index, _)| index)).transpose()?;
    let directory = net.directory.borrow();
    let is_wanted = |entry: &&RoomEntry| {
        let free = entry.wanted.seats.saturating_sub(entry.players);
        entry.players > 0 && game.is_none_or(|game| entry.wanted.game == game) && free >= selection.free
    };
    let mut rooms: Vec<&RoomEntry> = directory.public().filter(is_wanted).collect();
    rooms.sort_unstable_by_key(by_people);
    let limit = selection.limit.unwrap_or(ROOMS_LISTED_MAX);
    let before = match selection.start {
        Start::Top => 0,
        Start::After(cursor) => rooms.partition_point(|entry| Cursor::of(entry).key() >= cursor.key()),
        Start::Page(page) => page.saturating_sub(1).saturating_mul(limit),
    };
    let page: Vec<&RoomEntry> = rooms.iter().skip(before).take(limit).copied().collect();
    let mut answer = json(StatusCode::OK, &page.iter().map(|entry| view(net, entry)).collect::<Vec<_>>());
    answer.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(rooms.len()));
    let has_more = rooms.len() > before.saturating_add(page.len());
    if let Some(last) = page.last().filter(|_| has_more)
        && let Ok(next) = HeaderValue::try_from(selection.next_link(&config.base_path, Cursor::of(last)))
    {
        answer.headers_mut().insert(LINK, next);
    }
    Ok(answer)
}

impl Cursor {
    const fn of(entry: &RoomEntry) -> Self {
        Self { players: entry.players, room: entry.place.room }
    }

    /// Greater for a room that is earlier in the list.
    const fn key(self) -> (u8, RoomId) {
        (self.players, self.room)
    }

    /// The cursor of a text as [`Cursor`] writes it: two hexadecimal digits for the people, the others for the room.
    fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (players, room) = text.split_at_checked(2).filter(|_| is_hex)?;
        let room = RoomId(u64::from_str_radix(room, 16).ok()?);
        Some(Self { players: u8::from_str_radix(players, 16).ok()?, room })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02x}{:x}", self.players, self.room.0)
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
        let cursor = Cursor { players: 3, room: RoomId(0x2a) };
        assert_eq!(parse("after=032a&free=1"), Some(Selection { free: 1, start: Start::After(cursor), ..top }));
        for number in ["0", "", "-1", "+1", "1.5", "101", "99999999999999999999999", "x"] {
            for name in ["page", "limit", "free"] {
                assert_eq!(parse(&format!("{name}={number}")), None, "{name}={number}");
            }
        }
        for query in [
            "page=1&page=2",
            "game=a&game=a",
            "free=1&free=1",
            "page=1&after=032a",
            "after=",
            "after=03",
            "after=+32a",
            "after=032g",
            "after=03ffffffffffffffff0",
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
        for (players, room) in [(0, 0), (1, 255), (64, u64::MAX)] {
            let cursor = Cursor { players, room: RoomId(room) };
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
    }

    #[test]
    fn the_next_page_has_the_same_filter() {
        let base = BasePath::default();
        let last = Cursor { players: 2, room: RoomId(31) };
        let link = |query| parse(query).map(|selection| selection.next_link(&base, last));
        assert_eq!(link("").as_deref(), Some("</api/rooms?after=021f>; rel=\"next\""));
        assert_eq!(link("after=0340&limit=5").as_deref(), Some("</api/rooms?limit=5&after=021f>; rel=\"next\""));
        assert_eq!(link("game=arena&page=2").as_deref(), Some("</api/rooms?game=arena&page=3>; rel=\"next\""));
        assert_eq!(link("free=1").as_deref(), Some("</api/rooms?free=1&after=021f>; rel=\"next\""));
    }
}
