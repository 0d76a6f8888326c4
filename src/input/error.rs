//! Why an input cannot be read, and what a file is that is no transactions CSV.

use std::io;

use crate::parser::HeaderError;

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It is missing, or may not be read.
    #[error("{name}: cannot be opened: {source}")]
    Open {
        /// The input.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// It is a directory.
    #[error("{name}: is a directory; name the files in it")]
    Directory {
        /// The input.
        name: String,
    },
    /// It is not a transactions CSV.
    #[error("{name}: {source}")]
    Format {
        /// The input.
        name: String,
        /// What it is instead.
        source: FormatError,
    },
    /// A read failed.
    #[error("{name}: cannot be read at byte {offset_bytes}: {source}")]
    Read {
        /// The input.
        name: String,
        /// Where, in bytes (for compressed input: once decompressed).
        offset_bytes: u64,
        /// The cause.
        source: io::Error,
    },
    /// It is not what it was when it was opened.
    #[error("{name}: {change} while it was read; run again when nothing writes to it")]
    Changed {
        /// The input.
        name: String,
        /// What happened to it.
        change: &'static str,
    },
    /// It decompresses to more than is allowed.
    #[error(
        "{name}: decompresses to more than {limit_bytes} bytes; if that is what it should be, \
         raise --max-input-bytes"
    )]
    TooLarge {
        /// The input.
        name: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// The temporary file for an input that cannot be read twice cannot be written.
    #[error(
        "{name}: cannot be kept in a temporary file in {folder}: {source}; set TMPDIR to a folder \
         with room, or use --recall all"
    )]
    Spool {
        /// The input.
        name: String,
        /// Where the temporary file was to be.
        folder: String,
        /// The cause.
        source: io::Error,
    },
    /// It is to be read up to a line that it does not have.
    #[error("{name}: has {lines} lines, so it cannot be read --until line {line}")]
    TooFewLines {
        /// The input.
        name: String,
        /// The lines that it has.
        lines: u64,
        /// The line that was asked for.
        line: u64,
    },
    /// The run was asked to stop.
    #[error("{name}: interrupted")]
    Interrupted {
        /// The input.
        name: String,
    },
}

/// What a file is that is no transactions CSV.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No bytes at all.
    #[error("is empty: a transactions CSV starts with the line `type,client,tx,amount`")]
    Empty,
    /// Nothing but blank lines where the header should be.
    #[error("has no header: a transactions CSV starts with the line `type,client,tx,amount`")]
    NoHeader,
    /// Text in another encoding.
    #[error("is {encoding} text; convert it to UTF-8, for example with `iconv`")]
    Encoding {
        /// The encoding.
        encoding: &'static str,
    },
    /// Another kind of file.
    #[error("is {kind}, not a CSV; {hint}")]
    Other {
        /// What it is.
        kind: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The first line that is not blank is no header.
    #[error("line {line}: {source}")]
    Header {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        source: HeaderError,
    },
}

/// A fault on the way from the device to a block, before the input's name is known.
#[derive(Debug)]
pub(super) enum Fault {
    Format(FormatError),
    /// What has been read by then lies behind it, in bytes.
    Io {
        source: io::Error,
        read_bytes: u64,
    },
}

impl Fault {
    /// A read that failed after `read` had been filled.
    pub(super) fn after(read: &[u8], source: io::Error) -> Self {
        Self::Io { source, read_bytes: u64::try_from(read.len()).expect("64 bits") }
    }

    /// Names the input of a fault in what is read from its start.
    pub(super) fn of(self, name: &str) -> InputError {
        self.at(name, 0)
    }

    /// Names the input and the place where that began which was read.
    pub(super) fn at(self, name: &str, offset_bytes: u64) -> InputError {
        let name = name.to_owned();
        match self {
            Self::Format(source) => InputError::Format { name, source },
            Self::Io { source, read_bytes } => match source
                .get_ref()
                .and_then(|inner| inner.downcast_ref())
            {
                Some(ReadFault::Truncated) => InputError::Changed { name, change: "was truncated" },
                Some(ReadFault::Interrupted) => InputError::Interrupted { name },
                Some(&ReadFault::TooLarge { limit_bytes }) => {
                    InputError::TooLarge { name, limit_bytes }
                }
                Some(&ReadFault::TooFewLines { lines, line }) => {
                    InputError::TooFewLines { name, lines, line }
                }
                None => {
                    let offset_bytes = offset_bytes + read_bytes;
                    InputError::Read { name, offset_bytes, source }
                }
            },
        }
    }
}

impl From<FormatError> for Fault {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<io::Error> for Fault {
    fn from(source: io::Error) -> Self {
        Self::Io { source, read_bytes: 0 }
    }
}

/// A fault that millrace's own readers raise, carried through `io::Error`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum ReadFault {
    #[error("the file is shorter than when it was opened")]
    Truncated,
    #[error("interrupted")]
    Interrupted,
    #[error("more than {limit_bytes} bytes once decompressed")]
    TooLarge { limit_bytes: u64 },
    #[error("{lines} lines, not {line}")]
    TooFewLines { lines: u64, line: u64 },
}

impl From<ReadFault> for io::Error {
    fn from(fault: ReadFault) -> Self {
        Self::other(fault)
    }
}
