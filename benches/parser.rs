//! The parser alone: bytes to transactions, beside the `csv` and `simd-csv` crates on the same bytes.
//!
//! `cargo bench --bench parser`. Throughput is in bytes of input.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use millrace::generate::{Plan, Workload};
use millrace::parser::{Block, Layout, Rows, first_line};

const ROWS: u64 = 200_000;

/// The rows of a workload, without the header line.
fn rows_of(workload: Workload) -> Vec<u8> {
    let mut bytes = Vec::new();
    Plan::new(workload, ROWS).write_to(&mut bytes).expect("memory takes everything");
    let (_, header) = first_line(&bytes);
    bytes.drain(..header);
    bytes
}

/// Parses everything; counts the rows and adds the ids up, so that nothing is optimised away.
fn parse(rows: Rows<'_, '_>) -> (u64, u64) {
    let (mut count, mut sum) = (0, 0_u64);
    for row in rows {
        count += 1;
        sum = sum.wrapping_add(row.map_or(0, |row| row.transaction.tx ^ row.transaction.client));
    }
    (count, sum)
}

/// What the csv crate takes for filling one reused record per row.
fn split_with_csv(bytes: &[u8]) -> u64 {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut record).expect("any bytes are CSV") {
        count += 1;
    }
    count
}

/// What the simd-csv crate takes for finding the fields of each row, its quickest way.
fn split_with_simd_csv(bytes: &[u8]) -> u64 {
    let mut builder = simd_csv::ZeroCopyReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).from_reader(bytes);
    let mut count = 0;
    while reader.read_byte_record().expect("any bytes are CSV").is_some() {
        count += 1;
    }
    count
}

fn bench_parser(criterion: &mut Criterion) {
    let layout = Layout::default();
    for workload in [Workload::Uniform, Workload::RandomIds, Workload::Nasty] {
        let bytes = rows_of(workload);
        let block = Block { bytes: &bytes, offset_bytes: 0, line: 2 };
        let expected = parse(Rows::strict(block, &layout));
        assert_eq!(expected.0, ROWS);
        assert_eq!(parse(Rows::new(block, &layout)), expected);

        let mut group = criterion.benchmark_group(format!("parser/{workload}"));
        group.throughput(Throughput::Bytes(u64::try_from(bytes.len()).expect("64 bits")));
        group.bench_function("rows", |bencher| {
            bencher.iter(|| parse(Rows::new(black_box(block), &layout)));
        });
        assert_eq!(parse(Rows::portable(block, &layout)), expected);
        group.bench_function("rows, without vectors", |bencher| {
            bencher.iter(|| parse(Rows::portable(black_box(block), &layout)));
        });
        group.bench_function("rows, strict path alone", |bencher| {
            bencher.iter(|| parse(Rows::strict(black_box(block), &layout)));
        });
        if workload == Workload::Uniform {
            assert_eq!(split_with_csv(&bytes), ROWS);
            group.bench_function("csv crate, splitting only", |bencher| {
                bencher.iter(|| split_with_csv(black_box(&bytes)));
            });
            assert_eq!(split_with_simd_csv(&bytes), ROWS);
            group.bench_function("simd-csv crate, splitting only", |bencher| {
                bencher.iter(|| split_with_simd_csv(black_box(&bytes)));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = bench_parser
}
criterion_main!(benches);
