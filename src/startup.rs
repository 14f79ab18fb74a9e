//! What this program and its benchmarks do before all else.

/// mimalloc's `mi_option_purge_delay`, which its Rust bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Settings of the process, for a program whose global allocator is mimalloc.
///
/// # Safety
/// No other thread runs yet that could read the environment or allocate meanwhile.
pub unsafe fn prepare() {
    // SAFETY: the caller's promise, and the option takes any number of milliseconds.
    unsafe {
        // Tensors of the same sizes come and go at every step: giving their pages back in between
        // would have the system clear them anew each time.
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 60_000);
        // Candle's own threads wait in busy loops and would take the processors from ours.
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
}
