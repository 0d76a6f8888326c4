//! The model's reader: from bytes to what every row says, a byte at a time.

use millrace::outcome::Malformation;
use millrace::rules::Rules;

use super::Flags;

const LONGEST_ROW_BYTES: usize = 4096;
const LARGEST_AMOUNT: i128 = 9_223_372_036_854_775_807;

/// One input, read.
pub(crate) struct File {
    pub(crate) rows: Vec<Row>,
    pub(crate) blank_lines: u64,
}

/// One row.
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends_with_newline: bool,
    pub(crate) columns: Columns,
    pub(crate) transaction: Result<Transaction, Malformation>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Deposit,
    Withdrawal,
    Dispute,
    Resolve,
    Chargeback,
}

pub(crate) struct Transaction {
    pub(crate) kind: Kind,
    pub(crate) client: u64,
    pub(crate) id: u64,
    /// Units of 1/10 000; 0 for the kinds that have none.
    pub(crate) amount: i128,
    pub(crate) amount_ignored: bool,
}

/// What each of the four columns says, whatever the others say.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) kind: Option<Kind>,
    pub(crate) client: Option<u64>,
    pub(crate) tx: Option<u64>,
    pub(crate) amount: Option<i128>,
}

/// Reads an input; `None` if it is not a transactions CSV.
pub(crate) fn read(bytes: &[u8], rules: &Rules, flags: Flags) -> Option<File> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut header, mut rows, mut blank_lines) = (None, Vec::new(), 0);
    for (line, (bytes, ends_with_newline)) in (1..).zip(lines(bytes)) {
        let blank = trim(&bytes).is_empty() && bytes.len() <= LONGEST_ROW_BYTES;
        match &header {
            _ if blank => blank_lines += 1,
            None => header = Some(Header::read(&bytes, flags)?),
            Some(header) => {
                let (columns, transaction) = header.read_row(&bytes, rules);
                rows.push(Row { line, bytes, ends_with_newline, columns, transaction });
            }
        }
    }
    header.map(|_| File { rows, blank_lines })
}

/// Cuts bytes into lines without their line ends, and tells which end with a newline.
fn lines(bytes: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    for &byte in bytes {
        if byte == b'\n' {
            lines.push((std::mem::take(&mut line), true));
        } else {
            line.push(byte);
        }
    }
    if !line.is_empty() {
        lines.push((line, false));
    }
    for (line, _) in &mut lines {
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    lines
}

/// Takes spaces and tabs off both ends.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Cuts a line into fields; `None` if its quotes are broken.
fn fields(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    enum At {
        Start,
        Plain,
        Quoted,
        AfterQuote,
    }
    let (mut fields, mut field, mut at) = (Vec::new(), Vec::new(), At::Start);
    for &byte in line {
        at = match (at, byte) {
            (At::Start, b'"') => At::Quoted,
            (At::Quoted, b'"') | (At::AfterQuote, b' ' | b'\t') => At::AfterQuote,
            (At::Quoted, _) => {
                field.push(byte);
                At::Quoted
            }
            (_, b',') => {
                fields.push(trim(&field).to_vec());
                field.clear();
                At::Start
            }
            (At::Start, b' ' | b'\t') => At::Start,
            (At::Plain, b'"') | (At::AfterQuote, _) => return None,
            (At::Start | At::Plain, _) => {
                field.push(byte);
                At::Plain
            }
        };
    }
    fields.push(trim(&field).to_vec());
    if matches!(at, At::Quoted) { None } else { Some(fields) }
}

/// The names of the columns, in lower case, and the places of type, client, tx and amount.
struct Header {
    names: Vec<Vec<u8>>,
    places: [usize; 4],
}

impl Header {
    fn read(line: &[u8], flags: Flags) -> Option<Self> {
        if line.len() > LONGEST_ROW_BYTES || line.contains(&0) {
            return None;
        }
        let mut names: Vec<_> = fields(line)?.iter().map(|it| it.to_ascii_lowercase()).collect();
        while names.last().is_some_and(Vec::is_empty) {
            names.pop();
        }
        let mut places = [0; 4];
        for (wanted, place) in ["type", "client", "tx", "amount"].iter().zip(&mut places) {
            let mut found = (0..names.len()).filter(|&at| names[at] == wanted.as_bytes());
            *place = found.next()?;
            if found.next().is_some() {
                return None;
            }
        }
        (names.len() == 4 || flags.ignore_extra_columns).then_some(Self { names, places })
    }

    /// Reads one row: each column for itself, and the transaction or its first fault.
    fn read_row(&self, line: &[u8], rules: &Rules) -> (Columns, Result<Transaction, Malformation>) {
        if line.len() > LONGEST_ROW_BYTES {
            return (Columns::default(), Err(Malformation::RowTooLong));
        }
        let Some(fields) = fields(line) else {
            return (Columns::default(), Err(Malformation::BadQuoting));
        };
        let [kind, client, tx, amount] =
            self.places.map(|place| fields.get(place).map_or(&[][..], Vec::as_slice));
        let ignored = !amount.is_empty();
        let kind = read_kind(kind);
        let (client, tx) = (read_id(client, rules.max_client), read_id(tx, rules.max_tx));
        let amount = match kind {
            Some(Kind::Dispute | Kind::Resolve | Kind::Chargeback) => None,
            _ => Some(read_amount(amount)),
        };
        let transaction = self.check_shape(&fields).and_then(|()| {
            let kind = kind.ok_or(Malformation::UnknownType)?;
            let client = client.ok_or(Malformation::BadClient)?;
            let id = tx.ok_or(Malformation::BadTx)?;
            let amount_ignored = ignored && amount.is_none();
            let amount = amount.unwrap_or(Ok(0))?;
            Ok(Transaction { kind, client, id, amount, amount_ignored })
        });
        let amount = amount.and_then(Result::ok);
        (Columns { kind, client, tx, amount }, transaction)
    }

    fn check_shape(&self, fields: &[Vec<u8>]) -> Result<(), Malformation> {
        if self.places[..3].iter().any(|&place| place >= fields.len()) {
            return Err(Malformation::TooFewFields);
        }
        let width = self.names.len();
        if fields.iter().skip(width).any(|field| !field.is_empty()) {
            return Err(Malformation::TooManyFields);
        }
        let lowered: Vec<_> = fields.iter().take(width).map(|it| it.to_ascii_lowercase()).collect();
        if lowered == self.names { Err(Malformation::HeaderRow) } else { Ok(()) }
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::Dispute => "dispute",
            Self::Resolve => "resolve",
            Self::Chargeback => "chargeback",
        }
    }
}

fn read_kind(text: &[u8]) -> Option<Kind> {
    match text {
        b"deposit" => Some(Kind::Deposit),
        b"withdrawal" => Some(Kind::Withdrawal),
        b"dispute" => Some(Kind::Dispute),
        b"resolve" => Some(Kind::Resolve),
        b"chargeback" => Some(Kind::Chargeback),
        _ => None,
    }
}

fn read_id(text: &[u8], largest: u64) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit) && !text.is_empty();
    digits.then(|| number(text)).and_then(|it| u64::try_from(it).ok()).filter(|&it| it <= largest)
}

/// Reads the amount of a deposit or withdrawal, in units of 1/10 000.
fn read_amount(text: &[u8]) -> Result<i128, Malformation> {
    if text.is_empty() {
        return Err(Malformation::MissingAmount);
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = unsigned.split(|&byte| byte == b'.');
    let (whole, decimals) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let digits = [whole, decimals].concat();
    if parts.next().is_some() || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformation::BadAmount);
    }
    if unsigned.len() < text.len() {
        return Err(Malformation::NegativeAmount);
    }
    if number(&digits) == 0 {
        return Err(Malformation::ZeroAmount);
    }
    if number(decimals.get(4..).unwrap_or_default()) > 0 {
        return Err(Malformation::TooPrecise);
    }
    let mut four = decimals.to_vec();
    four.resize(4, b'0');
    let units = number(&[whole, &four].concat());
    if units > LARGEST_AMOUNT { Err(Malformation::AmountTooLarge) } else { Ok(units) }
}

/// Gives the value of digits; one that is far beyond every limit stays there.
fn number(digits: &[u8]) -> i128 {
    digits.iter().fold(0_i128, |value, digit| {
        value.saturating_mul(10).saturating_add(i128::from(digit - b'0'))
    })
}
