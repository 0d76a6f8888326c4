//! The mapped input: a file as one slice of bytes.
//!
//! The only module that names memmap2. Mapping is `unsafe`: that the file does
//! not change under the map is a promise only its user can keep. When it is broken, the bytes read
//! are whatever the file holds, or the system raises SIGBUS; neither goes unnoticed (see `watch`
//! and `install_truncation_guard`).
#![expect(unsafe_code, reason = "a map is sound only while nobody truncates the file")]

use std::fs::File;
use std::io;
#[cfg(feature = "cli")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::{Advice, Mmap, UncheckedAdvice};

/// A file mapped for reading.
pub(super) struct Map {
    bytes: Mmap,
    /// How many bytes at its start have been let go of.
    released: AtomicUsize,
}

/// So many bytes are let go of at a time: whole pages.
pub(crate) const RELEASE_BYTES: usize = if cfg!(test) { 64 << 10 } else { 4 << 20 };

impl Map {
    /// Maps the whole of a file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the map is only read, through `&[u8]` without any assumption about its content
        // (the parser accepts any bytes). A file written meanwhile changes those bytes under the
        // reference, which the language does not allow; rows are read from left to right, nothing
        // is indexed by what was read before, and the run is refused at its end if the file's
        // size or times have changed.
        let map = unsafe { Mmap::map(file)? };
        // Advice only: the run is as right without it.
        if let Err(error) = map.advise(Advice::Sequential) {
            tracing::debug!(%error, "no read-ahead for the map");
        }
        Ok(Self { bytes: map, released: AtomicUsize::new(0) })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lets go of the memory in which the bytes before a place stand, which have been read. Those who
    /// look at them again get them from the file again.
    ///
    /// It takes the system milliseconds to let go of a large map; here others work meanwhile.
    pub(super) fn release(&self, place: usize) {
        let end = place.min(self.bytes.len()) / RELEASE_BYTES * RELEASE_BYTES;
        // Relaxed: nothing follows from it but what is let go of, once or twice.
        let start = self.released.fetch_max(end, Ordering::Relaxed);
        if start < end {
            // SAFETY: the range is within the map, which is shared with the file and only read, so
            // nothing is in its memory that is not in the file; the addresses stay mapped.
            let advised = unsafe {
                self.bytes.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start)
            };
            if let Err(error) = advised {
                tracing::debug!(%error, "a part of the map is not let go of");
            }
        }
    }
}

/// Makes the process end with exit code 74 and a message, instead of a bare crash, when a mapped
/// input is truncated while it is read (SIGBUS).
///
/// For command-line programs: it installs a handler for the whole process, and nothing is
/// recovered in it. Output files that are not yet complete do not appear.
///
/// # Errors
/// The system refuses the handler.
#[cfg(feature = "cli")]
pub fn install_truncation_guard() -> io::Result<()> {
    const MESSAGE: &[u8] = b"millrace: an input was truncated, or its device failed, while it was \
        read; no output was written. Run again when nothing writes to it, or use --io read\n";
    static IS_ENDING: AtomicBool = AtomicBool::new(false);
    let guard = || {
        // Another thread that meets the end of the map says nothing more, and waits to be ended.
        // Relaxed: nothing but the flag itself is shared.
        while IS_ENDING.swap(true, Ordering::Relaxed) {
            let _ = rustix::event::poll(&mut [], None);
        }
        // All three calls are async-signal-safe (POSIX.1-2017, 2.4.3); the message may get lost.
        let _ = rustix::io::write(rustix::stdio::stderr(), MESSAGE);
        signal_hook::low_level::exit(74);
    };
    // std has a handler of its own, to tell of stacks that overflow. It would be called first, and
    // gives SIGBUS back to the system: a second thread that meets the end of the map before ours
    // has ended the process would then be a bare crash. On Linux a full stack is SIGSEGV.
    // SAFETY: signal(2) with SIG_DFL installs no code, and nothing else in the process is using
    // SIGBUS.
    if unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the action only calls poll(2), write(2) and _exit(2), which are async-signal-safe; it
    // takes no lock and touches no memory but a constant and an atomic.
    unsafe { signal_hook::low_level::register(signal_hook::consts::SIGBUS, guard)? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of the map is in memory, by what the system says of the process.
    fn resident_kib(map: &Map) -> usize {
        let start = format!("{:x}-", map.bytes().as_ptr().addr());
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let resident = lines.find_map(|line| line.strip_prefix("Rss:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "files are not mapped there")]
    #[cfg_attr(not(target_os = "linux"), ignore = "nothing tells what is in memory")]
    fn what_is_released_takes_no_memory_and_can_be_read_again() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(20 * RELEASE_BYTES + 100).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input.csv");
        std::fs::write(&path, &bytes).unwrap();
        let map = Map::of(&File::open(path).unwrap()).unwrap();
        assert!(map.bytes() == bytes);
        for (place, released) in
            [(RELEASE_BYTES - 1, 0), (2 * RELEASE_BYTES + 1, 2), (usize::MAX, 20)]
        {
            map.release(place);
            let most = bytes.len().next_multiple_of(RELEASE_BYTES) - released * RELEASE_BYTES;
            assert!(resident_kib(&map) <= most / 1024, "{place}");
            assert_eq!(map.released.load(Ordering::Relaxed), released * RELEASE_BYTES);
        }
        assert!(map.bytes() == bytes);
    }
}
