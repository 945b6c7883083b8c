//! Certificates that are changed, refused and made, and the words for each fault.

use super::*;
use crate::config::FileSetting;
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process;

/// Two files in a folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-tls-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The settings that name a certificate and a key of these texts.
    fn config(&self, certificate: &str, key: &str) -> Config {
        Config {
            tls_cert: FileSetting::At(self.write("cert.pem", certificate)),
            tls_key: FileSetting::At(self.write("key.pem", key)),
            ..Config::on_free_ports()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate for a name, until the end of a year, and its key.
fn made(name: &str, until_year: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(until_year, 12, 31);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// The words of an error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

fn refused(config: &Config) -> String {
    words(&Tls::open(config).expect_err("the settings cannot be used"))
}

#[test]
fn a_certificate_is_read_with_its_names_and_its_end() {
    let folder = Folder::new("good");
    let (certificate, key) = made("play.example", 2040);
    let tls = Tls::open(&folder.config(&certificate, &key)).unwrap().unwrap();
    let shown = Arc::clone(&tls.current.0.read());
    assert_eq!((&shown.names[..], shown.expires()), (&["play.example".to_owned()][..], "2040-12-31T00:00:00Z".into()));
    assert!(shown.is_for("play.example") && !shown.is_for("other.example") && !shown.is_expired());
    assert!(!tls.is_self_signed());
}

#[test]
fn a_self_signed_certificate_is_for_this_machine_and_the_named_hosts() {
    let config = Config { tls_self_signed: true, hosts: vec!["play.example".parse().unwrap()], ..Config::default() };
    let tls = Tls::open(&config).unwrap().unwrap();
    let shown = Arc::clone(&tls.current.0.read());
    for name in ["localhost", "127.0.0.1", "::1", "play.example"] {
        assert!(shown.is_for(name), "{name}");
    }
    assert!(tls.is_self_signed() && !shown.is_expired());
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_reason() {
    let folder = Folder::new("bad");
    let ((certificate, key), (_, other)) = (made("a.example", 2040), made("a.example", 2040));
    let config = |certificate: &str, key: &str| folder.config(certificate, key);
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, word) in [
        ("", &*key, "has no certificate in PEM form"),
        (nonsense, &key, "cannot be understood"),
        (&certificate, "", "has no private key in PEM form"),
        (&certificate, &certificate, "has no private key in PEM form"),
        (&certificate, &other, "does not belong to the certificate"),
    ] {
        let words = refused(&config(certificate, key));
        assert!(words.contains(word) && words.contains(&*folder.0.to_string_lossy()), "{word} is not in {words}");
        assert!(!words.contains("BEGIN PRIVATE"), "{words}");
    }
    let good = config(&certificate, &key);
    fs::set_permissions(folder.0.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(&good).contains("other users may use"), "{}", refused(&good));
    let half = Config { tls_key: FileSetting::Off, ..good.clone() };
    assert!(refused(&half).contains("name --tls-key too"));
    assert!(refused(&Config { tls_cert: FileSetting::Off, ..good.clone() }).contains("name --tls-cert too"));
    assert!(refused(&Config { tls_self_signed: true, ..good }).contains("--tls-self-signed makes a certificate"));
}

#[test]
fn a_changed_certificate_is_read_again_and_one_that_cannot_be_used_changes_nothing() {
    let folder = Folder::new("reload");
    let (first, second) = (made("first.example", 2040), made("second-name.example", 2041));
    let tls = Tls::open(&folder.config(&first.0, &first.1)).unwrap().unwrap();
    let name = || tls.current.0.read().names[0].clone();
    tls.reload(false);
    assert_eq!(name(), "first.example");
    // A backend that writes one file after the other leaves a moment in which they do not fit.
    folder.write("cert.pem", &second.0);
    tls.reload(false);
    assert_eq!(name(), "first.example");
    folder.write("key.pem", &second.1);
    // The files may have been written within one tick of the file system's clock.
    tls.reload(true);
    assert_eq!((name(), tls.expires_unix_s()), ("second-name.example".into(), 2_272_060_800));
}

#[test]
fn an_expired_certificate_and_one_for_another_host_are_in_the_log() {
    let folder = Folder::new("warned");
    let (certificate, key) = made("old.example", 2020);
    let config = Config { hosts: vec!["play.example".parse().unwrap()], ..folder.config(&certificate, &key) };
    let (mut log, writer) = io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(writer)).finish();
    tracing::subscriber::with_default(subscriber, || drop(Tls::open(&config).unwrap()));
    let mut text = String::new();
    io::Read::read_to_string(&mut log, &mut text).unwrap();
    for word in ["ERROR", "has expired", "2020-12-31", "WARN", "host=play.example", "old.example"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}
