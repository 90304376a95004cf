//! The fuzzing program: libFuzzer with the target that `PEERGLASS_FUZZ_TARGET` names. `cargo xtask fuzz` builds and runs it.
#![no_main]

use std::process::exit;
use std::sync::OnceLock;

use peerglass_fuzz::frugal::Frugal;

#[global_allocator]
static ALLOCATOR: Frugal = Frugal;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(chosen)(bytes));

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("PEERGLASS_FUZZ_TARGET").unwrap_or_default();
    peerglass_fuzz::find(&name).unwrap_or_else(|| {
        eprintln!("there is no target `{name}`: start this program by `cargo xtask fuzz`");
        exit(2)
    })
}
