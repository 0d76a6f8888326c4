//! Random histories: inputs, rules and flags, from a seed.
//!
//! The spaces of clients, ids and amounts are small on purpose, so that sixty rows meet every rule:
//! retries, disputes of what others own, locks, empty accounts. Some lie across the edges of what
//! the engine keeps ids and accounts in, or at the ends of all numbers. [`spelling`] writes the rows down
//! in every spelling that a file can have, and spoils some.

mod dice;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};

use millrace::rules::{Locked, Permission, Rules, TxIdSpace};

use crate::model::Flags;
pub(crate) use dice::Dice;
use spelling::Spelling;

const LARGEST_AMOUNT: i128 = 9_223_372_036_854_775_807;

/// Two below the edges of the words, the pages, the table of pages and the ids of other formats;
/// of a page far beyond the table, of the last page and of all ids.
const TXS_BELOW_EDGES: [u64; 10] = [
    62,
    510,
    1022,
    (512 << 10) - 2,
    (1 << 32) - 2,
    (1 << 40) - 2,
    (1 << 63) - 2,
    u64::MAX - 513,
    u64::MAX - 65,
    u64::MAX - 1,
];

/// Two below the edges of what is read at a time, of the classic format and of all clients.
const CLIENTS_BELOW_EDGES: [u64; 3] = [4094, 65_534, u64::MAX - 1];

/// Clients that are found by a search and not in a table.
const FAR_CLIENTS: [u64; 4] = [u64::MAX, u64::MAX, u64::MAX - 512, (1 << 40) - 1];

/// Two below the clients that are always found in a table. It is large, and so this is rare.
const CLIENTS_BELOW_TABLE_EDGE: u64 = (4 << 20) - 2;

/// What a run is given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct History {
    /// One to three inputs, each a transactions CSV.
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) rules: Rules,
    pub(crate) flags: Flags,
}

/// Makes the history of this seed.
pub(crate) fn history(seed: u64) -> History {
    let mut dice = Dice::new(seed);
    let rules = rules(&mut dice);
    let flags = Flags { ignore_extra_columns: dice.one_in(6), strict: dice.one_in(4) };
    let mut story = Story::new(&mut dice);
    // The long ones are more than the engine looks up, decides and applies together.
    let rows = if dice.one_in(64) { 300 } else { dice.pick(&[1, 2, 4, 8, 16, 30, 60]) };
    let rows: Vec<_> = (0..rows).map(|_| story.next(&mut dice)).collect();
    let parts = if dice.one_in(5) { 2 + dice.place(2) } else { 1 };
    let mut inputs: Vec<_> = rows
        .chunks(rows.len().div_ceil(parts))
        .map(|part| Spelling::new(&mut dice, flags).write(&mut dice, part))
        .collect();
    if dice.one_in(32) {
        inputs.insert(0, Spelling::new(&mut dice, flags).write(&mut dice, &[]));
    }
    History { inputs, rules, flags }
}

fn rules(dice: &mut Dice) -> Rules {
    match dice.below(16) {
        0..7 => return Rules::default(),
        7..9 => {
            return Rules::named(dice.pick(&Rules::PROFILES)).expect("a profile");
        }
        _ => {}
    }
    let permissions = [Permission::Allow, Permission::Reject];
    Rules {
        locked: dice.pick(&[Locked::Frozen, Locked::DepositsAndDisputes]),
        overdrawn_dispute: dice.pick(&permissions),
        redispute: dice.pick(&permissions),
        tx_ids: dice.pick(&[TxIdSpace::Global, TxIdSpace::PerClient]),
        max_client: dice.pick(&[u64::MAX, u64::MAX, 65_535, 2]),
        max_tx: dice.pick(&[u64::MAX, u64::MAX, 4_294_967_295, 6]),
    }
}

/// A row as it is meant, before anything is spelled.
#[derive(Clone, Copy)]
pub(crate) struct Meaning {
    pub(crate) kind: &'static str,
    pub(crate) client: u64,
    pub(crate) tx: u64,
    /// Units of 1/10 000, for deposits and withdrawals.
    pub(crate) amount: Option<i128>,
}

/// What becomes of something said before.
#[derive(Clone, Copy)]
struct Sequels {
    kinds: &'static [&'static str],
    /// One row in this many is a sequel,
    one_in: u64,
    /// and one of those in this many follows what was said last.
    of_last_one_in: u64,
}

/// A bit of everything, twice; deposits disputed and resolved again and again; many locks.
const SEQUELS: [Sequels; 4] = {
    let kinds = &["dispute", "dispute", "resolve", "resolve", "chargeback"];
    let mixed = Sequels { kinds, one_in: 3, of_last_one_in: 16 };
    let resolved = Sequels { kinds: &["dispute", "resolve"], one_in: 2, of_last_one_in: 2 };
    let locked = Sequels { kinds: &["dispute", "chargeback"], one_in: 2, of_last_one_in: 2 };
    [mixed, mixed, resolved, locked]
};

/// Thinks up one row after the other.
struct Story {
    first_client: u64,
    clients: u64,
    first_tx: u64,
    /// From one fresh id to the next.
    tx_step: u64,
    ids: u64,
    sequels: Sequels,
    said: Vec<Meaning>,
    used: BTreeSet<u64>,
    /// About what is available, so that amounts can meet it: disputes are left out.
    available: BTreeMap<u64, i128>,
}

impl Story {
    fn new(dice: &mut Dice) -> Self {
        Self {
            first_client: match dice.below(2048) {
                0 => CLIENTS_BELOW_TABLE_EDGE,
                1..128 => dice.pick(&CLIENTS_BELOW_EDGES),
                _ => 0,
            },
            clients: dice.pick(&[1, 2, 4, 4, 4, 12]),
            first_tx: if dice.one_in(2) { dice.pick(&TXS_BELOW_EDGES) } else { 0 },
            // Side by side as a rule; else in pages of their own, near and far.
            tx_step: dice.pick(&[1, 1, 1, 1, 1, 512, 1 << 20, 1 << 40]),
            ids: dice.pick(&[3, 8, 8, 64]),
            sequels: dice.pick(&SEQUELS),
            said: Vec::new(),
            used: BTreeSet::new(),
            available: BTreeMap::new(),
        }
    }

    fn next(&mut self, dice: &mut Dice) -> Meaning {
        let meaning = match self.said.last() {
            // A retry, or what comes next in the life of something said before.
            Some(_) if dice.one_in(16) => dice.pick(&self.said),
            Some(&last) if dice.one_in(self.sequels.one_in) => {
                let earlier = if dice.one_in(self.sequels.of_last_one_in) {
                    last
                } else {
                    dice.pick(&self.said)
                };
                Meaning { kind: dice.pick(self.sequels.kinds), amount: None, ..earlier }
            }
            _ => self.fresh(dice),
        };
        if let (Some(amount), true) = (meaning.amount, self.used.insert(meaning.tx)) {
            let available = self.available.entry(meaning.client).or_default();
            if meaning.kind == "deposit" {
                *available += amount;
            } else if *available >= amount {
                *available -= amount;
            }
        }
        self.said.push(meaning);
        meaning
    }

    fn fresh(&self, dice: &mut Dice) -> Meaning {
        let client = match dice.below(40) {
            0 => dice.pick(&FAR_CLIENTS),
            // From the largest client, 0 comes next.
            _ => self.first_client.wrapping_add(dice.below(self.clients)),
        };
        let kind = match dice.below(8) {
            0 => dice.pick(&["dispute", "resolve", "chargeback"]),
            1..=2 => "withdrawal",
            _ => "deposit",
        };
        // In a real file ids are fresh as a rule; here every second one is.
        let next = u64::try_from(self.used.len()).expect("lengths fit 64 bits");
        let place = |place: u64| self.first_tx.wrapping_add(place.wrapping_mul(self.tx_step));
        let tx = match dice.below(40) {
            0 => dice.pick(&[0, u64::MAX]),
            1..20 => place(next),
            _ => place(dice.below(self.ids)),
        };
        let available = self.available.get(&client).copied().unwrap_or_default();
        let amount = match dice.below(8) {
            0 => 1,
            1 => LARGEST_AMOUNT - i128::from(dice.below(2)),
            2 => available,
            3 => available + 1,
            4 => i128::from(dice.pick(&[1, 1 << 20, 1 << 40]) + dice.below(1 << 20)),
            _ => 10_000 * i128::from(dice.below(10)) + i128::from(dice.pick(&[0, 1, 2500, 5000])),
        };
        let moves_money = matches!(kind, "deposit" | "withdrawal");
        let amount = moves_money.then_some(amount.clamp(1, LARGEST_AMOUNT));
        Meaning { kind, client, tx, amount }
    }
}
