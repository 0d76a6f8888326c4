//! Cores: how many there are to use, and pinning a thread to one.
//!
//! The only module that pins threads. A refused pin is no error: the thread runs where the system
//! puts it, and a log line says so.

use std::io;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;

/// Whether the threads of a pipeline are pinned to cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// When every thread can have a core of its own and one is left over.
    ///
    /// A thread that is pinned to a core waits while another program has it: on a machine with two
    /// cores, one of them busy elsewhere, pinned runs took up to ten times as long.
    #[default]
    Auto,
    /// Always; with fewer cores than threads, several threads share one.
    Always,
    /// Never.
    Never,
}

/// Tells how many cores this process may use: those of its cpuset, within its quota, at least 1.
///
/// Asked once: the system looks into half a dozen files for the answer.
pub fn usable_cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, NonZero::get))
}

/// The cores that the threads of a pipeline are pinned to; none when they are not.
pub(super) struct Cores(Vec<usize>);

impl Cores {
    /// Chooses the cores for `threads` threads.
    pub(super) fn for_threads(pin: Pin, threads: usize) -> Self {
        let cores = match pin {
            Pin::Never => Vec::new(),
            Pin::Auto | Pin::Always => allowed(),
        };
        let too_few = cores.len() <= threads || usable_cores() <= threads;
        if pin == Pin::Auto && too_few { Self(Vec::new()) } else { Self(cores) }
    }

    /// Gives the core of a thread, if it is to be pinned.
    pub(super) fn of(&self, thread: usize) -> Option<usize> {
        (!self.0.is_empty()).then(|| self.0[thread % self.0.len()])
    }
}

/// Lists the cores of this process's cpuset.
#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect(),
        Err(error) => {
            tracing::info!(%error, "cannot tell which cores may be used; threads run unpinned");
            Vec::new()
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    tracing::info!("threads cannot be pinned on this system");
    Vec::new()
}

/// Pins the calling thread to a core, if one is given and the system agrees.
pub(super) fn pin_to(core: Option<usize>) {
    if let Some(core) = core
        && let Err(error) = run_on(&[core])
    {
        tracing::info!(core, %error, "pinning was refused; the thread runs unpinned");
    }
}

/// Lets the calling thread run on any of the cores again, and the threads that it starts, which run where
/// it does.
pub(super) fn unpin(Cores(cores): &Cores) {
    if !cores.is_empty()
        && let Err(error) = run_on(cores)
    {
        tracing::debug!(?cores, %error, "the thread runs where it did");
    }
}

#[cfg(target_os = "linux")]
fn run_on(cores: &[usize]) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(not(target_os = "linux"))]
fn run_on(_cores: &[usize]) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_beyond_the_cores_are_pinned_only_on_demand() {
        let many = usable_cores();
        assert_eq!(Cores::for_threads(Pin::Auto, many).of(0), None);
        assert_eq!(Cores::for_threads(Pin::Never, 1).of(0), None);
        let cores = Cores::for_threads(Pin::Always, many);
        assert!(cores.0.is_empty() || cores.of(many - 1).is_some());
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[cfg_attr(miri, ignore = "it would ask for each of 1,024 cores whether there is one")]
    fn a_thread_that_is_unpinned_runs_where_it_did() {
        let body = || {
            let before = allowed();
            let cores = Cores::for_threads(Pin::Always, 1);
            pin_to(cores.of(0));
            let pinned = allowed();
            unpin(&cores);
            (before, pinned, allowed())
        };
        let (before, pinned, after) = std::thread::spawn(body).join().unwrap();
        assert_eq!((pinned.len(), after), (1, before));
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused_quietly() {
        std::thread::spawn(|| pin_to(Some(1000))).join().unwrap();
    }
}
