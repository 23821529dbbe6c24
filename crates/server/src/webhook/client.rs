//! One request to another server: over TLS, or in plain text to this machine; no redirect is followed, and of an answer no
//! more is read than is asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one attempt may take, from the look-up of the name to the head of the answer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// Where messages go.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    tls: bool,
    path: String,
    /// The header `host`.
    authority: String,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Seconds.
    pub retry_after: Option<u64>,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence for the person at the console: it is none, or others on the way could read what is sent there (S6).
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = || format!("{url} is not a URL such as https://www.example.nl/consent");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_this_machine(&host) => false,
            Some("http") => return Err(format!("{url}: plain http is for this machine only; use https")),
            _ => return Err(wrong()),
        };
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host, port, tls, path, authority: authority.to_string() })
    }

    /// The name of the machine, for the log: a path may hold a secret of the receiver's.
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Sends messages. The authorities that it trusts are those of the machine (`SSL_CERT_FILE` names others).
#[derive(Clone)]
pub struct Client {
    tls: Arc<ClientConfig>,
}

impl Client {
    /// # Errors
    /// TLS can't be used at all.
    pub fn new() -> Result<Self, String> {
        let mut roots = rustls::RootCertStore::empty();
        // One that can't be read is left out; an endpoint that needs it then says so at its first attempt.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::trusting(roots)
    }

    /// One that trusts these authorities alone.
    ///
    /// # Errors
    /// TLS can't be used at all.
    pub fn trusting(roots: rustls::RootCertStore) -> Result<Self, String> {
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Self { tls: Arc::new(tls.with_root_certificates(roots).with_no_client_auth()) })
    }

    /// Posts a body. What the endpoint says besides its status is of no use, and may have no end.
    ///
    /// # Errors
    /// A code for the log: `timeout`, `connect`, `tls`, `http`.
    pub async fn post(&self, target: &Target, headers: HeaderMap, body: String) -> Result<Answer, &'static str> {
        let attempt = self.send(target, headers, body, None);
        tokio::time::timeout(ATTEMPT, attempt).await.unwrap_or(Err("timeout")).map(|(answer, _)| answer)
    }

    /// Posts a body, and reads an answer of at most `most` bytes; its status and its bytes.
    ///
    /// # Errors
    /// A code for the log: `timeout`, `connect`, `tls`, `http`, `body`.
    pub async fn exchange(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: String,
        limit: Duration,
        most: usize,
    ) -> Result<(u16, Vec<u8>), &'static str> {
        let attempt = self.send(target, headers, body, Some(most));
        let (answer, body) = tokio::time::timeout(limit, attempt).await.unwrap_or(Err("timeout"))?;
        Ok((answer.status, body))
    }

    async fn send(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: String,
        most: Option<usize>,
    ) -> Result<(Answer, Vec<u8>), &'static str> {
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(|_| "connect")?;
        if !target.tls {
            return send(stream, target, headers, body, most).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_| "tls")?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(|_| "tls")?;
        send(stream, target, headers, body, most).await
    }
}

/// Fetches a text, of at most `most` bytes, for `askfirst verify URL`. No redirect is followed: what is checked comes from
/// where the caller says.
///
/// # Errors
/// A sentence for the person at the console.
pub async fn fetch(url: &str, bearer: Option<&str>, most: usize) -> Result<String, String> {
    let target = Target::parse(url)?;
    let client = Client::new()?;
    let get = async {
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(|e| e.to_string())?;
        if !target.tls {
            return receive(stream, &target, bearer, most).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|e| e.to_string())?;
        let stream = TlsConnector::from(Arc::clone(&client.tls)).connect(name, stream).await;
        receive(stream.map_err(|e| e.to_string())?, &target, bearer, most).await
    };
    let got = tokio::time::timeout(ATTEMPT, get).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    got.map_err(|why| format!("{url}: {why}"))
}

async fn receive(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    bearer: Option<&str>,
    most: usize,
) -> Result<String, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let mut request = Request::get(target.path.as_str()).header(header::HOST, &target.authority);
    if let Some(bearer) = bearer {
        request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
    }
    let request = request.body(Body::empty()).map_err(|e| e.to_string())?;
    let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), most).collect().await;
    driver.abort();
    if !status.is_success() {
        return Err(format!("the server answers {status}"));
    }
    let body = body.map_err(|_| format!("the answer has more than {most} bytes, or broke off"))?.to_bytes();
    String::from_utf8(body.into()).map_err(|_| "this is not text".to_owned())
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    headers: HeaderMap,
    body: String,
    most: Option<usize>,
) -> Result<(Answer, Vec<u8>), &'static str> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| "http")?;
    let driver = Driver(tokio::spawn(connection));
    let mut request = Request::post(target.path.as_str()).body(Body::from(body)).map_err(|_| "http")?;
    *request.headers_mut() = headers;
    let host = target.authority.parse().map_err(|_| "http")?;
    request.headers_mut().insert(header::HOST, host);
    let answer = sender.send_request(request).await.map_err(|_| "http")?;
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
    let head = Answer { status: answer.status().as_u16(), retry_after };
    let body = match most {
        Some(most) => Limited::new(answer.into_body(), most).collect().await.map_err(|_| "body")?.to_bytes().to_vec(),
        None => Vec::new(),
    };
    drop(driver);
    Ok((head, body))
}

/// The task that drives a connection, which ends with the request, also with one that is given up.
struct Driver<E>(tokio::task::JoinHandle<Result<(), E>>);

impl<E> Drop for Driver<E> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_told_in_plain_text() {
        for url in ["https://a.example", "https://a.example:8443/x?y=1", "http://127.0.0.1:9/x", "http://[::1]:9/"] {
            assert!(Target::parse(url).is_ok(), "{url}");
        }
        for url in
            ["http://a.example/", "ftp://a.example/", "a.example", "/x", "https://u:p@a.example/", "http://10.0.0.1/"]
        {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
