//! The table of the README: whole runs of the real binary against the `csv` crate, per workload,
//! in memory and in instructions, as Markdown.
//!
//! `cargo bench --bench compare` takes two to three minutes and 5 GB of disk. `-- --rows 1000000` is
//! quicker and leaves the large files out, `-- --svg FILE` draws rows per second by workload as
//! well. Times that are compared are taken in turn, round by round, and the medians are shown: on a
//! noisy machine ratios can be trusted, single times cannot.
#![expect(clippy::float_arithmetic, reason = "ratios for show; no money here")]
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use millrace::Config;
use millrace::amount::Amount;
use millrace::generate::{Plan, Workload};
use millrace::ledger::{Job, Ledger};
use millrace::output::balances;
use millrace::parser::{Block, Layout, Rows, first_line};
use millrace::rules::Rules;
use millrace::transaction::Transaction;

/// The binary that is measured, built with the benches.
const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

fn main() {
    let mut args = env::args().skip(1);
    let mut options = Options { rows: 5_000_000, rounds: 15, svg: None, is_large: true };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--baseline" => return split_with_csv(Path::new(&args.next().expect("a file"))),
            "--rows" => {
                options.rows = args.next().and_then(|text| text.parse().ok()).expect("a number");
                options.is_large = false;
            }
            "--svg" => options.svg = args.next().map(PathBuf::from),
            // As cargo calls every bench: a quick look whether all of it still works.
            "--test" => (options.rows, options.rounds, options.is_large) = (20_000, 1, false),
            _ => {}
        }
    }
    Comparison::new(options).run();
}

/// The baseline: the csv crate fills one reused record per row, and that is all.
fn split_with_csv(path: &Path) {
    let mut reader = csv::Reader::from_path(path).expect("a file");
    let mut record = csv::ByteRecord::new();
    let mut rows = 0_u64;
    while reader.read_byte_record(&mut record).expect("a CSV") {
        rows += 1;
    }
    println!("{rows}");
}

/// What was asked for.
struct Options {
    rows: u64,
    rounds: usize,
    svg: Option<PathBuf>,
    /// Files of 50 and 100 million rows as well.
    is_large: bool,
}

/// One line of the table.
struct Line {
    what: String,
    figure: String,
    must: &'static str,
    aim: &'static str,
    /// Whether the figure is within `must`, where that can be told.
    holds: Option<bool>,
}

struct Comparison {
    options: Options,
    folder: TempDir,
    lines: Vec<Line>,
}

impl Comparison {
    fn new(options: Options) -> Self {
        let folder = TempDir::with_prefix_in("compare-", env!("CARGO_TARGET_TMPDIR"));
        Self { options, folder: folder.expect("the target folder takes files"), lines: Vec::new() }
    }

    fn run(mut self) {
        println!("{}\n", machine());
        let uniform = self.file(Workload::Uniform, self.options.rows, "uniform.csv");
        self.whole_runs(&uniform);
        self.parsing();
        let speeds = self.workloads(&uniform);
        self.one_hot();
        self.rejects();
        self.crafted();
        self.memory(&uniform);
        self.sizes();
        self.instructions();
        self.output();
        self.print();
        if let Some(path) = &self.options.svg {
            fs::write(path, draw(&speeds)).expect("the picture is written");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the file of a workload.
    fn file(&self, workload: Workload, rows: u64, name: &str) -> PathBuf {
        self.planned(&Plan::new(workload, rows), name)
    }

    /// Writes the file of a plan.
    fn planned(&self, plan: &Plan, name: &str) -> PathBuf {
        let path = self.path(name);
        let mut file = File::create(&path).expect("the folder takes files");
        plan.write_to(&mut file).expect("the disk has room");
        // Or the disk would still be at it while the runs sync their outputs.
        file.sync_all().expect("the disk has room");
        path
    }

    /// A run of the binary on a file, with further arguments, its balances written to a file.
    fn millrace(&self, input: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(MILLRACE);
        command.arg("-q").arg(input).arg("-o").arg(self.path("balances.csv")).args(args);
        command
    }

    /// Gives the median time of each command in seconds.
    fn medians(&self, commands: Vec<Command>) -> Vec<f64> {
        self.times(self.options.rounds, commands).into_iter().map(median).collect()
    }

    /// As [`Comparison::medians`], where the limit is near what a noisy machine makes of the same
    /// command twice.
    fn close_medians(&self, commands: Vec<Command>) -> Vec<f64> {
        self.times(self.options.rounds * 3, commands).into_iter().map(median).collect()
    }

    /// Runs each command once per round, in turn, after a round that does not count.
    fn times(&self, rounds: usize, mut commands: Vec<Command>) -> Vec<Vec<Duration>> {
        let mut times = vec![Vec::new(); commands.len()];
        for round in 0..=rounds {
            for (command, times) in commands.iter_mut().zip(&mut times) {
                // What it costs the system to let go of the outputs before is no part of a run.
                for output in ["balances.csv", "rejects.csv"] {
                    if let Err(error) = fs::remove_file(self.path(output)) {
                        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                    }
                }
                let start = Instant::now();
                let status = command.stdout(Stdio::null()).status().expect("it starts");
                assert!(status.success(), "{command:?}: {status}");
                if round > 0 {
                    times.push(start.elapsed());
                }
            }
        }
        times
    }

    /// Adds a line whose figure is to be at most `must`.
    fn at_most(
        &mut self,
        what: impl Into<String>,
        value: f64,
        must: &'static str,
        aim: &'static str,
    ) {
        let limit: f64 = must.parse().expect("a number");
        let figure = format!("{value:.2}");
        self.lines.push(Line { what: what.into(), figure, must, aim, holds: Some(value <= limit) });
    }

    /// Adds a line with a figure that is only shown.
    fn show(&mut self, what: impl Into<String>, figure: String) {
        self.lines.push(Line { what: what.into(), figure, must: "", aim: "", holds: None });
    }

    fn whole_runs(&mut self, uniform: &Path) {
        let mut baseline = Command::new(env::current_exe().expect("this program"));
        baseline.arg("--baseline").arg(uniform);
        let times = self.medians(vec![
            baseline,
            self.millrace(uniform, &[]),
            self.millrace(uniform, &["--threads", "never"]),
            self.millrace(uniform, &["--io", "read"]),
        ]);
        let [csv, whole, single, read] = times[..] else { unreachable!("four commands") };
        let rows = self.options.rows;
        self.show("`csv` crate filling one record per row", rate(rows, csv));
        self.show("whole run, all cores", rate(rows, whole));
        self.show("whole run, one core", rate(rows, single));
        self.at_most(
            "whole run, all cores, to the `csv` crate splitting",
            whole / csv,
            "0.45",
            "0.30",
        );
        self.at_most("whole run, one core, to the same", single / csv, "0.75", "0.55");
        self.at_most("`--io read` to `--io map`", read / whole, "1.15", "1.05");
    }

    fn parsing(&mut self) {
        let mut bytes = Vec::new();
        let rows = self.options.rows.min(500_000);
        Plan::new(Workload::Uniform, rows).write_to(&mut bytes).expect("memory takes everything");
        let (_, header) = first_line(&bytes);
        let bytes = &bytes[header..];
        let layout = Layout::default();
        let block = Block { bytes, offset_bytes: 0, line: 2 };
        let ways = Rows::on_every_path(block, &layout).len();
        let (mut split, mut parsed) = (Vec::new(), vec![Vec::new(); ways]);
        for _ in 0..self.options.rounds * 3 {
            split.push(timed(|| {
                let mut builder = csv::ReaderBuilder::new();
                builder.has_headers(false).flexible(true);
                let (mut reader, mut record) = (builder.from_reader(bytes), csv::ByteRecord::new());
                let mut count = 0;
                while reader.read_byte_record(&mut record).expect("a CSV") {
                    count += 1;
                }
                assert_eq!(count, rows);
            }));
            for (rows_of, times) in Rows::on_every_path(block, &layout).into_iter().zip(&mut parsed)
            {
                times.push(timed(|| assert_eq!(sum_of(rows_of).0, rows)));
            }
        }
        let split = median(split);
        let parsed: Vec<f64> = parsed.into_iter().map(|times| median(times) / split).collect();
        // The strict path is the last, the best of the others before it.
        let [portable, vectors @ .., _] = &parsed[..] else { unreachable!("two ways at least") };
        let best = vectors.last().unwrap_or(portable);
        self.at_most("parsing alone, one thread, to the same", *best, "0.22", "0.15");
        if let [avx2, _] = vectors {
            self.show(
                "parsing alone with AVX2 instead of AVX-512, to the same",
                format!("{avx2:.2}"),
            );
        }
        self.show("parsing alone without vectors, to the same", format!("{portable:.2}"));
    }

    /// Compares the workloads with `uniform`, per row; gives rows per second of each.
    fn workloads(&mut self, uniform: &Path) -> Vec<(Workload, f64)> {
        let rows = self.options.rows;
        let paths: Vec<_> = Workload::ALL
            .into_iter()
            .map(|workload| {
                if workload == Workload::Uniform {
                    return uniform.to_owned();
                }
                self.file(workload, rows, workload.name())
            })
            .collect();
        let commands = paths.iter().map(|path| self.millrace(path, &[])).collect();
        let times = self.medians(commands);
        let of = |wanted: Workload| {
            let place = Workload::ALL.iter().position(|&it| it == wanted).expect("it is there");
            times[place]
        };
        for (workload, time) in Workload::ALL.into_iter().zip(&times) {
            self.show(format!("`{workload}`, all cores"), rate(rows, *time));
        }
        for (workload, must, aim) in [
            (Workload::DisputeHeavy, "3", "2"),
            (Workload::RandomIds, "3", "2"),
            (Workload::ManyClients, "4", "2.5"),
            (Workload::Nasty, "2", "1.3"),
        ] {
            let ratio = of(workload) / of(Workload::Uniform);
            self.at_most(format!("`{workload}` to `uniform`"), ratio, must, aim);
        }
        for (path, workload) in paths.iter().zip(Workload::ALL) {
            if workload != Workload::Uniform {
                fs::remove_file(path).expect("it was written");
            }
        }
        let speed = |time: &f64| as_float(rows) / time;
        Workload::ALL.into_iter().zip(times.iter().map(speed)).collect()
    }

    fn one_hot(&mut self) {
        let path = self.file(Workload::OneHotClient, self.options.rows, "hot.csv");
        let times = self.close_medians(vec![
            self.millrace(&path, &["--workers", "2"]),
            self.millrace(&path, &["--workers", "1"]),
        ]);
        self.at_most("`one-hot-client`, two workers to one", times[0] / times[1], "1.1", "1.0");
        fs::remove_file(path).expect("it was written");
    }

    fn rejects(&mut self) {
        // With so many clients that few rows meet a locked account: one row in ten is not applied.
        let clients = self.options.rows / 20;
        let plan = Plan { clients, ..Plan::new(Workload::Nasty, self.options.rows) };
        let path = self.planned(&plan, "nasty-tenth.csv");
        let rejects = self.path("rejects.csv");
        let mut with = self.millrace(&path, &["--rejects"]);
        with.arg(rejects);
        let times = self.close_medians(vec![with, self.millrace(&path, &[])]);
        let what = "`--rejects` to without, 10 % of the rows not applied";
        self.at_most(what, times[0] / times[1], "1.3", "1.1");
        fs::remove_file(path).expect("it was written");
    }

    /// Ids crafted against the tables, as clients and as transactions, to random ones.
    fn crafted(&mut self) {
        let rows = self.options.rows / 5;
        let scramble = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Multiples of large powers of two collide in tables that multiply and keep the low bits.
        let orders: [(&str, &dyn Fn(u64) -> u64); 3] = [
            ("random", &scramble),
            ("colliding", &|index| index << 40),
            ("page-spread", &|index| index * 4096),
        ];
        let paths = orders.map(|(name, order)| {
            let path = self.path(name);
            Self::write_rows(&path, rows, |index| (order(index % 65_536), order(index)));
            path
        });
        let times = self.medians(paths.iter().map(|path| self.millrace(path, &[])).collect());
        self.at_most("colliding ids to random ones", times[1] / times[0], "1.2", "1.0");
        self.at_most("ids one to a page to random ones", times[2] / times[0], "1.2", "1.0");
        for path in paths {
            fs::remove_file(path).expect("it was written");
        }
    }

    fn memory(&mut self, uniform: &Path) {
        let peak = anonymous_mib(self.millrace(uniform, &[]));
        if self.options.is_large {
            self.at_most("anonymous MiB, 5 M rows", peak, "64", "");
            let path = self.file(Workload::Uniform, 50_000_000, "large.csv");
            let peak = anonymous_mib(self.millrace(&path, &[]));
            // 48 bytes for each disputed transaction on top.
            let mib = 128.0 + 50e6 * 0.07 * 48.0 / 1_048_576.0;
            let holds = Some(peak <= mib);
            let figure = format!("{peak:.0}");
            let what = "anonymous MiB, 50 M rows, 3.5 M disputes".to_owned();
            self.lines.push(Line { what, figure, must: "288", aim: "", holds });
            fs::remove_file(path).expect("it was written");
        } else {
            self.show("anonymous MiB", format!("{peak:.0}"));
        }
    }

    /// The cost per row of files of different sizes, as a whole and for each row that is added to a
    /// first one of every client: what starting, opening the accounts, writing and syncing them
    /// takes does not grow with the rows.
    fn sizes(&mut self) {
        if !self.options.is_large {
            return;
        }
        let clients = self.path("clients.csv");
        Self::write_rows(&clients, 65_535, |index| (index, index));
        let sizes = [1_000_000, 10_000_000, 100_000_000];
        let mut paths = vec![clients];
        paths.extend(sizes.map(|rows| self.file(Workload::Uniform, rows, &format!("{rows}.csv"))));
        // A run of the largest takes as long as dozens of the others, whose times differ more.
        let largest = paths.len() - 1;
        let places: Vec<_> = once(largest).chain((0..largest).cycle().take(largest * 5)).collect();
        let commands = places.iter().map(|&place| self.millrace(&paths[place], &[])).collect();
        let mut times = vec![Vec::new(); paths.len()];
        for (&place, more) in places.iter().zip(self.times(5, commands)) {
            times[place].extend(more);
        }
        let times: Vec<_> = times.into_iter().map(median).collect();
        let whole: Vec<_> =
            times[1..].iter().zip(sizes).map(|(time, rows)| time / as_float(rows) * 1e9).collect();
        let added: Vec<_> = times[1..]
            .iter()
            .zip(sizes)
            .map(|(time, rows)| (time - times[0]) / as_float(rows - 65_535) * 1e9)
            .collect();
        // By the first two: a row of the largest takes longer, as its ids take more memory.
        let fixed = (10.0 * times[1] - times[2]) / 9.0 * 1e3;
        self.show("ms that do not grow with the rows", format!("{fixed:.1}"));
        for (costs, what) in [(whole, "row"), (added, "row after the first of each client")] {
            let most = costs.iter().copied().fold(0.0, f64::max);
            let least = costs.iter().copied().fold(f64::MAX, f64::min);
            let all: Vec<_> = costs.iter().map(|cost| format!("{cost:.1}")).collect();
            self.show(format!("ns per {what}, at 1, 10, 100 M rows"), all.join(", "));
            self.at_most("largest to smallest of these", most / least, "1.15", "1.05");
        }
        for path in paths {
            fs::remove_file(path).expect("it was written");
        }
    }

    /// Writes deposits whose clients and ids are those of their places, from 0.
    fn write_rows(path: &Path, rows: u64, ids: impl Fn(u64) -> (u64, u64)) {
        let mut file = BufWriter::new(File::create(path).expect("the folder takes files"));
        writeln!(file, "type,client,tx,amount").expect("the disk has room");
        for index in 0..rows {
            let (client, tx) = ids(index);
            writeln!(file, "deposit,{client},{tx},1.5").expect("the disk has room");
        }
        file.into_inner().expect("the disk has room").sync_all().expect("the disk has room");
    }

    /// Instructions per row, start-up subtracted, where valgrind is installed.
    fn instructions(&mut self) {
        let rows = self.options.rows.min(1_000_000);
        let path = self.file(Workload::Uniform, rows, "counted.csv");
        let start = self.file(Workload::Uniform, 1, "one.csv");
        let counted = |path: &Path| {
            let mut command = Command::new("valgrind");
            command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", MILLRACE, "-q"]);
            command.arg(path).args(["--threads", "never"]).stdout(Stdio::null());
            let said = String::from_utf8(command.output().ok()?.stderr).ok()?;
            let count = said.lines().find_map(|line| line.split_once("refs:"))?.1.trim();
            count.replace(',', "").parse::<f64>().ok()
        };
        if let (Some(all), Some(start)) = (counted(&path), counted(&start)) {
            let figure = format!("{:.0}", (all - start) / as_float(rows));
            let what = "instructions per row, whole run, one core".to_owned();
            self.lines.push(Line { what, figure, must: "stated", aim: "220", holds: None });
        }
    }

    /// Sorting and writing the balances of many accounts.
    fn output(&mut self) {
        let accounts = self.options.rows;
        let threads = Config::default().closing_threads();
        let mut times = Vec::new();
        for _ in 0..self.options.rounds.min(5) {
            let mut ledger = Ledger::new(Rules::default());
            for index in 0..accounts {
                let client = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let deposit = Transaction::deposit(client, index, Amount::MIN);
                ledger.apply(&deposit).expect("every id is new");
            }
            let mut file = File::create(self.path("balances.csv")).expect("the folder takes files");
            times.push(timed(|| {
                let closed =
                    ledger.close_with(threads, on_threads).expect("the system has threads");
                balances::write(&mut file, &closed.accounts, threads).expect("the disk has room");
            }));
        }
        let millions = as_float(accounts) / median(times) / 1e6;
        let holds = self.options.is_large.then_some(millions >= 10.0);
        let figure = format!("{millions:.1}");
        let what = "accounts sorted, formatted and written, M/s".to_owned();
        self.lines.push(Line { what, figure, must: "≥ 10", aim: "", holds });
    }

    fn print(&self) {
        println!("| | figure | must | aim | |\n|---|---:|---:|---:|---|");
        for Line { what, figure, must, aim, holds } in &self.lines {
            let verdict = match holds {
                Some(true) => "holds",
                Some(false) => "**missed**",
                None => "",
            };
            println!("| {what} | {figure} | {must} | {aim} | {verdict} |");
        }
    }
}

/// Parses everything; counts the rows and folds the ids, so that nothing is optimised away.
fn sum_of(rows: Rows<'_, '_>) -> (u64, u64) {
    rows.fold((0, 0), |(count, sum), row| {
        (count + 1, sum ^ row.map_or(0, |row| row.transaction.tx ^ row.transaction.client))
    })
}

fn timed(body: impl FnOnce()) -> Duration {
    let start = Instant::now();
    body();
    start.elapsed()
}

/// Runs each job on a thread of its own.
fn on_threads(jobs: Vec<Job<'_>>) -> io::Result<()> {
    thread::scope(|scope| {
        jobs.into_iter().try_for_each(|job| {
            thread::Builder::new().spawn_scoped(scope, job)?;
            Ok(())
        })
    })
}

/// The median, in seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn rate(rows: u64, seconds: f64) -> String {
    format!("{:.3} s, {:.1} M rows/s", seconds, as_float(rows) / seconds / 1e6)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "for show")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// The peak of a command's anonymous memory in MiB, looked at every half a millisecond.
fn anonymous_mib(mut command: Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0_u64;
    while child.try_wait().expect("it can be waited for").is_none() {
        let said = fs::read_to_string(&status).unwrap_or_default();
        let line = said.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_micros(500));
    }
    as_float(peak_kib) / 1024.0
}

/// Says what machine this is.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let date = Command::new("date").arg("+%F").output().map(|output| output.stdout);
    let date = String::from_utf8(date.unwrap_or_default()).unwrap_or_default();
    format!(
        "{}, {cores} cores, millrace {}, {}",
        model.map_or("unknown processor", |(_, model)| model),
        env!("CARGO_PKG_VERSION"),
        date.trim()
    )
}

/// Draws rows per second by workload.
fn draw(speeds: &[(Workload, f64)]) -> String {
    const BAR: f64 = 26.0;
    const LEFT: f64 = 130.0;
    const WIDTH: f64 = 420.0;
    let most = speeds.iter().map(|(_, speed)| *speed).fold(0.0, f64::max);
    let height = BAR * as_float(u64::try_from(speeds.len()).expect("a few")) + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"{height}\" \
         viewBox=\"0 0 640 {height}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>Million rows per second by workload</title>\n\
         <rect width=\"640\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"22\" fill=\"#222222\">million rows per second</text>\n"
    );
    let mut top = 34.0;
    for (workload, speed) in speeds {
        let (width, middle, end) =
            (speed / most * WIDTH, top + 16.0, LEFT + speed / most * WIDTH + 8.0);
        writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{middle}\" dx=\"-8\" text-anchor=\"end\" fill=\"#222222\">\
             {workload}</text><rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.0}\" height=\"20\" \
             fill=\"#3b6ea5\"/><text x=\"{end:.0}\" y=\"{middle}\" fill=\"#222222\">{:.1}</text>",
            speed / 1e6
        )
        .expect("a string takes everything");
        top += BAR;
    }
    svg + "</svg>\n"
}
