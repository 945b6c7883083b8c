//! The records of a registry: the claim of a room and the lease of a node. They are JSON, so that operators can read them
//! with the tools of the registry.
//!
//! ```text
//! room  {"v":1,"owner":"9f86…","epoch":1,"boot":"00c3…"}
//! node  {"v":1,"boot":"51ab…","peer":"10.0.0.7:7000","build":"0000…","beat":17,"load":1}
//! ```
//!
//! A record of a later version is told apart from garbage: a code with such a claim is taken, by a node that this one does
//! not understand.

use super::placement::LOAD_FULL;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use thiserror::Error;

/// The version of the records.
const VERSION: u32 = 1;

/// Bytes that a record may have.
pub(crate) const RECORD_BYTES_MAX: usize = 512;

/// The identity of a node: that of its data folder, and a random one without a folder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) [u8; 16]);

impl NodeId {
    /// An identity that no other node has.
    ///
    /// # Panics
    /// When the operating system has no random numbers: nothing secret could be made then.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has random numbers");
        Self(bytes)
    }

    /// The beginning of the name, as logs print it.
    pub(crate) fn short(self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is no name of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the name of a node has 32 hexadecimal digits in lower case")]
pub(crate) struct NotANode;

impl FromStr for NodeId {
    type Err = NotANode;

    fn from_str(text: &str) -> Result<Self, NotANode> {
        let is_name = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let bytes = u128::from_str_radix(text, 16).ok().filter(|_| is_name).ok_or(NotANode)?;
        Ok(Self(bytes.to_be_bytes()))
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The place of a change in the order of all changes of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Revision(pub(crate) u64);

/// Says that a code is in use, and by which node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomClaim {
    pub(crate) owner: NodeId,
    /// How often the room has had an owner; each process that goes on with the room adds one.
    pub(crate) epoch: u32,
    /// The random number of the owner's process: one that has lost the answer to a claim knows by it whose claim is there.
    #[serde(with = "hexadecimal")]
    pub(crate) boot: u64,
}

/// Says that a node lives, and where others reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeLease {
    /// A random number of the process: two processes with one identity are a mistake that shows by it.
    #[serde(with = "hexadecimal")]
    pub(crate) boot: u64,
    /// The address for other nodes; `None` when the node takes no connections of others.
    pub(crate) peer: Option<SocketAddr>,
    /// The id of the sources that the node was built from; 0 when it is not known.
    #[serde(with = "hexadecimal")]
    pub(crate) build: u64,
    /// Counts the renewals.
    pub(crate) beat: u64,
    /// Quarters of the node's means that are used, 0 to 3; 4 when it takes no new rooms, as nodes of a version do that does
    /// not tell.
    #[serde(default = "untold_load")]
    pub(crate) load: u8,
    /// Whether the process has ended as it should: nobody waits for its next renewal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_ended: bool,
}

const fn untold_load() -> u8 {
    LOAD_FULL
}

/// The reason for which bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    /// A later version of the server has written it.
    #[error("the record is of a later version")]
    Later,
    /// It is something else.
    #[error("the record is damaged, or something else")]
    Garbage,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    record: T,
}

#[derive(Deserialize)]
struct VersionAlone {
    v: u32,
}

/// The bytes of a record.
pub(crate) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(&Versioned { v: VERSION, record }).expect("numbers and texts always have JSON")
}

/// Reads a record.
///
/// # Errors
/// When the bytes are no record of this version.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(Unreadable::Garbage);
    }
    let VersionAlone { v } = serde_json::from_slice(bytes).map_err(|_| Unreadable::Garbage)?;
    if v > VERSION {
        return Err(Unreadable::Later);
    }
    let read = serde_json::from_slice::<Versioned<T>>(bytes).map_err(|_| Unreadable::Garbage)?;
    if v == VERSION { Ok(read.record) } else { Err(Unreadable::Garbage) }
}

/// A number as 16 hexadecimal digits: many programs read JSON's numbers as floats of 53 bits.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_number = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| is_number);
        number.ok_or_else(|| D::Error::custom("the number has 16 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> RoomClaim {
        RoomClaim { owner: NodeId([0xab; 16]), epoch: u32::MAX, boot: u64::MAX }
    }

    fn lease() -> NodeLease {
        let peer = Some("[2001:db8::1:2:3:4]:65535".parse().unwrap());
        NodeLease { boot: 7, peer, build: u64::MAX, beat: u64::MAX, load: u8::MAX, has_ended: false }
    }

    #[test]
    fn a_record_comes_back_and_fits() {
        assert_eq!(decode(&encode(&claim())), Ok(claim()));
        for lease in [lease(), NodeLease { peer: None, ..lease() }, NodeLease { has_ended: true, ..lease() }] {
            assert_eq!(decode(&encode(&lease)), Ok(lease));
            assert!(encode(&lease).len() <= RECORD_BYTES_MAX);
        }
        let text = String::from_utf8(encode(&RoomClaim { boot: 255, ..claim() })).unwrap();
        let owner = "ab".repeat(16);
        assert_eq!(text, format!(r#"{{"v":1,"owner":"{owner}","epoch":4294967295,"boot":"00000000000000ff"}}"#));
    }

    #[test]
    fn half_a_record_and_garbage_are_no_record() {
        for whole in [encode(&claim()), encode(&lease())] {
            for end in 0..whole.len() {
                assert_eq!(decode::<RoomClaim>(&whole[..end]), Err(Unreadable::Garbage), "{end}");
                assert_eq!(decode::<NodeLease>(&whole[..end]), Err(Unreadable::Garbage), "{end}");
            }
        }
        let garbage = [
            r#"{"v":0,"owner":"abababababababababababababababab","epoch":1,"boot":"0000000000000000"}"#,
            r#"{"v":1,"owner":"ABababababababababababababababab","epoch":1,"boot":"0000000000000000"}"#,
            r#"{"v":1,"owner":"+bababababababababababababababab","epoch":1,"boot":"0000000000000000"}"#,
            r#"{"v":1,"owner":"abababababababababababababababab","epoch":-1,"boot":"0000000000000000"}"#,
            r#"{"v":1,"owner":"abababababababababababababababab","epoch":1,"boot":"+000000000000000"}"#,
            r#"{"v":1,"owner":"abababababababababababababababab","epoch":1,"boot":0}"#,
            "[]",
            "null",
            "",
        ];
        for garbage in garbage {
            assert_eq!(decode::<RoomClaim>(garbage.as_bytes()), Err(Unreadable::Garbage), "{garbage}");
        }
        let long = format!("{}{}", String::from_utf8(encode(&claim())).unwrap(), " ".repeat(RECORD_BYTES_MAX));
        assert_eq!(decode::<RoomClaim>(long.as_bytes()), Err(Unreadable::Garbage));
    }

    #[test]
    fn a_record_of_a_later_version_is_told_from_garbage() {
        assert_eq!(decode::<RoomClaim>(br#"{"v":2,"keeper":"x"}"#), Err(Unreadable::Later));
        assert_eq!(decode::<RoomClaim>(br#"{"v":99999999999}"#), Err(Unreadable::Garbage));
    }

    #[test]
    fn the_name_of_a_node_is_read_as_it_is_written() {
        let node = NodeId::random();
        assert_eq!(node.to_string().parse(), Ok(node));
        assert!(node.to_string().starts_with(&node.short()));
        for wrong in ["", "ab", "zz".repeat(16).as_str(), "ab".repeat(17).as_str(), "é".repeat(16).as_str()] {
            assert_eq!(wrong.parse::<NodeId>(), Err(NotANode), "{wrong}");
        }
    }
}
