//! Where a test keeps its records: a file, or a database of its own in the cluster.

use std::ffi::OsStr;

use askfirst_server::store::log::Seed;
use askfirst_server::store::sealing::Master;
use askfirst_server::store::{self, Database, Store};
use tempfile::TempDir;

use crate::cluster::cluster;

/// Tests of the module, which take a [`Place`], on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[doc = $doc:literal])* $name:ident;)+) => {
        mod sqlite {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::sqlite()).await })+
        }
        mod postgres {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::postgres().await).await })+
        }
    };
}

/// The same on a PostgreSQL whose bodies are sealed.
macro_rules! sealed {
    ($($name:ident;)+) => {
        mod sealed_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::sealed_postgres().await).await })+
        }
    };
}

pub struct Place {
    pub folder: TempDir,
    pub database: Database,
    pub seed: Seed,
    /// The name of the database in the cluster.
    pub name: Option<String>,
    /// Which engine, for what each test needs one of: 0 SQLite, 1 PostgreSQL, 2 PostgreSQL with sealed bodies.
    pub kind: usize,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite((&folder.path().join("askfirst.sqlite")).into());
        Self { folder, database, seed: Seed::random().unwrap(), name: None, kind: 0 }
    }

    pub async fn postgres() -> Self {
        let url = cluster().database().await;
        let name = url.rsplit('/').next().unwrap().to_owned();
        let database = Database::parse(OsStr::new(&url)).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            database,
            seed: Seed::random().unwrap(),
            name: Some(name),
            kind: 1,
        }
    }

    /// The same with a master key.
    pub async fn sealed_postgres() -> Self {
        let place = Self::postgres().await;
        let database = place.database.clone().with_master(Master::random().unwrap()).unwrap();
        Self { database, kind: 2, ..place }
    }

    pub fn options(&self) -> store::Options {
        let published = Some(self.folder.path().join("published"));
        store::Options { seed: Some(self.seed.clone()), published, queue: 4096, ..store::Options::default() }
    }

    pub async fn open(&self) -> Store {
        self.database.open(&self.options()).await.unwrap()
    }

    pub async fn open_at(&self, now: fn() -> askfirst_core::time::Millis) -> Store {
        self.database.open(&store::Options { now, ..self.options() }).await.unwrap()
    }

    /// Changes something as a person with a shell does, with the guards out of the way. `[x]` stands for the table x.
    pub async fn tamper(&self, sql: &str) {
        let schema = if self.name.is_some() { "askfirst." } else { "" };
        let sql = sql.replace('[', schema).replace(']', "");
        match (&self.name, &self.database) {
            (Some(name), _) => {
                let shell = cluster().shell(name).await;
                // No trigger fires for a replica.
                shell.batch_execute("SET session_replication_role = replica").await.unwrap();
                assert!(shell.execute(&sql, &[]).await.unwrap() > 0, "{sql}");
            }
            (None, Database::Sqlite(path)) => {
                let shell = rusqlite::Connection::open(&**path).unwrap();
                let guards: Vec<String> = shell
                    .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
                    .unwrap()
                    .query_map([], |row| row.get(0))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                for guard in guards {
                    shell.execute_batch(&format!("DROP TRIGGER {guard}")).unwrap();
                }
                assert!(shell.execute(&sql, []).unwrap() > 0, "{sql}");
            }
            _ => unreachable!(),
        }
    }

    /// Takes a backup; no store may be open.
    pub async fn back_up(&self) {
        match (&self.name, &self.database) {
            (Some(name), _) => {
                let sql = format!("CREATE DATABASE {name}_backup TEMPLATE {name}");
                cluster().shell("postgres").await.batch_execute(&sql).await.unwrap();
            }
            (None, Database::Sqlite(path)) => {
                std::fs::copy(&**path, path.with_extension("backup")).unwrap();
            }
            _ => unreachable!(),
        }
    }

    /// Puts the backup back; no store may be open.
    pub async fn restore(&self) {
        match (&self.name, &self.database) {
            (Some(name), _) => {
                let shell = cluster().shell("postgres").await;
                shell.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
                shell.batch_execute(&format!("ALTER DATABASE {name}_backup RENAME TO {name}")).await.unwrap();
            }
            (None, Database::Sqlite(path)) => {
                std::fs::copy(path.with_extension("backup"), &**path).unwrap();
            }
            _ => unreachable!(),
        }
    }
}
