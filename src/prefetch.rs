//! A hint to the processor: something will be read or written soon, fetch it now.
//!
//! Unlike a read, it does not keep the instructions behind it waiting. It is only a hint: what is
//! computed is the same without it, as on machines that it is not written for.
#![expect(unsafe_code, reason = "the instructions take an address and can be had no other way")]
#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(unfulfilled_lint_expectations, reason = "no instruction")
)]

/// Fetches the line of cache in which `value` starts.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a reference; a prefetch reads and changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Fetches the line of cache in which the element of a place starts, whether or not there is such a
/// place: nothing is compared.
#[inline]
pub(crate) fn prefetch_at<T>(slice: &[T], place: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = slice.as_ptr().wrapping_add(place);
        // SAFETY: a prefetch may be given any address, and reads and changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, place);
}

/// Fetches the line of cache in which the element of a place starts, to be written, whether or not
/// there is such a place: it is taken from a core that has it, as a store would, which does not wait.
#[inline]
pub(crate) fn prefetch_for_writing_at<T>(slice: &[T], place: usize) {
    // Processors with AVX have the instruction, or pass over it; those before may not.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if std::arch::is_x86_feature_detected!("avx") {
        let address = slice.as_ptr().wrapping_add(place);
        // SAFETY: a prefetch may be given any address, and reads and changes nothing.
        unsafe {
            std::arch::asm!(
                "prefetchw [{}]",
                in(reg) address,
                options(nostack, preserves_flags, readonly),
            );
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (slice, place);
}
