#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| webhook_operator::fuzzing::run("delivery_url", data));
