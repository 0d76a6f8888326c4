//! Hostile load: shapes that are bad for some way to spread or store the work. The money is right
//! for every number of workers; how long it takes is a matter for the benches.

use std::fmt::Write;
use std::hash::Hasher;

use crate::drive::{BALANCES, Folder};

const HEADER: &str = "type,client,tx,amount\n";

/// Every way to spread the work that must not change a byte.
const WAYS: [&str; 6] = [
    "--workers 1",
    "--workers 2 --batch-rows 1 --threads always",
    "--workers 3 --block-bytes 100 --io read",
    "--workers 16 --batch-rows 7 --recall all --threads always",
    "--workers 4 --threads never",
    "--workers 2 --readers 4 --threads always --block-bytes 300",
];

/// Asserts the balances of a file, and its rejects in input order, however it is run.
#[track_caller]
fn assert_settles(file: &str, balances: &str, rejects: &[(u64, &str)]) {
    let folder = Folder::new();
    folder.write("in.csv", file);
    for way in WAYS {
        let ran = folder.run(&format!("in.csv --rejects rejects.csv --quiet {way}")).ended(0);
        assert!(
            ran.stdout.strip_prefix(BALANCES) == Some(balances),
            "{way}: {}",
            ran.stdout.chars().take(500).collect::<String>()
        );
        let written = folder.read("rejects.csv");
        let found: Vec<(u64, &str)> = written.lines().skip(1).map(line_and_reason).collect();
        assert!(found == rejects, "{way}: {:?}", found.iter().take(20).collect::<Vec<_>>());
        std::fs::remove_file(folder.path("rejects.csv")).expect("it was written");
    }
}

fn line_and_reason(record: &str) -> (u64, &str) {
    let mut fields = record.split(',');
    let line = fields.next().and_then(|line| line.parse().ok()).expect("a line number");
    (line, fields.nth(1).expect("a reason"))
}

/// A client's line in the output.
fn line(client: u64, available_units: u64, held_units: u64) -> String {
    let money = |units: u64| format!("{}.{:04}", units / 10_000, units % 10_000);
    let (available, held) = (money(available_units), money(held_units));
    let total = money(available_units + held_units);
    format!("{client},{available},{held},{total},false\n")
}

#[test]
fn duplicates_far_apart_get_one_verdict() {
    const IDS: u64 = 5_000;
    let (mut file, mut rejects) = (HEADER.to_owned(), Vec::new());
    // The same ids three times, each time for other clients; the first in input order wins.
    for pass in 0..3 {
        for id in 0..IDS {
            let client = (id * 7 + pass * 11) % 100;
            writeln!(file, "deposit,{client},{id},1").unwrap();
            if pass > 0 {
                rejects.push((2 + pass * IDS + id, "duplicate_tx"));
            }
        }
    }
    // Each of the hundred clients has had fifty ids in the first pass.
    let balances: String = (0..100).map(|client| line(client, 500_000, 0)).collect();
    assert_settles(&file, &balances, &rejects);
}

/// Values whose hash, as the workers are chosen by it, is 1, 2, 3 and so on: all of them fall to
/// one worker, and into one corner of any table that uses it.
fn crafted(count: u64) -> Vec<u64> {
    const TURN: u32 = 26;
    let hash = |value| {
        let mut hasher = fxhash::FxHasher::default();
        hasher.write_u64(value);
        hasher.finish()
    };
    // The hash is the value times a factor, turned.
    let factor: u64 = hash(1).rotate_right(TURN);
    // Newton's iteration for its inverse; every step doubles the bits that are right.
    let inverse = (0..6).fold(factor, |inverse, _| {
        inverse.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(inverse)))
    });
    let value = |wanted: u64| wanted.rotate_right(TURN).wrapping_mul(inverse);
    let values: Vec<u64> = (1..=count).map(value).collect();
    for (value, wanted) in values.iter().zip(1..) {
        assert_eq!(hash(*value), wanted, "the hash is not what the values are crafted for");
    }
    values
}

#[test]
fn ids_crafted_to_collide_are_ids_like_any_other() {
    const IDS: u64 = 57_000;
    let mut ids = crafted(IDS);
    let (mut file, mut rejects) = (HEADER.to_owned(), Vec::new());
    for id in &ids {
        writeln!(file, "deposit,{id},{id},1.5").unwrap();
    }
    // Each is looked up in every table that there is.
    for (id, line) in ids.iter().zip(IDS + 2..) {
        writeln!(file, "withdrawal,{id},{id},1").unwrap();
        rejects.push((line, "duplicate_tx"));
    }
    for id in &ids {
        writeln!(file, "dispute,{id},{id},").unwrap();
    }
    ids.sort_unstable();
    let balances: String = ids.into_iter().map(|id| line(id, 0, 15_000)).collect();
    assert_settles(&file, &balances, &rejects);
}

#[test]
fn one_client_alone_is_right_for_any_number_of_workers() {
    const ROWS: u64 = 50_000;
    let mut file = format!("{HEADER}withdrawal,7,0,0.0001\n");
    for row in 1..=ROWS {
        writeln!(file, "deposit,7,{row},0.{:04}", row % 9_000 + 1).unwrap();
        if row % 10 == 0 {
            writeln!(file, "withdrawal,7,{},0.0001\ndispute,7,{row},", ROWS + row).unwrap();
        }
    }
    let units = |row: u64| row % 9_000 + 1;
    let held: u64 = (1..=ROWS).filter(|row| row % 10 == 0).map(units).sum();
    let deposited: u64 = (1..=ROWS).map(units).sum();
    let balances = line(7, deposited - held - ROWS / 10, held);
    assert_settles(&file, &balances, &[(2, "insufficient_funds")]);
}

#[test]
fn clients_of_one_worker_are_right_for_any_number_of_workers() {
    const CLIENTS: u64 = 1_000;
    const DEPOSITS: u64 = 20;
    let mut clients = crafted(CLIENTS);
    let mut file = HEADER.to_owned();
    for (client, tx) in clients.iter().cycle().zip(0..CLIENTS * DEPOSITS) {
        writeln!(file, "deposit,{client},{tx},0.25").unwrap();
    }
    clients.sort_unstable();
    let balances: String = clients.into_iter().map(|it| line(it, DEPOSITS * 2_500, 0)).collect();
    assert_settles(&file, &balances, &[]);
}

#[test]
fn random_ids_are_right_for_any_number_of_workers() {
    const ROWS: u64 = 50_000;
    // An odd factor gives every row an id of its own, spread over all 64 bits.
    let id = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut file = HEADER.to_owned();
    for row in 0..ROWS {
        writeln!(file, "deposit,{},{},2", row % 100, id(row)).unwrap();
    }
    for row in (0..ROWS).step_by(5) {
        writeln!(file, "dispute,{},{}", row % 100, id(row)).unwrap();
    }
    // Every client has 500 deposits; those of one client in five are all under dispute.
    let client = |client| if client % 5 == 0 { (0, 10_000_000) } else { (10_000_000, 0) };
    let balances: String = (0..100)
        .map(|it| {
            let (available, held) = client(it);
            line(it, available, held)
        })
        .collect();
    assert_settles(&file, &balances, &[]);
}

#[test]
fn as_many_clients_as_rows_are_right_for_any_number_of_workers() {
    const CLIENTS: u64 = 200_000;
    let mut file = HEADER.to_owned();
    for client in (0..CLIENTS).rev() {
        writeln!(file, "deposit,{client},{client},{}.5", client % 10).unwrap();
    }
    let balances: String =
        (0..CLIENTS).map(|client| line(client, client % 10 * 10_000 + 5_000, 0)).collect();
    assert_settles(&file, &balances, &[]);
}
