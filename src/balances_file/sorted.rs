//! All rows of a balances file, ascending by client, in as little memory as they need.

use super::{BalancesError, BalancesFault, BalancesReader, Columns, Record};
use crate::amount::Balance;

/// The rows of a balances file, ascending by client, no client twice.
///
/// A row takes 32 bytes, and 32 more if a balance is beyond 64 bits.
///
/// ```
/// use millrace::balances_file::BalancesReader;
///
/// let text = "client,available,held\n7,1.5,0\n3,2,0.5\n";
/// let balances = BalancesReader::new("theirs.csv", text.as_bytes())?.sorted()?;
/// assert!(balances.iter().map(|record| record.client).eq([3, 7]));
/// assert_eq!(balances.get(3).and_then(|record| record.total).unwrap().to_string(), "2.5000");
/// # Ok::<(), millrace::balances_file::BalancesError>(())
/// ```
#[derive(Debug)]
pub struct SortedBalances {
    columns: Columns,
    rows: Vec<Row>,
    /// Balances that do not fit a row.
    wide: Vec<[i128; 2]>,
}

/// What is kept of a row. The balances are available and held, or the only one that there is.
#[derive(Clone, Copy, Debug)]
struct Row {
    client: u64,
    /// The line, and what the two lowest bits say.
    line: u64,
    /// Units; or the place in `wide`.
    balances: [i64; 2],
}

const LOCKED: u64 = 1;
const WIDE: u64 = 2;
const FLAG_BITS: u32 = 2;

const _: () = assert!(size_of::<Row>() == 32);

impl SortedBalances {
    pub(super) fn read(mut reader: BalancesReader<'_>) -> Result<Self, BalancesError> {
        let mut sorted = Self { columns: reader.columns(), rows: Vec::new(), wide: Vec::new() };
        for record in &mut reader {
            sorted.push(&record?);
        }
        // Most files are in order, and a stable sort notices.
        sorted.rows.sort_by_key(|row| row.client);
        let repeated = sorted.rows.windows(2).filter(|pair| pair[0].client == pair[1].client);
        // The first line that is one too many, whichever client's.
        match repeated.min_by_key(|pair| pair[1].line) {
            None => Ok(sorted),
            Some(pair) => Err(reader.at_fault(BalancesFault::RepeatedClient {
                line: pair[1].line >> FLAG_BITS,
                earlier: pair[0].line >> FLAG_BITS,
                client: pair[0].client,
            })),
        }
    }

    fn push(&mut self, record: &Record) {
        let first = record.available.or(record.total).unwrap_or_default().units();
        let balances = [first, record.held.unwrap_or_default().units()];
        let mut flags = if record.locked == Some(true) { LOCKED } else { 0 };
        let narrow = balances.map(i64::try_from);
        let balances = if let [Ok(first), Ok(held)] = narrow {
            [first, held]
        } else {
            flags |= WIDE;
            self.wide.push(balances);
            [i64::try_from(self.wide.len() - 1).expect("a place in memory"), 0]
        };
        self.rows.push(Row {
            client: record.client,
            line: record.line << FLAG_BITS | flags,
            balances,
        });
    }

    fn record(&self, row: &Row) -> Record {
        let Columns { available, held, total, locked } = self.columns;
        let [first, second] = if row.line & WIDE == 0 {
            row.balances.map(i128::from)
        } else {
            self.wide[usize::try_from(row.balances[0]).expect("a place in memory")]
        };
        let balance = |is_there: bool, units: i128| is_there.then_some(Balance::from_units(units));
        Record {
            line: row.line >> FLAG_BITS,
            client: row.client,
            available: balance(available, first),
            held: balance(held, second),
            // Where there is no available there is no held either, and the total is the only one.
            total: balance(total, first + second),
            locked: locked.then_some(row.line & LOCKED != 0),
        }
    }

    /// Tells which columns the file has.
    pub fn columns(&self) -> Columns {
        self.columns
    }

    /// Tells how many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Gives the row of a client, if there is one.
    pub fn get(&self, client: u64) -> Option<Record> {
        let place = self.rows.binary_search_by_key(&client, |row| row.client).ok()?;
        Some(self.record(&self.rows[place]))
    }

    /// Gives every row, ascending by client.
    pub fn iter(&self) -> impl Iterator<Item = Record> + '_ {
        self.rows.iter().map(|row| self.record(row))
    }
}
