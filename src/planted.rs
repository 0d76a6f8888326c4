//! Planted bugs, to prove that the comparison with the model finds them (`tests/planted.rs`).
//!
//! Each stands where such a bug would be made: `planted!(Name)` in a condition. It is `false`, and
//! leaves nothing behind, unless the crate is built with `--cfg planted`; then it is true while that
//! fault is switched on. Read the code around it as if it were not there.
//!
//! It comes first in its condition wherever it can: what is left of `x && true` can change what the
//! compiler inlines, what is left of `true && x` does not.

#[cfg(not(planted))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

#[cfg(planted)]
macro_rules! planted {
    ($fault:ident) => {
        $crate::planted::Fault::$fault.is_on()
    };
}

#[cfg(planted)]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Fault;

    /// The place of the fault that is switched on; beyond all of them where none is.
    static ON: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Switches one fault on and all others off, for the whole process.
    pub fn plant(fault: Option<Fault>) {
        // Relaxed: whoever plants does so while no run is under way.
        ON.store(fault.map_or(usize::MAX, Fault::place), Ordering::Relaxed);
    }

    impl Fault {
        #[inline]
        pub(crate) fn is_on(self) -> bool {
            ON.load(Ordering::Relaxed) == self.place()
        }

        #[expect(clippy::as_conversions, reason = "the place of a variant")]
        const fn place(self) -> usize {
            self as usize
        }
    }
}

#[cfg(planted)]
pub use switch::plant;

#[cfg(planted)]
macro_rules! faults {
    ($($name:ident: $what:literal,)+) => {
        /// A fault that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $(#[doc = $what] $name,)+
        }

        impl Fault {
            /// Every fault, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Says what the engine does while the fault is switched on.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => $what),+ }
            }
        }
    };
}

#[cfg(planted)]
faults! {
    // Rules.
    DisputeAfterChargeback: "a transaction that was charged back is disputed again",
    WithdrawalsDisputable: "a withdrawal is disputed",
    ResolvedForGood: "what was resolved cannot be disputed again by default",
    ResolveTwice: "what was resolved is resolved again",
    DisputeOfAllRefused: "a dispute of all that is available counts as overdrawn",
    WithdrawalOfAllRefused: "a withdrawal of all that is available is refused",
    WithdrawalOfOneMore: "one unit more than is available is withdrawn",
    HeldSubtracted: "a dispute takes from what is held",
    ResolveKeepsMoney: "a resolve gives nothing back",
    ChargebackTakesAvailable: "a chargeback takes from what is available",
    ChargebackLocksNot: "a chargeback does not lock",
    LockedTakesDeposits: "a frozen account takes deposits",
    LockedRefusesDisputes: "a locked account refuses disputes whatever the rules",
    RefusedFreesId: "a refused withdrawal does not consume its id",
    GapRemembersNext: "a refused deposit is remembered as the next one",
    DisputeByAnother: "a client disputes another's deposit",
    DisputeOpensAccount: "a dispute opens an account",
    ChargebackUncounted: "the control total leaves chargebacks out",
    WithdrawalUncounted: "the control total leaves withdrawals out",
    // Ids and accounts.
    DuplicatesApplied: "a row with a used id is applied",
    PerClientIdsGlobal: "ids per client are taken for global ones",
    PageForgetsIds: "ids are forgotten when their page becomes a full one",
    LastOfPageForgotten: "the last id of a full page is forgotten",
    WordForgotten: "ids are forgotten when a row has one from another word",
    FarIdsMerged: "ids far apart share one page",
    FarEntryLost: "a hash table loses what is in it when it grows where it stands",
    NumberForgotten: "a named id gets a new number when its page becomes a full one",
    PlacesStartAnew: "the places of a shard start anew when their table grows",
    TableLosesLast: "the table of accounts loses its last entry when it grows",
    HeldShared: "all accounts hold their disputed money in one place",
    FarClientsUnsorted: "clients beyond the table come in the order of their hashes",
    ClientsAsText: "clients are sorted as text",
    // Fields and rows.
    ExcessZerosRefused: "more than four decimals are refused even if they are zeros",
    FifthDecimalCut: "the fast path cuts a fifth decimal off",
    LargestPlusOne: "one unit more than the largest amount is taken for it",
    PointFirst: "an amount that starts with its point is a whole number",
    NegativeZero: "-0 is zero rather than negative",
    LongAmountCut: "the fast path reads eight digits of a longer amount",
    MaxClientRefused: "the largest client is refused",
    MaxTxExceeded: "the fast path takes one id beyond the largest",
    HeaderRowUnknown: "a repeated header is an unknown type",
    EmptySurplusRefused: "an empty surplus field is one too many",
    AmountRequired: "a row that ends before its amount has too few fields",
    TextAfterQuote: "what follows a closing quote is ignored",
    LongestRowRefused: "a row of just 4 KiB is too long",
    LongBlankSkipped: "a blank line beyond 4 KiB is skipped",
    BlanksAreARow: "a line of spaces counts as a row",
    AmountUncounted: "the amount of a dispute is ignored and not counted",
    // Inputs and blocks.
    LastRowDropped: "a last row without newline is dropped",
    CutRowApplied: "a last row without newline is applied in spite of --strict",
    HeaderIsARow: "rows start at the header",
    EdgeRowDropped: "the row after a block of just the size aimed at is dropped",
    EdgeRowTwice: "the last row of a block of just the size aimed at is read twice",
    CarriedByteLost: "a single byte carried over to the next block is lost",
    FullRunLosesLast: "a full run of plain rows loses its last",
    ThirdInputSkipped: "the third input is skipped",
    TailLost: "the last bytes of a compressed input are lost",
    ScoutMissesQuotes: "the scout overlooks rows with quotes",
    ScoutMissesLast: "the scout overlooks a last row without newline",
    ScoutMissesCrlf: "the scout overlooks rows that end in CRLF",
    // Workers.
    RoutedById: "rows go to the worker of their id",
    NoteOnNext: "what is noted of a row is taken for one of the row after it",
    LastDuplicateApplied: "the last duplicate of a partition is applied",
    RowsSwapped: "the first two rows of a partition change places",
    BatchesSwapped: "two batches in a queue change places",
    LastBatchKept: "the last batch of the last worker is not sent",
    CountedAsUnknown: "a second dispute is counted as one of nothing",
    // Outputs.
    LineAfterCrlf: "the line of a reject after CRLF is one too large",
    LineAfterBlank: "blank lines before the header are not counted as lines",
    LinesRunOn: "the lines of a second input go on from the first",
    RejectsUnsorted: "rejects of a block stand in the order of whoever refused them",
    FormulaUnmarked: "a reject that starts like a formula is not marked",
    NegativeFraction: "-0.5 is written as 0.5",
    LargeFraction: "a balance beyond 64 bits loses its decimals",
    EmptyAccountDropped: "an account without money is not written",
}
