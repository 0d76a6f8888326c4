//! Whole files: the same bytes must have the same result however they are read, and the one that
//! the reference model gives.
//!
//! The first byte chooses rules and flags, and whether a header is put before the rest; the second
//! and the third choose the other way in which the bytes are read.
#![no_main]

#[expect(dead_code, reason = "only a part of the model is needed here")]
#[path = "../../tests/model/mod.rs"]
mod model;

use std::io::{self, Cursor, Read};
use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use millrace::input::{FormatError, InputError};
use millrace::ledger::SortedAccounts;
use millrace::output::balances;
use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::parser::ExtraColumns;
use millrace::rules::Rules;
use millrace::summary::Counts;
use millrace::{Config, Input, Recall, RunError, Sinks, Threads, run};

/// What a run says.
#[derive(Debug, PartialEq)]
struct Findings {
    accounts: SortedAccounts,
    refused: Counts,
    rejects: String,
    rows: u64,
    blank_lines: u64,
    ignored_amounts: u64,
}

fuzz_target!(|data: &[u8]| {
    let [choice, way, sizes, rest @ ..] = data else { return };
    let profile = Rules::PROFILES[usize::from(choice >> 4 & 3) % Rules::PROFILES.len()];
    let mut rules = Rules::named(profile).expect("a profile");
    if choice & 0x40 != 0 {
        rules.set("tx-ids", "per-client").expect("a rule");
    }
    if choice & 0x80 != 0 {
        rules.set("max-client", "65535").expect("a rule");
    }
    let flags = model::Flags { strict: choice & 1 != 0, ignore_extra_columns: choice & 2 != 0 };
    let header: &[u8] = match choice & 0x0c {
        0 | 4 => b"type,client,tx,amount\n",
        8 => b"amount,tx,type,client\r\n",
        _ => b"",
    };
    check(&[header, rest].concat(), &rules, flags, [*way, *sizes]);
});

fn check(bytes: &[u8], rules: &Rules, flags: model::Flags, way: [u8; 2]) {
    let extra = flags.ignore_extra_columns;
    let plain = Config {
        rules: *rules,
        strict: flags.strict,
        extra_columns: if extra { ExtraColumns::Ignore } else { ExtraColumns::Refuse },
        workers: NonZeroUsize::new(1),
        threads: Threads::Never,
        // Short inputs need no room for thousands of rows.
        batch_rows: 64,
        queue_batches: 1,
        // A few bytes that decompress to gigabytes are no find.
        max_input_bytes: 1 << 20,
        ..Config::default()
    };
    let first = findings(&plain, Input::bytes("it", bytes));
    check_other_way(bytes, &first, &plain, way);
    let is_compressed = bytes.starts_with(b"\x1f\x8b")
        || bytes.get(1..4).is_some_and(|it| it == b"\xb5\x2f\xfd" || it == b"\x2a\x4d\x18");
    if is_compressed {
        return;
    }
    match (first, model::run(&[bytes], rules, flags)) {
        (Ok(first), Some(report)) => compare_with_model(&first, &report),
        // What starts like a file of another kind is refused before it is looked at as a CSV.
        (Err(RunError::Input(InputError::Format { source, .. })), report) => {
            let is_other =
                matches!(source, FormatError::Encoding { .. } | FormatError::Other { .. });
            assert!(is_other || report.is_none(), "{source}");
        }
        (first, _) => panic!("{first:?}, and the model differs"),
    }
}

/// Runs the bytes in one of the other ways: shards, blocks, batches, a stream, what is remembered.
fn check_other_way(
    bytes: &[u8],
    first: &Result<Findings, RunError>,
    plain: &Config,
    [way, sizes]: [u8; 2],
) {
    let config = Config {
        workers: NonZeroUsize::new(1 + usize::from(sizes & 3)),
        readers: NonZeroUsize::new(1 + usize::from(sizes >> 2 & 1)),
        batch_rows: [1, 2, 7, 64][usize::from(sizes >> 3 & 3)],
        block_bytes: NonZeroUsize::new(
            [1, 2, 17, 64, 100, 200, 300, 1 << 16][usize::from(sizes >> 5)],
        ),
        recall: if way & 1 == 0 { Recall::Named } else { Recall::All },
        // Threads take longer than all the rest.
        threads: if way == 0xff { Threads::Always } else { Threads::Never },
        ..plain.clone()
    };
    let input = if way & 2 == 0 {
        Input::bytes("it", bytes)
    } else {
        let most = 1 + usize::from(way >> 3);
        Input::reader("it", Trickle { bytes: Cursor::new(bytes.to_vec()), most })
    };
    if way & 4 == 0 {
        let other = findings(&config, input);
        match (first, &other) {
            (Ok(first), Ok(other)) => assert_eq!(first, other),
            (Err(first), Err(other)) => assert_eq!(first.to_string(), other.to_string()),
            _ => panic!("{first:?} and {other:?}"),
        }
        return;
    }
    // Where refused rows are not reported, batches hold rows of several blocks.
    let unreported = run(&config, vec![input], Sinks::default());
    match (first, unreported.map(|it| (it.accounts, it.summary.refused))) {
        (Ok(first), Ok(other)) => assert_eq!((&first.accounts, first.refused), (&other.0, other.1)),
        (Err(_), Err(_)) => {}
        (_, other) => panic!("{first:?} and {other:?}"),
    }
}

fn findings(config: &Config, input: Input) -> Result<Findings, RunError> {
    let mut rejects = RejectsWriter::new(Vec::new(), false);
    let mut sink = |row: &RejectedRow<'_>| {
        assert_eq!(row.input, b"it");
        rejects.write(row)
    };
    let report = run(config, vec![input], Sinks { rejects: Some(&mut sink) })?;
    assert!(report.summary.is_balanced());
    Ok(Findings {
        accounts: report.accounts,
        refused: report.summary.refused,
        rejects: String::from_utf8(rejects.finish().expect("memory")).expect("ASCII"),
        rows: report.summary.rows,
        blank_lines: report.summary.blank_lines,
        ignored_amounts: report.summary.amounts_ignored,
    })
}

/// Compares what a run says with what the model says.
fn compare_with_model(findings: &Findings, report: &model::Report) {
    let mut text = Vec::new();
    balances::write(&mut text, &findings.accounts, NonZeroUsize::MIN).expect("memory");
    assert_eq!(String::from_utf8_lossy(&text), report.balances);
    assert_eq!(findings.rejects, model::rejects::write(report));
    let rows = u64::try_from(report.rows.len()).expect("64 bits");
    let counted = (findings.rows, findings.blank_lines, findings.ignored_amounts);
    assert_eq!(counted, (rows, report.blank_lines, report.ignored_amounts));
}

/// Gives a few bytes at a time.
struct Trickle {
    bytes: Cursor<Vec<u8>>,
    most: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.most);
        self.bytes.read(&mut buffer[..most])
    }
}
