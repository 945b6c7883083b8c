//! Malformed heads of requests that hyper lets pass: a line that ends without a carriage return, a second
//! `Content-Length`, and a `Content-Length` together with a `Transfer-Encoding`.
//!
//! Two programs that read such a head differently disagree about where the next request begins, and a request can be
//! smuggled past a proxy. The guard follows every head of a connection, over any cuts between reads and over the bodies
//! between heads. After an upgrade, and after a request with a body of unstated length, it follows nothing: such a
//! request has to be the last of its connection (see [`ends_connection`]).

use hyper::header::{HeaderMap, TRANSFER_ENCODING, UPGRADE};

/// Bytes of the longest field name that the guard knows, `transfer-encoding`.
const NAME_BYTES_MAX: usize = 17;

/// Whether the request with these headers has to be the last one of its connection.
pub(super) fn ends_connection(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) || headers.contains_key(TRANSFER_ENCODING)
}

/// The place in a connection that the guard has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In front of a request, where empty lines may be.
    Between,
    RequestLine,
    /// In the name of a field.
    Name,
    /// In the value of a field, which may be the length of the body.
    Value {
        is_length: bool,
    },
    /// In a body of which this many bytes are missing.
    Body(u64),
    /// Behind a request that has to be the last.
    Unwatched,
}

/// A guard over one connection.
#[derive(Debug)]
pub(super) struct HeadGuard {
    at: At,
    after_return: bool,
    line_is_empty: bool,
    /// The field name of this line in lower case, as much of it as fits.
    name: [u8; NAME_BYTES_MAX],
    name_bytes: usize,
    length: Option<u64>,
    is_encoded: bool,
    is_upgrade: bool,
}

impl HeadGuard {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Between,
            after_return: false,
            line_is_empty: true,
            name: [0; NAME_BYTES_MAX],
            name_bytes: 0,
            length: None,
            is_encoded: false,
            is_upgrade: false,
        }
    }

    /// Follows further bytes of the connection.
    ///
    /// # Errors
    /// The index of the first byte that makes a head malformed.
    pub(super) fn watch(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut index = 0;
        while index < bytes.len() {
            match self.at {
                At::Unwatched => return Ok(()),
                At::Body(missing) => {
                    let here = bytes.len() - index;
                    let taken = usize::try_from(missing).map_or(here, |missing| missing.min(here));
                    let missing = missing - taken as u64;
                    self.at = if missing == 0 { At::Between } else { At::Body(missing) };
                    index += taken;
                }
                _ => {
                    self.take(bytes[index]).map_err(|Malformed| index)?;
                    index += 1;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) -> Result<(), Malformed> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if after_return => self.end_line(),
            b'\n' => return Err(Malformed),
            b'\r' => {}
            other => {
                self.line_is_empty = false;
                self.take_letter(other)?;
            }
        }
        Ok(())
    }

    fn take_letter(&mut self, byte: u8) -> Result<(), Malformed> {
        match self.at {
            At::Between => self.at = At::RequestLine,
            At::Name if byte == b':' => return self.end_name(),
            At::Name => {
                if let Some(place) = self.name.get_mut(self.name_bytes) {
                    *place = byte.to_ascii_lowercase();
                }
                self.name_bytes += 1;
            }
            At::Value { is_length: true } if byte.is_ascii_digit() => {
                let length = self.length.unwrap_or(0);
                // Hyper refuses a length that does not fit.
                self.length = Some(length.saturating_mul(10).saturating_add(u64::from(byte - b'0')));
            }
            At::Value { .. } | At::RequestLine | At::Body(_) | At::Unwatched => {}
        }
        Ok(())
    }

    fn end_name(&mut self) -> Result<(), Malformed> {
        let name = self.name.get(..self.name_bytes).unwrap_or_default();
        let is_length = name == b"content-length";
        if is_length {
            if self.is_encoded || self.length.replace(0).is_some() {
                return Err(Malformed);
            }
        } else if name == b"transfer-encoding" {
            self.is_encoded = true;
            if self.length.is_some() {
                return Err(Malformed);
            }
        } else if name == b"upgrade" {
            self.is_upgrade = true;
        }
        self.at = At::Value { is_length };
        Ok(())
    }

    fn end_line(&mut self) {
        let is_empty = std::mem::replace(&mut self.line_is_empty, true);
        self.name_bytes = 0;
        self.at = match self.at {
            At::Between => At::Between,
            At::Name if is_empty => self.end_head(),
            _ => At::Name,
        };
    }

    fn end_head(&mut self) -> At {
        let length = self.length.take().unwrap_or(0);
        let is_last = self.is_encoded || self.is_upgrade;
        (self.is_encoded, self.is_upgrade) = (false, false);
        match length {
            _ if is_last => At::Unwatched,
            0 => At::Between,
            length => At::Body(length),
        }
    }
}

/// A byte makes the head malformed.
struct Malformed;

#[cfg(test)]
mod tests {
    use super::*;

    /// The index of the byte that makes a connection malformed, read at once.
    fn malformed(text: &str) -> Option<usize> {
        HeadGuard::new().watch(text.as_bytes()).err()
    }

    #[test]
    fn well_formed_requests_with_and_without_bodies_pass() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:0\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1 \r\n\r\n\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\n\n\n\n\r\n",
            "GET / HTTP/1.1\r\nUPGRADE: websocket\r\n\r\nframes\n\nand\nmore",
            "GET / HTTP/1.1\r\ncontent-length-x: 1\r\ncontent-length-y: 1\r\n\r\n",
        ] {
            assert_eq!(malformed(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_a_carriage_return_is_found_where_it_ends() {
        for (text, at) in [
            ("\n", 0),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", 14),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", 23),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", 25),
            ("GET / HTTP/1.1\r\nHost:\r \n", 23),
        ] {
            assert_eq!(malformed(text), Some(at), "{text:?}");
        }
        let second = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\n";
        assert_eq!(malformed(&format!("{second}GET / HTTP/1.1\n")), Some(second.len() + 14), "a pipelined head");
    }

    #[test]
    fn a_second_statement_of_the_length_is_found() {
        for (one, other) in [
            ("Content-Length: 1", "Content-Length: 1"),
            ("CONTENT-LENGTH: 1", "transfer-encoding: chunked"),
            ("Transfer-Encoding: chunked", "content-length: 0"),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{one}\r\nHost: a\r\n{other}\r\n\r\n");
            let colon = head.rfind(':').unwrap();
            assert_eq!(malformed(&head), Some(colon), "{head:?}");
        }
    }

    #[test]
    fn cuts_between_reads_make_no_difference() {
        let good =
            "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n\n\n\n\n\n\n\n\n\n\n\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let bad = format!("{good}GET / HTTP/1.1\r\nHost: a\n");
        for cut in 0..bad.len() {
            let (before, after) = bad.as_bytes().split_at(cut);
            let mut guard = HeadGuard::new();
            assert_eq!(guard.watch(before), Ok(()), "{cut}");
            assert_eq!(guard.watch(after), Err(bad.len() - 1 - cut), "{cut}");
        }
        let mut guard = HeadGuard::new();
        assert!(good.bytes().all(|byte| guard.watch(&[byte]).is_ok()));
    }

    #[test]
    fn lengths_beyond_all_numbers_are_followed_without_a_panic() {
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", "9".repeat(60));
        let mut guard = HeadGuard::new();
        assert_eq!(guard.watch(head.as_bytes()), Ok(()));
        assert_eq!(guard.watch(&[b'\n'; 10_000]), Ok(()));
        assert_eq!(guard.at, At::Body(u64::MAX - 10_000));
    }
}
