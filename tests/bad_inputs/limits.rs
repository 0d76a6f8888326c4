//! Size and memory: inputs that are huge, hollow or swollen, run with little memory to spare.

use std::fs::File;
use std::io::{self, Write};
use std::thread;

use crate::drive::{Folder, MILLRACE, Ran, finish, run};

pub(crate) const HEADER: &[u8] = b"type,client,tx,amount\n";
const GIB: u64 = 1 << 30;

/// Runs the binary with a limit on the memory that it may take besides mapped files; it aborts
/// when it asks for more (setrlimit(2), `RLIMIT_DATA`).
fn run_within(mebibytes: u32, folder: &Folder, args: &str) -> Ran {
    let script = format!("ulimit -d {}; exec \"$0\" \"$@\"", mebibytes * 1024);
    let mut command = folder.command("sh");
    run(command.args(["-c", &script, MILLRACE]).args(args.split_whitespace()))
}

/// A file of deposits to client 1 of 1 each, one for every id.
pub(crate) fn deposits(ids: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut file = HEADER.to_vec();
    for id in ids {
        writeln!(file, "deposit,1,{id},1").expect("memory takes bytes");
    }
    file
}

#[test]
fn the_limit_on_memory_is_one() {
    let folder = Folder::new();
    folder.write("in.csv", deposits(0..300_000));
    let ran = run_within(256, &folder, "in.csv --recall all --threads never").ended(0);
    ran.with_balances("1,300000.0000,0.0000,300000.0000,false\n");
    let ran = run_within(8, &folder, "in.csv --recall all --threads never");
    assert_eq!(ran.code, None, "300,000 ids fit into 8 MiB: {}", ran.stderr);
}

#[test]
fn a_terabyte_of_nuls_is_refused_in_little_memory() {
    let folder = Folder::new();
    let file = File::create(folder.path("sparse.csv")).unwrap();
    if let Err(error) = file.set_len(1024 * GIB) {
        println!("skipped: no sparse file of a terabyte: {error}");
        return;
    }
    for how in ["", "--io read", "--recall all"] {
        let ran = run_within(16, &folder, &format!("sparse.csv {how}")).ended(65);
        assert_eq!(ran.stdout, "");
        ran.saying(&["sparse.csv: line 1:", "control bytes"]);
    }
}

#[test]
fn offsets_beyond_four_gigabytes_are_exact() {
    static CHUNK: [u8; 1 << 20] = [b'x'; 1 << 20];
    const CHUNKS: u64 = 4097;
    let after = b"\ndeposit,7,2,6\nrefund,7,3,1\n";
    let folder = Folder::new();
    let (reader, mut writer) = io::pipe().unwrap();
    let mut command = folder.command(MILLRACE);
    let args = "- --recall all --summary json --rejects rejects.csv --max-input-bytes 1";
    let child = command.args(args.split_whitespace()).stdin(reader).spawn().unwrap();
    // Or else this process would hold the pipe open in the child's stead.
    drop(command);
    let feeder = thread::spawn(move || {
        writer.write_all(HEADER)?;
        writer.write_all(b"deposit,7,1,5\n")?;
        (0..CHUNKS).try_for_each(|_| writer.write_all(&CHUNK))?;
        writer.write_all(after)
    });
    let ran = finish(child).ended(0).with_balances("7,11.0000,0.0000,11.0000,false\n");
    feeder.join().unwrap().unwrap();
    let bytes = 22 + 14 + CHUNKS * (1 << 20) + u64::try_from(after.len()).unwrap();
    ran.saying(&[&format!("\"bytes\":{bytes},"), "\"rows\":4,", "\"row_too_long\":1,"]);
    let rejects = folder.read("rejects.csv");
    assert!(rejects.contains("\n3,malformed,row_too_long,"), "{rejects}");
    assert!(rejects.contains("\n5,malformed,unknown_type,,7,3,"), "{rejects}");
}

#[test]
#[ignore = "a minute or two: cargo test --release --test bad_inputs -- --ignored"]
fn lines_beyond_two_to_the_32_are_counted() {
    static CHUNK: [u8; 1 << 20] = [b'\n'; 1 << 20];
    const CHUNKS: u64 = 4097;
    let folder = Folder::new();
    let (reader, mut writer) = io::pipe().unwrap();
    let mut command = folder.command(MILLRACE);
    let args = "- --recall all --summary json --rejects rejects.csv";
    let child = command.args(args.split_whitespace()).stdin(reader).spawn().unwrap();
    drop(command);
    let feeder = thread::spawn(move || {
        writer.write_all(HEADER)?;
        (0..CHUNKS).try_for_each(|_| writer.write_all(&CHUNK))?;
        writer.write_all(b"refund,7,3,1\ndeposit,7,2,6\n")
    });
    let ran = finish(child).ended(0).with_balances("7,6.0000,0.0000,6.0000,false\n");
    feeder.join().unwrap().unwrap();
    ran.saying(&[&format!("\"blank_lines\":{},", CHUNKS << 20)]);
    let line = (CHUNKS << 20) + 2;
    let rejects = folder.read("rejects.csv");
    assert!(rejects.contains(&format!("\n{line},malformed,unknown_type,")), "{rejects}");
}

#[test]
fn a_row_of_64_mebibytes_takes_little_memory() {
    let folder = Folder::new();
    let mut file = HEADER.to_vec();
    file.extend_from_slice(b"deposit,7,1,5\ndeposit,7,9,");
    file.resize(file.len() + (64 << 20), b'1');
    file.extend_from_slice(b"\ndeposit,7,2,6\n");
    folder.write("in.csv", file);
    // Through a pipe there is nothing to map.
    for script in [
        "exec \"$0\" in.csv --rejects rejects.csv",
        "exec \"$0\" in.csv --rejects rejects.csv --io read",
        "exec \"$0\" in.csv --rejects rejects.csv --recall all",
        "cat in.csv | \"$0\" - --rejects rejects.csv --recall all",
    ] {
        let script = format!("ulimit -d 16384; {script}");
        let ran = run(folder.command("sh").args(["-c", &script, MILLRACE])).ended(0);
        ran.with_balances("7,11.0000,0.0000,11.0000,false\n");
        let rejects = folder.read("rejects.csv");
        let record = "\n3,malformed,row_too_long,,,,,\"deposit,7,9,1111";
        assert!(rejects.contains(record), "{script}: {rejects}");
        assert_eq!(rejects.lines().count(), 2, "{script}: {rejects}");
        assert!(rejects.len() < 1024, "{script}: {} bytes", rejects.len());
        std::fs::remove_file(folder.path("rejects.csv")).unwrap();
    }
}

#[test]
fn millions_of_bad_rows_take_little_memory() {
    const ROWS: u64 = 2_000_000;
    let folder = Folder::new();
    let mut file = HEADER.to_vec();
    for row in 0..ROWS {
        // Malformed rows, and rejected ones that name each other; in between good ones.
        match row {
            _ if row % 500_000 == 0 => writeln!(file, "deposit,7,{row},1.5").unwrap(),
            _ if row % 2 == 0 => file.extend_from_slice(b"dispute,8,18446744073709551615,\n"),
            _ => file.extend_from_slice(b"refund,7,1,-99\n"),
        }
    }
    folder.write("in.csv", file);
    // All of them kept would take 32 MB, at 16 bytes each, and up to 96 more for what is legible. The stacks of four threads are 8 MiB, and
    // what waits for the collector differs from run to run: some 12 MiB if a worker lags behind.
    let ran = run_within(40, &folder, "in.csv --workers 2 --rejects rejects.csv").ended(0);
    let ran = ran.with_balances("7,6.0000,0.0000,6.0000,false\n");
    assert!(ran.stderr.len() < 1024, "{}", ran.stderr);
    ran.saying(&["unknown_tx", "999,996", "unknown_type", "1,000,000"]);
    let rejects = folder.read("rejects.csv");
    assert_eq!(rejects.lines().count(), 1 + 1_999_996);
    let last = "\n2000001,malformed,unknown_type,,7,1,,\"refund,7,1,-99\"\n";
    assert!(rejects.ends_with(last), "{}", &rejects[rejects.len() - 100..]);
}

#[test]
fn a_bomb_ends_at_the_limit_in_little_memory() {
    let folder = Folder::new();
    folder.write("bomb.gz", gzip_bomb(200 << 20));
    folder.write("blank-lines.zst", zstd_bomb(64 * GIB, b'\n'));
    folder.write("one-row.zst", zstd_bomb(64 * GIB, b'1'));
    folder.write("old.csv", "old\n");
    let before = folder.files();
    for name in ["bomb.gz", "blank-lines.zst", "one-row.zst"] {
        for how in ["", "--recall all", "--io read"] {
            let args = format!("{name} --max-input-bytes 100000000 -o old.csv {how}");
            let ran = run_within(64, &folder, &args).ended(74);
            assert_eq!(ran.stdout, "");
            let message = format!("{name}: decompresses to more than 100000000 bytes");
            ran.saying(&[&message, "raise --max-input-bytes"]);
            assert!(folder.files() == before, "{name} {how}");
        }
    }
}

#[test]
fn input_that_fits_the_limit_exactly_is_read() {
    let folder = Folder::new();
    let csv = deposits(0..9);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&csv).unwrap();
    folder.write("in.gz", encoder.finish().unwrap());
    let ran = folder.run(&format!("in.gz --max-input-bytes {}", csv.len())).ended(0);
    ran.with_balances("1,9.0000,0.0000,9.0000,false\n");
    let less = csv.len() - 1;
    folder.refuses(&format!("in.gz --max-input-bytes {less}"), 74, &[&format!("than {less} b")]);
    // The limit is for compressed input.
    folder.write("in.csv", csv);
    folder.run("in.csv --max-input-bytes 1").ended(0);
}

/// A header and blank lines, about a thousandth of their size.
fn gzip_bomb(bytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let chunk = vec![b'\n'; 1 << 20];
    encoder.write_all(HEADER).expect("memory takes bytes");
    for _ in 0..bytes >> 20 {
        encoder.write_all(&chunk).expect("memory takes bytes");
    }
    encoder.finish().expect("memory takes bytes")
}

/// A header and one byte again and again: blocks of 4 bytes that stand for 128 KiB each (RFC 8878,
/// 3.1.1).
pub(crate) fn zstd_bomb(bytes: u64, byte: u8) -> Vec<u8> {
    const BLOCK: u32 = 128 << 10;
    const RAW: u32 = 0;
    const RUN: u32 = 1;
    let block = |size: u32, kind: u32, is_last: u32| {
        let [low, middle, high, _] = (size << 3 | kind << 1 | is_last).to_le_bytes();
        [low, middle, high]
    };
    // No size, no checksum; a window of 128 KiB.
    let mut frame = b"\x28\xb5\x2f\xfd\x00\x38".to_vec();
    frame.extend_from_slice(&block(u32::try_from(HEADER.len()).expect("short"), RAW, 0));
    frame.extend_from_slice(HEADER);
    for _ in 0..bytes / u64::from(BLOCK) {
        frame.extend_from_slice(&block(BLOCK, RUN, 0));
        frame.push(byte);
    }
    frame.extend_from_slice(&block(0, RAW, 1));
    frame
}

#[test]
fn scattered_ids_take_little_memory() {
    // A set that keeps a page for every id that is near no other would take 256 MiB here; 64 bytes
    // an id are 4 MiB, and as much again is allowed for the program itself.
    const IDS: u64 = 1 << 16;
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..IDS).map(|id| id << 20)));
    let twice = "in.csv in.csv --threads never --rejects rejects.csv";
    let ran = run_within(8, &folder, twice).ended(0);
    ran.with_balances("1,65536.0000,0.0000,65536.0000,false\n").saying(&["duplicate_tx"]);
    assert_eq!(folder.read("rejects.csv").lines().count(), 1 + 65_536);
}
