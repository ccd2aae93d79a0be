//! Benchmarks against the real binary, out of process and over HTTP.
//!
//! `cargo bench -p kiket` builds the release binary and runs them all; a name as the
//! argument runs one. Each prints the machine, the disk and the durability it ran with.

mod check;
mod machine;
mod server;
mod w1;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("{}", machine::describe());
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    if is_wanted("check") {
        runtime.block_on(check::run());
    }
    if is_wanted("w1") {
        runtime.block_on(w1::run());
    }
}
