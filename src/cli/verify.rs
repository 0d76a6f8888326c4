//! `millrace verify` and `millrace root`: what was stated against what is.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use millrace::balances_file::{BalancesReader, FileTotals};
use millrace::digest::{DigestWriter, Digested, Hasher};
use millrace::manifest::{Evidence, Manifest, ManifestError, RunFacts, Statement, Written};
use millrace::output::balances;
use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::printable::Printable;
use millrace::state_root::StateRoot;
use millrace::{Input, RunError, Sinks};

use super::exit::{Exit, Failure};
use super::{progress, signals, stdout};

/// The arguments of `verify`.
#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The manifest, as `--manifest` wrote it.
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,

    /// Check the outputs as they stand, and that the figures add up, without running the inputs
    /// again.
    #[arg(long)]
    quick: bool,

    /// List only what does not hold.
    #[arg(short, long)]
    quiet: bool,
}

/// Longer manifests are none: this is enough for those of 300 000 inputs.
const MOST_MANIFEST_BYTES: u64 = 64 << 20;

/// What the statements about the outputs are called.
const OUTPUTS: &str = "outputs as they stand";

/// Says of every statement of a manifest whether it holds.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let shown = Printable::path(&args.manifest).to_string();
    let text = read_manifest(&args.manifest, &shown)?;
    let data = |error: ManifestError| Failure::new(Exit::Data, format!("{shown}: {error}"));
    let manifest = Manifest::from_json(&text).map_err(data)?;
    let mut groups = vec![("figures", manifest.compare_sums().map_err(data)?)];
    if !args.quick {
        let again = run_again(&manifest, &shown, args.quiet)?;
        groups.push(("inputs run again", manifest.compare(&again)));
    }
    let outputs = compare_outputs(&manifest).map_err(data)?;
    groups.push((OUTPUTS, outputs.statements));
    let mut lines = Vec::new();
    for (group, statements) in &groups {
        let listed = statements.iter().filter(|it| !args.quiet || !it.holds());
        lines.extend(listed.map(|statement| line(group, statement)));
    }
    lines.extend(outputs.passed_on);
    let all: usize = groups.iter().map(|(_, statements)| statements.len()).sum();
    let holding = groups.iter().flat_map(|(_, it)| it).filter(|it| it.holds()).count();
    lines.push(format!("{holding} of {all} statements hold\n"));
    let written = stdout().and_then(|mut stdout| stdout.write_all(lines.concat().as_bytes()));
    written.map_err(|error| Failure::stdout(&error))?;
    Ok(if holding == all { Exit::Done } else { Exit::Findings })
}

/// Reads a manifest as text; not what only claims to be one and has no end.
fn read_manifest(path: &Path, shown: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(MOST_MANIFEST_BYTES + 1).read_to_end(&mut bytes));
    let count = read.map_err(|error| {
        Failure::new(Exit::NoInput, format!("{shown}: cannot be opened: {error}"))
    })?;
    let no_manifest =
        |reason| Failure::new(Exit::Data, format!("{shown}: is no manifest: it is {reason}"));
    if u64::try_from(count).is_ok_and(|count| count > MOST_MANIFEST_BYTES) {
        return Err(no_manifest(format!("longer than {MOST_MANIFEST_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| no_manifest("not UTF-8".to_owned()))
}

/// Says whether a statement holds. A manifest may hold any text, so that is made fit to print.
fn line(group: &str, statement: &Statement) -> String {
    let Statement { field, stated, found: Ok(found) | Err(found) } = statement;
    let [field, stated, found] =
        [field, stated, found].map(|text| Printable::bytes(text.as_bytes()));
    if statement.holds() {
        format!("holds    {group}: {field} = {stated}\n")
    } else {
        format!("differs  {group}: {field} = {stated}, but found {found}\n")
    }
}

/// Says that nothing can be said of an output.
fn skipped(field: &str, path: &Path) -> String {
    format!("skipped  {OUTPUTS}: {field} = {}, which is no file\n", Printable::path(path))
}

/// Makes the manifest that the same inputs give now.
fn run_again(manifest: &Manifest, shown: &str, quiet: bool) -> Result<Manifest, Failure> {
    let data = |error: ManifestError| Failure::new(Exit::Data, format!("{shown}: {error}"));
    let config = manifest.config().map_err(data)?;
    let signals = signals::watch(&config.interrupt, config.io)?;
    let paths: Result<Vec<PathBuf>, _> =
        manifest.inputs.iter().map(|input| input.path.to_path()).collect();
    let paths = paths.map_err(data)?;
    let inputs = paths.iter().map(|path| match path {
        path if path == Path::new("-") => Input::stdin(),
        path => Input::path(path),
    });
    let mut rejects = manifest.rejects.as_ref().map(|_| {
        RejectsWriter::new(DigestWriter::new(io::sink(), true), manifest.inputs.len() > 1)
    });
    let report = {
        let _bar = progress::show(&config.progress, quiet);
        let mut sink = |row: &RejectedRow<'_>| match &mut rejects {
            Some(writer) => writer.write(row),
            None => Ok(()),
        };
        let sinks = if manifest.rejects.is_some() {
            Sinks { rejects: Some(&mut sink) }
        } else {
            Sinks::default()
        };
        millrace::run(&config, inputs.collect(), sinks)
    };
    let report = match report {
        Err(RunError::Interrupted) => return Err(signals.failure()),
        other => other?,
    };
    let broken = |error: io::Error| Failure::new(Exit::Io, error.to_string());
    let mut written = DigestWriter::new(io::sink(), true);
    balances::write(&mut written, &report.accounts, config.closing_threads()).map_err(broken)?;
    let balances = written.finish().1.expect("it was wanted");
    let rejects = rejects.map(RejectsWriter::finish).transpose().map_err(broken)?;
    let rejects = rejects.and_then(|writer| writer.finish().1);
    let again = Manifest::of(Evidence {
        config: &config,
        report: &report,
        paths: paths.iter().map(|path| path.as_os_str().as_encoded_bytes()).collect(),
        balances: Written { path: b"", digested: balances },
        rejects: rejects.map(|digested| Written { path: b"", digested }),
        state_root: StateRoot::of(&report.accounts),
        run: RunFacts::default(),
    });
    Ok(again.with_outputs_named_as_in(manifest))
}

/// What there is to say of the outputs.
#[derive(Default)]
struct Outputs {
    statements: Vec<Statement>,
    /// A line for each that went to a pipe or a device, where nothing stands that could be read.
    passed_on: Vec<String>,
}

/// Compares the outputs that are files with what is stated of them.
fn compare_outputs(manifest: &Manifest) -> Result<Outputs, ManifestError> {
    let mut found = Outputs::default();
    let outputs = [("balances", Some(&manifest.balances)), ("rejects", manifest.rejects.as_ref())];
    for (field, output) in outputs {
        let Some(output) = output else { continue };
        let path = output.path.to_path()?;
        if is_passed_on(&path) {
            found.passed_on.push(skipped(field, &path));
            continue;
        }
        match digest_of(&path) {
            Ok(digest) => found.statements.extend(output.compare(field, &digest)),
            Err(error) => {
                found.statements.push(Statement::not_found(field, &output.path.path, &error));
                continue;
            }
        }
        if field == "balances" {
            match BalancesReader::open(&path).and_then(FileTotals::of) {
                Ok(totals) => found.statements.extend(manifest.compare_balances(&totals)),
                Err(error) => {
                    found.statements.push(Statement::not_found("accounts", &"balances", &error));
                }
            }
        }
    }
    Ok(found)
}

/// Tells whether what was written to a path is not kept there. To open a pipe would wait for somebody
/// to write to it.
fn is_passed_on(path: &Path) -> bool {
    let is_special = |it: fs::Metadata| !it.is_file() && !it.is_dir();
    path == Path::new("-") || path.metadata().is_ok_and(is_special)
}

fn digest_of(path: &Path) -> io::Result<Digested> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes the state root of a balances file; `-` is standard input.
pub(super) fn root(path: &Path) -> Result<Exit, Failure> {
    let reader =
        if path == Path::new("-") { BalancesReader::stdin() } else { BalancesReader::open(path) };
    let totals = reader.and_then(FileTotals::of)?;
    let text = format!("{}\n", totals.state_root);
    let written = stdout().and_then(|mut stdout| stdout.write_all(text.as_bytes()));
    written.map_err(|error| Failure::stdout(&error))?;
    Ok(Exit::Done)
}
