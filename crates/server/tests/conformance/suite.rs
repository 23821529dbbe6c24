//! The statements that hold for either engine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use askfirst_core::erasure::{Answer, Policy};
use askfirst_core::log::evidence::{self, Outcome};
use askfirst_core::log::{
    Checkpoint, Entry, Frontier, Hash, LogKey, Note, Resource, decode_bundle, leaf_hash, verify_inclusion,
};
use askfirst_core::record::{Record, State};
use askfirst_core::time::{DAY, Millis, Period};
use askfirst_server::erasure::Rule;
use askfirst_server::store::log::Seeds;
use askfirst_server::store::retention::KEEP;
use askfirst_server::store::{
    Counted, Erased, Inserted, NewNotice, NewRecord, Receipt, Restriction, Store, StoreError,
};
use tokio::task::JoinSet;

use crate::place::Place;
use crate::support::{SITE, configured, count, record, record_id, secret};

on_both! {
    /// PROOF test 1.
    records_from_many_senders_have_each_a_place_a_proof_and_no_gap;
    /// PROOF test 2.
    sixty_four_equal_records_at_once_are_one;
    /// PROOF test 3.
    another_body_under_a_stored_id_is_a_conflict_and_changes_nothing;
    a_record_or_refusal_of_an_unknown_notice_is_not_taken;
    a_notice_is_kept_once_and_stands_in_the_log_before_what_refers_to_it;
    a_refusal_is_counted_for_the_servers_day;
    /// PROOF test 27.
    the_time_of_receipt_never_goes_back;
    the_same_receipt_is_given_after_a_start;
    each_site_has_a_log_of_its_own_and_an_id_is_taken_once_in_each;
    /// PROOF test 17.
    an_erased_record_leaves_a_tombstone_and_the_tree_as_it_was;
    /// PROOF test 20.
    a_record_is_kept_for_three_years_after_its_consent_ended_and_no_longer;
    a_record_that_is_held_outlasts_its_time_and_an_erasure;
    /// S5.
    a_restricted_record_stays_as_proof_and_goes_when_its_term_has_ended;
    what_a_request_for_erasure_leads_to_is_the_policys_and_the_records;
    /// PROOF test 20.
    a_prune_mark_stands_at_a_tile_and_what_is_above_it_is_proved_as_before;
    /// PROOF test 8.
    what_was_changed_is_named_and_nothing_is_added_to_it;
    /// PROOF test 12.
    a_pack_is_verified_from_the_key_alone;
    every_record_that_was_not_erased_is_exported_page_by_page;
    /// PROOF test 14.
    a_database_from_an_older_backup_does_not_sign_until_another_log_begins;
    a_log_is_not_gone_on_with_under_another_key;
    what_is_stored_can_be_followed_in_order;
}

// What a seal could come in the way of.
sealed! {
    records_from_many_senders_have_each_a_place_a_proof_and_no_gap;
    sixty_four_equal_records_at_once_are_one;
    another_body_under_a_stored_id_is_a_conflict_and_changes_nothing;
    the_time_of_receipt_never_goes_back;
    the_same_receipt_is_given_after_a_start;
    an_erased_record_leaves_a_tombstone_and_the_tree_as_it_was;
    a_pack_is_verified_from_the_key_alone;
    a_database_from_an_older_backup_does_not_sign_until_another_log_begins;
    what_is_stored_can_be_followed_in_order;
}

/// A clock that the test sets. There is one for each engine: the tests run at the same time.
macro_rules! clock {
    ($place:expr, $start:expr) => {{
        static CLOCKS: [AtomicI64; 3] = [const { AtomicI64::new($start) }; 3];
        let now: fn() -> Millis = match $place.kind {
            0 => || CLOCKS[0].load(SeqCst),
            1 => || CLOCKS[1].load(SeqCst),
            _ => || CLOCKS[2].load(SeqCst),
        };
        (&CLOCKS[$place.kind], now)
    }};
}

pub fn english() -> NewNotice {
    configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap()
}

async fn opened(place: &Place) -> (Store, NewNotice) {
    let (store, notice) = (place.open().await, english());
    store.register(notice.clone()).await.unwrap();
    (store, notice)
}

/// The key of the log and the notice.
const BEFORE: u64 = 2;

async fn insert(store: &Store, record: &Record) -> Inserted {
    store.insert(NewRecord::new(record).unwrap()).await.unwrap()
}

async fn created(store: &Store, record: &Record) -> Receipt {
    let Inserted::Created(receipt) = insert(store, record).await else { panic!("it is new") };
    assert!(receipt.inclusion.is_some());
    receipt
}

async fn repeated(store: &Store, record: &Record) -> Receipt {
    let Inserted::Repeated(receipt) = insert(store, record).await else { panic!("it was here") };
    receipt
}

fn without_proof(receipt: Receipt) -> Receipt {
    Receipt { inclusion: None, ..receipt }
}

/// Every entry of the log of a site, fetched as a monitor does, compared with what is signed.
pub async fn entries(store: &Store, site: &str) -> Vec<Vec<u8>> {
    let head = store.head(site).await.unwrap().unwrap();
    let keys = store.log_keys(head.log).await.unwrap();
    let opened = Checkpoint::open_complete(&head.note, &keys).unwrap().checkpoint;
    assert_eq!((opened.size, opened.root), (head.size, head.root));
    let mut entries = Vec::new();
    let (mut frontier, mut tiles) = (Frontier::default(), Vec::new());
    for bundle in 0..head.size.div_ceil(256) {
        let width = (head.size - bundle * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let fetch = async |kind: &str| {
            let resource = Resource::parse(&format!("tile/{kind}/{bundle:03}{partial}")).unwrap();
            store.log_resource(site, resource).await.unwrap().unwrap()
        };
        let bytes = fetch("entries").await;
        entries.extend(decode_bundle(&bytes).unwrap().into_iter().map(<[u8]>::to_vec));
        tiles.extend(fetch("0").await);
    }
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    assert_eq!(tiles, leaves.concat(), "the tiles have the hashes of the bundles");
    leaves.iter().for_each(|leaf| frontier.append(*leaf, |_, _, _| ()));
    assert_eq!((frontier.size(), frontier.root()), (head.size, head.root), "the tree is the one that was signed");
    entries
}

/// Whether a receipt proves its place in this log.
pub fn holds(receipt: &Receipt, entries: &[Vec<u8>]) -> bool {
    let inclusion = receipt.inclusion.as_ref().unwrap();
    let said = Checkpoint::parse(Note::parse(&inclusion.checkpoint).unwrap().text).unwrap();
    let leaf = leaf_hash(&entries[inclusion.index as usize]);
    verify_inclusion(&leaf, inclusion.index, said.size, &said.root, &inclusion.hashes)
}

async fn records_from_many_senders_have_each_a_place_a_proof_and_no_gap(place: Place) {
    const RECORDS: u128 = 700;
    let (store, notice) = opened(&place).await;
    let (store, notice) = (Arc::new(store), Arc::new(notice));
    let mut senders = JoinSet::new();
    for sender in 0..64u128 {
        let (store, notice) = (Arc::clone(&store), Arc::clone(&notice));
        senders.spawn(async move {
            let mut receipts = Vec::new();
            for n in (sender..RECORDS).step_by(64) {
                receipts.push(created(&store, &record(n, &notice)).await);
            }
            receipts
        });
    }
    let mut receipts: Vec<Receipt> = senders.join_all().await.into_iter().flatten().collect();
    receipts.sort_unstable_by_key(|receipt| receipt.seq);
    let entries = entries(&store, SITE).await;
    assert_eq!(entries.len() as u64, RECORDS as u64 + BEFORE);
    for (n, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.seq, n as i64 + 1, "from one, without gaps");
        let inclusion = receipt.inclusion.as_ref().unwrap();
        assert_eq!(inclusion.index, n as u64 + BEFORE, "the order of the log is the order of the store");
        assert!(holds(receipt, &entries), "{n}");
    }
    assert!(receipts.is_sorted_by_key(|receipt| receipt.received_at));
    // Proved again, to the newest head, also what is long out of memory.
    let head = store.head(SITE).await.unwrap().unwrap();
    for index in [0, 1, 2, 255, 256, 300, head.size - 1] {
        let proof = store.prove(SITE, index).await.unwrap().unwrap();
        let leaf = leaf_hash(&entries[index as usize]);
        assert!(verify_inclusion(&leaf, index, head.size, &head.root, &proof.hashes), "{index}");
    }
    assert_eq!(store.prove(SITE, head.size).await.unwrap(), None);
    assert_eq!(store.prove("https://evil.example", 0).await.unwrap(), None);
    assert!(store.healthy().await);
}

async fn sixty_four_equal_records_at_once_are_one(place: Place) {
    let (store, notice) = opened(&place).await;
    let (store, record) = (Arc::new(store), Arc::new(record(1, &notice)));
    let mut senders = JoinSet::new();
    for _ in 0..64 {
        let (store, record) = (Arc::clone(&store), Arc::clone(&record));
        senders.spawn(async move { insert(&store, &record).await });
    }
    let mut new = 0;
    let mut receipts = Vec::new();
    for inserted in senders.join_all().await {
        match inserted {
            Inserted::Created(receipt) => {
                new += 1;
                receipts.push(without_proof(receipt));
            }
            Inserted::Repeated(receipt) => receipts.push(without_proof(receipt)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((new, receipts.len()), (1, 64));
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    assert_eq!(entries(&store, SITE).await.len() as u64, BEFORE + 1);
}

async fn another_body_under_a_stored_id_is_a_conflict_and_changes_nothing(place: Place) {
    let (store, notice) = opened(&place).await;
    let first = record(1, &notice);
    let receipt = created(&store, &first).await;
    let mut other = first.clone();
    other.decisions[1].granted = true;
    assert_eq!(insert(&store, &other).await, Inserted::Conflict);
    assert_eq!(without_proof(repeated(&store, &first).await), without_proof(receipt));
    let [evidence] = &place.database.read(&first.record_id).await.unwrap()[..] else { panic!("it is there once") };
    assert_eq!(evidence.body.as_deref(), Some(first.canonical().as_bytes()));
    assert_eq!(evidence.check().problem(), None);
}

async fn a_record_or_refusal_of_an_unknown_notice_is_not_taken(place: Place) {
    let (store, notice) = opened(&place).await;
    let mut early = record(1, &notice);
    early.notice.digest = askfirst_core::digest::digest(b"a notice of tomorrow");
    assert_eq!(insert(&store, &early).await, Inserted::NoticeUnknown);
    let mut counted = count(&notice, 0);
    counted.notice.clone_from(&early.notice.digest);
    assert_eq!(store.count(counted).await, Ok(Counted::NoticeUnknown));
    assert_eq!(store.about_notice(&early.notice.digest).await, Ok(None));
    assert_eq!(store.holders(&early.record_id).await, Ok(Vec::new()));
    assert_eq!(store.newest().await, Ok(0));
}

async fn a_notice_is_kept_once_and_stands_in_the_log_before_what_refers_to_it(place: Place) {
    let store = place.open().await;
    let notices = configured().1;
    for notice in &notices {
        assert_eq!(store.register(notice.clone()).await, Ok(true));
        assert_eq!(store.register(notice.clone()).await, Ok(false));
    }
    for notice in &notices {
        assert_eq!(store.about_notice(&notice.digest).await, Ok(Some(notice.about.clone())));
        assert_eq!(store.notice(&notice.digest).await, Ok(Some(notice.text.clone().into_bytes())));
    }
    assert_eq!(store.notice("sha256-").await, Ok(None));
    let all = entries(&store, SITE).await;
    assert!(matches!(Entry::parse(&all[0]), Some(Entry::Key { .. })), "a log begins with its key");
    let shown: BTreeSet<String> = all
        .iter()
        .filter_map(|entry| if let Some(Entry::Notice(text)) = Entry::parse(entry) { Some(text) } else { None })
        .collect();
    assert_eq!(shown, notices.iter().map(|notice| notice.text.clone()).collect());
    assert_eq!(all.len(), notices.len() + 1, "each once");
}

async fn a_refusal_is_counted_for_the_servers_day(place: Place) {
    let (store, notice) = opened(&place).await;
    let store = Arc::new(store);
    let mut senders = JoinSet::new();
    for _ in 0..40 {
        let (store, counted) = (Arc::clone(&store), count(&notice, 0));
        senders.spawn(async move { store.count(counted).await });
    }
    assert!(senders.join_all().await.iter().all(|counted| *counted == Ok(Counted::Counted)));
    let day = askfirst_core::time::date(store.now());
    let sql = format!("UPDATE [refusal_count] SET n = 0 WHERE n = 40 AND day = '{day}' AND method = 'reject_all'");
    place.tamper(&sql).await;
    assert_eq!(store.newest().await, Ok(0), "and nothing else is stored");
}

async fn the_time_of_receipt_never_goes_back(place: Place) {
    let (clock, now) = clock!(place, 1_800_000_000_000);
    let notice = english();
    let start = now();
    let store = place.open_at(now).await;
    store.register(notice.clone()).await.unwrap();
    let mut times = Vec::new();
    for (n, now) in [start, start - 3_600_000, start + 5_000].into_iter().enumerate() {
        clock.store(now, SeqCst);
        times.push(created(&store, &record(n as u128, &notice)).await.received_at);
    }
    assert_eq!(times, [start, start, start + 5_000]);
    store.close().await;
    // The entry stands for the time that was given.
    assert_eq!(place.database.audit().await.unwrap().records, 3);
}

async fn the_same_receipt_is_given_after_a_start(place: Place) {
    let (store, notice) = opened(&place).await;
    let mut receipts = Vec::new();
    for n in 0..20 {
        receipts.push(without_proof(created(&store, &record(n, &notice)).await));
    }
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.frozen(), None);
    for (n, receipt) in receipts.into_iter().enumerate() {
        let again = repeated(&store, &record(n as u128, &notice)).await;
        assert!(again.inclusion.is_some());
        assert_eq!(without_proof(again), receipt, "{n}");
    }
    assert_eq!(created(&store, &record(20, &notice)).await.seq, 21);
}

async fn each_site_has_a_log_of_its_own_and_an_id_is_taken_once_in_each(place: Place) {
    let (store, notice) = opened(&place).await;
    let here = record(1, &notice);
    let mut there = here.clone();
    there.site = "https://shop.example.nl".to_owned();
    let (one, two) = (created(&store, &here).await, created(&store, &there).await);
    assert_eq!((one.seq, two.seq), (1, 2));
    let origins: Vec<String> = [&one, &two]
        .map(|receipt| receipt.inclusion.as_ref().unwrap().checkpoint.lines().next().unwrap().to_owned())
        .to_vec();
    assert_eq!(origins, ["www.example.nl/askfirst/log", "shop.example.nl/askfirst/log"]);
    assert_eq!(store.holders(&here.record_id).await.unwrap().len(), 2);
    let entries = entries(&store, &there.site).await;
    assert!(holds(&two, &entries));
    assert!(matches!(Entry::parse(&entries[1]), Some(Entry::Notice(_))), "R3: each log has what its records refer to");
}

async fn an_erased_record_leaves_a_tombstone_and_the_tree_as_it_was(place: Place) {
    let (store, notice) = opened(&place).await;
    let mut receipts = Vec::new();
    for n in 0..4 {
        receipts.push(created(&store, &record(n, &notice)).await);
    }
    let before = store.head(SITE).await.unwrap().unwrap();
    let (seq, holder) = store.holders(&record_id(1)).await.unwrap()[0];
    assert_eq!(holder, askfirst_core::digest::sha256(secret(1).as_bytes()));
    assert_eq!(store.erase(seq, "holder").await, Ok(Erased::Erased));
    assert_eq!(store.erase(seq, "holder").await, Ok(Erased::Already));
    assert_eq!(store.erase(99, "holder").await, Ok(Erased::Already));
    assert_eq!(store.holders(&record_id(1)).await, Ok(Vec::new()));
    let entries = entries(&store, SITE).await;
    assert_eq!(entries.len() as u64, before.size + 1, "one tombstone, however often it is asked for");
    let index = BEFORE + 1;
    assert!(matches!(Entry::parse(entries.last().unwrap()), Some(Entry::Erasure { index: at, .. }) if at == index));
    assert!(receipts.iter().all(|receipt| holds(receipt, &entries)), "old proofs still hold");
    let left = store.evidence(seq).await.unwrap().unwrap();
    assert!(left.body.is_none() && left.subject.is_none() && left.holder.is_none() && left.notice.is_none());
    let entry = left.receipt.entry.clone().unwrap();
    assert!(entry.secret.is_none() && left.receipt.erased && left.receipt.digest.is_empty());
    // A late retry does not bring it back.
    let again = repeated(&store, &record(1, &notice)).await;
    assert!(again.erased && again.seq == seq);
    assert_eq!(store.holders(&record_id(1)).await, Ok(Vec::new()));
    store.close().await;
    let looked = place.database.audit().await.unwrap();
    assert_eq!((looked.records, looked.erased), (4, 1));
}

/// 2026-01-01.
const START: Millis = 20_454 * DAY;

fn at(time: Millis, n: u128, notice: &NewNotice) -> Record {
    let mut record = record(n, notice);
    record.event.at = time;
    record.event.valid_until = Period::months(6).after(time);
    record
}

async fn is_there(store: &Store, n: u128) -> bool {
    !store.holders(&record_id(n)).await.unwrap().is_empty()
}

async fn a_record_is_kept_for_three_years_after_its_consent_ended_and_no_longer(place: Place) {
    // One clock for each engine: the two tests run at the same time.
    static CLOCKS: [AtomicI64; 2] = [AtomicI64::new(START), AtomicI64::new(START)];
    let postgres = place.name.is_some();
    let clock = &CLOCKS[usize::from(postgres)];
    let now: fn() -> Millis = if postgres { || CLOCKS[1].load(SeqCst) } else { || CLOCKS[0].load(SeqCst) };
    let (store, notice) = (place.open_at(now).await, english());
    store.register(notice.clone()).await.unwrap();
    // One that ends by itself, one that is withdrawn after two months, and the withdrawal; one with a wrong clock.
    created(&store, &at(START, 1, &notice)).await;
    let given = at(START, 2, &notice);
    created(&store, &given).await;
    let withdrawn = Period::months(2).after(START);
    clock.store(withdrawn, SeqCst);
    let mut withdrawal = at(withdrawn, 3, &notice);
    withdrawal.prev = Some(given.record_id.clone());
    withdrawal.subject.clone_from(&given.subject);
    withdrawal.event.state = State::Withdrawn;
    withdrawal.decisions.iter_mut().for_each(|decision| decision.granted = false);
    created(&store, &withdrawal).await;
    let ends = [(2, withdrawn), (1, Period::months(6).after(START)), (3, Period::months(6).after(withdrawn))];
    for (n, end) in ends {
        clock.store(KEEP.after(end) - DAY, SeqCst);
        store.purge(KEEP, "P3Y").await.unwrap();
        assert!(is_there(&store, n).await, "{n} a day before");
        clock.store(KEEP.after(end) + DAY, SeqCst);
        assert_eq!(store.due(KEEP).await.unwrap().records, 1, "{n}");
        assert_eq!(place.database.due(now(), KEEP).await.unwrap().records, 1, "{n}");
        assert!(is_there(&store, n).await, "asking erases nothing");
        assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 1, "{n}");
        assert!(!is_there(&store, n).await, "{n} a day after");
        assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 0, "twice is once");
    }
    let decade = Period::months(120);
    created(&store, &at(now() - 3_652 * DAY, 4, &notice)).await;
    created(&store, &at(decade.after(now()), 5, &notice)).await;
    store.purge(KEEP, "P3Y").await.unwrap();
    assert!(is_there(&store, 4).await && is_there(&store, 5).await, "a browser's clock does not decide");
    clock.store(KEEP.after(Period::months(6).after(now())) + 2 * DAY, SeqCst);
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 2);
}

async fn a_record_that_is_held_outlasts_its_time_and_an_erasure(place: Place) {
    static NOW: AtomicI64 = AtomicI64::new(START);
    let (store, notice) = (place.open_at(|| NOW.load(SeqCst)).await, english());
    store.register(notice.clone()).await.unwrap();
    NOW.store(START, SeqCst);
    let receipt = created(&store, &at(START, 1, &notice)).await;
    assert_eq!(store.hold(&record_id(1), true).await, Ok(1));
    assert_eq!(store.hold(&record_id(2), true).await, Ok(0));
    let keep = Period::months(0);
    let due = |store: Store| async move {
        let due = store.purge(keep, "P0Y").await.unwrap();
        ((due.records, due.held), store)
    };
    let (count, store) = due(store).await;
    assert_eq!(count, (0, 0));
    store.close().await;
    let later = || KEEP.after(START) + 400 * DAY;
    let store = place.open_at(later).await;
    let due = store.purge(KEEP, "P3Y").await.unwrap();
    assert_eq!((due.records, due.held), (0, 1));
    assert_eq!(store.erase(receipt.seq, "holder").await, Ok(Erased::Held));
    assert!(is_there(&store, 1).await);
    store.hold(&record_id(1), false).await.unwrap();
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 1);
    assert!(!is_there(&store, 1).await);
    assert_eq!(actions(&store).await, ["hold", "release", "purge"]);
}

/// What the log says about its own administration.
async fn actions(store: &Store) -> Vec<String> {
    let entries = entries(store, SITE).await;
    let action = |entry: &Vec<u8>| match Entry::parse(entry) {
        Some(Entry::Admin { action, .. }) => Some(action),
        _ => None,
    };
    entries.iter().filter_map(action).collect()
}

async fn a_restricted_record_stays_as_proof_and_goes_when_its_term_has_ended(place: Place) {
    let (clock, now) = clock!(place, START);
    let (store, notice) = (place.open_at(now).await, english());
    store.register(notice.clone()).await.unwrap();
    let given = at(START, 1, &notice);
    let receipt = created(&store, &given).await;
    created(&store, &at(START, 2, &notice)).await;
    let proof = store.pack(receipt.seq).await.unwrap().unwrap();

    let ends_at = given.event.valid_until;
    let restriction = Restriction { since: START, held: false, ends_at };
    assert_eq!(store.restrict(receipt.seq).await, Ok(Some(restriction)));
    clock.store(START + DAY, SeqCst);
    assert_eq!(store.restrict(receipt.seq).await, Ok(Some(restriction)), "again it is the same");
    assert_eq!(store.restrict(99).await, Ok(None));
    assert_eq!(actions(&store).await, ["restrict"], "said once");

    let evidence = store.evidence(receipt.seq).await.unwrap().unwrap();
    assert_eq!(evidence.restriction, Some(restriction));
    assert!(evidence.check().problem().is_none(), "the proof is whole");
    assert!(evidence.require_unrestricted().is_err());
    assert!(store.evidence(2).await.unwrap().unwrap().require_unrestricted().is_ok(), "and no other record is meant");
    let pack = store.pack(receipt.seq).await.unwrap().unwrap();
    for member in ["record", "salts", "commitments"] {
        assert_eq!(pack.to_value().get(member).canonical(), proof.to_value().get(member).canonical());
    }
    assert_eq!(store.holders(&given.record_id).await.unwrap().len(), 1, "its holder can still see it (Art. 15)");
    // What it says about its end is taken in all the same.
    let mut withdrawal = at(START + DAY, 3, &notice);
    withdrawal.prev = Some(given.record_id.clone());
    withdrawal.subject.clone_from(&given.subject);
    withdrawal.event.state = State::Withdrawn;
    created(&store, &withdrawal).await;
    let sooner = Restriction { ends_at: START + DAY, ..restriction };
    assert_eq!(store.restrict(receipt.seq).await, Ok(Some(sooner)));
    assert_eq!(store.hold(&given.record_id, true).await, Ok(1));
    assert_eq!(store.restrict(receipt.seq).await, Ok(Some(Restriction { held: true, ..sooner })));
    assert_eq!(store.hold(&given.record_id, false).await, Ok(1));

    clock.store(KEEP.after(START + DAY) - 1, SeqCst);
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 0);
    clock.store(KEEP.after(START + DAY), SeqCst);
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 1, "restricted is not held");
    assert_eq!(store.restrict(receipt.seq).await, Ok(None));
    assert!(!is_there(&store, 1).await);
    store.close().await;
    place.database.audit().await.unwrap();
}

async fn what_a_request_for_erasure_leads_to_is_the_policys_and_the_records(place: Place) {
    let (store, notice) = opened(&place).await;
    let (restrict, erase) = (Rule::default(), Rule { policy: Policy::Erase, keep: KEEP });
    let mut given = record(1, &notice);
    // However long the tests have been running: the browser's clock is right.
    given.event.at = askfirst_server::clock::now() / 1000 * 1000 - 1000;
    given.event.valid_until = Period::months(6).after(given.event.at);
    let seq = created(&store, &given).await.seq;
    let proof = Answer::Proof { until: KEEP.after(given.event.valid_until) };
    assert_eq!(restrict.carry_out(&store, seq, "holder").await, Ok(proof), "the default keeps the proof");
    assert_eq!(restrict.carry_out(&store, seq, "holder").await, Ok(proof));
    assert_eq!(store.hold(&given.record_id, true).await, Ok(1));
    for rule in [restrict, erase] {
        assert_eq!(rule.carry_out(&store, seq, "holder").await, Ok(Answer::Claim), "{rule:?}");
    }
    assert_eq!(store.hold(&given.record_id, false).await, Ok(1));
    assert_eq!(erase.carry_out(&store, seq, "holder").await, Ok(Answer::Erased), "also what was restricted before");
    for rule in [restrict, erase] {
        assert_eq!(rule.carry_out(&store, seq, "holder").await, Ok(Answer::Erased), "{rule:?}");
    }
    // It shows no agreement, so no claim needs it; one that ends an agreement does.
    let refuse = |n: u128, prev: Option<String>| {
        let mut refused = record(n, &notice);
        refused.event.state = if prev.is_some() { State::Withdrawn } else { State::Refused };
        refused.prev = prev;
        refused.decisions.iter_mut().for_each(|said| said.granted = false);
        refused
    };
    let refused = created(&store, &refuse(2, None)).await.seq;
    assert_eq!(restrict.carry_out(&store, refused, "holder").await, Ok(Answer::Erased));
    let withdrawn = created(&store, &refuse(3, Some(given.record_id.clone()))).await.seq;
    assert!(matches!(restrict.carry_out(&store, withdrawn, "holder").await, Ok(Answer::Proof { .. })));
    // What can't be read may be proof.
    let seq = created(&store, &record(4, &notice)).await.seq;
    let damage = match place.name {
        Some(_) => {
            "UPDATE [record] SET body = 'x' WHERE record_id = (SELECT record_id FROM askfirst.place WHERE seq = 4)"
        }
        None => "UPDATE [record] SET body = 'x' WHERE seq = 4",
    };
    assert_eq!(seq, 4);
    place.tamper(damage).await;
    assert!(matches!(restrict.carry_out(&store, seq, "holder").await, Ok(Answer::Proof { .. })));
    assert!(matches!(store.evidence(seq).await.unwrap().unwrap().restriction, Some(Restriction { held: false, .. })));
}

async fn a_prune_mark_stands_at_a_tile_and_what_is_above_it_is_proved_as_before(place: Place) {
    let (store, notice) = (place.open_at(|| START).await, english());
    store.register(notice.clone()).await.unwrap();
    let (store, shown) = (Arc::new(store), Arc::new(notice.clone()));
    let mut senders = JoinSet::new();
    for n in 0..600 {
        let (store, notice) = (Arc::clone(&store), Arc::clone(&shown));
        senders.spawn(async move { created(&store, &at(START, n, &notice)).await });
    }
    senders.join_all().await;
    Arc::into_inner(store).unwrap().close().await;
    let young = || Period::months(30).after(START);
    let store = place.open_at(young).await;
    for n in 600..640 {
        created(&store, &at(young(), n, &notice)).await;
    }
    let before = entries(&store, SITE).await;
    store.close().await;
    let store = place.open_at(|| KEEP.after(Period::months(6).after(START)) + DAY).await;
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 600);
    let head = store.head(SITE).await.unwrap().unwrap();
    assert_eq!(head.min_index, 512, "the last whole tile");
    let bundle = async |n: u64| {
        let width = (head.size - n * 256).min(256);
        let path = if width < 256 { format!("tile/entries/{n:03}.p/{width}") } else { format!("tile/entries/{n:03}") };
        store.log_resource(SITE, Resource::parse(&path).unwrap()).await.unwrap()
    };
    assert!(bundle(0).await.is_none() && bundle(1).await.is_none());
    let mut after = Vec::new();
    for n in 2..head.size.div_ceil(256) {
        let bytes = bundle(n).await.unwrap();
        after.extend(decode_bundle(&bytes).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    assert_eq!(after[..before.len() - 512], before[512..]);
    let said: Vec<Entry> = after[before.len() - 512..].iter().filter_map(|bytes| Entry::parse(bytes)).collect();
    let marks = said.iter().filter(|e| matches!(e, Entry::Prune { min_index: 512, policy, .. } if policy == "P3Y"));
    assert_eq!(marks.count(), 1);
    let named = said.iter().filter(|e| matches!(e, Entry::Erasure { .. })).count() as u64;
    assert_eq!(named, 600 + BEFORE - 512, "only what the mark does not cover is named");
    assert!(said.iter().any(|e| matches!(e, Entry::Admin { action, count: 600, .. } if action == "purge")));
    for (n, bytes) in after.iter().enumerate().step_by(7) {
        let index = n as u64 + 512;
        let proof = store.prove(SITE, index).await.unwrap().unwrap();
        assert!(verify_inclusion(&leaf_hash(bytes), index, head.size, &head.root, &proof.hashes), "{index}");
    }
    store.close().await;
    let looked = place.database.audit().await.unwrap();
    assert_eq!((looked.records, looked.erased), (640, 600));
    assert_eq!(place.open().await.frozen(), None);
}

async fn what_was_changed_is_named_and_nothing_is_added_to_it(place: Place) {
    let (store, notice) = opened(&place).await;
    let (store, shown) = (Arc::new(store), Arc::new(notice.clone()));
    let mut senders = JoinSet::new();
    for n in 0..300 {
        let (store, notice) = (Arc::clone(&store), Arc::clone(&shown));
        senders.spawn(async move { created(&store, &record(n, &notice)).await });
    }
    senders.join_all().await;
    Arc::into_inner(store).unwrap().close().await;
    assert_eq!(place.database.audit().await.unwrap().records, 300);
    place.back_up().await;
    let postgres = place.name.is_some();
    let zeros = |n: usize| if postgres { format!("'\\x{}'", "00".repeat(n)) } else { format!("zeroblob({n})") };
    let body = match postgres {
        true => "UPDATE [record] SET body = convert_to(replace(convert_from(body, 'UTF8'), 'true', 'null'), 'UTF8')
                 WHERE record_id = (SELECT record_id FROM askfirst.place WHERE seq = 290)"
            .to_owned(),
        false => "UPDATE [record] SET body = replace(body, 'true', 'null') WHERE seq = 290".to_owned(),
    };
    let first_tile = match postgres {
        true => format!("UPDATE [log_tile] SET hashes = {} || substr(hashes, 33)", zeros(32)),
        false => "UPDATE [log_tile] SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB)".to_owned(),
    };
    // What is changed, whether a start sees it (its newest part) or only the audit, and what is said.
    let cases = [
        (body, true, "record 290"),
        (format!("UPDATE [log_entry] SET bytes = {} WHERE idx = 295", zeros(65)), true, "not the one that was signed"),
        (format!("UPDATE [log] SET root = {}", zeros(32)), true, "another tree"),
        (first_tile, false, "tile/0/000"),
    ];
    for (change, at_start, named) in cases {
        place.tamper(&change).await;
        let audit = place.database.audit().await.unwrap_err();
        if at_start {
            let store = place.open().await;
            assert!(store.frozen().is_some_and(|what| what.contains(named)), "{change}: {:?}", store.frozen());
            let record = NewRecord::new(&record(9_999, &notice)).unwrap();
            assert_eq!(store.insert(record).await, Err(StoreError::Frozen));
            assert_eq!(store.erase(1, "holder").await, Err(StoreError::Frozen));
            assert!(!store.healthy().await);
            assert_eq!(store.holders(&record_id(5)).await.unwrap().len(), 1, "it can still be read");
            store.close().await;
        } else {
            assert!(audit.contains(named), "{audit}");
        }
        place.restore().await;
        place.back_up().await;
    }
    assert_eq!(place.database.audit().await.unwrap().records, 300);
}

async fn a_pack_is_verified_from_the_key_alone(place: Place) {
    let (store, notice) = opened(&place).await;
    for n in 0..3 {
        created(&store, &record(n, &notice)).await;
    }
    let head = store.head(SITE).await.unwrap().unwrap();
    let key = LogKey::from(place.seed.key(&head.origin).unwrap().verifier().clone());
    let export = async |n: u128| {
        let packs = place.database.packs(&record_id(n)).await.unwrap();
        assert_eq!(packs.len(), 1);
        packs[0].to_value().canonical()
    };
    let outcome = |text: &str| evidence::verify(text, std::slice::from_ref(&key))[0].outcome();
    let pack = export(1).await;
    assert_eq!(outcome(&pack), Outcome::Holds);
    assert_eq!(outcome(&pack.replacen("\"granted\":true", "\"granted\":null", 1)), Outcome::Fails);
    let receipt = repeated(&store, &record(1, &notice)).await.canonical();
    let report = evidence::verify_receipt(&record(1, &notice).canonical(), &receipt, std::slice::from_ref(&key));
    assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
    let (seq, _) = store.holders(&record_id(2)).await.unwrap()[0];
    store.erase(seq, "holder").await.unwrap();
    let erased = export(2).await;
    assert!(!erased.contains(&record(2, &notice).subject));
    assert_ne!(outcome(&erased), Outcome::Fails);
    assert!(erased.contains("erasure"), "the pack of an erased record has the word that it was");
    assert!(place.database.packs(&record_id(77)).await.unwrap().is_empty());
}

async fn every_record_that_was_not_erased_is_exported_page_by_page(place: Place) {
    let (store, notice) = opened(&place).await;
    for n in 0..7 {
        created(&store, &record(n, &notice)).await;
    }
    let seq = async |n: u128| store.holders(&record_id(n)).await.unwrap()[0].0;
    store.erase(seq(2).await, "holder").await.unwrap();
    store.restrict(seq(5).await).await.unwrap();
    let head = store.head(SITE).await.unwrap().unwrap();
    let keys = [LogKey::from(place.seed.key(&head.origin).unwrap().verifier().clone())];
    let (mut pages, mut found) = (place.database.all_packs(), Vec::new());
    loop {
        let page = pages.next(2).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        if found.is_empty() {
            // A server goes on: each page leads to the head of its own moment.
            created(&store, &record(7, &notice)).await;
        }
        for packed in page {
            let text = packed.pack.unwrap().to_value().canonical();
            assert_eq!(evidence::verify(&text, &keys)[0].outcome(), Outcome::Holds);
            assert!(text.contains(&packed.record_id));
            assert_eq!(packed.restricted, packed.record_id == record_id(5));
            found.push(packed.record_id);
        }
    }
    assert_eq!(found, [0, 1, 3, 4, 5, 6, 7].map(record_id));
}

async fn a_database_from_an_older_backup_does_not_sign_until_another_log_begins(place: Place) {
    let (store, notice) = opened(&place).await;
    for n in 0..5 {
        created(&store, &record(n, &notice)).await;
    }
    store.close().await;
    place.back_up().await;
    let store = place.open().await;
    created(&store, &record(5, &notice)).await;
    store.close().await;
    place.restore().await;
    let error = place.database.open(&place.options()).await.err().unwrap();
    assert!(error.contains("older backup") && error.contains("askfirst recover"), "{error}");

    let seeds = Some(Seeds { current: place.seed.clone(), next: None });
    let published = place.folder.path().join("published");
    let names = place.database.recover(seeds, Some(&published), askfirst_server::clock::now()).await.unwrap();
    let name = |n: &str| format!("www.example.nl/askfirst/log{n}");
    assert_eq!(names, [(name(""), name("/2"))]);
    let store = place.open().await;
    let receipt = created(&store, &record(6, &notice)).await;
    assert!(receipt.inclusion.unwrap().checkpoint.starts_with(&(name("/2") + "\n")));
    let entries = entries(&store, SITE).await;
    let Some(Entry::Incident { prior: Some(prior), .. }) = Entry::parse(&entries[1]) else { panic!("no link") };
    assert_eq!((prior.origin, prior.size), (name(""), BEFORE + 6), "the longest that anybody has seen");
    let (seq, _) = store.holders(&record_id(2)).await.unwrap()[0];
    let old = store.evidence(seq).await.unwrap().unwrap().receipt.inclusion.unwrap();
    assert!(old.checkpoint.starts_with(&(name("") + "\n")), "what the old log has is still proved by it");
    // Whoever has what the server publishes believes both: the old log up to its end, and no further.
    let published = store.site_keys(SITE).await.unwrap();
    let until: Vec<_> = published.iter().map(|key| (key.key.name.clone(), key.until)).collect();
    assert_eq!(until, [(name("/2"), None), (name(""), Some(BEFORE + 6))]);
    for n in [2, 6] {
        let (seq, _) = store.holders(&record_id(n)).await.unwrap()[0];
        let pack = store.pack(seq).await.unwrap().unwrap().to_value().canonical();
        assert_eq!(evidence::verify(&pack, &published)[0].outcome(), Outcome::Holds, "{n}");
    }
    let longer = Checkpoint::new(&name(""), BEFORE + 7, [7; 32]).sign(&place.seed.key(&name("")).unwrap()).unwrap();
    assert!(Checkpoint::open_by(&longer, &published).is_err(), "made with the old key after the end");
    // In the new log the number of an old entry would name another one.
    assert_eq!(store.erase(seq, "holder").await, Ok(Erased::Erased));
    store.close().await;
    let looked = place.database.audit().await.unwrap();
    assert_eq!((looked.logs, looked.records), (2, 6), "both verify");
}

async fn a_log_is_not_gone_on_with_under_another_key(place: Place) {
    let (store, notice) = opened(&place).await;
    created(&store, &record(1, &notice)).await;
    store.close().await;
    let mut other = place.options();
    other.seed = Some(askfirst_server::store::log::Seed::random().unwrap());
    let error = place.database.open(&other).await.err().unwrap();
    assert!(error.contains("another key") || error.contains("does not have"), "{error}");
    // When the key is lost, or somebody else has it: another log begins under a new one, and both are believed.
    let seeds = Some(Seeds { current: other.seed.clone().unwrap(), next: None });
    let names = place.database.recover(seeds, other.published.as_deref(), askfirst_server::clock::now()).await.unwrap();
    let store = place.database.open(&other).await.unwrap();
    store.register(notice.clone()).await.unwrap();
    created(&store, &record(2, &notice)).await;
    let keys = store.log_keys(store.head(SITE).await.unwrap().unwrap().log).await.unwrap();
    assert_eq!(keys, [other.seed.unwrap().key(&names[0].1).unwrap().verifier().clone().into()]);
    store.close().await;
    assert_eq!(place.database.audit().await.unwrap().logs, 2);
}

async fn what_is_stored_can_be_followed_in_order(place: Place) {
    let (store, notice) = opened(&place).await;
    for n in 0..7 {
        created(&store, &record(n, &notice)).await;
    }
    assert_eq!(store.newest().await, Ok(7));
    let places = async |seq, most| {
        let found = store.after(seq, most).await.unwrap();
        found.iter().map(|(seq, evidence)| (*seq, evidence.receipt.record_id.clone())).collect::<Vec<_>>()
    };
    assert_eq!(places(0, 3).await, (1..=3).map(|n| (n, record_id(n as u128 - 1))).collect::<Vec<_>>());
    assert_eq!(places(5, 9).await, [(6, record_id(5)), (7, record_id(6))]);
    assert!(places(7, 9).await.is_empty());
    // What is kept about one person is found too (S4).
    let subject = askfirst_server::store::key::subject(&record(3, &notice).subject).unwrap();
    let found = place.database.of_subject(subject).await.unwrap();
    assert_eq!(found.iter().map(|evidence| evidence.receipt.seq).collect::<Vec<_>>(), [4]);
    assert!(place.database.of_subject([9; 16]).await.unwrap().is_empty());
}
