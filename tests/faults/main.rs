//! Faults and the promise for each: whatever breaks, an output is whole or untouched, and the exit
//! code says what happened.
//!
//! Faults strike at a known point. A run opens all of its inputs before it reads the first to its
//! end, so with a FIFO as the last one it stands still, with the others open, until the test writes
//! to the FIFO or closes it.

mod changed;
#[path = "../drive/mod.rs"]
mod drive;
mod interrupted;
mod outputs;
mod surroundings;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::Child;

use drive::{Folder, MILLRACE, Ran, finish};

const HEADER: &str = "type,client,tx,amount\n";

/// What the FIFO brings when nothing goes wrong.
const LAST_INPUT: &str = "type,client,tx,amount\ndeposit,9,999999,9\n";
const LAST_BALANCE: &str = "9,9.0000,0.0000,9.0000,false\n";

/// A run that stands still with its inputs open.
struct Halted {
    child: Child,
    fifo: File,
}

impl Halted {
    /// Starts the binary with `args`, one of which is `fifo`, and waits until it has opened that.
    fn start(folder: &Folder, args: &str) -> Self {
        make_fifo(folder, "fifo");
        let child = folder.command(MILLRACE).args(args.split_whitespace()).spawn();
        let child = child.expect("the binary starts");
        // Opening waits until the other end is open as well.
        let fifo = OpenOptions::new().write(true).open(folder.path("fifo")).expect("a FIFO");
        Self { child, fifo }
    }

    /// Lets the run go on to its end.
    fn resume(mut self) -> Ran {
        // A run that has failed already shows it in its exit code.
        self.fifo.write_all(LAST_INPUT.as_bytes()).ok();
        drop(self.fifo);
        finish(self.child)
    }
}

/// A file of deposits of 1, each of a client and with an id.
fn deposits(rows: impl Iterator<Item = (u64, u64)>) -> String {
    use std::fmt::Write;
    let mut file = HEADER.to_owned();
    for (client, tx) in rows {
        writeln!(file, "deposit,{client},{tx},1").expect("memory takes text");
    }
    file
}

fn make_fifo(folder: &Folder, name: &str) {
    use rustix::fs::{CWD, FileType, mknodat};
    // One of an earlier run would do as well.
    mknodat(CWD, folder.path(name), FileType::Fifo, 0o600.into(), 0).ok();
}
