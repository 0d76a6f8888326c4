//! Random histories: inputs, rules and flags, from a seed.
//!
//! The spaces of clients, ids and amounts are small on purpose, so that sixty rows meet every rule:
//! retries, disputes of what others own, locks, empty accounts. [`spelling`] writes the rows down
//! in every spelling that a file can have, and spoils some.

mod dice;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};

use millrace::rules::{Locked, Permission, Rules, TxIdSpace};

use crate::model::Flags;
pub(crate) use dice::Dice;
use spelling::Spelling;

const LARGEST_AMOUNT: i128 = 9_223_372_036_854_775_807;

/// What a run is given.
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
    // Long ones fill what takes rows by the 64 and the 128.
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
    if dice.one_in(2) {
        return Rules::default();
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

/// Thinks up one row after the other.
struct Story {
    clients: u64,
    ids: u64,
    /// The first id, and how far apart they lie: at the edges of words and pages, far from all.
    first_id: u64,
    id_step: u64,
    said: Vec<Meaning>,
    used: BTreeSet<u64>,
    /// About what is available, so that amounts can meet it: disputes are left out.
    available: BTreeMap<u64, i128>,
}

impl Story {
    fn new(dice: &mut Dice) -> Self {
        let (clients, ids) = (dice.pick(&[1, 2, 4, 4, 4, 12]), dice.pick(&[3, 8, 8, 64]));
        let (first_id, id_step) =
            dice.pick(&[(0, 1), (0, 1), (0, 1), (60, 1), (505, 1), (7, 1 << 20)]);
        Self {
            clients,
            ids,
            first_id,
            id_step,
            said: Vec::new(),
            used: BTreeSet::new(),
            available: BTreeMap::new(),
        }
    }

    fn next(&mut self, dice: &mut Dice) -> Meaning {
        let meaning = match self.said.last() {
            // A retry, or what comes next in the life of something said before.
            Some(_) if dice.one_in(16) => dice.pick(&self.said),
            Some(_) if dice.one_in(3) => Meaning {
                kind: dice.pick(&["dispute", "dispute", "resolve", "resolve", "chargeback"]),
                amount: None,
                ..dice.pick(&self.said)
            },
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
        const FAR: [u64; 4] = [u64::MAX, u64::MAX, u64::MAX - 512, (1 << 40) - 1];
        let client = if dice.one_in(40) { dice.pick(&FAR) } else { dice.below(self.clients) };
        let kind = match dice.below(8) {
            0 => dice.pick(&["dispute", "resolve", "chargeback"]),
            1..=2 => "withdrawal",
            _ => "deposit",
        };
        // In a real file ids are fresh as a rule; here every second one is.
        let next = u64::try_from(self.used.len()).expect("lengths fit 64 bits");
        let tx = match dice.below(40) {
            0 => dice.pick(&FAR),
            1..20 => self.first_id + next * self.id_step,
            _ => self.first_id + dice.below(self.ids) * self.id_step,
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
