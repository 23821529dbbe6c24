//! Witnesses: others who keep what the log has said, and cosign that it goes on from that (C2SP tlog-witness and
//! tlog-cosignature; PROOF §3.3). Without them whoever has the key could build a second history.
//!
//! A record never waits for a witness. One that does not answer is an alarm; one that says that the log contradicts itself
//! stops it, for every further signature would be another contradiction.

mod protocol;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use askfirst_core::log::{Algorithm, VerifierKey};
use axum::http::{HeaderMap, HeaderValue, header};
use tokio::task::JoinSet;

use crate::store::log::read::Head;
use crate::store::log::witness::{Cosigned, Followed, changes};
use crate::store::{Store, StoreError};
use crate::webhook::{Client, Target};
use crate::{clock, http};
use protocol::Answer;

/// How often it is looked whether a log has grown.
const LOOK: Duration = Duration::from_secs(1);
/// How long a witness has for one answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How often a submission goes from another size before it is given up until the next time.
const TRIES: usize = 3;
/// A witness's clock and ours may be so far apart before it is said, in seconds.
const CLOCKS_APART: u64 = 300;

/// When witnesses are asked and when it is an alarm that one does not answer.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The shortest time between two submissions of one log.
    pub every: Duration,
    /// How long a witness that has not answered is left alone, when that is shorter.
    pub again: Duration,
    /// After how long it is an alarm. With `again` and the time limit of an answer it comes within a minute (PROOF test 13).
    pub alarm: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let [every, again, alarm] = [10, 10, 30].map(Duration::from_secs);
        Self { every, again, alarm }
    }
}

/// A witness.
#[derive(Clone, Debug)]
pub struct Witness {
    pub key: VerifierKey,
    pub target: Target,
}

impl Witness {
    /// Reads `URL VKEY` or `URL+VKEY`. The URL is the submission prefix, to which `/add-checkpoint` is added.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: a witness is its URL and its key, as `https://witness.example name+id+key`");
        let (url, vkey) = text.trim().split_once([' ', '+']).ok_or_else(wrong)?;
        let key = VerifierKey::parse(vkey.trim()).ok_or_else(wrong)?;
        if key.algorithm != Algorithm::CosignatureV1 {
            return Err(format!("{vkey} is the key of a log; a witness has one of the kind cosignature/v1"));
        }
        let target = Target::parse(&[url.trim_end_matches('/'), "/add-checkpoint"].concat())?;
        Ok(Self { key, target })
    }
}

/// Figures of one witness since the start of the process.
#[derive(Debug, Default)]
pub struct Figures {
    pub name: String,
    pub cosigned: AtomicU64,
    pub failed: AtomicU64,
    /// It has said that a log contradicts itself.
    pub contradicted: AtomicU64,
    /// It has not answered for longer than [`Times::alarm`].
    pub silent: AtomicBool,
}

/// Talking to the witnesses of a server.
pub struct Watch {
    witnesses: Vec<Witness>,
    figures: Vec<Arc<Figures>>,
    client: Client,
    times: Times,
    /// Since when a witness has not answered.
    since: Vec<Option<Instant>>,
    /// The size that was last sent for a log, when, and whether all have cosigned it.
    sent: HashMap<i64, (u64, Instant, bool)>,
}

/// A submission on its way.
struct Asked {
    /// Which witness.
    n: usize,
    old: u64,
    tries: usize,
    answer: Answer,
}

impl Watch {
    /// # Errors
    /// TLS can't be used, or a witness is named twice.
    pub fn new(witnesses: Vec<Witness>, times: Times) -> Result<Self, String> {
        let mut names = HashSet::new();
        if let Some(twice) = witnesses.iter().find(|witness| !names.insert(witness.key.to_text())) {
            return Err(format!("the witness {} is named twice", twice.key.name));
        }
        let figure = |witness: &Witness| Arc::new(Figures { name: witness.key.name.clone(), ..Figures::default() });
        let figures = witnesses.iter().map(figure).collect();
        let since = vec![None; witnesses.len()];
        Ok(Self { witnesses, figures, client: Client::new()?, times, since, sent: HashMap::new() })
    }

    pub fn figures(&self) -> Vec<Arc<Figures>> {
        self.figures.clone()
    }

    /// Asks before anything is signed: a database from an older backup must not sign on, and it may be a witness alone that
    /// knows. One that does not answer holds up no start.
    ///
    /// # Errors
    /// A witness says that a log contradicts itself.
    pub async fn first(&mut self, store: &Store) -> Result<(), String> {
        if self.witnesses.is_empty() || !store.signs() || store.frozen().is_some() {
            return Ok(());
        }
        match self.round(store).await {
            Ok(Some(contradiction)) => Err(contradiction),
            Ok(None) => Ok(()),
            Err(error) => Err(format!("the logs can't be read: {error:?}")),
        }
    }

    /// Works until it is dropped.
    pub async fn run(mut self, app: http::Shared) {
        loop {
            let turn = app.store.signs() && app.store.frozen().is_none();
            // What the store can't do it has said itself.
            let done = turn && self.step(&app.store).await.is_ok();
            if done && self.witnesses.is_empty() {
                // Those that there were are taken out of the logs.
                return;
            }
            self.alarm();
            tokio::time::sleep(LOOK.min(self.times.every)).await;
        }
    }

    /// Names the witnesses in the logs where that is new, and has cosigned what has grown.
    ///
    /// # Errors
    /// The store can't be used; it is tried again.
    pub async fn step(&mut self, store: &Store) -> Result<(), StoreError> {
        let keys: Vec<VerifierKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let all_named = store.followed().await?.iter().all(|log| {
            let named: Vec<String> = log.witnesses.iter().map(|(vkey, _)| vkey.clone()).collect();
            changes(&named, &keys).is_empty()
        });
        if !all_named {
            store.name_witnesses(keys).await?;
        }
        if let Some(contradiction) = self.round(store).await? {
            store.freeze(contradiction);
        }
        Ok(())
    }

    /// Submits each log that has grown. The first contradiction, if any.
    async fn round(&mut self, store: &Store) -> Result<Option<String>, StoreError> {
        for log in store.followed().await? {
            let due = match self.sent.get(&log.head.log) {
                Some((size, _, true)) if *size == log.head.size => false,
                Some((_, at, true)) => at.elapsed() >= self.times.every,
                Some((_, at, false)) => at.elapsed() >= self.times.every.min(self.times.again),
                None => true,
            };
            if due && let Some(contradiction) = self.submit(store, &log).await? {
                return Ok(Some(contradiction));
            }
        }
        Ok(None)
    }

    /// Submits one log to each witness that has not cosigned its head: to all the same head, so that their signatures stand
    /// below one checkpoint.
    async fn submit(&mut self, store: &Store, log: &Followed) -> Result<Option<String>, StoreError> {
        let (head, began) = (&log.head, Instant::now());
        let mut asked = JoinSet::new();
        for n in 0..self.witnesses.len() {
            let Some(vkey) = self.witnesses.get(n).map(|witness| witness.key.to_text()) else { continue };
            let old = log.witnesses.iter().find(|(named, _)| *named == vkey).map_or(0, |(_, size)| *size);
            // A row that says more than the log has is from a file that was put together; the witness says what is true.
            let old = if old > head.size { 0 } else { old };
            if old < head.size {
                self.ask(&mut asked, store, head, (n, old, 1)).await?;
            }
        }
        let (mut cosigned, mut all, mut contradiction) = (Vec::new(), true, None);
        while let Some(answered) = asked.join_next().await {
            let Ok(Asked { n, old, tries, answer }) = answered else { continue };
            let name = self.figures.get(n).map_or("", |figures| figures.name.as_str()).to_owned();
            if matches!(answer, Answer::Contradicts)
                && let Some(figures) = self.figures.get(n)
            {
                figures.contradicted.fetch_add(1, Relaxed);
            }
            let why = match answer {
                Answer::Knows(size) if size <= head.size && tries < TRIES => {
                    self.ask(&mut asked, store, head, (n, size, tries + 1)).await?;
                    continue;
                }
                Answer::Cosigned { line, time } => {
                    self.answered(n, time);
                    let vkey = self.witnesses.get(n).map(|witness| witness.key.to_text()).unwrap_or_default();
                    let (log, size, note) = (head.log, head.size, head.note.clone());
                    cosigned.push(Cosigned { log, vkey, size, note, line, at: store.now() });
                    continue;
                }
                Answer::Contradicts => {
                    contradiction.get_or_insert(format!(
                        "the witness {name} says that the {} entries of the log {} do not go on from the {old} that it has \
                         cosigned: somebody has signed another history. Find out who, and start a new log with `askfirst \
                         recover`",
                        head.size, head.origin
                    ));
                    "contradiction"
                }
                Answer::Knows(size) => {
                    // Read after the answer: what the witness knows may have been signed by another server meanwhile.
                    let newest = store.followed().await?.into_iter().find(|log| log.head.log == head.log);
                    if newest.is_some_and(|log| log.head.size < size) {
                        contradiction.get_or_insert(format!(
                            "the witness {name} has cosigned {size} entries of the log {} and this database has {}: it is \
                             from an older backup. Restore a newer one, or start a new log with `askfirst recover`",
                            head.origin, head.size
                        ));
                    }
                    "size"
                }
                Answer::Failed(why) => why,
            };
            all = false;
            self.failed(n, &name, why, began);
        }
        store.cosigned(cosigned).await?;
        self.sent.insert(head.log, (head.size, Instant::now(), all));
        Ok(contradiction)
    }

    async fn ask(
        &self,
        asked: &mut JoinSet<Asked>,
        store: &Store,
        head: &Head,
        (n, old, tries): (usize, u64, usize),
    ) -> Result<(), StoreError> {
        let (Some(witness), Some(proof)) = (self.witnesses.get(n).cloned(), store.growth(head, old).await?) else {
            return Ok(());
        };
        let (client, head) = (self.client.clone(), head.clone());
        asked.spawn(async move {
            let body = protocol::submission(old, &proof, &head.note);
            let got = client.exchange(&witness.target, headers(body.len()), body, LIMIT, protocol::MOST).await;
            let answer = match got {
                Ok((status, body)) => protocol::answer(status, &body, &witness.key, old, &head),
                Err(code) => Answer::Failed(code),
            };
            Asked { n, old, tries, answer }
        });
        Ok(())
    }

    fn answered(&mut self, n: usize, time: u64) {
        let (Some(figures), Some(since)) = (self.figures.get(n), self.since.get_mut(n)) else { return };
        figures.cosigned.fetch_add(1, Relaxed);
        if since.take().is_some() {
            tracing::info!(witness = figures.name, "the witness answers again");
        }
        figures.silent.store(false, Relaxed);
        let now = u64::try_from(clock::now() / 1000).unwrap_or(0);
        if now.abs_diff(time) > CLOCKS_APART {
            tracing::warn!(witness = figures.name, seconds = now.abs_diff(time), "its clock and ours are apart");
        }
    }

    fn failed(&mut self, n: usize, name: &str, code: &str, began: Instant) {
        let (Some(figures), Some(since)) = (self.figures.get(n), self.since.get_mut(n)) else { return };
        figures.failed.fetch_add(1, Relaxed);
        if since.is_none() {
            *since = Some(began);
            tracing::warn!(witness = name, code, "a witness has not cosigned; the log goes on without it");
        }
    }

    /// PROOF test 13: says aloud that a witness is silent, once.
    pub fn alarm(&self) {
        for (figures, since) in self.figures.iter().zip(&self.since) {
            if since.is_some_and(|since| since.elapsed() >= self.times.alarm) && !figures.silent.swap(true, Relaxed) {
                tracing::error!(
                    witness = figures.name,
                    "a witness has cosigned nothing for half a minute; the log goes on without it"
                );
            }
        }
    }
}

fn headers(length: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("askfirst/", env!("CARGO_PKG_VERSION"))));
    headers
}
