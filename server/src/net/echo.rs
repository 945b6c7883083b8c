//! An echo, for suites that test a WebSocket server: each message returns as it came.
//!
//! Requests pass the checks of players' requests, and frames are read and written by the code that reads and writes
//! those of players. The suite sends text and messages of many megabytes, so the limits are wider here. Only the
//! feature `conformance` has this route.

use super::Net;
use super::answer::{Answer, Refusal};
use super::farewell::say_last;
use super::handshake;
use super::hello::take_over;
use crate::limits::{ECHO_FRAGMENTS_MAX, ECHO_MESSAGE_BYTES_MAX};
use crate::socket::Stream;
use crate::websocket::frame::{
    FrameLimits, FrameReader, Incoming, put_close, put_close_answer, put_message, put_pong, put_text,
};
use fastwebsockets::upgrade::UpgradeFut;
use hyper::Request;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

const LIMITS: FrameLimits = FrameLimits {
    message_bytes_max: ECHO_MESSAGE_BYTES_MAX,
    fragments_max: ECHO_FRAGMENTS_MAX,
    text: true,
    ..FrameLimits::CLIENT
};

/// Answers `GET /autobahn`; on success the connection goes on in a task of its own.
pub(super) fn answer(net: &Rc<Net>, request: Request<hyper::body::Incoming>) -> Result<Answer, Refusal> {
    handshake::check(net, &request)?;
    let (answer, upgrade) = handshake::switch(request)?;
    spawn_local(echo(Rc::clone(net), upgrade));
    Ok(answer)
}

/// Returns messages until the connection ends.
async fn echo(net: Rc<Net>, upgrade: UpgradeFut) {
    let Some((mut stream, mut reader)) = take_over(upgrade, LIMITS).await else { return };
    let mut out = Vec::new();
    loop {
        let ends = put_answers(&net, &mut reader, &mut out);
        if ends {
            return say_last(&net, stream, &out).await;
        }
        if write_and_read(&mut stream, &mut out, &mut reader).await.is_none() {
            return;
        }
    }
}

/// Appends the answers to everything that has arrived; true when the last of them closes the connection.
fn put_answers(net: &Net, reader: &mut FrameReader, out: &mut Vec<u8>) -> bool {
    loop {
        match reader.poll(net.setup.clock.now_us()) {
            Ok(None) => return false,
            Ok(Some(Incoming::Message(message))) => put_message(out, message),
            Ok(Some(Incoming::Text(text))) => put_text(out, text),
            Ok(Some(Incoming::Ping(payload))) => put_pong(out, payload),
            Ok(Some(Incoming::Pong)) => {}
            Ok(Some(Incoming::Close { code })) => {
                put_close_answer(out, code);
                return true;
            }
            Err(code) => {
                put_close(out, code);
                return true;
            }
        }
    }
}

/// Sends the answers, then waits for more bytes; `None` at the end of the connection.
async fn write_and_read(stream: &mut Stream, out: &mut Vec<u8>, reader: &mut FrameReader) -> Option<()> {
    stream.write_all(out).await.ok()?;
    stream.flush().await.ok()?;
    out.clear();
    match stream.read(reader.space()).await {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            reader.filled(count);
            Some(())
        }
    }
}
