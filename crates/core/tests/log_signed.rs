//! Signed notes and checkpoints, against vectors of the Go checksum database and of C2SP (PROOF tests 10, 11 and 16).
#![allow(clippy::unwrap_used, clippy::panic)]

use askfirst_core::log::{
    Algorithm, Checkpoint, Entry, KeyAction, KeyRole, LogKey, Note, NoteError, OpenError, SigningKey, VerifierKey,
};
use proptest::prelude::*;

// `sumdb/note/note_test.go` in golang/mod.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const BY_PETER: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const BY_ENOCH: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

// A tree head of sum.golang.org, with the key that the Go tools have built in.
const GO_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const GO_HEAD: &str = "go.sum database tree\n65664258\nWVVNVD2qx+fTq31zkj6UAqxT5X6HvGphGM+o8Thnbsg=\n\n— sum.golang.org Az3grligJmgX7KGyGPKybykNTh3VgsbLvUuvOwrM5zLVlulmFp2wdvbxOw74/gcNxURShXEpb7RXcs3+BYflYN+w0gQ=\n";

fn key(vkey: &str) -> VerifierKey {
    VerifierKey::parse(vkey).unwrap()
}

fn log_key(seed: u8) -> SigningKey {
    SigningKey::new("example.nl/askfirst", &[seed; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new("example.nl/askfirst", 20_852_163, [42; 32])
}

#[test]
fn go_signs_and_verifies_the_same() {
    let secret = SigningKey::parse(PETER_SECRET).unwrap();
    assert_eq!(secret.verifier().to_text(), PETER);
    assert_eq!(secret.to_text(), PETER_SECRET);
    let note = secret.sign(TEXT).unwrap();
    assert_eq!(note, [TEXT, "\n", BY_PETER].concat());
    assert_eq!(Note::parse(&note).unwrap().verified(&[key(PETER)]).unwrap()[0].key, key(PETER));
}

#[test]
fn a_real_head_of_the_go_checksum_database_holds() {
    let note = Note::parse(GO_HEAD).unwrap();
    assert_eq!(note.verified(&[key(GO_KEY)]).unwrap().len(), 1);
    assert_eq!(Checkpoint::parse(note.text).unwrap().size, 65_664_258);
    // Go's log signs under another name than its origin; a log of ours does not.
    assert_eq!(Checkpoint::open(GO_HEAD, &[key(GO_KEY)]), Err(OpenError::NoLogKey));
}

#[test]
fn signatures_of_unknown_keys_are_ignored() {
    let note = [TEXT, "\n", BY_PETER, BY_ENOCH].concat();
    let note = Note::parse(&note).unwrap();
    assert_eq!(note.text, TEXT);
    assert_eq!(note.verified(&[key(PETER)]).unwrap().len(), 1);
    assert_eq!(note.verified(&[key(PETER), key(ENOCH)]).unwrap().len(), 2);
    assert_eq!(note.verified(&[]), Err(NoteError::Unsigned));
    assert_eq!(note.verified(&[key(GO_KEY)]), Err(NoteError::Unsigned));
    let twice = [TEXT, "\n", BY_PETER, BY_PETER].concat();
    assert_eq!(Note::parse(&twice).unwrap().verified(&[key(PETER)]).unwrap().len(), 1);
}

#[test]
fn a_false_signature_of_a_known_key_refuses_the_whole_note() {
    let other = SigningKey::parse(PETER_SECRET).unwrap().sign("another text\n").unwrap();
    let line = other.split_once("\n\n").unwrap().1;
    let note = [TEXT, "\n", line, BY_ENOCH].concat();
    let keys = [key(PETER), key(ENOCH)];
    assert_eq!(Note::parse(&note).unwrap().verified(&keys), Err(NoteError::Invalid("PeterNeumann".into())));
}

#[test]
fn malformed_notes_are_refused() {
    // The ones of `sumdb/note/note_test.go`, without those that are not text.
    for wrong in [
        TEXT.to_string(),
        [TEXT, "\n"].concat(),
        [TEXT, "\n", BY_PETER.trim_end()].concat(),
        ["\u{1}", TEXT, "\n", BY_PETER].concat(),
        [TEXT, "\n— Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"].concat(),
        [TEXT, "\n", BY_PETER, "Unexpected line.\n"].concat(),
        [TEXT, "\n", &BY_PETER.repeat(101)].concat(),
    ] {
        assert_eq!(Note::parse(&wrong), None, "{wrong:?}");
    }
    assert_eq!(log_key(1).sign("no newline"), None);
    assert_eq!(log_key(1).sign("a tab\t\n"), None);
}

#[test]
fn no_part_of_a_key_is_a_key() {
    for whole in [PETER, PETER_SECRET] {
        let read = |text: &str| VerifierKey::parse(text).is_some() || SigningKey::parse(text).is_some();
        assert!(read(whole));
        for from in 0..=whole.len() {
            for to in from..=whole.len() {
                assert!(whole[from..to] == *whole || !read(&whole[from..to]), "{}", &whole[from..to]);
            }
        }
        for at in 0..whole.len() {
            let mut changed = whole.as_bytes().to_vec();
            changed[at] += 1;
            assert!(!read(std::str::from_utf8(&changed).unwrap()), "byte {at}");
        }
    }
    // Wrong length and unknown algorithm, with the id that fits.
    for wrong in [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert_eq!(VerifierKey::parse(wrong), None);
    }
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb"] {
        assert_eq!(VerifierKey::new(name, Algorithm::Ed25519, [0; 32]), None, "{name:?}");
    }
}

#[test]
fn only_the_log_itself_vouches_for_its_checkpoint() {
    let (own, other) = (log_key(1), SigningKey::new("example.com/other", &[1; 32]).unwrap());
    let note = checkpoint().sign(&own).unwrap();
    let opened = Checkpoint::open(&note, &[own.verifier().clone()]).unwrap();
    assert_eq!((opened.checkpoint, opened.witnesses.len()), (checkpoint(), 0));
    assert_eq!(checkpoint().sign(&other), None);
    // A trusted key of another log has signed the same text: that says nothing about this log.
    let foreign = other.sign(&checkpoint().text()).unwrap();
    assert_eq!(Checkpoint::open(&foreign, &[other.verifier().clone()]), Err(OpenError::NoLogKey));
    let no_tree = own.sign("example.nl/askfirst\nhello\n").unwrap();
    assert_eq!(Checkpoint::open(&no_tree, &[own.verifier().clone()]), Err(OpenError::NoCheckpoint));
}

#[test]
fn a_checkpoint_of_an_overlap_holds_under_the_old_and_the_new_key() {
    // PROOF test 16.
    let (old, new) = (log_key(1), log_key(2));
    let line = checkpoint().sign(&new).unwrap().split_once("\n\n").unwrap().1.to_string();
    let note = checkpoint().sign(&old).unwrap() + &line;
    for keys in [vec![old.verifier().clone()], vec![new.verifier().clone()]] {
        assert!(Checkpoint::open(&note, &keys).is_ok());
    }
    let later = checkpoint().sign(&new).unwrap();
    assert_eq!(Checkpoint::open(&later, &[old.verifier().clone()]), Err(OpenError::Note(NoteError::Unsigned)));
}

/// PROOF test 16.
#[test]
fn a_key_that_was_taken_out_of_the_log_counts_for_what_it_signed_before() {
    let (old, new) = (log_key(1), log_key(2));
    let [only_old, only_new] = [&old, &new].map(std::slice::from_ref);
    let at =
        |size: u64, keys: &[SigningKey]| Checkpoint::new("example.nl/askfirst", size, [42; 32]).sign_by(keys).unwrap();
    let entry = |action, key: &SigningKey| Entry::Key {
        action,
        role: KeyRole::Log,
        key: key.verifier().clone(),
        day: 1_795_305_600_000,
    };
    let mut keys = Vec::new();
    for (index, entry) in
        [(0, entry(KeyAction::Add, &old)), (10, entry(KeyAction::Add, &new)), (20, entry(KeyAction::Remove, &old))]
    {
        LogKey::follow(&mut keys, index, &entry).unwrap();
    }
    // Before, in the overlap, after: as the log signs, and as it must not.
    for (size, signers) in [(10, vec![old.clone()]), (11, vec![old.clone(), new.clone()]), (21, vec![new.clone()])] {
        assert!(Checkpoint::open_complete(&at(size, &signers), &keys).is_ok(), "{size}");
    }
    let retired =
        |note: &str| matches!(Checkpoint::open_by(note, &keys), Err(OpenError::Retired(key)) if key == keys[0]);
    assert!(retired(&at(21, only_old)) && retired(&at(21, &[old.clone(), new.clone()])));
    assert_eq!(Checkpoint::open_complete(&at(20, only_new), &keys), Err(OpenError::Missing(keys[0].clone())));
    // Whoever reads the published keys knows as much, and one who knows one key alone believes it as long as it signed.
    let published: Vec<LogKey> = keys.iter().map(|key| LogKey::parse(&key.to_text()).unwrap()).collect();
    assert_eq!(published[0].until, Some(20));
    assert!(matches!(Checkpoint::open_by(&at(21, only_old), &published), Err(OpenError::Retired(_))));
    assert!(Checkpoint::open_by(&at(20, &[old.clone(), new.clone()]), &published[..1]).is_ok());
    // A key named twice, once as it was before: it is out all the same.
    let twice = [LogKey::from(old.verifier().clone()), published[0].clone()];
    assert!(matches!(Checkpoint::open_by(&at(21, only_old), &twice), Err(OpenError::Retired(_))));
    for wrong in [entry(KeyAction::Add, &old), entry(KeyAction::Remove, &old), entry(KeyAction::Remove, &log_key(3))] {
        assert!(
            LogKey::follow(&mut keys, 30, &wrong).is_err(),
            "a key does not come back, and none goes that is not in"
        );
    }
    for wrong in ["", "x until 3", &(published[0].to_text() + "0 "), &published[0].to_text().replace("20", "020")] {
        assert_eq!(LogKey::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_witness_says_when_it_saw_the_checkpoint() {
    let (log, witness) = (log_key(1), SigningKey::witness("witness.example/w1", &[7; 32]).unwrap());
    let note = checkpoint().sign(&log).unwrap();
    let cosigned = witness.cosign(&note, 1_795_342_530).unwrap();
    let keys = [log.verifier().clone(), witness.verifier().clone()];
    let opened = Checkpoint::open(&cosigned, &keys).unwrap();
    assert_eq!(opened.witnesses[0].time, Some(1_795_342_530));
    assert_eq!(SigningKey::parse(&witness.to_text()).unwrap().verifier(), witness.verifier());
    // Without the log's own key a witness vouches for nothing, and its time can't be moved.
    assert_eq!(Checkpoint::open(&cosigned, &keys[1..]), Err(OpenError::NoLogKey));
    let other = witness.cosign(&note, 1_795_342_531).unwrap();
    assert_ne!(cosigned, other);
}

#[test]
fn each_changed_byte_of_a_signed_checkpoint_is_noticed() {
    // PROOF test 11.
    let log = log_key(1);
    let note = checkpoint().sign(&log).unwrap();
    let keys = [log.verifier().clone()];
    assert!(Checkpoint::open(&note, &keys).is_ok());
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut changed = note.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(Checkpoint::open(&changed, &keys).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_secret_key_is_not_printed() {
    let printed = format!("{:?}", log_key(1));
    assert_eq!(printed, "SigningKey(\"example.nl/askfirst\")");
}

proptest! {
    #[test]
    fn what_is_signed_opens(seed: [u8; 32], lines in prop::collection::vec("[^\\x00-\\x1f]{0,30}", 1..5)) {
        let key = SigningKey::new("a.example/log", &seed).unwrap();
        let text = lines.join("\n") + "\n";
        let note = key.sign(&text).unwrap();
        let note = Note::parse(&note).unwrap();
        prop_assert_eq!(note.text, text);
        prop_assert!(note.verified(&[key.verifier().clone()]).is_ok());
    }

    #[test]
    fn readers_of_notes_never_panic(text in "(.|\n|— ){0,200}") {
        let _ = Checkpoint::open(&text, &[key(PETER)]);
        let _ = SigningKey::parse(&text);
    }
}
