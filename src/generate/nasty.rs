//! The nasty workload: the usual story, with rows among it that must not be applied and rows that
//! must be although they look odd.

use super::pool::Pool;
use super::random::Random;
use super::spelling::{append_plain, append_template};
use super::story::{Draft, Story};
use super::templates::{BLANKS, MALFORMED, ODD_MONEY, ODD_REFERENCES};
use crate::amount::Amount;
use crate::parser::MAX_ROW_BYTES;
use crate::transaction::{Kind, Transaction};

/// Rows in a thousand that are malformed. Together with the refused ones, and with those that the
/// story itself makes impossible, about a hundred are not applied.
const MALFORMED_PER_MILLE: u64 = 40;

/// Rows in a thousand that a rule refuses.
const REFUSED_PER_MILLE: u64 = 30;

/// Rows in a thousand that are spelled oddly.
const ODD_PER_MILLE: u64 = 80;

/// One line in so many is blank.
const BLANK_ONCE_IN: u64 = 200;

/// One line in so many ends with CR and LF.
const CRLF_ONCE_IN: u64 = 50;

/// One row in so many is as long as a row may be, another one longer by a byte. More of them would
/// be most of the file.
const LONG_ONCE_IN: u64 = 100_000;

/// The place of the longest row within [`LONG_ONCE_IN`] rows.
const LONGEST_AT: u64 = 4_999;

/// The place of the row that is too long within [`LONG_ONCE_IN`] rows.
const TOO_LONG_AT: u64 = 9_999;

/// Withdrawals, and deposits charged back, that rows to come can refer to.
const RECENT: Pool<(u64, u64)> = Pool::new(1 << 10, 1);

/// A story with rows among it that are not told plainly.
#[derive(Clone, Debug)]
pub(super) struct Nasty {
    story: Story,
    /// The number of the next row, from 0.
    row: u64,
    /// Client and id of some withdrawals.
    withdrawals: Pool<(u64, u64)>,
    /// Client and id of some deposits that were charged back.
    charged_back: Pool<(u64, u64)>,
}

impl Nasty {
    pub(super) fn new(story: Story) -> Self {
        Self { story, row: 0, withdrawals: RECENT, charged_back: RECENT }
    }

    /// Appends the next row with its line end, and perhaps a blank line before it.
    pub(super) fn append_row(&mut self, out: &mut Vec<u8>) {
        if self.story.random.once_in(BLANK_ONCE_IN) {
            out.extend_from_slice(self.story.random.one_of(BLANKS));
        }
        match self.row % LONG_ONCE_IN {
            LONGEST_AT => self.append_long(out, MAX_ROW_BYTES),
            TOO_LONG_AT => self.append_long(out, MAX_ROW_BYTES + 1),
            _ => self.append_short(out),
        }
        self.row += 1;
        let is_crlf = self.story.random.once_in(CRLF_ONCE_IN);
        out.extend_from_slice(if is_crlf { b"\r\n" } else { b"\n" });
    }

    fn append_short(&mut self, out: &mut Vec<u8>) {
        const REFUSED_FROM: u64 = MALFORMED_PER_MILLE;
        const ODD_FROM: u64 = REFUSED_FROM + REFUSED_PER_MILLE;
        const PLAIN_FROM: u64 = ODD_FROM + ODD_PER_MILLE;
        match self.story.random.below(1_000) {
            0..REFUSED_FROM => {
                let (_, template) = self.story.random.one_of(MALFORMED);
                append_template(out, template, &self.draft_in_vain());
            }
            REFUSED_FROM..ODD_FROM => {
                let draft = self.draft_refused().unwrap_or_else(|| self.next_draft());
                append_plain(out, &draft);
            }
            ODD_FROM..PLAIN_FROM => {
                let draft = self.next_draft();
                let has_money = draft.transaction.kind.moves_money();
                let templates = if has_money { ODD_MONEY } else { ODD_REFERENCES };
                append_template(out, self.story.random.one_of(templates), &draft);
            }
            _ => append_plain(out, &self.next_draft()),
        }
    }

    /// Appends a deposit of `length_bytes`, most of them leading zeros.
    fn append_long(&mut self, out: &mut Vec<u8>, length_bytes: usize) {
        let draft = self.draft_in_vain();
        let start = out.len();
        append_template(out, b"@k,@c,@t,", &draft);
        out.resize(start + length_bytes - 1, b'0');
        out.push(b'1');
    }

    /// Drafts a deposit with the id that the next row will have as well, since a malformed row
    /// consumes none.
    fn draft_in_vain(&mut self) -> Draft {
        let (client, tx) = (self.story.any_client(), self.story.next_id());
        self.story.draft_with_id(Kind::Deposit, client, tx, 1_000_000)
    }

    /// Continues the story and remembers what refused rows can refer to.
    fn next_draft(&mut self) -> Draft {
        let draft = self.story.next_draft();
        let Transaction { client, tx, kind, .. } = draft.transaction;
        match kind {
            Kind::Withdrawal => self.withdrawals.put((client, tx), &mut self.story.random),
            Kind::Chargeback => self.charged_back.put((client, tx), &mut self.story.random),
            Kind::Deposit | Kind::Dispute | Kind::Resolve => {}
        }
        draft
    }

    /// Drafts a row that a rule refuses; `None` if what it would refer to has not happened yet.
    fn draft_refused(&mut self) -> Option<Draft> {
        let story = &mut self.story;
        Some(match story.random.below(10) {
            // A duplicate, sent again or by another client.
            0 => {
                let earlier = story.any_deposit()?;
                story.draft_with_id(Kind::Deposit, earlier.client, earlier.tx, 1_000_000)
            }
            1 => {
                let earlier = story.any_deposit()?;
                let client = story.other_client(earlier.client);
                story.draft_with_id(Kind::Withdrawal, client, earlier.tx, 1_000_000)
            }
            // More than is available.
            2 => {
                let client = story.any_client();
                let draft = story.draft_money(Kind::Withdrawal, client, 1);
                Transaction { amount: Some(Amount::MAX), ..draft.transaction }.into()
            }
            // An unknown transaction: of another client, or not there yet.
            3 => {
                let earlier = story.any_deposit()?;
                Transaction::dispute(story.other_client(earlier.client), earlier.tx).into()
            }
            4 => Transaction::dispute(story.any_client(), story.later_id()).into(),
            // A withdrawal.
            5 => refer_to(self.withdrawals.pick(&mut story.random)?, &mut story.random),
            // A dispute of what is under dispute, a settlement of what is not.
            6 => {
                let open = story.any_open_dispute()?;
                Transaction::dispute(open.client, open.tx).into()
            }
            7 => {
                let earlier = story.any_deposit()?;
                let kind = story.random.one_of(&[Kind::Resolve, Kind::Chargeback]);
                refer(kind, earlier.client, earlier.tx)
            }
            // A deposit to a locked account, and a deposit that was charged back.
            8 => {
                let (client, _) = self.charged_back.pick(&mut story.random)?;
                story.draft_money(Kind::Deposit, client, 1_000_000)
            }
            _ => refer_to(self.charged_back.pick(&mut story.random)?, &mut story.random),
        })
    }
}

/// Drafts a dispute, resolve or chargeback of a transaction.
fn refer_to((client, tx): (u64, u64), random: &mut Random) -> Draft {
    let kind = random.one_of(&[Kind::Dispute, Kind::Resolve, Kind::Chargeback]);
    refer(kind, client, tx)
}

fn refer(kind: Kind, client: u64, tx: u64) -> Draft {
    Transaction { client, tx, amount: None, kind }.into()
}
