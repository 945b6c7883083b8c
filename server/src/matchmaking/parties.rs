//! Parties: players who wait for one match together. A party has a code, which one player gives to the others.

use crate::lobby::CODE_ALPHABET;
use std::collections::BTreeMap;
use tickwire::message::topics::PlayerId;

/// Players of a party, at most.
pub(super) const PARTY_PLAYERS_MAX: usize = 16;

/// Characters of a party's code. It is the only secret of the party: 45 bits, of which a connection tries a few a second.
const PARTY_CODE_LEN: usize = 10;

/// A party.
#[derive(Debug)]
pub(super) struct Party {
    code: String,
    /// The players in the order in which they came; the first one leads.
    members: Vec<PlayerId>,
}

impl Party {
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn members(&self) -> &[PlayerId] {
        &self.members
    }

    /// The player who enters a queue for all.
    pub(super) fn leader(&self) -> Option<PlayerId> {
        self.members.first().copied()
    }
}

/// A party among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartyId(u64);

/// All parties.
#[derive(Debug, Default)]
pub(super) struct Parties {
    parties: BTreeMap<PartyId, Party>,
    by_code: BTreeMap<String, PartyId>,
    by_player: BTreeMap<PlayerId, PartyId>,
    next: u64,
}

impl Parties {
    /// The party of a player.
    pub(super) fn of(&self, player: PlayerId) -> Option<&Party> {
        self.parties.get(self.by_player.get(&player)?)
    }

    pub(super) fn id_of(&self, player: PlayerId) -> Option<PartyId> {
        self.by_player.get(&player).copied()
    }

    /// The party with this code, as people write it.
    pub(super) fn find(&self, code: &str) -> Option<PartyId> {
        self.by_code.get(&code.to_ascii_uppercase()).copied()
    }

    pub(super) fn leader_of(&self, party: PartyId) -> Option<PlayerId> {
        self.parties.get(&party)?.leader()
    }

    pub(super) fn is_full(&self, party: PartyId) -> bool {
        self.parties.get(&party).is_none_or(|party| party.members.len() >= PARTY_PLAYERS_MAX)
    }

    /// A player who is in no party joins one, or begins a new one.
    pub(super) fn join(&mut self, party: Option<PartyId>, player: PlayerId) {
        let id = party.unwrap_or_else(|| self.begin());
        if let Some(party) = self.parties.get_mut(&id) {
            party.members.push(player);
            self.by_player.insert(player, id);
        }
    }

    fn begin(&mut self) -> PartyId {
        let id = PartyId(self.next);
        self.next += 1;
        let code = random_code();
        self.by_code.insert(code.clone(), id);
        self.parties.insert(id, Party { code, members: Vec::new() });
        id
    }

    /// A player leaves. Gives one of those who are left.
    pub(super) fn leave(&mut self, player: PlayerId) -> Option<PlayerId> {
        let id = self.by_player.remove(&player)?;
        let party = self.parties.get_mut(&id)?;
        party.members.retain(|member| *member != player);
        let left = party.leader();
        if left.is_none()
            && let Some(over) = self.parties.remove(&id)
        {
            self.by_code.remove(&over.code);
        }
        left
    }
}

/// A random code.
///
/// # Panics
/// When the operating system has no random numbers: nothing secret could be made then.
fn random_code() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system has random numbers");
    let letters = CODE_ALPHABET.len() as u128;
    let mut bits = u128::from_be_bytes(random);
    let mut letter = || {
        let place = (bits % letters) as usize;
        bits /= letters;
        char::from(CODE_ALPHABET[place])
    };
    (0..PARTY_CODE_LEN).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(number: u8) -> PlayerId {
        PlayerId([number; 10])
    }

    #[test]
    fn a_party_has_a_leader_as_long_as_anybody_is_in_it() {
        let mut parties = Parties::default();
        parties.join(None, player(1));
        let code = parties.of(player(1)).unwrap().code().to_owned();
        let id = parties.find(&code.to_lowercase()).unwrap();
        parties.join(Some(id), player(2));
        assert_eq!(parties.leader_of(id), Some(player(1)));
        assert_eq!(parties.leave(player(1)), Some(player(2)));
        assert_eq!(parties.leader_of(id), Some(player(2)));
        assert_eq!(parties.leave(player(2)), None);
        assert_eq!(parties.find(&code), None);
        assert!(parties.parties.is_empty() && parties.by_player.is_empty());
    }

    #[test]
    fn codes_differ_and_are_easy_to_read() {
        let (one, other) = (random_code(), random_code());
        assert_ne!(one, other);
        assert_eq!(one.len(), PARTY_CODE_LEN);
        assert!(one.bytes().all(|byte| CODE_ALPHABET.contains(&byte)));
    }
}
