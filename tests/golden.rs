//! The samples are the specification: the model and the real binary give exactly what they expect.
//!
//! A sample is `samples/NAME.csv` and `samples/NAME.expected.csv`, with `NAME.rejects.csv` where
//! rows are not applied and `NAME.args`, one argument a line, where the run needs any.
//! `NAME.processor.csv` is what another system makes of it, for the README to compare with.

mod model;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use millrace::outcome::{Malformation, Reason, Rejection};
use millrace::rules::Rules;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const NO_REJECTS: &str = "line,outcome,reason,type,client,tx,amount,raw\n";

/// Every `--rule` of the rules page, each value of each key; for the largest ids the classic ones.
const EVERY_RULE: [&str; 10] = [
    "locked=frozen",
    "locked=deposits-and-disputes",
    "overdrawn-dispute=allow",
    "overdrawn-dispute=reject",
    "redispute=allow",
    "redispute=reject",
    "tx-ids=global",
    "tx-ids=per-client",
    "max-client=65535",
    "max-tx=4294967295",
];

struct Sample {
    name: String,
    input: PathBuf,
    bytes: Vec<u8>,
    expected: String,
    rejects: String,
    args: Vec<String>,
}

impl Sample {
    fn load(input: PathBuf, name: &str) -> Self {
        let beside =
            |ending: &str| fs::read_to_string(input.with_file_name(name.to_owned() + ending));
        Self {
            name: name.to_owned(),
            bytes: fs::read(&input).expect("the sample is readable"),
            expected: beside(".expected.csv").expect("every sample says what it expects"),
            rejects: beside(".rejects.csv").unwrap_or_else(|_| NO_REJECTS.to_owned()),
            args: beside(".args").unwrap_or_default().lines().map(str::to_owned).collect(),
            input,
        }
    }

    /// Runs the model on the sample.
    fn model(&self) -> model::Report {
        let (mut rules, mut flags) = (Rules::default(), model::Flags::default());
        let mut args = self.args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match arg {
                "--ignore-extra-columns" => flags.ignore_extra_columns = true,
                "--strict" => flags.strict = true,
                "--rules" => rules = profile(args.next().expect("a profile")),
                "--rule" => {
                    let (key, value) = args.next().and_then(|it| it.split_once('=')).expect("k=v");
                    rules.set(key, value).expect("a rule");
                }
                _ => panic!("{}: unknown argument {arg}", self.name),
            }
        }
        model::run(&[&self.bytes], &rules, flags).expect("a transactions CSV")
    }

    /// Runs the binary on the sample and says what differs from what is expected.
    fn differences(&self, how: &[&str], scratch: &Path) -> Option<String> {
        let piped = how.contains(&"-");
        let rejects_file = scratch.join("rejects.csv");
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.current_dir(ROOT).arg("--quiet").arg("--rejects").arg(&rejects_file);
        command.args(&self.args).args(how);
        if !piped {
            command.arg(&self.input);
        }
        let output = output(&mut command, if piped { &self.bytes } else { b"" });
        let strictly_refused = self.args.iter().any(|arg| arg == "--strict") && self.has_rejects();
        let rejects = fs::read_to_string(&rejects_file).unwrap_or_else(|error| error.to_string());
        // So that the next run cannot pass with what this one wrote.
        fs::remove_file(&rejects_file).ok();
        let difference = if output.status.code() != Some(i32::from(strictly_refused)) {
            format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
        } else if output.stdout != self.expected.as_bytes() {
            format!("stdout is\n{}", String::from_utf8_lossy(&output.stdout))
        } else if rejects != self.rejects {
            format!("the rejects are\n{rejects}")
        } else {
            return None;
        };
        Some(format!("{} with {}: {difference}", self.name, how.join(" ")))
    }

    fn has_rejects(&self) -> bool {
        self.rejects != NO_REJECTS
    }
}

fn samples() -> Vec<Sample> {
    let folder = fs::read_dir(Path::new(ROOT).join("samples")).expect("there are samples");
    let mut samples: Vec<_> = folder
        .filter_map(|entry| {
            let input = entry.expect("the folder is readable").path();
            let name = input.file_name()?.to_str()?.strip_suffix(".csv")?.to_owned();
            (!name.contains('.')).then(|| Sample::load(input, &name))
        })
        .collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    samples
}

fn profile(name_or_file: &str) -> Rules {
    Rules::named(name_or_file).unwrap_or_else(|| {
        let text = fs::read_to_string(Path::new(ROOT).join(name_or_file)).expect("a rules file");
        Rules::from_toml(&text).expect("rules")
    })
}

fn output(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // A binary that does not read its input to the end shows it in its output.
    child.stdin.take().expect("piped").write_all(input).ok();
    child.wait_with_output().expect("the binary ends")
}

/// Every way to run that must not change a byte.
fn ways_to_run() -> Vec<Vec<&'static str>> {
    let mut ways = vec![vec!["-"], vec!["--recall", "all"], vec!["--threads", "never"]];
    for workers in ["1", "2", "7"] {
        for batch in [&["--batch-rows", "1"][..], &["--batch-rows", "3"], &[]] {
            for io in ["map", "read"] {
                ways.push([&["--workers", workers, "--io", io], batch].concat());
            }
        }
    }
    for readers in ["1", "2", "4", "8"] {
        let several = ["--threads", "always", "--readers", readers, "--block-bytes", "50"];
        for how in [&["--io", "map"][..], &["--io", "read", "--workers", "3"], &["-"]] {
            ways.push([&several[..], how].concat());
        }
    }
    ways
}

#[test]
fn the_model_gives_what_every_sample_expects() {
    let mut differences = Vec::new();
    for sample in samples() {
        let report = sample.model();
        let rejects = model::rejects::write(&report);
        if report.balances != sample.expected {
            differences.push(format!("{}: the output is\n{}", sample.name, report.balances));
        }
        if rejects != sample.rejects {
            differences.push(format!("{}: the rejects are\n{rejects}", sample.name));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_engine_gives_what_every_sample_expects_however_it_runs() {
    const MOST_SHOWN: usize = 20;
    let (samples, ways) = (samples(), ways_to_run());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let run_all = |samples: &[Sample]| -> Vec<String> {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let runs = samples.iter().flat_map(|sample| ways.iter().map(move |way| (sample, way)));
        runs.filter_map(|(sample, way)| sample.differences(way, scratch.path())).collect()
    };
    let differences: Vec<String> = thread::scope(|scope| {
        let parts = samples.chunks(samples.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(|| run_all(part))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let count = differences.len();
    let shown = differences.into_iter().take(MOST_SHOWN).collect::<Vec<_>>().join("\n");
    assert_eq!(count, 0, "runs that differ; the first of them:\n{shown}");
}

#[test]
fn every_reason_stands_in_the_rejects_of_a_sample() {
    let rejects: Vec<String> = samples().into_iter().map(|sample| sample.rejects).collect();
    let seen: BTreeSet<&str> = rejects
        .iter()
        .flat_map(|text| text.lines().skip(1))
        .filter_map(|line| line.split(',').nth(2))
        .collect();
    let named: BTreeSet<&str> = Malformation::ALL
        .map(Malformation::name)
        .into_iter()
        .chain(Rejection::ALL.map(Rejection::name))
        .collect();
    assert_eq!(seen, named);
}

#[test]
fn every_rule_and_profile_is_set_by_a_sample() {
    let args: BTreeSet<String> = samples().into_iter().flat_map(|sample| sample.args).collect();
    for wanted in
        EVERY_RULE.iter().chain(&Rules::PROFILES).chain(&["samples/profile-from-a-file.toml"])
    {
        assert!(args.contains(*wanted), "{wanted}");
    }
    for key in Rules::KEYS {
        assert!(
            EVERY_RULE.iter().any(|rule| rule.split_once('=').is_some_and(|it| it.0 == key)),
            "{key}"
        );
    }
}

#[test]
fn the_first_example_applies_every_kind_of_row() {
    let samples = samples();
    let example = samples.iter().find(|sample| sample.name == "transactions").expect("the example");
    let applied: BTreeSet<_> = example
        .model()
        .rows
        .iter()
        .filter(|row| row.outcome.is_ok())
        .filter_map(|row| row.columns.kind.map(model::reader::Kind::name))
        .collect();
    assert_eq!(applied.len(), 5, "{applied:?}");
}

#[test]
fn blank_lines_and_ignored_amounts_are_counted() {
    for (name, rows, blank_lines, ignored_amounts) in [
        ("blank-lines", 3, 9, 0),
        ("blank-line-too-long", 2, 1, 0),
        ("dispute-with-an-amount", 5, 0, 4),
        ("dispute-with-and-without-the-amount-column", 7, 0, 0),
        ("last-row-ends-in-cr-alone", 1, 0, 0),
    ] {
        let samples = samples();
        let sample = samples.iter().find(|sample| sample.name == name).expect(name);
        let report = sample.model();
        let counted = (report.rows.len(), report.blank_lines, report.ignored_amounts);
        assert_eq!(counted, (rows, blank_lines, ignored_amounts), "{name}");
    }
}

#[test]
fn every_file_among_the_samples_belongs_to_one() {
    let names: BTreeSet<String> = samples().into_iter().map(|sample| sample.name).collect();
    for entry in fs::read_dir(Path::new(ROOT).join("samples")).expect("there are samples") {
        let file = entry.expect("the folder is readable").file_name();
        let file = file.to_str().expect("names are ASCII");
        let name = [".expected.csv", ".rejects.csv", ".processor.csv", ".csv", ".args", ".toml"]
            .iter()
            .find_map(|ending| file.strip_suffix(ending));
        assert!(file == ".gitattributes" || name.is_some_and(|it| names.contains(it)), "{file}");
    }
}

#[test]
fn several_inputs_are_one_stream_with_a_header_each() {
    let first = b"type,client,tx,amount\ndeposit,1,1,5\ndeposit,1,2,6";
    let second = b"\namount,tx,client,type\n9,1,2,deposit\n,2,1,dispute\n";
    let flags = model::Flags { strict: true, ..model::Flags::default() };
    let report = model::run(&[first, second], &Rules::default(), flags).expect("two inputs");
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| (row.input, row.line, row.outcome.map_or_else(Reason::name, |()| "applied")))
        .collect();
    // The first input's last row may have been cut, so nothing is known of it when it is disputed.
    let expected = [
        (0, 2, "applied"),
        (0, 3, "unterminated_row"),
        (1, 3, "duplicate_tx"),
        (1, 4, "unknown_tx"),
    ];
    assert_eq!(rows, expected);
    assert_eq!(
        report.balances,
        "client,available,held,total,locked\n1,5.0000,0.0000,5.0000,false\n"
    );
}
