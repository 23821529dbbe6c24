//! The log's formats: tile paths, bundles, entries, commitments, `.tlog-proof`, checkpoints. Each has one form only (PROOF
//! tests 11, 18 and 19).
#![allow(clippy::unwrap_used, clippy::panic)]

use askfirst_core::digest::{digest, sha256};
use askfirst_core::json::{Value, map};
use askfirst_core::log::{
    Algorithm, Checkpoint, Commitment, Entry, Envelope, Head, KeyAction, KeyRole, MAX_ENTRY, PAD, Resource, TextProof,
    Tile, VerifierKey, core_text, decode_bundle, encode_bundle, leaf_hash, pad, unpad,
};
use proptest::prelude::*;

#[test]
fn tile_paths_are_those_of_tlog_tiles() {
    // From C2SP tlog-tiles and, without its tile height, the table of `sumdb/tlog/tlog_test.go` in golang/mod.
    let tile = |level, index, width| Tile { level, index, width };
    for (path, resource) in [
        ("tile/0/x001/x234/067", Resource::Hashes(tile(0, 1_234_067, 256))),
        ("tile/0/001", Resource::Hashes(tile(0, 1, 256))),
        ("tile/0/001.p/5", Resource::Hashes(tile(0, 1, 5))),
        ("tile/5/x123/x456/078", Resource::Hashes(tile(5, 123_456_078, 256))),
        ("tile/5/x123/x456/078.p/2", Resource::Hashes(tile(5, 123_456_078, 2))),
        ("tile/63/000.p/255", Resource::Hashes(tile(63, 0, 255))),
        ("tile/entries/x003/x057/500", Resource::Entries(tile(0, 3_057_500, 256))),
        ("tile/entries/000.p/1", Resource::Entries(tile(0, 0, 1))),
    ] {
        assert_eq!(resource.path(), path);
        assert_eq!(Resource::parse(path), Some(resource), "{path}");
    }
    for wrong in [
        "",
        "tile/",
        "tile/0/",
        "tile/0/1",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/x000/001",
        "tile/0/123/456/078",
        "tile/0/x001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/05",
        "tile/0/001.p/5/",
        "tile/0/001.p/5.p/5",
        "tile/0/+01",
        "/tile/0/001",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "checkpoint",
    ] {
        assert_eq!(Resource::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn bundles_hold_entries_behind_their_length() {
    let long = vec![7; MAX_ENTRY];
    let entries: [&[u8]; 4] = [b"", b"a", &long, b"bc"];
    let bytes = encode_bundle(entries).unwrap();
    assert_eq!(bytes[..5], [0, 0, 0, 1, b'a']);
    assert_eq!(decode_bundle(&bytes).unwrap(), entries);
    assert_eq!(decode_bundle(&bytes[..bytes.len() - 1]), None);
    assert_eq!(decode_bundle(&[0]), None);
    assert_eq!(encode_bundle([&vec![0; MAX_ENTRY + 1][..]]), None);
}

const DAY: i64 = 1_795_305_600_000;

fn key() -> VerifierKey {
    VerifierKey::new("example.nl/log", Algorithm::Ed25519, [9; 32]).unwrap()
}

fn entries() -> Vec<(Entry, &'static str)> {
    let commitment = Commitment { core: [b'c'; 32], context: [b'x'; 32] };
    let prior = Head { origin: "example.nl/old".into(), size: 70_000, root: [0; 32] };
    vec![
        (Entry::Record(commitment), "\u{1}ccccccccccccccccccccccccccccccccxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        (Entry::notice(r#"{"lang":"nl"}"#), "\u{2}{\"lang\":\"nl\"}"),
        (
            Entry::Erasure { index: 12, reason: "holder".into(), day: DAY },
            "\u{3}{\"day\":\"2026-11-22\",\"index\":12,\"reason\":\"holder\"}",
        ),
        (
            Entry::Prune { min_index: 256, policy: "P3Y".into(), day: DAY },
            "\u{4}{\"day\":\"2026-11-22\",\"min_index\":256,\"policy\":\"P3Y\"}",
        ),
        (
            Entry::Key { action: KeyAction::Add, role: KeyRole::Log, key: key(), day: DAY },
            "\u{5}{\"action\":\"add\",\"day\":\"2026-11-22\",\"role\":\"log\",\"vkey\":\"example.nl/log+fca73c62+AQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ\"}",
        ),
        (
            Entry::Admin { action: "export".into(), count: 3, day: DAY },
            "\u{6}{\"action\":\"export\",\"count\":3,\"day\":\"2026-11-22\"}",
        ),
        (
            Entry::interface("sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", 40, DAY),
            "\u{6}{\"action\":\"interface:sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\",\"count\":40,\"day\":\"2026-11-22\"}",
        ),
        (
            Entry::Incident { kind: "recover".into(), note: "a new disk".into(), prior: Some(prior), day: DAY },
            "\u{7}{\"day\":\"2026-11-22\",\"kind\":\"recover\",\"note\":\"a new disk\",\"prior\":{\"origin\":\"example.nl/old\",\"root\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"size\":70000}}",
        ),
        (
            Entry::Incident { kind: "restore".into(), note: String::new(), prior: None, day: DAY },
            "\u{7}{\"day\":\"2026-11-22\",\"kind\":\"restore\",\"note\":\"\",\"prior\":null}",
        ),
    ]
}

#[test]
fn entries_have_exactly_these_bytes() {
    for (entry, bytes) in entries() {
        assert_eq!(String::from_utf8(entry.bytes().unwrap()).unwrap(), bytes);
        assert_eq!(Entry::parse(bytes.as_bytes()), Some(entry));
    }
}

#[test]
fn an_entry_has_one_form_only() {
    for wrong in [
        "",
        "\u{0}{}",
        "\u{8}{}",
        "\u{1}short",
        "\u{2}{ \"lang\":\"nl\"}",
        "\u{2}not json",
        "\u{3}{\"day\":\"2026-11-22\",\"index\":12,\"reason\":\"holder\",\"who\":\"visitor@example.com\"}",
        "\u{3}{\"index\":12,\"day\":\"2026-11-22\",\"reason\":\"holder\"}",
        "\u{3}{\"day\":\"2026-11-22\",\"index\":-1,\"reason\":\"holder\"}",
        "\u{3}{\"day\":\"2026-11-22\",\"index\":12,\"reason\":\"visitor@example.com\"}",
        "\u{3}{\"day\":\"2026-11-22T10:00:00Z\",\"index\":12,\"reason\":\"holder\"}",
        "\u{6}{\"action\":\"\",\"count\":3,\"day\":\"2026-11-22\"}",
        "\u{7}{\"day\":\"2026-11-22\",\"kind\":\"restore\",\"note\":\"\"}",
    ] {
        assert_eq!(Entry::parse(wrong.as_bytes()), None, "{wrong:?}");
    }
    assert_eq!(Entry::Erasure { index: 1 << 53, reason: "holder".into(), day: DAY }.bytes(), None);
}

#[test]
fn a_notice_too_long_for_an_entry_is_in_the_tree_by_its_digest() {
    let fits = map([("a", Value::Text("x".repeat(MAX_ENTRY - 1 - 8)))]).canonical();
    assert_eq!(Entry::notice(&fits).bytes().unwrap().len(), MAX_ENTRY);
    let longer = map([("a", Value::Text("x".repeat(MAX_ENTRY - 8)))]).canonical();
    let entry = Entry::notice(&longer);
    assert_eq!(entry, Entry::NoticeDigest(digest(longer.as_bytes())));
    assert_eq!(Entry::parse(&entry.bytes().unwrap()), Some(entry));
}

#[test]
fn commitments_have_exactly_these_bytes() {
    // SHA-256 over the kind, the salt and the body padded with zeros to 256 bytes (PROOF §3.3).
    let (salt, text) = ([5; 32], "{\"a\":1}");
    let mut body = text.as_bytes().to_vec();
    body.resize(256, 0);
    assert_eq!(Commitment::to_core(&salt, text), sha256(&[b"consent-core-v1", &salt[..], &body].concat()));
    assert_eq!(Commitment::to_context(&salt, text), sha256(&[b"consent-ctx-v1", &salt[..], &body].concat()));
}

#[test]
fn a_record_is_committed_to_as_its_core_text() {
    for (clock, more) in [("ok", vec![]), ("a \"b\"", vec![]), ("ahead", vec![("noted".into(), true.into())])] {
        let envelope = Envelope { received_at: DAY, clock: clock.into(), more };
        let text = core_text("{\"r\":1}", &envelope);
        assert_eq!(Commitment::to_record(&[1; 32], "{\"r\":1}", &envelope), Commitment::to_core(&[1; 32], &text));
    }
}

#[test]
fn core_and_context_are_committed_to_apart() {
    // PROOF test 19: without the context and its salt the core still gives the same leaf; the same body under the other
    // kind or salt is another commitment.
    let text = core_text("{\"r\":1}", &Envelope { received_at: DAY, clock: "ok".into(), more: Vec::new() });
    assert_eq!(
        text,
        r#"{"envelope":{"clock":"ok","received_at":"2026-11-22T00:00:00Z"},"record":{"r":1},"schema":"urn:askfirst:log-core:1"}"#
    );
    let kept =
        Commitment { core: Commitment::to_core(&[1; 32], &text), context: Commitment::to_context(&[2; 32], "{}") };
    let leaf = leaf_hash(&Entry::Record(kept).bytes().unwrap());
    let again = Commitment { core: Commitment::to_core(&[1; 32], &text), context: kept.context };
    assert_eq!(leaf_hash(&Entry::Record(again).bytes().unwrap()), leaf);
    assert_ne!(Commitment::to_core(&[1; 32], "{}"), Commitment::to_context(&[1; 32], "{}"));
    assert_ne!(Commitment::to_core(&[1; 32], "{}"), Commitment::to_core(&[2; 32], "{}"));
}

#[test]
fn an_envelope_keeps_what_the_server_adds() {
    let more = vec![("grade".to_string(), Value::from("strong"))];
    let envelope = Envelope { received_at: DAY, clock: "ahead".into(), more };
    assert_eq!(Envelope::read(&envelope.to_value()), Some(envelope.clone()));
    let text = core_text("{}", &envelope);
    assert!(text.contains(r#"{"clock":"ahead","grade":"strong","received_at""#), "{text}");
}

#[test]
fn a_padded_body_tells_its_length_in_steps() {
    for length in [0, 1, 255, 256, 257, 1200] {
        let text = "x".repeat(length);
        let padded = pad(&text);
        assert_eq!(padded.len(), length.div_ceil(PAD) * PAD);
        assert_eq!(unpad(&padded), Some(&text[..]));
    }
    assert_eq!(unpad(&[0; 256]), None, "a step too many");
    assert_eq!(unpad(b"unpadded"), None);
}

#[test]
fn a_tlog_proof_is_written_as_c2sp_says() {
    let proof = TextProof {
        extra: None,
        index: 73894,
        hashes: vec![[0; 32], [255; 32]],
        checkpoint: "example.com/log\n2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— x AAAAAAA=\n".into(),
    };
    let text = "c2sp.org/tlog-proof@v1\nindex 73894\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n//////////////////////////////////////////8=\n\nexample.com/log\n2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— x AAAAAAA=\n";
    assert_eq!(proof.text(), text);
    assert_eq!(TextProof::parse(text), Some(proof.clone()));
    let extra = TextProof { extra: Some(b"age".to_vec()), hashes: Vec::new(), ..proof };
    assert!(extra.text().starts_with("c2sp.org/tlog-proof@v1\nextra YWdl\nindex 73894\n\nexample.com/log\n"));
    assert_eq!(TextProof::parse(&extra.text()), Some(extra));
    // The malformed ones of `proof/tlog_proof_test.go` in transparency-dev/merkle, and some more.
    for wrong in [
        "wrong-header\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0",
    ] {
        assert_eq!(TextProof::parse(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_checkpoint_has_one_form_only() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint = Checkpoint::parse(text).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.text(), text);
    let extended = [text, "an extension\n"].concat();
    assert_eq!(Checkpoint::parse(&extended).unwrap().text(), extended);
    for wrong in [
        "",
        "\n",
        "o\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n18446744073709551616\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
    ] {
        assert_eq!(Checkpoint::parse(wrong), None, "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn readers_never_panic_and_only_read_what_is_written(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        // PROOF test 11, in small.
        if let Some(entry) = Entry::parse(&bytes) {
            prop_assert_eq!(entry.bytes().unwrap(), bytes.clone());
        }
        if let Some(entries) = decode_bundle(&bytes) {
            prop_assert_eq!(encode_bundle(entries).unwrap(), bytes.clone());
        }
        if let Some(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.text(), text.clone());
        }
        if let Some(proof) = TextProof::parse(&text) {
            prop_assert_eq!(proof.text(), text.clone());
        }
        if let Some(resource) = Resource::parse(&text) {
            prop_assert_eq!(resource.path(), text.clone());
        }
        if let Some(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_text(), text);
        }
        unpad(&bytes);
    }

    #[test]
    fn tile_paths_come_back(level in 0u8..64, index: u64, width in 1u16..=256) {
        let tile = Tile { level, index, width };
        prop_assert_eq!(Resource::parse(&tile.path()), Some(Resource::Hashes(tile)));
        let bundle = Tile { level: 0, ..tile };
        prop_assert_eq!(Resource::parse(&bundle.entries_path()), Some(Resource::Entries(bundle)));
    }
}
