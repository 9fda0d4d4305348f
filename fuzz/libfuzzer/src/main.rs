//! libFuzzer over one target, named by the environment variable `SEKISHO_FUZZ_TARGET`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fuzz_target!(|bytes: &[u8]| {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("SEKISHO_FUZZ_TARGET").expect("SEKISHO_FUZZ_TARGET");
        sekisho_fuzz::target(&name).expect("a target of sekisho-fuzz")
    })(bytes);
});
