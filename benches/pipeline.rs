//! Whole runs, from a mapped file to closed books, per workload and number of workers.
//!
//! `cargo bench --bench pipeline`. Throughput is in rows. `base` moves as many empty batches
//! through the queues as a run of that size would, or as many blocks through the hands of those who
//! parse.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

use millrace::generate::{Plan, Workload};
use millrace::input::Io;
use millrace::pipeline::{self, Lanes, Outbox, Pin, Settings, Stopped, Supply, Worker};
use millrace::{Config, Input, Recall, Report, Sinks, Threads};

const ROWS: u64 = 500_000;

fn write_file(folder: &TempDir, workload: Workload) -> PathBuf {
    let path = folder.path().join(workload.name());
    let mut file = File::create(&path).expect("a temporary folder takes files");
    Plan::new(workload, ROWS).write_to(&mut file).expect("the disk has room");
    path
}

fn run(path: &Path, config: &Config) -> Report {
    millrace::run(config, vec![Input::path(path)], Sinks::default()).expect("a good file")
}

fn workers(count: usize) -> Config {
    Config { workers: NonZeroUsize::new(count), ..Config::default() }
}

fn readers(count: usize) -> Config {
    Config { readers: NonZeroUsize::new(count), threads: Threads::Always, ..Config::default() }
}

fn bench_workloads(criterion: &mut Criterion) {
    let folder = TempDir::new().expect("a temporary folder");
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(20);
    group.throughput(Throughput::Elements(ROWS));
    for workload in Workload::ALL {
        let path = write_file(&folder, workload);
        let config = Config::default();
        assert_eq!(run(&path, &config).summary.rows, ROWS);
        group.bench_function(workload.name(), |bencher| bencher.iter(|| run(&path, &config)));
    }
    group.finish();
}

fn bench_setups(criterion: &mut Criterion) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = write_file(&folder, Workload::Uniform);
    let expected = run(&path, &Config::default()).accounts;
    let mut group = criterion.benchmark_group("setups");
    group.sample_size(20);
    group.throughput(Throughput::Elements(ROWS));
    for (name, config) in [
        ("no threads", Config { threads: Threads::Never, ..Config::default() }),
        ("1 worker", workers(1)),
        ("2 workers", workers(2)),
        ("4 workers", workers(4)),
        ("2 readers", readers(2)),
        ("4 readers", readers(4)),
        ("read", Config { io: Io::Read, ..Config::default() }),
        ("recall all", Config { recall: Recall::All, ..Config::default() }),
    ] {
        assert_eq!(run(&path, &config).accounts, expected);
        group.bench_function(name, |bencher| bencher.iter(|| run(&path, &config)));
    }
    group.bench_function("base", |bencher| bencher.iter(move_empty_batches));
    group.bench_function("base, 2 readers", |bencher| bencher.iter(move_empty_pieces));
    group.finish();
}

/// Does nothing with its batches.
struct Idle;

impl Worker for Idle {
    type Batch = Vec<u64>;
    type Report = ();
    type Result = ();

    fn work(&mut self, _: &mut Vec<u64>, _: &mut dyn Outbox<()>) -> Result<(), Stopped> {
        Ok(())
    }

    fn finish(self) {}
}

impl Outbox<()> for Idle {
    fn put(&mut self, (): ()) -> Result<(), Stopped> {
        Ok(())
    }
}

fn move_empty_batches() {
    let settings = Settings {
        queue_batches: Config::QUEUE_BATCHES,
        pin: Pin::Auto,
        threads: true,
        helpers: 0,
    };
    let batch_rows = u64::try_from(Config::BATCH_ROWS).expect("64 bits");
    let reader = |lanes: &mut Lanes<'_, Idle>| {
        let mut batch = Vec::new();
        for _ in 0..ROWS / batch_rows {
            batch = lanes.send(0, batch).expect("the worker stays");
        }
    };
    pipeline::run(&settings, vec![Idle], reader, &mut Idle).expect("there are threads");
}

/// Supplies as many pieces as a run has blocks.
struct Blocks(u64);

impl Supply for Blocks {
    type Piece = u64;

    fn fill(&mut self, piece: &mut u64) -> bool {
        *piece = self.0;
        self.0 = self.0.saturating_sub(1);
        *piece > 0
    }
}

fn move_empty_pieces() {
    const ROW_BYTES: u64 = 31;
    let settings = Settings { queue_batches: 1, pin: Pin::Auto, threads: true, helpers: 2 };
    // Inputs of this size are cut into blocks of half the usual size.
    let blocks = ROWS * ROW_BYTES / u64::try_from(Config::BLOCK_BYTES / 2).expect("64 bits");
    let reader = |lanes: &mut Lanes<'_, Idle>| {
        let take_all = |pieces: &mut pipeline::Pieces<u64>| {
            (0..blocks).filter(|_| pieces.take() != Ok(None)).count()
        };
        lanes.helpers().in_order(Blocks(blocks), |_| (), take_all).expect("there are threads")
    };
    let finished = pipeline::run(&settings, vec![Idle], reader, &mut Idle).expect("threads");
    assert_eq!(u64::try_from(finished.reader), Ok(blocks));
}

criterion_group! {
    name = benches;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = bench_workloads, bench_setups
}
criterion_main!(benches);
