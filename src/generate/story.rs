//! The story that a file tells: clients who are paid, spend, dispute and settle.
//!
//! It remembers a bounded sample of the deposits and of the open disputes, which later rows refer
//! to. It keeps no balances: a withdrawal is at most half of a deposit that its client had, so most
//! of them find the money.

use super::pool::Pool;
use super::random::Random;
use super::{Plan, Workload};
use crate::amount::{Amount, DECIMALS, UNITS_PER_WHOLE};
use crate::transaction::{Kind, Transaction};

/// Deposits that rows to come can refer to. With the renewal they reach back about half a million
/// rows, so that a dispute is no look-up of what has just been written.
const DEPOSITS: Pool<Deposit> = Pool::new(1 << 16, 8);

/// Open disputes that resolves and chargebacks can settle.
const OPEN_DISPUTES: Pool<Deposit> = Pool::new(1 << 14, 1);

/// The client with nine rows in ten of [`Workload::OneHotClient`].
const HOT_CLIENT: u64 = 1;

/// Deposits are below one of these, in units, each as likely as the next.
const CEILINGS_UNITS: [u64; 8] = {
    let whole = UNITS_PER_WHOLE;
    [
        100 * whole,
        10_000 * whole,
        100_000 * whole,
        1_000_000 * whole,
        1_000_000 * whole,
        10_000_000 * whole,
        10_000_000 * whole,
        100_000_000 * whole,
    ]
};

/// One dispute in so many names the wrong client, another one a transaction that is not there; one
/// settlement in so many names a deposit that nobody disputes.
const SLIPS: u64 = 200;

/// A row that is not spelled yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    /// What it means.
    pub(super) transaction: Transaction,
    /// How many decimals its amount is spelled with, 1 … 4.
    pub(super) decimals: usize,
}

/// A deposit that has been written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deposit {
    /// Whose it is.
    pub(super) client: u64,
    /// Its id.
    pub(super) tx: u64,
    units: u64,
}

/// The transaction ids of a file, each of them once.
#[derive(Clone, Debug)]
struct Ids {
    /// The number of the next id, from 1.
    next: u64,
    /// Set if ids are scattered over all 64 bits.
    key: Option<u64>,
}

impl Ids {
    /// Gives the id `distance` after the next one.
    #[inline]
    fn ahead(&self, distance: u64) -> u64 {
        let number = self.next + distance;
        self.key.map_or(number, |key| scatter(number.wrapping_add(key)))
    }

    #[inline]
    fn issue(&mut self) -> u64 {
        let id = self.ahead(0);
        self.next += 1;
        id
    }
}

/// Maps 64 bits to 64 bits, one to one, without visible order: the finalizer of `SplitMix64`
/// (Steele, Lea and Flood, 2014). Random ids proper could repeat.
#[inline]
const fn scatter(number: u64) -> u64 {
    let first = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}

/// What has happened so far, and what happens next.
#[derive(Clone, Debug)]
pub(super) struct Story {
    plan: Plan,
    pub(super) random: Random,
    ids: Ids,
    deposits: Pool<Deposit>,
    open_disputes: Pool<Deposit>,
}

impl Story {
    /// Starts the story of a plan.
    pub(super) fn new(plan: &Plan, mut random: Random) -> Self {
        let key = (plan.workload == Workload::RandomIds).then(|| random.any());
        let plan = Plan { clients: plan.clients.max(1), ..*plan };
        let ids = Ids { next: 1, key };
        Self { plan, random, ids, deposits: DEPOSITS, open_disputes: OPEN_DISPUTES }
    }

    /// Gives the next row.
    #[inline]
    pub(super) fn next_draft(&mut self) -> Draft {
        let draft = match self.plan.mix.draw(&mut self.random) {
            Kind::Deposit => None,
            Kind::Withdrawal => self.withdraw(),
            Kind::Dispute => self.dispute(),
            Kind::Resolve => self.resolve(),
            Kind::Chargeback => self.charge_back(),
        };
        // There may be nothing to refer to, above all in the first rows.
        draft.unwrap_or_else(|| self.deposit())
    }

    #[inline]
    fn deposit(&mut self) -> Draft {
        let client = self.any_client();
        let ceiling_units = self.random.one_of(&CEILINGS_UNITS);
        let draft = self.draft_money(Kind::Deposit, client, ceiling_units);
        let Draft { transaction: Transaction { tx, amount, .. }, .. } = draft;
        let units = amount.map_or(0, Amount::units);
        self.deposits.put(Deposit { client, tx, units }, &mut self.random);
        draft
    }

    #[inline]
    fn withdraw(&mut self) -> Option<Draft> {
        let source = self.any_deposit()?;
        Some(self.draft_money(Kind::Withdrawal, source.client, (source.units / 2).max(1)))
    }

    #[inline]
    fn dispute(&mut self) -> Option<Draft> {
        match self.random.below(SLIPS) {
            0 => {
                let Deposit { client, tx, .. } = self.any_deposit()?;
                Some(Transaction::dispute(self.other_client(client), tx).into())
            }
            1 => {
                let client = self.any_deposit()?.client;
                Some(Transaction::dispute(client, self.later_id()).into())
            }
            _ => {
                let deposit = self.deposits.take(&mut self.random)?;
                self.open_disputes.put(deposit, &mut self.random);
                Some(Transaction::dispute(deposit.client, deposit.tx).into())
            }
        }
    }

    #[inline]
    fn resolve(&mut self) -> Option<Draft> {
        let Deposit { client, tx, .. } = if self.random.once_in(SLIPS) {
            self.any_deposit()?
        } else {
            let settled = self.open_disputes.take(&mut self.random)?;
            // It may be disputed again.
            self.deposits.put(settled, &mut self.random);
            settled
        };
        Some(Transaction::resolve(client, tx).into())
    }

    #[inline]
    fn charge_back(&mut self) -> Option<Draft> {
        let Deposit { client, tx, .. } = if self.random.once_in(SLIPS) {
            self.any_deposit()?
        } else if self.plan.workload == Workload::OneHotClient {
            // Once the hot client is locked, the rest of the file would be refused rows.
            self.open_disputes.take_where(&mut self.random, |open| open.client != HOT_CLIENT)?
        } else {
            self.open_disputes.take(&mut self.random)?
        };
        Some(Transaction::chargeback(client, tx).into())
    }

    /// Drafts a row that moves money: a new id, and an amount of at most `ceiling_units`, or of one
    /// unit of its last decimal.
    #[inline]
    pub(super) fn draft_money(&mut self, kind: Kind, client: u64, ceiling_units: u64) -> Draft {
        let tx = self.ids.issue();
        self.draft_with_id(kind, client, tx, ceiling_units)
    }

    /// As [`Story::draft_money`], but with a given id.
    #[inline]
    pub(super) fn draft_with_id(
        &mut self,
        kind: Kind,
        client: u64,
        tx: u64,
        ceiling_units: u64,
    ) -> Draft {
        const STEPS_UNITS: [u64; DECIMALS] = [1_000, 100, 10, 1];
        let units = 1 + self.random.below(ceiling_units);
        let place = self.random.index(DECIMALS);
        let step = STEPS_UNITS[place];
        let amount = Amount::from_units((units / step).max(1) * step);
        Draft { transaction: Transaction { client, tx, amount, kind }, decimals: place + 1 }
    }

    /// Gives a client as the workload chooses them.
    #[inline]
    pub(super) fn any_client(&mut self) -> u64 {
        let is_hot = self.plan.workload == Workload::OneHotClient && !self.random.once_in(10);
        if is_hot { HOT_CLIENT } else { 1 + self.random.below(self.plan.clients) }
    }

    /// Gives another client, if there is more than one.
    pub(super) fn other_client(&self, client: u64) -> u64 {
        1 + client % self.plan.clients
    }

    /// Gives a deposit that is under no dispute.
    #[inline]
    pub(super) fn any_deposit(&mut self) -> Option<Deposit> {
        self.deposits.pick(&mut self.random)
    }

    /// Gives a deposit that is under dispute.
    pub(super) fn any_open_dispute(&mut self) -> Option<Deposit> {
        self.open_disputes.pick(&mut self.random)
    }

    /// Gives the id that the next row with money will have.
    pub(super) fn next_id(&self) -> u64 {
        self.ids.ahead(0)
    }

    /// Gives an id that no row has had so far.
    pub(super) fn later_id(&mut self) -> u64 {
        let distance = self.random.below(1_000);
        self.ids.ahead(distance)
    }
}

impl From<Transaction> for Draft {
    #[inline]
    fn from(transaction: Transaction) -> Self {
        Self { transaction, decimals: DECIMALS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn scattered_ids_are_distinct_and_reach_far() {
        let ids = Ids { next: 1, key: Some(99) };
        let seen: BTreeSet<u64> = (0..10_000).map(|distance| ids.ahead(distance)).collect();
        assert_eq!(seen.len(), 10_000);
        assert!(seen.iter().filter(|&&id| id > u64::MAX / 2).count() > 4_500);
    }

    #[test]
    fn an_amount_is_a_multiple_of_its_last_decimal() {
        let plan = Plan::new(Workload::Uniform, 1);
        let mut story = Story::new(&plan, Random::from_seed(1));
        for ceiling_units in [1, 999, 10_000_000] {
            for _ in 0..1_000 {
                let draft = story.draft_money(Kind::Deposit, 1, ceiling_units);
                let units = draft.transaction.amount.unwrap().units();
                let step = [1_000, 100, 10, 1][draft.decimals - 1];
                assert!(
                    units.is_multiple_of(step) && units <= ceiling_units.max(step),
                    "{draft:?}"
                );
            }
        }
    }
}
