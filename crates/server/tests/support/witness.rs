//! A witness as C2SP tlog-witness describes it, that verifies what it is sent: the other side of `askfirst serve --witness`.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use askfirst_core::log::{Checkpoint, Hash, OpenError, SigningKey, VerifierKey, empty_root, verify_consistency};
use askfirst_server::witness::{Times, Watch, Witness};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the witness does instead of its work.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    #[default]
    Honest,
    /// Answers this.
    Says(u16, String),
    /// Sends elsewhere.
    Redirects(String),
    /// Verifies, but signs the text of another tree.
    SignsAnother,
    /// Does not answer.
    Silent,
}

#[derive(Clone)]
pub struct Stub {
    pub address: std::net::SocketAddr,
    state: Arc<Mutex<Known>>,
    serving: Arc<JoinHandle<()>>,
}

struct Known {
    key: SigningKey,
    /// The logs that it knows.
    logs: Vec<VerifierKey>,
    /// The tree of each that it has cosigned last.
    cosigned: HashMap<String, (u64, Hash)>,
    mood: Mood,
    /// The statuses that it has answered, the sizes that it was sent.
    answered: Vec<u16>,
}

impl Stub {
    pub async fn start(name: &str, logs: Vec<VerifierKey>) -> Self {
        let seed = askfirst_core::digest::sha256(name.as_bytes());
        let key = SigningKey::witness(name, &seed).unwrap();
        let known = Known { key, logs, cosigned: HashMap::new(), mood: Mood::Honest, answered: Vec::new() };
        let state = Arc::new(Mutex::new(known));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router =
            Router::new().route("/witness/add-checkpoint", post(add_checkpoint)).with_state(Arc::clone(&state));
        let serving = Arc::new(tokio::spawn(async move { drop(serve(listener, router).await) }));
        Self { address, state, serving }
    }

    pub fn key(&self) -> VerifierKey {
        self.state.lock().unwrap().key.verifier().clone()
    }

    /// As `--witness` takes it.
    pub fn option(&self) -> String {
        format!("http://{}/witness {}", self.address, self.key().to_text())
    }

    pub fn witness(&self) -> Witness {
        Witness::parse(&self.option()).unwrap()
    }

    pub fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// The size that it has cosigned.
    pub fn size(&self, origin: &str) -> u64 {
        self.state.lock().unwrap().cosigned.get(origin).map_or(0, |(size, _)| *size)
    }

    /// What it has answered so far.
    pub fn answered(&self) -> Vec<u16> {
        std::mem::take(&mut self.state.lock().unwrap().answered)
    }

    /// Nobody listens at its address any more.
    pub fn stop(&self) {
        self.serving.abort();
    }
}

/// With times in which a test can wait.
pub fn watch(stubs: &[&Stub]) -> Watch {
    let [every, again, alarm] = [1, 1, 200].map(Duration::from_millis);
    Watch::new(stubs.iter().map(|stub| stub.witness()).collect(), Times { every, again, alarm }).unwrap()
}

async fn add_checkpoint(State(state): State<Arc<Mutex<Known>>>, body: Bytes) -> Response {
    let mood = state.lock().unwrap().mood.clone();
    let response = match mood {
        Mood::Silent => std::future::pending().await,
        Mood::Says(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Mood::Redirects(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Mood::Honest => state.lock().unwrap().add(&body, false),
        Mood::SignsAnother => state.lock().unwrap().add(&body, true),
    };
    state.lock().unwrap().answered.push(response.status().as_u16());
    response
}

impl Known {
    fn add(&mut self, body: &[u8], another: bool) -> Response {
        let status = |status: u16| StatusCode::from_u16(status).unwrap().into_response();
        let Some((old, proof, note)) = submission(body) else { return status(400) };
        let opened = match Checkpoint::open(note, &self.logs) {
            Ok(opened) => opened.checkpoint,
            Err(OpenError::NoCheckpoint) => return status(400),
            Err(_) => {
                let known = self.logs.iter().any(|key| note.starts_with(&format!("{}\n", key.name)));
                return status(if known { 403 } else { 404 });
            }
        };
        if old > opened.size {
            return status(400);
        }
        let (known, root) = self.cosigned.get(&opened.origin).copied().unwrap_or((0, empty_root()));
        let conflict = || {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{known}\n")).into_response()
        };
        if old != known || (old == opened.size && root != opened.root) {
            return conflict();
        }
        if !verify_consistency(known, &root, opened.size, &opened.root, &proof) {
            return status(422);
        }
        self.cosigned.insert(opened.origin.clone(), (opened.size, opened.root));
        let note = if another { note.replacen('\n', "\n1", 1) } else { note.to_owned() };
        let time = askfirst_server::clock::now() as u64 / 1000;
        let cosigned = self.key.cosign(&note, time).unwrap();
        // A line of somebody that nobody has asked comes along.
        let stranger = SigningKey::witness("stranger.example/w", &[7; 32]).unwrap().cosign(&note, time).unwrap();
        (StatusCode::OK, format!("{}{}", &stranger[note.len()..], &cosigned[note.len()..])).into_response()
    }
}

/// The old size, the proof and the checkpoint, when the body is exactly what the specification says.
fn submission(body: &[u8]) -> Option<(u64, Vec<Hash>, &str)> {
    let (head, note) = std::str::from_utf8(body).ok()?.split_once("\n\n")?;
    let mut lines = head.split('\n');
    let old = lines.next()?.strip_prefix("old ")?;
    let proof = lines.map(|line| askfirst_core::log::from_base64(line)?.try_into().ok());
    let proof = proof.collect::<Option<Vec<Hash>>>().filter(|proof| proof.len() <= 63)?;
    (old == "0" || !old.starts_with('0')).then_some(())?;
    Some((old.parse().ok()?, proof, note))
}
