//! Where text is appended to: a vector, or a line of known largest length.

/// Bytes that grow at their end.
pub(crate) trait Text {
    fn len(&self) -> usize;
    fn push(&mut self, byte: u8);
    fn extend_from_slice(&mut self, text: &[u8]);
    fn truncate(&mut self, length: usize);

    /// Appends the first `length` bytes of a text. All of it is copied, since the size of the copy is
    /// known to the compiler then; what is too much does not count.
    fn put<const N: usize>(&mut self, text: &[u8; N], length: usize);
}

impl Text for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    fn extend_from_slice(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }

    fn truncate(&mut self, length: usize) {
        self.truncate(length);
    }

    #[inline]
    fn put<const N: usize>(&mut self, text: &[u8; N], length: usize) {
        let end = self.len() + length;
        self.extend_from_slice(text);
        self.truncate(end);
    }
}
