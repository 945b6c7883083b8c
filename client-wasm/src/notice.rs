//! Notices for the player in words: arrivals and departures of others, and the state of the connection.

use crate::json::Object;
use tickwire::Seat;
use tickwire::client::Notice;
use tickwire::message::close::CloseCode;
use tickwire::message::control::Player;

/// Remembers which players are away, to tell a return from an arrival.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// A bit per seat.
    away: u64,
}

impl Roster {
    /// A notice in the form that the page takes, `{kind, text, code}` in JSON; `None` when there is nothing to show. `words` are
    /// those for the end of a session.
    pub(crate) fn tell<'a>(
        &mut self,
        notice: Notice,
        me: Option<Seat>,
        players: impl Iterator<Item = &'a Player>,
        words: impl FnOnce(CloseCode) -> String,
    ) -> Option<String> {
        let mine = |player: &Player| me == Some(player.seat);
        match notice {
            Notice::Welcome { resumed } => {
                self.away = players.filter(|player| player.away).fold(0, |away, player| away | bit(player));
                Some(line(if resumed { "resumed" } else { "joined" }, "", None))
            }
            Notice::OldBuild { server } => Some(line("old_build", &format!("{server:016x}"), None)),
            Notice::Player(player) => {
                let was_away = self.away & bit(&player) != 0;
                self.away = if player.away { self.away | bit(&player) } else { self.away & !bit(&player) };
                // A bot comes when a person leaves and leaves when a person comes: the list of players shows enough.
                if player.bot || mine(&player) {
                    return None;
                }
                let kind = match (player.away, was_away) {
                    (true, _) => "away",
                    (false, true) => "returned",
                    (false, false) => "joined",
                };
                Some(line(kind, &player.name, None))
            }
            Notice::Left(player) => {
                self.away &= !bit(&player);
                (!player.bot && !mine(&player)).then(|| line("left", &player.name, None))
            }
            Notice::Room { owner, locked } => {
                let text = if locked { "locked" } else { "" };
                Some(line("room", text, owner.map(|seat| seat.number().into())))
            }
            Notice::Started => Some(line("started", "", None)),
            Notice::NotStarted { fault } => Some(line("not_started", &fault, None)),
            Notice::Lost { code } => Some(line("reconnecting", "", Some(code))),
            Notice::Over(code) => {
                let kind = if code == CloseCode::Version { "reload" } else { "refused" };
                Some(line(kind, &words(code), Some(code.number())))
            }
        }
    }
}

fn line(kind: &str, text: &str, code: Option<u16>) -> String {
    let mut json = Object::new();
    json.text("kind", kind);
    json.text("text", text);
    json.number_or_null("code", code.map(u64::from));
    json.end()
}

const fn bit(player: &Player) -> u64 {
    1 << player.seat.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(seat: u8, name: &str) -> Player {
        Player { seat: Seat::new(seat).unwrap(), name: name.into(), bot: false, away: false }
    }

    /// Gives one notice to the player in seat 0, while Ada is away in seat 1 from the start.
    fn tell(roster: &mut Roster, notice: Notice) -> Option<String> {
        let players = [player(0, "me"), Player { away: true, ..player(1, "Ada") }];
        roster.tell(notice, Seat::new(0), players.iter(), |code| code.reason().into())
    }

    fn line(kind: &str, text: &str, code: &str) -> Option<String> {
        Some(format!(r#"{{"kind":"{kind}","text":"{text}","code":{code}}}"#))
    }

    #[test]
    fn players_join_go_away_return_and_leave() {
        let mut roster = Roster::default();
        let welcome = Notice::Welcome { resumed: false };
        assert_eq!(tell(&mut roster, welcome), line("joined", "", "null"));
        let ada = || player(1, "Ada");
        let away = Notice::Player(Player { away: true, ..ada() });
        assert_eq!(tell(&mut roster, Notice::Player(ada())), line("returned", "Ada", "null"));
        assert_eq!(tell(&mut roster, away), line("away", "Ada", "null"));
        assert_eq!(tell(&mut roster, Notice::Left(ada())), line("left", "Ada", "null"));
        assert_eq!(tell(&mut roster, Notice::Player(ada())), line("joined", "Ada", "null"));
    }

    #[test]
    fn bots_and_the_player_itself_cause_no_notices() {
        let mut roster = Roster::default();
        let bot = || Player { bot: true, ..player(2, "Bot") };
        assert_eq!(tell(&mut roster, Notice::Player(bot())), None);
        assert_eq!(tell(&mut roster, Notice::Left(bot())), None);
        assert_eq!(tell(&mut roster, Notice::Player(player(0, "me"))), None);
    }

    #[test]
    fn notices_of_connections_have_their_codes() {
        let mut roster = Roster::default();
        assert_eq!(tell(&mut roster, Notice::Welcome { resumed: true }), line("resumed", "", "null"));
        let old = Notice::OldBuild { server: 0x00dc_ba98_7654_3210 };
        assert_eq!(tell(&mut roster, old), line("old_build", "00dcba9876543210", "null"));
        assert_eq!(tell(&mut roster, Notice::Lost { code: 1012 }), line("reconnecting", "", "1012"));
        let full = line("refused", "the room is full", "4004");
        assert_eq!(tell(&mut roster, Notice::Over(CloseCode::Full)), full);
        let version = line("reload", "client and server versions differ", "4009");
        assert_eq!(tell(&mut roster, Notice::Over(CloseCode::Version)), version);
    }
}
