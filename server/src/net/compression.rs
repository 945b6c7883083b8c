//! gzip for JSON that is longer than a packet or so, when the client takes it.
//!
//! Most answers of that size are the same for everybody: the descriptions, and the list of rooms until it changes. The
//! descriptions are compressed at the start and for good; of the others the newest few are kept compressed. An answer that
//! is equal to one of them costs a comparison.

use super::Net;
use super::answer::{Answer, JSON_TYPE};
use crate::limits::{GZIP_BYTES_MIN, GZIPPED_ANSWERS_MAX};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};

/// Answers with their compressed forms.
#[derive(Debug, Default)]
pub(super) struct Gzipped {
    /// Those that stay the same as long as the server runs: they are long, and nobody can push them out.
    constant: Vec<(Bytes, Bytes)>,
    /// Those that were compressed last, the newest at the end.
    newest: RefCell<VecDeque<(Bytes, Bytes)>>,
}

impl Gzipped {
    /// Compresses these answers for good. An answer that cannot be compressed is sent as it is.
    pub(super) fn of_constants(plain: impl IntoIterator<Item = Bytes>) -> Self {
        let with_gzipped = |plain: Bytes| gzip(&plain).ok().map(|gzipped| (plain, gzipped));
        Self { constant: plain.into_iter().filter_map(with_gzipped).collect(), newest: RefCell::default() }
    }

    /// The compressed form of an answer.
    fn of(&self, plain: &Bytes) -> io::Result<Bytes> {
        let mut kept = self.newest.borrow_mut();
        if let Some((_, gzipped)) = self.constant.iter().chain(&*kept).find(|(of, _)| of == plain) {
            return Ok(gzipped.clone());
        }
        let gzipped = gzip(plain)?;
        if kept.len() >= GZIPPED_ANSWERS_MAX {
            kept.pop_front();
        }
        kept.push_back((plain.clone(), gzipped.clone()));
        Ok(gzipped)
    }
}

fn gzip(plain: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain)?;
    encoder.finish().map(Bytes::from)
}

/// Compresses an answer of enough JSON for a client that takes gzip.
pub(super) async fn compress(net: &Net, takes_gzip: bool, answer: Answer) -> Answer {
    let is_json = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == JSON_TYPE);
    let length = answer.body().size_hint().lower();
    if !is_json || length < GZIP_BYTES_MIN {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // A cache must not give the compressed form to a client that cannot read it.
    head.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let Ok(plain) = body.collect().await.map(http_body_util::Collected::to_bytes);
    let gzipped = if takes_gzip { net.gzipped.of(&plain).ok() } else { None };
    if gzipped.is_some() {
        head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Answer::from_parts(head, Full::new(gzipped.unwrap_or(plain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn equal_answers_are_compressed_once_and_few_are_kept() {
        let constant = Bytes::from("constant".repeat(1_000));
        let gzipped = Gzipped::of_constants([constant.clone()]);
        let for_good = gzipped.of(&constant).unwrap();
        let plain = |number: usize| Bytes::from(format!("{number}").repeat(2_000));
        let first = gzipped.of(&plain(0)).unwrap();
        let mut text = String::new();
        GzDecoder::new(&*first).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), plain(0));
        assert!(first.len() < 200);
        assert_eq!(gzipped.of(&plain(0)).unwrap().as_ptr(), first.as_ptr(), "it is the one that was kept");
        for number in 1..=GZIPPED_ANSWERS_MAX {
            gzipped.of(&plain(number)).unwrap();
        }
        assert_eq!(gzipped.newest.borrow().len(), GZIPPED_ANSWERS_MAX);
        assert_eq!(gzipped.of(&constant).unwrap().as_ptr(), for_good.as_ptr(), "nothing pushes a constant out");
        assert_ne!(gzipped.of(&plain(0)).unwrap().as_ptr(), first.as_ptr(), "the oldest has made room");
    }
}
