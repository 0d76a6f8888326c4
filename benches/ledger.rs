//! The ledger alone: transactions to balances, and ids to decisions.
//!
//! `cargo bench --bench ledger`. Throughput is in transactions, or in ids.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use millrace::generate::{Plan, Workload};
use millrace::ledger::{Closed, Ledger, TxIds, check};
use millrace::parser::{Block, Layout, Rows, first_line};
use millrace::rules::Rules;
use millrace::transaction::Transaction;

const ROWS: u64 = 200_000;

fn transactions_of(workload: Workload) -> Vec<Transaction> {
    let mut bytes = Vec::new();
    Plan::new(workload, ROWS).write_to(&mut bytes).expect("memory takes everything");
    let (_, header) = first_line(&bytes);
    let block = Block { bytes: &bytes[header..], offset_bytes: 0, line: 2 };
    Rows::new(block, &Layout::default()).flatten().map(|row| row.transaction).collect()
}

/// Applies everything; gives how many were applied and the ledger's end.
fn apply(transactions: &[Transaction]) -> (usize, Closed) {
    let mut ledger = Ledger::new(Rules::default());
    let applied = transactions.iter().filter(|it| ledger.apply(it).is_ok()).count();
    (applied, ledger.close())
}

fn elements(count: usize) -> Throughput {
    Throughput::Elements(u64::try_from(count).expect("64 bits"))
}

fn bench_ledger(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ledger");
    for workload in Workload::ALL {
        let transactions = transactions_of(workload);
        let (applied, closed) = apply(&transactions);
        assert!(applied > transactions.len() / 2);
        assert_eq!(check(&closed.accounts, &closed.totals), Ok(()));
        group.throughput(elements(transactions.len()));
        group.bench_function(workload.name(), |bencher| {
            bencher.iter_batched_ref(
                || Ledger::new(Rules::default()),
                |ledger| {
                    transactions.iter().filter(|it| ledger.apply(black_box(it)).is_ok()).count()
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Gives the id in a place of an order of ids.
type Order = fn(u64) -> u64;

fn bench_ids(criterion: &mut Criterion) {
    // Odd multipliers map ids one to one; the second is crafted against hashes that multiply.
    let orders: [(&str, Order); 4] = [
        ("ascending", |id| id),
        ("random", |id| id.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        ("crafted", |id| id << 40),
        ("one per page", |id| id * 512),
    ];
    let mut group = criterion.benchmark_group("tx ids");
    group.throughput(Throughput::Elements(ROWS));
    for (name, order) in orders {
        let decide_all = || {
            let mut ids = TxIds::default();
            (0..ROWS).filter(|&id| ids.decide(black_box(order(id))).is_first).count()
        };
        assert_eq!(u64::try_from(decide_all()), Ok(ROWS));
        group.bench_function(name, |bencher| bencher.iter(decide_all));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = bench_ledger, bench_ids
}
criterion_main!(benches);
