//! One attempt: a signed POST over HTTP/1.1, with or without TLS.
//!
//! No redirect is followed: the signature is for the address of the settings. Of an answer only the status, `Retry-After`
//! and at most [`ANSWER_BYTES_MAX`] bytes are read.

use super::super::outbox::Outcome;
use super::super::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use super::super::url::EndpointUrl;
use super::{SetupError, WebhookSetup};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// Bytes of an answer's body that are read at the most. A connection with a longer answer is closed.
const ANSWER_BYTES_MAX: usize = 1_024;

/// Bytes of an answer's head at the most.
const ANSWER_HEAD_BYTES_MAX: usize = 16 * 1_024;

/// The time for the body of an answer. The status has decided already, and the room's next event waits for this.
const ANSWER_BODY_WAIT_MAX: Duration = Duration::from_millis(500);

/// The time for which a connection is kept for the next event.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// The name that the server gives itself.
const AGENT: &str = concat!("tickwire/", env!("CARGO_PKG_VERSION"));

/// The HTTP client, with its connections.
pub(super) type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client for these settings.
///
/// The public authorities are part of the program: a container that has nothing else in it can still check certificates,
/// and they are the same on every host. Authorities of the studio come from the settings.
pub(super) fn client(setup: &WebhookSetup) -> Result<Client, SetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(&setup.roots_pem) {
        roots.add(certificate.map_err(|_| SetupError::Roots)?).map_err(|_| SetupError::Roots)?;
    }
    // A file without any certificate is a mistake that would be found at the first event only.
    if !setup.roots_pem.is_empty() && roots.len() == webpki_roots::TLS_SERVER_ROOTS.len() {
        return Err(SetupError::Roots);
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(setup.answer_wait_max));
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(setup.outbox.in_flight_max)
        .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
        .build(connector))
}

/// A request that is about to be sent.
pub(super) struct Post {
    pub(super) url: EndpointUrl,
    pub(super) id: String,
    pub(super) timestamp_s: u64,
    pub(super) signatures: String,
    pub(super) body: Vec<u8>,
}

impl Post {
    /// Sends it, and waits for the answer.
    pub(super) async fn send(self, client: Client, answer_wait_max: Duration) -> Outcome {
        let request = Request::post(self.url.uri())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header(ID_HEADER, self.id)
            .header(TIMESTAMP_HEADER, self.timestamp_s)
            .header(SIGNATURE_HEADER, self.signatures)
            .body(Full::new(Bytes::from(self.body)))
            .expect("an id, numbers and base64 are good values of headers");
        let Ok(Ok(answer)) = timeout(answer_wait_max, client.request(request)).await else { return Outcome::Failed };
        let outcome = outcome(&answer);
        // A body that is read to its end leaves the connection for the next event.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        let _ = timeout(ANSWER_BODY_WAIT_MAX, body).await;
        outcome
    }
}

fn outcome(answer: &Response<Incoming>) -> Outcome {
    if answer.status().is_success() {
        return Outcome::Taken;
    }
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after_ms = retry_after.and_then(|value| retry_after_ms(value, SystemTime::now()));
    Outcome::Refused { status: StatusCode::as_u16(&answer.status()), retry_after_ms }
}

/// The wait that a `Retry-After` asks for, in seconds or as a date.
fn retry_after_ms(value: &str, now: SystemTime) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let wait = httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default();
    u64::try_from(wait.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120_000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after_ms(value, now), expected, "{value:?}");
        }
    }
}
