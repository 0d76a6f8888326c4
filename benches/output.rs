//! The end of a run: accounts of a shard sorted, and written as text.
//!
//! `cargo bench --bench output`. Throughput is in accounts.

use std::hint::black_box;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use millrace::account::Account;
use millrace::amount::Amount;
use millrace::balances_file::BalancesReader;
use millrace::ledger::{Closed, Ledger};
use millrace::output::balances;
use millrace::rules::Rules;
use millrace::transaction::Transaction;

const ACCOUNTS: u64 = 500_000;

/// Chooses the client of an account.
type Order = fn(u64) -> u64;

/// Dense clients are found in a table, scattered ones in a map.
const ORDERS: [(&str, Order); 2] =
    [("dense", |index| index), ("scattered", |index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15))];

/// A ledger in which each account has some units of its own.
fn ledger_of(order: Order) -> Ledger {
    let mut ledger = Ledger::new(Rules::default());
    for index in 0..ACCOUNTS {
        let amount = Amount::from_units(index * 10_007 + 1).expect("small");
        ledger.apply(&Transaction::deposit(order(index), index, amount)).expect("a new id");
    }
    ledger
}

fn bench_output(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("output");
    group.sample_size(20);
    group.throughput(Throughput::Elements(ACCOUNTS));
    for (name, order) in ORDERS {
        let closed = ledger_of(order).close();
        check_text(&closed);
        for threads in [1, 2] {
            let count = NonZeroUsize::new(threads).expect("positive");
            group.bench_function(format!("{name} clients, threads: {threads}"), |bencher| {
                bencher
                    .iter(|| balances::write(&mut io::sink(), black_box(&closed.accounts), count));
            });
        }
        group.bench_function(format!("{name} clients, closed and read in order"), |bencher| {
            bencher.iter_batched(
                || ledger_of(order),
                |ledger| {
                    let closed = ledger.close();
                    assert_eq!(closed.accounts.iter().count(), closed.accounts.len());
                    closed
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Checks that what is written can be read back.
fn check_text(closed: &Closed) {
    let mut text = Vec::new();
    balances::write(&mut text, &closed.accounts, NonZeroUsize::MIN)
        .expect("memory takes everything");
    let reader = BalancesReader::new("memory", text.as_slice()).expect("a header");
    let read_back = reader.map(|record| {
        let record = record.expect("it was written just now");
        let [available, held] = [record.available, record.held].map(Option::unwrap_or_default);
        (record.client, Account::new(available, held, record.locked == Some(true)))
    });
    assert!(read_back.eq(closed.accounts.iter()));
}

criterion_group! {
    name = benches;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = bench_output
}
criterion_main!(benches);
