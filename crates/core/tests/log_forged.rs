//! Files whose every signature and hash holds, made by somebody who has the log's key or chose what stands in it: what they
//! say untruly is named, or can't be said (PROOF test 12; §3).
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses a part of the support")]

#[path = "support/evidence.rs"]
mod evidence;

use askfirst_core::json::map;
use askfirst_core::log::evidence::{Outcome, Pack, Report, page, plain, verify, verify_receipt};
use askfirst_core::log::{Envelope, SigningKey, TextProof};
use evidence::{RECEIVED, altered, envelope, export, logged, notice, pack, receipt, record, trusted};

fn judged(pack: &Pack) -> Report {
    verify(&pack.to_value().canonical(), &trusted()).remove(0)
}

fn problem(pack: &Pack) -> String {
    let report = judged(pack);
    report.problem().unwrap_or_else(|| panic!("{}", report.text())).to_string()
}

#[test]
fn what_is_true_holds() {
    assert_eq!(judged(&logged(&record(), &envelope(), &notice())).outcome(), Outcome::Holds);
}

#[test]
fn a_clock_that_is_called_right_must_be_right() {
    // Received a year after the browser says that it was made, and noted as in time: grade A by the word alone.
    let year = RECEIVED + 365 * 86_400_000;
    for (received_at, clock) in [(year, "ok"), (RECEIVED, "behind"), (RECEIVED, "ahead"), (RECEIVED, "fine")] {
        let envelope = Envelope { received_at, clock: clock.into(), more: vec![] };
        let said = problem(&logged(&record(), &envelope, &notice()));
        assert_eq!(said, "What the server noted of the browser's clock is not what the two times say.", "{clock}");
    }
    let late = Envelope { received_at: year, clock: "behind".into(), more: vec![] };
    assert_eq!(judged(&logged(&record(), &late, &notice())).outcome(), Outcome::Holds);
    // The server compares milliseconds, of which the envelope keeps the seconds.
    let mut edge = record();
    edge.event.at = RECEIVED - 300_000;
    for clock in ["ok", "behind"] {
        let envelope = Envelope { received_at: RECEIVED, clock: clock.into(), more: vec![] };
        assert_eq!(judged(&logged(&edge, &envelope, &notice())).outcome(), Outcome::Holds, "{clock}");
    }
}

#[test]
fn a_challenge_that_is_called_fresh_must_be_fresh() {
    let with = |state: &str, at: &str| {
        let said = map([("at", at.into()), ("state", state.into())]);
        logged(&record(), &Envelope { more: vec![("challenge".into(), said)], ..envelope() }, &notice())
    };
    assert_eq!(judged(&with("fresh", "2026-11-22T10:15:20Z")).outcome(), Outcome::Holds);
    assert_eq!(judged(&with("late", "2026-11-22T10:00:00Z")).outcome(), Outcome::Holds);
    for (state, at) in
        [("fresh", "2026-11-22T10:00:00Z"), ("late", "2026-11-22T10:15:20Z"), ("missing", "2026-11-22T10:15:20Z")]
    {
        let said = problem(&with(state, at));
        assert_eq!(said, "What the server noted of its challenge is not what the two times say.", "{state}");
    }
}

#[test]
fn a_service_that_was_not_in_the_notice_was_not_agreed_to() {
    let mut record = record();
    record.vendors = vec![("tracker".into(), true)];
    assert_eq!(
        problem(&logged(&record, &envelope(), &notice())),
        "The record decides about the service “tracker”, which its notice does not name."
    );
    let named = altered(r#""title":"Marketing""#, r#""title":"Marketing","services":[{"id":"tracker"}]"#);
    let report = judged(&logged(&record, &envelope(), &named));
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    assert!(report.said.iter().any(|line| line == "agreed   service tracker"));
}

#[test]
fn a_record_of_one_site_is_not_evidence_in_the_log_of_another() {
    for site in [
        "https://www.example.org",
        "https://www.example.nl.evil.example",
        "http://www.example.nl",
        "https://www.example.n",
    ] {
        let mut record = record();
        record.site = site.into();
        assert_eq!(
            problem(&logged(&record, &envelope(), &notice())),
            format!("The record is of {site}, and the log is another site's.")
        );
    }
    let report = judged(&logged(&record(), &envelope(), &notice()));
    assert!(report.said[0].contains("of https://www.example.nl: consent given"), "{:?}", report.said);
}

#[test]
fn an_answer_to_an_earlier_description_is_not_told_as_one_to_this() {
    // The record's answers are to substance 7; the notice describes something else by now.
    let other = altered(r#""title":"Statistiek""#, r#""title":"Statistiek","v":8"#);
    let report = judged(&logged(&record(), &envelope(), &other));
    let line = report.said.iter().find(|line| line.starts_with("agreed")).unwrap();
    assert_eq!(line, "agreed   Statistiek (analytical); kept from an earlier answer, when it was described otherwise");
    let same = altered(r#""title":"Statistiek""#, r#""title":"Statistiek","v":7"#);
    assert!(
        judged(&logged(&record(), &envelope(), &same))
            .said
            .iter()
            .any(|line| line == "agreed   Statistiek (analytical)")
    );
}

#[test]
fn no_text_out_of_a_file_writes_a_line_of_the_report_or_turns_one_around() {
    // A title that answers for another purpose, hides what follows on a terminal, and reads from right to left.
    let hostile =
        "Statistiek (analytical)\\nagreed   Marketing (marketing)\\u001b[8m\\u009b8m\\u202edesufer\\u2066\\u2028";
    let notice = altered("\"Statistiek\"", &format!("\"{hostile}\""));
    let pack = logged(&record(), &envelope(), &notice);
    let report = judged(&pack);
    assert_eq!(report.outcome(), Outcome::Holds);
    // And what no signature has been looked at for: the number in a title, the name of a member.
    let fake = "x\\n  ok    The log's head is signed by a key that you trust\\nEverything holds.\\u001b[8m";
    let file = refused(&format!(
        "{{\"record\":{{\"record_id\":\"{fake}\"}},\"schema\":\"urn:askfirst:evidence:1\",\"{fake}\":1}}"
    ));
    for report in [report, file] {
        let page = page(&pack, &report, "", "Askfirst 0");
        for text in
            [report.text(), report.to_value().canonical(), page.split("id=\"evidence\"").next().unwrap().to_string()]
        {
            let harm = |c: char| {
                (c.is_control() && c != '\n')
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!text.contains(harm), "{text}");
        }
        let lines = report.text();
        assert_eq!(
            lines.lines().filter(|line| line.trim_start().starts_with("agreed")).count(),
            usize::from(report.outcome() == Outcome::Holds)
        );
        assert_eq!(lines.contains("\nEverything holds.\n"), report.outcome() == Outcome::Holds, "{lines}");
    }
    assert_eq!(plain("a\tb \u{200f}c\u{200d}d\u{7f}"), "a\\u{9}b \u{200f}c\u{200d}d\\u{7f}");
}

fn refused(text: &str) -> Report {
    let report = verify(text, &trusted()).remove(0);
    assert_eq!(report.outcome(), Outcome::Fails);
    report
}

#[test]
fn a_sentence_in_brackets_is_not_a_button_and_a_switch_says_how_it_stood() {
    let notice = altered(
        r#"["h2",{},"Mogen wij meten?"]"#,
        r#"["p",{},"[ Alles weigeren ] of niet"],["p",{},"[","Nee","]"],["p",{},"wp-[UID]"],
           ["label",{},"Meten",["input",{"checked":"","type":"checkbox"}]],["label",{},"Tonen",["input",{"type":"checkbox"}]],
           ["p",{},["span",{},"Meten."],["strong",{},"Nieuw"],"!"],["button",{"aria-label":"Sluiten"}]"#,
    );
    let report = judged(&logged(&record(), &envelope(), &notice));
    let lines = &report.shown[0].lines;
    assert_eq!(lines[..3], ["\\[ Alles weigeren \\] of niet", "\\[Nee\\]", "wp-[UID]"]);
    assert_eq!(lines[3..5], ["Meten (on)", "Tonen (off)"]);
    assert_eq!(lines[5..7], ["Meten. Nieuw!", "[ Sluiten ]"]);
    assert_eq!(lines.last().unwrap(), "[ Alles weigeren ] [ Alles accepteren ]");
}

#[test]
fn a_witness_that_was_earlier_than_the_receipt_contradicts_its_time() {
    let pack = pack().1;
    let witness = SigningKey::witness("witness.example/w1", &[7; 32]).unwrap();
    let keys = [trusted(), vec![witness.verifier().clone().into()]].concat();
    let at = |seconds: i64| {
        let mut proof = TextProof::parse(&pack.proof).unwrap();
        proof.checkpoint =
            witness.cosign(&proof.checkpoint, u64::try_from(RECEIVED / 1000 + seconds).unwrap()).unwrap();
        let text = Pack { proof: proof.text(), ..pack.clone() }.to_value().canonical();
        verify(&text, &keys).remove(0)
    };
    assert_eq!(at(60).outcome(), Outcome::Holds);
    assert_eq!(at(-300).outcome(), Outcome::Holds, "as far as clocks differ");
    let report = at(-3600);
    assert_eq!(report.outcome(), Outcome::Unproven);
    assert!(report.text().contains("the time of receipt is not proven"), "{}", report.text());
}

#[test]
fn what_a_file_can_not_show_is_said_in_it() {
    let whole = judged(&pack().1);
    assert!(
        whole.text().contains("What came after the log had 54 entries is not in this file: a withdrawal"),
        "{}",
        whole.text()
    );
    // Whoever made the export wrote what it says of today, and nothing vouches for that.
    let mut forged = export(true);
    forged.set("life", map([("state", "in_force".into())]));
    let report = verify(&forged.canonical(), &trusted()).remove(0);
    assert_eq!(report.outcome(), Outcome::Holds);
    for sentence in ["does not show when the notice came into the log", "standing today is the server's word alone"] {
        assert!(report.text().contains(sentence), "{}", report.text());
    }
}

#[test]
fn a_list_is_looked_at_up_to_what_is_no_evidence() {
    let good = pack().1.to_value().canonical();
    let reports = verify(&format!("[{good},{}{good}]", "1,".repeat(100_000)), &trusted());
    let outcomes: Vec<_> = reports.iter().map(Report::outcome).collect();
    assert_eq!(outcomes, [Outcome::Holds, Outcome::Fails], "one word about a hundred thousand numbers");
}

#[test]
fn the_key_of_another_log_is_called_that() {
    let text = pack().1.to_value().canonical();
    let other = SigningKey::new("www.example.nl/askfirst/log/2", &[11; 32]).unwrap().verifier().clone().into();
    assert_eq!(
        verify(&text, &[other])[0].problem(),
        Some(
            "The log's checkpoint is one of the log “www.example.nl/askfirst”, and none of the keys that you trust is of that name."
        )
    );
}

#[test]
fn a_receipt_is_judged_as_strictly_as_a_pack() {
    let log = pack().0;
    let forged = receipt(&log, true);
    let mut other = record();
    other.site = "https://www.example.org".into();
    let told = verify_receipt(&other.canonical(), &forged.canonical(), &trusted());
    assert_eq!(told.outcome(), Outcome::Fails);
    assert_eq!(verify_receipt(&record().canonical(), &forged.canonical(), &trusted()).outcome(), Outcome::Holds);
}
