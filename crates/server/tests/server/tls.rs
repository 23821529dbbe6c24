//! S6: https by the server itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use askfirst_server::http::connection::{Door, Limits, serve};
use askfirst_server::tls::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::support::*;

/// Writes a certificate for `localhost` and its key.
pub fn certificate(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

async fn listen(limits: Limits) -> (Server, Arc<Tls>, CertificateDer<'static>, std::net::SocketAddr) {
    let server = server().await;
    let known = certificate(server.folder.path());
    let tls = Tls::read(&server.folder.path().join("cert.pem"), &server.folder.path().join("key.pem"));
    let tls = Arc::new(tls.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = Door { listener, tls: Some(Arc::clone(&tls)) };
    tokio::spawn(serve(door, server.router.clone(), limits, std::future::pending()));
    (server, tls, known, address)
}

/// One request over TLS to whoever has this certificate.
async fn ask(address: std::net::SocketAddr, known: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(known.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    Ok(text)
}

#[tokio::test]
async fn requests_are_answered_over_tls_with_hsts_and_plain_ones_are_not() {
    let (_server, _, known, address) = listen(Limits::default()).await;
    let answer = ask(address, &known).await.unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said).await;
    assert!(!said.windows(4).any(|part| part == b"HTTP"), "{said:?}");
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_server_runs_and_a_broken_one_changes_nothing() {
    let (server, tls, old, address) = listen(Limits::default()).await;
    let new = certificate(server.folder.path());
    assert!(ask(address, &old).await.is_ok());
    tls.reload().unwrap();
    assert!(ask(address, &new).await.is_ok());
    assert!(ask(address, &old).await.is_err());
    fs::write(server.folder.path().join("cert.pem"), "nothing").unwrap();
    assert!(tls.reload().is_err());
    assert!(ask(address, &new).await.is_ok());
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut_off() {
    let limits = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let (_server, _, known, address) = listen(limits).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(3), slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok());
    assert!(ask(address, &known).await.is_ok());
}
