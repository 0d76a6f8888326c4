//! The table of rows: what each means, in every spelling that bad inputs and odd ones take.

use super::*;

/// What a row must become.
pub(super) type Expected = Result<Transaction, Malformation>;

pub(super) fn deposit(client: u64, tx: u64, units: u64) -> Expected {
    Ok(Transaction::deposit(client, tx, Amount::from_units(units).unwrap()))
}

pub(super) fn withdrawal(client: u64, tx: u64, units: u64) -> Expected {
    Ok(Transaction::withdrawal(client, tx, Amount::from_units(units).unwrap()))
}

pub(super) fn dispute(client: u64, tx: u64) -> Expected {
    Ok(Transaction::dispute(client, tx))
}

/// Blanks, quotes, and how many fields there are.
fn shapes() -> Vec<(&'static [u8], Expected)> {
    vec![
        (b"deposit,1,2,1.5", deposit(1, 2, 15_000)),
        (b"withdrawal,1,2,1.5", withdrawal(1, 2, 15_000)),
        (b"dispute,1,2,", dispute(1, 2)),
        (b"resolve,1,2,", Ok(Transaction::resolve(1, 2))),
        (b"chargeback,1,2,", Ok(Transaction::chargeback(1, 2))),
        (b" deposit\t,  1,2 , \t1.5\t", deposit(1, 2, 15_000)),
        (b"deposit,1,2,1.5 ", deposit(1, 2, 15_000)),
        (b"deposit,1 ,2,1.5", deposit(1, 2, 15_000)),
        (b"dispute,1,2", dispute(1, 2)),
        (b"dispute,1,2 ", dispute(1, 2)),
        (b"dispute,1,2, \t", dispute(1, 2)),
        (b"dispute,1,2,\"\"", dispute(1, 2)),
        (b"dispute,1,2,5", dispute(1, 2)),
        (b"dispute,1,2,-x", dispute(1, 2)),
        (b"deposit,1", Err(M::TooFewFields)),
        (b"deposit", Err(M::TooFewFields)),
        (b"dispute,1", Err(M::TooFewFields)),
        (b"x", Err(M::TooFewFields)),
        (b"\0", Err(M::TooFewFields)),
        (b"type,client", Err(M::TooFewFields)),
        (b"deposit,1,2,1.5,x", Err(M::TooManyFields)),
        (b"dispute,1,2,,5", Err(M::TooManyFields)),
        (b"deposit,1,2,1.5,\" \",0", Err(M::TooManyFields)),
        (b"type,client,tx,amount,x", Err(M::TooManyFields)),
        (b"deposit,1,2,1,000.00", Err(M::TooManyFields)),
        (b"deposit,1,2,1.5,", deposit(1, 2, 15_000)),
        (b"deposit,1,2,1.5,, ,\"\"", deposit(1, 2, 15_000)),
        (b"dispute,1,2,,", dispute(1, 2)),
        (b"\"deposit\",\"1\",\"2\",\"1.5\"", deposit(1, 2, 15_000)),
        (b" \"deposit\" ,\" 1\t\",\"2\",\t\"1.5\"", deposit(1, 2, 15_000)),
        (b"deposit,1,2,\"1,000.00\"", Err(M::BadAmount)),
        (b"deposit,\"1,0\",2,1", Err(M::BadClient)),
        (b"\"deposit,1,2,1.5", Err(M::BadQuoting)),
        (b"deposit,1,2,\"1.5", Err(M::BadQuoting)),
        (b"deposit,1,2,1.5\"", Err(M::BadQuoting)),
        (b"deposit,1,2,\"1\"\"5\"", Err(M::BadQuoting)),
        (b"deposit,1,\"2\"3,1", Err(M::BadQuoting)),
        (b"depo\"sit,1,2,1", Err(M::BadQuoting)),
        (b"x,\"", Err(M::BadQuoting)),
        (b"deposit,1,2,1.5\0", Err(M::BadAmount)),
        (b"deposit,1,2\0,1.5", Err(M::BadTx)),
        (b"deposit\0,1,2,1.5", Err(M::UnknownType)),
        (b"deposit,\xff,2,1.5", Err(M::BadClient)),
        (b"deposit,1,2,\xc3\x28", Err(M::BadAmount)),
        (b"d\xe9posit,1,2,1", Err(M::UnknownType)),
        (b"deposit,1,2,\xef\xbc\x91", Err(M::BadAmount)),
        (b"deposit,\xd9\xa1,2,1", Err(M::BadClient)),
        (b"deposit,1,2,\xe2\x80\xae1", Err(M::BadAmount)),
        (b"deposit,1,2,\x1b[31m1", Err(M::BadAmount)),
        (b"deposit,1,2,\xc2\xa01", Err(M::BadAmount)),
        (b"=cmd|' /C calc'!A0,1,2,1", Err(M::UnknownType)),
        (b"deposit,1,2,=1+1", Err(M::BadAmount)),
        (b",,,", Err(M::UnknownType)),
        (b",,", Err(M::UnknownType)),
        (b",", Err(M::TooFewFields)),
        (b"\"\"", Err(M::TooFewFields)),
        (b"type,client,tx,amount", Err(M::HeaderRow)),
        (b" TYPE,\"client\",Tx,amount,", Err(M::HeaderRow)),
        (b"client,type,tx,amount", Err(M::UnknownType)),
        (b"type,client,tx", Err(M::UnknownType)),
    ]
}

/// Types and ids.
fn names() -> Vec<(&'static [u8], Expected)> {
    vec![
        (b"refund,1,2,1", Err(M::UnknownType)),
        (b",1,2,1", Err(M::UnknownType)),
        (b"Deposit,1,2,1", Err(M::UnknownType)),
        (b"DEPOSIT,1,2,1", Err(M::UnknownType)),
        (b"Dispute,1,2,", Err(M::UnknownType)),
        (b"withdraw,1,2,1", Err(M::UnknownType)),
        (b"withdrawals,1,2,1", Err(M::UnknownType)),
        (b"deposi,1,2,1", Err(M::UnknownType)),
        (b"deposits,1,2,1", Err(M::UnknownType)),
        (b"chargebacks,1,2,", Err(M::UnknownType)),
        (b"charge,1,2,", Err(M::UnknownType)),
        (b"chargeback ,1,2,", Ok(Transaction::chargeback(1, 2))),
        (b"deposit,65536,2,1", deposit(65_536, 2, 10_000)),
        (b"deposit,4294967296,2,1", deposit(4_294_967_296, 2, 10_000)),
        (b"deposit,18446744073709551615,2,1", deposit(u64::MAX, 2, 10_000)),
        (b"deposit,18446744073709551616,2,1", Err(M::BadClient)),
        (b"deposit,99999999999999999999,2,1", Err(M::BadClient)),
        (b"deposit,-1,2,1", Err(M::BadClient)),
        (b"deposit,+1,2,1", Err(M::BadClient)),
        (b"deposit,007,08,1", deposit(7, 8, 10_000)),
        (b"deposit,0000000000000000000000007,8,1", deposit(7, 8, 10_000)),
        (b"deposit,1,00000000,1", deposit(1, 0, 10_000)),
        (b"deposit,0,2,1", deposit(0, 2, 10_000)),
        (b"dispute,0,0,", dispute(0, 0)),
        (b"deposit,1,0,1", deposit(1, 0, 10_000)),
        (b"deposit,1,18446744073709551615,1", deposit(1, u64::MAX, 10_000)),
        (b"dispute,18446744073709551615,18446744073709551615", dispute(u64::MAX, u64::MAX)),
        (b"deposit,1,18446744073709551616,1", Err(M::BadTx)),
        (b"dispute,1,18446744073709551616,", Err(M::BadTx)),
        (b"deposit,1.0,2,1", Err(M::BadClient)),
        (b"deposit,0x10,2,1", Err(M::BadClient)),
        (b"deposit,1_000,2,1", Err(M::BadClient)),
        (b"deposit,1e3,2,1", Err(M::BadClient)),
        (b"deposit,1 0,2,1", Err(M::BadClient)),
        (b"deposit,1,2.0,1", Err(M::BadTx)),
        (b"deposit,1,0x2,1", Err(M::BadTx)),
        (b"deposit,1,2_0,1", Err(M::BadTx)),
        (b"deposit,1,2e3,1", Err(M::BadTx)),
        (b"deposit,1,-2,1", Err(M::BadTx)),
        (b"deposit,1,+2,1", Err(M::BadTx)),
        (b"deposit,,2,1", Err(M::BadClient)),
        (b"deposit,1,,1", Err(M::BadTx)),
        (b"dispute,,2", Err(M::BadClient)),
        (b"dispute,1,", Err(M::BadTx)),
        (b"deposit,111111111111111111111,2,1", Err(M::BadClient)),
        (b"deposit,1,111111111111111111111,1", Err(M::BadTx)),
        (b"deposit,12345678,123456789,1", deposit(12_345_678, 123_456_789, 10_000)),
        (b"refund,x,y,z", Err(M::UnknownType)),
        (b"deposit,x,y,z", Err(M::BadClient)),
        (b"deposit,1,y,z", Err(M::BadTx)),
    ]
}

/// Amounts of a deposit of client 1 with id 2.
fn amounts() -> Vec<(&'static str, Result<u64, Malformation>)> {
    vec![
        ("1", Ok(10_000)),
        ("1.5", Ok(15_000)),
        ("1.0000", Ok(10_000)),
        ("1.2345", Ok(12_345)),
        ("12345678", Ok(123_456_780_000)),
        ("123456789.1", Ok(1_234_567_891_000)),
        ("0.0001", Ok(1)),
        (".5", Ok(5_000)),
        ("5.", Ok(50_000)),
        (".", Err(M::BadAmount)),
        ("0.00005", Err(M::TooPrecise)),
        ("1.00001", Err(M::TooPrecise)),
        ("1.00000", Ok(10_000)),
        ("1.0000000000000000000000", Ok(10_000)),
        ("0", Err(M::ZeroAmount)),
        ("0.0000", Err(M::ZeroAmount)),
        (".0", Err(M::ZeroAmount)),
        ("0.000000", Err(M::ZeroAmount)),
        ("-1", Err(M::NegativeAmount)),
        ("-0", Err(M::NegativeAmount)),
        ("-.5", Err(M::NegativeAmount)),
        ("-", Err(M::BadAmount)),
        ("+1", Err(M::BadAmount)),
        ("1e3", Err(M::BadAmount)),
        ("1E3", Err(M::BadAmount)),
        ("nan", Err(M::BadAmount)),
        ("inf", Err(M::BadAmount)),
        ("$1", Err(M::BadAmount)),
        ("1 USD", Err(M::BadAmount)),
        ("1 000", Err(M::BadAmount)),
        ("1_000", Err(M::BadAmount)),
        ("1'000", Err(M::BadAmount)),
        ("1.2.3", Err(M::BadAmount)),
        ("0x1", Err(M::BadAmount)),
        ("1.5x", Err(M::BadAmount)),
        ("1.x", Err(M::BadAmount)),
        ("999999999999999999999999999999", Err(M::AmountTooLarge)),
        ("922337203685477.5807", Ok(u64::MAX >> 1)),
        ("922337203685477.58070", Ok(u64::MAX >> 1)),
        ("00000000922337203685477.5807", Ok(u64::MAX >> 1)),
        ("922337203685477.5808", Err(M::AmountTooLarge)),
        ("922337203685478", Err(M::AmountTooLarge)),
        ("1844674407370955.1616", Err(M::AmountTooLarge)),
        ("18446744073709551616", Err(M::AmountTooLarge)),
        ("18446744073709551617.0001", Err(M::AmountTooLarge)),
        ("", Err(M::MissingAmount)),
        (" ", Err(M::MissingAmount)),
        ("\"\"", Err(M::MissingAmount)),
    ]
}

/// The whole table.
pub(super) fn table() -> Vec<(Vec<u8>, Expected)> {
    let given = shapes().into_iter().chain(names()).map(|(row, it)| (row.to_vec(), it));
    let mut table: Vec<_> = given.collect();
    for (text, expected) in amounts() {
        let row = format!("deposit,1,2,{text}").into_bytes();
        table.push((row, expected.and_then(|units| deposit(1, 2, units))));
        let row = format!("withdrawal,1,2,{text}").into_bytes();
        table.push((row, expected.and_then(|units| withdrawal(1, 2, units))));
    }
    table.push((b"deposit,1,2".to_vec(), Err(M::MissingAmount)));
    let zeros = |count: usize| format!("deposit,1,2,{}1", "0".repeat(count)).into_bytes();
    table.push((zeros(500), deposit(1, 2, 10_000)));
    table.push((zeros(MAX_ROW_BYTES - 13), deposit(1, 2, 10_000)));
    table.push((zeros(MAX_ROW_BYTES - 12), Err(M::RowTooLong)));
    let blanks = |count: usize| format!("deposit,1,2,1{}", " ".repeat(count)).into_bytes();
    table.push((blanks(MAX_ROW_BYTES - 13), deposit(1, 2, 10_000)));
    table.push((blanks(MAX_ROW_BYTES - 12), Err(M::RowTooLong)));
    table.push((vec![b' '; MAX_ROW_BYTES + 1], Err(M::RowTooLong)));
    table.push((vec![b'"'; MAX_ROW_BYTES + 1], Err(M::RowTooLong)));
    table.push((vec![0; 10 * MAX_ROW_BYTES], Err(M::RowTooLong)));
    table
}
