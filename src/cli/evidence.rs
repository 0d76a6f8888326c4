//! What a run leaves behind besides its balances: the manifest.

use std::path::Path;
use std::time::SystemTime;

use millrace::digest::Digested;
use millrace::manifest::{Evidence, Manifest, RunFacts, Written};
use millrace::pipeline::usable_cores;
use millrace::state_root::StateRoot;
use millrace::{Config, Report};

use super::args::LedgerArgs;

/// What has been written, with its digest.
pub(super) struct Digests {
    pub(super) balances: Digested,
    pub(super) rejects: Option<Digested>,
}

/// The time of day, for people.
#[expect(clippy::disallowed_methods, reason = "it says when, and measures nothing")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// Makes the manifest of a run that is done.
pub(super) fn manifest(
    args: &LedgerArgs,
    config: &Config,
    report: &Report,
    digests: &Digests,
    state_root: StateRoot,
    started: SystemTime,
) -> Manifest {
    let bytes = |path: &'_ Path| path.as_os_str().as_encoded_bytes().to_vec();
    let paths: Vec<_> =
        args.inputs().map(|path| path.map_or_else(|| b"-".to_vec(), bytes)).collect();
    let balances_path = args.output().map_or_else(|| b"-".to_vec(), bytes);
    let rejects_path = args.rejects.as_deref().map(bytes);
    Manifest::of(Evidence {
        config,
        report,
        paths: paths.iter().map(Vec::as_slice).collect(),
        balances: Written { path: &balances_path, digested: digests.balances },
        rejects: rejects_path
            .as_deref()
            .zip(digests.rejects)
            .map(|(path, digested)| Written { path, digested }),
        state_root,
        run: run_facts(report, started),
    })
}

fn run_facts(report: &Report, started: SystemTime) -> RunFacts {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    RunFacts {
        started: humantime::format_rfc3339_seconds(started).to_string(),
        elapsed_ns: u64::try_from(report.summary.elapsed.as_nanos()).unwrap_or(u64::MAX),
        workers: report.summary.workers,
        host,
        cores: u64::try_from(usable_cores()).unwrap_or(u64::MAX),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    }
}
