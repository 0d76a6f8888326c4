//! The spool: keeps what can be read only once, so that it can be read twice.
//!
//! Short streams stay in memory; longer ones go to an unnamed temporary file, which is gone with
//! the process however it ends.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::Io;
use super::content::Content;
use super::error::Fault;
use crate::printable::Printable;

/// The longest stream that is kept in memory, in bytes.
const MOST_IN_MEMORY: u64 = 16 << 20;

/// Bytes copied at a time.
const CHUNK: usize = 256 << 10;

/// Reads a stream to its end and keeps it.
pub(super) fn spool(mut reader: Box<dyn Read + Send>, io: Io) -> Result<Content, Fault> {
    let mut bytes = Vec::new();
    reader.by_ref().take(MOST_IN_MEMORY).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).expect("64 bits") < MOST_IN_MEMORY {
        return Ok(Content::Memory(bytes));
    }
    let folder = temporary_folder();
    let spool_fault =
        |source| Fault::Spool { folder: Printable::path(&folder).to_string(), source };
    let mut file = tempfile::tempfile_in(&folder).map_err(spool_fault)?;
    file.write_all(&bytes).map_err(spool_fault)?;
    let mut len = u64::try_from(bytes.len()).expect("64 bits");
    bytes.truncate(CHUNK);
    bytes.shrink_to_fit();
    loop {
        let count = match reader.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        file.write_all(&bytes[..count]).map_err(spool_fault)?;
        len += u64::try_from(count).expect("64 bits");
    }
    tracing::info!(bytes = len, folder = %Printable::path(&folder), "spooled");
    keep(file, len, io).map_err(spool_fault)
}

fn keep(file: File, len: u64, io: Io) -> io::Result<Content> {
    Content::of_file(file, len, io)
}

/// Where temporary files go: `TMPDIR`, or else the folder for large ones (FHS 3.0, 5.15), since
/// `/tmp` is often kept in memory.
fn temporary_folder() -> PathBuf {
    let large = PathBuf::from("/var/tmp");
    if env::var_os("TMPDIR").is_none() && large.is_dir() { large } else { env::temp_dir() }
}
