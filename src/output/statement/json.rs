//! A statement as JSON for programs.

use std::io::{self, BufWriter, Write};

use serde::ser::{Serialize, Serializer};

use super::CHUNK_BYTES;
use crate::account::Account;
use crate::explain::{Entry, Place, Statement, Subject};
use crate::outcome::Reason;
use crate::printable::Printable;
use crate::transaction::Kind;

/// The keys and their order, which are a promise. Money and ids are strings, so that no reader makes
/// floats of them.
#[derive(serde::Serialize)]
struct Document<'a> {
    client: Option<String>,
    tx: Option<String>,
    until: Option<u64>,
    inputs: &'a [String],
    rows: Rows<'a>,
    accounts: Vec<NumberedAccount>,
}

/// The rows, each made when it is written.
struct Rows<'a> {
    entries: &'a [Entry],
    inputs: &'a [String],
}

#[derive(serde::Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    place: NamedPlace<'a>,
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    client: Option<String>,
    tx: Option<String>,
    amount: Option<String>,
    outcome: &'static str,
    reason: Option<&'static str>,
    refers_to: Option<NamedPlace<'a>>,
    account: Option<Balances>,
}

#[derive(serde::Serialize)]
struct NamedPlace<'a> {
    file: &'a str,
    line: u64,
}

#[derive(serde::Serialize)]
struct NumberedAccount {
    client: String,
    #[serde(flatten)]
    balances: Balances,
}

#[derive(serde::Serialize)]
struct Balances {
    available: String,
    held: String,
    total: String,
    locked: bool,
}

impl From<Account> for Balances {
    fn from(account: Account) -> Self {
        Self {
            available: account.available().to_string(),
            held: account.held().to_string(),
            total: account.total().to_string(),
            locked: account.is_locked(),
        }
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = |place: Place| NamedPlace { file: &self.inputs[place.input], line: place.line };
        serializer.collect_seq(self.entries.iter().map(|entry| Row {
            place: place(entry.place),
            kind: entry.kind.map(Kind::name),
            client: id(entry.client),
            tx: id(entry.tx),
            amount: entry.amount.map(|amount| amount.to_string()),
            outcome: entry.outcome.map_or_else(Reason::outcome, |()| "applied"),
            reason: entry.outcome.err().map(Reason::name),
            refers_to: entry.refers_to.map(place),
            account: entry.account.map(Balances::from),
        }))
    }
}

fn id(id: Option<u64>) -> Option<String> {
    id.map(|id| id.to_string())
}

pub(super) fn write(out: &mut impl Write, statement: &Statement) -> io::Result<()> {
    let names = statement.inputs.iter().map(|name| Printable::bytes(name).to_string());
    let names: Vec<_> = names.collect();
    let (client, tx) = match statement.subject {
        Subject::Client(client) => (Some(client), None),
        Subject::Tx(tx) => (None, Some(tx)),
    };
    let numbered = |&(client, account): &(u64, Account)| NumberedAccount {
        client: client.to_string(),
        balances: account.into(),
    };
    let document = Document {
        client: id(client),
        tx: id(tx),
        until: statement.until,
        inputs: &names,
        rows: Rows { entries: &statement.entries, inputs: &names },
        accounts: statement.accounts.iter().map(numbered).collect(),
    };
    let mut buffered = BufWriter::with_capacity(CHUNK_BYTES, &mut *out);
    serde_json::to_writer(&mut buffered, &document)?;
    buffered.write_all(b"\n")?;
    buffered.flush()
}
