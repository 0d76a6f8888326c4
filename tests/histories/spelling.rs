//! How rows are written down: layouts, line ends, quotes, blanks, zeros, and rows that are spoiled.

use super::{Dice, Flags, Meaning};

const BAD_TYPES: [&str; 7] = ["", "Deposit", "DISPUTE", "withdraw", "refund", "=cmd", "deposit\0"];
const BAD_IDS: [&str; 10] = [
    "",
    "-1",
    "+1",
    "1.0",
    "0x1",
    "1e3",
    "1 2",
    "18446744073709551616",
    "99999999999999999999",
    "111111111111111111111",
];
const BAD_AMOUNTS: [&str; 20] = [
    "",
    ".",
    "-",
    "+1",
    "1e3",
    "nan",
    "1.2.3",
    "$1",
    "1;5",
    "-1",
    "-0",
    "-0.00001",
    "0",
    "0.0000",
    "0.00005",
    "1.00001",
    "99999999999999999999.00001",
    "922337203685477.5808",
    "1000000000000000",
    "999999999999999999999999999999",
];
const BLANK_LINES: [&str; 4] = ["", " ", "\t", " \t "];
const STRAY_BYTES: [u8; 8] = [0, 0xff, 0x1b, b'\r', b';', b'"', b'\\', b' '];
const LONGEST_ROW_BYTES: usize = 4096;

/// The habits of whoever wrote an input.
pub(crate) struct Spelling {
    columns: Vec<&'static str>,
    line_ends: &'static [&'static str],
    /// One field in this many is spelled in an unusual way.
    odd_one_in: u64,
    /// One row in this many is spoiled.
    spoiled_one_in: u64,
    /// One line in this many is blank.
    blank_one_in: u64,
}

impl Spelling {
    pub(crate) fn new(dice: &mut Dice, flags: Flags) -> Self {
        const RARELY: u64 = 1 << 20;
        let mut columns = vec!["type", "client", "tx", "amount"];
        if flags.ignore_extra_columns && dice.one_in(2) {
            columns.extend(["memo", "branch"]);
        }
        if dice.one_in(4) {
            dice.shuffle(&mut columns);
        }
        Self {
            columns,
            line_ends: dice.pick(&[&["\n"][..], &["\n"], &["\r\n"], &["\n", "\r\n"]]),
            odd_one_in: dice.pick(&[RARELY, 20, 3]),
            spoiled_one_in: dice.pick(&[RARELY, 20, 4]),
            blank_one_in: dice.pick(&[RARELY, 16]),
        }
    }

    /// Writes an input: a header and these rows.
    pub(crate) fn write(&self, dice: &mut Dice, rows: &[Meaning]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if dice.one_in(8) {
            bytes.extend(b"\xef\xbb\xbf");
        }
        self.write_blank_lines(dice, &mut bytes);
        bytes.extend(self.header(dice).as_bytes());
        let mut last_row_at = bytes.len();
        for meaning in rows {
            bytes.extend(dice.pick(self.line_ends).as_bytes());
            self.write_blank_lines(dice, &mut bytes);
            last_row_at = bytes.len();
            bytes.extend(self.row(dice, meaning));
        }
        match dice.below(4) {
            0 => {}
            1 => {
                let cut = dice.place(4);
                bytes.truncate(last_row_at.max(bytes.len() - cut));
            }
            _ => {
                bytes.extend(dice.pick(self.line_ends).as_bytes());
                self.write_blank_lines(dice, &mut bytes);
                if dice.one_in(16) {
                    // A blank line, too, may lack its newline.
                    bytes.extend(dice.pick(&["\r", " ", "\t\r"]).as_bytes());
                }
            }
        }
        bytes
    }

    fn write_blank_lines(&self, dice: &mut Dice, bytes: &mut Vec<u8>) {
        while dice.one_in(self.blank_one_in) {
            bytes.extend(dice.pick(&BLANK_LINES).as_bytes());
            bytes.extend(dice.pick(self.line_ends).as_bytes());
        }
    }

    fn header(&self, dice: &mut Dice) -> String {
        let mut names: Vec<_> = self
            .columns
            .iter()
            .map(|name| {
                let name = if self.is_odd(dice) { name.to_uppercase() } else { (*name).to_owned() };
                self.dress(dice, &name)
            })
            .collect();
        if self.is_odd(dice) {
            names.push(String::new());
        }
        names.join(",")
    }

    fn row(&self, dice: &mut Dice, meaning: &Meaning) -> Vec<u8> {
        let mut texts = self.texts(dice, meaning);
        if dice.one_in(self.spoiled_one_in) {
            let (place, choices) = match dice.below(10) {
                0 => (0, &BAD_TYPES[..]),
                1 => (1, &BAD_IDS[..]),
                2 => (2, &BAD_IDS[..]),
                3..=5 => (3, &BAD_AMOUNTS[..]),
                6 => return self.header(dice).into_bytes(),
                _ => {
                    let line = self.line(dice, &texts);
                    return misshape(dice, line.into_bytes());
                }
            };
            texts[place] = String::from(dice.pick(choices));
        }
        self.line(dice, &texts).into_bytes()
    }

    /// Spells type, client, tx and amount.
    fn texts(&self, dice: &mut Dice, meaning: &Meaning) -> [String; 4] {
        let mut id = |id: u64| {
            let zeros = if self.is_odd(dice) { dice.pick(&[1, 2, 7, 8, 20]) } else { 0 };
            "0".repeat(zeros) + &id.to_string()
        };
        let (client, tx) = (id(meaning.client), id(meaning.tx));
        let amount = match meaning.amount {
            Some(units) => self.amount(dice, units),
            None if self.is_odd(dice) => dice.pick(&["1", "2.5", "-1", "what"]).to_owned(),
            None => String::new(),
        };
        [meaning.kind.to_owned(), client, tx, amount]
    }

    fn amount(&self, dice: &mut Dice, units: i128) -> String {
        let (whole, decimals) = ((units / 10_000).to_string(), format!("{:04}", units % 10_000));
        let short = decimals.trim_end_matches('0');
        if !self.is_odd(dice) {
            return match dice.below(3) {
                0 => format!("{whole}.{decimals}"),
                _ if short.is_empty() => whole,
                _ => format!("{whole}.{short}"),
            };
        }
        match dice.below(4) {
            0 => format!("{whole}.{decimals}{}", "0".repeat(1 + dice.place(9))),
            1 => format!("{}{whole}.{decimals}", "0".repeat(1 + dice.place(20))),
            _ if whole == "0" => format!(".{short}"),
            _ => format!("{whole}.{short}"),
        }
    }

    /// Puts the texts of a row into the order of the columns.
    fn line(&self, dice: &mut Dice, texts: &[String; 4]) -> String {
        let mut fields = Vec::new();
        for name in &self.columns {
            let text = match *name {
                "type" => &texts[0],
                "client" => &texts[1],
                "tx" => &texts[2],
                "amount" => &texts[3],
                _ => dice.pick(&["", "note", "\"a, b\"", "7"]),
            };
            fields.push(self.dress(dice, text));
        }
        // What is empty at the end may be left out; what is too much may be there if it is empty.
        while fields.last().is_some_and(String::is_empty) && dice.one_in(2) {
            fields.pop();
        }
        while self.is_odd(dice) {
            fields.push(dice.pick(&["", " ", "\"\""]).to_owned());
        }
        fields.join(",")
    }

    /// Puts blanks and quotes round a field.
    fn dress(&self, dice: &mut Dice, text: &str) -> String {
        if !self.is_odd(dice) {
            return text.to_owned();
        }
        let mut blanks = || dice.pick(&["", " ", "\t", "  "]);
        let (left, right, inner) = (blanks(), blanks(), blanks());
        if text.contains('"') || dice.one_in(2) {
            format!("{left}{text}{right}")
        } else {
            format!("{left}\"{inner}{text}{inner}\"{right}")
        }
    }

    fn is_odd(&self, dice: &mut Dice) -> bool {
        dice.one_in(self.odd_one_in)
    }
}

/// Spoils a line as a whole.
fn misshape(dice: &mut Dice, mut line: Vec<u8>) -> Vec<u8> {
    match dice.below(16) {
        0 => {
            if dice.one_in(4) {
                line.clear();
            }
            line.resize(LONGEST_ROW_BYTES + dice.place(2), b' ');
        }
        1..=4 => line.truncate(dice.place(line.len())),
        5..=7 => line.extend(dice.pick(&[",x", ",,0", ",\"", "\"", ",\"7\"", "\r"]).bytes()),
        _ => {
            let place = dice.place(line.len() + 1);
            line.insert(place, dice.pick(&STRAY_BYTES));
        }
    }
    line
}
