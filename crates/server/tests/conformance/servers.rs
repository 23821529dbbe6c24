//! Several servers on one PostgreSQL (issue 4; PROOF test 28): killed, stopped, woken, made to collide.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use askfirst_core::json::{self, Value};
use askfirst_core::log::{Checkpoint, Frontier, Hash, Note, TextProof, leaf_hash, verify_inclusion};
use askfirst_server::store::{Inserted, NewNotice, NewRecord, Store};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, cluster};
use crate::place::Place;
use crate::process::{Process, Sender};
use crate::suite::{entries, holds};
use crate::support::{SITE, body, configured, record};

fn english() -> NewNotice {
    configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap()
}

impl Place {
    pub fn url(&self) -> String {
        cluster().url(self.name.as_deref().unwrap())
    }

    async fn server(&self) -> Process {
        Process::start(self.folder.path(), &self.url(), &self.seed.text()).await
    }

    pub async fn shell(&self) -> tokio_postgres::Client {
        cluster().shell(self.name.as_deref().unwrap()).await
    }

    /// The number of the process that gives the places.
    async fn sequencer(&self) -> u32 {
        let sql = "SELECT holder FROM askfirst.sequencer";
        self.shell().await.query_one(sql, &[]).await.unwrap().get::<_, String>(0).parse().unwrap()
    }
}

/// Looks at everything that is stored: no gap, no fork, no duplicate, and every acknowledged record is in the log where
/// its receipt says.
async fn require_exact(place: &Place, receipts: &[Value], ids: usize) {
    let store = place.open().await;
    assert_eq!(store.frozen(), None);
    let entries = entries(&store, SITE).await;
    store.close().await;
    let looked = place.database.audit().await.unwrap();
    assert_eq!(looked.records as usize, ids, "each record once");
    let mut roots: Vec<Hash> = vec![Frontier::default().root()];
    let mut frontier = Frontier::default();
    for entry in &entries {
        frontier.append(leaf_hash(entry), |_, _, _| ());
        roots.push(frontier.root());
    }
    let mut places = BTreeSet::new();
    for receipt in receipts {
        let proof = TextProof::parse(receipt.get("log").get("proof").text().unwrap()).unwrap();
        let said = Checkpoint::parse(Note::parse(&proof.checkpoint).unwrap().text).unwrap();
        assert_eq!(said.root, roots[said.size as usize], "each signed head is of a beginning of this one log");
        let leaf = leaf_hash(&entries[proof.index as usize]);
        assert!(verify_inclusion(&leaf, proof.index, said.size, &said.root, &proof.hashes));
        assert!(places.insert(receipt.get("seq").int().unwrap()), "no place is given twice");
    }
    let rows = place.shell().await;
    let (count, first, last): (i64, i64, i64) = {
        let row = rows.query_one("SELECT count(*), min(seq), max(seq) FROM askfirst.place", &[]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    };
    assert_eq!((count, first, last), (ids as i64, 1, ids as i64), "places from one, without a gap");
    let left: i64 = rows.query_one("SELECT count(*) FROM askfirst.inbox", &[]).await.unwrap().get(0);
    assert_eq!(left, 0, "nothing is left in the inbox");
}

/// Sends records from many tasks to servers in turn; the receipts, and the longest that one took from the first try.
async fn send(servers: Vec<String>, senders: u64, records: u64, sent: Arc<AtomicU64>) -> (Vec<Value>, Duration) {
    let (servers, notice) = (Arc::new(servers), Arc::new(english()));
    let mut tasks = JoinSet::new();
    for sender in 0..senders {
        let (servers, notice, sent) = (Arc::clone(&servers), Arc::clone(&notice), Arc::clone(&sent));
        tasks.spawn(async move {
            let (mut connection, mut receipts, mut longest) = (Sender::default(), Vec::new(), Duration::ZERO);
            for n in (sender..records).step_by(senders as usize) {
                let began = Instant::now();
                let text = body(u128::from(n), &notice);
                let answer = connection.deliver(&servers, sender as usize, &text).await;
                longest = longest.max(began.elapsed());
                receipts.push(json::parse(&answer).unwrap());
                sent.fetch_add(1, SeqCst);
            }
            (receipts, longest)
        });
    }
    let mut all = (Vec::new(), Duration::ZERO);
    for (receipts, longest) in tasks.join_all().await {
        all.0.extend(receipts);
        all.1 = all.1.max(longest);
    }
    all
}

async fn until(reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_secs(120));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// PROOF tests 4 and 28: the server that gives the places is killed under load; the other takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_servers_killed_under_load_leaves_no_gap_no_fork_and_no_duplicate() {
    const RECORDS: u64 = 3_000;
    let place = Place::postgres().await;
    let mut servers = [place.server().await, place.server().await];
    let sequencer = place.sequencer().await;
    let leader = servers.iter().position(|server| server.child.id() == sequencer).unwrap();
    let addresses = servers.iter().map(|server| server.address.clone()).collect();
    let sent = Arc::new(AtomicU64::new(0));
    let sending = tokio::spawn(send(addresses, 48, RECORDS, Arc::clone(&sent)));
    until(|| sent.load(SeqCst) > RECORDS / 3).await;
    servers[leader].child.kill().unwrap();
    servers[leader].child.wait().unwrap();
    let (receipts, _) = sending.await.unwrap();
    assert_eq!(receipts.len() as u64, RECORDS);
    assert_eq!(place.sequencer().await, servers[1 - leader].child.id(), "the other has taken over");
    servers[1 - leader].signal("-TERM");
    assert!(servers[1 - leader].child.wait().unwrap().success());
    require_exact(&place, &receipts, RECORDS as usize).await;
}

/// PROOF test 28: stopped, replaced and woken up again, it takes its place behind the other and contradicts nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sleeps_under_load_is_replaced_within_five_seconds_and_fenced_when_it_wakes() {
    let place = Place::postgres().await;
    let servers = [place.server().await, place.server().await];
    let sequencer = place.sequencer().await;
    let leader = servers.iter().position(|server| server.child.id() == sequencer).unwrap();
    let awake = servers[1 - leader].address.clone();
    let both = servers.iter().map(|server| server.address.clone()).collect();
    let sent = Arc::new(AtomicU64::new(0));
    let sending = tokio::spawn(send(both, 16, 900, Arc::clone(&sent)));
    until(|| sent.load(SeqCst) > 200).await;
    servers[leader].signal("-STOP");
    let began = Instant::now();
    // One that only knows the server that is awake: sent while nobody gives places.
    let text = body(1_000_000, &english());
    let receipt = Sender::default().deliver(&[awake], 0, &text).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    until(|| sent.load(SeqCst) > 400).await;
    servers[leader].signal("-CONT");
    let (mut receipts, _) = sending.await.unwrap();
    receipts.push(json::parse(&receipt).unwrap());
    require_exact(&place, &receipts, 901).await;
}

/// PROOF test 28: asleep in the middle of giving places, with everything locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_asleep_in_the_middle_of_giving_places_holds_nobody_up_and_changes_nothing_when_it_wakes() {
    let place = Place::postgres().await;
    let first = place.server().await;
    assert_eq!(place.sequencer().await, first.child.id());
    let notice = english();
    let mut sender = Sender::default();
    let mut receipts = vec![sender.deliver(std::slice::from_ref(&first.address), 0, &body(0, &notice)).await];
    // Its next transaction waits for this row, with the row `sequencer` in its hand.
    let shell = place.shell().await;
    shell.batch_execute("BEGIN; SELECT 1 FROM askfirst.log FOR UPDATE").await.unwrap();
    let (address, text) = (first.address.clone(), body(1, &notice));
    let waiting = tokio::spawn(async move { Sender::default().deliver(&[address], 0, &text).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.signal("-STOP");
    shell.batch_execute("ROLLBACK").await.unwrap();
    let second = place.server().await;
    receipts.push(sender.deliver(std::slice::from_ref(&second.address), 0, &body(2, &notice)).await);
    assert_eq!(place.sequencer().await, second.child.id());
    first.signal("-CONT");
    receipts.push(waiting.await.unwrap());
    receipts.push(sender.deliver(std::slice::from_ref(&first.address), 0, &body(3, &notice)).await);
    let receipts: Vec<Value> = receipts.iter().map(|text| json::parse(text).unwrap()).collect();
    require_exact(&place, &receipts, 4).await;
}

pub async fn insert_all(stores: &[Arc<Store>], records: std::ops::Range<u128>) -> Vec<askfirst_server::store::Receipt> {
    let notice = Arc::new(english());
    let mut tasks = JoinSet::new();
    for n in records {
        let (store, notice) = (Arc::clone(&stores[n as usize % stores.len()]), Arc::clone(&notice));
        tasks.spawn(async move {
            loop {
                match store.insert(NewRecord::new(&record(n, &notice)).unwrap()).await {
                    Ok(Inserted::Created(receipt) | Inserted::Repeated(receipt)) => return receipt,
                    Ok(other) => panic!("{other:?}"),
                    // As a browser does.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
    }
    tasks.join_all().await
}

/// What the server that gives the places takes in itself is stored and placed in one transaction; another's goes through
/// the inbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_another_server_takes_in_goes_through_the_inbox() {
    let place = Place::postgres().await;
    let store = place.open().await;
    store.register(english()).await.unwrap();
    let mut stores = vec![Arc::new(store)];
    // It leads when its first record has its place.
    insert_all(&stores, 0..1).await;
    let count = "
        CREATE TABLE filled (n INT8 NOT NULL);
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO filled VALUES (1); RETURN NULL; END $$;
        CREATE TRIGGER fill AFTER INSERT ON askfirst.inbox FOR EACH STATEMENT EXECUTE FUNCTION fill();";
    let shell = place.shell().await;
    shell.batch_execute(count).await.unwrap();
    let filled = async || shell.query_one("SELECT count(*) FROM filled", &[]).await.unwrap().get::<_, i64>(0);
    // Known ones among them: each has the receipt that it had.
    let receipts = insert_all(&stores, 0..40).await;
    let again = insert_all(&stores, 20..60).await;
    assert_eq!(filled().await, 0);
    let places: BTreeSet<i64> = receipts.iter().chain(&again).map(|receipt| receipt.seq).collect();
    assert_eq!(places, (1..=60).collect());
    let second = Arc::new(place.open().await);
    insert_all(&[Arc::clone(&second)], 60..61).await;
    assert_eq!(filled().await, 1);
    stores.push(second);
    let receipts = insert_all(&stores, 0..200).await;
    let entries = entries(&stores[0], SITE).await;
    assert_eq!(entries.len(), 2 + 200);
    assert!(receipts.iter().all(|receipt| holds(receipt, &entries)));
}

/// PROOF test 28: a token that is not the newest writes nothing, however sure its holder is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_fencing_token_writes_nothing() {
    let place = Place::postgres().await;
    let store = place.open().await;
    store.register(english()).await.unwrap();
    let stores = [Arc::new(store)];
    insert_all(&stores, 0..1).await;
    let shell = place.shell().await;
    let another = "UPDATE askfirst.sequencer SET token = token + 1, holder = 'another',
                       expires_at = clock_timestamp() + interval '3 seconds'";
    let began = Instant::now();
    shell.batch_execute(another).await.unwrap();
    let late = NewRecord::new(&record(1, &english())).unwrap();
    let Inserted::Created(receipt) = stores[0].insert(late).await.unwrap() else { panic!("it is new") };
    assert_eq!(receipt.seq, 2);
    assert!(began.elapsed() > Duration::from_secs(3), "not before the other's lease has ended");
    let holder: String = shell.query_one("SELECT holder FROM askfirst.sequencer", &[]).await.unwrap().get(0);
    assert_ne!(holder, "another");
}

/// PROOF test 28: one statement in five is refused as it would be by a database that serialises.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collisions_at_one_statement_in_five_change_nothing() {
    let place = Place::postgres().await;
    let stores = [Arc::new(place.open().await), Arc::new(place.open().await), Arc::new(place.open().await)];
    stores[0].register(english()).await.unwrap();
    let collide = "
        CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF random() < 0.2 THEN RAISE EXCEPTION 'restart transaction' USING ERRCODE = '40001'; END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER collide AFTER INSERT ON askfirst.record FOR EACH STATEMENT EXECUTE FUNCTION collide();
        CREATE TRIGGER collide AFTER INSERT ON askfirst.place FOR EACH STATEMENT EXECUTE FUNCTION collide();
        CREATE TRIGGER collide AFTER INSERT ON askfirst.log_entry FOR EACH STATEMENT EXECUTE FUNCTION collide();
        CREATE TRIGGER collide AFTER UPDATE ON askfirst.log FOR EACH STATEMENT EXECUTE FUNCTION collide();
        CREATE TRIGGER collide AFTER DELETE ON askfirst.inbox FOR EACH STATEMENT EXECUTE FUNCTION collide();";
    place.shell().await.batch_execute(collide).await.unwrap();
    let mut receipts = insert_all(&stores, 0..600).await;
    for seq in 1..=40 {
        // Erasing appends too, from whichever server it is asked of.
        stores[seq as usize % 3].erase(seq, "holder").await.unwrap();
    }
    let entries = entries(&stores[1], SITE).await;
    assert_eq!(entries.len(), 2 + 600 + 40);
    assert!(receipts.iter().all(|receipt| holds(receipt, &entries)));
    receipts.sort_unstable_by_key(|receipt| receipt.seq);
    assert!(receipts.iter().enumerate().all(|(n, receipt)| receipt.seq == n as i64 + 1));
    let looked = place.database.audit().await.unwrap();
    assert_eq!((looked.records, looked.erased), (600, 40));
}

/// PROOF test 4: the database itself dies in the middle and comes back; the server goes on without a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_and_comes_back_has_everything_that_was_acknowledged() {
    let cluster = Cluster::start();
    let mut place = Place::postgres().await;
    let url = cluster.database().await;
    place.database = askfirst_server::store::Database::parse(std::ffi::OsStr::new(&url)).unwrap();
    let store = Arc::new(place.open().await);
    store.register(english()).await.unwrap();
    let stores = [Arc::clone(&store)];
    let inserting = tokio::spawn(async move {
        let mut receipts = Vec::new();
        for round in 0..12 {
            receipts.extend(insert_all(&stores, round * 40..(round + 1) * 40).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        receipts
    });
    tokio::time::sleep(Duration::from_millis(400)).await;
    cluster.ctl("stop");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!store.healthy().await);
    cluster.ctl("start");
    let receipts = inserting.await.unwrap();
    let entries = entries(&store, SITE).await;
    assert!(receipts.iter().all(|receipt| holds(receipt, &entries)));
    let places: BTreeSet<i64> = receipts.iter().map(|receipt| receipt.seq).collect();
    assert_eq!(places, (1..=480).collect());
    assert!(store.healthy().await);
    assert_eq!(place.database.audit().await.unwrap().records, 480);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_servers_that_start_at_once_on_an_empty_database_make_it_once() {
    let place = Arc::new(Place::postgres().await);
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let place = Arc::clone(&place);
        tasks.spawn(async move {
            let store = place.open().await;
            store.register(english()).await.unwrap();
            Arc::new(store)
        });
    }
    let stores = tasks.join_all().await;
    let receipts = insert_all(&stores, 0..160).await;
    let entries = entries(&stores[7], SITE).await;
    assert_eq!(entries.len(), 162, "one key, one notice, and every record");
    assert!(receipts.iter().all(|receipt| holds(receipt, &entries)));
}

/// Making the guards again locks every table, one after the other, while other servers already use them: a deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_last_step_another_one_has_taken_leaves_the_guards_alone() {
    let place = Arc::new(Place::postgres().await);
    place.open().await.close().await;
    let (shell, other) = (place.shell().await, place.shell().await);
    let triggers = "SELECT string_agg(oid::TEXT, ' ' ORDER BY oid) FROM pg_trigger";
    let before: String = shell.query_one(triggers, &[]).await.unwrap().get(0);
    // It waits for the one that takes the step.
    shell.batch_execute("UPDATE askfirst.format SET format = format - 1, expires_at = 'infinity'").await.unwrap();
    let late = tokio::spawn({
        let place = Arc::clone(&place);
        async move { place.open().await }
    });
    stepping(&shell, "state = 'idle'").await;
    // It has read the format of before, and is about to go on.
    other.batch_execute("BEGIN; LOCK TABLE askfirst.format IN EXCLUSIVE MODE").await.unwrap();
    stepping(&shell, "wait_event_type = 'Lock'").await;
    let taken = "UPDATE askfirst.format SET format = format + 1, expires_at = '1970-01-01 00:00:00+00'; COMMIT";
    other.batch_execute(taken).await.unwrap();
    late.await.unwrap().close().await;
    let after: String = shell.query_one(triggers, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}

/// Waits until a server that wants to take a step of the format is in this state.
async fn stepping(shell: &tokio_postgres::Client, state: &str) {
    let there = format!(
        "SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'UPDATE askfirst.format SET token%' AND {state}"
    );
    for _ in 0..6_000 {
        if shell.query_opt(&there, &[]).await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no server has come to this: {state}");
}

/// PROOF test 9: what no program of ours does, a shell can't do either without taking the guards away first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_can_not_change_what_is_stored() {
    let place = Place::postgres().await;
    let store = place.open().await;
    store.register(english()).await.unwrap();
    let stores = [Arc::new(store)];
    insert_all(&stores, 0..3).await;
    stores[0].restrict(1).await.unwrap();
    let shell = place.shell().await;
    for sql in [
        "UPDATE askfirst.record SET body = 'x'",
        "UPDATE askfirst.record SET received_at = 0, body = NULL, digest = NULL, notice = NULL, subject = NULL,
             holder = NULL, secret = NULL, prev = NULL",
        "DELETE FROM askfirst.record",
        "UPDATE askfirst.place SET seq = 77 WHERE seq = 1",
        "UPDATE askfirst.place SET ends_at = ends_at + 1",
        "UPDATE askfirst.place SET restricted_at = NULL",
        "DELETE FROM askfirst.place",
        "UPDATE askfirst.log SET size = size - 1",
        "DELETE FROM askfirst.log",
        "UPDATE askfirst.log_entry SET bytes = 'x'",
        "DELETE FROM askfirst.log_entry",
        "UPDATE askfirst.notice SET text = 'x'",
        "DELETE FROM askfirst.notice",
    ] {
        let error = shell.execute(sql, &[]).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "P0001", "{sql}: {error}");
    }
    assert_eq!(place.database.audit().await.unwrap().records, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_served_is_said_in_a_sentence() {
    let place = Place::postgres().await;
    let mut without_key = place.options();
    without_key.seed = None;
    let said = place.database.open(&without_key).await.err().unwrap();
    assert!(said.contains("askfirst keygen") && said.contains("--log-key-file"), "{said}");
    let said = place.database.audit().await.unwrap_err();
    assert!(said.contains("not a database of askfirst"), "{said}");
    place.open().await.close().await;
    place.tamper("UPDATE [format] SET format = 99").await;
    let said = place.database.open(&place.options()).await.err().unwrap();
    assert!(said.contains("newer version"), "{said}");
    let said = place.database.backup(None, &place.folder.path().join("backup")).await.err().unwrap();
    assert!(said.contains("version"), "{said}");
    let nobody = askfirst_server::store::Database::parse("postgres://me:hunter2@127.0.0.1:1/x".as_ref()).unwrap();
    let said = nobody.open(&place.options()).await.err().unwrap();
    assert!(said.contains("127.0.0.1") && !said.contains("hunter2"), "{said}");
}

/// S6: with a master key nobody who has the database alone reads a record, and nobody goes on without the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_is_read_by_nobody_without_the_master_key() {
    let place = Place::sealed_postgres().await;
    let store = place.open().await;
    store.register(english()).await.unwrap();
    insert_all(&[Arc::new(store)], 0..3).await;
    let shell = place.shell().await;
    let sql = "SELECT body, secret, subject, digest IS NULL AND holder IS NULL FROM askfirst.record";
    let record = record(1, &english());
    let subject = askfirst_server::store::key::subject(&record.subject).unwrap();
    for row in shell.query(sql, &[]).await.unwrap() {
        let (body, secret, stored): (Vec<u8>, Vec<u8>, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
        assert!(!body.windows(8).any(|part| part == b"example."), "{body:?}");
        assert!(secret.len() > 32 && stored != subject && row.get::<_, bool>(3));
    }
    let bare = askfirst_server::store::Database::parse(place.url().as_ref()).unwrap();
    for said in [bare.open(&place.options()).await.err().unwrap(), bare.read(&record.record_id).await.err().unwrap()] {
        assert!(said.contains("--master-key"), "{said}");
    }
    let other = bare.with_master(askfirst_server::store::sealing::Master::random().unwrap()).unwrap();
    let said = other.open(&place.options()).await.err().unwrap();
    assert!(said.contains("were sealed with"), "{said}");
    let [evidence] = &place.database.read(&record.record_id).await.unwrap()[..] else { panic!("it is there") };
    assert_eq!(evidence.check().problem(), None);
    assert_eq!(place.database.sealing_keys().await.unwrap().len(), 1);
}

/// PROOF test 16 for the master key: another one takes its place while servers run, and no record is written anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key_takes_over_while_servers_run() {
    use askfirst_server::store::Database;
    use askfirst_server::store::sealing::Master;
    let place = Place::sealed_postgres().await;
    let running = Arc::new(place.open().await);
    running.register(english()).await.unwrap();
    let running = [running];
    insert_all(&running, 0..2).await;
    let shell = place.shell().await;
    let stored = async || -> Vec<(Vec<u8>, Vec<u8>)> {
        let sql = "SELECT body, secret FROM askfirst.record JOIN askfirst.place USING (record_id) WHERE seq <= 2 ORDER BY seq";
        shell.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let before = stored().await;
    let bare = Database::parse(place.url().as_ref()).unwrap();
    let (new, other) = (Master::random().unwrap(), Master::random().unwrap());
    for wrong in [bare.clone(), bare.clone().with_master(other).unwrap()] {
        assert!(wrong.rotate(&new, 0).await.is_err(), "without the key in use nothing is changed");
    }
    assert_eq!(place.database.rotate(&new, 0).await, Ok(1));
    assert_eq!(stored().await, before);
    assert!(place.database.sealing_keys().await.unwrap().iter().all(|key| key.master == new.id()));

    // One that ran goes on beside one that has started since, and each opens what the other has sealed.
    let started = bare.with_master(new).unwrap();
    let both = [Arc::clone(&running[0]), Arc::new(started.open(&place.options()).await.unwrap())];
    insert_all(&both, 2..12).await;
    for store in &both {
        for seq in 1..=12 {
            let evidence = store.evidence(seq).await.unwrap().unwrap();
            assert_eq!(evidence.check().problem(), None, "{seq}");
        }
    }
    let said = place.database.open(&place.options()).await.err().unwrap();
    assert!(said.contains("were sealed with"), "the old key opens nothing any more: {said}");
    assert_eq!(started.audit().await.unwrap().records, 12);
}

/// The second half of a rotation: servers that run learn another sealing key, and seal with it when all have had the time to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_sealing_key_begins_while_servers_run() {
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
    static CLOCK: AtomicI64 = AtomicI64::new(1_795_342_530_000);
    let now = || CLOCK.load(SeqCst);
    let place = Place::sealed_postgres().await;
    let mut servers = vec![Arc::new(place.open_at(now).await), Arc::new(place.open_at(now).await)];
    servers[0].register(english()).await.unwrap();
    insert_all(&servers, 0..4).await;
    let bare = askfirst_server::store::Database::parse(place.url().as_ref()).unwrap();
    let other = bare.clone().with_master(askfirst_server::store::sealing::Master::random().unwrap()).unwrap();
    for wrong in [bare, other] {
        assert!(wrong.begin_key(now()).await.is_err());
    }
    CLOCK.fetch_add(120_000, SeqCst);
    assert_eq!(place.database.begin_key(now()).await, Ok(2));
    // One that starts now could seal with it at once, and the others could not open that yet.
    servers.push(Arc::new(place.open_at(now).await));
    insert_all(&servers, 4..10).await;
    let shell = place.shell().await;
    let sealed_with = async || -> Vec<u8> {
        let sql = "SELECT r.secret FROM askfirst.record AS r JOIN askfirst.place AS p ON p.record_id = r.record_id ORDER BY seq";
        shell.query(sql, &[]).await.unwrap().iter().map(|row| row.get::<_, Vec<u8>>(0)[4]).collect()
    };
    assert_eq!(sealed_with().await, [1; 10]);
    CLOCK.fetch_add(61_000, SeqCst);
    let mut n = 10;
    // Each server in its own time; what one seals the others open meanwhile.
    while n < 400 && !sealed_with().await.ends_with(&[2; 6]) {
        insert_all(&servers, n..n + 6).await;
        n += 6;
        for store in &servers {
            let seq = store.newest().await.unwrap();
            assert_eq!(store.evidence(seq).await.unwrap().unwrap().check().problem(), None, "{seq}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(sealed_with().await.ends_with(&[2; 6]));
    assert_eq!(place.database.audit().await.unwrap().records, n as u64);
    assert!(servers.iter().all(|store| store.frozen().is_none()));
}
