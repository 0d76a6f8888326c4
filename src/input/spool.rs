//! The spool: keeps what can be read only once, so that it can be read twice.
//!
//! Short streams stay in memory; longer ones go to an unnamed temporary file, which is gone with
//! the process however it ends.

use std::env;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::Io;
use super::content::Content;
use super::error::{Fault, InputError};
use crate::printable::Printable;

/// The longest stream that is kept in memory, in bytes.
const MOST_IN_MEMORY: u64 = 16 << 20;

/// Bytes copied at a time.
const CHUNK: usize = 256 << 10;

/// Reads a stream to its end and keeps it. Its first byte is the input's byte `offset_bytes`.
pub(super) fn spool(
    mut reader: Box<dyn Read + Send>,
    name: &str,
    offset_bytes: u64,
    io: Io,
) -> Result<Content, InputError> {
    let at = |len: usize| offset_bytes + u64::try_from(len).expect("64 bits");
    let mut bytes = Vec::new();
    let read = reader.by_ref().take(MOST_IN_MEMORY).read_to_end(&mut bytes);
    read.map_err(|error| Fault::from(error).at(name, at(bytes.len())))?;
    let len = at(bytes.len()) - offset_bytes;
    if len < MOST_IN_MEMORY {
        return Ok(Content::Memory(bytes));
    }
    let folder = temporary_folder();
    let spool_error = |source| {
        let folder = Printable::path(&folder).to_string();
        InputError::Spool { name: name.to_owned(), folder, source }
    };
    let mut file = tempfile::tempfile_in(&folder).map_err(spool_error)?;
    file.write_all(&bytes).map_err(spool_error)?;
    bytes.truncate(CHUNK);
    bytes.shrink_to_fit();
    let mut spooled = len;
    loop {
        let count = match reader.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::from(error).at(name, offset_bytes + spooled)),
        };
        file.write_all(&bytes[..count]).map_err(spool_error)?;
        spooled += u64::try_from(count).expect("64 bits");
    }
    tracing::info!(name, bytes = spooled, folder = %Printable::path(&folder), "spooled");
    Ok(Content::of_file(file, spooled, io))
}

/// Where temporary files go: `TMPDIR`, or else the folder for large ones (FHS 3.0, 5.15), since
/// `/tmp` is often kept in memory.
pub(crate) fn temporary_folder() -> PathBuf {
    let large = PathBuf::from("/var/tmp");
    if env::var_os("TMPDIR").is_none() && large.is_dir() { large } else { env::temp_dir() }
}
