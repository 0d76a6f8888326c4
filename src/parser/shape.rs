//! What plain rows look like: the bytes in them that are no digits, and the digits between these.
//!
//! Tables for a reader that branches on nothing in a row (`avx512`).

use super::fast::{self, index};
use crate::transaction::Kind;

/// Bytes in which four fields of at most eight digits have room.
pub(super) const WINDOW: usize = 32;

/// The byte that stands for what follows the last field instead.
const BEHIND: usize = 24;

/// A type as its row starts.
#[derive(Clone, Copy)]
#[repr(align(128))]
pub(super) struct Head {
    /// For the eight bytes of each field of a window: which byte that is no digit ends the field,
    /// and which ends the field before; in one of them, the same for what follows the last.
    pub(super) ends: [u8; WINDOW],
    pub(super) before: [u8; WINDOW],
    /// The bits that tell shapes apart, in the second eight bytes that are no digits.
    pub(super) telling: u64,
    /// The place of the comma behind the type.
    pub(super) comma: u32,
    /// Where the shapes of the type start.
    shapes: usize,
    pub(super) kind: Kind,
}

/// The types by the slot that the first bytes of a row lead to.
pub(super) static HEADS: [Head; 8] = {
    let mut heads = [Head::new(fast::TABLE[0], 0); 8];
    let mut slot = 1;
    while slot < heads.len() {
        heads[slot] = Head::new(fast::TABLE[slot], slot);
        slot += 1;
    }
    heads
};

impl Head {
    const fn new(spelling: fast::Spelling, slot: usize) -> Self {
        let fast::Spelling { length, kind, .. } = spelling;
        let (mut ends, mut before, mut at) = ([0; WINDOW], [0; WINDOW], 0);
        while at < WINDOW {
            ends[at] = narrow(index(length) + at / 8);
            before[at] = ends[at] - 1;
            at += 1;
        }
        // Decimals do not need all of their eight bytes.
        ends[BEHIND] += 1;
        before[BEHIND] += 1;
        // What follows the type stands three bytes further behind a long one.
        let telling = TELLING << (8 * (length - 8));
        Self { ends, before, telling, comma: length - 1, shapes: slot * TOLD, kind }
    }
}

/// Five bits by which the bytes that are no digits are told apart, of the second byte behind the
/// type, the third and the fourth: a comma, a point, CR or LF.
const TELLING: u64 = 0x0121_2100;
/// What these five bits can tell.
const TOLD: usize = 32;

/// What a plain row looks like.
#[derive(Clone, Copy)]
#[repr(align(128))]
pub(super) struct Shape {
    /// For each field: the digits in it and one, at least, and how many more there may be; the same
    /// for what follows the last, in one byte.
    pub(super) least_gaps: [u8; WINDOW],
    pub(super) more_gaps: [u8; WINDOW],
    /// All ones for the fields that there are.
    pub(super) fields: [u8; WINDOW],
    /// The first bytes that are no digits, and all ones for those that must be so.
    pub(super) signs: [u8; 16],
    pub(super) signs_mask: [u8; 16],
}

/// The shapes by type and by what the bits tell.
pub(super) static SHAPES: [Shape; 8 * TOLD] = {
    let (mut shapes, mut slot) = ([Shape::NONE; 8 * TOLD], 0);
    while slot < 8 {
        let spelling = fast::TABLE[slot];
        let mut end = 0;
        while end < 2 {
            let [decimals, whole, short]: [&[u8]; 3] = if end == 0 {
                [b",,.\n", b",,\n", b",\n"]
            } else {
                [b",,.\r\n", b",,\r\n", b",\r\n"]
            };
            // LF follows CR at once.
            let next = if end == 0 { NO_FIELD } else { EMPTY };
            if spelling.kind.moves_money() {
                let fields = [ID, ID, ID, DECIMALS, next];
                shapes = put(shapes, slot, Shape::new(spelling, decimals, fields));
                let fields = [ID, ID, ID, next, NO_FIELD];
                shapes = put(shapes, slot, Shape::new(spelling, whole, fields));
            } else {
                let fields = [ID, ID, EMPTY, next, NO_FIELD];
                shapes = put(shapes, slot, Shape::new(spelling, whole, fields));
                let fields = [ID, ID, next, NO_FIELD, NO_FIELD];
                shapes = put(shapes, slot, Shape::new(spelling, short, fields));
            }
            end += 1;
        }
        slot += 1;
    }
    shapes
};

/// A field: its digits and one, at least; how many more; and all ones if it counts.
type Field = (u8, u8, u8);

/// One digit to eight: an id, or the whole of an amount.
const ID: Field = (2, 7, 0xff);
/// One digit to four.
const DECIMALS: Field = (2, 3, 0xff);
/// Nothing between two commas, or between CR and LF.
const EMPTY: Field = (1, 0, 0);
/// Behind the end of the row.
const NO_FIELD: Field = (0, 0xff, 0);

impl Shape {
    /// No row looks like that: a digit is none of the bytes that are no digits.
    const NONE: Self = Self {
        least_gaps: [0; WINDOW],
        more_gaps: [0; WINDOW],
        fields: [0; WINDOW],
        signs: [b'0'; 16],
        signs_mask: [0xff; 16],
    };

    const fn new(spelling: fast::Spelling, signs: &[u8], fields: [Field; 5]) -> Self {
        let mut shape = Self { signs_mask: [0; 16], ..Self::NONE };
        let name = spelling.kind.name().as_bytes();
        let mut at = 0;
        while at < name.len() + 1 + signs.len() {
            shape.signs[at] = if at < name.len() {
                name[at]
            } else if at == name.len() {
                b','
            } else {
                signs[at - name.len() - 1]
            };
            shape.signs_mask[at] = 0xff;
            at += 1;
        }
        let mut at = 0;
        while at < WINDOW {
            (shape.least_gaps[at], shape.more_gaps[at], shape.fields[at]) = fields[at / 8];
            at += 1;
        }
        (shape.least_gaps[BEHIND], shape.more_gaps[BEHIND], _) = fields[4];
        shape
    }

    /// Tells whether rows of this shape have these bits, as far as they are given.
    const fn has(&self, spelling: fast::Spelling, told: usize) -> bool {
        let (mut bit, mut told) = (0, told);
        while bit < 64 {
            if TELLING >> bit & 1 == 1 {
                let at = index(spelling.length) + bit / 8;
                if self.signs_mask[at] != 0 && self.signs[at] >> (bit % 8) & 1 != narrow(told & 1) {
                    return false;
                }
                told >>= 1;
            }
            bit += 1;
        }
        true
    }
}

/// Puts a shape wherever its bits lead, whatever follows it.
const fn put(mut shapes: [Shape; 8 * TOLD], slot: usize, shape: Shape) -> [Shape; 8 * TOLD] {
    let mut told = 0;
    while told < TOLD {
        if shape.has(fast::TABLE[slot], told) {
            let at = slot * TOLD + told;
            assert!(shapes[at].signs[0] == Shape::NONE.signs[0], "no two shapes lead to one place");
            shapes[at] = shape;
        }
        told += 1;
    }
    shapes
}

/// The place of a shape, by the bits told.
#[inline]
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "five bits")]
pub(super) fn place(head: &Head, told: u64) -> usize {
    (head.shapes | told as usize) & (8 * TOLD - 1)
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "small constants")]
const fn narrow(place: usize) -> u8 {
    place as u8
}
