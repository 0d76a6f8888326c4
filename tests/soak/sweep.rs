//! Any number of histories on any number of threads, and the first that shows a difference.

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::compare::{Difference, Engine, compare};
use crate::sample::Sample;

const BETWEEN_REPORTS: Duration = Duration::from_secs(5);

/// The histories of the seeds from one on.
pub(crate) struct Sweep {
    pub(crate) first_seed: u64,
    pub(crate) histories: u64,
    pub(crate) threads: NonZeroUsize,
    /// Where a sample of a difference is put.
    pub(crate) samples: PathBuf,
    pub(crate) engine: Engine,
}

/// What the threads of a sweep share. The place of a seed is how many come before it.
struct Shared {
    next_place: AtomicU64,
    /// Seeds from this place on need no look: an earlier one has shown a difference.
    end: AtomicU64,
    done: AtomicU64,
    /// The earliest so far.
    difference: Mutex<Option<(u64, Box<Difference>)>>,
}

impl Sweep {
    /// Runs all histories, and tells whether engine and model agree on them. Where they do not, the
    /// report goes to `out` and a sample to files.
    ///
    /// # Errors
    /// There is nowhere to write to.
    pub(crate) fn run(&self, out: &mut impl Write) -> io::Result<bool> {
        let start = Instant::now();
        let difference = self.first_difference(|done| {
            let rate = per_second(done, start.elapsed());
            writeln!(out, "{done} of {} histories, {rate} per second", self.histories)
        })?;
        let Some(difference) = difference else {
            let Self { histories, first_seed, .. } = self;
            writeln!(out, "{histories} histories from seed {first_seed} on: no difference")?;
            return Ok(true);
        };
        writeln!(out, "{difference}")?;
        fs::create_dir_all(&self.samples)?;
        match Sample::of(&difference) {
            None => writeln!(out, "It takes several inputs, and a sample has one.")?,
            Some(sample) => {
                for (name, bytes) in sample.files() {
                    let path = self.samples.join(name);
                    fs::write(&path, bytes)?;
                    writeln!(out, "wrote {}", path.display())?;
                }
                writeln!(out, "Copy these files into samples/: the model's word is in them.")?;
            }
        }
        Ok(false)
    }

    /// Finds the lowest seed that shows a difference, whatever the number of threads.
    fn first_difference(
        &self,
        mut report: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<Option<Box<Difference>>> {
        let shared = Shared {
            next_place: AtomicU64::new(0),
            end: AtomicU64::new(self.histories),
            done: AtomicU64::new(0),
            difference: Mutex::new(None),
        };
        let caller = thread::current();
        thread::scope(|scope| {
            let sweepers: Vec<_> = (0..self.threads.get())
                .map(|_| {
                    scope.spawn(|| {
                        let swept = self.sweep(&shared);
                        caller.unpark();
                        swept
                    })
                })
                .collect();
            let mut reported = Instant::now();
            while sweepers.iter().any(|sweeper| !sweeper.is_finished()) {
                thread::park_timeout(BETWEEN_REPORTS / 50);
                if reported.elapsed() >= BETWEEN_REPORTS {
                    reported = Instant::now();
                    report(shared.done.load(Ordering::Relaxed))?;
                }
            }
            sweepers.into_iter().try_for_each(|sweeper| sweeper.join().expect("no panic"))?;
            report(shared.done.load(Ordering::Relaxed))
        })?;
        Ok(shared.difference.into_inner().map(|(_, difference)| difference))
    }

    /// Compares one history after the other. Places are given out in order, so all before one that
    /// shows a difference have been taken, and whoever took them ends them.
    fn sweep(&self, shared: &Shared) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        loop {
            let place = shared.next_place.fetch_add(1, Ordering::Relaxed);
            if place >= shared.end.load(Ordering::Relaxed) {
                return Ok(());
            }
            let seed = self.first_seed.wrapping_add(place);
            if let Err(found) = compare(seed, self.engine, folder.path()) {
                shared.end.fetch_min(place, Ordering::Relaxed);
                let mut difference = shared.difference.lock();
                if difference.as_ref().is_none_or(|&(earliest, _)| place < earliest) {
                    *difference = Some((place, found));
                }
            }
            shared.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn per_second(count: u64, time: Duration) -> u128 {
    u128::from(count) * 1000 / time.as_millis().max(1)
}
