//! How much one sender may send, without keeping who it was (S8).
//!
//! A sender is its network: /24 of IPv4, /48 of IPv6. The table holds keyed hashes of those under a random key that
//! changes every day and is never written anywhere, and its size is fixed, whatever is thrown at it.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Buckets that one hash may fall into.
const WAYS: usize = 8;
const SETS: usize = 8192;
const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Sustained rate and burst of one sender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Per second; 0 is no limit.
    pub per_second: f64,
    pub burst: f64,
}

/// A token bucket per sender.
pub struct Limiter {
    rate: Rate,
    table: Mutex<Table>,
}

struct Table {
    key: RandomState,
    since: Instant,
    buckets: Box<[Bucket]>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// 0 is free.
    tag: u64,
    tokens: f64,
    at: Duration,
}

impl Limiter {
    pub fn new(rate: Rate) -> Self {
        let sets = if rate.per_second > 0.0 { SETS } else { 0 };
        let free = Bucket { tag: 0, tokens: rate.burst, at: Duration::ZERO };
        let buckets = vec![free; sets * WAYS].into_boxed_slice();
        Self { rate, table: Mutex::new(Table { key: RandomState::new(), since: Instant::now(), buckets }) }
    }

    /// Takes one token, or says in how many seconds there will be one.
    pub fn take(&self, sender: &impl Hash, now: Instant) -> Result<(), u64> {
        if self.rate.per_second <= 0.0 {
            return Ok(());
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(table.since) > KEY_LIFE {
            table.key = RandomState::new();
            table.since = now;
            let free = Bucket { tag: 0, tokens: self.rate.burst, at: Duration::ZERO };
            table.buckets.fill(free);
        }
        let hash = table.key.hash_one(sender) | 1;
        let at = now.saturating_duration_since(table.since);
        let start = (hash >> 16) as usize % SETS * WAYS;
        let Some(set) = table.buckets.get_mut(start..start + WAYS) else { return Ok(()) };
        let level = |bucket: &Bucket| {
            let filled = at.saturating_sub(bucket.at).as_secs_f64() * self.rate.per_second;
            (bucket.tokens + filled).min(self.rate.burst)
        };
        let place = set.iter().position(|bucket| bucket.tag == hash).unwrap_or_else(|| {
            // The fullest gives way: it has least to remember. A newcomer starts from its level, so that a crowd of
            // senders can't refill a bucket by pushing it out.
            let fullest = set.iter().enumerate().max_by(|(_, a), (_, b)| level(a).total_cmp(&level(b)));
            fullest.map_or(0, |(place, _)| place)
        });
        let bucket = &mut set[place];
        let tokens = level(bucket);
        *bucket = Bucket { tag: hash, tokens, at };
        if tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(((1.0 - tokens) / self.rate.per_second).ceil().max(1.0) as u64)
    }
}

/// The peer of the connection, left on each request by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The network that counts as one sender.
pub fn network(address: IpAddr) -> [u8; 7] {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            [6, a, b, c, d, e, f]
        }
    }
}

/// What counts as one address for the number of open connections: an IPv6 customer has a /64.
pub fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Where a request comes from: the socket, unless that is a proxy of ours. `X-Forwarded-For` is read from the right, as
/// each proxy adds at its end; what stands before the first stranger was written by that stranger.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|net| net.contains(&address))
    };
    if !is_proxy(&peer) {
        return peer;
    }
    let mut client = peer;
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        let Ok(line) = line.to_str() else { return client };
        for hop in line.rsplit(',') {
            let Ok(hop) = hop.trim().parse::<IpAddr>() else { return client };
            client = hop;
            if !is_proxy(&hop) {
                return client;
            }
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const RATE: Rate = Rate { per_second: 10.0, burst: 20.0 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_sender_past_its_burst_waits_and_another_does_not() {
        let limiter = Limiter::new(RATE);
        let now = Instant::now();
        let [noisy, quiet] = [network(ip("198.51.100.7")), network(ip("203.0.113.7"))];
        let taken = (0..1000).filter(|_| limiter.take(&noisy, now).is_ok()).count();
        assert_eq!(taken, 20);
        assert_eq!(limiter.take(&noisy, now), Err(1));
        assert_eq!(limiter.take(&quiet, now), Ok(()));
        assert_eq!(limiter.take(&noisy, now + Duration::from_millis(150)), Ok(()));
        assert_eq!(limiter.take(&noisy, now + Duration::from_millis(150)), Err(1));
    }

    #[test]
    fn neighbours_in_one_network_are_one_sender() {
        assert_eq!(network(ip("198.51.100.7")), network(ip("198.51.100.250")));
        assert_ne!(network(ip("198.51.100.7")), network(ip("198.51.101.7")));
        assert_eq!(network(ip("2001:db8:7::1")), network(ip("2001:db8:7:ffff::9")));
        assert_ne!(network(ip("2001:db8:7::1")), network(ip("2001:db8:8::1")));
        assert_eq!(network(ip("::ffff:198.51.100.7")), network(ip("198.51.100.7")));
    }

    /// PROOF test 26.
    #[test]
    fn a_million_senders_take_no_more_memory_and_free_no_one() {
        let limiter = Limiter::new(RATE);
        let now = Instant::now();
        let noisy = network(ip("198.51.100.7"));
        while limiter.take(&noisy, now).is_ok() {}
        for n in 0..1_000_000u32 {
            let _ = limiter.take(&network(IpAddr::V4(Ipv4Addr::from_bits(n << 8))), now);
        }
        // Its bucket may have been pushed out, but never by a full one.
        let taken = (0..1000).filter(|_| limiter.take(&noisy, now).is_ok()).count();
        assert!(taken < 20, "{taken}");
        assert_eq!(limiter.table.lock().unwrap().buckets.len(), SETS * WAYS);
    }

    #[test]
    fn the_key_changes_every_day() {
        let limiter = Limiter::new(RATE);
        let hash = |limiter: &Limiter| limiter.table.lock().unwrap().key.hash_one(1);
        let before = hash(&limiter);
        limiter.take(&1, Instant::now() + Duration::from_secs(60)).unwrap();
        assert_eq!(hash(&limiter), before);
        limiter.take(&1, Instant::now() + KEY_LIFE + Duration::from_secs(60)).unwrap();
        assert_ne!(hash(&limiter), before);
    }

    #[test]
    fn no_limit_is_no_limit() {
        let limiter = Limiter::new(Rate { per_second: 0.0, burst: 0.0 });
        assert!((0..1000).all(|_| limiter.take(&1, Instant::now()).is_ok()));
    }

    #[test]
    fn forwarded_addresses_count_only_from_a_trusted_proxy() {
        let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "192.0.2.1, 198.51.100.7".parse().unwrap());
        headers.append("x-forwarded-for", "10.1.2.3".parse().unwrap());
        assert_eq!(client(ip("127.0.0.1"), &headers, &trusted), ip("198.51.100.7"));
        assert_eq!(client(ip("203.0.113.9"), &headers, &trusted), ip("203.0.113.9"));
        headers.append("x-forwarded-for", "unknown".parse().unwrap());
        assert_eq!(client(ip("127.0.0.1"), &headers, &trusted), ip("127.0.0.1"));
    }
}
