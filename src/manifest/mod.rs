//! The manifest of a run: what was read, by which rules, what came of it, in one JSON document that
//! another run can be held against.
//!
//! Everything but the object `run` is decided by the bytes of the inputs, the rules and the options:
//! two runs on the same bytes give the same document, for every number of threads and way of
//! reading. Nothing is opened or measured here.
//!
//! | key | value |
//! |---|---|
//! | `schema` | `millrace-manifest/1`; a key may be added under it, none is renamed or taken away |
//! | `millrace` | the version that wrote it |
//! | `rules` | an object of every rule's key and value, as `--rule` takes them |
//! | `options` | `strict`, `ignore_extra_columns`, `until_line` (or null), `without_clients`, `without_txs`, `max_input_bytes` |
//! | `inputs` | for each: `path` as given (`-` is standard input; control bytes escaped), `path_hex` (only if the path is not what `path` says), `bytes` and `blake3` as it is stored, `content_bytes` once decompressed and up to `until_line`, `rows` |
//! | `rows` | `all` = `applied` + `rejected` + `malformed` + `left_out`; `rejected_by_reason`, `malformed_by_reason`, zeros included; `blank_lines`, `amounts_ignored` |
//! | `by_type` | for each type: `applied` and `rejected` rows, `applied_amount`, `rejected_amount` |
//! | `hash_totals` | `client`, `tx`: the sums of both columns over all applied and rejected rows, modulo 2⁶⁴ |
//! | `accounts` | `all`, `locked`, and the sums `available`, `held`, `total` |
//! | `conservation` | `deposited`, `withdrawn`, `charged_back`, `total` (the first less the others), `disputed`, `resolved`, `held` (disputed less resolved less charged back) |
//! | `balances`, `rejects` | `path`, `path_hex`, `bytes`, `blake3`; null if not written |
//! | `state_root` | see [`crate::state_root`] |
//! | `run` | `started` (RFC 3339, UTC), `elapsed_ns`, `workers`, `host`, `cores`, `system` |
//!
//! Counts are numbers; money, hash totals and ids are strings, so that no reader makes a float of
//! them. The amount of an applied dispute, resolve or chargeback is that of the deposit it refers
//! to; rejected ones have none.

mod make;
mod verify;

pub use make::{Evidence, Written};
pub use verify::Statement;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::{Config, LeftOut};
use crate::printable::Printable;
use crate::rules::{Rules, RulesError};

/// What `schema` says.
pub const SCHEMA: &str = "millrace-manifest/1";

/// A manifest; see the documentation of this module for every key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct Manifest {
    pub schema: String,
    pub millrace: String,
    pub rules: BTreeMap<String, String>,
    pub options: Options,
    pub inputs: Vec<InputFile>,
    pub rows: Rows,
    pub by_type: BTreeMap<String, OfType>,
    pub hash_totals: HashTotals,
    pub accounts: Accounts,
    pub conservation: Conservation,
    pub balances: OutputDigest,
    pub rejects: Option<OutputDigest>,
    pub state_root: String,
    pub run: RunFacts,
}

/// What a run was told besides the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct Options {
    pub strict: bool,
    pub ignore_extra_columns: bool,
    pub until_line: Option<u64>,
    pub without_clients: Vec<String>,
    pub without_txs: Vec<String>,
    pub max_input_bytes: u64,
}

/// A path as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct GivenPath {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
}

/// An input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct InputFile {
    #[serde(flatten)]
    pub path: GivenPath,
    pub bytes: u64,
    pub blake3: String,
    pub content_bytes: u64,
    pub rows: u64,
}

/// The rows by outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct Rows {
    pub all: u64,
    pub applied: u64,
    pub rejected: u64,
    pub malformed: u64,
    pub left_out: u64,
    pub rejected_by_reason: BTreeMap<String, u64>,
    pub malformed_by_reason: BTreeMap<String, u64>,
    pub blank_lines: u64,
    pub amounts_ignored: u64,
}

/// The rows of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct OfType {
    pub applied: u64,
    pub applied_amount: String,
    pub rejected: u64,
    pub rejected_amount: String,
}

/// Sums that mean nothing and change with every id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct HashTotals {
    pub client: String,
    pub tx: String,
}

/// The accounts together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct Accounts {
    pub all: u64,
    pub locked: u64,
    pub available: String,
    pub held: String,
    pub total: String,
}

/// That no money was made or lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct Conservation {
    pub deposited: String,
    pub withdrawn: String,
    pub charged_back: String,
    pub total: String,
    pub disputed: String,
    pub resolved: String,
    pub held: String,
}

/// An output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct OutputDigest {
    #[serde(flatten)]
    pub path: GivenPath,
    pub bytes: u64,
    pub blake3: String,
}

/// What differs from run to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above documents every key once")]
pub struct RunFacts {
    pub started: String,
    pub elapsed_ns: u64,
    pub workers: u64,
    pub host: String,
    pub cores: u64,
    pub system: String,
}

/// A text that is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or lacks a key, or a key has another kind of value.
    #[error("is no manifest: {}{source}", within(field))]
    Form {
        /// The key, with those above it, fit to print; empty where there is none.
        field: String,
        /// What is wrong, and in which line.
        source: serde_json::Error,
    },
    /// It is one of another kind.
    #[error("is no manifest that this version knows: its schema is {0:?}, not {SCHEMA:?}")]
    Schema(String),
    /// A value makes no sense.
    #[error("is no manifest: {field}: {message}")]
    Value {
        /// The key, with those above it.
        field: String,
        /// What is wrong with its value.
        message: String,
    },
}

fn within(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}: ") }
}

/// Reads any document; a fault is told with its field.
fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, ManifestError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let is_within = error.path().iter().next().is_some();
        let field = if is_within { error.path().to_string() } else { String::new() };
        let field = Printable::bytes(field.as_bytes()).to_string();
        ManifestError::Form { field, source: error.into_inner() }
    })?;
    let end = reader.end();
    end.map_err(|source| ManifestError::Form { field: String::new(), source })?;
    Ok(read)
}

impl Manifest {
    /// Writes the document, indented, with a newline at its end.
    #[expect(clippy::missing_panics_doc, reason = "strings and integers have a JSON form")]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and integers") + "\n"
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is no manifest; the message names line and field.
    pub fn from_json(text: &str) -> Result<Self, ManifestError> {
        /// What tells a manifest of another version from what is none.
        #[derive(Deserialize)]
        #[serde(expecting = "the object of a manifest")]
        struct Head {
            schema: String,
        }
        let head: Head = read(text)?;
        if head.schema != SCHEMA {
            return Err(ManifestError::Schema(head.schema));
        }
        read(text)
    }
}

impl Manifest {
    /// Gives the configuration that its run had, as far as it decides the result.
    ///
    /// # Errors
    /// A rule or an option makes no sense.
    pub fn config(&self) -> Result<Config, ManifestError> {
        let value = |field: &str, message| ManifestError::Value { field: field.into(), message };
        let mut rules = Rules::default();
        for (key, text) in &self.rules {
            let wrong = |error: RulesError| {
                let key = Printable::bytes(key.as_bytes());
                value(&format!("rules.{key}"), error.to_string())
            };
            rules.set(key, text).map_err(wrong)?;
        }
        let ids = |field: &str, texts: &[String]| -> Result<BTreeSet<u64>, ManifestError> {
            let id = |text: &String| {
                text.parse().map_err(|_| value(field, format!("{text:?} is no id")))
            };
            texts.iter().map(id).collect()
        };
        let options = &self.options;
        let left_out = LeftOut {
            clients: ids("options.without_clients", &options.without_clients)?,
            txs: ids("options.without_txs", &options.without_txs)?,
        };
        let config = Config {
            rules,
            strict: options.strict,
            until_line: options.until_line,
            left_out,
            max_input_bytes: options.max_input_bytes,
            control_totals: true,
            digests: true,
            ..Config::default()
        };
        Ok(config.ignore_extra_columns(options.ignore_extra_columns))
    }

    /// Gives its outputs the paths of those of another manifest: the same outputs, written again
    /// to nowhere.
    #[must_use]
    pub fn with_outputs_named_as_in(mut self, other: &Self) -> Self {
        self.balances.path = other.balances.path.clone();
        if let (Some(rejects), Some(named)) = (&mut self.rejects, &other.rejects) {
            rejects.path = named.path.clone();
        }
        self
    }
}

impl GivenPath {
    /// Gives the path as it was given.
    ///
    /// # Errors
    /// `path_hex` is no even number of hexadecimal digits.
    pub fn to_path(&self) -> Result<PathBuf, ManifestError> {
        let Some(hex) = &self.path_hex else { return Ok(PathBuf::from(&self.path)) };
        let digits = hex.as_bytes().chunks(2).map(|pair| {
            let is_digits = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
            let pair = str::from_utf8(pair).ok().filter(|_| is_digits);
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let bytes: Option<Vec<u8>> = digits.collect();
        bytes.map(|bytes| PathBuf::from(OsString::from_vec(bytes))).ok_or_else(|| {
            let message = format!("{hex:?} is no path in hexadecimal digits");
            ManifestError::Value { field: "path_hex".to_owned(), message }
        })
    }
}

#[cfg(test)]
mod tests;
