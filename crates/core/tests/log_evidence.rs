//! Evidence packs, exports and receipts: what holds, and what is the first thing that doesn't (PROOF tests 11, 12, 16, 17
//! and 19). `tests/vectors/log-evidence.json` has the same cases for the command line and the WebAssembly module.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/evidence.rs"]
mod evidence;

use askfirst_core::json::{self, Value, map};
use askfirst_core::log::evidence::{
    Lines, LoggedNotice, Opening, Outcome, Pack, Report, page, read_keys, verify, verify_receipt,
};
use askfirst_core::log::{Checkpoint, Commitment, Entry, SigningKey, TextProof, core_text};
use evidence::{
    Log, ORIGIN, altered, envelope, erased, export, invalidated, logged, notice, pack, receipt, record, trusted,
};

fn one(text: &str) -> Report {
    let mut reports = verify(text, &trusted());
    assert_eq!(reports.len(), 1);
    reports.pop().unwrap()
}

/// The pack with a text in place of another, which must be there.
fn with(pack: &Value, from: &str, to: &str) -> String {
    let text = pack.canonical();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// The verdict on a file: that of its worst part; without any, nothing is proven.
fn worst(reports: &[Report]) -> Outcome {
    reports.iter().map(Report::outcome).max().unwrap_or(Outcome::Unproven)
}

#[test]
fn a_pack_comes_back_from_its_json() {
    let [invalidated, _] = invalidated();
    for pack in [pack().1, erased(), Pack { context: None, ..pack().1 }, invalidated] {
        assert_eq!(Pack::read(&pack.to_value()), Ok(pack));
    }
}

#[test]
fn the_json_schema_asks_for_the_members_that_a_pack_has() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www/verify/evidence.schema.json");
    let schema = json::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let agree = |schema: &Value, value: &Value, what: &str| {
        let members = sorted(value.entries().iter().map(|(name, _)| name.clone()).collect());
        let asked = schema.get("required").items().iter().map(|name| name.text().unwrap().to_string()).collect();
        let named = schema.get("properties").entries().iter().map(|(name, _)| name.clone());
        // It is there where there is such an entry.
        let named = named.filter(|name| name != "invalidation").collect();
        assert_eq!((sorted(asked), sorted(named)), (members.clone(), members), "{what}");
        assert_eq!(schema.get("additionalProperties").bool(), Some(false), "{what}");
    };
    let (whole, hole) = (pack().1.to_value(), erased().to_value());
    agree(&schema, &whole, "the pack");
    for part in ["salts", "commitments"] {
        agree(schema.get("properties").get(part), whole.get(part), part);
    }
    let object = |part: &str| schema.get("properties").get(part).get("anyOf").items()[0].clone();
    agree(&object("notice"), whole.get("notice"), "notice");
    agree(&object("erasure"), hole.get("erasure"), "erasure");
    let word = invalidated()[0].to_value();
    agree(schema.get("properties").get("invalidation"), word.get("invalidation"), "invalidation");
    agree(object("erasure").get("properties").get("entry"), hole.get("erasure").get("entry"), "entry");
}

#[test]
fn a_page_for_a_lawyer_is_evidence_and_can_do_no_harm() {
    // A notice is what somebody registered: it may try to become markup, or to end the pack that the page carries.
    let hostile = notice().replacen(
        r#"["section",{}"#,
        r#"["section",{"onclick":"x()","style":"a"},["script",{"src":"//x"},"</script><script>x()"],["img",{"src":"x"}]"#,
        1,
    );
    assert_ne!(hostile, notice());
    for (text, holds) in [(notice(), true), (hostile, false)] {
        let mut pack = pack().1;
        pack.notice = pack.notice.map(|notice| LoggedNotice { text: text.clone(), ..notice });
        let page = page(&pack, &one(&pack.to_value().canonical()), ".banner{color:red}", "Askfirst 0");
        let report = one(&page);
        assert_eq!(report.outcome() == Outcome::Holds, holds);
        assert!(report.steps.iter().any(|step| step.text.contains("sentences of the page itself were not looked at")));
        assert_eq!(page.matches("<script").count(), 1, "the pack alone");
        assert_eq!(page.matches("</script>").count(), 1);
        for harm in ["<img", "onclick=", "style=\"a"] {
            assert!(!page.contains(harm), "{harm}");
        }
        assert_eq!(page.contains("Mogen wij meten?</h2>"), holds, "a false file's own account is not shown");
    }
}

#[test]
fn a_pack_holds_and_says_what_was_checked() {
    let (_, pack) = pack();
    let report = one(&pack.to_value().canonical());
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    let text = report.text();
    for sentence in [
        "Record 01010101-0101-4101-8101-010101010101",
        "received at 2026-11-22T10:15:31Z by the server's clock.",
        "The record is entry 44 of the log “www.example.nl/askfirst”, which then had 54 entries.",
        "agreed   Statistiek (analytical)",
        "refused  Marketing (marketing)",
        "[ Alles weigeren ] [ Alles accepteren ]",
        "Everything holds.",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
}

#[test]
fn no_changed_letter_of_a_pack_holds() {
    // PROOF test 12, for each letter of the file.
    for pack in [pack().1, erased()] {
        let text = pack.to_value().canonical();
        for (at, letter) in text.char_indices() {
            let other = if letter == 'x' { 'y' } else { 'x' };
            let changed = [&text[..at], &other.to_string(), &text[at + letter.len_utf8()..]].concat();
            let reports = verify(&changed, &trusted());
            assert_eq!(worst(&reports), Outcome::Fails, "letter {at}, {letter:?} of {:?}", &text[..at.min(200)]);
            assert!(reports.iter().all(|report| report.problem().is_some()));
        }
    }
}

#[test]
fn what_a_forger_would_do_fails() {
    let (log, pack) = pack();
    let (value, key) = (pack.to_value(), log.vkey());
    // Another answer, with the digest of the commitment made to fit: the tree does not have it.
    let other = record().canonical().replace("\"granted\":false", "\"granted\":true");
    let core = Commitment::to_core(&[21; 32], &core_text(&other, &envelope()));
    let forged = Pack {
        core: Some(Opening { body: (other, envelope()), salt: [21; 32] }),
        commitment: Commitment { core, ..pack.commitment },
        ..pack.clone()
    };
    assert_eq!(
        one(&forged.to_value().canonical()).problem(),
        Some("The record is not in the log at the place that its proof says.")
    );
    // A whole log of the forger's own, under the same name.
    let forger = SigningKey::new(ORIGIN, &[66; 32]).unwrap();
    let signed = Checkpoint::new(ORIGIN, log.frontier.size(), log.frontier.root()).sign(&forger).unwrap();
    let proof = TextProof { checkpoint: signed, ..TextProof::parse(&pack.proof).unwrap() }.text();
    let forged = Pack { proof, keys: vec![forger.verifier().to_text()], ..pack.clone() };
    assert_eq!(
        one(&forged.to_value().canonical()).problem(),
        Some("The log's checkpoint is not signed by the key that you trust.")
    );
    // Another notice.
    assert_eq!(
        one(&with(&value, "Alles weigeren", "Alles weiger en")).problem(),
        Some("The notice is not the one that was shown: the record names another digest.")
    );
    // Another time of receipt.
    assert_eq!(
        one(&with(&value, "10:15:31Z", "10:15:32Z")).problem(),
        Some("The record, what the server noted with it, or its salt is not what the log committed to.")
    );
    assert_eq!(
        one(&with(&value, &key, "www.example.nl/askfirst+00000000+AAAA")).problem(),
        Some("A key in the file is malformed.")
    );
    assert_eq!(
        one(&with(&value, "\"context\"", "\"contexx\"")).problem(),
        Some("“commitments” has a member “contexx”, which it should not have.")
    );
}

#[test]
fn without_a_trusted_key_nothing_is_proven() {
    let text = pack().1.to_value().canonical();
    let reports = verify(&text, &[]);
    assert_eq!(worst(&reports), Outcome::Unproven);
    assert!(reports[0].text().contains("a key that only the file itself names: www.example.nl/askfirst+"));
    assert_eq!(verify(&text.replace("Marketing", "Marketink"), &[])[0].outcome(), Outcome::Fails);
}

/// Issue 4: a consent that is invalidated.
#[test]
fn a_word_that_the_notice_was_faulty_is_told_and_takes_nothing_from_the_proof() {
    let [faulty, another] = invalidated();
    let report = one(&faulty.to_value().canonical());
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    assert!(report.text().contains("On 2026-11-22 the operator declared the notice faulty"), "{}", report.text());
    assert!(report.said.iter().any(|line| line.contains("does not count as consent")));
    assert_eq!(
        one(&another.to_value().canonical()).problem(),
        Some("The notice that is declared faulty is another one.")
    );
    let text = faulty.to_value().canonical();
    for (from, to) in [("\"count\":1", "\"count\":2"), ("\"invalidation\":", "\"invalidatiom\":")] {
        assert!(text.contains(from));
        assert_eq!(one(&text.replace(from, to)).outcome(), Outcome::Fails, "{from}");
    }
    // Of an erased record nobody knows any more which notice it named.
    let erased = Pack { invalidation: faulty.invalidation.clone(), ..erased() };
    assert_eq!(one(&erased.to_value().canonical()).outcome(), Outcome::Fails);
}

/// PROOF test 16.
#[test]
fn a_signature_of_a_key_after_it_was_taken_out_is_named() {
    let (_, pack) = pack();
    let text = pack.to_value().canonical();
    let size =
        Checkpoint::open_by(&TextProof::parse(&pack.proof).unwrap().checkpoint, &trusted()).unwrap().checkpoint.size;
    let key = trusted()[0].to_text();
    let with =
        |until: u64| verify(&text, &read_keys(&format!("# of example.nl\n{key} until {until}\n")).unwrap()).remove(0);
    assert_eq!(with(size).outcome(), Outcome::Holds, "what it signed before holds");
    let report = with(size - 1);
    assert_eq!(report.outcome(), Outcome::Fails);
    let why = format!("taken out of the log when it had {} entries", size - 1);
    assert!(report.problem().unwrap().contains(&why), "{:?}", report.problem());
    assert!(report.said.is_empty(), "what such a file says is not shown");
}

#[test]
fn a_witness_tells_when_the_record_was_there() {
    let (_, pack) = pack();
    let witness = SigningKey::witness("witness.example/w1", &[7; 32]).unwrap();
    let mut proof = TextProof::parse(&pack.proof).unwrap();
    proof.checkpoint = witness.cosign(&proof.checkpoint, 1_795_342_600).unwrap();
    let text = Pack { proof: proof.text(), ..pack }.to_value().canonical();
    let keys = [trusted(), vec![witness.verifier().clone().into()]].concat();
    let report = verify(&text, &keys).remove(0);
    assert_eq!(report.outcome(), Outcome::Holds);
    assert!(report.text().contains("The witness witness.example/w1 saw the log in this state at 2026-11-22T10:16:40Z"));
    // Whoever does not know the witness ignores it.
    assert_eq!(one(&text).outcome(), Outcome::Holds);
}

#[test]
fn a_deleted_context_leaves_the_decision_provable() {
    // PROOF test 19.
    let report = one(&Pack { context: None, ..pack().1 }.to_value().canonical());
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    assert!(report.text().contains("The context is not in the file"));
    let other = with(&pack().1.to_value(), r#""context":{"origin":"https://www.example.nl"}"#, r#""context":{}"#);
    assert_eq!(one(&other).problem(), Some("The context or its salt is not what the log committed to."));
}

#[test]
fn an_erased_record_leaves_a_provable_hole() {
    // PROOF test 17.
    let report = one(&erased().to_value().canonical());
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    assert!(report.text().contains("The record's content was erased on 2026-11-22 (holder)"));
    let silent = Pack { erasure: None, ..erased() };
    assert_eq!(
        one(&silent.to_value().canonical()).problem(),
        Some("The file has neither the record nor the entry that says why not.")
    );
}

#[test]
fn a_notice_that_came_later_proves_nothing() {
    let mut log = Log::new();
    let text = record().canonical();
    let core = Commitment::to_core(&[21; 32], &core_text(&text, &envelope()));
    let commitment = Commitment { core, context: Commitment::to_context(&[22; 32], "{}") };
    let index = log.push(&Entry::Record(commitment));
    let before = log.prove(index);
    let shown = log.push(&Entry::notice(&notice()));
    let pack = Pack {
        core: Some(Opening { body: (text, envelope()), salt: [21; 32] }),
        context: None,
        commitment,
        proof: log.prove(index),
        notice: Some(LoggedNotice { text: notice(), proof: log.prove(shown) }),
        erasure: None,
        invalidation: None,
        keys: vec![log.vkey()],
    };
    assert_eq!(
        one(&pack.to_value().canonical()).problem(),
        Some("The notice came into the log only after the record.")
    );
    let apart = Pack { proof: before, ..pack };
    assert_eq!(
        one(&apart.to_value().canonical()).problem(),
        Some("The proofs in the file are about two different states of the log.")
    );
}

#[test]
fn an_export_without_the_log_shows_no_more_than_its_digests() {
    let report = one(&export(false).canonical());
    assert_eq!(report.outcome(), Outcome::Unproven);
    assert!(report.text().contains("There is no proof of the log"), "{}", report.text());
    assert_eq!(
        one(&with(&export(false), "\"granted\":false", "\"granted\":true")).problem(),
        Some("The record is not the one that was received: the receipt names another digest.")
    );
    assert_eq!(
        one(&with(&export(false), "Mogen wij", "Moeten wij")).problem(),
        Some("The notice is not the one that was shown: the record names another digest.")
    );
}

#[test]
fn an_export_with_its_proof_holds() {
    let report = one(&export(true).canonical());
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    assert_eq!(verify(&export(true).canonical(), &[])[0].outcome(), Outcome::Unproven);
}

#[test]
fn a_page_checks_its_receipt() {
    let (log, text) = (pack().0, record().canonical());
    let whole = receipt(&log, true).canonical();
    assert_eq!(verify_receipt(&text, &whole, &trusted()).outcome(), Outcome::Holds);
    assert_eq!(verify_receipt(&text, &receipt(&log, false).canonical(), &trusted()).outcome(), Outcome::Unproven);
    assert_eq!(verify_receipt(&text, &whole, &[]).outcome(), Outcome::Unproven);
    for (at, letter) in whole.char_indices().filter(|(_, letter)| letter.is_ascii_alphanumeric()) {
        let other = if letter == '7' { '8' } else { '7' };
        let changed = [&whole[..at], &other.to_string(), &whole[at + 1..]].concat();
        // `seq` is a number of the store, which the log knows nothing about.
        if changed.contains("\"seq\":7") || changed.contains("\"seq\":47") || !changed.contains("\"seq\":") {
            continue;
        }
        assert_ne!(verify_receipt(&text, &changed, &trusted()).outcome(), Outcome::Holds, "letter {at}: {changed}");
    }
    for (at, _) in text.char_indices().filter(|(_, letter)| letter.is_ascii_alphanumeric()) {
        let other = if &text[at..=at] == "7" { "8" } else { "7" };
        let changed = [&text[..at], other, &text[at + 1..]].concat();
        assert_eq!(verify_receipt(&changed, &whole, &trusted()).outcome(), Outcome::Fails, "letter {at}");
    }
}

#[test]
fn a_file_of_many_is_checked_line_by_line() {
    let good = pack().1.to_value().canonical();
    let bad = good.replacen("granted\":false", "granted\":true", 1);
    let lines = [good.as_str(), "", &bad, &erased().to_value().canonical()].join("\n");
    let reports = verify(&lines, &trusted());
    let outcomes: Vec<_> = reports.iter().map(Report::outcome).collect();
    assert_eq!(outcomes, [Outcome::Holds, Outcome::Fails, Outcome::Holds]);
    assert_eq!(reports[1].title, "Line 2: Record 01010101-0101-4101-8101-010101010101");
    let list = format!("[{good},{bad}]");
    assert_eq!(verify(&list, &trusted()).len(), 2);
}

#[test]
fn a_line_is_believed_no_more_for_the_lines_before_it() {
    let good = pack().1.to_value().canonical();
    let mut lines = Lines::new(&[]);
    let mut told = |text: &str| {
        assert_eq!(lines.verify(&good).outcome(), Outcome::Unproven, "only the file names the key");
        lines.verify(text).steps
    };
    let begins = good.find("\"keys\"").unwrap();
    let ends = begins + good[begins..].find(']').unwrap();
    let signed = good.find("\u{2014} ").unwrap();
    let changed = (begins..ends).chain(signed..signed + 130).filter(|at| good.as_bytes()[*at].is_ascii_alphanumeric());
    let mut fail = 0;
    for at in changed {
        let other = if &good[at..=at] == "7" { "8" } else { "7" };
        let text = [&good[..at], other, &good[at + 1..]].concat();
        if json::parse(&text).is_err() {
            continue;
        }
        let alone = verify(&text, &[]).remove(0);
        assert_eq!(told(&text), alone.steps, "letter {at}");
        fail += usize::from(alone.outcome() == Outcome::Fails);
    }
    assert!(fail > 100, "{fail} of the signature's and the key's letters");
}

#[test]
fn what_is_no_evidence_is_said_to_be_none() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "hello",
        "{\"schema\":\"urn:askfirst:evidence:2\"}",
        "{\"schema\":\"urn:askfirst:evidence:1\"}",
    ] {
        assert_eq!(worst(&verify(text, &trusted())), Outcome::Fails, "{text}");
    }
}

/// The cases that every build of the verifier must judge alike (PROOF test 12).
fn vectors() -> Value {
    let (log, pack) = pack();
    let value = pack.to_value();
    let whole = value.canonical();
    let cases = [
        ("a pack", true, whole.clone()),
        ("a pack, no trusted key", false, whole.clone()),
        ("an erased record", true, erased().to_value().canonical()),
        (
            "one changed letter in the record",
            true,
            with(&value, "\"version\":\"2026-11-22\"},\"prev", "\"version\":\"2026-11-23\"},\"prev"),
        ),
        ("one changed letter in the notice", true, with(&value, "Alles weigeren", "Alles weigerem")),
        ("one changed letter in the proof", true, with(&value, "\\nindex 44\\n", "\\nindex 45\\n")),
        ("one changed letter in the envelope", true, with(&value, "strong", "stronk")),
        ("not whole", true, whole[..whole.len() / 2].to_string()),
        ("an export", true, export(false).canonical()),
        ("an export with its proof", true, export(true).canonical()),
        ("words that look like a button", true, {
            let words = altered(r#"["h2",{},"Mogen wij meten?"]"#, r#"["p",{},"[ Alles weigeren ] kan ook later"]"#);
            logged(&record(), &envelope(), &words).to_value().canonical()
        }),
        ("two lines", true, [whole.as_str(), &with(&value, "\"granted\":false", "\"granted\":true")].join("\n")),
    ];
    let cases = cases.map(|(name, trust, text)| {
        let reports = verify(&text, &if trust { trusted() } else { Vec::new() });
        let problem = reports.iter().find_map(Report::problem).map(ToString::to_string);
        map([
            ("name", name.into()),
            ("trusted", trust.into()),
            ("outcome", worst(&reports).name().into()),
            ("problem", problem.into()),
            ("text", text.into()),
        ])
    });
    let receipt = map([
        ("record", record().canonical().into()),
        ("receipt", receipt(&log, true).canonical().into()),
        ("outcome", "holds".into()),
    ]);
    map([("vkey", log.vkey().into()), ("cases", Value::List(cases.to_vec())), ("receipt", receipt)])
}

#[test]
fn the_vectors_are_up_to_date() {
    let path = format!("{}/../../tests/vectors/log-evidence.json", env!("CARGO_MANIFEST_DIR"));
    let now = vectors().canonical() + "\n";
    if std::env::var_os("ASKFIRST_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        now,
        "run with ASKFIRST_WRITE_VECTORS=1 and read the difference"
    );
}
