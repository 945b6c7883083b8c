//! Where new rooms are made: every node orders the nodes for a game in the same way, without asking anybody.
//!
//! Nodes with more space come first, in steps of a quarter, so that the order rarely changes. Nodes of one step are ordered
//! by a number that follows from the game and the node (rendezvous hashing: Thaler and Ravishankar, 1998): games are spread
//! over the nodes, and a node that comes or goes moves no other game. Two nodes may disagree for as long as a renewal of a
//! lease takes to be told; people are then matched in two places for a moment, and nothing else happens.

use super::claim::NodeId;
use sha2::{Digest, Sha256};

/// The load of a node that takes no new rooms.
pub(crate) const LOAD_FULL: u8 = 4;

/// Percent below a step at which a load falls: one that sways around a step changes no order.
const FALL_PERCENT: u32 = 5;

/// The nodes, in the order in which they are asked for a room of a game.
pub(crate) fn in_order(game: &str, nodes: impl Iterator<Item = (NodeId, u8)>) -> Vec<NodeId> {
    let mut ranked: Vec<_> = nodes.map(|(node, load)| (load, rank(game, node), node)).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(.., node)| node).collect()
}

/// The load of a node whose means are used to this part, in quarters from 0 to 3; `before` is the load that it has told
/// last.
pub(crate) fn load_of(percent: u32, before: u8) -> u8 {
    let quarter = |percent: u32| u8::try_from((percent / 25).min(3)).unwrap_or(3);
    let rising = quarter(percent);
    let is_first = before >= LOAD_FULL;
    if rising >= before || is_first { rising } else { quarter(percent.saturating_add(FALL_PERCENT)).min(before) }
}

fn rank(game: &str, node: NodeId) -> u64 {
    let digest = Sha256::new().chain_update(node.0).chain_update(game.as_bytes()).finalize();
    digest.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId([number; 16])
    }

    fn first(game: &str, nodes: &[(u8, u8)]) -> u8 {
        in_order(game, nodes.iter().map(|(number, load)| (node(*number), *load)))[0].0[0]
    }

    #[test]
    fn the_order_is_the_same_whoever_asks_and_spreads_games() {
        let nodes = [(1, 0), (2, 0), (3, 0)];
        let mut turned = nodes;
        turned.rotate_left(1);
        let games: Vec<String> = (0..300).map(|number| format!("game-{number}")).collect();
        let mut counts = [0; 4];
        for game in &games {
            assert_eq!(first(game, &nodes), first(game, &turned));
            counts[usize::from(first(game, &nodes))] += 1;
        }
        assert!(counts[1..].iter().all(|count| (60..=140).contains(count)), "{counts:?}");
        // A node that goes moves its own games alone.
        for game in &games {
            let before = first(game, &nodes);
            assert!(before == 3 || first(game, &nodes[..2]) == before, "{game}");
        }
    }

    #[test]
    fn a_node_with_more_space_comes_first() {
        for game in ["arena", "paddles"] {
            assert_eq!(first(game, &[(1, 1), (2, 0), (3, 2)]), 2);
            assert_eq!(in_order(game, [(node(1), 3), (node(2), 1)].into_iter()), [node(2), node(1)]);
        }
    }

    #[test]
    fn a_load_that_sways_around_a_step_changes_nothing() {
        let rises = [(0, 0), (24, 0), (25, 1), (49, 1), (50, 2), (75, 3), (100, 3), (250, 3)];
        rises.iter().for_each(|(percent, load)| assert_eq!(load_of(*percent, 0), *load, "{percent}"));
        assert_eq!([24, 20, 19, 0].map(|percent| load_of(percent, 1)), [1, 1, 0, 0]);
        assert_eq!([74, 70, 69, 45, 44].map(|percent| load_of(percent, 3)), [3, 3, 2, 2, 1]);
        assert_eq!(load_of(10, LOAD_FULL), 0, "a node that takes rooms again has the load that it has");
    }
}
