//! A log in memory with one record of ours in it, its evidence pack, its export and its receipt.

use std::collections::HashMap;

use askfirst_core::digest::{base64url, digest, uuid};
use askfirst_core::json::{self, Value, map};
use askfirst_core::log::evidence::{Logged, LoggedEntry, LoggedNotice, Opening, Pack};
use askfirst_core::log::{
    Checkpoint, Commitment, Entry, Envelope, Frontier, Hash, LogKey, SigningKey, TextProof, core_text, inclusion_proof,
    leaf_hash,
};
use askfirst_core::record::{Decision, Event, Layer, Method, NoticeRef, Record, Signals, State};
use askfirst_core::time::DAY;

pub const ORIGIN: &str = "www.example.nl/askfirst";
pub const RECEIVED: i64 = 1_795_342_531_000;

/// A log in memory with what its entries are made from.
pub struct Log {
    pub key: SigningKey,
    pub frontier: Frontier,
    nodes: HashMap<(u8, u64), Hash>,
}

impl Log {
    pub fn new() -> Self {
        let key = SigningKey::new(ORIGIN, &[11; 32]).unwrap();
        Self { key, frontier: Frontier::default(), nodes: HashMap::new() }
    }

    pub fn push(&mut self, entry: &Entry) -> u64 {
        let nodes = &mut self.nodes;
        let index = self.frontier.size();
        self.frontier.append(leaf_hash(&entry.bytes().unwrap()), |height, index, hash| {
            nodes.insert((height, index), hash);
        });
        index
    }

    /// Entries of other visitors.
    pub fn others(&mut self, count: u8) {
        for salt in 0..count {
            self.push(&Entry::Record(Commitment { core: [salt; 32], context: [salt; 32] }));
        }
    }

    pub fn checkpoint(&self) -> String {
        Checkpoint::new(ORIGIN, self.frontier.size(), self.frontier.root()).sign(&self.key).unwrap()
    }

    pub fn prove(&self, index: u64) -> String {
        let reader = |height, index| self.nodes.get(&(height, index)).copied();
        let hashes = inclusion_proof(&reader, index, self.frontier.size()).unwrap();
        TextProof { extra: None, index, hashes, checkpoint: self.checkpoint() }.text()
    }

    pub fn vkey(&self) -> String {
        self.key.verifier().to_text()
    }
}

/// What a visitor saw, in small; the real ones come from `core::notice`.
pub fn notice() -> String {
    let notice = r#"{
        "schema": "urn:askfirst:notice:1", "lang": "nl", "version": "2026-11-22",
        "purposes": [ { "id": "analytical", "title": "Statistiek" }, { "id": "marketing", "title": "Marketing" } ],
        "shown": { "banner": ["section", {}, ["h2", {}, "Mogen wij meten?"],
            ["div", {}, ["button", {}, "Alles weigeren"], ["button", {}, "Alles accepteren"]]] }
    }"#;
    json::parse(notice).unwrap().canonical()
}

pub fn record() -> Record {
    let decide = |purpose: &str, granted| Decision { purpose: purpose.into(), v: 7, granted };
    Record {
        record_id: uuid(&[1; 16]),
        prev: None,
        subject: base64url(&[2; 16]),
        holder: digest(b"secret"),
        site: "https://www.example.nl".into(),
        jurisdiction: Some("NL".into()),
        notice: NoticeRef {
            digest: digest(notice().as_bytes()),
            version: "2026-11-22".into(),
            lang: "nl".into(),
            ui: digest(b"ui"),
        },
        event: Event {
            state: State::Given,
            method: Method::Save,
            layer: Layer::Preferences,
            at: RECEIVED - 1000,
            valid_until: RECEIVED - 1000 + 180 * DAY,
        },
        decisions: vec![decide("analytical", true), decide("marketing", false)],
        vendors: vec![],
        signals: Signals::default(),
        client: "askfirst/0.1.0".into(),
        ui: None,
        undelivered: 0,
        left: None,
    }
}

pub fn envelope() -> Envelope {
    Envelope { received_at: RECEIVED, clock: "ok".into(), more: vec![("grade".into(), "strong".into())] }
}

/// The same after its notice was declared faulty, and the pack with another notice's word in the place of that.
pub fn invalidated() -> [Pack; 2] {
    let (mut log, pack) = pack();
    let said = |notice: String| Entry::invalidation(&notice, 1, RECEIVED / DAY * DAY);
    let entries = [said(digest(notice().as_bytes())), said(digest(b"another"))];
    let places = entries.clone().map(|entry| log.push(&entry));
    let place = |proof: &str| TextProof::parse(proof).unwrap().index;
    let whole = |n: usize| Pack {
        proof: log.prove(place(&pack.proof)),
        notice: pack.notice.clone().map(|notice| LoggedNotice { proof: log.prove(place(&notice.proof)), ..notice }),
        invalidation: Some(LoggedEntry { entry: entries[n].clone(), proof: log.prove(places[n]) }),
        ..pack.clone()
    };
    [whole(0), whole(1)]
}

/// A log with one record of ours in it, and its pack.
pub fn pack() -> (Log, Pack) {
    let mut log = Log::new();
    log.others(3);
    let shown = log.push(&Entry::notice(&notice()));
    log.others(40);
    let (text, context) = (record().canonical(), map([("origin", "https://www.example.nl".into())]));
    let commitment = Commitment {
        core: Commitment::to_core(&[21; 32], &core_text(&text, &envelope())),
        context: Commitment::to_context(&[22; 32], &context.canonical()),
    };
    let index = log.push(&Entry::Record(commitment));
    log.others(9);
    let pack = Pack {
        core: Some(Opening { body: (text, envelope()), salt: [21; 32] }),
        context: Some(Opening { body: context, salt: [22; 32] }),
        commitment,
        proof: log.prove(index),
        notice: Some(LoggedNotice { text: notice(), proof: log.prove(shown) }),
        erasure: None,
        invalidation: None,
        keys: vec![log.vkey()],
    };
    (log, pack)
}

/// The pack of the same entry after it was erased.
pub fn erased() -> Pack {
    let (mut log, pack) = pack();
    let entry = Entry::Erasure { index: 44, reason: "holder".into(), day: RECEIVED / DAY * DAY };
    let at = log.push(&entry);
    Pack {
        core: None,
        context: None,
        notice: None,
        proof: log.prove(44),
        erasure: Some(LoggedEntry { entry, proof: log.prove(at) }),
        invalidation: None,
        ..pack
    }
}

/// What the server answers, with its part about the log.
pub fn receipt(log: &Log, logged: bool) -> Value {
    let text = record().canonical();
    let mut receipt = map([
        ("record_id", record().record_id.into()),
        ("seq", 45.into()),
        ("received_at", "2026-11-22T10:15:31Z".into()),
        ("clock", "ok".into()),
        ("digest", digest(text.as_bytes()).into()),
    ]);
    if logged {
        let context = map([("origin", "https://www.example.nl".into())]).canonical();
        let logged = Logged {
            envelope: envelope(),
            salt: [21; 32],
            context: Commitment::to_context(&[22; 32], &context),
            proof: log.prove(44),
        };
        receipt.set("log", logged.to_value());
    }
    receipt
}

pub fn export(logged: bool) -> Value {
    let (record, notice) = (record().to_value(), json::parse(&notice()).unwrap());
    let holds = map([("record", true.into()), ("notice", true.into())]);
    map([
        ("record", record),
        ("receipt", receipt(&pack().0, logged)),
        ("notice", notice),
        ("holds", holds),
        ("problem", Value::Null),
    ])
}

pub fn trusted() -> Vec<LogKey> {
    vec![SigningKey::new(ORIGIN, &[11; 32]).unwrap().verifier().clone().into()]
}

/// A pack of a log whose owner put in just this.
pub fn logged(record: &Record, envelope: &Envelope, notice: &str) -> Pack {
    let mut log = Log::new();
    let shown = log.push(&Entry::notice(notice));
    let mut record = record.clone();
    record.notice.digest = digest(notice.as_bytes());
    let text = record.canonical();
    let commitment = Commitment {
        core: Commitment::to_core(&[21; 32], &core_text(&text, envelope)),
        context: Commitment::to_context(&[22; 32], "{}"),
    };
    let index = log.push(&Entry::Record(commitment));
    Pack {
        core: Some(Opening { body: (text, envelope.clone()), salt: [21; 32] }),
        context: Some(Opening { body: map([]), salt: [22; 32] }),
        commitment,
        proof: log.prove(index),
        notice: Some(LoggedNotice { text: notice.to_string(), proof: log.prove(shown) }),
        erasure: None,
        invalidation: None,
        keys: vec![log.vkey()],
    }
}

/// The notice of the support with something in the place of something else.
pub fn altered(from: &str, to: &str) -> String {
    assert!(notice().contains(from), "{from}");
    json::parse(&notice().replacen(from, to, 1)).unwrap().canonical()
}
