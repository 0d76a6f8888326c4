//! Large tables in huge pages: where rows jump about in tens of megabytes, half of what a look-up
//! waits for is the way from an address to its page.
//!
//! It is a wish, and only Linux hears it; what is computed is the same without.
#![expect(unsafe_code, reason = "the call takes an address and can be had no other way")]
#![cfg_attr(not(target_os = "linux"), allow(unfulfilled_lint_expectations, reason = "see above"))]

use std::hint::black_box;

/// Makes an empty vector with room for `most` elements, or else for `least`, in huge pages if that is
/// much. Room takes no memory before it is used; where the system does not give it away so freely, the
/// vector is one that grows as any other.
pub(crate) fn room_for<T>(least: usize, most: usize) -> Vec<T> {
    let mut vector = Vec::new();
    if vector.try_reserve_exact(most).or_else(|_| vector.try_reserve_exact(least)).is_ok() {
        wish_for(&mut vector);
    }
    vector
}

/// Tells whether the system gives away room for so many elements.
pub(crate) fn has_room_for<T>(elements: usize) -> bool {
    let mut vector = Vec::<T>::new();
    // Or the compiler would see that nobody needs it.
    black_box(&mut vector).try_reserve_exact(elements).is_ok()
}

/// Asks for huge pages for all that a vector has room for, if that is much. Best asked before the
/// room is used.
#[cfg(target_os = "linux")]
pub(crate) fn wish_for<T>(vector: &mut Vec<T>) {
    use rustix::mm::{Advice, madvise};
    use rustix::param::page_size;

    /// Less than this, in bytes, is not worth it.
    const LARGE: usize = 2 << 20;

    let bytes = vector.capacity() * size_of::<T>();
    if bytes < LARGE {
        return;
    }
    let start = vector.as_mut_ptr().cast::<u8>();
    // Whole pages, those at the ends included: an allocator that maps large blocks can then grow
    // them as one piece of address space.
    let before = start.addr() % page_size();
    let length = (before + bytes).next_multiple_of(page_size());
    // SAFETY: every page has bytes of the vector, so all are mapped, and the advice changes no byte
    // of them. That it is not taken is no error.
    let _ = unsafe { madvise(start.wrapping_sub(before).cast(), length, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn wish_for<T>(_: &mut Vec<T>) {}
