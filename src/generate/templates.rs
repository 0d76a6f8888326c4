//! Rows that a careless or hostile sender writes, as templates: which reason each one meets, and
//! which odd spellings are legal. The marks are those of [`super::spelling`].

use crate::outcome::Malformation;

/// Rows that are no transactions, and the reason for each. A row that is too long is made elsewhere.
pub(super) const MALFORMED: &[(Malformation, &[u8])] = {
    use Malformation::{
        AmountTooLarge, BadAmount, BadClient, BadQuoting, BadTx, HeaderRow, MissingAmount,
        NegativeAmount, TooFewFields, TooManyFields, TooPrecise, UnknownType, ZeroAmount,
    };
    &[
        (BadQuoting, b"deposit,@c,@t,\"@a"),
        (BadQuoting, b"deposit,\"@c,@t,@a"),
        (BadQuoting, b"withdrawal,@c,@t,@a\""),
        (BadQuoting, b"deposit,@c,\"@t\"\"\",@a"),
        (BadQuoting, b"\"dep\"osit,@c,@t,@a"),
        (BadQuoting, b"dispute,@c,@t,5\" disk"),
        (TooFewFields, b"deposit"),
        (TooFewFields, b"withdrawal,@c"),
        (TooFewFields, b"dispute,@c"),
        (TooFewFields, b"deposit;@c;@t;@a"),
        (TooFewFields, b"deposit\t@c\t@t\t@a"),
        (TooFewFields, b"\0\0\0\0\0\0\0\0"),
        (TooFewFields, b"<<<<<<< HEAD"),
        (TooManyFields, b"deposit,@c,@t,@a,x"),
        (TooManyFields, b"deposit,@c,@t,1,234.56"),
        (TooManyFields, b"withdrawal,@c,@t,12,50"),
        (TooManyFields, b"dispute,@c,@t,,,see letter"),
        (HeaderRow, b"type,client,tx,amount"),
        (HeaderRow, b"\"Type\", CLIENT ,tx,Amount"),
        (UnknownType, b"refund,@c,@t,@a"),
        (UnknownType, b"Deposit,@c,@t,@a"),
        (UnknownType, b"WITHDRAWAL,@c,@t,@a"),
        (UnknownType, b"withdraw,@c,@t,@a"),
        (UnknownType, b"charge back,@c,@t,"),
        (UnknownType, b",@c,@t,@a"),
        (UnknownType, b",,,"),
        (UnknownType, b"depo\0sit,@c,@t,@a"),
        (UnknownType, b"\xff\xfedeposit,@c,@t,@a"),
        (UnknownType, b"d\xe9p\xf4t,@c,@t,@a"),
        (UnknownType, b"\xef\xbb\xbfdeposit,@c,@t,@a"),
        (UnknownType, b"\xe2\x80\xaetisoped,@c,@t,@a"),
        (UnknownType, b"\x1b[31mdeposit,@c,@t,@a"),
        (UnknownType, b"=cmd|' /C calc'!A0,@c,@t,@a"),
        (UnknownType, b"#deposit,@c,@t,@a"),
        (BadClient, b"deposit,,@t,@a"),
        (BadClient, b"deposit,-@c,@t,@a"),
        (BadClient, b"deposit,+@c,@t,@a"),
        (BadClient, b"withdrawal,@c.0,@t,@a"),
        (BadClient, b"deposit,0x@c,@t,@a"),
        (BadClient, b"deposit,1_000,@t,@a"),
        (BadClient, b"deposit,\"1,000\",@t,@a"),
        (BadClient, b"deposit,1e3,@t,@a"),
        (BadClient, b"deposit,18446744073709551616,@t,@a"),
        (BadClient, b"dispute,999999999999999999999,@t,"),
        (BadClient, b"deposit,\xd9\xa1\xd9\xa2,@t,@a"),
        (BadClient, b"deposit,@c\0,@t,@a"),
        (BadClient, b"deposit,@c @c,@t,@a"),
        (BadClient, b"withdrawal,=HYPERLINK(A1),@t,@a"),
        (BadTx, b"deposit,@c,,@a"),
        (BadTx, b"deposit,@c,-@t,@a"),
        (BadTx, b"deposit,@c,+@t,@a"),
        (BadTx, b"dispute,@c,tx@t,"),
        (BadTx, b"resolve,@c,@t.0,"),
        (BadTx, b"chargeback,@c,,"),
        (BadTx, b"deposit,@c,18446744073709551616,@a"),
        (BadTx, b"withdrawal,@c,@t\xc2\xa0,@a"),
        (BadTx, b"deposit,@c,-2+3+cmd|' /C calc'!A0,@a"),
        (MissingAmount, b"deposit,@c,@t"),
        (MissingAmount, b"deposit,@c,@t,"),
        (MissingAmount, b"withdrawal,@c,@t,\"\""),
        (MissingAmount, b"withdrawal,@c,@t, \t"),
        (BadAmount, b"deposit,@c,@t,1e3"),
        (BadAmount, b"deposit,@c,@t,nan"),
        (BadAmount, b"deposit,@c,@t,inf"),
        (BadAmount, b"deposit,@c,@t,+@a"),
        (BadAmount, b"withdrawal,@c,@t,$@a"),
        (BadAmount, b"withdrawal,@c,@t,@a USD"),
        (BadAmount, b"deposit,@c,@t,\"1,000.00\""),
        (BadAmount, b"deposit,@c,@t,1.000.000"),
        (BadAmount, b"deposit,@c,@t,."),
        (BadAmount, b"deposit,@c,@t,-"),
        (BadAmount, b"deposit,@c,@t,@a\0"),
        (BadAmount, b"deposit,@c,@t,\xe2\x88\x925"),
        (BadAmount, b"withdrawal,@c,@t,\xc3\x28"),
        (BadAmount, b"deposit,@c,@t,=SUM(A1:A9)"),
        (NegativeAmount, b"deposit,@c,@t,-@a"),
        (NegativeAmount, b"withdrawal,@c,@t,-@a"),
        (NegativeAmount, b"deposit,@c,@t,-0"),
        (ZeroAmount, b"deposit,@c,@t,0"),
        (ZeroAmount, b"withdrawal,@c,@t,0.0000"),
        (TooPrecise, b"deposit,@c,@t,0.00005"),
        (TooPrecise, b"withdrawal,@c,@t,@a00001"),
        (AmountTooLarge, b"deposit,@c,@t,922337203685477.5808"),
        (AmountTooLarge, b"deposit,@c,@t,9223372036854775807"),
        (AmountTooLarge, b"withdrawal,@c,@t,123456789012345678901234567890"),
    ]
};

/// Odd but legal spellings of a deposit or withdrawal.
pub(super) const ODD_MONEY: &[&[u8]] = &[
    b"\"@k\",\"@c\",\"@t\",\"@a\"",
    b"@k,@c,@t,\" @a \"",
    b" @k , @c , @t , @a ",
    b"\t@k,@c,\t@t,@a\t",
    b"@k, @c, @t, @a",
    b"\" @k\" ,@c,@t,@a",
    b"@k,000@c,@t,@a",
    b"@k,@c,0000000000000000000000@t,@a",
    b"@k,@c,@t,00@a",
    b"@k,@c,@t,@a0000",
    b"@k,@c,@t,@a,",
    b"@k,@c,@t,@a,, ,\"\"",
    b"@k,@c,@t,5.",
    b"@k,@c,@t,.5",
    b"@k,@c,@t,7",
    b"@k,@c,@t,0.0001",
];

/// Odd but legal spellings of a dispute, resolve or chargeback.
pub(super) const ODD_REFERENCES: &[&[u8]] = &[
    b"@k,@c,@t",
    b"@k,@c,@t,,",
    b"@k,@c,@t,@a",
    b"@k,@c,@t,n/a",
    b"\"@k\",\"@c\",\"@t\",\"\"",
    b"\"@k\",\"@c\",\"@t\"",
    b" @k , @c , @t , ",
    b"@k,0@c,00@t,",
];

/// Lines that are no rows.
pub(super) const BLANKS: &[&[u8]] = &[b"\n", b"\r\n", b" \n", b"\t \r\n"];

#[cfg(test)]
mod tests {
    use super::super::spelling::append_template;
    use super::*;
    use crate::amount::Amount;
    use crate::parser::{Layout, is_blank, parse_row};
    use crate::transaction::Transaction;

    fn read(template: &[u8], transaction: Transaction) -> Result<Transaction, Malformation> {
        let mut row = Vec::new();
        append_template(&mut row, template, &transaction.into());
        parse_row(&row, &Layout::default())
    }

    #[test]
    fn every_template_meets_its_reason() {
        let deposit = Transaction::deposit(7, 12, "1.5".parse().unwrap());
        for &(reason, template) in MALFORMED {
            assert_eq!(read(template, deposit), Err(reason), "{}", template.escape_ascii());
        }
    }

    #[test]
    fn every_reason_has_a_template_but_length() {
        for reason in Malformation::ALL {
            let has_template = MALFORMED.iter().any(|(met, _)| *met == reason);
            assert_eq!(has_template, reason != Malformation::RowTooLong, "{reason}");
        }
    }

    #[test]
    fn odd_spellings_mean_what_plain_ones_mean() {
        let deposit = Transaction::deposit(7, 12, "1.5".parse().unwrap());
        for template in ODD_MONEY {
            let read = read(template, deposit).unwrap();
            assert!(read.amount >= Some(Amount::MIN));
            assert_eq!(Transaction { amount: deposit.amount, ..read }, deposit);
        }
        let dispute = Transaction::dispute(7, 12);
        for template in ODD_REFERENCES {
            assert_eq!(read(template, dispute), Ok(dispute), "{}", template.escape_ascii());
        }
        assert!(BLANKS.iter().all(|line| is_blank(line.trim_ascii_end())));
    }
}
