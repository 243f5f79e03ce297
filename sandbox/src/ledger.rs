//! Keeps what the simulated providers must remember after a restart: JSON documents by collection
//! and key, in SQLite.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The simulators' store.
///
/// # Panics
/// All methods panic when the disk fails: a test against a simulator that loses data proves
/// nothing.
pub struct Ledger(Mutex<Connection>);

impl Ledger {
    /// Opens the ledger in `file`, or in memory.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(file: Option<&Path>) -> Result<Self, rusqlite::Error> {
        let database = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS documents (
                 collection TEXT, key TEXT, document TEXT NOT NULL, PRIMARY KEY (collection, key))",
        )?;
        Ok(Self(Mutex::new(database)))
    }

    /// A document.
    pub fn get<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Option<T> {
        let select = "SELECT document FROM documents WHERE collection = ?1 AND key = ?2";
        let database = self.database();
        let mut select = database.prepare_cached(select).expect("the ledger is readable");
        let found = select.query_row(params![collection, key], |row| row.get(0));
        let found: Option<String> = found.optional().expect("the ledger is readable");
        serde_json::from_str(&found?).ok()
    }

    /// Writes a document.
    pub fn put(&self, collection: &str, key: &str, document: &impl Serialize) {
        let document = serde_json::to_string(document).expect("a document is JSON");
        let insert = "INSERT OR REPLACE INTO documents VALUES (?1, ?2, ?3)";
        let database = self.database();
        let mut insert = database.prepare_cached(insert).expect("the ledger is writable");
        insert.execute(params![collection, key, document]).expect("the ledger is writable");
    }

    /// Removes a document, and tells whether it existed.
    pub fn remove(&self, collection: &str, key: &str) -> bool {
        let delete = "DELETE FROM documents WHERE collection = ?1 AND key = ?2";
        let deleted = self.database().execute(delete, params![collection, key]);
        deleted.expect("the ledger is writable") == 1
    }

    /// All documents of a collection, newest first.
    pub fn all<T: DeserializeOwned>(&self, collection: &str) -> Vec<T> {
        let database = self.database();
        let mut select = database
            .prepare("SELECT document FROM documents WHERE collection = ?1 ORDER BY rowid DESC")
            .expect("the ledger is readable");
        let documents = select
            .query_map([collection], |row| row.get::<_, String>(0))
            .expect("the ledger is readable");
        documents.flatten().filter_map(|it| serde_json::from_str(&it).ok()).collect()
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
