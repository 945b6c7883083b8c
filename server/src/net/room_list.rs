//! `GET /api/rooms`: the public rooms in which somebody plays, page by page; all, or those with a free seat.

use super::Net;
use super::answer::{Answer, Refusal, json};
use super::api::{offered, view};
use super::live::by_people;
use crate::config::BasePath;
use crate::limits::ROOMS_LISTED_MAX;
use crate::lobby::RoomEntry;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LINK};

/// The header with the number of rooms on all pages together.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The rooms that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Selection<'a> {
    game: Option<&'a str>,
    /// Counted from 1.
    page: usize,
    /// Whether only rooms with a seat for a person are wanted: a bot gives its seat up.
    free: bool,
}

/// Lists rooms with people, the fullest and then the newest first. An empty room is of no use to a stranger: nobody is
/// in it, and it may never have been entered.
pub(super) fn list(net: &Net, query: Option<&str>) -> Result<Answer, Refusal> {
    let config = &net.setup.config;
    let pages_max = config.rooms_max.div_ceil(ROOMS_LISTED_MAX);
    let selection = Selection::parse(query.unwrap_or_default(), pages_max).ok_or_else(|| bad_query(pages_max))?;
    let game = selection.game.map(|name| offered(net, name).map(|(index, _)| index)).transpose()?;
    let directory = net.directory.borrow();
    let is_wanted = |entry: &&RoomEntry| {
        let has_seat = entry.players < entry.wanted.seats;
        entry.players > 0 && game.is_none_or(|game| entry.wanted.game == game) && (has_seat || !selection.free)
    };
    let mut rooms: Vec<&RoomEntry> = directory.public().filter(is_wanted).collect();
    rooms.sort_unstable_by_key(by_people);
    let before = (selection.page - 1) * ROOMS_LISTED_MAX;
    let page: Vec<_> = rooms.iter().skip(before).take(ROOMS_LISTED_MAX).map(|entry| view(net, entry)).collect();
    let mut answer = json(StatusCode::OK, &page);
    answer.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(rooms.len()));
    if rooms.len() > before + ROOMS_LISTED_MAX
        && let Ok(next) = HeaderValue::try_from(selection.next_link(&config.base_path))
    {
        answer.headers_mut().insert(LINK, next);
    }
    Ok(answer)
}

impl<'a> Selection<'a> {
    /// The selection of a query such as `game=paddles&free=1&page=2`; `None` when it has anything else in it.
    fn parse(query: &'a str, pages_max: usize) -> Option<Self> {
        let (mut game, mut page, mut free) = (None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let place = match name {
                "game" => &mut game,
                "page" => &mut page,
                "free" if value == "1" => &mut free,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let page = page.map_or(Some(1), |page| Some(page).filter(is_number)?.parse().ok())?;
        (1..=pages_max).contains(&page).then_some(Self { game, page, free: free.is_some() })
    }

    /// The link to the page after this one, by RFC 8288.
    fn next_link(&self, base: &BasePath) -> String {
        let game = self.game.map_or_else(String::new, |game| format!("game={game}&"));
        let free = if self.free { "free=1&" } else { "" };
        format!("<{base}/api/rooms?{game}{free}page={}>; rel=\"next\"", self.page + 1)
    }
}

fn bad_query(pages_max: usize) -> Refusal {
    let error = format!("the query is not a game, free=1 and a page from 1 to {pages_max}");
    Refusal::new(StatusCode::BAD_REQUEST, error, "ask for /api/rooms, and add some of game=NAME, free=1 and page=2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_game_and_free_seats_and_a_page_and_nothing_else() {
        let parse = |query| Selection::parse(query, 41).map(|selection| (selection.game, selection.page));
        let free = |query| Selection::parse(query, 41).map(|selection| selection.free);
        assert_eq!((free(""), free("free=1"), free("game=a&free=1&page=2")), (Some(false), Some(true), Some(true)));
        assert_eq!(parse(""), Some((None, 1)));
        assert_eq!(parse("game=paddles"), Some((Some("paddles"), 1)));
        assert_eq!(parse("page=2&game=arena"), Some((Some("arena"), 2)));
        assert_eq!(parse("page=41"), Some((None, 41)));
        for query in ["page=0", "page=42", "page=", "page=-1", "page=+1", "page=1.5", "page=99999999999999999999999"] {
            assert_eq!(parse(query), None, "{query}");
        }
        for query in
            ["page=1&page=2", "game=a&game=a", "free=1&free=1", "free=0", "free=", "sort=name", "game", "page", "free"]
        {
            assert_eq!(parse(query), None, "{query}");
        }
    }

    #[test]
    fn the_next_page_has_the_same_filter() {
        let base = BasePath::default();
        let link = |query| Selection::parse(query, 41).map(|selection| selection.next_link(&base));
        assert_eq!(link("").as_deref(), Some("</api/rooms?page=2>; rel=\"next\""));
        assert_eq!(link("game=arena&page=2").as_deref(), Some("</api/rooms?game=arena&page=3>; rel=\"next\""));
        assert_eq!(link("free=1").as_deref(), Some("</api/rooms?free=1&page=2>; rel=\"next\""));
    }
}
