//! Runs a property under libFuzzer, which looks for inputs that reach new code. Never returns: the
//! process ends with the time that it was given, or with the first input that fails.
#![expect(unsafe_code, reason = "libFuzzer is C++")]

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};

// Brings libFuzzer into the binary.
use libfuzzer_sys as _;

use crate::{Choices, MAX_BYTES};

type Property = Box<dyn Fn(&mut Choices<'_>)>;

thread_local! {
    static PROPERTY: RefCell<Option<Property>> = const { RefCell::new(None) };
}

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        argc: *mut c_int,
        argv: *mut *mut *mut c_char,
        one_input: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

/// A panic in here ends the process, and libFuzzer keeps the input.
extern "C" fn one_input(data: *const u8, size: usize) -> c_int {
    let bytes = match size {
        0 => &[],
        // SAFETY: libFuzzer gives `size` bytes at `data` for the length of the call.
        _ => unsafe { std::slice::from_raw_parts(data, size) },
    };
    PROPERTY.with_borrow(|property| {
        if let Some(property) = property {
            property(&mut Choices::new(bytes));
        }
    });
    0
}

/// What the crate `libfuzzer-sys` calls where it provides the program's entry. Here it does not.
#[unsafe(no_mangle)]
#[expect(improper_ctypes_definitions, reason = "the other side is Rust, too")]
extern "C" fn rust_fuzzer_test_input(_: &[u8]) -> c_int {
    0
}

/// Runs a property until `FUZZ_ARGUMENTS`, libFuzzer's own arguments, say that it is enough.
pub fn fuzz(property: impl Fn(&mut Choices<'_>) + 'static) {
    PROPERTY.set(Some(Box::new(property)));
    let given = std::env::var("FUZZ_ARGUMENTS").unwrap_or_default();
    let max_len = format!("-max_len={MAX_BYTES}");
    let all = ["fuzz", &max_len].into_iter().chain(given.split_whitespace());
    let all: Vec<CString> = all.filter_map(|it| CString::new(it).ok()).collect();
    let mut pointers: Vec<*mut c_char> = all.iter().map(|it| it.as_ptr().cast_mut()).collect();
    let mut count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
    pointers.push(std::ptr::null_mut());
    let mut first = pointers.as_mut_ptr();
    // SAFETY: `first` leads to `count` texts and a null at the end, and all live until the end.
    unsafe { LLVMFuzzerRunDriver(&raw mut count, &raw mut first, one_input) };
}
