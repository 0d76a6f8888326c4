//! Every workload is what it is called, and stays the same.

mod verdicts;

use std::collections::{BTreeMap, BTreeSet};

use super::{Mix, Plan, Workload};
use crate::outcome::{Malformation, Rejection};
use crate::parser::{Block, Layout, MAX_ROW_BYTES, Rows, first_line};
use crate::transaction::{Kind, Transaction};
use verdicts::Verdicts;

fn file(plan: &Plan) -> Vec<u8> {
    let mut file = Vec::new();
    let written = plan.write_to(&mut file).unwrap();
    assert_eq!(written.rows, plan.rows);
    assert_eq!(written.bytes, u64::try_from(file.len()).unwrap());
    file
}

fn rows(file: &[u8]) -> Vec<Result<Transaction, Malformation>> {
    let (header, length) = first_line(file);
    assert_eq!(header, b"type,client,tx,amount");
    let block = Block { bytes: &file[length..], offset_bytes: 0, line: 2 };
    let layout = Layout::default();
    let rows = Rows::new(block, &layout);
    rows.map(|row| row.map(|row| row.transaction).map_err(|error| error.kind)).collect()
}

/// The rows of a workload without malformed ones.
fn transactions(plan: &Plan) -> Vec<Transaction> {
    let transactions: Vec<_> = rows(&file(plan)).into_iter().map(Result::unwrap).collect();
    assert_eq!(u64::try_from(transactions.len()).unwrap(), plan.rows);
    transactions
}

/// Tells for how many rows in a thousand a thing holds.
fn per_mille(rows: &[Transaction], holds: impl Fn(&Transaction) -> bool) -> usize {
    rows.iter().filter(|row| holds(row)).count() * 1_000 / rows.len()
}

fn verdicts(plan: &Plan) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for row in rows(&file(plan)) {
        verdicts.judge(row);
    }
    verdicts
}

const REGULAR: [Workload; 5] = [
    Workload::Uniform,
    Workload::OneHotClient,
    Workload::DisputeHeavy,
    Workload::RandomIds,
    Workload::ManyClients,
];

/// FNV-1a with 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn the_bytes_of_a_plan_are_pinned() {
    let hashes =
        Workload::ALL.map(|workload| (workload, hash(&file(&Plan::new(workload, 20_000)))));
    let pinned = [
        (Workload::Uniform, 0x46cb_940c_4c7e_1fe2),
        (Workload::OneHotClient, 0x275f_24f3_a321_b968),
        (Workload::DisputeHeavy, 0xf14f_60e9_b32d_94c3),
        (Workload::Nasty, 0xfd1b_2695_7ba0_a776),
        (Workload::RandomIds, 0xe62a_1bb1_64de_a7cf),
        (Workload::ManyClients, 0x0702_b06d_543f_92ca),
    ];
    assert_eq!(hashes, pinned, "figures and files of earlier releases no longer compare");

    let plan = Plan { clients: 3, ..Plan::new(Workload::DisputeHeavy, 14) };
    let lines = [
        "type,client,tx,amount",
        "deposit,1,1,1846785.721",
        "deposit,1,2,9203.80",
        "deposit,2,3,15.634",
        "withdrawal,2,4,5.02",
        "dispute,1,2,",
        "deposit,2,5,9820.687",
        "dispute,2,3,",
        "withdrawal,2,6,4685.74",
        "deposit,3,7,69173867.16",
        "withdrawal,2,8,3965.188",
        "dispute,1,1,",
        "deposit,1,9,5689734.11",
        "deposit,2,10,220117.64",
        "deposit,1,11,4618.3173",
    ];
    assert_eq!(str::from_utf8(&file(&plan)).unwrap().lines().collect::<Vec<_>>(), lines);
}

#[test]
fn the_seed_and_nothing_else_decides() {
    for workload in Workload::ALL {
        let plan = Plan::new(workload, 2_000);
        assert_eq!(file(&plan), file(&plan), "{workload}");
        assert_ne!(file(&plan), file(&Plan { seed: 2, ..plan }), "{workload}");
    }
}

#[test]
fn a_plan_without_rows_is_a_header() {
    for workload in Workload::ALL {
        let plan = Plan { clients: 0, ..Plan::new(workload, 0) };
        assert_eq!(file(&plan), b"type,client,tx,amount\n");
        assert_eq!(rows(&file(&Plan { rows: 500, ..plan })).len(), 500, "{workload}");
    }
}

#[test]
fn the_types_occur_as_the_mix_says() {
    let custom = "deposit=50,withdrawal=30,dispute=15,resolve=5".parse().unwrap();
    let plans = REGULAR.map(|workload| Plan::new(workload, 50_000));
    for plan in plans.into_iter().chain([Plan { mix: custom, ..plans[0] }]) {
        let rows = transactions(&plan);
        let whole: u64 = Kind::ALL.iter().map(|&kind| plan.mix.weight(kind)).sum();
        for kind in Kind::ALL {
            let wanted = usize::try_from(plan.mix.weight(kind) * 1_000 / whole).unwrap();
            let found = per_mille(&rows, |row| row.kind == kind);
            assert!(found.abs_diff(wanted) <= 10, "{plan:?}: {found} ‰ of {kind:?}");
        }
    }
}

#[test]
fn a_mix_of_disputes_alone_still_fills_the_file() {
    let mix = Mix::from_weights([0, 0, 1, 0, 0]).unwrap();
    let rows = transactions(&Plan { mix, ..Plan::new(Workload::Uniform, 1_000) });
    assert!(per_mille(&rows, |row| row.kind == Kind::Dispute) > 400);
}

#[test]
fn clients_are_in_range_and_ids_are_used_once() {
    for workload in REGULAR {
        let plan = Plan { clients: 100, ..Plan::new(workload, 20_000) };
        let mut next = 1;
        let mut ids = BTreeSet::new();
        for row in transactions(&plan) {
            assert!((1..=100).contains(&row.client));
            if row.kind.moves_money() {
                assert!(ids.insert(row.tx), "{row:?}");
                assert!(workload == Workload::RandomIds || row.tx == next, "{row:?}");
                next += 1;
            }
        }
    }
}

#[test]
fn references_mostly_name_an_earlier_deposit_of_the_client() {
    for workload in REGULAR {
        let mut deposits = BTreeMap::new();
        let (mut right, mut wrong) = (0, 0);
        for row in transactions(&Plan::new(workload, 50_000)) {
            if row.kind == Kind::Deposit {
                deposits.insert(row.tx, row.client);
            } else if !row.kind.moves_money() {
                let is_right = deposits.get(&row.tx) == Some(&row.client);
                *if is_right { &mut right } else { &mut wrong } += 1;
            }
        }
        assert!(wrong > 0 && right > 50 * wrong, "{workload}: {right} right, {wrong} wrong");
    }
}

#[test]
fn most_rows_of_a_regular_workload_are_applied() {
    for workload in REGULAR {
        for rows in [1_000, 100_000] {
            let verdicts = verdicts(&Plan::new(workload, rows));
            let applied = verdicts.applied * 1_000 / rows;
            let rejected = verdicts.rejected;
            assert!(applied >= 950, "{workload}, {rows} rows: {applied} ‰, {rejected:?}");
        }
    }
}

#[test]
fn the_hot_client_has_nine_rows_in_ten_and_is_never_locked() {
    let plan = Plan::new(Workload::OneHotClient, 50_000);
    let rows = transactions(&plan);
    let share = per_mille(&rows, |row| row.client == 1);
    assert!((880..=910).contains(&share), "{share} ‰");
    assert!(!verdicts(&plan).is_locked(1));
}

#[test]
fn every_reason_for_not_applying_a_row_occurs_among_nasty_ones() {
    let plan = Plan::new(Workload::Nasty, 200_000);
    let verdicts = verdicts(&plan);
    for reason in Malformation::ALL {
        assert!(verdicts.malformed.contains_key(&reason), "{reason}");
    }
    for reason in [
        Rejection::DuplicateTx,
        Rejection::AccountLocked,
        Rejection::UnknownTx,
        Rejection::NotDisputable,
        Rejection::AlreadyDisputed,
        Rejection::NotDisputed,
        Rejection::InsufficientFunds,
    ] {
        assert!(verdicts.rejected.contains_key(&reason), "{reason}");
    }
}

#[test]
fn about_one_nasty_row_in_ten_is_not_applied() {
    for rows in [10_000, 200_000] {
        let verdicts = verdicts(&Plan::new(Workload::Nasty, rows));
        let lost = 1_000 - verdicts.applied * 1_000 / rows;
        let Verdicts { rejected, malformed, .. } = verdicts;
        assert!((80..=120).contains(&lost), "{lost} ‰ of {rows}: {rejected:?}, {malformed:?}");
    }
}

#[test]
fn nasty_files_hold_blank_lines_crlf_and_one_row_at_either_side_of_the_limit() {
    let file = file(&Plan::new(Workload::Nasty, 10_000));
    let lines: Vec<&[u8]> = file.split_inclusive(|&byte| byte == b'\n').collect();
    assert!(lines.len() > 10_001);
    assert!(lines.iter().any(|line| line.ends_with(b"\r\n")));
    let has_length =
        |length| lines.iter().filter(|line| line.trim_ascii_end().len() == length).count() == 1;
    assert!(has_length(MAX_ROW_BYTES) && has_length(MAX_ROW_BYTES + 1));
    assert_eq!(rows(&file).len(), 10_000);
}
