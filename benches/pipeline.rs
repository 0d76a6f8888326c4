//! Whole runs, from a mapped file to closed books, per workload and number of workers.
//!
//! `cargo bench --bench pipeline`. Throughput is in rows. `base` moves as many empty batches
//! through the queues as a run of that size would.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

use millrace::generate::{Plan, Workload};
use millrace::input::Io;
use millrace::pipeline::{self, Lanes, Outbox, Pin, Settings, Stopped, Worker};
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
        ("read", Config { io: Io::Read, ..Config::default() }),
        ("recall all", Config { recall: Recall::All, ..Config::default() }),
    ] {
        assert_eq!(run(&path, &config).accounts, expected);
        group.bench_function(name, |bencher| bencher.iter(|| run(&path, &config)));
    }
    group.bench_function("base", |bencher| bencher.iter(move_empty_batches));
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

criterion_group!(benches, bench_workloads, bench_setups);
criterion_main!(benches);
