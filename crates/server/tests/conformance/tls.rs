//! S6: the way to a real PostgreSQL over TLS. The server takes no connection from the network without it.

use std::path::{Path, PathBuf};

use askfirst_server::store::Database;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::cluster::Cluster;
use crate::place::Place;
use crate::suite::english;

/// An authority, with its certificate in a file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// A certificate for a name, which is valid or has been, and its key.
    fn certify(&self, name: &str, valid: bool) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = if valid { date_time_ymd(2090, 1, 1) } else { date_time_ymd(2021, 1, 1) };
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// One cluster, whose certificate changes: each connection sees the newest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_used_over_tls_when_its_certificate_is_right_and_refused_when_it_is_not() {
    let cluster = Cluster::start();
    let mut place = Place::postgres().await;
    let folder = place.folder.path().to_owned();
    let (ours, other) = (Authority::new(&folder, "ours"), Authority::new(&folder, "other"));
    cluster.serve_tls(&ours.certify("localhost", true));
    let url = |more: &str| format!("postgres://askfirst:hunter2@localhost:{}/postgres?{more}", cluster.port);
    let trusting = |mode: &str, authority: &Authority| {
        let url = url(&format!("sslmode={mode}&sslrootcert={}", authority.file.display()));
        Database::parse(url.as_ref()).unwrap()
    };
    let options = place.options();
    let open = async |database: &Database| database.open(&options).await.map(drop);

    // It works, and all of it is encrypted.
    place.database = trusting("verify-full", &ours);
    let store = place.open().await;
    store.register(english()).await.unwrap();
    assert!(store.healthy().await);
    let shell = cluster.shell_by_socket("postgres").await;
    let sql = "SELECT count(*), count(*) FILTER (WHERE ssl AND version IN ('TLSv1.2', 'TLSv1.3'))
               FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'askfirst'";
    let row = shell.query_one(sql, &[]).await.unwrap();
    let (all, encrypted): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 0 && all == encrypted, "{encrypted} of {all}");
    store.close().await;

    // Without encryption this database takes nobody: the rest is about whom we talk to.
    let said = open(&Database::parse(url("sslmode=disable").as_ref()).unwrap()).await.unwrap_err();
    assert!(said.contains("localhost") && !said.contains("hunter2"), "{said}");
    open(&Database::parse(url("sslmode=require").as_ref()).unwrap()).await.unwrap();

    for mode in ["verify-full", "verify-ca"] {
        let said = open(&trusting(mode, &other)).await.unwrap_err();
        assert!(said.contains("certificate") && !said.contains("hunter2"), "{mode}: {said}");
        open(&trusting(mode, &ours)).await.unwrap();
    }
    // Another machine's certificate, or one that has expired.
    cluster.serve_tls(&ours.certify("db.example.nl", true));
    let said = open(&trusting("verify-full", &ours)).await.unwrap_err();
    assert!(said.contains("certificate") && said.contains("db.example.nl"), "{said}");
    open(&trusting("verify-ca", &ours)).await.unwrap();
    cluster.serve_tls(&ours.certify("localhost", false));
    for mode in ["verify-full", "verify-ca"] {
        let said = open(&trusting(mode, &ours)).await.unwrap_err();
        assert!(said.contains("certificate"), "{mode}: {said}");
    }
    // A file that has no authority in it trusts nobody.
    let empty = folder.join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let none = url(&format!("sslmode=verify-full&sslrootcert={}", empty.display()));
    let said = open(&Database::parse(none.as_ref()).unwrap()).await.unwrap_err();
    assert!(said.contains("no authority"), "{said}");
}

/// A server that speaks no TLS is not talked to in the clear instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_tls_is_refused_where_tls_is_asked_for() {
    let place = Place::postgres().await;
    for mode in ["require", "verify-full"] {
        let database = Database::parse(format!("{}?sslmode={mode}", place.url()).as_ref()).unwrap();
        assert!(database.open(&place.options()).await.is_err(), "{mode}");
    }
    let database = Database::parse(format!("{}?sslmode=prefer", place.url()).as_ref()).unwrap();
    database.open(&place.options()).await.unwrap();
}
