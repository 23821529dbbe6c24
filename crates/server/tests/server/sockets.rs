use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use askfirst_server::http::connection::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use askfirst_server::store;

use crate::support::*;

/// A server on a real port; dropping `stop` stops it.
struct Listening {
    server: Server,
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

async fn listen(limits: Limits) -> Listening {
    listen_with(limits, |_| Default::default()).await
}

async fn listen_with(
    limits: Limits,
    files: impl FnOnce(&tempfile::TempDir) -> askfirst_server::http::Files,
) -> Listening {
    let options = askfirst_server::http::Options {
        body_timeout: Duration::from_millis(600),
        sender_rate: askfirst_server::http::limits::Rate { per_second: 0.0, burst: 0.0 },
        ..Default::default()
    };
    let server = server_with(options, Default::default(), files).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = server.router.clone();
    let running = tokio::spawn(serve(listener, router, limits, async move { drop(stopped.await) }));
    Listening { server, address, stop: Some(stop), running }
}

fn short() -> Limits {
    Limits { head: Duration::from_millis(400), idle: Duration::from_millis(1200), ..Limits::default() }
}

fn request(body: &str) -> String {
    format!(
        "POST /askfirst/v1/records HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer; its status.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await.ok()?;
        if n == 0 {
            return None;
        }
        read.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        if read.len() >= end + 4 + length.unwrap_or(0) {
            return text.split(' ').nth(1)?.parse().ok();
        }
    }
}

/// How long until the server ends the connection.
async fn closed_after(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.expect("it is ended");
    start.elapsed()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off_and_an_idle_connection_later() {
    let listening = listen(short()).await;
    let mut slow = TcpStream::connect(listening.address).await.unwrap();
    slow.write_all(b"POST /askfirst/v1/records HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut idle = TcpStream::connect(listening.address).await.unwrap();
    let (slow, idle) = tokio::join!(closed_after(&mut slow), closed_after(&mut idle));
    assert!(slow >= Duration::from_millis(350) && slow < Duration::from_millis(1000), "{slow:?}");
    assert!(idle >= Duration::from_millis(1100), "{idle:?}");
}

/// PROOF test 24; with the limits as they are it is in `abuse.rs`.
#[tokio::test]
async fn many_slow_senders_do_not_stand_in_the_way_of_an_honest_one() {
    // The slow ones may stay for longer than the honest one is given.
    let patient = Duration::from_secs(60);
    let listening = listen(Limits { head: patient, idle: patient, ..Limits::default() }).await;
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        let text = request(&"x".repeat(100));
        let part = if n % 2 == 0 { 20 } else { text.len() - 50 };
        stream.write_all(&text.as_bytes()[..part]).await.unwrap();
        slow.push(stream);
    }
    let mut honest = TcpStream::connect(listening.address).await.unwrap();
    let start = Instant::now();
    honest.write_all(request(&body(1, &listening.server.notice)).as_bytes()).await.unwrap();
    assert_eq!(status(&mut honest).await, Some(201));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    drop(slow);
}

#[tokio::test]
async fn a_connection_in_use_outlives_both_limits() {
    let listening = listen(short()).await;
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    for n in 0..6 {
        stream.write_all(request(&body(n, &listening.server.notice)).as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, Some(201));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn an_endless_body_is_refused_when_it_passes_the_limit() {
    let listening = listen(short()).await;
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    let head = format!(
        "POST /askfirst/v1/records HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    for _ in 0..20 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(status(&mut stream).await, Some(413));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let listening = listen(short()).await;
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    let text = request(&body(1, &listening.server.notice));
    stream.write_all(&text.as_bytes()[..text.len() - 10]).await.unwrap();
    assert_eq!(status(&mut stream).await, Some(408));
}

/// Sends a byte at a time until the connection is ended; how long that took.
async fn drip(stream: &mut TcpStream, text: &[u8]) -> Duration {
    let start = Instant::now();
    for byte in text.iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() || start.elapsed() > Duration::from_secs(8) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    start.elapsed()
}

/// PROOF test 24.
#[tokio::test]
async fn a_head_and_a_body_that_come_byte_by_byte_have_no_more_time_than_others() {
    let listening = listen(short()).await;
    let mut head = TcpStream::connect(listening.address).await.unwrap();
    let mut body = TcpStream::connect(listening.address).await.unwrap();
    let text = request(&"x".repeat(10_000));
    body.write_all(&text.as_bytes()[..text.len() - 10_000]).await.unwrap();
    let header = b"X-A: b\r\n";
    head.write_all(b"POST /askfirst/v1/records HTTP/1.1\r\n").await.unwrap();
    let (head, body) = tokio::join!(drip(&mut head, header), drip(&mut body, b"x"));
    assert!(head < Duration::from_millis(1500), "{head:?}");
    // 600 ms for the body, and the answer that says so.
    assert!(body < Duration::from_secs(3), "{body:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_not_waited_for() {
    let listening = listen_with(short(), |folder| {
        std::fs::write(folder.path().join("askfirst.js"), vec![b'x'; 32 << 20]).unwrap();
        askfirst_server::http::Files { dist: Some(folder.path().to_owned()), ..Default::default() }
    })
    .await;
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    stream.write_all(b"GET /askfirst/askfirst.js HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mut read = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await.expect("it is ended");
    assert!(read.len() < 32 << 20, "{}", read.len());
}

#[tokio::test]
async fn one_address_can_not_take_all_connections() {
    let listening = listen(Limits { per_address: 3, ..Limits::default() }).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(TcpStream::connect(listening.address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fourth = TcpStream::connect(listening.address).await.unwrap();
    assert!(closed_after(&mut fourth).await < Duration::from_secs(1));
    // A place that was given back can be taken again.
    streams.pop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fifth = TcpStream::connect(listening.address).await.unwrap();
    fifth.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut fifth).await, Some(200));
}

/// However many addresses they come from; and what there is room for again is taken again.
#[tokio::test]
async fn there_are_no_more_connections_than_there_is_room_for() {
    let listening = listen(Limits { total: 3, per_address: 2, ..Limits::default() }).await;
    let from = async |last: u8| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        socket.connect(listening.address).await.unwrap()
    };
    let healthy = async |stream: &mut TcpStream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        status(stream).await
    };
    let mut streams = Vec::new();
    for last in [2, 3, 4] {
        let mut stream = from(last).await;
        assert_eq!(healthy(&mut stream).await, Some(200));
        streams.push(stream);
    }
    assert!(closed_after(&mut from(5).await).await < Duration::from_secs(1));
    // The others are as they were.
    for stream in &mut streams {
        assert_eq!(healthy(stream).await, Some(200));
    }
    streams.pop();
    let room = async {
        // The server has to see that the other one is gone.
        while healthy(&mut from(5).await).await != Some(200) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), room).await.expect("there is room again");
}

#[tokio::test]
async fn a_head_that_is_too_long_or_has_too_many_lines_is_refused() {
    let listening = listen(Limits::default()).await;
    let asked = async |lines: &str| {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
        // It may be answered before all of it is written.
        let _ = stream.write_all(request.as_bytes()).await;
        status(&mut stream).await
    };
    assert_eq!(asked(&format!("X-Long: {}\r\n", "x".repeat(12 * 1024))).await, Some(200));
    assert_eq!(asked(&format!("X-Long: {}\r\n", "x".repeat(17 * 1024))).await, Some(431));
    assert_eq!(asked(&"X: y\r\n".repeat(60)).await, Some(200));
    assert_eq!(asked(&"X: y\r\n".repeat(65)).await, Some(431));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_what_it_has_taken_and_keeps_it() {
    let mut listening = listen(Limits::default()).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for sender in 0..16u128 {
        let (address, notice) = (listening.address, listening.server.notice.clone());
        let answered = Arc::clone(&answered);
        senders.spawn(async move {
            let mut stored = Vec::new();
            let Ok(mut stream) = TcpStream::connect(address).await else { return stored };
            for n in sender * 100_000.. {
                let text = request(&body(n, &notice));
                if stream.write_all(text.as_bytes()).await.is_err() {
                    break;
                }
                match status(&mut stream).await {
                    Some(201) => {
                        stored.push(record_id(n));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    _ => break,
                }
            }
            stored
        });
    }
    while answered.load(Ordering::Relaxed) <= 50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    listening.stop.take();
    let start = Instant::now();
    (&mut listening.running).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let stored: Vec<String> = senders.join_all().await.into_iter().flatten().collect();
    assert!(stored.len() > 50, "{}", stored.len());
    let shell = listening.server.shell();
    for id in &stored {
        let found: bool = shell
            .query_row("SELECT EXISTS (SELECT 1 FROM record WHERE record_id = ?1)", [store::key::uuid(id)], |row| {
                row.get(0)
            })
            .unwrap();
        assert!(found);
    }
    // Nothing was stored without its sender hearing of it.
    assert_eq!(listening.server.rows(), stored.len() as i64);
    assert!(TcpStream::connect(listening.address).await.is_err());
}
